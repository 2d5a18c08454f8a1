"""Where nodes go when asked: in line, at even gaps, or laid out anew, gliding there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from PySide6.QtCore import QEasingCurve, QObject, QPointF, QTimer, QVariantAnimation
from PySide6.QtWidgets import QApplication, QStyle

from studio.graph.alignment import Axis, Box, Edge, align, distribute, straighten
from studio.graph.crossings import Cancelled
from studio.graph.edits import MoveNodes
from studio.graph.geometry import snap
from studio.graph.graph import Graph, Link
from studio.graph.layout import arrange
from studio.graph.project import Frame, Place, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.topology import order
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.scene import SheetScene

#: How long nodes take to glide to their new places.
GLIDE_MS = 120
#: Sheets up to this size are laid out at once: they take less time than an eye notices.
AT_ONCE = 60
#: More nodes than this jump: drawing each step would take longer than the glide.
_MOST_GLIDING = 300
_LOOK_MS = 15


class Arranger(QObject):
    """Moves nodes as one undoable step; a large sheet is laid out beside the window, and can be stopped."""

    def __init__(
        self,
        scene: SheetScene,
        editor: Editor,
        say: Callable[[str], None],
        moves: Callable[[], bool],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._scene, self._editor, self._say, self._moves = scene, editor, say, moves
        self._work: LayoutWork | None = None
        self._sheet = Sheet()
        self._shift: tuple[str, ...] = ()
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._on_look)
        self._glide = QVariantAnimation(self)
        self._glide.setDuration(GLIDE_MS)
        self._glide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._glide.setStartValue(0.0)
        self._glide.setEndValue(1.0)
        self._glide.valueChanged.connect(self._on_glide)
        self._glide.finished.connect(self._on_glided)
        self._from: dict[str, QPointF] = {}

    # ------------------------------------------------------------------------------------- in line

    def align(self, edge: Edge) -> None:
        """Put one edge, or the middles, of the selected nodes on a line."""
        self._put(align(self._boxes(), edge), "Align")

    def distribute(self, axis: Axis) -> None:
        """Make the gaps between the selected nodes even."""
        self._put(distribute(self._boxes(), axis), "Distribute")

    def straighten(self) -> None:
        """Put each selected node straight below what feeds it."""
        scene = self._scene
        graph = scene.sheet.graph

        def kink(link: Link) -> float | None:
            spot = scene.nodes[link.target.node].spot(link.target.port, False)
            if spot is None or spot.side:
                return None
            return scene.port_pos(link.target, False).x() - scene.port_pos(link.source, True).x()

        self._put(straighten(graph, self._boxes(), order(graph)[0], kink), "Straighten")

    def _boxes(self) -> dict[str, Box]:
        scene = self._scene
        return {
            key: Box(scene.places[key].x, scene.places[key].y, *scene.nodes[key].face.size)
            for key in scene.selection
        }

    # ------------------------------------------------------------------------------------- layout

    @property
    def busy(self) -> bool:
        """Whether a layout is under way."""
        return self._work is not None

    def tidy(self) -> None:
        """Lay out what is selected, else the whole sheet, anew; asked again meanwhile, stop."""
        if self._work is not None:
            self.cancel()
            self._say("The layout was stopped; nothing has moved.")
            return
        scene = self._scene
        self._sheet = scene.sheet
        chosen = scene.selection if len(scene.selection) > 1 else tuple(scene.nodes)
        if not chosen:
            return
        graph, frames = part_of(self._sheet, chosen)
        self._shift = chosen
        self._work = LayoutWork(graph, dict(self._editor.specs), frames, not scene.told.top)
        if len(chosen) <= AT_ONCE:
            self._work.run()
            self._on_look()
            return
        self._say(f"Laying out {len(chosen)} nodes. Press L again to stop.")
        self._work.start()
        self._look.start()

    def cancel(self) -> None:
        """Stop a layout that is under way; nothing has moved."""
        self._look.stop()
        if self._work is not None:
            self._work.cancel()
            self._work = None

    def _on_look(self) -> None:
        work = self._work
        if work is None or not work.done:
            return
        self._look.stop()
        self._work = None
        self._say("")
        if self._scene.sheet is not self._sheet:
            self._say("The sheet has changed meanwhile, so nothing was moved. Press L again.")
            return
        self._put(_where_it_was(work.places, self._scene.places, self._shift), "Tidy")

    # -------------------------------------------------------------------------------------- gliding

    def _put(self, places: Mapping[str, Place], verb: str) -> None:
        """Give nodes new places and let them glide there from where they are drawn."""
        scene = self._scene
        if scene.told.training:
            return
        changed = {key: at for key, at in places.items() if scene.places.get(key) != at}
        if not changed:
            return
        self.finish()
        before = {key: scene.nodes[key].pos() for key in scene.nodes}
        if not self._editor.do(MoveNodes(self._editor.where, dict(places), verb=verb)):
            return
        if len(changed) > _MOST_GLIDING or not (self._moves() and _desktop_moves()):
            return
        self._from = {
            key: before[key] - item.pos()
            for key, item in scene.nodes.items()
            if key in before and before[key] != item.pos()
        }
        self._on_glide(0.0)
        self._glide.start()

    def _on_glide(self, share: object) -> None:
        left = 1.0 - float(share)  # type: ignore[arg-type]
        gone = self._from.keys() - self._scene.nodes.keys()
        if gone:
            self.finish()
        elif self._from:
            self._scene.preview({key: step * left for key, step in self._from.items()})

    def _on_glided(self) -> None:
        self._from = {}
        self._scene.preview({})

    def finish(self) -> None:
        """Put nodes that glide to their places at once."""
        if self._from:
            self._glide.stop()
            self._on_glided()


class LayoutWork:
    """A layout, done here (`run`) or in a thread (`start`); `done` says when `places` are there."""

    def __init__(
        self,
        graph: Graph,
        specs: Mapping[str, LayerSpec],
        frames: Mapping[str, Frame],
        inside: bool,
    ) -> None:
        self.places: dict[str, Place] = {}
        self.done = False
        self._graph, self._specs, self._frames, self._inside = graph, specs, frames, inside
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self.run, name="layout", daemon=True)

    def start(self) -> None:
        """Begin in a thread."""
        self._thread.start()

    def cancel(self) -> None:
        """Give up; the thread ends at its next look, and its places are for nobody."""
        self._given_up.set()

    def run(self) -> None:
        """Work the places out."""
        try:
            self.places = arrange(
                self._graph,
                self._specs,
                frames=self._frames,
                inside=self._inside,
                cancelled=self._given_up.is_set,
            )
        except Cancelled:
            return
        self.done = not self._given_up.is_set()


def part_of(sheet: Sheet, chosen: tuple[str, ...]) -> tuple[Graph, dict[str, Frame]]:
    """Return the graph of these nodes and the frames that lie wholly among them."""
    inside = set(chosen)
    graph = sheet.graph.without(sheet.graph.nodes.keys() - inside)
    frames = {key: frame for key, frame in sheet.frames.items() if set(frame.nodes) <= inside}
    return graph, frames


def _where_it_was(
    places: Mapping[str, Place], before: Mapping[str, Place], chosen: tuple[str, ...]
) -> dict[str, Place]:
    """Return places moved so that their corner is where that of the nodes was."""
    left = min(before[key].x for key in chosen)
    top = min(before[key].y for key in chosen)
    own_left = min(at.x for at in places.values())
    own_top = min(at.y for at in places.values())
    return {
        key: Place(snap(at.x + left - own_left), snap(at.y + top - own_top))
        for key, at in places.items()
    }


def _desktop_moves() -> bool:
    """Tell whether the person's desktop wants things to move."""
    style = QApplication.style()
    return bool(style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration))
