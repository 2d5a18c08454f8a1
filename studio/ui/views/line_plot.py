"""Curves over steps or epochs: faint raw values, their running mean, the best point, a reading cursor."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from studio.ui.theme import Theme
from studio.ui.views.axis import Axis
from studio.ui.views.numbers import short
from studio.ui.views.smoothing import ema, thinned
from studio.ui.views.view import Table, View

#: A smoothed curve needs no more points than this, so it may be drawn wider and antialiased.
_SMOOTH_POINTS = 480
_HEAD = 28


class Trace(NamedTuple):
    """One curve of a plot. `smooth` draws the running mean above the faint raw values."""

    name: str
    title: str
    token: str
    smooth: bool = False
    dots: bool = False
    dashed: bool = False


class LinePlot(QWidget):
    """A titled plot of a few curves; ← and → move a cursor, the head then reads values there.

    Points come from bounded curves (≤ 4000 min/max buckets), so that a redraw costs the same after a
    million steps.
    """

    log_changed = Signal(bool)

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
        super().__init__(parent)
        self.theme = theme
        self.paint_ms = 0.0
        self.smoothing = 0.95
        self._log, self._from_zero = log, from_zero
        self.form, self._form_x = form, form_x
        self._traces: dict[str, Trace] = {}
        self._points: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._means: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._x_range: tuple[float, float] | None = None
        self._best: tuple[float, float, str] | None = None
        self._marks: tuple[tuple[float, str], ...] = ()
        self._cursor: float | None = None
        self.setAccessibleName(f"{title} plot")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

        self.head = _Head(self, title, remark)
        self._left = Axis(theme, "left", form_tick or form)
        self._left.setWidth(50)
        self._bottom = Axis(theme, "bottom", form_x)
        self._bottom.setHeight(20)
        self._plot = _Canvas(self, axisItems={"left": self._left, "bottom": self._bottom})
        self._items: dict[str, tuple[pg.PlotCurveItem, pg.PlotCurveItem]] = {}
        self._line = pg.InfiniteLine(angle=90)
        self._best_dot = pg.ScatterPlotItem(size=9)
        self._best_text = pg.TextItem(anchor=(0.5, 0))
        self._mark_lines: list[pg.InfiniteLine] = []
        for item in (self._line, self._best_dot, self._best_text):
            item.setZValue(10)
            item.setVisible(False)
            self._plot.addItem(item, ignoreBounds=True)
        self._plot.scene().sigMouseMoved.connect(self._on_mouse)

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self._plot, 1)
        self.set_traces(traces)
        theme.changed.connect(self._dress)
        self._dress()

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
        self.head.set_remark(text)

    def set_title(
        self,
        title: str,
        form: Callable[[float], str],
        form_tick: Callable[[float], str] | None = None,
    ) -> None:
        """Plot another quantity, written by `form`."""
        self.form, self._left.form = form, form_tick or form
        self.head.set_title(title)
        self.setAccessibleName(f"{title} plot")

    def set_traces(self, traces: Sequence[Trace]) -> None:
        """Draw these curves instead; their points are given anew."""
        if tuple(traces) == tuple(self._traces.values()):
            return
        for pair in self._items.values():
            for item in pair:
                self._plot.removeItem(item)
        self._traces = {trace.name: trace for trace in traces}
        self._points.clear()
        self._items = {
            name: (pg.PlotCurveItem(connect="finite"), pg.PlotCurveItem(connect="finite"))
            for name in self._traces
        }
        for pair in self._items.values():
            for item in pair:
                self._plot.addItem(item, ignoreBounds=True)
        self._dress()

    def set_points(
        self,
        name: str,
        x: np.ndarray,
        y: np.ndarray,
        means: tuple[np.ndarray, np.ndarray] | None = None,
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
        self._best = point if point and all(map(math.isfinite, point[:2])) else None

    def set_marks(self, marks: Sequence[tuple[float, str]]) -> None:
        """Mark moments with dashed lines: x and what was changed."""
        self._marks = tuple(marks)

    def points(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return what one curve draws, as it was given."""
        return self._points.get(name, (np.empty(0), np.empty(0)))

    def clear(self) -> None:
        """Forget all points and marks."""
        self._points.clear()
        self._best, self._marks, self._cursor = None, (), None
        self.refresh()

    # --------------------------------------------------------------------------------------- drawing

    def refresh(self) -> None:
        """Draw what was set."""
        extents: list[np.ndarray] = []
        for name, trace in self._traces.items():
            x, raw = self.points(name)
            y = self._scaled(raw)
            faint, line = self._items[name]
            if trace.smooth and x.size > 2 and self.smoothing > 0:
                at, middle = self._means[name]
                mean = self._scaled(ema(middle, self.smoothing))
                faint.setData(x, y)
                line.setData(*thinned(at, mean, _SMOOTH_POINTS))
                extents.append(mean)
                extents.append(np.nanpercentile(y, [1, 99]) if np.isfinite(y).any() else y[:0])
            else:
                faint.setData([], [])
                line.setData(x, y)
                extents.append(y)
        self._set_ranges(extents)
        self._draw_best()
        self._draw_marks()
        self._draw_cursor()
        self.head.update()
        self.setAccessibleDescription("; ".join(f"{a} {b}" for a, b, _ in self.readings()))

    def readings(self) -> list[tuple[str, str, str]]:
        """Return each curve's title, its value (at the cursor, else the last one) and its colour."""
        rows = []
        for name, trace in self._traces.items():
            x, y = self.points(name)
            if not y.size:
                continue
            if self._cursor is None:
                value = float(y[-1])
            else:
                value = float(y[int(np.abs(x - self._cursor).argmin())])
            rows.append((trace.title, self.form(value), trace.token))
        return rows

    def cursor_text(self) -> str:
        """Return where the cursor stands, "" without one."""
        return "" if self._cursor is None else self._form_x(self._cursor)

    def table(self) -> Table:
        """Return every drawn value: curve, x, y."""
        rows: Table = []
        for name in self._traces:
            x, y = self.points(name)
            rows += [(name, float(a), float(b)) for a, b in zip(x, y, strict=True)]
        return [("curve", "x", "value"), *rows] if rows else []

    def _scaled(self, y: np.ndarray) -> np.ndarray:
        if not self._log:
            return y
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(y > 0, np.log10(y), np.nan)

    def _set_ranges(self, extents: list[np.ndarray]) -> None:
        values = np.concatenate(extents) if extents else np.empty(0)
        values = values[np.isfinite(values)]
        xs = [x for name in self._traces for x in (self.points(name)[0],) if x.size]
        if not values.size or not xs:
            return
        low, high = float(values.min()), float(values.max())
        if self._from_zero and not self._log:
            low = min(low, 0.0)
        pad = 0.06 * (high - low) or 0.05 * (abs(high) or 1.0)
        self._left.set_log(self._log)
        left, right = self._x_range or (
            min(float(x[0]) for x in xs),
            max(float(x[-1]) for x in xs),
        )
        right = right if right > left else left + 1.0
        self._plot.setRange(
            xRange=(left, right + 0.015 * (right - left)),
            yRange=(low - pad, high + pad),
            padding=0,
            disableAutoRange=True,
        )

    def _draw_best(self) -> None:
        shown = self._best is not None
        self._best_dot.setVisible(shown)
        self._best_text.setVisible(shown)
        if self._best is None:
            return
        x, y, text = self._best
        at = float(self._scaled(np.array([y]))[0])
        (left, right), (low, high) = self._plot.viewRange()
        self._best_dot.setData([x], [at])
        across = (x - left) / ((right - left) or 1.0)
        above = (at - low) / ((high - low) or 1.0) < 0.3
        side = 0.0 if across < 0.25 else 1.0 if across > 0.75 else 0.5
        self._best_text.setAnchor((side, 1.3 if above else -0.3))
        self._best_text.setPlainText(text)
        self._best_text.setPos(x, at)

    def _draw_marks(self) -> None:
        while len(self._mark_lines) > len(self._marks):
            self._plot.removeItem(self._mark_lines.pop())
        while len(self._mark_lines) < len(self._marks):
            line = pg.InfiniteLine(angle=90)
            line.setZValue(-5)
            self._plot.addItem(line, ignoreBounds=True)
            self._mark_lines.append(line)
        pen = QPen(self.theme.color("text.3"), 1, Qt.PenStyle.DashLine)
        pen.setCosmetic(True)
        for line, (x, text) in zip(self._mark_lines, self._marks, strict=True):
            line.setPos(x)
            line.setPen(pen)
            line.setToolTip(text)

    def _draw_cursor(self) -> None:
        self._line.setVisible(self._cursor is not None)
        if self._cursor is not None:
            self._line.setPos(self._cursor)

    def _dress(self) -> None:
        colour = self.theme.color
        self._plot.setBackground(colour("bg.panel"))
        for axis in (self._left, self._bottom):
            axis.dress()
        for name, trace in self._traces.items():
            faint, line = self._items[name]
            faint.setPen(pg.mkPen(colour(trace.token, 0.34), width=1))
            style = Qt.PenStyle.DashLine if trace.dashed else Qt.PenStyle.SolidLine
            short_curve = trace.smooth or trace.dots or trace.dashed
            pen = pg.mkPen(colour(trace.token), width=1.6 if short_curve else 1, style=style)
            line.setPen(pen)
            line.opts["antialias"] = short_curve
        self._line.setPen(pg.mkPen(colour("line.strong"), width=1))
        self._best_dot.setPen(pg.mkPen(colour("text.1"), width=1.5))
        self._best_dot.setBrush(pg.mkBrush(None))
        self._best_text.setColor(colour("text.1"))
        self._best_text.fill = pg.mkBrush(colour("bg.panel", 0.82))
        self._best_text.textItem.setFont(self.theme.font("caption"))
        self.refresh()

    # ----------------------------------------------------------------------------------- interaction

    def set_cursor(self, x: float | None) -> None:
        """Read values at `x`; None reads the last ones."""
        self._cursor = x
        self._draw_cursor()
        self.head.update()

    def leaveEvent(self, event: object) -> None:
        self.set_cursor(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self._points:
            self._step_cursor(-1 if key == Qt.Key.Key_Left else 1)
        elif key == Qt.Key.Key_Escape and self._cursor is not None:
            self.set_cursor(None)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        log = menu.addAction("Logarithmic axis")
        log.setCheckable(True)
        log.setChecked(self._log)
        log.toggled.connect(self.set_log)
        copy = menu.addAction("Copy values as CSV")
        copy.setEnabled(bool(self.table()))
        copy.triggered.connect(self.head.copy_values)
        menu.exec(event.globalPos())
        menu.deleteLater()

    def _step_cursor(self, direction: int) -> None:
        x = next(x for x, _ in self._points.values() if x.size)
        at = x.size - 1 if self._cursor is None else int(np.abs(x - self._cursor).argmin())
        stride = max(1, x.size // 100)
        self.set_cursor(float(x[min(max(at + direction * stride, 0), x.size - 1)]))

    def _on_mouse(self, at: QPointF) -> None:
        box = self._plot.getPlotItem().getViewBox()
        if box.sceneBoundingRect().contains(at) and self._points:
            self.set_cursor(float(box.mapSceneToView(at).x()))


class _Head(View):
    """Title and remark at the left, what the curves read at the right."""

    def __init__(self, plot: LinePlot, title: str, remark: str) -> None:
        super().__init__(plot.theme, f"{title} values", plot)
        self._plot, self._title, self._remark = plot, title, remark
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFixedHeight(_HEAD)

    def set_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.update()

    def set_remark(self, text: str) -> None:
        if text != self._remark:
            self._remark = text
            self.update()

    def table(self) -> Table:
        return self._plot.table()

    def draw(self, painter: QPainter) -> None:
        colour = self.theme.color
        middle = Qt.AlignmentFlag.AlignVCenter
        bounds = QRectF(self.rect()).adjusted(12, 0, -14, 0)
        right = bounds.right()
        strong = self.theme.font("caption", 600)
        painter.setFont(strong)
        for title, value, token in reversed(self._plot.readings()):
            text = f"{title} {value}" if title else value
            width = painter.fontMetrics().horizontalAdvance(text)
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
        left = bounds.left() + painter.fontMetrics().horizontalAdvance(self._title) + 8
        remark = self._plot.cursor_text() or self._remark
        painter.setFont(self.theme.font("caption"))
        painter.setPen(colour("text.3"))
        room = max(0.0, right - left)
        shown = painter.fontMetrics().elidedText(remark, Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(QRectF(left, 0, room, _HEAD), middle, shown)


class _Canvas(pg.PlotWidget):
    """The plot itself: no mouse modes of its own, and it tells its owner what painting costs."""

    def __init__(self, owner: LinePlot, **options: object) -> None:
        super().__init__(owner, background=None, **options)
        self._owner = owner
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMouseEnabled(x=False, y=False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.getPlotItem().setContentsMargins(8, 0, 14, 2)
        self.setFrameShape(pg.PlotWidget.Shape.NoFrame)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        event.ignore()

    def wheelEvent(self, event: object) -> None:
        event.ignore()  # type: ignore[attr-defined]

    def paintEvent(self, event: QPaintEvent) -> None:
        started = time.perf_counter()
        super().paintEvent(event)
        self._owner.paint_ms = 1000.0 * (time.perf_counter() - started)
