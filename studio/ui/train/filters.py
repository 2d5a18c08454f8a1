"""What the layers look for: weights as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from studio.engine.protocol import Insight
from studio.session.history import History
from studio.ui.theme import Theme
from studio.ui.views.numbers import short
from studio.ui.views.panel import Panel
from studio.ui.views.picture_grid import PictureGrid
from studio.ui.views.pixels import diverging_image, rgb_image
from studio.ui.views.redraw import Redraw


class Filters(Panel):
    """The filters of the chosen layer, or of the first that has any."""

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Filters", parent=parent)
        self.view = PictureGrid(theme, "Weights of a layer as pictures")
        self.view.empty_text = "Filters appear with the first moment that is kept."
        self.body.addWidget(self.view, 1)
        self._theme = theme
        self._history = History()
        self._name: Callable[[str], str] = str
        self._path = ""
        self._redraw = redraw
        redraw.register(self.view, self._fill)
        theme.changed.connect(self.mark)

    def show_history(self, history: History, name: Callable[[str], str]) -> None:
        """Draw another run; `name` words a layer's path."""
        self._history, self._name = history, name
        self.mark()

    def set_layer(self, path: str) -> None:
        """Show another layer's filters."""
        self._path = path
        self.mark()

    def mark(self) -> None:
        """Say that filters came, or that another moment is shown."""
        self._redraw.mark(self.view)

    def _fill(self) -> None:
        insight = self._history.shown.insight
        path = self._shown_of(insight)
        self.title.setText(f"Filters of {self._name(path)}" if path else "Filters")
        if insight is None or not path:
            self.remark.put("")
            if insight is not None:
                self.view.empty_text = (
                    "No layer of this network has weights that are a picture. Convolutions have, and "
                    "a Linear that reads the image itself."
                )
            self.view.set_pictures((), ())
            return
        filters, limit = insight.filters[path], insight.limits.get(path, 0.0)
        pictures = [self._picture(one) for one in filters]
        self.remark.put(f"weights of ±{short(limit)}")
        tips = [f"Filter {k + 1} of {len(filters)}" for k in range(len(filters))]
        signed = (filters.astype(np.float32) - 128) / 127 * limit
        flat = signed.reshape(len(filters), -1)
        rows: list[Sequence[object]] = [
            ("filter", *range(flat.shape[1])),
            *((k, *row) for k, row in enumerate(flat.tolist())),
        ]
        self.view.set_pictures(pictures, tips, rows)

    def _shown_of(self, insight: Insight | None) -> str:
        if insight is None or not insight.filters:
            return ""
        return self._path if self._path in insight.filters else next(iter(insight.filters))

    def _picture(self, values: np.ndarray) -> QImage:
        """Return a filter: signed weights in the diverging map, those of colours as colours."""
        if values.ndim == 3:
            return rgb_image(values)
        return diverging_image(self._theme, (values.astype(np.float32) - 128) / 127, 1.0)
