"""Below the canvas: what does not work yet and how to mend it, what was said, what can be undone."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QListWidget,
    QMenu,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QTabBar,
    QWidget,
)

from studio.graph.edits import Batch, SimpleEdit
from studio.graph.problems import Problem, Repair
from studio.graph.topology import name_path
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import badge, button, column, label, row, rule, set_property, surface
from studio.ui.prompts import SEVERITY_ICONS
from studio.ui.theme import Theme

HEAD = 32
_CONSOLE_LINES = 500


def all_problems(session: Session) -> list[Problem]:
    """Return every problem of the newest facts, errors first."""
    facts = session.facts
    if facts is None:
        return []
    inner = [problem for network in facts.networks.values() for problem in network.problems]
    ranks = {"error": 0, "warning": 1, "hint": 2}
    return sorted([*facts.problems, *inner], key=lambda problem: ranks[problem.severity])


def as_edit(repair: Repair) -> Batch:
    """Return a repair as one undoable step."""
    edits: list[SimpleEdit] = []
    for edit in repair.edits:
        edits += edit.edits if isinstance(edit, Batch) else (edit,)
    return Batch(repair.title, tuple(edits))


class ProblemRow(QWidget):
    """One problem: the sentence, where it is, and a button for its best repair."""

    def __init__(self, theme: Theme, problem: Problem, place: str) -> None:
        super().__init__()
        self.problem = problem
        self.menu: QMenu | None = None
        line = row(self, spacing=10)
        line.setContentsMargins(12, 8, 12, 8)
        kind = {"error": "error", "warning": "warning"}.get(problem.severity, "info")
        icon, token = SEVERITY_ICONS[kind]  # type: ignore[index]
        picture = label(theme)
        picture.setPixmap(theme.pixmap(icon, token, 16, self.devicePixelRatioF()))
        line.addWidget(picture)
        self.sentence = label(theme, problem.message, wrap=True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        line.addWidget(self.sentence, 1)
        count = len(problem.repairs)
        words = [part for part in (place, problem.port) if part]
        if count:
            words.append(f"{count} checked repair{'s' if count > 1 else ''}")
        self.place = label(theme, " · ".join(words), tone="3")
        line.addWidget(self.place)
        self.shown = button(theme, "Show", small=True)
        self.shown.setVisible(bool(problem.node))
        line.addWidget(self.shown)
        self.repair = button(theme, "", look="primary", small=True)
        self.more = button(theme, icon="chevron-down", small=True, tip="Other repairs")
        if count:
            best = problem.repairs[0]
            self.repair.setText(best.title)
            self.repair.setToolTip(f"{best.title} → {best.result}" if best.result else best.title)
            line.addWidget(self.repair)
        if count > 1:
            line.addWidget(self.more)
        self.setAccessibleName(f"{problem.severity}: {problem.message}")


class ProblemsPanel(QWidget):
    """Problems, Console and History. `revealed` carries a network and an id path to show."""

    revealed = Signal(str, str)
    data_wanted = Signal()
    collapsed_changed = Signal(bool)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._problems: list[Problem] = []
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
        self.tabs.setAccessibleName("Problems, console and history")
        for title in ("Problems", "Console", "History"):
            self.tabs.addTab(title)
        line.addWidget(self.tabs)
        self.count = badge(self._theme, "badge-error")
        self.count.setParent(self.tabs)
        line.addStretch(1)
        self.fold = button(
            self._theme, icon="chevron-down", look="ghost", small=True, tip="Fold this panel"
        )
        self.fold.clicked.connect(lambda: self.set_collapsed(not self.collapsed))
        line.addWidget(self.fold)
        return head

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
        if not self._problems:
            return
        self._at = (self._at + 1) % len(self._problems)
        self.tabs.setCurrentIndex(0)
        self._list.ensureWidgetVisible(self.rows[self._at])
        self._reveal(self._problems[self._at])

    def _fill(self) -> None:
        problems = all_problems(self._session)
        self._count(problems)
        for old in self.rows:
            self._rows_box.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.rows = []
        self._problems = problems
        self._at = -1
        for problem in problems:
            self.rows.append(self._make_row(problem))
            self._rows_box.insertWidget(self._rows_box.count() - 1, self.rows[-1])
        self.none.setVisible(not problems)
        known = self._session.facts is not None
        self.none.setText("No problems." if known else "Shapes are being worked out.")

    def _make_row(self, problem: Problem) -> ProblemRow:
        project = self._session.document.project
        place = name_path(project, problem.network, problem.node) if problem.node else ""
        made = ProblemRow(self._theme, problem, place)
        made.shown.clicked.connect(lambda: self._reveal(problem))
        if problem.repairs:
            made.repair.clicked.connect(lambda: self._mend(problem.repairs[0]))
        if len(problem.repairs) > 1:
            menu = made.menu = QMenu(made.more)
            for repair in problem.repairs[1:]:
                words = f"{repair.title}  → {repair.result}" if repair.result else repair.title
                action = menu.addAction(words.replace("&", "&&"))
                action.triggered.connect(lambda _=False, chosen=repair: self._mend(chosen))
            made.more.clicked.connect(
                lambda: menu.popup(made.more.mapToGlobal(made.more.rect().bottomLeft()))
            )
        return made

    def _count(self, problems: list[Problem]) -> None:
        errors = sum(problem.severity == "error" for problem in problems)
        set_property(self.count, "look", "badge-error" if errors else "badge-warn")
        self.count.setText(str(len(problems)))
        right = QTabBar.ButtonPosition.RightSide
        self.tabs.setTabButton(0, right, self.count if problems else None)
        self.count.setVisible(bool(problems))
        self.tabs.setTabToolTip(0, f"{errors} errors, {len(problems) - errors} others (F8 next)")

    def _show_history(self) -> None:
        self.history.clear()
        self.history.addItems(list(self._session.document.steps))
        self.history.scrollToBottom()
        self.history.setToolTip("Double-click a step to undo back to before it")

    # -------------------------------------------------------------------------------------- acting

    def _on_tab(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self.set_collapsed(False)

    def _reveal(self, problem: Problem) -> None:
        if problem.node:
            self.revealed.emit(problem.network, problem.node)
        else:
            self.data_wanted.emit()

    def _mend(self, repair: Repair) -> None:
        self._session.do(as_edit(repair))

    def _undo_to(self, index: int) -> None:
        while len(self._session.document.steps) > index:
            self._session.undo()
