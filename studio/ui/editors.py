"""Editors for one parameter each: numbers, tuples of numbers, switches, choices, text and paths."""

from __future__ import annotations

import math
import re
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QWidget,
)

from studio.graph.formulas import is_formula
from studio.graph.params import Param, Value
from studio.ui.controls import Switch, button, label, row, set_property
from studio.ui.theme import MINUS, THIN_SPACE, Theme


class Editor(QWidget):
    """What all editors share: `submitted` carries text to parse, or a value to check.

    `formula_begun` carries what was typed when it began with `=`.
    """

    submitted = Signal(object)
    formula_begun = Signal(str)
    wide = False

    def show_value(self, value: Value, dashed: bool = False) -> None:
        """Show `value`; dashed where nobody gave it."""
        raise NotImplementedError

    def mark(self, state: str) -> None:
        """Mark the field: `error`, or nothing."""


def make_editor(theme: Theme, param: Param, base: str = "") -> Editor:
    """Return the editor that suits a parameter's type."""
    if param.type == "bool" and not param.optional:
        return SwitchEditor(theme)
    if param.type == "bool":
        return ChoiceEditor(theme, (None, True, False))
    if param.type == "choice":
        choices = (None, *param.choices) if param.optional else param.choices
        return ChoiceEditor(theme, choices)
    if param.type == "path":
        return PathEditor(theme, param, base)
    if param.type in ("str", "ints"):
        return TextEditor(theme, param)
    return NumbersEditor(theme, param)


