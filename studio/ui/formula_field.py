"""A line for a formula: it completes names and shows what the formula gives while it is typed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCompleter, QLabel, QLineEdit, QListView, QWidget

from studio.graph.formulas import FUNCTIONS, SIGN, FormulaError, evaluate, is_formula
from studio.graph.params import Param, ParamError, Value
from studio.ui.controls import label, row, set_property
from studio.ui.theme import MINUS, Theme

#: A name that is being typed: what stands before the cursor.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def formula_value(param: Param, text: str, names: Mapping[str, Value]) -> Value:
    """Return what a formula gives a parameter.

    Raises: FormulaError, ParamError.
    """
    return param.check(evaluate(text, names))


def written(value: Value) -> str:
    """Return a value in few characters: `64`, `3×3`, `yes`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "×".join(written(part) for part in value)
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("-", MINUS) if isinstance(value, (int, float)) else text


class FormulaField(QWidget):
    """`=width*2` and beside it `= 64`. `submitted` carries the text as it was left, `abandoned` says
    that it was left with Escape, `judged` carries what is wrong with it, "" for nothing."""

    submitted = Signal(str)
    abandoned = Signal()
    judged = Signal(str)

    def __init__(self, theme: Theme, param: Param) -> None:
        super().__init__()
        self._param = param
        self._names: Mapping[str, Value] = {}
        self._shown = ""
        #: Whether something is typed that nobody has taken yet.
        self.writing = False
        layout = row(self, spacing=6)
        self.line = CompletingLine()
        self.line.setFont(theme.font("mono"))
        self.line.setAccessibleName(f"Formula of {param.name}")
        self.line.setToolTip("A formula over the names known here. Leave it empty to end it.")
        self.line.textEdited.connect(self._on_typed)
        self.line.editingFinished.connect(self._finish)
        self.line.left.connect(self.abandoned)
        layout.addWidget(self.line, 1)
        self.gives: QLabel = label(theme, tone="2", role="mono")
        layout.addWidget(self.gives)
        self.setFocusProxy(self.line)

    def show_formula(self, text: str, names: Mapping[str, Value]) -> None:
        """Show a formula, what it gives over `names`, or what is wrong with it."""
        self._names, self._shown, self.writing = names, text, False
        self.line.offer([*sorted(names), *sorted(FUNCTIONS)])
        if self.line.text() != text:
            self.line.setText(text)
        self.line.setModified(False)
        self._judge(text)

    def begin(self, text: str, names: Mapping[str, Value]) -> None:
        """Let the person write a formula that begins with `text`, which is not kept yet."""
        self.show_formula(text, names)
        self._shown, self.writing = "", True
        self.line.setModified(True)
        self.line.setFocus()
        self.line.setSelection(len(SIGN), len(text))

    def drop(self) -> None:
        """Let go of what is being written: going away must not submit it."""
        self.writing = False
        self._shown = self.line.text().strip()

    def _on_typed(self, text: str) -> None:
        self.writing = True
        self._judge(text)
        if self.line.completing:
            # A name that is being typed is no mistake yet.
            set_property(self.line, "state", "")
            self.judged.emit("")

    def _judge(self, text: str) -> None:
        sentence, gives = "", ""
        if is_formula(text) and text.strip() != SIGN:
            try:
                gives = f"= {written(formula_value(self._param, text, self._names))}"
            except (FormulaError, ParamError) as problem:
                sentence = str(problem)
        self.gives.setText(gives)
        self.gives.setVisible(bool(gives))
        set_property(self.line, "state", "error" if sentence else "")
        self.judged.emit(sentence)

    def _finish(self) -> None:
        text = self.line.text().strip()
        if text != self._shown:
            self._shown = text
            self.submitted.emit(text)


class CompletingLine(QLineEdit):
    """A line that completes the name before the cursor; `left` says that Escape gave up what was typed."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = QStringListModel(self)
        self.completions = QCompleter(self._words, self)
        self._list = QListView()
        self._list.setProperty("surface", "popup")
        self.completions.setPopup(self._list)
        self.completions.setWidget(self)
        self.completions.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.completions.activated.connect(self._complete)
        self.textEdited.connect(self._suggest)

    @property
    def completing(self) -> bool:
        """Whether the word before the cursor may still become a known one."""
        word = _WORD.search(self.text()[: self.cursorPosition()])
        known = self._words.stringList()
        return word is not None and any(one.startswith(word.group()) for one in known)

    def offer(self, words: list[str]) -> None:
        """Complete these words from now on."""
        if self._words.stringList() != words:
            self._words.setStringList(words)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._list.isVisible() and event.key() in _TAKES:
            # The list takes these first; what it leaves must not end the typing.
            event.ignore()
        elif event.key() == Qt.Key.Key_Escape and self.isModified():
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def _suggest(self, text: str) -> None:
        found = _WORD.search(text[: self.cursorPosition()])
        self.completions.setCompletionPrefix(found.group() if found else "")
        exact = self.completions.currentCompletion() == self.completions.completionPrefix()
        if found and self.completions.completionCount() and not exact:
            self._list.setCurrentIndex(self.completions.completionModel().index(0, 0))
            self.completions.complete()
        else:
            self._list.hide()

    def _complete(self, word: str) -> None:
        before, after = self.text()[: self.cursorPosition()], self.text()[self.cursorPosition() :]
        before = _WORD.sub("", before) + word
        self.setText(before + after)
        self.setCursorPosition(len(before))
        self.textEdited.emit(self.text())


_TAKES = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_Tab)
