"""What a run says about the sheet that is shown: previews on nodes, strength on wires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from studio.engine import protocol as p
from studio.session.session import Session
from studio.ui.canvas import knowledge
from studio.ui.canvas.faces import Told
from studio.ui.canvas.knowledge import LiveStore, Sight
from studio.ui.canvas.previews import EVERYTHING, Strength
from studio.ui.canvas.scene import SheetScene


class Living(QObject):
    """Takes in what the shown run tells, and hands the scene what is chosen to be seen of it.

    `chosen` follows every choice; `told` carries the scale of the wires, None while they show none.
    """

    chosen = Signal()
    told = Signal(object)

    def __init__(
        self,
        session: Session,
        scene: SheetScene,
        sight: Callable[[], Sight],
        seen: Callable[[], bool],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._scene = scene
        self._sight = sight
        self._seen = seen
        self._behind = False
        self.store = LiveStore()
        self._building: frozenset[str] = frozenset()
        self._watching = EVERYTHING

    @property
    def previews(self) -> frozenset[str]:
        """What nodes show."""
        return self._scene.told.previews

    @property
    def strength(self) -> bool:
        """Whether wires show how strong their tensors are."""
        return self._scene.told.strength

    @property
    def stale(self) -> bool:
        """Whether what is shown was measured before the graph was edited."""
        return self._scene.told.stale

    @property
    def wanted(self) -> bool:
        """Whether anything of a run is shown."""
        return bool(self.previews) or self.strength

    @property
    def scale(self) -> Strength | None:
        """The scale of the wires, while they show their strength."""
        return self._scene.wires.strength

    def show_previews(self, previews: frozenset[str]) -> None:
        """Choose what nodes show; each of the two modes remembers its own."""
        if self._scene.told.training:
            self._watching = previews
        else:
            self._building = previews
        self._tell(previews=previews)
        self.chosen.emit()

    def show_strength(self, on: bool) -> None:
        """Let wires show how strong their tensors are, or not."""
        self._tell(strength=on)
        self.chosen.emit()

    def set_training(self, training: bool) -> None:
        """Take on what is chosen for watching a run, or for building."""
        previews = self._watching if training else self._building
        self._tell(training=training, previews=previews)
        self.chosen.emit()

    def forget(self) -> None:
        """Forget the run."""
        self.store.clear()

    def take_history(self) -> None:
        """Take in what the shown run has told so far, or had told at the moment that is looked back at;
        the caller tells the scene."""
        self.store.clear()
        shown = self._session.history.shown
        if shown.layers is not None:
            self.store.take(shown.layers)
        if shown.pictures is not None:
            self.store.take(shown.pictures)

    def take(self, event: p.LayerStats | p.Pictures) -> None:
        """Take in what the running job told; show it where anything is chosen and can be seen."""
        paths = self.store.take(event)
        if not self.wanted or not self._seen():
            self._behind = True
            return
        sight = self._sight()
        keys = {key for path in paths if (key := sight.own(path)) is not None}
        self._scene.watch(self._now(self._scene.told), keys)
        self.told.emit(self.scale)

    def catch_up(self) -> None:
        """Show what was told while nobody could see it."""
        if self._behind and self.wanted:
            self._tell()

    def check_edits(self) -> None:
        """Mark what is shown where the graph has been edited since the run, or no longer."""
        stale = self.wanted and self._session.graph_edited_since_run
        if stale != self._scene.told.stale:
            self._tell()
            self.chosen.emit()

    def _tell(self, **changes: object) -> None:
        self._scene.tell(self._now(replace(self._scene.told, **changes)))  # type: ignore[arg-type]
        self._behind = False
        self.told.emit(self.scale)

    def _now(self, told: Told) -> Told:
        """Return what is told together with what the run says at this moment."""
        sight = self._sight()
        return replace(
            told,
            live=knowledge.live_nodes(self.store, sight),
            flows=knowledge.seen_flows(self.store, sight),
            typical=self.store.typical,
            stale=bool(told.previews or told.strength) and self._session.graph_edited_since_run,
        )
