"""Where a breakpoint holds the run: what happened, the batch that did it, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, Signal

from studio.engine import protocol as p
from studio.graph.breakpoints import NOT_FINITE, words
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.train.finding_card import INDENT
from studio.ui.views.numbers import short
from studio.ui.views.panel import Card, Flow
from studio.ui.views.tiles import Strip, Tile, sample_image

#: Samples of a batch that are shown.
SHOWN = 16


class HitCard(Card):
    """The step, the layer and the batch; buttons go on, a step back, or never stop here again."""

    layer_wanted = Signal(str)
    go_on = Signal()
    back = Signal()
    ignored = Signal(object)

    def __init__(self, theme: Theme, hit: p.BreakpointHit, layer: str) -> None:
        broken = hit.breakpoint.kind == NOT_FINITE
        super().__init__(theme, "error" if broken else "warn")
        self.hit = hit
        head = controls.row()
        mark = controls.Icon(theme, "pause", "error" if broken else "warn")
        where = "Paused before step" if broken else "Paused after step"
        self.title = controls.label(
            theme, f"{where} {Theme.number(hit.step)}", weight=600, wrap=True
        )
        head.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.title, 1)
        self.words = controls.label(theme, hit.what.rstrip(".") + ".", "2", wrap=True)
        self.resume = controls.button(theme, "Continue", look="primary", small=True)
        self.step_back = controls.button(theme, "Step back", small=True)
        self.ignore = controls.button(
            theme, "Ignore from now on", small=True, tip="Turns this breakpoint off and goes on."
        )
        self.show_layer = controls.button(theme, f"Show {layer}", small=True)
        buttons = Flow(spacing=8)
        buttons.setContentsMargins(INDENT, 2, 0, 2)
        for made in (self.resume, self.step_back, self.ignore, self.show_layer):
            buttons.addWidget(made)
        self.resume.clicked.connect(self.go_on)
        self.step_back.clicked.connect(self.back)
        self.ignore.clicked.connect(lambda: self.ignored.emit(self.hit.breakpoint))
        self.show_layer.clicked.connect(lambda: self.layer_wanted.emit(self.hit.node))
        count = len(hit.samples)
        of = words(hit.breakpoint, layer if hit.breakpoint.node else "")
        told = f"Its batch: {Theme.number(count)} training samples. " if count else ""
        self.batch = controls.label(theme, f"{told}Breakpoint: {of}.", "3", "caption", wrap=True)
        self.strip = Strip(theme, f"Batch of step {hit.step}")
        self.strip.empty_text = "Reading the batch of this step…"
        self.strip.setFixedHeight(76)
        self.column.addLayout(head)
        self.column.addWidget(self.words)
        self.column.addLayout(buttons)
        self.column.addWidget(self.batch)
        self.column.addWidget(self.strip)
        for part in (self.words, self.batch):
            part.setContentsMargins(INDENT, 0, 0, 0)
        self.strip.setVisible(bool(count))
        self.show_layer.setVisible(bool(layer and hit.node))
        self.setAccessibleName(f"{self.title.text()}. {hit.what}")

    def show_step(self, step: int) -> None:
        """Tell how far back the run has gone; `step` are the steps that are done."""
        done = self.hit.step - (self.hit.breakpoint.kind == NOT_FINITE)
        if step < done:
            self.title.setText(
                f"Gone back to before step {Theme.number(step + 1)}, from step "
                f"{Theme.number(self.hit.step)}"
            )
        self.step_back.setEnabled(step > 0)
        self.step_back.setToolTip(
            "Goes back to before the last step, and holds."
            if step > 0
            else "No step has been taken that could be gone back to."
        )

    def show_batch(self, theme: Theme, found: p.SampleSet, classes: Sequence[str]) -> None:
        """Show samples of the batch with what they truly are."""
        images = [sample_image(theme, _bytes(sample)) for sample in found.inputs]
        tiles = []
        for at, target in zip(found.indices, found.targets, strict=True):
            named = np.ndim(target) == 0 and classes and 0 <= int(target) < len(classes)
            read = classes[int(target)] if named else short(float(np.ravel(target)[0]))
            tiles.append(Tile(str(read), tip=f"training sample {at}"))
        self.strip.set_tiles(images, tiles)


def _bytes(sample: np.ndarray) -> np.ndarray:
    """Return an image spread over 0…255; anything else as it is."""
    if sample.ndim != 3:
        return sample
    low, high = float(np.nanmin(sample)), float(np.nanmax(sample))
    spread = (np.nan_to_num(sample) - low) / max(high - low, 1e-12)
    return np.asarray((255 * spread).clip(0, 255), dtype=np.uint8)
