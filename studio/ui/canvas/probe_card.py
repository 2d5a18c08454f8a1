"""A card beside a wire: what flows there, how it is spread, and what is done to it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QGridLayout, QMenu, QStackedWidget, QTableView, QWidget

from studio.engine import protocol as p
from studio.graph.params import Param
from studio.graph.surgery import Intervention
from studio.session.probing import Seen
from studio.ui.canvas.probe_view import TensorView, ValuesModel
from studio.ui.canvas.surgery_list import SurgeryList
from studio.ui.canvas.surgery_words import ACTIONS, REMOVE
from studio.ui.controls import button, chip, column, label, row
from studio.ui.editors import NumberField
from studio.ui.inspector.live import Histogram
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Remark

WIDTH = 264
_FIGURES = ("min", "max", "mean", "std", "norm", "zeros")


class ProbeCard(QWidget):
    """Shows a pin. It asks by signals and changes nothing itself.

    `channel_chosen` carries a channel or None for all, `operated` an action and a channel, `dragged` how far
    the card was pulled by its head.
    """

    closed = Signal()
    left = Signal()
    walked = Signal(int)
    channel_chosen = Signal(object)
    operated = Signal(str, object)
    amended = Signal(object, object)
    healed = Signal(object)
    dragged = Signal(QPoint)

    def __init__(self, theme: Theme, name: str, host: QWidget) -> None:
        super().__init__(host)
        self._theme = theme
        self._name = name
        self._wire: p.Wire | None = None
        self._here: tuple[Intervention, ...] = ()
        self._grip: QPoint | None = None
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(f"Probe of {name}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedWidth(WIDTH)
        self._body = column(self, spacing=6)
        self._body.setContentsMargins(12, 6, 8, 10)
        self._add_head()
        self._add_pictures()
        self._add_figures()
        self._add_surgery()
        self.note = label(theme, "", "2", "caption", wrap=True)
        self._body.addWidget(self.note)
        self.show_wire(None)

    # ------------------------------------------------------------------------------------- its parts

    def _add_head(self) -> None:
        theme = self._theme
        head = row(spacing=4)
        self.title = label(theme, self._name, weight=600)
        self.shape = Remark(theme)
        self.shape.setFont(theme.font("mono"))
        self.close_button = button(
            theme, icon="close", look="ghost", small=True, tip="Close the probe (Del)"
        )
        self.close_button.clicked.connect(self.closed)
        head.addWidget(self.title)
        head.addWidget(self.shape, 1)
        head.addWidget(self.close_button)
        self._body.addLayout(head)
        line = row(spacing=2)
        self.previous = button(
            theme, icon="chevron-left", look="ghost", small=True, tip="Previous sample (←)"
        )
        self.next = button(
            theme, icon="chevron-right", look="ghost", small=True, tip="Next sample (→)"
        )
        self.previous.clicked.connect(lambda: self.walked.emit(-1))
        self.next.clicked.connect(lambda: self.walked.emit(1))
        self.where = Remark(theme)
        self.where.setFont(theme.font("caption"))
        for part in (self.previous, self.next):
            line.addWidget(part)
        line.addWidget(self.where, 1)
        self._body.addLayout(line)

    def _add_pictures(self) -> None:
        theme = self._theme
        self.picture = TensorView(theme)
        self.picture.channel_picked.connect(lambda channel: self.channel_chosen.emit(channel))
        self.picture.installEventFilter(self)
        self.model = ValuesModel()
        self.values = QTableView()
        self.values.setModel(self.model)
        self.values.setFont(theme.font("mono"))
        self.values.setAccessibleName("Values on the wire")
        self.values.horizontalHeader().setDefaultSectionSize(60)
        self.values.verticalHeader().setDefaultSectionSize(20)
        self.values.verticalHeader().setMinimumWidth(34)
        self.values.setTabKeyNavigation(False)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.picture)
        self.pages.addWidget(self.values)
        self.pages.setFixedHeight(128)
        line = row(spacing=6)
        self.channel_name = label(theme, "channel", "2", "caption")
        self.channel = NumberField(Param("channel", "int", None, minimum=0, optional=True), 64)
        self.channel.lineEdit().setPlaceholderText("all")
        self.channel.setAccessibleName("Channel, empty for all")
        self.channel.submitted.connect(self._on_channel)
        self.all = button(theme, "All", look="chip", tip="Show all channels")
        self.all.clicked.connect(lambda: self.channel_chosen.emit(None))
        self.table_chip = chip(theme, "Values")
        self.table_chip.setToolTip("Show the values as a table")
        self.table_chip.toggled.connect(lambda on: self.pages.setCurrentIndex(int(on)))
        for part in (self.channel_name, self.channel, self.all):
            line.addWidget(part)
        line.addStretch(1)
        line.addWidget(self.table_chip)
        self._body.addWidget(self.pages)
        self._body.addLayout(line)

    def _add_figures(self) -> None:
        theme = self._theme
        self.histogram = Histogram(theme)
        self.histogram.setFixedHeight(60)
        self._body.addWidget(self.histogram)
        self.grid = QWidget()
        grid = QGridLayout(self.grid)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        self.figures = {}
        for at, name in enumerate(_FIGURES):
            line, side = divmod(at, 3)
            grid.addWidget(label(theme, name, "3", "caption"), line, 2 * side)
            self.figures[name] = label(theme, "", role="caption", weight=500)
            grid.addWidget(self.figures[name], line, 2 * side + 1)
            grid.setColumnStretch(2 * side + 1, 1)
        self._body.addWidget(self.grid)

    def _add_surgery(self) -> None:
        self.surgery = SurgeryList(self._theme, places=False)
        self.surgery.amended.connect(self.amended)
        self.surgery.healed.connect(self.healed)
        self._body.addWidget(self.surgery)
        line = row()
        self.operate = button(self._theme, "Surgery", look="menu", small=True)
        self.operate.setToolTip("Change what flows here; the weights stay as they are")
        actions = QMenu(self.operate)
        actions.aboutToShow.connect(lambda: self.fill_menu(actions, self._chosen()))
        self.operate.setMenu(actions)
        line.addWidget(self.operate)
        line.addStretch(1)
        self._body.addLayout(line)

    # --------------------------------------------------------------------------------------- showing

    def show_place(self, sample: int, count: int, seen: Seen | None) -> None:
        """Say which sample is looked at, and with which weights."""
        self.previous.setEnabled(sample > 0)
        self.next.setEnabled(not count or sample < count - 1)
        words = f"sample {Theme.number(sample)}"
        if seen is not None:
            if seen.trained:
                words += f" · step {Theme.number(seen.step)}"
            else:
                words += " · fresh weights"
        self.where.put(words)
        tip = "A sample of the validation split."
        if seen is not None and seen.edited:
            tip += " The project was edited since its run, so its weights are fresh. Train to renew them."
        elif seen is not None and not seen.trained:
            tip += " Nothing was trained yet: the weights are those that training would start from."
        self.where.setToolTip(tip)

    def show_surgery(self, project: object, here: tuple[Intervention, ...]) -> None:
        """Show what is done to the wire."""
        self._here = here
        self.surgery.show_surgery(project, here)  # type: ignore[arg-type]
        self.surgery.setVisible(bool(here))
        self._fit()

    def show_wire(self, wire: p.Wire | None, trouble: str = "") -> None:
        """Show what was seen, or why nothing was."""
        self._wire = wire
        fault = trouble or (wire.fault if wire is not None else "")
        known = wire is not None and not fault and wire.values is not None
        self.picture.show_wire(wire if known else None)
        self.picture.empty_text = "" if fault else "Looking…"
        self.model.show_wire(wire if known else None)
        self.note.setText(fault or (wire.note if wire is not None else ""))
        self.note.setProperty("tone", "error" if fault else "2")
        self.note.style().polish(self.note)
        self.note.setVisible(bool(self.note.text()))
        for part in (self.histogram, self.grid, self.pages):
            part.setVisible(not fault)
        shape = "×".join(str(size) for size in wire.shape) if known and wire is not None else ""
        self.shape.put(
            f" {shape or 'one number'}  {wire.dtype}" if known and wire is not None else ""
        )
        channels = wire.channels if known and wire is not None else 0
        chosen = wire.spot.channel if wire is not None else None
        for part in (self.channel_name, self.channel, self.all):
            part.setVisible(channels > 1)
        self.channel.show_number(chosen)
        self.all.setEnabled(chosen is not None)
        if known and wire is not None:
            self._show_figures(wire)
        self._fit()

    def _show_figures(self, wire: p.Wire) -> None:
        told = p.LayerStat(
            wire.mean, wire.std, wire.zeros, low=wire.low, high=wire.high, histogram=wire.histogram
        )
        self.histogram.show_stat(told)
        texts = (
            short(wire.low),
            short(wire.high),
            short(wire.mean),
            short(wire.std),
            short(wire.norm),
            percent(wire.zeros),
        )
        for name, text in zip(_FIGURES, texts, strict=True):
            self.figures[name].setText(text)
        if wire.unusual:
            what = f"{percent(wire.unusual)} of the values are not finite numbers."
            self.note.setText(f"{what} {wire.note}".strip())
            self.note.setVisible(True)

    def _fit(self) -> None:
        self._body.activate()
        self.resize(
            WIDTH,
            self._body.totalHeightForWidth(WIDTH)
            if self._body.hasHeightForWidth()
            else self.sizeHint().height(),
        )

    def sizeHint(self) -> QSize:
        return self._body.totalSizeHint()

    # --------------------------------------------------------------------------------------- acting

    def _on_channel(self) -> None:
        text = self.channel.text_value
        try:
            chosen = int(text) if text else None
        except ValueError:
            chosen = self._wire.spot.channel if self._wire else None
        channels = self._wire.channels if self._wire else 0
        if chosen is not None and channels:
            chosen = min(max(0, chosen), channels - 1)
        self.channel.show_number(chosen)
        self.channel_chosen.emit(chosen)

    def _chosen(self) -> int | None:
        return self._wire.spot.channel if self._wire is not None else None

    def open_menu(self, at: QPoint, channel: int | None) -> None:
        """Offer surgery on one channel, or on the whole wire."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu, channel)
        menu.popup(at)

    def fill_menu(self, menu: QMenu, channel: int | None) -> None:
        """Put what can be done to a channel, or to the whole wire, into a menu."""
        menu.clear()
        menu.addSection("The whole wire" if channel is None else f"Channel {channel}")
        here = tuple(one for one in self._here if one.channel == channel)
        menu.setToolTipsVisible(True)
        for action, (words, tip) in ACTIONS.items():
            made = menu.addAction(words)
            made.setToolTip(tip)
            made.triggered.connect(lambda _=False, act=action: self.operated.emit(act, channel))
        menu.addSeparator()
        gone = menu.addAction(REMOVE[0])
        gone.setEnabled(bool(here))
        gone.setToolTip(REMOVE[1] if here else "Nothing is changed here.")
        gone.triggered.connect(lambda: self.healed.emit(here))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.open_menu(event.globalPos(), self._chosen())

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """A right click on a map or a unit offers surgery on that channel."""
        if watched is self.picture and isinstance(event, QContextMenuEvent):
            picked = self.picture.channel_at(event.pos().toPointF())
            self.open_menu(event.globalPos(), self._chosen() if picked is None else picked)
            return True
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Left:
                self.walked.emit(-1)
            case Qt.Key.Key_Right:
                self.walked.emit(1)
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.closed.emit()
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.raise_()
        if event.button() == Qt.MouseButton.LeftButton:
            self._grip = event.globalPosition().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            at = event.globalPosition().toPoint()
            self.dragged.emit(at - self._grip)
            self._grip = at

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grip = None
