"""Which methods explain, with which settings, and what they explain."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QScrollArea, QWidget

from studio.engine import protocol as p
from studio.graph.params import Value
from studio.graph.spec import MethodSpec
from studio.ui import controls
from studio.ui.explain.subject import Subject
from studio.ui.form import Form
from studio.ui.theme import Theme
from studio.ui.views.numbers import short
from studio.ui.views.panel import Panel
from studio.ui.views.view import plain

_AUTO, _NOTHING, _TRUE = -1, -2, -3


class Question:
    """What the maps explain: an output, against another one or against nothing."""

    def __init__(self, target: int | None = None, against: int | None = None) -> None:
        self.target, self.against = target, against


class Methods(QWidget):
    """A check list, the chosen method's form, the question, and what the method says of itself."""

    methods_changed = Signal()
    settings_changed = Signal(str)
    question_changed = Signal()
    method_chosen = Signal(str)

    def __init__(self, theme: Theme, subject: Subject, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._subject = theme, subject
        self._specs: dict[str, MethodSpec] = {}
        self._values: dict[str, dict[str, Value]] = {}
        self._chosen = ""
        self.setMinimumWidth(280)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.list = Panel(theme, "Methods")
        self.count = controls.label(theme, "", "3")
        self.list.add_to_head(self.count)
        self.list.body.setSpacing(2)
        self.checks: dict[str, QCheckBox] = {}
        self.reasons: dict[str, str] = {}

        self.settings = Panel(theme, "Settings")
        self.form = Form(theme)
        self.form.edited.connect(self._on_edited)
        self.form.cleared.connect(self._on_cleared)
        self.plain = controls.label(theme, "This method has no settings.", "3")
        self.settings.body.addWidget(self.form)
        self.settings.body.addWidget(self.plain)

        self.question = Panel(theme, "Question")
        self.target, self.against = QComboBox(), QComboBox()
        for words, combo in (("explain", self.target), ("against", self.against)):
            line = controls.row(spacing=12)
            name = controls.label(theme, words, "2")
            name.setFixedWidth(72)
            name.setBuddy(combo)
            combo.setAccessibleName(words)
            combo.activated.connect(lambda: self.question_changed.emit())
            line.addWidget(name)
            line.addWidget(combo, 1)
            self.question.body.addLayout(line)
        self.notes = Panel(theme, "Notes")
        self.words = controls.label(theme, "", "2", wrap=True)
        self.notes.body.addWidget(self.words)

        holder = QWidget()
        holder.setProperty("surface", "")
        inside = controls.column(holder)
        parts = (self.list, self.question, self.settings, self.notes)
        for k, part in enumerate(parts):
            if k:
                inside.addWidget(controls.rule())
            inside.addWidget(part)
        inside.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        controls.column(self).addWidget(area)

    # --------------------------------------------------------------------------------------- the list

    def show_methods(self, specs: Mapping[str, MethodSpec]) -> None:
        """List these methods; those that do not apply are grey and say why."""
        if dict(specs) != self._specs:
            self._build(dict(specs))
        categories = self._subject.categories()
        facts = self._subject.facts
        form = facts.form if facts is not None else ""
        for kind, spec in self._specs.items():
            reason = inapplicable(spec, form, categories)
            self.reasons[kind] = reason
            check = self.checks[kind]
            check.setEnabled(not reason)
            check.setToolTip(plain(reason or spec.doc))
            check.setText(f"{spec.title} ({reason})" if reason else spec.title)
        self._tell_count()

    def active(self) -> tuple[str, ...]:
        """Return the checked methods that apply, in the list's order."""
        return tuple(
            kind for kind, box in self.checks.items() if box.isChecked() and not self.reasons[kind]
        )

    def spec(self, kind: str) -> MethodSpec:
        """Return a method's spec."""
        return self._specs[kind]

    def values(self, kind: str) -> dict[str, Value]:
        """Return the settings that differ from a method's defaults."""
        return dict(self._values.get(kind, {}))

    def choose(self, kind: str) -> None:
        """Show a method's settings and notes."""
        if kind not in self._specs:
            return
        self._chosen = kind
        spec = self._specs[kind]
        self.settings.title.setText(spec.title)
        self.form.show_params(spec.params, self._values.get(kind, {}))
        self.form.setVisible(bool(spec.params))
        self.plain.setVisible(not spec.params)
        self.show_notes(())
        self.method_chosen.emit(kind)

    @property
    def chosen(self) -> str:
        """The method whose settings are shown."""
        return self._chosen

    def show_notes(self, notes: tuple[str, ...]) -> None:
        """Show what the method says of itself, and of its last map."""
        spec = self._specs.get(self._chosen)
        parts = [spec.doc if spec else "", *notes, spec.paper if spec else ""]
        self.words.setText("\n\n".join(part for part in parts if part))
        self.notes.setVisible(bool(self.words.text()))

    def _build(self, specs: dict[str, MethodSpec]) -> None:
        was = {kind: box.isChecked() for kind, box in self.checks.items()}
        for box in self.checks.values():
            self.list.body.removeWidget(box)
            box.hide()
            box.deleteLater()
        self._specs, self.checks, self.reasons = specs, {}, {}
        for kind, spec in specs.items():
            box = QCheckBox(spec.title)
            box.setChecked(was.get(kind, True))
            box.setMinimumHeight(24)
            box.toggled.connect(lambda on, chosen=kind: self._on_checked(chosen, on))
            self.checks[kind] = box
            self.reasons[kind] = ""
            self.list.body.addWidget(box)
        if self._chosen not in specs:
            self.choose(next((k for k in specs if k.endswith("integrated_gradients")), ""))
            if not self._chosen and specs:
                self.choose(next(iter(specs)))

    def _on_checked(self, kind: str, on: bool) -> None:
        self._tell_count()
        if on:
            self.choose(kind)
        self.methods_changed.emit()

    def _tell_count(self) -> None:
        self.count.setText(f"{len(self.active())} of {len(self._specs)}")

    def _on_edited(self, name: str, value: object) -> None:
        self._values.setdefault(self._chosen, {})[name] = value
        self._show_form()
        self.settings_changed.emit(self._chosen)

    def _on_cleared(self, name: str) -> None:
        self._values.get(self._chosen, {}).pop(name, None)
        self._show_form()
        self.settings_changed.emit(self._chosen)

    def _show_form(self) -> None:
        spec = self._specs[self._chosen]
        self.form.show_params(spec.params, self._values.get(self._chosen, {}))

    # ----------------------------------------------------------------------------------- the question

    def show_outputs(self) -> None:
        """Fill the question's combos with the subject's classes or outputs."""
        subject = self._subject
        if subject.predictions is None:
            return
        outputs = subject.predictions.outputs
        count = outputs.shape[1] if outputs.ndim > 1 else 1
        names = [subject.class_name(k) for k in range(count)]
        classes = subject.is_classification
        chosen = (self.target.currentData(), self.against.currentData())
        for combo, heads in (
            (self.target, [("what it reads" if classes else "first output", _AUTO)]),
            (self.against, [("the truth, where wrong", _TRUE), ("nothing", _NOTHING)]),
        ):
            combo.clear()
            for words, key in heads:
                combo.addItem(words, key)
            for k, name in enumerate(names):
                combo.addItem(f"class {name}" if classes else name, k)
        for combo, key in zip((self.target, self.against), chosen, strict=True):
            combo.setCurrentIndex(max(0, combo.findData(key)))
        self.question.setVisible(classes or count > 1)
        if not classes:
            self.against.setCurrentIndex(self.against.findData(_NOTHING))
        self.against.setEnabled(classes)

    def asked(self, index: int) -> Question:
        """Return what is explained of one sample."""
        target, against = self.target.currentData(), self.against.currentData()
        subject = self._subject
        chosen = None if target in (None, _AUTO) else int(target)
        if not subject.is_classification or against in (None, _NOTHING):
            return Question(chosen)
        explained = subject.read(index) if chosen is None else chosen
        other = subject.true(index) if against == _TRUE else int(against)
        return Question(chosen, other if other != explained else None)


def inapplicable(spec: MethodSpec, form: str, categories: frozenset[str]) -> str:
    """Return why a method does not apply to this data and these layers, "" where it does."""
    if "image" in spec.needs and form and form != "image":
        return "needs images"
    if "conv" in spec.needs and "conv" not in categories:
        return "no convolution"
    if "attention" in spec.needs and "attn" not in categories:
        return "no attention layer"
    return ""


def worded(subject: Subject, found: p.Explanation) -> str:
    """Return what a map explains, with the figure it shares out."""
    name = subject.class_name
    raw = found.raw.ravel()
    if not subject.is_classification:
        return f"The maps explain the output {short(float(raw[found.target]))}."
    value = float(raw[found.target])
    if found.against is None:
        return f"The maps explain logit {name(found.target)} = {short(value)}."
    value -= float(raw[found.against])
    both = f"logit {name(found.target)} − logit {name(found.against)}"
    return f"The maps explain {both} = {short(value)}."
