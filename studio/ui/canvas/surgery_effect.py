"""What surgery does to the answer: every class before and after, and the list of what is done."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from studio.engine.protocol import Peeked
from studio.graph.facts import DataFacts
from studio.graph.project import Project
from studio.ui.canvas.surgery_list import SurgeryList
from studio.ui.controls import button, column, label, row
from studio.ui.theme import MINUS, Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.view import Table, View

WIDTH = 264
_PITCH, _ROWS, _FIGURE = 17, 10, 92.0


class ChangeBars(View):
    """A bar for each class as it is now, with a mark where it was, and both figures."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "Prediction before and after surgery")
        self._before = self._after = np.empty(0)
        self._names: tuple[str, ...] = ()
        self._shares = True
        self.setFixedHeight(_PITCH)

    def show_change(
        self, before: np.ndarray, after: np.ndarray, names: tuple[str, ...], shares: bool
    ) -> None:
        """Show outputs without and with surgery; `shares` says that they are probabilities."""
        self._before, self._after = np.ravel(before), np.ravel(after)
        self._names, self._shares = names, shares
        self.setFixedHeight(max(1, len(self.rows)) * _PITCH)
        told = [f"{self._name(k)} {self._figure(k)}" for k in self.rows]
        self.setAccessibleDescription("; ".join(told))
        self.update()

    @property
    def rows(self) -> list[int]:
        """The classes shown: all, or those that count most before or after."""
        count = len(self._after)
        if count <= _ROWS:
            return list(range(count))
        most = np.maximum(np.abs(self._before), np.abs(self._after))
        return sorted(int(k) for k in np.argsort(-most, kind="stable")[:_ROWS])

    def is_empty(self) -> bool:
        return self._after.size == 0

    def table(self) -> Table:
        if self.is_empty():
            return []
        head = ("class" if self._shares else "output", "before", "after")
        return [
            head,
            *(
                (self._name(k), float(self._before[k]), float(self._after[k]))
                for k in range(len(self._after))
            ),
        ]

    def tip(self, at: QPointF) -> str:
        place = int(at.y() // _PITCH)
        if not 0 <= place < len(self.rows):
            return ""
        k = self.rows[place]
        change = float(self._after[k] - self._before[k])
        return f"{self._name(k)}: {self._before[k]:.6g} → {self._after[k]:.6g} ({change:+.4g})"

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        metrics = QFontMetricsF(self.theme.font("caption", 600))
        left = min(72.0, max(metrics.horizontalAdvance(self._name(k)) for k in self.rows) + 8)
        track = QRectF(left, 0, max(20.0, self.width() - left - _FIGURE), 8)
        read = int(np.argmax(self._after)) if self._shares else -1
        for place, k in enumerate(self.rows):
            middle = place * _PITCH + _PITCH / 2
            track.moveTop(middle - 4)
            painter.setFont(self.theme.font("caption", 600 if k == read else 400))
            painter.setPen(colour("text.1" if k == read else "text.2"))
            box = QRectF(0, middle - 8, left - 6, 16)
            words = metrics.elidedText(self._name(k), Qt.TextElideMode.ElideRight, left - 6)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, words)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("bg.input" if self.theme.name == "dark" else "grid"))
            painter.drawRoundedRect(track, 2, 2)
            zero, now, then = (
                self._place(track, value) for value in (0.0, self._after[k], self._before[k])
            )
            painter.setBrush(colour("series.1"))
            painter.drawRoundedRect(
                QRectF(min(zero, now), track.top(), max(1.0, abs(now - zero)), 8), 2, 2
            )
            painter.setPen(QPen(colour("text.1"), 2))
            painter.drawLine(QPointF(then, track.top() - 2), QPointF(then, track.bottom() + 2))
            moved = self._moved(k)
            painter.setPen(colour("text.1" if moved else "text.3"))
            box = QRectF(track.right() + 8, middle - 8, _FIGURE - 8, 16)
            painter.drawText(
                box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._figure(k)
            )

    def _place(self, track: QRectF, value: float) -> float:
        if self._shares:
            return track.left() + track.width() * float(np.clip(np.nan_to_num(value), 0, 1))
        both = np.nan_to_num(np.concatenate([self._before, self._after]))
        low, high = min(0.0, float(both.min())), max(0.0, float(both.max()))
        share = (float(np.nan_to_num(value)) - low) / ((high - low) or 1.0)
        return track.left() + track.width() * share

    def _moved(self, k: int) -> bool:
        return self._text(self._before[k]) != self._text(self._after[k])

    def _figure(self, k: int) -> str:
        after = self._text(self._after[k])
        return f"{self._text(self._before[k])} → {after}" if self._moved(k) else after

    def _text(self, value: float) -> str:
        if not self._shares:
            return short(float(value))
        return percent(float(value), 0) if value >= 0.005 or value != value else "0"

    def _name(self, k: int) -> str:
        return self._names[k] if k < len(self._names) else str(k)


class EffectCard(QWidget):
    """The surgery of the project and what it does to one sample's answer. It asks by signals."""

    amended = Signal(object, object)
    healed = Signal(object)
    walked = Signal(int)

    def __init__(self, theme: Theme, host: QWidget) -> None:
        super().__init__(host)
        self._theme = theme
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Surgery and its effect")
        self.setFixedWidth(WIDTH)
        self._body = column(self, spacing=6)
        self._body.setContentsMargins(12, 8, 8, 10)
        head = row(spacing=4)
        head.addWidget(label(theme, "Surgery", weight=600), 1)
        self.previous = button(
            theme, icon="chevron-left", look="ghost", small=True, tip="Previous sample"
        )
        self.next = button(theme, icon="chevron-right", look="ghost", small=True, tip="Next sample")
        self.previous.clicked.connect(lambda: self.walked.emit(-1))
        self.next.clicked.connect(lambda: self.walked.emit(1))
        self.clear = button(theme, "Remove all", look="link")
        self.clear.clicked.connect(lambda: self.healed.emit(self._surgery))
        head.addWidget(self.clear)
        self._body.addLayout(head)
        self.list = SurgeryList(theme)
        self.list.amended.connect(self.amended)
        self.list.healed.connect(self.healed)
        self._body.addWidget(self.list)
        line = row(spacing=2)
        self.sentence = label(theme, "", "1", wrap=True)
        line.addWidget(self.sentence, 1)
        line.addWidget(self.previous)
        line.addWidget(self.next)
        self._body.addLayout(line)
        self.bars = ChangeBars(theme)
        self._body.addWidget(self.bars)
        self.note = label(theme, "", "3", "caption", wrap=True)
        self._body.addWidget(self.note)
        self._surgery: tuple[object, ...] = ()
        self.hide()

    def show_surgery(self, project: Project) -> None:
        """Show what is done, and nothing where nothing is."""
        self._surgery = project.surgery
        self.list.show_surgery(project, project.surgery)
        self.clear.setVisible(len(project.surgery) > 1)
        self.setVisible(bool(project.surgery))
        self._fit()

    def show_answer(
        self,
        found: Peeked | None,
        facts: DataFacts | None,
        sample: int,
        trained: bool,
        trouble: str,
    ) -> None:
        """Show the answer to a sample without and with surgery, or why there is none."""
        self.bars.setVisible(found is not None and not trouble)
        self.note.setText("")
        if trouble or found is None:
            self.sentence.setText(trouble or f"Sample {Theme.number(sample)}…")
        else:
            shares = facts is not None and facts.task == "classification"
            names = () if facts is None else facts.classes if shares else facts.target_names
            self.bars.show_change(found.plain, found.outputs, names, shares)
            self.sentence.setText(_verdict(found, names, shares))
            if not trained:
                self.note.setText(
                    "Fresh weights: train the network, then its answers mean something."
                )
        self.note.setVisible(bool(self.note.text()))
        self._fit()

    def _fit(self) -> None:
        self._body.activate()
        self.resize(WIDTH, self._body.totalHeightForWidth(WIDTH))


def _verdict(found: Peeked, names: tuple[str, ...], shares: bool) -> str:
    head = f"Sample {Theme.number(found.index)}"
    if not shares:
        change = float(np.abs(found.outputs - found.plain).max(initial=0.0))
        return f"{head}: the output moves by {short(change)}." if change else f"{head}: no change."

    def name(k: int) -> str:
        return names[k] if k < len(names) else str(k)

    if found.target:
        head += f" (truly {name(int(found.target[0]))})"
    before, after = int(np.argmax(found.plain)), int(np.argmax(found.outputs))
    if before != after:
        return f"{head} was read as {name(before)}, now as {name(after)}."
    change = float(found.outputs[after] - found.plain[after])
    points = f"{100 * change:+.1f}".replace("-", MINUS)
    if abs(change) < 0.0005:
        return f"{head} is read as {name(after)}, as before."
    return f"{head} is still read as {name(after)}, {points} points."
