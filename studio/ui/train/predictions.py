"""The fixed strip of validation samples: what the network reads in them, or makes of them, now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.engine.protocol import Pictures
from studio.graph.answers import SUPERVISED
from studio.session.history import History
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.previews import PreviewView
from studio.ui.views.numbers import short
from studio.ui.views.redraw import Redraw
from studio.ui.views.tiles import Strip, Tile, sample_image


class Predictions(QWidget):
    """Words at the left; at the right thumbnails with what is read, or what the learner shows."""

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumHeight(100)
        line = controls.row(self, spacing=12)
        line.setContentsMargins(16, 4, 12, 4)
        words = controls.column(spacing=4)
        words.addStretch(1)
        words.addWidget(controls.label(theme, "Predictions", weight=600))
        self.what = controls.label(theme, "validation samples", "2", "caption", wrap=True)
        self.what.setFixedWidth(140)
        words.addWidget(self.what)
        self.count = controls.label(theme, "", "2", "caption")
        words.addWidget(self.count)
        words.addStretch(1)
        line.addLayout(words)
        self.strip = Strip(theme)
        self.strip.empty_text = "Predictions appear with the first pictures."
        self.preview = PreviewView(theme)
        self._shown = QStackedWidget()
        self._shown.addWidget(self.strip)
        self._shown.addWidget(self.preview)
        line.addWidget(self._shown, 1)
        self._history = History()
        self._redraw = redraw
        redraw.register(self._shown, self._fill)  # of the two in it one is always hidden

    def show_history(self, history: History) -> None:
        """Draw another run."""
        self._history = history
        self.mark()

    def mark(self) -> None:
        """Say that pictures came."""
        self._redraw.mark(self._shown)

    def _fill(self) -> None:
        started, preview = self._history.started, self._history.shown.preview
        reads = started is None or is_read(started.task, started.learner)
        if preview is None and reads:
            self.what.setText("validation samples")
            self._shown.setCurrentWidget(self.strip)
            self.setMinimumHeight(100)
            self._fill_strip()
            return
        nodes = started is not None and started.task == "nodes"
        self.preview.empty_text = (
            "A graph has no pictures: loss and accuracy say how its nodes are read."
            if nodes
            else "What the network makes of a few samples appears while it learns."
        )
        self.preview.set_preview(preview)
        self._shown.setCurrentWidget(self.preview)
        self.setMinimumHeight(148)
        self.what.setText(preview.title if preview is not None else "validation samples")
        self.count.setText(f"step {Theme.number(preview.step)}" if preview is not None else "")

    def _fill_strip(self) -> None:
        pictures, started = self._history.shown.pictures, self._history.started
        if pictures is None or started is None:
            self.strip.set_tiles((), ())
            self.count.setText("")
            return
        tiles = worded(pictures, started.task, started.classes)
        images = [sample_image(self.theme, sample) for sample in pictures.inputs]
        self.strip.set_tiles(images, tiles)
        if started.task != "classification":
            self.count.setText(f"step {Theme.number(pictures.step)}")
        else:
            wrong = sum(tile.wrong for tile in tiles)
            self.count.setText(f"{len(tiles) - wrong} right, {wrong} wrong")


def is_read(task: str, learner: str) -> bool:
    """Tell whether outputs are what is read in a sample: a class, labels or a number."""
    return learner in ("", SUPERVISED) and task in ("classification", "multi-label", "regression")


def worded(pictures: Pictures, task: str, classes: Sequence[str]) -> list[Tile]:
    """Return what stands under each sample: `9 not 3` where it is read wrongly."""
    if task == "regression":
        outputs = np.asarray(pictures.outputs, np.float64).reshape(len(pictures.targets), -1)
        targets = np.asarray(pictures.targets, np.float64).reshape(outputs.shape)
        return [
            Tile(short(float(o[0])), f"true {short(float(t[0]))}")
            for o, t in zip(outputs, targets, strict=True)
        ]

    def name(k: int) -> str:
        return classes[k] if k < len(classes) else str(k)

    if task == "multi-label":
        return [
            _labelled(*pair, name) for pair in zip(pictures.outputs, pictures.targets, strict=True)
        ]
    tiles = []
    for output, target in zip(pictures.outputs, pictures.targets.tolist(), strict=True):
        read = int(np.argmax(output))
        wrong = read != int(target)
        remark = f"not {name(int(target))}" if wrong else ""
        tiles.append(Tile(name(read), remark, wrong))
    return tiles


def _labelled(output: np.ndarray, target: np.ndarray, name: Callable[[int], str]) -> Tile:
    """Return the labels that are given, and those that are too many or missing."""
    given, true = set(np.flatnonzero(output > 0.5)), set(np.flatnonzero(target > 0.5))
    read = ", ".join(name(int(k)) for k in sorted(given)) or "none"
    missing = [f"+{name(int(k))}" for k in sorted(true - given)]
    wrong = [f"−{name(int(k))}" for k in sorted(given - true)]
    return Tile(read, " ".join([*missing, *wrong]), given != true)
