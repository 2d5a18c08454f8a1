"""Time: one line with all that a run kept, to go back to any stored step and to now again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QWidget

from studio.session.history import History
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.change_words import change_words
from studio.ui.train.scores import main_score
from studio.ui.views.axis import rounds
from studio.ui.views.redraw import Redraw
from studio.ui.views.view import Table, View

#: Heights with and without the line that explains the diamond, and where the line of time runs.
TALL, LOW = 124, 92
_LINE, _LEFT, _RIGHT = 62.0, 40.0, 92.0
#: How far Page up and Page down go, in moments, and how near the mouse has to be to something.
_PAGE, _NEAR = 10, 6.0


class Flag(NamedTuple):
    """Something that happened at a step: an icon of the theme, a colour, few words, and all of them."""

    step: int
    icon: str
    token: str
    words: str
    whole: str


class Scrubber(View):
    """Shows the shown run's time; drag, click or ← and → wish for a moment, Live for the newest.

    `moment_wanted` carries a step, or None for now.
    """

    moment_wanted = Signal(object)

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Time", parent)
        self.own_keys = frozenset(
            [Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End]
        )
        self._history = History()
        self._name: Callable[[str], str] = str
        self._flags: tuple[Flag, ...] = ()
        self._checkpoints: tuple[int, ...] = ()
        self._wish: int | None = None
        self._dragging = False
        self.live = controls.button(theme, "Live", look="link", tip="Show the newest again (End)")
        self.live.setParent(self)
        self.live.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.live.clicked.connect(lambda: self._ask(None))
        self.set_compact(False)
        redraw.register(self, self._fill)
        self._redraw = redraw

    # ----------------------------------------------------------------------------------- what is set

    def show_history(self, history: History, name: Callable[[str], str] = str) -> None:
        """Show another run's time; `name` words the place of a node that was changed."""
        self._name = name
        self._history, self._wish, self._dragging = history, None, False
        self.mark()

    def set_checkpoints(self, steps: tuple[int, ...]) -> None:
        """Mark the steps whose weights can be gone back to."""
        if steps != self._checkpoints:
            self._checkpoints = steps
            self.update()

    def mark(self) -> None:
        """Say that something came."""
        self._redraw.mark(self)

    def moment_changed(self) -> None:
        """Say that another moment is shown: the handle stands at it, unless it has been dragged on."""
        if self._wish == self._history.at or not self._dragging:
            self._wish = None
        self.mark()

    def set_compact(self, compact: bool) -> None:
        """Use less height."""
        self.setFixedHeight(LOW if compact else TALL)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What is flagged above the line, in order of time."""
        return self._flags

    @property
    def shown(self) -> int | None:
        """The step that the handle stands at: what was wished for, else what is shown; None is live."""
        return self._wish if self._wish is not None else self._history.at

    def table(self) -> Table:
        rows: list[tuple[object, ...]] = [(step, "moment", "") for step in self._history.moments]
        rows += [(step, "checkpoint", "") for step in self._checkpoints]
        rows += [(flag.step, "event", flag.whole) for flag in self._flags]
        return [("step", "what", "words"), *sorted(rows, key=str)] if rows else []

    # -------------------------------------------------------------------------------------- filling

    def _fill(self) -> None:
        history = self._history
        self._flags = tuple(sorted(_flags(history, self._name)))
        self.live.setEnabled(self.shown is not None)
        self.live.setVisible(bool(history.folder))
        self._describe()
        self.update()

    def _describe(self) -> None:
        history, at = self._history, self.shown
        end = Theme.number(self._end())
        count = len(history.moments)
        kept = f"{count} moments kept" if count != 1 else "1 moment kept"
        if at is None:
            text = f"Live, step {end}, {kept}"
        else:
            place = int(np.searchsorted(np.array(history.moments), at)) + 1
            text = f"Step {Theme.number(at)} of {end}, moment {place} of {count}"
        self.setAccessibleDescription(text)

    def _end(self) -> int:
        history = self._history
        steps = [history.step, *(e.step for e in history.epochs[-1:]), *history.moments[-1:]]
        return max(1, *steps)

    # -------------------------------------------------------------------------------------- drawing

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        self._draw_head(painter)
        left, right = self._ends()
        now = right if self.shown is None else self._x(self.shown)
        painter.setPen(
            QPen(colour("accent.line"), 5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        )
        painter.drawLine(QLineF(left, _LINE, now, _LINE))
        if now < right:
            painter.setPen(
                QPen(colour("line.strong"), 5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
            )
            painter.drawLine(QLineF(now, _LINE, right, _LINE))
        painter.setPen(QPen(colour("bg.panel", 0.9), 1))
        for step in self._history.moments:
            x = self._x(step)
            painter.drawLine(QLineF(x, _LINE - 2, x, _LINE + 2))
        self._draw_epochs(painter)
        for step in self._checkpoints:
            self._draw_diamond(painter, QPointF(self._x(step), _LINE))
        self._draw_flags(painter)
        self._draw_handle(painter, QPointF(now, _LINE), live=self.shown is None)
        if self.height() >= TALL:
            self._draw_foot(painter)

    def _draw_head(self, painter: QPainter) -> None:
        colour, middle = self.theme.color, Qt.AlignmentFlag.AlignVCenter
        head = QRectF(12, 0, self.width() - 24, 30)
        painter.setFont(self.theme.font("body", 600))
        painter.setPen(colour("text.1"))
        painter.drawText(head, middle, "Time")
        start = QFontMetricsF(painter.font()).horizontalAdvance("Time") + 20
        painter.setFont(self.theme.font("caption"))
        painter.setPen(colour("text.3"))
        keys = "← → one moment"
        metrics = QFontMetricsF(painter.font())
        painter.setPen(colour("text.2"))
        painter.drawText(head, middle | Qt.AlignmentFlag.AlignRight, keys)
        room = head.width() - start - metrics.horizontalAdvance(keys) - 12
        painter.setPen(colour("text.3"))
        at = self.shown
        words = "drag to move plots, wires, weights and maps to any stored step"
        if at is not None:
            words = f"step {Theme.number(at)}{self._epoch_of(at)}; what is below is of that moment"
        elif not self._history.moments:
            words = "moments to go back to appear as the run goes on"
        shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, max(0.0, room))
        painter.drawText(head.adjusted(start - 12, 0, 0, 0), middle, shown)

    def _draw_epochs(self, painter: QPainter) -> None:
        if self._history.started is None:
            return
        epochs = float(self._history.epochs_at(np.array([self._end()]))[0])
        left, right = self._ends()
        painter.setFont(self.theme.font("caption"))
        painter.setPen(self.theme.color("text.3"))
        for epoch in rounds(0.0, epochs, max(2, int((right - left) // 80))):
            if epoch != int(epoch):
                continue
            step = float(self._history.steps_at(np.array([epoch]))[0])
            x = left + (right - left) * step / self._end()
            text = f"epoch {int(epoch)}" if epoch else "0"
            painter.drawLine(QLineF(x, _LINE + 8, x, _LINE + 11))
            box = QRectF(x - 40, _LINE + 11, 80, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, text)

    def _draw_diamond(self, painter: QPainter, at: QPointF, radius: float = 5.5) -> None:
        colour = self.theme.color
        around = [(0, -radius), (radius, 0), (0, radius), (-radius, 0)]
        painter.setPen(QPen(colour("text.1"), 1.5))
        painter.setBrush(colour("bg.panel"))
        painter.drawPolygon(QPolygonF([at + QPointF(x, y) for x, y in around]))

    def _draw_flags(self, painter: QPainter) -> None:
        """Draw a mark at each flag, and its words where they have room; the latest matter most."""
        metrics = QFontMetricsF(self.theme.font("caption"))
        taken: list[tuple[float, float]] = []
        for flag in reversed(self._flags):
            x = self._x(flag.step)
            painter.setPen(QPen(self.theme.color(flag.token), 1.5))
            painter.drawLine(QLineF(x, _LINE - 12, x, _LINE - 6))
            words = metrics.elidedText(flag.words, Qt.TextElideMode.ElideRight, 150)
            width = metrics.horizontalAdvance(words) + 20
            start = min(max(x - 7, 4.0), self.width() - width - 8)
            if any(start < other_end and start + width > other for other, other_end in taken):
                continue
            taken.append((start - 8, start + width + 8))
            self.theme.draw_icon(painter, QPointF(start, _LINE - 30), flag.icon, flag.token, 14)
            painter.setFont(self.theme.font("caption"))
            painter.setPen(self.theme.color(flag.token if flag.token == "warn" else "text.2"))
            painter.drawText(QPointF(start + 19, _LINE - 19), words)

    def _draw_handle(self, painter: QPainter, at: QPointF, *, live: bool) -> None:
        colour = self.theme.color
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("accent"))
        painter.drawEllipse(at, 8.0, 8.0)
        painter.setBrush(colour("bg.panel"))
        painter.drawEllipse(at, 3.0, 3.0)
        if not live:
            painter.setPen(QPen(colour("text.3"), 1.5))
            painter.setBrush(colour("bg.panel"))
            painter.drawEllipse(QPointF(self._ends()[1], _LINE), 5.0, 5.0)

    def _draw_foot(self, painter: QPainter) -> None:
        line = QRectF(12, self.height() - 26, self.width() - 24, 20)
        painter.setFont(self.theme.font("caption"))
        self._draw_diamond(painter, QPointF(18, line.center().y()), 4.5)
        painter.setPen(self.theme.color("text.3"))
        middle = Qt.AlignmentFlag.AlignVCenter
        text = "checkpoint: the weights of this step are kept"
        painter.drawText(line.adjusted(16, 0, 0, 0), middle, text)
        count = len(self._history.moments)
        kept = "1 moment kept" if count == 1 else f"{count} moments kept"
        painter.drawText(line, middle | Qt.AlignmentFlag.AlignRight, kept)

    # ------------------------------------------------------------------------------------ geometry

    def _ends(self) -> tuple[float, float]:
        return _LEFT, max(_LEFT + 40.0, self.width() - _RIGHT)

    def _x(self, step: float) -> float:
        left, right = self._ends()
        return left + (right - left) * min(1.0, step / self._end())

    def _step_at(self, x: float) -> int:
        left, right = self._ends()
        return round(min(max((x - left) / (right - left), 0.0), 1.0) * self._end())

    def _epoch_of(self, step: int) -> str:
        started = self._history.started
        return f", epoch {self._history.epochs_at(np.array([step]))[0]:.1f}" if started else ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        size = self.live.sizeHint()
        self.live.setGeometry(
            int(self._ends()[1]) + 16, int(_LINE) - size.height() // 2, size.width(), size.height()
        )

    # ---------------------------------------------------------------------------------- interaction

    def tip(self, at: QPointF) -> str:
        if abs(at.y() - _LINE) > 36:
            return ""
        near = [flag.whole for flag in self._flags if abs(self._x(flag.step) - at.x()) < _NEAR]
        near += [
            f"Checkpoint of step {Theme.number(step)}"
            for step in self._checkpoints
            if abs(self._x(step) - at.x()) < _NEAR
        ]
        if abs(at.y() - _LINE) < 12:
            step = self._step_at(at.x())
            near.append(f"Step {Theme.number(step)}{self._epoch_of(step)}")
        return "\n".join(near)

    def _ask(self, step: int | None) -> None:
        moments = self._history.moments
        if step is not None and moments:
            wanted = step
            step = min(moments, key=lambda kept: abs(kept - wanted))
        if not moments:
            step = None
        if step == self.shown:
            return
        self._wish = step
        self.moment_wanted.emit(step)
        self.mark()
        self.update()

    def _ask_at(self, x: float) -> None:
        """Wish for what is at a place; beyond the last moment that is now."""
        left, right = self._ends()
        self._ask(None if x > right - 3 else self._step_at(max(x, left)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and abs(event.position().y() - _LINE) < 16:
            self._dragging = True
            self._ask_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._ask_at(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moments, at = self._history.moments, self.shown
        place = len(moments) if at is None else int(np.searchsorted(np.array(moments), at))
        stride = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_PageUp: -_PAGE,
            Qt.Key.Key_PageDown: _PAGE,
            Qt.Key.Key_Home: -len(moments),
            Qt.Key.Key_End: len(moments) + 1,
            Qt.Key.Key_Escape: len(moments) + 1,
        }.get(Qt.Key(event.key()))
        if stride is None or not moments:
            super().keyPressEvent(event)
            return
        place = max(0, place + stride)
        self._ask(moments[place] if place < len(moments) else None)


def _flags(history: History, name: Callable[[str], str]) -> list[Flag]:
    """Return what is worth a flag: problems, changed settings, pauses, the best epoch."""
    flags = [
        Flag(found.step, "warning", "warn", _few(found.problem.message), found.problem.message)
        for found in history.found
        if found.problem.severity != "hint"
    ]
    for change in history.changes:
        if change.action == "set":
            words = change_words(change.values, name)
            flags.append(Flag(change.step, "settings", "text.2", words, f"{words} from here on"))
        elif change.action == "paused":
            flags.append(Flag(change.step, "pause", "text.2", "paused", "Paused here"))
    score = main_score(history)
    best = history.best(f"val_{score.name}") or history.best("val_loss")
    done = next((e for e in history.epochs if best is not None and e.epoch == best[0]), None)
    if best is not None and done is not None:
        whole = f"Best {score.title.lower()} so far, after epoch {done.epoch}"
        flags.append(Flag(done.step, "flag", "text.1", "best", whole))
    return flags


def _few(message: str) -> str:
    """Return the beginning of a sentence."""
    return message.split(":", 1)[0].split(". ", 1)[0]
