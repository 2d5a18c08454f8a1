"""Below the canvas: what does not work yet and how to mend it, what was said, what can be undone."""

from __future__ import annotations

import time
from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QListWidget,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QTabBar,
    QWidget,
)

from studio.graph.edits import Batch, Dismiss, SimpleEdit
from studio.graph.problems import Problem, Repair
from studio.graph.project import Project
from studio.graph.topology import name_path
from studio.session import events as e
from studio.session.session import Session
from studio.ui.canvas.knowledge import way_to
from studio.ui.controls import badge, button, chip, column, label, row, rule, set_property, surface
from studio.ui.problem_row import ProblemRow
from studio.ui.theme import Theme

HEAD = 32
_CONSOLE_LINES = 500


#: Severities from the worst on, with the word for several.
SEVERITIES = {"error": "errors", "warning": "warnings", "hint": "hints"}


def all_problems(session: Session) -> list[Problem]:
    """Return every problem of the newest facts, errors first."""
    facts = session.facts
    if facts is None:
        return []
    inner = [problem for network in facts.networks.values() for problem in network.problems]
    ranks = list(SEVERITIES)
    return sorted([*facts.problems, *inner], key=lambda problem: ranks.index(problem.severity))


def dismissed_hints(session: Session) -> list[Problem]:
    """Return the hints that were dismissed at their nodes."""
    networks = session.facts.networks.values() if session.facts else ()
    return [problem for network in networks for problem in network.dismissed]


def as_text(project: Project, problems: Iterable[Problem]) -> str:
    """Return problems as lines for a chat or an issue: severity, place, sentence, repairs."""
    lines = []
    for problem in problems:
        place = name_path(project, problem.network, problem.node) if problem.node else ""
        at = " · ".join(part for part in (place, problem.port) if part)
        lines.append(f"{problem.severity}{f' at {at}' if at else ''}: {problem.message}")
        lines += [
            f"  - {repair.title}" + (f" → {repair.result}" if repair.result else "")
            for repair in problem.repairs
        ]
    return "\n".join(lines)


def count_words(number: int, severity: str) -> str:
    """Return a count as `1 error`, `2 hints`."""
    return f"{number} {severity if number == 1 else SEVERITIES[severity]}"


def as_edit(repair: Repair) -> Batch:
    """Return a repair as one undoable step."""
    edits: list[SimpleEdit] = []
    for edit in repair.edits:
        edits += edit.edits if isinstance(edit, Batch) else (edit,)
    return Batch(repair.title, tuple(edits))


#: More rows than anyone reads would only hold the window up.
MOST_ROWS = 100


