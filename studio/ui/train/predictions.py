"""The fixed strip of validation samples and what the network reads in them now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from studio.engine.protocol import Pictures
from studio.session.history import History
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.views.numbers import short
from studio.ui.views.redraw import Redraw
from studio.ui.views.tiles import Strip, Tile, sample_image


class Predictions(QWidget):
    """Words at the left, thumbnails at the right."""

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
        words.addWidget(controls.label(theme, "validation samples", "2", "caption"))
        self.count = controls.label(theme, "", "2", "caption")
        words.addWidget(self.count)
        words.addStretch(1)
        line.addLayout(words)
        self.strip = Strip(theme)
        self.strip.empty_text = "Predictions appear with the first pictures."
        line.addWidget(self.strip, 1)
        self._history = History()
        self._redraw = redraw
        redraw.register(self.strip, self._fill)

    def show_history(self, history: History) -> None:
        """Draw another run."""
        self._history = history
        self.mark()

    def mark(self) -> None:
        """Say that pictures came."""
        self._redraw.mark(self.strip)

    def _fill(self) -> None:
        pictures, started = self._history.shown.pictures, self._history.started
        if pictures is None or started is None:
            self.strip.set_tiles((), ())
            self.count.setText("")
            return
        tiles = worded(pictures, started.task, started.classes)
        images = [sample_image(self.theme, sample) for sample in pictures.inputs]
        self.strip.set_tiles(images, tiles)
        if started.task == "regression":
            self.count.setText(f"step {Theme.number(pictures.step)}")
        else:
            wrong = sum(tile.wrong for tile in tiles)
            self.count.setText(f"{len(tiles) - wrong} right, {wrong} wrong")


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

    tiles = []
    for output, target in zip(pictures.outputs, pictures.targets.tolist(), strict=True):
        read = int(np.argmax(output))
        wrong = read != int(target)
        remark = f"not {name(int(target))}" if wrong else ""
        tiles.append(Tile(name(read), remark, wrong))
    return tiles
