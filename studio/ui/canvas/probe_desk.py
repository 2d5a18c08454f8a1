"""Which wires are probed, on which sample, and what was seen there last."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from studio.engine import protocol as p
from studio.graph.edits import SetSurgery
from studio.graph.graph import BLOCK, End
from studio.graph.project import Project
from studio.graph.surgery import Action, Intervention, feeding, has_place
from studio.graph.topology import name_path
from studio.session import events as e
from studio.session.probing import Probing, Seen
from studio.session.session import Session
from studio.ui.canvas.knowledge import Sight

#: Cards beyond this hide the canvas; a further one takes the place of the oldest.
MOST_PINS = 4
#: The least time between two looks while a run goes on, and the share of the run that they may take.
FOLLOW_S, SHARE = 0.5, 0.02


@dataclass(frozen=True)
class Pin:
    """An output port of a sheet, seen in a network at a prefix of id paths."""

    network: str
    where: str
    prefix: str
    end: End

    @classmethod
    def of(cls, sight: Sight, end: End) -> Pin:
        """Return the pin of a port on a sheet."""
        return cls(sight.network, sight.where, sight.prefix, end)

    def is_on(self, sight: Sight) -> bool:
        """Tell whether the sheet that is shown is the pin's."""
        return (sight.network, sight.where, sight.prefix) == (self.network, self.where, self.prefix)

    def name(self, project: Project) -> str:
        """Return the place as in the code: `res1.conv1`; its port where it is not the usual one."""
        name = name_path(project, self.network, self.prefix + self.end.node)
        return name if self.end.port == "out" else f"{name}.{self.end.port}"

    def spot(self, project: Project) -> p.Spot | None:
        """Return what is looked at: the port that computes what the wire carries; None without one."""
        try:
            graph = project.sheet(self.where).graph
        except KeyError:
            return None
        if not graph.out_of(self.end.node, self.end.port):
            return None
        found = feeding(graph, self.end)
        path = self.prefix + found.node if found else ""
        if found is None or not has_place(project, self.network, path):
            return None
        return p.Spot(path, found.port)


