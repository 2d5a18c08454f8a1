"""Python text with a few colours and, where asked for, one node's lines brought forward."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from studio.ui.theme import Theme

_PIECES = re.compile(
    r"(?P<comment>\#.*$)"
    r"|(?P<string>\"\"\".*?\"\"\"|\"\"\"|\"[^\"]*\"|'[^']*')"
    r"|(?P<name>\b[A-Za-z_]\w*(?=\s*=(?!=)))"
    r"|(?P<keyword>\b(?:def|class|return|import|from|as|if|else|for|in|not|and|or|with|lambda|is)\b)"
    r"|(?P<number>\b(?:True|False|None|\d[\d_.]*(?:e[-+]?\d+)?)\b)"
    r"|(?P<type>\b[A-Z]\w*\b)"
    r"|(?P<self>\bself\b)"
)
_TOKENS = {
    "comment": "text.3",
    "string": "text.3",
    "name": "syn.name",
    "keyword": "text.2",
    "number": "syn.number",
    "type": "syn.type",
    "self": "text.3",
}


class Colours(QSyntaxHighlighter):
    """The colours of Python in a document."""

    def __init__(self, theme: Theme, document: QTextDocument) -> None:
        super().__init__(document)
        self._theme = theme

    def highlightBlock(self, text: str) -> None:
        inside = self.previousBlockState() == 1
        quotes = text.count('"""') % 2 == 1
        if inside or quotes:
            self.setFormat(0, len(text), self._format("string"))
            self.setCurrentBlockState(1 if inside != quotes else 0)
            return
        self.setCurrentBlockState(0)
        for found in _PIECES.finditer(text):
            kind = found.lastgroup or "self"
            self.setFormat(found.start(), len(found[0]), self._format(kind))

    def _format(self, kind: str) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setForeground(self._theme.color(_TOKENS[kind]))
        return made


class CodeView(QPlainTextEdit):
    """Read-only code. `small` is as high as its text, for a few lines inside a panel."""

    def __init__(self, theme: Theme, small: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._small = small
        self.setReadOnly(True)
        self.setFont(theme.font("mono"))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(8)
        self._colours = Colours(theme, self.document())
        self._lines: tuple[int, ...] = ()
        theme.changed.connect(self._on_theme)
        if small:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_code(self, text: str, lines: Sequence[int] = ()) -> None:
        """Show `text`, with the lines of these numbers (from 0) brought forward and in view."""
        if text != self.toPlainText():
            self.setPlainText(text)
        self._lines = tuple(lines)
        self._mark()
        if lines:
            cursor = QTextCursor(self.document().findBlockByNumber(lines[0]))
            self.setTextCursor(cursor)
            self.centerCursor()
        if self._small:
            count = max(1, text.count("\n") + 1)
            bar = self.horizontalScrollBar().sizeHint().height()
            self.setFixedHeight(count * self.fontMetrics().lineSpacing() + 16 + bar)

    def _mark(self) -> None:
        marks = []
        for number in self._lines:
            mark = QTextEdit.ExtraSelection()
            mark.cursor = QTextCursor(self.document().findBlockByNumber(number))
            mark.format.setBackground(QColor(self._theme.color("accent.soft")))
            mark.format.setProperty(QTextCharFormat.Property.FullWidthSelection, True)
            marks.append(mark)
        self.setExtraSelections(marks)

    def _on_theme(self) -> None:
        self._colours.rehighlight()
        self._mark()


def lines_of(node: str, owners: Sequence[str]) -> list[int]:
    """Return the numbers of the lines that belong to a node's id path."""
    return [number for number, owner in enumerate(owners) if owner == node]


def plain_lines(text: str, numbers: Sequence[int]) -> list[str]:
    """Return these lines of a generated module, without those of its tapped twin."""
    lines = text.splitlines()
    found, method = [], ""
    wanted = set(numbers)
    for number, line in enumerate(lines):
        if line.lstrip().startswith("def "):
            method = line.split()[1].partition("(")[0]
        if number in wanted and method != "forward_tapped":
            found.append(line.strip())
    return found
