"""One problem in the list: the sentence, where it is, what may be done, and what that would do."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from studio.graph.edit_words import described
from studio.graph.problems import Problem, Repair
from studio.graph.project import Project
from studio.ui.controls import Tone, button, label, row, set_property
from studio.ui.theme import Theme
from studio.ui.views.view import plain

#: Icon and colour of each severity.
MARKS: dict[str, tuple[str, str]] = {
    "error": ("error", "error"),
    "warning": ("warning", "warn"),
    "hint": ("info", "text.2"),
}


class ProblemRow(QWidget):
    """Shows a problem. A click anywhere asks to see its node; the repair under the pointer, or with the
    focus, is spelt out in the place of the sentence before it is done."""

    revealed = Signal()
    repaired = Signal(object)
    dismissed = Signal(bool)
    trust_wanted = Signal()
    copied = Signal()

    def __init__(
        self, theme: Theme, project: Project, problem: Problem, place: str, dismissed: bool = False
    ) -> None:
        super().__init__()
        self._theme, self._project = theme, project
        self.problem = problem
        self.menu: QMenu | None = None
        self.setProperty("surface", "row")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(44)
        if problem.node:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        line = row(self, spacing=10)
        line.setContentsMargins(12, 8, 12, 8)
        icon, token = MARKS[problem.severity]
        picture = label(theme)
        picture.setPixmap(theme.pixmap(icon, token, 16, self.devicePixelRatioF()))
        line.addWidget(picture)
        tone: Tone = "3" if dismissed else "1"
        self.sentence = label(theme, problem.message, tone=tone, wrap=True)
        line.addWidget(self.sentence, 1)
        count = len(problem.repairs)
        words = [part for part in (place, problem.port) if part]
        if count:
            words.append(f"{count} checked repair{'s' if count > 1 else ''}")
        self.place = label(theme, " · ".join(words), tone="3")
        line.addWidget(self.place)
        self.shown = button(theme, "Show", small=True)
        self.shown.setVisible(bool(problem.node))
        self.shown.clicked.connect(self.revealed)
        line.addWidget(self.shown)
        verb = "Restore" if dismissed else "Dismiss"
        tip = "Give this hint again" if dismissed else "Stop giving this hint at this node"
        self.dismiss = button(theme, verb, small=True, tip=tip)
        self.dismiss.setVisible(bool(problem.rule))
        self.dismiss.clicked.connect(lambda: self.dismissed.emit(not dismissed))
        line.addWidget(self.dismiss)
        self.trust = button(theme, "Trust this file…", look="primary", small=True)
        self.trust.setToolTip("Read the code that this file brings, and let it run")
        self.trust.clicked.connect(self.trust_wanted)
        line.addWidget(self.trust)
        self.trust.setVisible(problem.needs == "trust")
        look: Literal["", "primary"] = "primary" if problem.severity == "error" else ""
        self.repair = button(theme, "", look=look, small=True)
        self.more = button(theme, icon="chevron-down", small=True, tip="Other repairs")
        if count:
            line.addWidget(self.repair)
            self._make_repair(problem.repairs[0])
        if count > 1:
            line.addWidget(self.more)
            self._make_menu(problem.repairs[1:])
        self.setAccessibleName(f"{problem.severity}: {problem.message}")

    def _make_repair(self, best: Repair) -> None:
        self.repair.setText(best.title)
        said = f"{best.title} → {best.result}" if best.result else best.title
        self.repair.setToolTip(plain(said))
        self.repair.setAccessibleDescription(self.preview_of(best))
        self.repair.clicked.connect(lambda: self.repaired.emit(best))
        self.repair.installEventFilter(self)

    def _make_menu(self, others: tuple[Repair, ...]) -> None:
        menu = self.menu = QMenu(self.more)
        for repair in others:
            words = f"{repair.title}  → {repair.result}" if repair.result else repair.title
            action = menu.addAction(words.replace("&", "&&"))
            action.setStatusTip(self.preview_of(repair))
            action.triggered.connect(lambda _=False, chosen=repair: self.repaired.emit(chosen))
        menu.hovered.connect(self._on_hovered)
        menu.aboutToHide.connect(lambda: self.show_preview(""))
        self.more.clicked.connect(
            lambda: menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))
        )

    def preview_of(self, repair: Repair) -> str:
        """Return what a repair would do: its changes, the shape it leads to, what would be left to do."""
        parts = ["; ".join(described(self._project, repair.edits)) or repair.title]
        if repair.result:
            parts.append(f"gives {repair.result}")
        if repair.parameters:
            sign = "+" if repair.parameters > 0 else "−"
            parts.append(f"{sign}{self._theme.number(abs(repair.parameters))} parameters")
        if self.problem.severity == "error":
            more = f"{repair.left} error{'' if repair.left == 1 else 's'} left"
            parts.append(more if repair.left else "no error left")
        return " · ".join(parts)

    def show_preview(self, text: str) -> None:
        """Show what a repair would do in the place of the sentence; "" shows the sentence again."""
        self.sentence.setMinimumHeight(self.sentence.height() if text else 0)
        self.sentence.setText(text or self.problem.message)
        set_property(self.sentence, "tone", "accent" if text else "1")

    def _on_hovered(self, action: QAction) -> None:
        self.show_preview(action.statusTip())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(watched, QPushButton) and self.problem.repairs:
            if event.type() in (QEvent.Type.Enter, QEvent.Type.FocusIn):
                self.show_preview(self.preview_of(self.problem.repairs[0]))
            elif event.type() in (QEvent.Type.Leave, QEvent.Type.FocusOut):
                self.show_preview("")
        return False

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        inside = self.rect().contains(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and inside:
            self.revealed.emit()
        super().mouseReleaseEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy as text").triggered.connect(self.copied)
        menu.popup(event.globalPos())
