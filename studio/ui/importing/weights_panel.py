"""Import weights: which tensor of a file goes where, seen and changed before anything is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.engine import protocol as p
from studio.graph.weight_match import Rename, Row, Table, Weight, matched
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import SearchField, Segments, button, column, label, row
from studio.ui.importing.dialog import ImportDialog
from studio.ui.importing.weight_table import LeftList, WeightModel, WeightView
from studio.ui.theme import Theme

WEIGHTS = "Weights (*.safetensors *.pt *.pth *.bin *.ckpt)"
_SIZE, _LEFT = QSize(1120, 640), 232


class Ticket(Protocol):
    """A question under way."""

    def cancel(self) -> None: ...


class WeightsPanel(ImportDialog):
    """Matches the weights of a file with the network's."""

    def __init__(
        self, session: Session, theme: Theme, path: str, parent: QWidget | None = None
    ) -> None:
        reading = "The weights are being read"
        super().__init__(session, theme, "Import weights", _SIZE, reading, parent)
        self._path = path
        self._ours: tuple[Weight, ...] = ()
        self._theirs: tuple[Weight, ...] = ()
        self._chosen: dict[str, str] = {}
        self._taking = False
        self.table = Table((), ())
        self.summary = label(theme, f"{Path(path).name} is being read.", tone="2", wrap=True)
        self.assemble(self._matching(), self._buttons(), self.summary)
        self.listen()
        self.finished.connect(self._on_finished)
        self._ticket: Ticket | None = session.weight_names(path, self._on_names, self._refused)
        self._refresh()

    # ------------------------------------------------------------------------------------ assembling

    def _matching(self) -> QWidget:
        page = QWidget()
        fields = column(page, spacing=8)
        line = row()
        self.filter = SearchField(self._theme)
        self.filter.setPlaceholderText("Filter by name")
        self.filter.textChanged.connect(self._show)
        self.shown = Segments(self._theme, ("All", "Open", "Matched"))
        self.shown.setAccessibleName("Rows to show")
        self.shown.picked.connect(self._show)
        line.addWidget(self.filter, 1)
        line.addWidget(self.shown)
        line.addSpacing(8)
        self.read_from, self.read_as = (
            self._name_field("Find", "encoder.*"),
            self._name_field("Put", "layers.*"),
        )
        for words, made in (("Read", self.read_from), ("as", self.read_as)):
            line.addWidget(label(self._theme, words, tone="2"))
            line.addWidget(made)
        fields.addLayout(line)
        self.model = WeightModel(self._theme, self)
        self.model.chosen.connect(self._on_chosen)
        self.view = WeightView(self.model)
        self.view.revealed.connect(self.revealed)
        both = row(spacing=16)
        both.addWidget(self.view, 1)
        both.addLayout(self._left_side())
        fields.addLayout(both, 1)
        return page

    def _left_side(self) -> QVBoxLayout:
        side = column(spacing=6)
        side.addSpacing(5)
        self.left_title = label(self._theme, "Left in the file", tone="2", weight=600)
        side.addWidget(self.left_title)
        self.left = LeftList()
        self.left.setFixedWidth(_LEFT)
        side.addWidget(self.left, 1)
        hint = "Drag one onto a row, or double-click a row's match to choose."
        words = label(self._theme, hint, tone="3", role="caption", wrap=True)
        words.setFixedWidth(_LEFT)
        side.addWidget(words)
        return side

    def _name_field(self, name: str, example: str) -> QLineEdit:
        made = QLineEdit()
        made.setAccessibleName(f"{name} in the file's names")
        made.setPlaceholderText(example)
        made.setFixedWidth(150)
        made.setToolTip("Names of the file are read with this change; * is any one part of a name.")
        made.textChanged.connect(self.match)
        return made

    def _buttons(self) -> QHBoxLayout:
        line = row()
        self.reset = button(self._theme, "Match anew", icon="reset")
        self.reset.setToolTip("Forget the matches that you chose")
        self.reset.clicked.connect(self._on_reset)
        line.addWidget(self.reset)
        line.addStretch(1)
        self.cancel.clicked.connect(self.reject)
        self.apply = button(self._theme, "Apply", look="primary")
        self.apply.setDefault(True)
        self.apply.clicked.connect(self._on_apply)
        line.addWidget(self.cancel)
        line.addWidget(self.apply)
        return line

    # --------------------------------------------------------------------------------------- showing

    def match(self) -> None:
        """Match again, with the rule and the choices as they are."""
        rename = Rename(self.read_from.text().strip(), self.read_as.text().strip())
        self.table = matched(self._ours, self._theirs, rename, self._chosen)
        self._show()

    def why_not(self) -> str:
        """Return why nothing can be taken now, or ""."""
        if self._ticket is not None:
            return "The weights are being read."
        if not self._ours:
            return "There are no weights to match."
        if not self.table.pairs:
            return "Nothing matches. Change the rule for names, or choose matches."
        return ""

    def _show(self) -> None:
        words = self.filter.text().strip().lower()
        kind = self.shown.current

        def wanted(one: Row) -> bool:
            names = f"{one.ours.name} {one.theirs.name if one.theirs else ''}".lower()
            return words in names and (kind == 0 or one.taken == (kind == 2))

        rows = [one for one in self.table.rows if wanted(one)]
        self.view.show_table(self.table, rows, self._theirs)
        self.left.show_left([one for one in self.table.left if words in one.name.lower()])
        self._refresh()

    def _refresh(self) -> None:
        reason = self.why_not()
        self.apply.setEnabled(not reason)
        self.apply.setToolTip(reason)
        self.reset.setEnabled(bool(self._chosen))
        self.reset.setToolTip("" if self._chosen else "No match was chosen by hand.")
        self.progress.setVisible(self._ticket is not None)
        self.pages.setEnabled(self._ticket is None)
        if self._ours:
            self.summary.setText(self._counted())
            self.left_title.setText(f"Left in the file, {len(self.table.left)}")

    def _counted(self) -> str:
        rows = self.table.rows
        taken = len(self.table.pairs)
        other = sum(one.how == "shape" for one in rows)
        missing = len(rows) - taken - other
        parts = [f"{taken} of {len(rows)} weights match"]
        if missing:
            parts.append(f"{missing} {'gets' if missing == 1 else 'get'} nothing")
        if other:
            parts.append(f"{other} {'has' if other == 1 else 'have'} another shape")
        return f"{Path(self._path).name}: {', '.join(parts)}."

    # ----------------------------------------------------------------------------------------- slots

    def _on_names(self, answer: p.WeightNames) -> None:
        if self.closed:
            return  # answers come after it, too
        self._ticket = None
        self._ours, self._theirs = answer.ours, answer.theirs
        self.match()

    def _on_chosen(self, ours: str, theirs: str) -> None:
        """Take a choice; who had that tensor by choice has it no more."""
        wanted = {one.name: one for one in self._ours}[ours]
        given = {one.name: one for one in self._theirs}.get(theirs)
        if given is not None and given.shape != wanted.shape:
            self.complain(
                f"{given.name} is {given.size} and {ours} is {wanted.size}: it does not fit."
            )
            return
        self.complain("")
        self._chosen = {
            key: name for key, name in self._chosen.items() if name != theirs or not name
        }
        self._chosen[ours] = theirs
        self.match()

    def _on_reset(self) -> None:
        self._chosen = {}
        self.match()

    def _on_apply(self) -> None:
        self.complain("")
        self._taking = True
        self._ticket = self._session.take_weights(self._path, self.table.pairs, self._refused)
        self._refresh()

    def _refused(self, refused: p.Refused) -> None:
        if self.closed:
            return
        self._ticket, self._taking = None, False
        self.complain("" if refused.cancelled else refused.message)
        if not self._ours:
            self.summary.setText(f"{Path(self._path).name} was not read.")
        self._refresh()

    def on_event(self, event: e.SessionEvent) -> None:
        if isinstance(event, e.DocumentOpened):
            self.reject()
        elif isinstance(event, e.WeightsTaken) and self._taking:
            self._ticket, self._taking = None, False
            self._refresh()
            self.summary.setText(
                "Training and explanations begin with these weights; Undo takes them back."
            )
            heading = f"The network starts from {event.name}"
            self.conclude(heading, event.report, self.apply, self.reset)

    def _on_finished(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
