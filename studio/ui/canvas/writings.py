"""What people write on a sheet: frames around its nodes, kept where these are, and notes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF

from studio.ui.canvas.frame_item import FrameItem, NoteItem, frame_around
from studio.ui.canvas.routes import Route

if TYPE_CHECKING:
    from studio.ui.canvas.scene import SheetScene


class Writings:
    """The frames and notes of a scene."""

    def __init__(self, scene: SheetScene) -> None:
        self._scene = scene
        self.frames: dict[str, FrameItem] = {}
        self.notes: dict[str, NoteItem] = {}

    def forget(self) -> None:
        """Begin again; the scene has been cleared."""
        self.frames, self.notes = {}, {}

    def sync_frames(self, moved: set[str] | None = None) -> None:
        """Draw the frames around their nodes: those with nodes that moved, or (None) all."""
        scene = self._scene
        inside = {
            key: {node for node in frame.nodes if node in scene.nodes}
            for key, frame in scene.sheet.frames.items()
        }
        frames = {key: scene.sheet.frames[key] for key, members in inside.items() if members}
        for key in self.frames.keys() - frames.keys():
            item = self.frames.pop(key)
            scene.removeItem(item.header)
            scene.removeItem(item)
        for key, frame in frames.items():
            members = inside[key]
            if moved is not None and not members & moved:
                continue
            if key not in self.frames:
                item = self.frames[key] = FrameItem(key, scene.theme)
                scene.addItem(item)
                scene.addItem(item.header)
            rect, ports = self._rect(members)
            layers = sum(not scene.nodes[node].face.dot for node in members)
            facts = scene.told.facts
            total = sum(one.parameters for node in members if (one := facts.get(node)))
            self.frames[key].show_frame(frame, rect, layers, total, ports)

    def sync_notes(self) -> None:
        """Draw the notes of the sheet."""
        scene, notes = self._scene, self._scene.sheet.notes
        for key in self.notes.keys() - notes.keys():
            scene.removeItem(self.notes.pop(key))
        for key, note in notes.items():
            if key not in self.notes:
                self.notes[key] = NoteItem(key, note, scene.theme)
                scene.addItem(self.notes[key])
            elif self.notes[key].note != note:
                self.notes[key].show_note(note)

    def _rect(self, inside: set[str]) -> tuple[QRectF, tuple[QPointF, ...]]:
        """Return the frame around nodes, and where wires cross its upper and lower edge."""
        nodes, wires = QRectF(), QRectF()
        for key in inside:
            nodes = nodes.united(self._scene.nodes[key].rect)
        crossing: list[Route] = []
        for item in self._scene.wires.at(inside):
            ends = (item.link.source.node in inside) + (item.link.target.node in inside)
            if ends == 2 or (ends == 1 and item.joined):
                wires = wires.united(item.path().controlPointRect())
            elif ends == 1 and item.route is not None:
                crossing.append(item.route)
        rect = frame_around(nodes, wires)
        ports = {
            (a[0], y)
            for route in crossing
            for a, b in pairwise(route.points)
            for y in (rect.top(), rect.bottom())
            if a[0] == b[0]
            and rect.left() < a[0] < rect.right()
            and min(a[1], b[1]) < y < max(a[1], b[1])
        }
        return rect, tuple(QPointF(x, y) for x, y in sorted(ports))
