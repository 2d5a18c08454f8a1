"""A wire: a stock path, in the pens of the theme."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFontMetricsF, QPen
from PySide6.QtWidgets import QGraphicsPathItem

from studio.graph.facts import Dim, dim_text
from studio.graph.graph import Link
from studio.ui.canvas.labels import Label
from studio.ui.canvas.node_paint import outline
from studio.ui.canvas.previews import LEVELS, wire_width
from studio.ui.canvas.routes import Route, path_of
from studio.ui.canvas.sprites import Sprites
from studio.ui.theme import Theme

LINK_Z = 1.0
#: A wire must be longer than this to carry its shape.
LABELLED = 24.0
#: How many shapes are kept as text.
_AXES = 1000

#: A shape as text: each dimension and whether the layer changed it.
Axes = tuple[tuple[str, bool], ...]


def axes_of(shape: tuple[Dim, ...], before: tuple[Dim, ...] | None) -> Axes:
    """Return a shape's dimensions, bright where they are not what they were before."""
    same = before is not None and len(before) == len(shape)
    return tuple(
        (dim_text(dim), n > 0 and not (same and before is not None and before[n] == dim))
        for n, dim in enumerate(shape)
    )


class WireLook:
    """Pens of wires and the width of a letter on them, looked up once for each theme."""

    def __init__(self, theme: Theme, sprites: Sprites) -> None:
        self.theme = theme
        self.sprites = sprites
        self._axes: dict[tuple[tuple[Dim, ...], tuple[Dim, ...] | None], Axes] = {}
        self.dress()

    def dress(self) -> None:
        """Take on the theme as it is now."""
        self._pens: dict[tuple[str, bool, bool], QPen] = {}
        self._strong: list[QPen] = []
        self.font = self.theme.font("mono")
        self.letter = QFontMetricsF(self.font).horizontalAdvance("0")

    def axes(self, shape: tuple[Dim, ...], before: tuple[Dim, ...] | None) -> Axes:
        """Return `axes_of`: one value for all of the many wires of a large sheet that carry the same."""
        if len(self._axes) > _AXES:
            self._axes.clear()
        known = self._axes.get((shape, before))
        if known is None:
            known = self._axes[shape, before] = axes_of(shape, before)
        return known

    def pen(self, token: str, thick: bool, dashed: bool) -> QPen:
        """Return the pen of a wire."""
        key = (token, thick, dashed)
        if key not in self._pens:
            self._pens[key] = outline(self.theme.color(token), 3.0 if thick else 2.0, dashed)
        return self._pens[key]

    def strong(self, level: int) -> QPen:
        """Return the pen of a wire that shows how strong its tensor is: wider and brighter."""
        if not self._strong:
            weak, most = self.theme.color("wire"), self.theme.color("text.2")
            for n in range(LEVELS):
                share = n / (LEVELS - 1)
                red, green, blue = (
                    round(a + (b - a) * share)
                    for a, b in (
                        (weak.red(), most.red()),
                        (weak.green(), most.green()),
                        (weak.blue(), most.blue()),
                    )
                )
                self._strong.append(outline(QColor(red, green, blue), wire_width(n)))
        return self._strong[level]


class LinkItem(QGraphicsPathItem):
    """A wire. Painting is the stock item's own."""

    def __init__(self, link: Link, look: WireLook) -> None:
        super().__init__()
        self.link = link
        self.route: Route | None = None
        self.docked = False
        #: Begins at the port of the frame that it enters, together with a wire of the same source.
        self.joined = False
        #: The shape that it carries, where that is written.
        self.label: Label | None = None
        self._look = look
        self.tone = ""
        #: How strong its tensor is, where that is shown.
        self.level: int | None = None
        self.setZValue(LINK_Z)

    def set_route(self, route: Route) -> None:
        """Run through these corners."""
        if self.route is None or route.points != self.route.points:
            self.route = route
            self.setPath(path_of(route.points))

    def show_state(
        self, tone: str, hovered: bool, selected: bool, level: int | None = None
    ) -> None:
        """Draw the wire plain, `error` or `unknown` (dashed), or with the strength of its tensor;
        bright where it is hovered or selected."""
        self.tone, self.level = tone, level
        bright = hovered or selected
        token = "accent" if bright else "error" if tone == "error" else "wire"
        if level is not None and token == "wire":
            self.setPen(self._look.strong(level))
        else:
            self.setPen(self._look.pen(token, bright, tone == "unknown"))
        self.setZValue(LINK_Z + bright)
