"""Both looks hold every token of the other, readable text, and icons that are shapes only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from studio.ui import controls
from studio.ui.icons import BadIcon, read_drawing
from studio.ui.theme import Theme

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"
ICONS = sorted(path.stem for path in (ASSETS / "icons").glob("*.svg"))


def contrast(one: QColor, other: QColor) -> float:
    """WCAG's contrast of two colours."""

    def luminance(color: QColor) -> float:
        parts = [color.redF(), color.greenF(), color.blueF()]
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_is_readable_on_every_ground(theme: Theme, name: str) -> None:
    theme.set(name)
    for text in ("text.1", "text.2", "text.3", "error", "warn"):
        for ground in ("bg.window", "bg.panel", "bg.card"):
            assert contrast(theme.color(text), theme.color(ground)) >= 4.5, (text, ground)
    assert contrast(theme.color("on.accent"), theme.color("accent")) >= 4.5


def test_switching_tells_once_and_changes_colours(theme: Theme, qtbot: QtBot) -> None:
    before = theme.color("bg.card")
    with qtbot.waitSignal(theme.changed, timeout=100):
        theme.set("light")
    assert theme.color("bg.card") != before
    told: list[bool] = []
    theme.changed.connect(lambda: told.append(True))
    theme.set("light")
    assert told == []


def test_both_looks_fill_the_whole_style_sheet(theme: Theme) -> None:
    for name in ("dark", "light"):
        theme.set(name)
        sheet = theme.style_sheet()
        assert "@" not in sheet.replace("@2x", "")
        assert "url(" in sheet


def test_buttons_follow_the_look(theme: Theme, qtbot: QtBot) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    theme.put_icon(button, "play", "text.1")
    before = button.icon().cacheKey()
    theme.set("light")
    assert button.icon().cacheKey() != before


@pytest.mark.parametrize("icon", ICONS)
def test_every_icon_draws_something_in_its_colour(theme: Theme, icon: str) -> None:
    image = theme.pixmap(icon, "accent", 16, 2.0).toImage()
    accent = theme.color("accent")
    seen = [image.pixelColor(x, y) for x in range(32) for y in range(32)]
    painted = [color for color in seen if color.alpha() > 200]
    assert painted
    assert any(abs(color.green() - accent.green()) < 12 for color in painted)


@pytest.mark.parametrize(
    "inside",
    [
        '<image href="/etc/passwd"/>',
        "<style>path{fill:red}</style>",
        "<script>1</script>",
        '<path style="fill:url(#x)" d="M0 0"/>',
        '<use xlink:href="#a"/>',
        "<!DOCTYPE svg><path/>",
    ],
)
def test_an_icon_that_reaches_outside_is_refused(tmp_path: Path, inside: str) -> None:
    file = tmp_path / "bad.svg"
    file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>')
    with pytest.raises(BadIcon):
        read_drawing(file)


def test_signed_maps_are_neutral_at_zero_and_symmetric(theme: Theme) -> None:
    zero = theme.diverging(np.zeros((2, 3)))
    assert zero.shape == (2, 3, 3)
    expected = theme.color("div.zero")
    assert tuple(zero[0, 0]) == (expected.red(), expected.green(), expected.blue())
    blue, orange = theme.diverging([-0.75, 0.75])
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_sequential_map_runs_from_the_ground_to_its_opposite(theme: Theme) -> None:
    low, high = (int(theme.sequential([t]).sum()) for t in (0.0, 1.0))
    assert low < high
    theme.set("light")
    low, high = (int(theme.sequential([t]).sum()) for t in (0.0, 1.0))
    assert low > high


def test_values_that_are_no_numbers_still_have_a_colour(theme: Theme) -> None:
    assert theme.diverging([np.nan]).shape == (1, 3)
    assert theme.sequential([np.inf, -np.inf]).shape == (2, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (61706, "61\u202f706"),
        (-3, "\u22123"),
        (0.25, "0.25"),
        (1234.5, "1\u202f234"),
        (2e-7, "2e\u221207"),
    ],
)
def test_numbers_take_thin_spaces_and_a_true_minus(value: float, text: str) -> None:
    assert Theme.number(value) == text


def test_pictures_are_as_sharp_as_the_screen(theme: Theme) -> None:
    for dpr in (1.0, 1.5, 2.0):
        made = theme.pixmap("play", "text.1", 16, dpr)
        assert made.width() == round(16 * dpr)
        assert made.deviceIndependentSize().width() == pytest.approx(16)


def test_an_icon_beside_words_follows_the_look(qtbot: QtBot, theme: Theme) -> None:
    icon = controls.Icon(theme, "warning", "warn")
    qtbot.addWidget(icon)
    colours = set()
    for look in ("dark", "light"):
        theme.set(look)
        picture = icon.grab().toImage()
        shown = {picture.pixelColor(x, y).name() for x in range(16) for y in range(16)}
        assert theme.color("warn").name() in shown
        colours.add(theme.color("warn").name())
    assert len(colours) == 2
