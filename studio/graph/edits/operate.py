"""The edit of wire surgery."""

from __future__ import annotations

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused
from studio.graph.project import Project
from studio.graph.surgery import MOST, Intervention, has_place, trouble
from studio.graph.topology import name_path


class SetSurgery(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Have these interventions and no others, in this order; `verb` says what that is.

    Steps of one `gesture` (a spinning number) make one undo step.
    """

    interventions: tuple[Intervention, ...]
    verb: str = "Change surgery"
    gesture: str = ""

    @property
    def title(self) -> str:
        return self.verb

    @property
    def merge(self) -> str:
        return f"surgery {self.gesture}" if self.gesture else ""

    def apply(self, project: Project) -> Project:
        wanted = tuple(dict.fromkeys(self.interventions))
        if len(wanted) > MOST:
            raise EditRefused(f"A project can hold {MOST} interventions. Remove one first.")
        for one in wanted:
            if wrong := trouble(one):
                raise EditRefused(wrong)
            # What an edit of the graph has left without a place may stay, so that undoing brings it back.
            if one not in project.surgery and not has_place(project, one.network, one.path):
                name = name_path(project, one.network, one.path)
                raise EditRefused(f"{name} is not on {one.network} any more. Choose another wire.")
        return replace(project, surgery=wanted)
