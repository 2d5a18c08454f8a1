"""The look: colours, type, icons and colour maps, by name. A theme is passed in, never global."""

from __future__ import annotations

import re
import tomllib
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QAction, QColor, QFont, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QAbstractButton, QApplication
from shiboken6 import isValid

from studio.ui.icons import keeps_shapes, paint_drawing, paint_shapes, read_drawing

ThemeName = Literal["dark", "light"]
FontRole = Literal["caption", "body", "title", "heading", "mono"]

_SIZES: dict[FontRole, int] = {"caption": 11, "body": 12, "title": 13, "heading": 15, "mono": 11}
_FAMILIES = ["Inter", "Segoe UI", "Noto Sans", "DejaVu Sans", "sans-serif"]
_MONO_FAMILIES = ["JetBrains Mono", "Cascadia Mono", "DejaVu Sans Mono", "Menlo", "monospace"]

#: Icons that the style sheet refers to: file stem → (drawing, token, size).
_SHEET_ICONS: dict[str, tuple[str, str, int]] = {
    "down": ("chevron-down", "text.3", 12),
    "up": ("chevron-up", "text.3", 12),
    "right": ("chevron-right", "text.3", 12),
    "check": ("check", "on.accent", 12),
    "tick": ("check", "accent", 14),
    "close": ("close", "text.3", 12),
}

#: Between an icon and the words of a button, beyond what the style leaves.
ICON_GAP = 4
THIN_SPACE = "\u202f"
MINUS = "\u2212"

if TYPE_CHECKING:
    # The window's frame is painted before numpy, which takes longer to import than that.
    import numpy as np
    import numpy.typing as npt

    Rgb = npt.NDArray[np.uint8]


