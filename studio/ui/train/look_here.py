"""What deserves a look, as cards; and the values that may be changed while training."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from studio.engine import protocol as p
from studio.graph.problems import Problem
from studio.session.diagnosis import Change, Finding
from studio.session.watching import Trial
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.finding_card import FindingCard
from studio.ui.train.hit_card import HitCard
from studio.ui.views.panel import Card, Flow, Panel

_ICONS = {"error": "error", "warning": "warning", "hint": "info"}
_TONES = {"error": "error", "warning": "warn", "hint": ""}


class LookHere(Panel):
    """Where a breakpoint holds the run, then a card a finding and a problem: what was seen, what helps."""

    layer_wanted = Signal(str)
    curve_wanted = Signal(str)
    repair_wanted = Signal(object)
    trial_wanted = Signal(object)
    keep_wanted = Signal(object)
    counted = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Look here", parent=parent)
        self._theme = theme
        self.badge = controls.badge(theme, "badge-warn")
        self.head_row.insertWidget(1, self.badge)
        self.cards: list[ProblemCard] = []
        self.hit: HitCard | None = None
        self.findings: dict[str, FindingCard] = {}
        self._problems: tuple[Problem, ...] = ()
        self._first = controls.column(spacing=8)
        self._found = controls.column(spacing=8)
        self._list = controls.column(spacing=8)
        holder = QWidget()
        holder.setProperty("surface", "")
        outer = controls.column(holder)
        outer.setSpacing(8)
        for cards in (self._first, self._found, self._list):
            outer.addLayout(cards)
        self._below = controls.column(spacing=8)
        outer.addLayout(self._below)
        outer.addStretch(1)
        area = self._area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        self.nothing = controls.label(theme, tone="3", wrap=True)
        self._list.addWidget(self.nothing)
        self.body.addWidget(area, 1)
        self.show_problems((), "", str)

    def show_problems(
        self, problems: tuple[Problem, ...], message: str, name: Callable[[str], str]
    ) -> None:
        """Show a card for each problem; `message` is how the run failed, where it says more."""
        if message and not any(message == problem.message for problem in problems):
            problems = (Problem(message), *problems)
        if problems == self._problems and problems:
            self._count()
            return
        self._problems = problems
        for card in self.cards:
            self._list.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = []
        for problem in problems:
            card = ProblemCard(self._theme, problem, name(problem.node) if problem.node else "")
            card.layer_wanted.connect(self.layer_wanted)
            card.repair_wanted.connect(self.repair_wanted)
            self.cards.append(card)
            self._list.addWidget(card)
        self._count()

    def show_findings(
        self,
        findings: tuple[Finding, ...],
        name: Callable[[str], str],
        trial: Callable[[str], Trial | None],
        no_trial: Callable[[Change], str],
    ) -> None:
        """Show a card for each finding; one that lasts keeps its card."""
        lasting = {finding.rule for finding in findings}
        for rule in [rule for rule in self.findings if rule not in lasting]:
            if trial(rule) is None:  # what a trial has shown stays to be kept
                _drop(self.findings.pop(rule), self._found)
        for finding in findings:
            card = self.findings.get(finding.rule)
            if card is not None and card.finding.node != finding.node:
                _drop(self.findings.pop(finding.rule), self._found)
                card = None
            if card is None:
                card = FindingCard(self._theme, finding, name(finding.node) if finding.node else "")
                card.layer_wanted.connect(self.layer_wanted)
                card.curve_wanted.connect(self.curve_wanted)
                card.trial_wanted.connect(self.trial_wanted)
                card.keep_wanted.connect(self.keep_wanted)
                self.findings[finding.rule] = card
                self._found.addWidget(card)
            change = finding.change
            card.show_finding(finding, trial(finding.rule), no_trial(change) if change else "")
        self._count()

    def show_hit(self, hit: p.BreakpointHit | None, layer: str) -> bool:
        """Show where the run is held; returns whether its batch is still to be shown."""
        if hit is self.hit_shown:
            return False
        if self.hit is not None:
            _drop(self.hit, self._first)
            self.hit = None
        if hit is not None:
            self.hit = HitCard(self._theme, hit, layer)
            self.hit.layer_wanted.connect(self.layer_wanted)
            self._first.addWidget(self.hit)
        self._count()
        return hit is not None

    @property
    def hit_shown(self) -> p.BreakpointHit | None:
        """The hit that has a card."""
        return self.hit.hit if self.hit is not None else None

    def reveal(self, rule: str) -> None:
        """Bring a finding's card into sight, as soon as it has its new height."""
        card = self.findings.get(rule)
        if card is not None:
            QTimer.singleShot(0, card, lambda: self._area.ensureWidgetVisible(card.keep, 0, 40))

    def forget(self) -> None:
        """Drop every finding: another run is shown."""
        for card in self.findings.values():
            _drop(card, self._found)
        self.findings = {}
        self._count()

    @property
    def count(self) -> int:
        """How many cards there are to look at."""
        shown = [card for card in self.cards if card.problem.rule not in self.findings]
        return len(self.findings) + len(shown) + (self.hit is not None)

    def _count(self) -> None:
        for card in self.cards:  # a finding tells the same with figures and a change
            card.setVisible(card.problem.rule not in self.findings)
        count = self.count
        self.nothing.setVisible(not count)
        self.nothing.setText(
            "Nothing needs a look: nothing is odd about the loss, gradients reach every layer, and no "
            "layer is largely dead."
        )
        self.badge.setText(str(count))
        self.badge.setVisible(bool(count))
        self.counted.emit(count)

    def put_below(self, widget: QWidget) -> None:
        """Put something under the cards, which scrolls with them."""
        self._below.addWidget(widget)


def _drop(card: Card, cards: QVBoxLayout) -> None:
    cards.removeWidget(card)
    card.hide()
    card.deleteLater()


class ProblemCard(Card):
    """One problem: its first sentence strong, the rest quiet, repairs as buttons."""

    layer_wanted = Signal(str)
    repair_wanted = Signal(object)

    def __init__(self, theme: Theme, problem: Problem, layer: str) -> None:
        super().__init__(theme, _TONES[problem.severity])
        self.problem = problem
        head, _, rest = problem.message.partition(". ")
        token = _TONES[problem.severity] or "text.2"
        icon = controls.Icon(theme, _ICONS[problem.severity], token)
        title = controls.label(theme, head if rest else head.rstrip("."), weight=600, wrap=True)
        line = controls.row()
        line.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(title, 1)
        self.column.addLayout(line)
        if rest:
            words = controls.label(theme, rest, "2", wrap=True)
            words.setContentsMargins(24, 0, 0, 0)
            self.column.addWidget(words)
        self.setAccessibleName(problem.message)
        if not layer and not problem.repairs:
            return
        buttons = Flow(spacing=8)
        buttons.setContentsMargins(24, 2, 0, 0)
        for k, repair in enumerate(problem.repairs):
            made = controls.button(
                theme, repair.title, look="primary" if k == 0 else "", small=True
            )
            made.setToolTip("Changes the network for the next run; this run goes on as it is.")
            made.clicked.connect(lambda _=False, chosen=repair: self.repair_wanted.emit(chosen))
            buttons.addWidget(made)
        if layer:
            show = controls.button(theme, f"Show {layer}", small=True)
            show.clicked.connect(lambda: self.layer_wanted.emit(problem.node))
            buttons.addWidget(show)
        self.column.addLayout(buttons)
