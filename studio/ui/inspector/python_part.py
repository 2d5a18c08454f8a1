"""The code of a Python node: written here, applied as one step, wrong lines marked."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from studio.graph.graph import PYTHON, Node
from studio.graph.problems import Problem
from studio.graph.python_code import CodeError, foreign_imports, signature, source_of
from studio.graph.spec import LayerSpec
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, set_property
from studio.ui.python_editor import PythonEditor
from studio.ui.theme import Theme

#: How long after the last key the text is read.
_READ_MS = 250
_LINES = 16


class PythonPart(QWidget):
    """Hidden for nodes of other kinds. `trust_wanted` asks for a way to trust the file, `wide_wanted`
    carries whether the panel should be wide."""

    trust_wanted = Signal()
    wide_wanted = Signal(bool)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        self._place = ("", "")
        self._applied = ""
        self._drafts: dict[tuple[str, str], str] = {}
        self._problems: tuple[Problem, ...] = ()
        layout = column(self, spacing=6)
        head = row(spacing=6)
        self.ports = label(theme, tone="2", role="caption", wrap=True)
        head.addWidget(self.ports, 1)
        self.wide = button(theme, "Wider", small=True, tip="Give this panel more room")
        self.wide.setCheckable(True)
        self.wide.toggled.connect(self.wide_wanted)
        head.addWidget(self.wide)
        layout.addLayout(head)
        self.editor = PythonEditor(theme)
        self.editor.setAccessibleName("Code of the node")
        self.editor.setMinimumHeight(_LINES * self.editor.fontMetrics().lineSpacing() + 16)
        self.editor.applied.connect(self.apply)
        self.editor.textChanged.connect(self._on_typed)
        layout.addWidget(self.editor)
        self.sentence = label(theme, wrap=True)
        layout.addWidget(self.sentence)
        line = row(spacing=6)
        self.apply_button = button(theme, "Apply", look="primary", small=True)
        self.apply_button.clicked.connect(self.apply)
        self.revert = button(theme, "Revert", small=True, tip="Back to the code that is in use")
        self.revert.clicked.connect(self._on_revert)
        self.trust = button(theme, "Trust this file…", look="primary", small=True)
        self.trust.setToolTip("Read the code that this file brings, and let it run")
        self.trust.clicked.connect(self.trust_wanted)
        for made in (self.apply_button, self.revert, self.trust):
            line.addWidget(made)
        line.addStretch(1)
        layout.addLayout(line)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_READ_MS)
        self._timer.timeout.connect(self._read)
        self.hide()

    def show_node(self, where: str, node: Node, problems: tuple[Problem, ...]) -> None:
        """Show a node's code; what was typed there and not applied is still there."""
        self.setVisible(node.kind == PYTHON)
        if node.kind != PYTHON:
            return
        source, place = source_of(node), (where, node.id)
        same = place == self._place
        if same and source != self._applied:  # undone, or applied
            self._drafts.pop(place, None)
        self._place, self._applied, self._problems = place, source, problems
        if not same or place not in self._drafts:
            self.editor.show_text(self._drafts.get(place, source))
        self._read()

    @property
    def draft(self) -> bool:
        """Whether something is typed that is not in use yet."""
        return self.editor.toPlainText() != self._applied

    def apply(self) -> None:
        """Use what is typed, as one undoable step."""
        where, node = self._place
        self._timer.stop()
        self._drafts.pop(self._place, None)
        self._session.code.write(where, node, self.editor.toPlainText())
        self._read()

    def _on_revert(self) -> None:
        self._drafts.pop(self._place, None)
        self.editor.show_text(self._applied)
        self._read()

    def _on_typed(self) -> None:
        if self.draft:
            self._drafts[self._place] = self.editor.toPlainText()
        else:
            self._drafts.pop(self._place, None)
        self._show_draft()
        self._timer.start()

    def _read(self) -> None:
        """Say what the text takes and gives, or what is wrong with it and where."""
        self._timer.stop()
        text, draft = self.editor.toPlainText(), self.draft
        line, words, tone = 0, "", "1"
        try:
            self.ports.setText(_taken_and_given(signature(text)))
            others = foreign_imports(text)
            if others:
                words, tone = f"Imports {', '.join(others)}: exported code needs it too.", "2"
        except CodeError as error:
            line, words, tone = error.line, f"Line {error.line}: {error.message}", "error"
        problem = next(iter(self._problems), None)
        if problem is not None and not line and not draft:
            line, words, tone = problem.line, problem.message, "error"
        self.editor.mark_line(line)
        self.sentence.setText(words)
        self.sentence.setVisible(bool(words))
        set_property(self.sentence, "tone", tone)
        self._show_draft()
        asks = problem is not None and problem.needs == "trust"
        self.trust.setVisible(asks)
        self.trust.setText("Run it again" if self._session.code.held else "Trust this file…")
        self.apply_button.setVisible(not asks or draft)
        self.revert.setVisible(not asks or draft)

    def _show_draft(self) -> None:
        draft = self.draft
        self.apply_button.setEnabled(draft)
        tip = "Use this code (Ctrl+Enter)" if draft else "This code is in use already."
        self.apply_button.setToolTip(tip)
        self.revert.setEnabled(draft)
        back = (
            "Back to the code that is in use" if draft else "Nothing is typed that is not in use."
        )
        self.revert.setToolTip(back)


def _taken_and_given(spec: LayerSpec) -> str:
    """Return `x, mask? → out · width, act`."""
    taken = ", ".join(f"{port.name}{'?' if port.optional else ''}" for port in spec.inputs)
    given = ", ".join(port.name for port in spec.outputs)
    settings = ", ".join(param.name for param in spec.params[:-1])
    return f"{taken} → {given}" + (f"  ·  settings: {settings}" if settings else "")
