"""One finding as a card: what was seen, the figures, and a change that is tried with one click."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from studio.engine import protocol as p
from studio.engine.runs import is_low_best
from studio.session.diagnosis import Finding
from studio.session.watching import Trial
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Card, Flow
from studio.ui.views.view import Table, View

#: Icon, card tone and icon colour of a severity.
LOOKS = {
    "error": ("error", "error", "error"),
    "warning": ("warning", "warn", "warn"),
    "hint": ("info", "", "text.2"),
}
#: What stands left of a card's words, under its icon.
INDENT = 24


class FindingCard(Card):
    """Title, words, figures, buttons; after a trial, what came of it. Kept while its finding lasts."""

    layer_wanted = Signal(str)
    curve_wanted = Signal(str)
    trial_wanted = Signal(object)
    keep_wanted = Signal(object)

    def __init__(self, theme: Theme, finding: Finding, layer: str) -> None:
        icon, tone, colour = LOOKS[finding.severity]
        super().__init__(theme, tone)
        self._theme = theme
        self.finding = finding
        self._trial: Trial | None = None
        head = controls.row()
        mark = controls.Icon(theme, icon, colour)
        self.title = controls.label(theme, weight=600, wrap=True)
        head.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.title, 1)
        self.words = controls.label(theme, tone="2", wrap=True)
        self.figures = controls.label(theme, tone="1", role="caption", wrap=True)
        self.plot = TrialPlot(theme)
        self.outcome = controls.label(theme, tone="1", wrap=True)
        buttons = Flow(spacing=8)
        buttons.setContentsMargins(INDENT, 2, 0, 0)
        self.attempt = controls.button(theme, look="primary", small=True)
        self.keep = controls.button(theme, "Keep", small=True)
        self.show_layer = controls.button(theme, f"Show {layer}", small=True)
        self.show_curve = controls.button(theme, "Show curve", small=True)
        for made in (self.attempt, self.keep, self.show_layer, self.show_curve):
            buttons.addWidget(made)
        self.attempt.clicked.connect(lambda: self.trial_wanted.emit(self.finding))
        self.keep.clicked.connect(lambda: self.keep_wanted.emit(self.finding))
        self.show_layer.clicked.connect(lambda: self.layer_wanted.emit(self.finding.node))
        self.show_curve.clicked.connect(lambda: self.curve_wanted.emit(self.finding.curve))
        self.column.addLayout(head)
        self.column.addWidget(self.words)
        self.column.addLayout(buttons)
        for part in (self.figures, self.outcome, self.plot):
            self.column.addWidget(part)
        for part in (self.words, self.figures, self.outcome):
            part.setContentsMargins(INDENT, 0, 0, 0)
        self.attempt.setVisible(finding.change is not None)
        self.show_layer.setVisible(bool(finding.node and layer))
        self.show_curve.setVisible(bool(finding.curve))
        self.show_finding(finding, None, "")

    def show_finding(self, finding: Finding, trial: Trial | None, no_trial: str) -> None:
        """Show the newest figures, and how the trial stands; `no_trial` says why there can be none."""
        self.finding, self._trial = finding, trial
        self.title.setText(finding.title)
        self.words.setText(finding.words)
        self.figures.setText("  ·  ".join(f"{one.name} {one.value}" for one in finding.figures))
        self.setAccessibleName(f"{finding.title}. {finding.words}")
        done = trial.tried if trial is not None else None
        running = trial is not None and trial.state == "running"
        self.plot.setVisible(done is not None)
        self.outcome.setVisible(trial is not None)
        if finding.change is None or trial is None:
            self.outcome.setText("")
        elif done is not None:
            self.plot.show_trial(done)
            self.outcome.setText(told(done))
        elif running:
            self.outcome.setText("Trying it for some steps; the run waits meanwhile…")
        else:
            self.outcome.setText(trial.message)
        if finding.change is None:
            self.keep.hide()
            return
        title = finding.change.title
        tryable = not finding.change.no_trial
        self.attempt.setVisible(tryable)
        self.attempt.setText(("Try again: " if done else "Try: ") + title)
        self.attempt.setEnabled(not running and not no_trial)
        self.attempt.setToolTip(no_trial or "Some steps with this change, and as many without it.")
        self.keep.setVisible(done is not None or not tryable)
        self.keep.setText("Keep" if tryable else title)
        self.keep.setToolTip(
            finding.change.no_trial or "Makes the change in the document, as one undoable step."
        )


def told(tried: p.Tried) -> str:
    """Return what a trial came to, in words."""
    count = tried.losses.shape[1]
    late = max(1, count // 4)
    before, after = (float(row[-late:].mean()) for row in tried.losses)
    parts = [
        f"After {count} steps the training loss is {short(after)}, without it {short(before)}."
    ]
    metrics, changed = tried.metrics
    for name in ("val_accuracy", "val_loss"):
        if name in metrics and name in changed:
            form = percent if name == "val_accuracy" else short
            title = name.replace("val_", "Validation ")
            parts.append(f"{title} {form(changed[name])}, without it {form(metrics[name])}.")
            break
    else:
        return parts[0]
    better = changed[name] < metrics[name] if is_low_best(name) else changed[name] > metrics[name]
    if after < before and better:
        parts.append("It helps.")
    elif after > before and not better:
        parts.append("It does not help.")
    return " ".join(parts)


class TrialPlot(View):
    """The loss of some steps as the run is, and with the change."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Trial", parent)
        self.setFixedHeight(64)
        self._losses = np.zeros((2, 0), np.float32)
        self._step = 0

    def show_trial(self, tried: p.Tried) -> None:
        """Draw a trial."""
        self._losses, self._step = tried.losses, tried.step
        self.update()

    def is_empty(self) -> bool:
        return not np.isfinite(self._losses).any()

    def table(self) -> Table:
        rows = [(self._step + 1 + k, float(a), float(b)) for k, (a, b) in enumerate(self._losses.T)]
        return [("step", "loss as it is", "with the change"), *rows] if rows else []

    def draw(self, painter: QPainter) -> None:
        known = self._losses[np.isfinite(self._losses)]
        low, high = float(known.min()), float(known.max())
        left, top, width, height = INDENT + 2, 16, self.width() - INDENT - 8, self.height() - 20
        count = max(2, self._losses.shape[1])
        colour = self.theme.color
        x = float(left)
        for words, token in (("as it is", "series.1"), ("with the change", "series.2")):
            painter.setPen(QPen(colour(token), 2))
            painter.drawLine(QPointF(x, 7), QPointF(x + 12, 7))
            painter.setPen(colour("text.2"))
            painter.drawText(QPointF(x + 16, 11), words)
            x += 24 + painter.fontMetrics().horizontalAdvance(words) + 8
        for row, token in zip(self._losses, ("series.1", "series.2"), strict=True):
            line = QPolygonF()
            for k, value in enumerate(row):
                if np.isfinite(value):
                    share = (float(value) - low) / max(high - low, 1e-12)
                    line.append(QPointF(left + width * k / (count - 1), top + height * (1 - share)))
            painter.setPen(QPen(colour(token), 1))
            painter.drawPolyline(line)
