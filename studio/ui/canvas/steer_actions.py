"""The canvas' actions on the run under way: a node's weights kept or set free while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.graph.own_settings import place_of
from studio.session.session import Session
from studio.ui.canvas.commands import Command

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas


def steer_commands(canvas: Canvas, session: Session) -> list[Command]:
    """Return what changes the run under way at the selected node; the document stays as it is."""
    desk = _Desk(canvas, session)
    return [
        Command(
            "freeze_run",
            "Freeze in this run",
            "",
            "Keep these weights from the run's next step on, or let them learn again.",
            "freeze",
            desk.toggle,
            desk.why_not,
        )
    ]


class _Desk:
    def __init__(self, canvas: Canvas, session: Session) -> None:
        self._canvas, self._session = canvas, session

    def toggle(self) -> None:
        """Freeze the node in the run, or set it free where it is frozen."""
        place = self._place()
        self._session.set_live({"node": place, "frozen": not self._frozen(place)})

    def why_not(self) -> str:
        """Return nothing, or why the run cannot be changed here."""
        if self._session.training not in ("running", "paused"):
            return "No run is under way."
        chosen = self._canvas.selection
        if len(chosen) != 1:
            return "Select one node first."
        facts = self._canvas.scene.told.facts.get(chosen[0])
        return "" if facts and facts.parameters else "This node has no weights that learn."

    def _place(self) -> str:
        canvas = self._canvas
        return place_of(canvas.network, canvas.prefix + canvas.selection[0])

    def _frozen(self, place: str) -> bool:
        for change in reversed(self._session.history.changes):
            if change.values.get("node") == place and "frozen" in change.values:
                return bool(change.values["frozen"])
        node = self._canvas.scene.sheet.graph.nodes[self._canvas.selection[0]]
        return "frozen" in node.flags
