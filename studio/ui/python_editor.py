"""A small editor for Python: colours, line numbers, indentation, and one line marked as wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from studio.ui.code_view import Colours
from studio.ui.theme import Theme

INDENT = 4
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PythonEditor(QPlainTextEdit):
    """`applied` follows Ctrl+Enter. Tab indents; Escape is left to whoever holds the editor."""

    applied = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._wrong = 0
        self._own: tuple[int, ...] = ()
        self.setFont(theme.font("mono"))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.document().setDocumentMargin(6)
        self._colours = Colours(theme, self.document())
        self._numbers = _Numbers(self)
        self.blockCountChanged.connect(lambda count: self._make_room())
        self.updateRequest.connect(self._on_update)
        theme.changed.connect(self._on_theme)
        self._make_room()

    def show_text(self, text: str) -> None:
        """Show other code; what can be undone here begins afresh."""
        if text != self.toPlainText():
            self.setPlainText(text)

    def mark_line(self, number: int) -> None:
        """Mark a line (from 1) as wrong; 0 marks none."""
        self._wrong = number
        self._mark()

    def mark_own(self, numbers: Sequence[int]) -> None:
        """Bring lines (from 1) forward, those of what is selected elsewhere."""
        self._own = tuple(numbers)
        self._mark()

    def _mark(self) -> None:
        marks = []
        wanted = [(number, "accent.soft") for number in self._own]
        for number, token in [*wanted, (self._wrong, "error.soft")]:
            block = self.document().findBlockByNumber(number - 1) if number else QTextBlock()
            if block.isValid():
                mark = QTextEdit.ExtraSelection()
                mark.cursor = QTextCursor(block)
                mark.format.setBackground(self._theme.color(token))
                mark.format.setProperty(QTextCharFormat.Property.FullWidthSelection, True)
                marks.append(mark)
        self.setExtraSelections(marks)
        self._numbers.update()

    @property
    def wrong_line(self) -> int:
        """The line that is marked, 0 for none."""
        return self._wrong

    # ------------------------------------------------------------------------------------------ keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, control = event.key(), event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if key in _ENTER and control:
            self.applied.emit()
        elif key in _ENTER:
            self._new_line()
        elif key == Qt.Key.Key_Tab and not control:
            self._shift(1)
        elif key == Qt.Key.Key_Backtab or (key == Qt.Key.Key_Backspace and self._unindents()):
            self._shift(-1)
        elif key == Qt.Key.Key_Slash and control:
            self._comment()
        elif key == Qt.Key.Key_Escape:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _new_line(self) -> None:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        depth = len(before) - len(before.lstrip(" "))
        if before.rstrip().endswith(":"):
            depth += INDENT
        elif re.match(r"\s*(return|pass|raise|break|continue)\b", before):
            depth = max(0, depth - INDENT)
        cursor.insertText("\n" + " " * depth)
        self.setTextCursor(cursor)
        self.ensureCursorVisible()

    def _unindents(self) -> bool:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        return not cursor.hasSelection() and bool(before) and not before.strip(" ")

    def _shift(self, by: int) -> None:
        """Indent or unindent the lines of the selection; without one, at the cursor."""
        cursor = self.textCursor()
        if by > 0 and not cursor.hasSelection():
            cursor.insertText(" " * (INDENT - cursor.positionInBlock() % INDENT))
            return
        cursor.beginEditBlock()
        for block in self._blocks():
            start = QTextCursor(block)
            if by > 0:
                if block.text():
                    start.insertText(" " * INDENT)
                continue
            spaces = len(block.text()) - len(block.text().lstrip(" "))
            for _ in range(spaces % INDENT or min(spaces, INDENT)):
                start.deleteChar()
        cursor.endEditBlock()

    def _comment(self) -> None:
        """Make comments of the selected lines, or code again."""
        blocks = [block for block in self._blocks() if block.text().strip()]
        out = all(block.text().lstrip().startswith("#") for block in blocks)
        cursor = self.textCursor()
        cursor.beginEditBlock()
        for block in blocks:
            text = block.text()
            at = QTextCursor(block)
            at.movePosition(QTextCursor.MoveOperation.Right, n=len(text) - len(text.lstrip()))
            if not out:
                at.insertText("# ")
                continue
            for _ in range(2 if text.lstrip().startswith("# ") else 1):
                at.deleteChar()
        cursor.endEditBlock()

    def _blocks(self) -> list[QTextBlock]:
        cursor, document = self.textCursor(), self.document()
        first = document.findBlock(cursor.selectionStart())
        last = document.findBlock(cursor.selectionEnd()).blockNumber()
        found = []
        while first.isValid() and first.blockNumber() <= last:
            found.append(first)
            first = first.next()
        return found

    # --------------------------------------------------------------------------------------- numbers

    @property
    def numbers_width(self) -> int:
        """How wide the line numbers are."""
        digits = max(2, len(str(self.blockCount())))
        return 14 + self.fontMetrics().horizontalAdvance("9") * digits

    def paint_numbers(self, event: QPaintEvent) -> None:
        """Paint the numbers of the lines in sight."""
        color = self._theme.color
        painter = QPainter(self._numbers)
        painter.fillRect(event.rect(), color("bg.panel"))
        painter.setFont(self.font())
        block = self.firstVisibleBlock()
        box = self.blockBoundingGeometry(block).translated(self.contentOffset())
        while block.isValid() and box.top() <= event.rect().bottom():
            number = block.blockNumber() + 1
            painter.setPen(color("error" if number == self._wrong else "text.3"))
            line = QRect(0, round(box.top()), self._numbers.width() - 7, round(box.height()))
            painter.drawText(line, Qt.AlignmentFlag.AlignRight, str(number))
            block = block.next()
            box = self.blockBoundingGeometry(block).translated(self.contentOffset())
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        inside = self.contentsRect()
        self._numbers.setGeometry(
            QRect(inside.left(), inside.top(), self.numbers_width, inside.height())
        )

    def _make_room(self) -> None:
        self.setViewportMargins(self.numbers_width, 0, 0, 0)

    def _on_update(self, area: QRect, by: int) -> None:
        if by:
            self._numbers.scroll(0, by)
        else:
            self._numbers.update(0, area.y(), self._numbers.width(), area.height())

    def _on_theme(self) -> None:
        self._colours.rehighlight()
        self.mark_line(self._wrong)


class _Numbers(QWidget):
    """The strip beside the text."""

    def __init__(self, editor: PythonEditor) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        return QSize(self._editor.numbers_width, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_numbers(event)