class ProblemsPanel(QWidget):
    """Problems, Console and History. `revealed` carries a network and an id path to show."""

    revealed = Signal(str, str)
    data_wanted = Signal()
    collapsed_changed = Signal(bool)
    page_shown = Signal(int)
    trust_wanted = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._problems: list[Problem] = []
        self._filled: object = None
        self._at = -1
        self.rows: list[ProblemRow] = []
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(HEAD)
        outer = column(self)
        outer.addWidget(self._make_head())
        self.line = rule()
        outer.addWidget(self.line)
        self.stack = QStackedWidget()
        outer.addWidget(self.stack, 1)
        self._list = QScrollArea()
        self._list.setWidgetResizable(True)
        inside = surface("panel")
        self._rows_box = column(inside)
        self.none = label(theme, tone="3")
        self.none.setContentsMargins(12, 12, 12, 8)
        self._rows_box.addWidget(self.none)
        self.rest = label(theme, tone="3")
        self.rest.setContentsMargins(12, 4, 12, 8)
        self.rest.hide()
        self._rows_box.addWidget(self.rest)
        self._rows_box.addStretch(1)
        self._list.setWidget(inside)
        self.stack.addWidget(self._list)
        self.console = QPlainTextEdit()
        self.console.setReadOnly(True)
        self.console.setFont(theme.font("mono"))
        self.console.setMaximumBlockCount(_CONSOLE_LINES)
        self.console.setAccessibleName("Console")
        self.console.setPlaceholderText("What the studio has to say appears here.")
        self.stack.addWidget(self.console)
        self.history = QListWidget()
        self.history.setAccessibleName("Steps that can be undone")
        self.history.itemActivated.connect(lambda item: self._undo_to(self.history.row(item)))
        self.history.itemDoubleClicked.connect(lambda item: self._undo_to(self.history.row(item)))
        self.stack.addWidget(self.history)
        self.tabs.currentChanged.connect(self._on_tab)
        self.tabs.tabBarClicked.connect(lambda index: self.set_collapsed(False))
        theme.changed.connect(self._fill)
        self._fill()
        self._show_history()

    def _make_head(self) -> QWidget:
        head = QWidget()
        head.setFixedHeight(HEAD)
        line = row(head, spacing=6)
        line.setContentsMargins(4, 0, 8, 0)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setFixedHeight(HEAD)
        self.tabs.setAccessibleName("Problems, console, history and code")
        for title in ("Problems", "Console", "History"):
            self.tabs.addTab(title)
        line.addWidget(self.tabs)
        self.count = badge(self._theme, "badge-error")
        self.count.setParent(self.tabs)
        line.addStretch(1)
        self.filters = {severity: chip(self._theme, "", checked=True) for severity in SEVERITIES}
        self.hidden = chip(self._theme, "")
        for made in (*self.filters.values(), self.hidden):
            made.toggled.connect(lambda: self._fill())
            made.hide()
            line.addWidget(made)
        self.hidden.setToolTip("Show the hints that were dismissed")
        self.copy = button(
            self._theme, icon="copy", look="ghost", small=True, tip="Copy the list as text"
        )
        self.copy.clicked.connect(lambda: self._copy(self._problems))
        line.addWidget(self.copy)
        self.fold = button(
            self._theme, icon="chevron-down", look="ghost", small=True, tip="Fold this panel"
        )
        self.fold.clicked.connect(lambda: self.set_collapsed(not self.collapsed))
        line.addWidget(self.fold)
        return head

    def add_page(self, title: str, page: QWidget) -> None:
        """Put a further page beside problems, console and history."""
        self.tabs.addTab(title)
        self.stack.addWidget(page)

    # ------------------------------------------------------------------------------------- showing

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the engine's problems, what is said, and the steps of the document."""
        match event:
            case e.FactsChanged():
                self._fill()
            case e.DocumentOpened():
                self._fill()
                self._show_history()
            case e.DocumentChanged():
                self._show_history()
            case e.Noticed(text=text, severity=severity, details=details):
                self.say(f"{severity}: {text}", details)
            case e.EngineChanged(role=role, state=state, message=message):
                self.say(f"{role} engine {state}" + (f": {message}" if message else ""))
            case e.TrainingChanged(state=state, message=message):
                self.say(f"training {state}" + (f": {message}" if message else ""))
            case _:
                pass

    def say(self, text: str, details: str = "") -> None:
        """Add a line to the console."""
        stamp = time.strftime("%H:%M:%S")
        self.console.appendPlainText(f"{stamp}  {text}" + (f"\n{details}" if details else ""))

    @property
    def collapsed(self) -> bool:
        """Whether only the head shows."""
        return not self.stack.isVisibleTo(self)

    def set_collapsed(self, collapsed: bool) -> None:
        """Fold the panel to its head, or open it."""
        if collapsed == self.collapsed:
            return
        self.stack.setVisible(not collapsed)
        self.line.setVisible(not collapsed)
        self.setMaximumHeight(HEAD if collapsed else 16_777_215)
        self._theme.put_icon(self.fold, "chevron-up" if collapsed else "chevron-down")
        tip = "Open this panel" if collapsed else "Fold this panel"
        self.fold.setToolTip(tip)
        self.fold.setAccessibleName(tip)
        self.collapsed_changed.emit(collapsed)

    def next(self) -> None:
        """Show the next problem on the canvas."""
        self._go(1)

    def previous(self) -> None:
        """Show the problem before on the canvas."""
        self._go(-1)

    def _go(self, by: int) -> None:
        if not self._problems:
            return
        start = self._at if self._at >= 0 else (-1 if by > 0 else 0)
        self._at = (start + by) % len(self._problems)
        self.tabs.setCurrentIndex(0)
        listed = self._at < len(self.rows)
        self._list.ensureWidgetVisible(self.rows[self._at] if listed else self.rest)
        self._reveal(self._problems[self._at])

    def _fill(self) -> None:
        """Show what is known now; the rows stay where it is the same as before."""
        problems, dismissed = all_problems(self._session), dismissed_hints(self._session)
        self._count(problems, dismissed)
        shown = [one for one in problems if self.filters[one.severity].isChecked()]
        extra = dismissed if self.hidden.isChecked() and dismissed else []
        project = self._session.document.project
        places = [name_path(project, one.network, one.node) for one in (*shown, *extra)]
        state = (shown, extra, places, self._theme.name, len(problems))
        known = self._session.facts is not None
        words = "No problems." if known else "Shapes are being worked out."
        if problems and not shown:
            words = "Everything is filtered out. Press a count above to see it."
        self.none.setText(words)
        if state == self._filled:
            return
        self._filled = state
        for old in self.rows:
            self._rows_box.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.rows = []
        self._problems = [*shown, *extra]
        self._at = -1
        for place, problem in zip(places[:MOST_ROWS], self._problems, strict=False):
            self.rows.append(self._make_row(problem, place, problem in extra))
            self._rows_box.insertWidget(self._rows_box.indexOf(self.rest), self.rows[-1])
        more = len(self._problems) - len(self.rows)
        self.rest.setText(f"And {Theme.number(more)} more. F8 goes on to them, copying takes all.")
        self.rest.setVisible(more > 0)
        self.none.setVisible(not self._problems)
        self.copy.setEnabled(bool(self._problems))
        tip = "Copy the list as text" if self._problems else "There is nothing to copy."
        self.copy.setToolTip(tip)

    def _make_row(self, problem: Problem, place: str, dismissed: bool) -> ProblemRow:
        project = self._session.document.project
        made = ProblemRow(self._theme, project, problem, place if problem.node else "", dismissed)
        made.revealed.connect(lambda: self._reveal(problem))
        made.repaired.connect(self._mend)
        made.dismissed.connect(lambda on: self._dismiss(problem, on))
        made.trust_wanted.connect(self.trust_wanted)
        made.copied.connect(lambda: self._copy([problem]))
        return made

    def _count(self, problems: list[Problem], dismissed: list[Problem]) -> None:
        counts = {
            severity: sum(problem.severity == severity for problem in problems)
            for severity in SEVERITIES
        }
        for severity, made in self.filters.items():
            number = counts[severity]
            made.setText(count_words(number, severity))
            made.setVisible(bool(number) and self.tabs.currentIndex() == 0)
            made.setToolTip(f"Show or hide {SEVERITIES[severity]}")
        self.hidden.setText(f"{len(dismissed)} dismissed")
        self.hidden.setVisible(bool(dismissed) and self.tabs.currentIndex() == 0)
        serious = counts["error"] + counts["warning"]
        set_property(self.count, "look", "badge-error" if counts["error"] else "badge-warn")
        self.count.setText(str(serious))
        right = QTabBar.ButtonPosition.RightSide
        self.tabs.setTabButton(0, right, self.count if serious else None)
        self.count.setVisible(bool(serious))
        words = ", ".join(count_words(number, one) for one, number in counts.items() if number)
        self.tabs.setTabToolTip(0, f"{words or 'No problems'} (F8 next, Shift+F8 back)")

    def _show_history(self) -> None:
        self.history.clear()
        self.history.addItems(list(self._session.document.steps))
        self.history.scrollToBottom()
        self.history.setToolTip("Double-click a step to undo back to before it")

    # -------------------------------------------------------------------------------------- acting

    def _on_tab(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self.copy.setVisible(index == 0)
        self._fill()
        self.set_collapsed(False)
        self.page_shown.emit(index)

    def _reveal(self, problem: Problem) -> None:
        if problem.node:
            self.revealed.emit(problem.network, problem.node)
        else:
            self.data_wanted.emit()

    def _mend(self, repair: Repair) -> None:
        self._session.do(as_edit(repair))

    def _dismiss(self, problem: Problem, on: bool) -> None:
        prefix, _, node = problem.node.rpartition("/")
        project = self._session.document.project
        way = way_to(project, problem.network, f"{prefix}/" if prefix else "")
        if way:
            self._session.do(Dismiss(way[-1][1].where, node, problem.rule, on))

    def _copy(self, problems: list[Problem]) -> None:
        QApplication.clipboard().setText(as_text(self._session.document.project, problems))

    def _undo_to(self, index: int) -> None:
        while len(self._session.document.steps) > index:
            self._session.undo()
