"""What the network answers everywhere around two-dimensional data."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from studio.graph.facts import DataFacts
from studio.session.history import History
from studio.ui.theme import Theme
from studio.ui.views.panel import Panel
from studio.ui.views.redraw import Redraw
from studio.ui.views.surface_map import SurfaceMap


class DecisionSurface(Panel):
    """The plane of the two features, coloured by the answer, with training samples upon it."""

    def __init__(self, theme: Theme, redraw: Redraw, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Decision surface", "with training samples", parent)
        self.view = SurfaceMap(theme)
        self.view.empty_text = (
            "A decision surface is drawn where samples have two features, from the first moment on."
        )
        self.body.addWidget(self.view, 1)
        self._history = History()
        self._facts: DataFacts | None = None
        self._redraw = redraw
        redraw.register(self.view, self._fill)

    def show_history(self, history: History, facts: DataFacts | None) -> None:
        """Draw another run; `facts` of its data name the axes."""
        self._history, self._facts = history, facts
        self.mark()

    def mark(self) -> None:
        """Say that a surface came, or that another moment is shown."""
        self._redraw.mark(self.view)

    def _fill(self) -> None:
        insight, started = self._history.shown.insight, self._history.started
        surface = insight.surface if insight is not None else None
        classes = started.classes if started is not None else ()
        names = self._facts.features if self._facts is not None else ()
        axes = (names[0], names[1]) if len(names) == 2 else ("x₁", "x₂")
        self.view.set_surface(surface, classes, axes)
