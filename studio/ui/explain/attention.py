"""The Attention tab: where every head looks, one head large, one patch's view."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from studio.engine import protocol as p
from studio.session.session import Session
from studio.ui import controls
from studio.ui.explain.attention_views import HeadGrid, HeadMatrix, PatchMap
from studio.ui.explain.subject import SPLIT, Subject, Ticket
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent
from studio.ui.views.panel import EmptyState, Panel
from studio.ui.views.tiles import sample_image

_TRANSFORMER = "vit_small"


class HeadFigures(NamedTuple):
    """One head in two numbers. `distance`: how far it looks on average, in positions.

    `spread`: the entropy of its rows as a share of the greatest one; 1 is even, 0 is one key only.
    """

    distance: float
    spread: float


def figures(weights: np.ndarray, grid: tuple[int, ...], prefix: int) -> HeadFigures:
    """Return one head's figures.

    Shapes: `weights` `[queries, keys]`, rows sum to 1. Patches are measured on their grid.
    """
    queries, keys = weights.shape
    if len(grid) == 2:
        rows, columns = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
        inner = weights[prefix:, prefix:]
        apart = np.hypot(rows[:, None] - rows[None, :], columns[:, None] - columns[None, :])
        mass = inner.sum()
        distance = float((inner * apart).sum() / mass) if mass > 0 else 0.0
    else:
        apart = np.abs(np.arange(queries)[:, None] - np.arange(keys)[None, :])
        distance = float((weights * apart).sum() / max(1, queries))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(weights > 0, np.log(weights), 0.0)
    entropy = -(weights * logs).sum(axis=1)
    spread = float(entropy.mean() / np.log(keys)) if keys > 1 else 0.0
    return HeadFigures(distance, spread)


class Attention(QStackedWidget):
    """Asks for the weights of all attention nodes on the chosen sample, while it is in sight."""

    def __init__(
        self, session: Session, theme: Theme, subject: Subject, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._theme, self._subject = session, theme, subject
        self._round = 0
        self._ticket: Ticket | None = None
        self._due = True
        self._layer = self._head = self._row = 0
        self.maps: p.AttentionMaps | None = None
        self._build(theme)
        subject.sample_changed.connect(lambda index: self._ask())
        subject.changed.connect(self._ask)
        subject.refused.connect(lambda message: self._say(message))
        subject.sample_arrived.connect(self._on_sample)
        theme.changed.connect(self._show_image)

    def _build(self, theme: Theme) -> None:
        kind = self._architecture()
        self.empty = EmptyState(
            theme,
            "This network has no attention layer. Draw the small Vision Transformer, train it, and "
            "see here where each of its heads looks.",
            "Draw the small Vision Transformer" if kind else "",
        )
        self.empty.pressed.connect(self._on_draw)
        self.waiting = EmptyState(theme, "Choose a sample.")
        self.heads = Panel(theme, "Heads", "a row for each layer")
        self.grid = HeadGrid(theme, "Matrices of every head")
        self.grid.picked.connect(self.choose_head)
        self.heads.body.addWidget(self.grid)
        self.head_title = controls.label(theme, "", weight=600)
        self.heads.body.addWidget(self.head_title)
        tiles = controls.row(spacing=8)
        self.distance, self.spread = _Figure(theme, "Looks away"), _Figure(theme, "Spread")
        for tile in (self.distance, self.spread):
            tiles.addWidget(tile)
        self.heads.body.addLayout(tiles)
        note = "Attention shows where a head looks, not what decides. Compare the Attribution tab."
        self.heads.body.addWidget(controls.label(theme, note, "2", wrap=True))
        self.heads.body.addStretch(1)

        self.large = Panel(theme, "Head", "row looks at column")
        self.root = controls.chip(theme, "Square-root scale", checked=True)
        self.root.toggled.connect(self.grid.set_root)
        self.large.add_to_head(self.root)
        self.matrix = HeadMatrix(theme)
        self.root.toggled.connect(self.matrix.set_root)
        self.matrix.row_picked.connect(self.choose_row)
        self.large.body.addWidget(self.matrix, 1)
        self.cell = controls.label(theme, "", "2")
        self.large.body.addWidget(self.cell)

        self.view = Panel(theme, "From one patch", "click to move")
        self.first = controls.chip(theme, "Class token")
        self.first.clicked.connect(lambda: self.choose_row(0))
        self.view.add_to_head(self.first)
        self.patches = PatchMap(theme)
        self.patches.empty_text = "This layer's positions are no patches of an image."
        self.patches.patch_picked.connect(self._on_patch)
        self.view.body.addWidget(self.patches)
        self.reads = controls.label(theme, "", "2", wrap=True)
        self.view.body.addWidget(self.reads)
        self.same = controls.label(theme, "The same, every head", weight=600)
        self.view.body.addWidget(self.same)
        self.everywhere = HeadGrid(theme, "Where the chosen position looks, every head")
        self.everywhere.picked.connect(self.choose_head)
        self.root.toggled.connect(self.everywhere.set_root)
        self.view.body.addWidget(self.everywhere)
        self.view.body.addStretch(1)

        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.setHandleWidth(1)
        parts.setChildrenCollapsible(False)
        for panel in (self.heads, self.large, self.view):
            parts.addWidget(panel)
        parts.setSizes([372, 520, 412])
        self.content = parts
        for page in (self.empty, self.waiting, parts):
            self.addWidget(page)

    # ---------------------------------------------------------------------------------------- asking

    def has_attention(self) -> bool:
        """Whether the subject's network has an attention layer."""
        return "attn" in self._subject.categories()

    def showEvent(self, event: object) -> None:
        if self._due:
            self._ask()

    def _ask(self) -> None:
        self._round += 1
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        subject = self._subject
        if not self.has_attention():
            self.setCurrentWidget(self.empty)
            return
        if self.maps is None:
            self._say("Choose a sample.")
        self._due = not self.isVisible()
        if self._due or subject.sample < 0 or subject.predictions is None:
            return
        number = self._round
        request = p.GetAttention(subject.project, subject.sample, SPLIT, subject.weights)

        def answered(answer: p.Answer) -> None:
            if number == self._round and isinstance(answer, p.AttentionMaps):
                self._ticket = None
                self._show(answer)

        def refused(answer: p.Refused) -> None:
            if number == self._round and not answer.cancelled:
                self._ticket = None
                self._say(answer.message)

        self._ticket = self._session.ask(request, answered, refused)

    def _say(self, sentence: str) -> None:
        if self.has_attention():
            self.maps = None
            self.waiting.sentence.setText(sentence)
            self.setCurrentWidget(self.waiting)

    def _architecture(self) -> str:
        """The smallest network with attention that there is to draw, "" without one."""
        kinds = self._session.catalog.architectures
        return next((kind for kind in kinds if kind.endswith(_TRANSFORMER)), "")

    def show_catalog(self) -> None:
        """Offer the transformer where the catalogue has it."""
        kind = self._architecture()
        self.empty.button.setText("Draw the small Vision Transformer" if kind else "")
        self.empty.button.setVisible(bool(kind))

    def _on_draw(self) -> None:
        kind = self._architecture()
        if kind:
            self._session.draw(kind)

    # --------------------------------------------------------------------------------------- showing

    def _show(self, maps: p.AttentionMaps) -> None:
        if not maps.layers:
            self.setCurrentWidget(self.empty)
            return
        self.maps = maps
        self.setCurrentWidget(self.content)
        self.grid.set_layers(maps.layers)
        self.everywhere.set_layers(maps.layers)
        heads = maps.layers[0].weights.shape[0]
        self.heads.remark.put(f"{len(maps.layers)} layers × {heads} heads")
        self._show_image()
        self._show_reading()
        self.choose_head(min(self._layer, len(maps.layers) - 1), self._head)

    def choose_head(self, layer: int, head: int) -> None:
        """Show one head large."""
        if self.maps is None:
            return
        chosen = self.maps.layers[layer]
        self._layer, self._head = layer, min(head, chosen.weights.shape[0] - 1)
        weights = chosen.weights[self._head]
        for grid in (self.grid, self.everywhere):
            grid.set_chosen(layer, self._head)
        title = f"Layer {layer + 1} · head {self._head + 1}"
        self.head_title.setText(title)
        self.large.title.setText(title)
        self.large.remark.put(f"{chosen.name}, row looks at column")
        told = figures(weights, chosen.grid, chosen.prefix)
        unit = "patches on average" if chosen.grid else "positions on average"
        self.distance.put(f"{told.distance:.1f}", unit)
        self.spread.put(f"{told.spread:.2f}", "1 is even")
        tokens = self.maps.tokens
        self.matrix.set_weights(weights, tokens)
        self.choose_row(self._row)

    def choose_row(self, row: int) -> None:
        """Show where one position looks."""
        if self.maps is None:
            return
        chosen = self.maps.layers[self._layer]
        weights = chosen.weights[self._head]
        row = self._row = min(max(row, 0), len(weights) - 1)
        if self.matrix.row != row:
            self.matrix.set_row(row)
        self.cell.setText(self.matrix.cell_text())
        prefix = chosen.prefix
        self.first.setVisible(prefix > 0)
        self.first.setChecked(row < prefix)
        on_grid = len(chosen.grid) == 2
        if on_grid:
            grid = (int(chosen.grid[0]), int(chosen.grid[1]))
            self.patches.set_weights(weights[row, prefix:], grid, row - prefix)
            self.everywhere.set_row(row, self.patches.image)
        else:
            self.patches.set_weights(np.empty(0), (0, 0), -1)
        for widget in (self.same, self.everywhere):
            widget.setVisible(on_grid)
        self.view.title.setText("From the class token" if row < prefix else "From one patch")

    def _on_patch(self, patch: int) -> None:
        if self.maps is not None:
            self.choose_row(patch + self.maps.layers[self._layer].prefix)

    def _on_sample(self, index: int) -> None:
        if index == self._subject.sample:
            self._show_image()

    def _show_image(self) -> None:
        subject = self._subject
        values = subject.values(subject.sample) if subject.sample >= 0 else None
        image = None if values is None else sample_image(self._theme, values)
        self.patches.set_image(image)
        self.choose_row(self._row)

    def _show_reading(self) -> None:
        subject, index = self._subject, self._subject.sample
        if not subject.is_classification or subject.predictions is None:
            self.reads.setText("")
            return
        read, true = subject.read(index), subject.true(index)
        share = percent(float(subject.predictions.outputs[index][read]))
        verdict = "right" if read == true else f"truly {subject.class_name(true)}"
        self.reads.setText(f"Reads {subject.class_name(read)}, {share} sure · {verdict}")


class _Figure(QWidget):
    """A number in a small card."""

    def __init__(self, theme: Theme, title: str) -> None:
        super().__init__()
        self.setProperty("surface", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        lines = controls.column(self, margins=8, spacing=2)
        lines.addWidget(controls.label(theme, title, "3", "caption"))
        self.value = controls.label(theme, "", role="title", weight=600)
        self.unit = controls.label(theme, "", "3", "caption")
        lines.addWidget(self.value)
        lines.addWidget(self.unit)

    def put(self, value: str, unit: str) -> None:
        """Show a number and what it counts."""
        self.value.setText(value)
        self.unit.setText(unit)
