"""Frames and notes: what people write on a sheet around the graph, as undoable edits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from studio.graph.edits import Batch, SetFrame, SetNote
from studio.graph.geometry import snap
from studio.graph.project import Frame, Note, Place, Sheet

if TYPE_CHECKING:
    from studio.ui.canvas.editor import Editor


class Margins:
    """Edits the frames and notes of the sheet that the editor edits."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    @property
    def _sheet(self) -> Sheet:
        return self._editor.sheet

    def frame(self, chosen: tuple[str, ...]) -> str:
        """Draw a frame around nodes, or take away the one that is there; return the new key or ""."""
        frames = self._sheet.frames
        for key, frame in frames.items():
            if set(frame.nodes) == set(chosen):
                self._set(key, None)
                return ""
        key = _free_key(frames, "f")
        return key if chosen and self._set(key, Frame("Group", chosen)) else ""

    def around(self, chosen: Iterable[str]) -> str:
        """Return the frame that holds all of these nodes, the smallest of several, or ""."""
        ids = set(chosen)
        found = [key for key, frame in self._sheet.frames.items() if ids and ids <= {*frame.nodes}]
        return min(found, key=lambda key: len(self._sheet.frames[key].nodes), default="")

    def retitle(self, key: str, title: str) -> None:
        """Give a frame another title."""
        frame = self._sheet.frames.get(key)
        if frame and title and title != frame.title:
            self._set(key, replace(frame, title=title))

    def paint(self, key: str, color: str) -> None:
        """Give a frame the colour of a category; "" is none."""
        frame = self._sheet.frames.get(key)
        if frame and color != frame.color:
            self._set(key, replace(frame, color=color))

    def taken_in(self, key: str, ids: Iterable[str]) -> SetFrame | None:
        """Return the edit that puts nodes into a frame."""
        frame = self._sheet.frames.get(key)
        if frame is None:
            return None
        nodes = tuple(dict.fromkeys((*frame.nodes, *ids)))
        return SetFrame(self._editor.where, key, replace(frame, nodes=nodes))

    def left(self, ids: Iterable[str]) -> tuple[SetFrame, ...]:
        """Return the edits that take nodes out of every frame; one that is left empty goes away."""
        gone = set(ids)
        edits = []
        for key, frame in self._sheet.frames.items():
            nodes = tuple(node for node in frame.nodes if node not in gone)
            if nodes != frame.nodes:
                kept = replace(frame, nodes=nodes) if nodes else None
                edits.append(SetFrame(self._editor.where, key, kept))
        return tuple(edits)

    def take_out(self, ids: Iterable[str]) -> None:
        """Take nodes out of their frames."""
        edits = self.left(ids)
        if edits:
            self._editor.do(Batch("Take out of frame", edits))

    def remove(self, key: str) -> None:
        """Take a frame away; its nodes stay."""
        if key in self._sheet.frames:
            self._set(key, None)

    def add_note(self, at: Place) -> str:
        """Put an empty note; return its key or ""."""
        key = _free_key(self._sheet.notes, "note")
        note = Note("", snap(at.x), snap(at.y))
        return key if self._editor.do(SetNote(self._editor.where, key, note)) else ""

    def set_note(self, key: str, note: Note) -> None:
        """Change a note; one without words goes away."""
        if self._sheet.notes.get(key) != note:
            kept = note if note.text.strip() else None
            self._editor.do(SetNote(self._editor.where, key, kept))

    def remove_note(self, key: str) -> None:
        """Take a note away."""
        self._editor.do(SetNote(self._editor.where, key, None))

    def _set(self, key: str, frame: Frame | None) -> bool:
        return self._editor.do(SetFrame(self._editor.where, key, frame))


def _free_key(taken: Iterable[str], stem: str) -> str:
    keys = set(taken)
    number = 1
    while f"{stem}{number}" in keys:
        number += 1
    return f"{stem}{number}"