class Theme(QObject):
    """One look at a time, `dark` or `light`; `changed` follows every switch.

    `assets` is the folder that holds `themes/`, `icons/` and `studio.qss`.
    """

    changed = Signal()

    def __init__(
        self, assets: Path, name: ThemeName = "dark", parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._assets = assets
        self._drawings: dict[str, str] = {}
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}
        self._icons: dict[tuple[str, str, int], QIcon] = {}
        self._wearers: weakref.WeakKeyDictionary[QObject, tuple[str, str, int]] = (
            weakref.WeakKeyDictionary()
        )
        self._sheet_folder = QTemporaryDir()
        self._load(name)

    @property
    def name(self) -> ThemeName:
        """`dark` or `light`."""
        return self._name

    def set(self, name: ThemeName) -> None:
        """Change the look; everything that follows `changed` repaints."""
        if name == self._name:
            return
        self._load(name)
        for target, worn in list(self._wearers.items()):
            if isValid(target):
                target.setIcon(self.icon(*worn))  # type: ignore[attr-defined]
        self.changed.emit()

    def color(self, token: str, alpha: float = 1.0) -> QColor:
        """Return the colour named `token` (`bg.card`, `cat.conv`, `series.1`).

        Raises: KeyError.
        """
        color = QColor(self._colors[token])
        if alpha < 1.0:
            color.setAlphaF(alpha)
        return color

    def font(self, role: FontRole, weight: int = 400) -> QFont:
        """Return the font for a role, with figures of equal width."""
        font = QFont()
        font.setFamilies(_MONO_FAMILIES if role == "mono" else _FAMILIES)
        font.setPixelSize(_SIZES[role])
        font.setWeight(QFont.Weight(weight))
        if role == "mono":
            font.setStyleHint(QFont.StyleHint.Monospace)
        else:
            font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def icon(self, name: str, token: str = "text.2", gap: int = 0) -> QIcon:
        """Return an icon in one colour, paler where disabled, with `gap` pixels of nothing at its right.

        Raises: OSError where there is no such drawing.
        """
        key = (name, token, gap)
        if key not in self._icons:
            icon = QIcon()
            for dpr in (1.0, 2.0):
                usual, pale = (self.pixmap(name, one, 16, dpr) for one in (token, "text.3"))
                icon.addPixmap(_widened(usual, gap))
                icon.addPixmap(_widened(pale, gap), QIcon.Mode.Disabled)
            self._icons[key] = icon
        return self._icons[key]

    def put_icon(self, target: QAbstractButton | QAction, name: str, token: str = "text.2") -> None:
        """Give a button or an action an icon that follows the look, a little apart from a button's words."""
        apart = isinstance(target, QAbstractButton) and bool(target.text())
        self._wearers[target] = (name, token, ICON_GAP if apart else 0)
        target.setIcon(self.icon(*self._wearers[target]))

    def pixmap(self, name: str, token: str, size: int, dpr: float = 1.0) -> QPixmap:
        """Return an icon as a picture of `size` pixels, times `dpr` for dense screens."""
        key = (name, token, size, dpr)
        if key not in self._pixmaps:
            self._pixmaps[key] = paint_drawing(
                self._drawing(name), self.color(token), self.color("accent"), size, dpr
            )
        return self._pixmaps[key]

    def draw_icon(
        self, painter: QPainter, at: QPointF, name: str, token: str, size: int, dpr: float = 2.0
    ) -> None:
        """Paint an icon: a picture of it on a screen, its shapes on what keeps shapes."""
        if keeps_shapes(painter):
            box = QRectF(at.x(), at.y(), size, size)
            accent = self.color("accent")
            paint_shapes(painter, self._drawing(name), self.color(token), accent, box)
        else:
            painter.drawPixmap(at, self.pixmap(name, token, size, dpr))

    def twin(self, name: ThemeName) -> Theme:
        """Return another theme over the same assets, for a picture in a look that is not the window's."""
        return Theme(self._assets, name)

    def _drawing(self, name: str) -> str:
        if name not in self._drawings:
            self._drawings[name] = read_drawing(self._assets / "icons" / f"{name}.svg")
        return self._drawings[name]

    def sequential(self, t: npt.ArrayLike) -> Rgb:
        """Return colours for values from 0 to 1. Shapes: `[…]` → uint8 `[…, 3]`."""
        return self._picked("sequential", t, 0.0, 256)

    def diverging(self, t: npt.ArrayLike) -> Rgb:
        """Return colours for signed values from −1 to 1. Shapes: `[…]` → uint8 `[…, 3]`."""
        # An odd number of steps, so that zero is exactly the middle one.
        return self._picked("diverging", t, -1.0, 255)

    def _picked(self, name: str, t: npt.ArrayLike, low: float, steps: int) -> Rgb:
        import numpy as np

        if name not in self._ramps:
            self._ramps[name] = _ramp(self._stops[name], np.linspace(low, 1.0, steps))
        known = np.clip(np.nan_to_num(np.asarray(t, dtype=np.float32)), low, 1.0)
        index = (known - low) / (1.0 - low) * (steps - 1)
        picked: Rgb = self._ramps[name][np.rint(index).astype(np.uint8)]
        return picked

    @staticmethod
    def number(value: float) -> str:
        """Return a number as it is shown: thin spaces between thousands, a true minus."""
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
        if "e" in text:
            text = f"{value:.3g}"
        return text.replace(",", THIN_SPACE).replace("-", MINUS)

    def style_sheet(self) -> str:
        """Return `studio.qss` with this look's colours and icons filled in."""
        text = (self._assets / "studio.qss").read_text(encoding="utf-8")
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)

        def fill(found: re.Match[str]) -> str:
            kind, name = found[1], found[2]
            return self._sheet_icon(name) if kind == "icon" else self._colors[name].name()

        return re.sub(r"@(color|icon)\(([\w.]+)\)", fill, text)

    def palette(self) -> QPalette:
        """Return the palette for what the style sheet does not name."""
        role = QPalette.ColorRole
        tokens = {
            role.Window: "bg.window",
            role.WindowText: "text.1",
            role.Base: "bg.input",
            role.AlternateBase: "bg.panel",
            role.Text: "text.1",
            role.Button: "bg.card",
            role.ButtonText: "text.1",
            role.BrightText: "text.1",
            role.PlaceholderText: "text.3",
            role.Highlight: "accent.soft",
            role.HighlightedText: "text.1",
            role.Link: "accent",
            role.ToolTipBase: "bg.raised",
            role.ToolTipText: "text.1",
            role.Mid: "line",
            role.Dark: "line",
            role.Light: "bg.hover",
        }
        palette = QPalette()
        for one, token in tokens.items():
            palette.setColor(one, self.color(token))
        for one in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, one, self.color("text.3"))
        return palette

    def prepare(self, app: QApplication) -> None:
        """Give the application the fonts and the palette that widgets are measured with."""
        app.setPalette(self.palette())
        app.setFont(self.font("body"))

    def dress(self, app: QApplication) -> None:
        """Give the whole application this look.

        Widgets that exist already are styled in one pass: five times as fast as one by one.
        """
        self.prepare(app)
        app.setStyleSheet(self.style_sheet())

    def _load(self, name: ThemeName) -> None:
        values = tomllib.loads(
            (self._assets / "themes" / f"{name}.toml").read_text(encoding="utf-8")
        )
        self._name: ThemeName = name
        self._colors = {token: QColor(text) for token, text in values["color"].items()}
        self._stops: dict[str, list[tuple[float, str]]] = values["maps"]
        self._ramps: dict[str, Rgb] = {}
        self._pixmaps.clear()
        self._icons.clear()

    def _sheet_icon(self, stem: str) -> str:
        name, token, size = _SHEET_ICONS[stem]
        path = f"{self._sheet_folder.path()}/{stem}-{self._name}"
        self.pixmap(name, token, size).save(f"{path}.png")
        self.pixmap(name, token, size, 2.0).save(f"{path}@2x.png")
        return f"url({path}.png)"


def _widened(pixmap: QPixmap, gap: int) -> QPixmap:
    """Return a picture with `gap` empty pixels at its right."""
    if not gap:
        return pixmap
    dpr = pixmap.devicePixelRatio()
    wide = QPixmap(pixmap.width() + round(gap * dpr), pixmap.height())
    wide.setDevicePixelRatio(dpr)
    wide.fill(Qt.GlobalColor.transparent)
    painter = QPainter(wide)
    painter.drawPixmap(0, 0, pixmap)
    painter.end()
    return wide


def _ramp(stops: list[tuple[float, str]], positions: npt.NDArray[np.float64]) -> Rgb:
    """Return the colours between the stops at each position."""
    import numpy as np

    at = [float(stop[0]) for stop in stops]
    colors = [QColor(stop[1]) for stop in stops]
    rgb = np.array([(c.red(), c.green(), c.blue()) for c in colors], dtype=np.float64)
    channels = [np.interp(positions, at, rgb[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
