"""Frames around nodes, and notes: what people write on a sheet."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from studio.graph.geometry import FRAME_BOTTOM, FRAME_TOP
from studio.graph.project import Frame, Note
from studio.graph.spec import CATEGORIES
from studio.ui.canvas.node_paint import PORT_RADIUS
from studio.ui.reporting import reported
from studio.ui.theme import Theme

FRAME_Z = -10.0
HEADER_Z = 3.0
NOTE_Z = 8.0
HEADER = 28.0
SIDE = 16.0
#: Beside an upright wire in a frame, for half of its label.
LABEL_ROOM = 48.0
#: How much of its colour a frame's ground takes on.
_TINT = 0.08
_NOTE_TOP = 34.0
_NOTE_LINE = 18.0


def frame_around(nodes: QRectF, wires: QRectF) -> QRectF:
    """Return the frame around the nodes and the wires between them."""
    box = nodes.adjusted(-SIDE, -FRAME_TOP, SIDE, FRAME_BOTTOM)
    return box if wires.isEmpty() else box.united(wires.adjusted(-SIDE, 0, LABEL_ROOM, 0))


class FrameItem(QGraphicsItem):
    """The body of a frame, below wires and nodes. Its header lies over the wires that enter."""

    def __init__(self, key: str, theme: Theme) -> None:
        super().__init__()
        self.key = key
        self.rect = QRectF()
        #: The category whose colour it has, "" for none.
        self.color = ""
        self.header = FrameHeader(self, theme)
        self._theme = theme
        self.setZValue(FRAME_Z)

    def show_frame(
        self, frame: Frame, rect: QRectF, layers: int, parameters: int, ports: tuple[QPointF, ...]
    ) -> None:
        """Show a frame around `rect`; `ports` are where wires cross its edge."""
        self.prepareGeometryChange()
        self.rect = rect
        self.color = frame.color if frame.color in CATEGORIES else ""
        self.header.show_texts(
            frame.title,
            f"{layers} layer{'' if layers == 1 else 's'}",
            Theme.number(parameters) if parameters else "",
            ports,
        )
        self.setToolTip("")
        self.update()

    def boundingRect(self) -> QRectF:
        return self.rect.adjusted(-1, -1, 1, 1)

    @reported
    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        painter.setPen(QPen(self.edge, 1))
        painter.setBrush(self._theme.color("bg.panel"))
        painter.drawRoundedRect(self.rect, 10, 10)
        if self.color:
            painter.setBrush(self._theme.color(f"cat.{self.color}", _TINT))
            painter.drawRoundedRect(self.rect, 10, 10)

    @property
    def edge(self) -> QColor:
        """The colour of its outline."""
        return self._theme.color(f"cat.{self.color}" if self.color else "line.strong")


class FrameHeader(QGraphicsItem):
    """The title of a frame, what is in it, and the ports through which wires pass."""

    def __init__(self, frame: FrameItem, theme: Theme) -> None:
        super().__init__()
        self.frame = frame
        self._theme = theme
        self._title = self._layers = self._count = ""
        self._ports: tuple[QPointF, ...] = ()
        self.setZValue(HEADER_Z)

    def show_texts(self, title: str, layers: str, count: str, ports: tuple[QPointF, ...]) -> None:
        """Show these words and ports."""
        self.prepareGeometryChange()
        self._title, self._layers, self._count, self._ports = title, layers, count, ports
        self.update()

    @property
    def rect(self) -> QRectF:
        """The bar itself."""
        box = self.frame.rect
        return QRectF(box.left(), box.top(), box.width(), HEADER)

    def boundingRect(self) -> QRectF:
        return self.frame.rect.adjusted(-8, -8, 8, 8)

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.addRect(self.rect)
        return path

    @reported
    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        color, font = self._theme.color, self._theme.font
        box = self.rect
        bar = QPainterPath()
        bar.setFillRule(Qt.FillRule.WindingFill)
        bar.addRoundedRect(QRectF(box.left(), box.top(), box.width(), HEADER), 10, 10)
        bar.addRect(QRectF(box.left(), box.top() + 12, box.width(), HEADER - 12))
        bar = bar.simplified()
        painter.setPen(QPen(self.frame.edge, 1))
        painter.setBrush(color("bg.raised"))
        painter.drawPath(bar)
        own = self.frame.color
        if own:
            painter.setBrush(color(f"cat.{own}", 2 * _TINT))
            painter.drawPath(bar)
        base = box.top() + 18.5
        at = QPointF(box.left() + 10, box.top() + 7)
        self._theme.draw_icon(painter, at, "block", "text.2", 14)
        bold, small = font("title", 600), font("caption")
        metrics, thin = QFontMetricsF(bold), QFontMetricsF(small)
        right = box.right() - 12
        painter.setFont(small)
        painter.setPen(color("text.2"))
        if self._count:
            right -= thin.horizontalAdvance(self._count)
            painter.drawText(QPointF(right, base - 0.5), self._count)
        room = right - box.left() - 52 - thin.horizontalAdvance(self._layers)
        title = metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, room)
        after = box.left() + 30 + metrics.horizontalAdvance(title) + 16
        painter.drawText(QPointF(after, base - 0.5), self._layers)
        painter.setFont(bold)
        painter.setPen(color("text.1"))
        painter.drawText(QPointF(box.left() + 30, base), title)
        painter.setPen(QPen(color("wire"), 2))
        for port in self._ports:
            top = abs(port.y() - box.top()) < 1
            painter.setBrush(color("bg.canvas" if top else "wire"))
            painter.drawEllipse(port, PORT_RADIUS, PORT_RADIUS)
            if top:
                painter.setBrush(color("wire"))
                painter.drawEllipse(port + QPointF(0, HEADER), PORT_RADIUS, PORT_RADIUS)


class NoteItem(QGraphicsItem):
    """Plain text on the sheet."""

    def __init__(self, key: str, note: Note, theme: Theme) -> None:
        super().__init__()
        self.key = key
        self.note = note
        self.selected = False
        self._theme = theme
        self._lines: list[str] = []
        self.setZValue(NOTE_Z)
        self.show_note(note)

    def show_note(self, note: Note) -> None:
        """Show this text at its place."""
        self.prepareGeometryChange()
        self.note = note
        self._lines = _wrapped(note.text, QFontMetricsF(self._theme.font("body")), note.width - 24)
        self.setPos(note.x, note.y)
        self.update()

    def set_selected(self, selected: bool) -> None:
        """Draw the ring, or not."""
        self.selected = selected
        self.update()

    @property
    def rect(self) -> QRectF:
        """The note, in its own coordinates."""
        return QRectF(0, 0, self.note.width, _NOTE_TOP + _NOTE_LINE * len(self._lines) + 12)

    def boundingRect(self) -> QRectF:
        return self.rect.adjusted(-5, -5, 5, 5)

    @reported
    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        color, font = self._theme.color, self._theme.font
        box = self.rect
        if self.selected:
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRoundedRect(box.adjusted(-3, -3, 3, 3), 11, 11)
        edge = QPen(color("line.strong"), 1)
        edge.setDashPattern([3, 3])
        painter.setPen(edge)
        painter.setBrush(color("bg.canvas", 0.85))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        self._theme.draw_icon(painter, QPointF(12, 12), "note", "text.3", 14)
        painter.setFont(font("body", 600))
        painter.setPen(color("text.2"))
        painter.drawText(QPointF(34, 23), "Note")
        painter.setFont(font("body"))
        for n, line in enumerate(self._lines):
            painter.drawText(QPointF(12, _NOTE_TOP + 12 + n * _NOTE_LINE), line)


def _wrapped(text: str, metrics: QFontMetricsF, width: float) -> list[str]:
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and metrics.horizontalAdvance(longer) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines
