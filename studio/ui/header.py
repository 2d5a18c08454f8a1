"""The window's frame: the menu row, the toolbar and the status row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QMenu, QMenuBar, QPushButton, QWidget

from studio.graph.edits import SetRecipe
from studio.session.session import Session
from studio.ui.actions import Actions
from studio.ui.controls import Segments, button, column, label, row, rule, set_property
from studio.ui.inspector.cost import byte_text, flop_text
from studio.ui.theme import Theme
from studio.ui.workspaces import WORKSPACES

HINTS = {
    "Build": "Tab adds a layer · drop a layer on a wire to insert it · Ctrl drag cuts wires",
    "Train": "Space pauses · . steps one batch · Ctrl Enter trains",
    "Explain": "← → sample · O over image · Ctrl 1–4 workspace",
    "Runs": "Enter opens a run · Ctrl 1–4 workspace",
}


#: Below this width the toolbar's lesser buttons lose their words.
_ROOMY = 1400


class MenuRow(QWidget):
    """Product mark, menus, the document's title in the middle, and the way to every command."""

    def __init__(self, theme: Theme, find: Callable[[], object]) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(28)
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        grid = _three_columns(self)
        left = QWidget()
        line = row(left, spacing=4)
        self._mark = label(theme)
        line.addSpacing(12)
        line.addWidget(self._mark)
        line.addWidget(label(theme, "Neuroloom", weight=600))
        line.addSpacing(4)
        self.bar = QMenuBar()
        self.bar.setNativeMenuBar(False)
        self.bar.setFixedHeight(28)
        line.addWidget(self.bar)
        line.addStretch(1)
        self.title = label(theme, tone="2")
        self.edited = label(theme, "• edited", tone="3")
        middle = QWidget()
        words = row(middle, spacing=4)
        words.addWidget(self.title)
        words.addWidget(self.edited)
        self.finder = button(theme, "Find any command", icon="search", look="ghost", small=True)
        self.finder.clicked.connect(find)
        key = label(theme, "Ctrl K", role="caption")
        key.setProperty("look", "key")
        right = QWidget()
        end = row(right, spacing=4)
        end.addStretch(1)
        end.addWidget(self.finder)
        end.addWidget(key, 0, Qt.AlignmentFlag.AlignVCenter)
        end.addSpacing(16)
        grid.addWidget(left, 0, 0)
        grid.addWidget(middle, 0, 1)
        grid.addWidget(right, 0, 2)
        theme.changed.connect(self._on_theme)
        self._on_theme()

    def show_document(self, path: str, edited: bool) -> None:
        """Show which document is open, and whether it has unsaved work."""
        self.title.setText(Path(path).name if path else "untitled")
        self.title.setToolTip(path.replace("<", "&lt;"))
        self.edited.setVisible(edited)

    def _on_theme(self) -> None:
        self._mark.setPixmap(self._theme.pixmap("mark", "text.2", 18, self.devicePixelRatioF()))


class Toolbar(QWidget):
    """Undo and save, the workspaces, the device, and what can be done with a run now."""

    workspace_picked = Signal(int)

    def __init__(self, session: Session, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._workspace = WORKSPACES[0]
        self.setFixedHeight(49)
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = column(self)
        inside = QWidget()
        grid = _three_columns(inside)
        outer.addWidget(inside, 1)
        outer.addWidget(rule())
        left = QWidget()
        line = row(left, spacing=4)
        line.addSpacing(12)
        for key, icon in (("undo", "undo"), ("redo", "redo"), ("save", "save")):
            made = button(theme, icon=icon, look="ghost", large=True, tip=actions[key].text())
            made.clicked.connect(actions[key].trigger)
            _follow(made, actions, key)
            line.addWidget(made)
        line.addStretch(1)
        self.segments = Segments(theme, WORKSPACES)
        for index, name in enumerate(WORKSPACES):
            self.segments.button(index).setToolTip(f"{name} (Ctrl {index + 1})")
        self.segments.picked.connect(self.workspace_picked)
        right = QWidget()
        self._right = row(right, spacing=8)
        self._right.addStretch(1)
        self._make_right(actions)
        self._right.addSpacing(8)
        grid.addWidget(left, 0, 0)
        grid.addWidget(self.segments, 0, 1)
        grid.addWidget(right, 0, 2)
        self.refresh()

    def _make_right(self, actions: Actions) -> None:
        theme = self._theme
        self.device = button(theme, "Device", icon="chip", look="menu", large=True)
        theme.put_icon(self.device, "chip", "accent")
        self._device_menu = QMenu(self.device)
        self._device_menu.aboutToShow.connect(self._fill_devices)
        self.device.setMenu(self._device_menu)
        self.live = label(theme, tone="2")
        self.main = button(theme, "Train", icon="play", look="primary", large=True)
        self.main.setObjectName("train")
        self.step = button(theme, "Step", icon="step", large=True, tip="Take one batch's step (.)")
        self.step.clicked.connect(actions["step"].trigger)
        self.ways = button(theme, icon="chevron-down", large=True, tip="Other ways to step")
        self._ways = QMenu(self.ways)
        self._ways.setToolTipsVisible(True)
        for key in ("step", "walk", "step_back"):
            self._ways.addAction(actions[key])
        self.ways.clicked.connect(
            lambda: self._ways.popup(self.ways.mapToGlobal(self.ways.rect().bottomLeft()))
        )
        self.fork = button(theme, "Fork", icon="fork", large=True)
        self.fork.clicked.connect(actions["fork"].trigger)
        _follow(self.fork, actions, "fork")
        self.stop = button(theme, icon="stop", large=True, tip="Stop the run, with a checkpoint")
        self.main.clicked.connect(lambda: actions[self._main_key()].trigger())
        self.stop.clicked.connect(actions["stop"].trigger)
        self._reason_icon = label(theme)
        self.reason = label(theme, tone="2")
        for widget in (
            self.device,
            self.live,
            self.main,
            self.step,
            self.ways,
            self.fork,
            self.stop,
            self._reason_icon,
            self.reason,
        ):
            self._right.addWidget(widget)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let icons speak alone where there is little room."""
        roomy = event.size().width() >= _ROOMY
        self.fork.setText("Fork" if roomy else "")
        self.step.setText("Step" if roomy else "")
        self.step.setAccessibleName("Step")

    def show_workspace(self, index: int) -> None:
        """Press the workspace's button."""
        self._workspace = WORKSPACES[index]
        self.segments.set_current(index)
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now, and why not."""
        session = self._session
        state = session.training
        busy = state in ("starting", "running", "paused", "stopping")
        words, icon = {
            "running": ("Pause", "pause"),
            "paused": ("Resume", "play"),
            "starting": ("Starting", "play"),
            "stopping": ("Stopping", "stop"),
        }.get(state, ("Train", "play"))
        reason = "" if busy else session.can_train()
        enabled = state in ("running", "paused") or (not busy and not reason)
        self.main.setText(words)
        self.main.setEnabled(enabled)
        self._theme.put_icon(self.main, icon, "on.accent" if enabled else "text.3")
        self.main.setToolTip(reason or {"Train": "Train (Ctrl Enter)"}.get(words, words))
        self.step.setVisible(state in ("running", "paused"))
        self.ways.setVisible(state in ("running", "paused"))
        self.fork.setVisible(state in ("running", "paused"))
        self.stop.setVisible(busy)
        self.stop.setEnabled(state != "stopping")
        short = reason.rstrip(".")
        self.reason.setText(short if len(short) < 40 else "")
        self.reason.setVisible(bool(self.reason.text()))
        errors = bool(session.facts and session.facts.errors)
        self._reason_icon.setVisible(errors and bool(self.reason.text()))
        self._reason_icon.setPixmap(
            self._theme.pixmap("error", "error", 16, self.devicePixelRatioF())
        )
        self._show_live(busy)
        self._show_device()

    def _show_live(self, busy: bool) -> None:
        history = self._session.history
        shown = busy and self._workspace != "Train" and history.started is not None
        self.live.setVisible(shown)
        train = self.segments.button(1)
        train.setText("Train ●" if busy and self._workspace != "Train" else "Train")
        if shown and history.started is not None:
            epoch = history.progress.epoch if history.progress else 0
            goes = (
                "Training is paused" if self._session.training == "paused" else "Training goes on"
            )
            self.live.setText(f"{goes} · epoch {epoch}/{history.started.epochs}")

    def _show_device(self) -> None:
        chosen = self._session.document.project.recipe.device
        devices = self._devices()
        name = best_device(list(devices)) if chosen == "auto" else chosen
        text = device_words(name, devices) if devices else "Best device"
        text = text.replace("&", "&&")
        if len(text) > 28:
            text = text[:27] + "…"
        self.device.setText(text)
        self.device.setToolTip("Where it trains; the choice belongs to the project's recipe")
        self.device.setAccessibleName(f"Device: {text}")

    def _devices(self) -> dict[str, str]:
        hello = self._session.hello
        return dict(hello.devices) if hello else {}

    def _fill_devices(self) -> None:
        self._device_menu.clear()
        devices = self._devices()
        chosen = self._session.document.project.recipe.device
        best = device_words(best_device(list(devices)), devices)
        for name in ("auto", *devices):
            words = f"Best here: {best}" if name == "auto" else device_words(name, devices)
            action = self._device_menu.addAction(words.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(name == chosen)
            action.triggered.connect(
                lambda _=False, device=name: self._session.do(SetRecipe({"device": device}))
            )

    def _main_key(self) -> str:
        return {"running": "pause", "paused": "resume"}.get(self._session.training, "train")


class StatusRow(QWidget):
    """What the network costs, what the keys do, and when it was saved."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self.setFixedHeight(24)
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = row(self, spacing=4)
        line.setContentsMargins(12, 0, 12, 0)
        self.figures = []
        for _ in range(3):
            value = label(theme, tone="2", role="caption", weight=500)
            words = label(theme, tone="3", role="caption")
            line.addWidget(value)
            line.addWidget(words)
            line.addSpacing(10)
            self.figures.append((value, words))
        line.addStretch(1)
        self.hint = label(theme, HINTS["Build"], tone="3", role="caption")
        self.saved = label(theme, tone="3", role="caption")
        line.addWidget(self.hint)
        line.addSpacing(10)
        line.addWidget(self.saved)
        self.refresh()

    def show_workspace(self, index: int) -> None:
        """Show the keys of a workspace."""
        self.hint.setText(HINTS[WORKSPACES[index]])

    def show_saved(self, words: str) -> None:
        """Say when it was saved."""
        self.saved.setText(words)

    def refresh(self) -> None:
        """Show the newest facts."""
        facts = self._session.facts
        if facts is None or not facts.networks:
            texts: Sequence[tuple[str, str]] = (
                ("", "Shapes are being worked out"),
                ("", ""),
                ("", ""),
            )
        else:
            nets = facts.networks.values()
            batch = self._session.document.project.recipe.batch_size
            parameters = Theme.number(sum(net.parameters for net in nets))
            flops = flop_text(sum(net.flops for net in nets)).split(" ")
            peak = byte_text(sum(net.activation_bytes for net in nets) * batch)
            memory = facts.memory
            repaired = " once repaired" if facts.errors else ""
            last = (peak, f"of activations at batch {Theme.number(batch)}")
            if memory is not None:
                over = 0 < memory.available < memory.total
                room = f" of {byte_text(memory.available)}" if over else ""
                last = (byte_text(memory.total) + room, f"to train at batch {Theme.number(batch)}")
                set_property(self.figures[2][0], "tone", "warn" if over else "2")
            texts = (
                (parameters, f"parameters{repaired}"),
                (flops[0], f"{flops[1]} per sample"),
                last,
            )
        for (value, words), (figure, text) in zip(self.figures, texts, strict=True):
            value.setText(figure)
            value.setVisible(bool(figure))
            words.setText(text)


def best_device(names: Sequence[str]) -> str:
    """Return the device that `auto` means: the first CUDA device, else mps, else the CPU."""
    for start in ("cuda", "mps"):
        for name in names:
            if name.startswith(start):
                return name
    return "cpu"


def device_words(name: str, devices: Mapping[str, str]) -> str:
    """Return a device as a person knows it: `GPU 0 · RTX 4070`, `CPU · 8 cores`."""
    kind, _, number = name.partition(":")
    title = {"cuda": f"GPU {number or 0}", "mps": "Apple GPU", "cpu": "CPU"}.get(kind, name)
    return f"{title} · {devices[name]}" if name in devices else f"{title} (missing)"


def _three_columns(widget: QWidget) -> QGridLayout:
    """Return a layout whose middle column stays in the middle."""
    grid = QGridLayout(widget)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(0)
    for at, stretch in enumerate((1, 0, 1)):
        grid.setColumnStretch(at, stretch)
    return grid


def _follow(made: QPushButton, actions: Actions, key: str) -> None:
    """Let a button be enabled and named as its action is."""
    action = actions[key]

    def copy() -> None:
        made.setEnabled(action.isEnabled())
        made.setToolTip(action.toolTip())
        made.setAccessibleName(action.text())

    action.changed.connect(copy)
    copy()
