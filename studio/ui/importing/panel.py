"""Import: which file, which class, which input, agreed to run it; then the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from studio.engine import protocol as p
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import button, column, label, row
from studio.ui.importing.dialog import ImportDialog
from studio.ui.theme import Theme

#: Asks for a file: a filter in, a path or "" out.
Pick = Callable[[str], str]

FILES = "PyTorch modules, exported programs and ONNX (*.py *.pt2 *.onnx)"
_SIZE, _NAMES = QSize(560, 420), 92


class ImportPanel(ImportDialog):
    """Asks what a network is imported from, and shows what became of it."""

    def __init__(
        self, session: Session, theme: Theme, pick: Pick, parent: QWidget | None = None
    ) -> None:
        reading = "The network is being read"
        super().__init__(session, theme, "Import network", _SIZE, reading, parent)
        self._pick = pick
        self._stop: Callable[[], None] | None = None
        self._classes: dict[str, p.OutlinedClass] = {}
        self._unreadable = ""
        self.assemble(self._form(), self._buttons())
        self.listen()
        self.finished.connect(self._on_finished)
        self._make_ready(True)
        self._refresh()

    # ------------------------------------------------------------------------------------ assembling

    def _form(self) -> QWidget:
        page = QWidget()
        fields = column(page, spacing=8)
        self.path = QLineEdit()
        self.path.setPlaceholderText(
            "A .py, .pt2 or .onnx file, or a dotted name such as package.models"
        )
        self.path.editingFinished.connect(self._on_path)
        self.path.textChanged.connect(self._refresh)
        self.browse = button(self._theme, "Choose…", icon="open")
        self.browse.clicked.connect(self._on_browse)
        self._line(fields, "From", self.path).addWidget(self.browse)
        self.classes = QComboBox()
        self.classes.setEditable(True)
        self.classes.currentTextChanged.connect(self._on_class)
        self._line(fields, "Class", self.classes)
        self.args = QLineEdit()
        self.args.setPlaceholderText('As JSON: [3, 10] or {"classes": 10}')
        self._line(fields, "Arguments", self.args)
        self.input = QLineEdit()
        self.input.setPlaceholderText("One sample: 3,32,32, or int:16 for 16 token ids")
        self._line(fields, "Input", self.input)
        self.note = label(self._theme, tone="3", role="caption", wrap=True)
        fields.addWidget(self.note)
        self.agreed = QCheckBox("I know this code and let it run on this computer")
        self.agreed.toggled.connect(self._refresh)
        fields.addWidget(self.agreed)
        self.warning = label(
            self._theme,
            "Importing Python runs it with your rights: it can read and change your files. It runs in a "
            "process of its own, which Cancel ends.",
            tone="2",
            role="caption",
            wrap=True,
        )
        fields.addWidget(self.warning)
        fields.addStretch(1)
        return page

    def _line(self, fields: QVBoxLayout, name: str, made: QLineEdit | QComboBox) -> QHBoxLayout:
        line = row()
        words = label(self._theme, name, tone="2")
        words.setFixedWidth(_NAMES)
        made.setAccessibleName(name)
        line.addWidget(words)
        line.addWidget(made, 1)
        fields.addLayout(line)
        return line

    def _buttons(self) -> QHBoxLayout:
        line = row()
        line.addStretch(1)
        self.cancel.clicked.connect(self._on_cancel)
        self.start = button(self._theme, "Import", look="primary")
        self.start.setDefault(True)
        self.start.clicked.connect(self._on_start)
        line.addWidget(self.cancel)
        line.addWidget(self.start)
        return line

    # --------------------------------------------------------------------------------------- showing

    @property
    def runs_code(self) -> bool:
        """Whether what is chosen is Python, which importing runs."""
        path = Path(self.path.text().strip())
        return path.suffix.lower() in (".py", "") or not path.exists()

    def why_not(self) -> str:
        """Return why nothing can be imported now, or ""."""
        if self._stop is not None:
            return "The network is being read."
        if not self.path.text().strip():
            return "Choose a file first."
        if self._unreadable:
            return self._unreadable
        if self.runs_code and self._session.safe:
            return "Safe mode runs no foreign Python. A .pt2 or .onnx file can be imported."
        if self.runs_code and not self.agreed.isChecked():
            return "Agree that the code runs, or look at it first."
        return ""

    def _refresh(self) -> None:
        reason = self.why_not()
        busy = self._stop is not None
        code = self.runs_code
        self.start.setEnabled(not reason)
        self.start.setToolTip(reason)
        self.progress.setVisible(busy)
        self.pages.setEnabled(not busy)
        for widget in (self.classes, self.args, self.input):
            widget.setEnabled(code)
            widget.setToolTip("" if code else "An exported program knows this itself.")
        asks = code and not self._session.safe
        self.agreed.setVisible(asks)
        self.warning.setVisible(asks)

    def _make_ready(self, wanted: bool) -> None:
        """Have the process that reads files started while a person still chooses one, or ended."""

        def no_matter(answer: p.Answer | p.Refused) -> None:
            """An import starts the process itself where none is ready."""

        self._session.ask(p.PrepareImport(wanted), no_matter, no_matter)

    # ----------------------------------------------------------------------------------------- slots

    def _on_browse(self) -> None:
        chosen = self._pick(FILES)
        if chosen:
            self.path.setText(chosen)
            self._on_path()

    def _on_path(self) -> None:
        """Read which classes there are off the file's text."""
        path = self.path.text().strip()
        self._unreadable = ""
        self.complain("")
        if Path(path).suffix.lower() == ".py" and Path(path).is_file():
            self._session.ask(p.GetOutline(path), self._outlined, self._no_outline)
        self._refresh()

    def _outlined(self, answer: p.Answer) -> None:
        if self.closed:
            return
        assert isinstance(answer, p.Outline)
        self._classes = {one.name: one for one in answer.classes}
        self.classes.clear()
        self.classes.addItems(list(self._classes))
        whole = [one.name for one in answer.classes if not one.part]
        if not answer.classes:
            self._unreadable = "The file defines no class of nn.Module. Choose another file."
            self.complain(self._unreadable)
        else:
            self.classes.setCurrentText((whole or list(self._classes))[-1])
        self._refresh()

    def _no_outline(self, refused: p.Refused) -> None:
        if self.closed:
            return
        self._unreadable = refused.message
        self.complain(refused.message)
        self._refresh()

    def _on_class(self, name: str) -> None:
        found = self._classes.get(name)
        if found is None:
            self.note.setText("")
            return
        self.input.setText(found.shape)
        needed = found.arguments[: found.required]
        words = f"{name} takes {', '.join(found.arguments)}." if found.arguments else ""
        self.note.setText(f"{words} Needed: {', '.join(needed)}." if needed else words)

    def _on_start(self) -> None:
        fields = {"class": self.classes.currentText(), "args": self.args.text()}
        fields["input"] = self.input.text()
        options = {key: text.strip() for key, text in fields.items() if text.strip()}
        self.complain("")
        ticket = self._session.import_network(
            self.path.text().strip(),
            options if self.runs_code else {},
            self.agreed.isChecked(),
            self._refused,
        )
        self._stop = ticket.cancel
        self._refresh()

    def _refused(self, refused: p.Refused) -> None:
        if self.closed:
            return
        self._stop = None
        self._make_ready(True)  # for the next attempt
        self.complain("" if refused.cancelled else refused.message)
        self._refresh()

    def on_event(self, event: e.SessionEvent) -> None:
        if isinstance(event, e.ImportDone) and self._stop is not None:
            self._stop = None
            self._refresh()
            self.conclude(f"Imported {event.name}", event.report, self.start)

    def _on_cancel(self) -> None:
        if self._stop is not None:
            self._stop()
            return
        self.reject()

    def _on_finished(self) -> None:
        self._make_ready(False)
        if self._stop is not None:
            self._stop()