class ProbeDesk(QObject):
    """Holds the pins, asks for what flows there, and changes the surgery.

    `pinned` follows every change of the pins, `seen` every answer and every refusal.
    """

    pinned = Signal()
    seen = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._probing = Probing(session)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self._looked = 0.0
        self._due = False
        self.pins: list[Pin] = []
        self.channels: dict[Pin, int | None] = {}
        self.sample = 0
        #: Nobody sees the canvas: nothing is asked until somebody does.
        self.awake = True
        self.answer: Seen | None = None
        self.trouble = ""
        self._spots: dict[Pin, p.Spot] = {}

    # ----------------------------------------------------------------------------------------- pins

    def pin(self, made: Pin) -> str:
        """Look at an output port from now on; tells why where that cannot be."""
        project = self._session.document.project
        if made.where.startswith(BLOCK) and not made.prefix:
            return "Open this block by one of its instances: only there something flows."
        if made.network != "main":
            return f"Samples flow through the network main only, not through {made.network}."
        if made.spot(project) is None:
            return (
                f"No wire leads away from {made.name(project)}, so nothing flows there. "
                "Connect it first."
            )
        if made not in self.pins:
            for old in self.pins[: max(0, len(self.pins) - MOST_PINS + 1)]:
                self._drop(old)
            self.pins.append(made)
            self.channels[made] = None
            self.pinned.emit()
            self.look()
        return ""

    def unpin(self, pin: Pin) -> None:
        """Look there no more."""
        if pin in self.pins:
            self._drop(pin)
            self.pinned.emit()

    def _drop(self, pin: Pin) -> None:
        self.pins.remove(pin)
        self.channels.pop(pin, None)
        self._spots.pop(pin, None)

    def settle(self) -> list[str]:
        """Close the pins whose wire is gone; return the sentences to say so."""
        project = self._session.document.project
        gone = [pin for pin in self.pins if pin.spot(project) is None]
        words = []
        for pin in gone:
            words.append(f"The probe of {pin.name(project)} is closed: its wire is gone.")
            self._drop(pin)
        if gone:
            self.pinned.emit()
        return words

    def wire(self, pin: Pin) -> p.Wire | None:
        """Return what was seen at a pin last, or None before that."""
        spot = self._spots.get(pin)
        found = self.answer.answer.wires if self.answer else ()
        return next((one for one in found if one.spot == spot), None)

    # ------------------------------------------------------------------------------- what is chosen

    @property
    def count(self) -> int:
        """How many validation samples there are, as far as is known."""
        facts = self._session.facts
        return facts.data.validation if facts is not None and facts.data is not None else 0

    def choose(self, sample: int) -> None:
        """Look at another validation sample."""
        if self.count:
            sample = min(max(0, sample), self.count - 1)
        if sample != self.sample and sample >= 0:
            self.sample = sample
            self.look()

    def choose_channel(self, pin: Pin, channel: int | None) -> None:
        """Look at one channel, or at all of them."""
        if self.channels.get(pin) != channel:
            self.channels[pin] = channel
            self.look()

    # -------------------------------------------------------------------------------------- looking

    @property
    def wanted(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.pins or self._session.document.project.surgery)

    def look(self) -> None:
        """Look anew, once for all that changes before control returns to the window."""
        self._due = True
        if self.wanted and self.awake:
            self._timer.start(0)

    def wake(self, awake: bool) -> None:
        """Say whether anybody sees the canvas; what changed meanwhile is then looked at."""
        self.awake = awake
        if awake and self._due:
            self.look()

    def follow(self) -> None:
        """Look anew because the run went on: seldom enough that training does not notice."""
        if not self.wanted or self._probing.asking or self._timer.isActive():
            return
        pause = max(FOLLOW_S, self._session.snapshot_s / SHARE)
        if self.awake and time.monotonic() - self._looked >= pause:
            self._look()

    def _look(self) -> None:
        self._due = False
        if not self.wanted:
            self.answer = None
            return
        project = self._session.document.project
        self._looked = time.monotonic()
        asked: dict[Pin, p.Spot] = {}
        for pin in self.pins:
            spot = pin.spot(project)
            if spot is not None:
                asked[pin] = p.Spot(spot.path, spot.port, self.channels.get(pin))

        def seen(found: Seen) -> None:
            self.answer, self.trouble, self._spots = found, "", asked
            self._looked = time.monotonic()
            self.seen.emit()

        def refused(message: str) -> None:
            self.trouble = message
            self.seen.emit()

        spots = tuple(dict.fromkeys(asked.values()))
        self._probing.ask(spots, self.sample, seen, refused)

    def on_event(self, event: e.SessionEvent) -> list[str]:
        """Follow the session; return sentences about pins that had to be closed."""
        match event:
            case e.DocumentOpened():
                self.pins.clear()
                self.channels.clear()
                self._spots.clear()
                self.answer, self.sample, self.trouble = None, 0, ""
                self.pinned.emit()
                self.look()
            case e.DocumentChanged():
                words = self.settle()
                self.look()
                return words
            case e.HistoryOpened() | e.TrainingChanged(state="ended"):
                self.look()
            case e.RunEvent(event=p.LayerStats() | p.Progress() | p.CheckpointSaved()):
                self.follow()
            case _:
                pass
        return []

    def close(self) -> None:
        """Want no answer any more."""
        self._timer.stop()
        self._probing.cancel()

    # -------------------------------------------------------------------------------------- surgery

    @property
    def surgery(self) -> tuple[Intervention, ...]:
        """What is changed on the wires."""
        return self._session.document.project.surgery

    def at(self, pin: Pin) -> tuple[Intervention, ...]:
        """Return the surgery at a pin, every channel's."""
        spot = pin.spot(self._session.document.project)
        if spot is None:
            return ()
        place = (pin.network, spot.path, spot.port)
        return tuple(one for one in self.surgery if (one.network, one.path, one.port) == place)

    def operate(self, pin: Pin, action: Action, channel: int | None = None) -> bool:
        """Do something to a wire or a channel of it, with a figure that can be changed afterwards.

        It takes the place of what was done there in the same way.
        """
        project = self._session.document.project
        spot = pin.spot(project)
        if spot is None:
            return False
        wire = self.wire(pin)
        spread = wire.std if wire is not None and wire.std > 0 else 1.0
        amount = {"scale": 0.5, "noise": float(f"{spread:.2g}")}.get(action, 0.0)
        other = (self.sample + 1) % self.count if self.count else self.sample + 1
        made = Intervention(
            pin.network,
            spot.path,
            spot.port,
            channel,
            action,
            amount,
            other if action == "patch" else 0,
        )
        kept = tuple(one for one in self.surgery if not _same_act(one, made))
        name = name_path(project, pin.network, spot.path)
        return self._session.do(SetSurgery((*kept, made), f"Surgery on {name}: {made.text}"))


def _same_act(one: Intervention, other: Intervention) -> bool:
    place = (other.network, other.path, other.port, other.channel, other.action)
    return (one.network, one.path, one.port, one.channel, one.action) == place
