"""Curves over steps or epochs: faint raw values, their running mean, the best point, a reading cursor.

Painted here rather than by a plotting library: at the first press on Train, importing pyqtgraph and
making four of its plots held the window up for 0.3 s; these take a few milliseconds and share `View`'s
keyboard, table and theme with every other picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QWidget

from studio.ui.theme import Theme
from studio.ui.views.axis import Scale
from studio.ui.views.numbers import short
from studio.ui.views.plot_marks import Best, Mark, draw_best, draw_marks
from studio.ui.views.plot_painting import Points, Shape, Trace, draw_axes, draw_curve
from studio.ui.views.smoothing import ema, thinned
from studio.ui.views.view import Table, View

#: A smoothed curve needs no more points than this, so it may be drawn wider and antialiased.
_SMOOTH_POINTS = 480
_HEAD, _LEFT, _FOOT, _RIGHT = 28.0, 58.0, 22.0, 14.0
#: A press that moves no further than this is a click. Units: px.
_CLICK = 4.0


class LinePlot(View):
    """A titled plot of a few curves. Mouse, ← and → move a cursor, and the head reads values there.

    Dragging across, the wheel, + and − zoom along the steps; a double-click (or 0) shows all again; a
    click picks a place. Points come from bounded curves (≤ 4000 min/max buckets), so that a redraw costs
    the same after a million steps.
    """

    log_changed = Signal(bool)
    #: The person reads at another place (None: nowhere), shows another part (None: all), or clicked.
    cursor_moved = Signal(object)
    zoomed = Signal(object)
    picked = Signal(float)

    def __init__(
        self,
        theme: Theme,
        title: str,
        traces: Sequence[Trace],
        remark: str = "",
        *,
        log: bool = False,
        form: Callable[[float], str] = short,
        form_x: Callable[[float], str] = short,
        form_tick: Callable[[float], str] | None = None,
        from_zero: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, f"{title} plot", parent)
        self.own_keys = frozenset([Qt.Key.Key_Left, Qt.Key.Key_Right])
        self.smoothing = 0.95
        self._title, self._remark = title, remark
        self._log, self._from_zero = log, from_zero
        self.form, self._form_x, self._form_tick = form, form_x, form_tick or form
        self._traces: dict[str, Trace] = {trace.name: trace for trace in traces}
        self._points: dict[str, Points] = {}
        self._means: dict[str, Points] = {}
        self._shapes: list[Shape] = []
        self._x_range: tuple[float, float] | None = None
        self._zoom: tuple[float, float] | None = None
        self._best: Best | None = None
        self._marks: tuple[Mark, ...] = ()
        #: Where the mouse was pressed and where it is, in pixels, while it is dragged across.
        self._dragged: tuple[float, float] | None = None
        self._cursor: float | None = None
        self._held: float | None = None
        self.setMinimumSize(180, 96)

    # ----------------------------------------------------------------------------------- what is set

    @property
    def log(self) -> bool:
        """Whether the vertical axis is logarithmic."""
        return self._log

    def set_log(self, on: bool) -> None:
        """Make the vertical axis logarithmic, or linear."""
        if on != self._log:
            self._log = on
            self.refresh()
            self.log_changed.emit(on)

    def set_remark(self, text: str) -> None:
        """Show another remark beside the title."""
        self._remark = text

    def set_title(
        self,
        title: str,
        form: Callable[[float], str],
        form_tick: Callable[[float], str] | None = None,
    ) -> None:
        """Plot another quantity, written by `form`."""
        self._title, self.form, self._form_tick = title, form, form_tick or form
        self.setAccessibleName(f"{title} plot")
        self.update()

    def set_traces(self, traces: Sequence[Trace]) -> None:
        """Draw these curves instead; their points are given anew."""
        if tuple(traces) != tuple(self._traces.values()):
            self._traces = {trace.name: trace for trace in traces}
            self._points.clear()

    def set_points(
        self, name: str, x: np.ndarray, y: np.ndarray, means: Points | None = None
    ) -> None:
        """Give one curve's points, and what to smooth where `y` holds least and greatest values.

        Nothing is drawn before `refresh`.
        """
        self._points[name] = (np.asarray(x, np.float64), np.asarray(y, np.float64))
        self._means[name] = means or self._points[name]

    def set_x_range(self, low: float, high: float) -> None:
        """Keep the horizontal axis at this range (equal ends: follow the points)."""
        self._x_range = (low, high) if high > low else None

    def set_best(self, point: tuple[float, float, str] | None) -> None:
        """Mark the best value: x, y, and its sentence."""
        self._best = Best(*point) if point and all(map(math.isfinite, point[:2])) else None

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Mark what happened with dashed lines."""
        self._marks = tuple(marks)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What happened, as it is marked."""
        return self._marks

    def points(self, name: str) -> Points:
        """Return what one curve draws, as it was given."""
        return self._points.get(name, (np.empty(0), np.empty(0)))

    def clear(self) -> None:
        """Forget all points and marks."""
        self._points.clear()
        self._best, self._marks, self._cursor, self._zoom = None, (), None, None
        self.refresh()

    def refresh(self) -> None:
        """Draw what was set."""
        self._shapes = []
        for name, trace in self._traces.items():
            x, y = self.points(name)
            if trace.smooth and x.size > 2 and self.smoothing > 0:
                at, middle = self._means[name]
                line = thinned(at, ema(middle, self.smoothing), _SMOOTH_POINTS)
                self._shapes.append(Shape(trace, (x, y), line))
            elif x.size:
                self._shapes.append(Shape(trace, (x[:0], y[:0]), (x, y)))
        self.setAccessibleDescription("; ".join(f"{a} {b}" for a, b, _ in self.readings()))
        self.update()

    # --------------------------------------------------------------------------------------- reading

    def readings(self) -> list[tuple[str, str, str]]:
        """Return each curve's title, its value (at the cursor, else the last one) and its colour."""
        rows = []
        for name, trace in self._traces.items():
            x, y = self.points(name)
            if not y.size:
                continue
            read = self._held if self._cursor is None else self._cursor
            at = -1 if read is None else int(np.abs(x - read).argmin())
            rows.append((trace.title, self.form(float(y[at])), trace.token))
        return rows

    def set_cursor(self, x: float | None) -> None:
        """Read values at `x`; None reads the last ones."""
        if x != self._cursor:
            self._cursor = x
            self.update()

    def hold(self, x: float | None) -> None:
        """Read values at `x` while no cursor is there: a moment that is looked back at."""
        if x != self._held:
            self._held = x
            self.update()

    def table(self) -> Table:
        """Return every drawn value: curve, x, y."""
        rows: Table = []
        for name in self._traces:
            x, y = self.points(name)
            rows += [(name, float(a), float(b)) for a, b in zip(x, y, strict=True)]
        return [("curve", "x", "value"), *rows] if rows else []

    def tip(self, at: QPointF) -> str:
        if not self._shapes:
            return ""
        across, _ = self._scales()
        near = [mark.text for mark in self._marks if abs(across.pixel(mark.x) - at.x()) < 5]
        return "\n".join(near)

    def fill_menu(self, menu: QMenu) -> None:
        log = menu.addAction("Logarithmic axis")
        log.setCheckable(True)
        log.setChecked(self._log)
        log.toggled.connect(self.set_log)
        whole = menu.addAction("Show all steps")
        whole.setEnabled(self._zoom is not None)
        whole.triggered.connect(lambda: self._zoom_to(None))
        super().fill_menu(menu)

    # --------------------------------------------------------------------------------------- drawing

    def draw(self, painter: QPainter) -> None:
        area = self._area()
        self._draw_head(painter)
        if not self._shapes:
            painter.setPen(QPen(self.theme.color("line"), 1))
            painter.drawLine(area.bottomLeft(), area.bottomRight())
            return
        across, up = self._scales()
        draw_axes(
            painter, self.theme, area, across, up, form_x=self._form_x, form_y=self._form_tick
        )
        painter.save()
        painter.setClipRect(area.adjusted(0, -2, _RIGHT, 1))
        draw_marks(painter, self.theme, area, across, self._marks)
        for shape in self._shapes:
            draw_curve(painter, self.theme, shape, across, up, room=self.width())
        for at, token in ((self._held, "accent"), (self._cursor, "text.3")):
            if at is not None:
                painter.setPen(QPen(self.theme.color(token), 1))
                x = across.pixel(at)
                painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        if self._dragged is not None:
            first, last = sorted(self._dragged)
            box = QRectF(first, area.top(), last - first, area.height())
            painter.fillRect(box, self.theme.color("accent", 0.18))
        painter.restore()
        if self._best is not None and self._cursor is None and self._held is None:
            draw_best(painter, self.theme, area, across, up, self._best)

    def _draw_head(self, painter: QPainter) -> None:
        colour = self.theme.color
        middle = Qt.AlignmentFlag.AlignVCenter
        bounds = QRectF(12, 0, self.width() - 12 - _RIGHT, _HEAD)
        right = bounds.right()
        strong = QFontMetricsF(self.theme.font("body", 600))
        left = bounds.left() + strong.horizontalAdvance(self._title) + 8
        painter.setFont(self.theme.font("caption", 600))
        for title, value, token in reversed(self.readings()):
            text = f"{title} {value}" if title else value
            width = QFontMetricsF(painter.font()).horizontalAdvance(text)
            if right - width - 20 < left:
                break
            right -= width
            painter.setPen(colour("text.1" if self.theme.name == "light" else token))
            painter.drawText(QRectF(right, 0, width + 2, _HEAD), middle, text)
            right -= 14
            painter.setPen(QPen(colour(token), 2))
            painter.drawLine(QPointF(right, _HEAD / 2), QPointF(right + 9, _HEAD / 2))
            right -= 12
        painter.setFont(self.theme.font("body", 600))
        painter.setPen(colour("text.1"))
        painter.drawText(bounds, middle, self._title)
        read = self._held if self._cursor is None else self._cursor
        remark = self._remark if read is None else f"at {self._form_x(read)}"
        painter.setFont(self.theme.font("caption"))
        painter.setPen(colour("text.3"))
        room = max(0.0, right - left)
        shown = QFontMetricsF(painter.font()).elidedText(remark, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left, 0, room, _HEAD), middle, shown)

    # ---------------------------------------------------------------------------------------- ranges

    def _area(self) -> QRectF:
        width, height = self.width() - _LEFT - _RIGHT, self.height() - _HEAD - _FOOT - 4
        return QRectF(_LEFT, _HEAD + 4, max(20.0, width), max(10.0, height))

    def _scales(self) -> tuple[Scale, Scale]:
        area = self._area()
        left, right = self._zoom or self._x_range or self._extent()
        right = right if right > left else left + 1.0
        low, high = self._heights(left, right)
        return (
            Scale(left, right, area.left(), area.right() - 4),
            Scale(low, high, area.bottom(), area.top(), self._rises_by_factors()),
        )

    def _rises_by_factors(self) -> bool:
        """Whether heights are drawn by their logarithm: what is negative has none."""
        return self._log and not any(shape.line[1].min() < 0 for shape in self._shapes)

    def _extent(self) -> tuple[float, float]:
        ends = [x for shape in self._shapes for x in (shape.line[0][0], shape.line[0][-1])]
        return float(min(ends)), float(max(ends))

    def _heights(self, left: float, right: float) -> tuple[float, float]:
        """The vertical range of what is in sight: outliers of the raw values may leave it."""
        parts = []
        log = self._rises_by_factors()
        for shape in self._shapes:
            for (x, y), share in ((shape.raw, 1.0), (shape.line, 0.0)):
                inside = y[(x >= left) & (x <= right)]
                if log:
                    inside = np.log10(inside[inside > 0])
                inside = inside[np.isfinite(inside)]
                if inside.size:
                    parts.append(np.percentile(inside, [share, 100.0 - share]))
        values = np.concatenate(parts) if parts else np.array([0.0, 1.0])
        low, high = float(values.min()), float(values.max())
        if self._from_zero and not log:
            low = min(low, 0.0)
        pad = 0.06 * (high - low) or 0.05 * (abs(high) or 1.0)
        return low - pad, high + pad

    @property
    def zoom(self) -> tuple[float, float] | None:
        """The part of the horizontal axis that is shown, None for all of it."""
        return self._zoom

    def set_zoom(self, ends: tuple[float, float] | None) -> None:
        """Show a part of the horizontal axis, or all of it."""
        self._zoom = ends
        self.update()

    def _zoom_to(self, ends: tuple[float, float] | None) -> None:
        self.set_zoom(ends)
        self.zoomed.emit(ends)

    def _zoom_by(self, factor: float, around: float | None = None) -> None:
        if not self._shapes:
            return
        left, right = self._zoom or self._x_range or self._extent()
        middle = around if around is not None else self._cursor
        middle = (left + right) / 2 if middle is None else middle
        self._zoom_within(middle - (middle - left) * factor, middle + (right - middle) * factor)

    def _zoom_within(self, left: float, right: float) -> None:
        """Zoom to a range, as far as there is anything in it."""
        whole = self._x_range or self._extent()
        left, right = max(whole[0], left), min(whole[1], right)
        if right - left >= (whole[1] - whole[0]) / 1000:
            self._zoom_to(None if (left, right) == whole else (left, right))

    # ----------------------------------------------------------------------------------- interaction

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._inside(event.position()):
            self._dragged = (event.position().x(), event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position()
        if self._dragged is not None:
            area = self._area()
            self._dragged = (self._dragged[0], min(max(at.x(), area.left()), area.right()))
            self.update()
        self._read_at(self._scales()[0].value(at.x()) if self._inside(at) else None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragged is None:
            return
        (first, last), self._dragged = sorted(self._dragged), None
        across = self._scales()[0]
        if last - first > _CLICK:
            self._zoom_within(across.value(first), across.value(last))
        else:
            self.picked.emit(across.value(last))
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._read_at(None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._zoom_to(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y()
        if turned and self._inside(event.position()):
            around = self._scales()[0].value(event.position().x())
            self._zoom_by(0.8 if turned > 0 else 1.25, around)
            event.accept()
        else:
            event.ignore()

    def _inside(self, at: QPointF) -> bool:
        return bool(self._shapes) and self._area().contains(at)

    def _read_at(self, x: float | None) -> None:
        if x != self._cursor:
            self.set_cursor(x)
            self.cursor_moved.emit(x)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Right if self._shapes:
                self._step_cursor(-1 if event.key() == Qt.Key.Key_Left else 1)
            case Qt.Key.Key_Plus:
                self._zoom_by(0.8)
            case Qt.Key.Key_Minus:
                self._zoom_by(1.25)
            case Qt.Key.Key_0:
                self._zoom_to(None)
            case Qt.Key.Key_L:
                self.set_log(not self._log)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if self._cursor is not None:
                self.picked.emit(self._cursor)
            case Qt.Key.Key_Escape if self._cursor is not None:
                self._read_at(None)
            case _:
                super().keyPressEvent(event)

    def _step_cursor(self, direction: int) -> None:
        x = next(x for x, _ in self._points.values() if x.size)
        at = x.size - 1 if self._cursor is None else int(np.abs(x - self._cursor).argmin())
        stride = max(1, x.size // 100)
        self._read_at(float(x[min(max(at + direction * stride, 0), x.size - 1)]))
