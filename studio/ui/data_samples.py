"""A few samples as the network gets them, each with its answer: pictures, masks, boxes, strips or text."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.ui.reporting import reported
from studio.ui.theme import THIN_SPACE, Theme
from studio.ui.views.numbers import short
from studio.ui.views.overlays import box_in, with_classes
from studio.ui.views.scatter import kind_color
from studio.ui.views.tiles import sample_image

_COLUMNS = 5
_GAP = 6
#: Texts take a line of their own; fewer of them fill the same room.
_TEXTS = 6
_LINE = 16
#: Of a graph's nodes and features, only the first are drawn.
_CORNER = 64


class SampleGrid(QWidget):
    """A few samples as the network gets them: pictures in rows, or lines of text with their answers."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._inputs: tuple[np.ndarray, ...] = ()
        self._targets: tuple[np.ndarray, ...] = ()
        self._data: DataFacts | None = None
        self._pictures: list[QImage] = []
        self._texts: list[str] = []
        self._words: list[str] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._paint_anew)

    def show_samples(self, samples: p.SampleSet, data: DataFacts) -> None:
        """Show these samples with their targets."""
        self._data = data
        inputs, targets = np.asarray(samples.inputs), np.asarray(samples.targets)
        count = min(len(inputs), _TEXTS) if data.vocabulary else len(inputs)
        self._inputs, self._targets = tuple(inputs[:count]), tuple(targets[:count])
        self._texts = [text_of(one, data.vocabulary) for one in self._inputs if data.vocabulary]
        self._words = [answer_of(one, data) for one in self._targets]
        self.setAccessibleName(f"{len(self._words)} samples: {', '.join(self._words)}")
        pairs = zip(self._texts, self._words, strict=False)
        self.setToolTip("\n".join(f"{text} → {words}" for text, words in pairs)[:1200])
        self._paint_anew()
        self.updateGeometry()

    def _paint_anew(self) -> None:
        data = self._data
        self._pictures = []
        if data is not None and not data.vocabulary:
            pairs = zip(self._inputs, self._targets, strict=True)
            self._pictures = [_picture(self._theme, one, target, data) for one, target in pairs]
        self.update()

    def sizeHint(self) -> QSize:
        if self._texts:
            return QSize(200, len(self._texts) * (2 * _LINE + _GAP))
        rows = -(-len(self._pictures) // _COLUMNS)
        return QSize(200, rows * (self._side() + 20))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _side(self) -> int:
        return max(24, min(48, (max(self.width(), 200) - 4 * _GAP) // _COLUMNS))

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._theme.font("caption"))
        if self._texts:
            self._paint_texts(painter)
        else:
            self._paint_pictures(painter)
        painter.end()

    def _paint_texts(self, painter: QPainter) -> None:
        metrics, right = painter.fontMetrics(), Qt.TextElideMode.ElideRight
        for at, (text, words) in enumerate(zip(self._texts, self._words, strict=True)):
            top = at * (2 * _LINE + _GAP)
            painter.setPen(self._theme.color("text.1"))
            painter.drawText(QPointF(0, top + 12), metrics.elidedText(text, right, self.width()))
            painter.setPen(self._theme.color("text.3"))
            answer = metrics.elidedText(f"→ {words}", right, self.width() - 10)
            painter.drawText(QPointF(10, top + 12 + _LINE), answer)

    def _paint_pictures(self, painter: QPainter) -> None:
        side = self._side()
        for at, (picture, words) in enumerate(zip(self._pictures, self._words, strict=True)):
            left = (at % _COLUMNS) * (side + _GAP)
            top = (at // _COLUMNS) * (side + 20)
            area = QRectF(left, top, side, side)
            painter.fillRect(area, self._theme.color("bg.input"))
            fitted = picture.size().scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio)
            inner = QRectF(0, 0, fitted.width(), fitted.height())
            inner.moveCenter(area.center())
            painter.drawImage(inner, picture)
            if self._data is not None and self._data.task == "detection":
                self._paint_boxes(painter, inner, self._targets[at])
            painter.setPen(self._theme.color("line"))
            painter.drawRect(area)
            painter.setPen(self._theme.color("text.2"))
            words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, side)
            below = QRectF(left, top + side + 2, side, 14)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, words)

    def _paint_boxes(self, painter: QPainter, inside: QRectF, boxes: np.ndarray) -> None:
        for box in boxes[boxes[:, 0] >= 0]:
            painter.setPen(QPen(kind_color(self._theme, int(box[0])), 1))
            painter.drawRect(box_in(box[1:], inside))


def text_of(tokens: np.ndarray, vocabulary: tuple[str, ...]) -> str:
    """Return tokens as one line of text; line breaks are shown, what fills up at the end is left out."""
    found = [vocabulary[int(one)] for one in tokens if 0 <= int(one) < len(vocabulary)]
    while found and found[-1] in ("<pad>", "<end>"):
        found.pop()
    return "".join(found).replace("\n", "↵").strip()


def answer_of(target: np.ndarray, data: DataFacts) -> str:
    """Return a sample's target in words."""
    target = np.asarray(target)
    names = data.classes
    match data.task:
        case "tokens":
            return text_of(target[target >= 0], names)
        case "nodes":
            return f"{int((target >= 0).sum())} known"
        case "segmentation":  # the first class is what lies behind all others, in every picture
            kinds = (int(kind) for kind in np.unique(target))
            return ", ".join(names[kind] for kind in kinds if 0 < kind < len(names))
        case "detection":
            return ", ".join(names[int(kind)] for kind in target[:, 0] if 0 <= kind < len(names))
        case "multi-label":
            there = [name for name, mark in zip(names, target, strict=False) if mark > 0.5]
            return ", ".join(there) or "none"
    if names and target.ndim == 0:
        index = int(target)
        return names[index] if 0 <= index < len(names) else str(index)
    if names:  # of mixed samples, the largest shares
        largest = [int(kind) for kind in np.argsort(-target)[:2] if target[int(kind)] >= 0.005]
        return ", ".join(f"{names[kind]} {float(target[kind]):.0%}" for kind in largest)
    return f",{THIN_SPACE}".join(short(float(part)) for part in np.ravel(target)[:3])


def _picture(theme: Theme, sample: np.ndarray, target: np.ndarray, data: DataFacts) -> QImage:
    if data.form == "graph":
        sample = sample[:_CORNER, :_CORNER]
    picture = sample_image(theme, sample, *data.value_range)
    if data.task != "segmentation":
        return picture
    return with_classes(theme, picture, np.asarray(target))
