"""Text being typed on the canvas: names, titles and notes, where they stand."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import QEvent, QObject, QRect, QRectF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from studio.ui.canvas.editor import Editor
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.view import CanvasView
from studio.ui.theme import Theme


class Writing:
    """Lets the person write over the view, and hands on what was written."""

    def __init__(self, scene: SheetScene, view: CanvasView, editor: Editor, theme: Theme) -> None:
        self._scene = scene
        self._view = view
        self._editor = editor
        self._line = InlineLine(theme, view)
        self._text = InlineText(theme, view)

    def rename_node(self, node: str) -> None:
        """Let the person type another name for a node."""
        item = self._scene.nodes[node]
        box = self._view.mapFromScene(item.rect).boundingRect()
        room = QRect(box.left() + 8, box.top() + 2, max(140, box.width() - 16), 28)
        name = item.node.name
        self._line.edit(
            name, room, f"New name of {name}", lambda text: self._editor.rename(node, text)
        )

    def rename_frame(self, key: str) -> None:
        """Let the person type another title for a frame."""
        box = self._view.mapFromScene(self._scene.frames[key].header.rect).boundingRect()
        title = self._scene.sheet.frames[key].title
        self._line.edit(
            title, box, "Frame title", lambda text: self._editor.margins.retitle(key, text)
        )

    def edit_note(self, key: str) -> None:
        """Let the person write a note."""
        item = self._scene.notes[key]
        high = max(80.0, item.rect.height() - 28)
        rect = item.mapRectToScene(QRectF(0, 28, item.note.width, high))

        def take(text: str) -> None:
            note = self._scene.sheet.notes.get(key)
            if note is not None:
                self._editor.margins.set_note(key, replace(note, text=text))

        self._text.edit(item.note.text, self._view.mapFromScene(rect).boundingRect(), take)


class InlineLine(QLineEdit):
    """A name being typed over the canvas. Enter takes it, Escape leaves it."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self._take: Callable[[str], object] | None = None
        self.setFont(theme.font("title", 600))
        self.hide()

    def edit(self, text: str, box: QRect, what: str, take: Callable[[str], object]) -> None:
        """Let the person type; `take` gets the text if it is kept."""
        self._take = take
        self.setText(text)
        self.setAccessibleName(what)
        self.setGeometry(box)
        self.show()
        self.raise_()
        self.selectAll()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._finish()  # and the canvas below does not hear of it
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self.isVisible():
            self._finish()

    def _finish(self) -> None:
        take, self._take = self._take, None
        self._leave()
        if take is not None:
            take(self.text().strip())

    def _leave(self) -> None:
        self.hide()
        self._take = None
        self._host.setFocus()


class InlineText(QPlainTextEdit):
    """A note being typed over the canvas. Escape or a press elsewhere takes it."""

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self._take: Callable[[str], object] | None = None
        self.setFont(theme.font("body"))
        self.setAccessibleName("Note")
        self.setPlaceholderText("Write a note")
        self.installEventFilter(self)
        self.hide()

    def edit(self, text: str, box: QRect, take: Callable[[str], object]) -> None:
        """Let the person type; `take` gets the text."""
        self._take = take
        self.setPlainText(text)
        self.setGeometry(box)
        self.show()
        self.raise_()
        self.selectAll()
        self.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            self._finish()
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        if event.key() == Qt.Key.Key_Escape:
            self._finish()
            return True
        return False

    def _finish(self) -> None:
        take, self._take = self._take, None
        self.hide()
        self._host.setFocus()
        if take is not None:
            take(self.toPlainText())
