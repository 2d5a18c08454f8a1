"""The line above a run: what it does, how far it is, how fast, and on what."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from studio.engine.protocol import Load
from studio.session.history import History
from studio.ui.theme import Theme
from studio.ui.views.numbers import clock, percent, size
from studio.ui.views.view import View

_STATES = {
    "": ("Starting", "text.3"),
    "running": ("Training", "accent"),
    "paused": ("Paused", "warn"),
    "finished": ("Finished", "text.2"),
    "stopped": ("Stopped", "text.2"),
    "failed": ("Failed", "error"),
    "interrupted": ("Interrupted", "error"),
}

#: Runs of text with the token and weight of each.
Words = tuple[tuple[str, str, int], ...]


class StatusRow(View):
    """State, epoch with a bar, step, speed, time left, what watching costs and what the run takes of its
    device; samples and batch at the right. What has no room is in the tooltip."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Run", parent)
        self.setFixedHeight(36)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._state: tuple[str, str] = ("No run yet", "text.3")
        self._share = 0.0
        self._left: tuple[Words, ...] = ()
        self._right = ""
        self._edited = False
        self._name = ""

    def show_run(self, history: History, state: str, *, edited: bool) -> None:
        """Show where a run stands; `state` is the session's training state."""
        number = self.theme.number
        status = state if state in ("paused", "stopping", "starting") else history.status
        words = {"stopping": ("Stopping", "warn"), "starting": ("Starting", "text.3")}
        self._state = words.get(status) or _STATES.get(status, (status.capitalize(), "text.2"))
        if history.working and status == "running":
            self._state = (f"{history.working}…", "accent")
        elif status == "finished" and history.summary and history.summary.message:
            self._state = ("Stopped early", "text.2")
        self._edited = edited
        if not history.folder:
            self._state = ("No run yet", "text.3")
        started, progress, summary = history.started, history.progress, history.summary
        if started is None:
            self._left, self._right, self._share = (), "", 0.0
            self._tell()
            return
        total = history.total_steps
        step = history.step if progress else (summary.steps if summary else 0)
        live = status in ("running", "paused", "stopping")
        if live and progress:
            epoch = min(started.epochs, progress.epoch)
        else:
            epoch = len(history.epochs)
        self._share = step / total if total else 0.0
        left: list[Words] = [
            ((f"Epoch {epoch}/{started.epochs}", "text.1", 600),),
            ((f"step {number(step)} of {number(total)}", "text.2", 400),),
        ]
        if progress is not None:
            rate = number(round(progress.samples_per_s))
            left.append(((rate, "text.1", 600), (" samples/s", "text.2", 400)))
        if live and progress is not None:
            left.append((("ETA ", "text.2", 400), (clock(progress.eta_s), "text.1", 600)))
        elif summary is not None:
            left.append((("took ", "text.2", 400), (clock(summary.seconds), "text.1", 600)))
        if progress is not None and progress.overhead > 0:
            cost = percent(progress.overhead)
            left.append((("overhead ", "text.2", 400), (cost, "text.1", 600)))
        if progress is not None and progress.load is not None:
            left += _load(progress.load, started.device)
        self._left = tuple(left)
        self._right = (
            f"{number(started.train_samples)} training · "
            f"{number(started.validation_samples)} validation · batch {number(started.batch_size)} · "
            f"{started.device}"
        )
        self._name = started.name
        self._tell()

    def text(self) -> str:
        """Return everything the row says, as one line."""
        parts = [self._state[0], *("".join(run for run, _, _ in words) for words in self._left)]
        if self._edited:
            parts.append("graph edited since this run began")
        return " · ".join(part for part in (*parts, self._right) if part)

    def _tell(self) -> None:
        self.setAccessibleDescription(self.text())
        self.update()

    def tip(self, at: object) -> str:
        return self.text()

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        painter.fillRect(self.rect(), colour("bg.panel"))
        painter.setPen(colour("line"))
        bottom = self.height() - 1
        painter.drawLine(0, bottom, self.width(), bottom)
        title, token = self._state
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(token))
        painter.drawEllipse(QRectF(16, 14, 8, 8))
        x = self._put(painter, 32, ((title, "text.1", 600),))
        if not self._left:
            return
        x = self._put(painter, x + 8, ((self._name, "text.3", 400),))
        quiet = QFontMetricsF(self.theme.font("body"))
        right = self.width() - 16.0
        if self._edited:
            right = self._draw_badge(painter, right)
        room = right - x
        needed = sum(self._wide(words) + 20 for words in self._left) + 270
        note = quiet.horizontalAdvance(self._right)
        if room > needed + note:
            painter.setFont(self.theme.font("body"))
            painter.setPen(colour("text.3"))
            box = QRectF(right - note - 4, 0, note + 4, 36)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._right)
            right = box.left()
        for k, words in enumerate(self._left):
            if x + 20 + self._wide(words) > right:
                break
            x = self._put(painter, x + 20, words)
            if k == 0:
                x = self._draw_bar(painter, x + 12, 240.0 if room > needed else 120.0)

    def _draw_bar(self, painter: QPainter, x: float, width: float) -> float:
        colour = self.theme.color
        track = QRectF(x, 15, width, 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("bg.raised" if self.theme.name == "dark" else "line"))
        painter.drawRoundedRect(track, 3, 3)
        track.setWidth(max(6.0, track.width() * min(1.0, self._share)))
        painter.setBrush(colour(self._state[1]))
        painter.drawRoundedRect(track, 3, 3)
        return x + width - 8

    def _draw_badge(self, painter: QPainter, right: float) -> float:
        words = "Edited since this run began"
        painter.setFont(self.theme.font("caption", 600))
        width = QFontMetricsF(painter.font()).horizontalAdvance(words) + 16
        box = QRectF(right - width, 8, width, 20)
        painter.setPen(self.theme.color("warn"))
        painter.setBrush(self.theme.color("warn.soft"))
        painter.drawRoundedRect(box, 10, 10)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
        return box.left() - 12

    def _wide(self, words: Words) -> float:
        return sum(
            QFontMetricsF(self.theme.font("body", weight)).horizontalAdvance(run)
            for run, _, weight in words
        )

    def _put(self, painter: QPainter, x: float, words: Words) -> float:
        for run, token, weight in words:
            font = self.theme.font("body", weight)
            width = QFontMetricsF(font).horizontalAdvance(run)
            painter.setFont(font)
            painter.setPen(self.theme.color(token))
            painter.drawText(QRectF(x, 0, width + 2, 36), Qt.AlignmentFlag.AlignVCenter, run)
            x += width
        return x


def _load(load: Load, device: str) -> list[Words]:
    """Return how busy the run kept its device, and the memory it held."""
    told: list[Words] = []
    if load.busy is not None:
        unit = "GPU" if device.startswith("cuda") else "CPU"
        told.append(((f"{unit} ", "text.2", 400), (percent(load.busy, 0), "text.1", 600)))
    if load.memory:
        of = f" of {size(load.total)}" if load.total else ""
        told.append(
            (("memory ", "text.2", 400), (size(load.memory), "text.1", 600), (of, "text.2", 400))
        )
    return told