class NumberField(QAbstractSpinBox):
    """A number with arrows that may also be empty; whole numbers get thin spaces."""

    submitted = Signal()

    def __init__(self, param: Param, width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._param = param
        self._shown = ""
        self.setFixedWidth(width)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(6, 0, 0, 0)
        # The field's own signal: its line never hears of Enter, which the field takes first.
        self.editingFinished.connect(self._on_finished)

    @property
    def text_value(self) -> str:
        """What the field holds, in a form that a parameter parses."""
        text = self.lineEdit().text().replace(THIN_SPACE, "").replace(" ", "")
        return text.replace(MINUS, "-")

    def show_number(self, value: float | None) -> None:
        """Show a number, or an empty field."""
        if value is None:
            text = ""
        elif isinstance(value, int) or float(value).is_integer():
            text = Theme.number(int(value)) if abs(value) < 1e15 else f"{value:g}"
        else:
            text = f"{value:.10g}".replace("-", MINUS)
        same, self._shown = text == self._shown, text
        if same and self.hasFocus() and self.lineEdit().isModified():
            return  # the same again, as after each answer of the engine: what is being typed stays
        if self.lineEdit().text() != text:
            self.lineEdit().setText(text)

    def stepBy(self, steps: int) -> None:
        number = self._number()
        if number is None:
            number = float(self._param.minimum or 0) - (1 if steps > 0 else 0)
        size = 1.0
        if self._param.type == "float":
            size = 0.1 if number == 0 else 10.0 ** math.floor(math.log10(abs(number)))
            if steps < 0 and math.isclose(abs(number), size):
                size /= 10.0  # from 0.001 down to 0.0009, never to 0
        number = round(number + steps * size, 12)
        if self._param.minimum is not None:
            number = max(number, self._param.minimum)
        if self._param.maximum is not None:
            number = min(number, self._param.maximum)
        self.show_number(int(number) if self._param.type == "int" else number)
        self.submitted.emit()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        up, down = QAbstractSpinBox.StepEnabledFlag.StepUpEnabled, None
        down = QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        number = self._number()
        enabled = QAbstractSpinBox.StepEnabledFlag.StepNone
        if number is None or self._param.maximum is None or number < self._param.maximum:
            enabled |= up
        if number is None or self._param.minimum is None or number > self._param.minimum:
            enabled |= down
        return enabled

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            # What is typed is let go of; the panel gives the keyboard back.
            self.lineEdit().setText(self._shown)
            event.ignore()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # A form scrolls under the mouse; only a field in use may take the wheel.
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _number(self) -> float | None:
        try:
            number = float(self.text_value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def _on_finished(self) -> None:
        if self.lineEdit().text() != self._shown:
            self._shown = self.lineEdit().text()
            self.submitted.emit()


class NumbersEditor(Editor):
    """One number, or as many as the parameter takes, with × between them.

    While all of them are equal, the first sets them all: `3×3` becomes `5×5`.
    """

    def __init__(self, theme: Theme, param: Param) -> None:
        super().__init__()
        self._param = param
        self._even = True
        layout = row(self, spacing=2)
        count = max(1, param.size)
        width = {1: 76, 2: 50 if param.type == "int" else 60}.get(count, 46)
        if count == 1 and (param.type == "float" or (param.maximum or 0) >= 100_000):
            width = 96
        self.fields: list[NumberField] = []
        for index in range(count):
            if index:
                layout.addWidget(
                    label(theme, "×" if param.type.startswith("int") else ",", tone="3")
                )
            field = NumberField(param, width)
            field.submitted.connect(self._on_submitted)
            # Narrow fields that stand side by side have no room for a word.
            empty = "auto" if param.inferred else "none"
            field.lineEdit().setPlaceholderText("–" if count > 1 else empty)
            field.lineEdit().textEdited.connect(self._on_typed)
            self.fields.append(field)
            layout.addWidget(field)
        self.setFocusProxy(self.fields[0])

    def show_value(self, value: Value, dashed: bool = False) -> None:
        parts = value if isinstance(value, tuple) else (value,) * len(self.fields)
        self._even = len(set(parts)) == 1
        for field, part in zip(self.fields, parts, strict=False):
            field.show_number(part if isinstance(part, (int, float)) else None)
            set_property(field, "state", "inferred" if dashed else "")

    def mark(self, state: str) -> None:
        for field in self.fields:
            if state or field.property("state") == "error":
                set_property(field, "state", state)

    def _on_typed(self, text: str) -> None:
        if is_formula(text):
            self.formula_begun.emit(text)

    def _on_submitted(self) -> None:
        texts = [field.text_value for field in self.fields]
        sender = self.sender()
        if self._even and sender is self.fields[0]:
            texts = texts[:1] * len(texts)
        if len(texts) > 1 and not all(texts) and isinstance(sender, NumberField):
            texts = [text or sender.text_value for text in texts]
        self.submitted.emit(texts[0] if len(set(texts)) == 1 else ",".join(texts))


class SwitchEditor(Editor):
    """Yes or no."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        layout = row(self)
        self.switch = Switch(theme)
        self.switch.clicked.connect(lambda: self.submitted.emit(self.switch.isChecked()))
        layout.addWidget(self.switch)
        self.setMinimumHeight(28)
        self.setFocusProxy(self.switch)

    def show_value(self, value: Value, dashed: bool = False) -> None:
        self.switch.setChecked(bool(value))


class ChoiceEditor(Editor):
    """One of a few."""

    wide = True

    def __init__(self, theme: Theme, choices: tuple[Value, ...]) -> None:
        super().__init__()
        layout = row(self)
        self._choices = choices
        self.box = Choice()
        self.box.setMinimumContentsLength(4)  # a long name beside it must not widen a narrow panel
        self.box.addItems(["none" if c is None else str(c) or "automatic" for c in choices])
        self.box.activated.connect(lambda index: self.submitted.emit(self._choices[index]))
        layout.addWidget(self.box)
        self.setFocusProxy(self.box)

    def show_value(self, value: Value, dashed: bool = False) -> None:
        self.box.setCurrentIndex(self._choices.index(value) if value in self._choices else -1)

    def mark(self, state: str) -> None:
        set_property(self.box, "state", state)


class TextEditor(Editor):
    """A line of text."""

    wide = True

    def __init__(self, theme: Theme, param: Param) -> None:
        super().__init__()
        layout = self._layout = row(self)
        self.line = QLineEdit()
        self._shown = ""
        self.line.editingFinished.connect(self._on_finished)
        self.line.textEdited.connect(self._on_typed)
        layout.addWidget(self.line)
        self.setFocusProxy(self.line)

    def show_value(self, value: Value, dashed: bool = False) -> None:
        text = "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
        before, self._shown = self._shown, "" if value is None else text
        if before == self._shown and self.line.hasFocus() and self.line.isModified():
            return  # what is being typed stays
        if self.line.text() != self._shown:
            self.line.setText(self._shown)

    def mark(self, state: str) -> None:
        set_property(self.line, "state", state)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # The line leaves Escape to what it stands in: what is typed is let go of.
        if event.key() == Qt.Key.Key_Escape:
            self.line.setText(self._shown)
        event.ignore()

    def _on_typed(self, text: str) -> None:
        if is_formula(text):
            self.formula_begun.emit(text)

    def _on_finished(self) -> None:
        if self.line.text() != self._shown:
            self._shown = self.line.text()
            self.submitted.emit(self._shown)


class PathEditor(TextEditor):
    """A path, typed or picked."""

    def __init__(self, theme: Theme, param: Param, base: str) -> None:
        super().__init__(theme, param)
        self._param = param
        self._base = base
        self.pick = button(theme, icon="folder", tip=f"Choose {param.name}")
        self.menu = QMenu(self)
        self.menu.addAction("File…").triggered.connect(lambda: self._ask(folder=False))
        self.menu.addAction("Folder…").triggered.connect(lambda: self._ask(folder=True))
        self.pick.clicked.connect(self._on_pick)
        self._layout.addWidget(self.pick)

    def _on_pick(self) -> None:
        if takes_either(self._param):
            self.menu.popup(self.pick.mapToGlobal(self.pick.rect().bottomLeft()))
        else:
            self._ask(wants_folder(self._param))

    def _ask(self, folder: bool) -> None:
        start = str(Path(self._base, self.line.text()).parent if self.line.text() else self._base)
        title = f"Choose {self._param.name}"
        if folder:
            chosen = QFileDialog.getExistingDirectory(self, title, start)
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, title, start)
        if chosen:
            self.line.setText(chosen)
            self._on_finished()


def wants_folder(param: Param) -> bool:
    """Tell whether a path parameter names a folder rather than a file."""
    return "folder" in f"{param.name} {param.help}".lower()


def takes_either(param: Param) -> bool:
    """Tell whether a path parameter names a file or a folder: its help says `…, or a folder`."""
    return re.search(r"\bor (a|its|the) folder\b", param.help) is not None


class Choice(QComboBox):
    """A combo box that leaves the wheel to the panel unless it is in use."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
