"""Edits of what stands on a sheet beside nodes: notes and frames."""

from __future__ import annotations

from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused, sheet_at
from studio.graph.project import Frame, Note, Project


class SetNote(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Write, move or (with None) remove a note on a sheet."""

    where: str
    key: str
    note: Note | None

    @property
    def title(self) -> str:
        return "Edit note" if self.note else "Delete note"

    @property
    def merge(self) -> str:
        return f"note {self.where} {self.key}" if self.note else ""

    def apply(self, project: Project) -> Project:
        sheet = sheet_at(project, self.where)
        notes = {key: note for key, note in sheet.notes.items() if key != self.key}
        if self.note:
            notes[self.key] = self.note
        return project.with_sheet(self.where, replace(sheet, notes=notes))


class SetFrame(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Draw, change or (with None) remove a titled frame around nodes."""

    where: str
    key: str
    frame: Frame | None

    @property
    def title(self) -> str:
        return "Group" if self.frame else "Ungroup"

    def apply(self, project: Project) -> Project:
        sheet = sheet_at(project, self.where)
        frames = {key: frame for key, frame in sheet.frames.items() if key != self.key}
        if self.frame:
            inside = tuple(node for node in self.frame.nodes if node in sheet.graph.nodes)
            if not inside:
                raise EditRefused("A frame goes around nodes, and none of these are on the sheet.")
            frames[self.key] = replace(self.frame, nodes=inside)
        return project.with_sheet(self.where, replace(sheet, frames=frames))
