"""Views of what was learnt: filters, samples in a plane, answers everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio.engine.protocol import Surface
from studio.ui.theme import Theme
from studio.ui.views.heatmap import Heatmap
from studio.ui.views.picture_grid import PictureGrid
from studio.ui.views.pixels import gray_image
from studio.ui.views.scatter import Scatter
from studio.ui.views.surface_map import SurfaceMap


def shown(qtbot: QtBot, view: object, width: int = 400, height: int = 200) -> None:
    qtbot.addWidget(view)  # type: ignore[arg-type]
    view.resize(width, height)  # type: ignore[attr-defined]
    view.show()  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [1, 6, 64])
def test_pictures_fill_the_room_without_overlapping(qtbot: QtBot, theme: Theme, count: int) -> None:
    grid = PictureGrid(theme, "Filters")
    shown(qtbot, grid)
    assert grid.is_empty()
    pictures = [gray_image(np.full((5, 3), k, np.uint8)) for k in range(count)]
    grid.set_pictures(pictures, [f"Filter {k}" for k in range(count)])
    boxes = grid._boxes()
    assert len(boxes) == count
    assert all(grid.rect().toRectF().contains(box) for box in boxes)
    assert not any(a.intersects(b) for n, a in enumerate(boxes) for b in boxes[:n])
    assert boxes[0].height() / boxes[0].width() == pytest.approx(5 / 3, rel=0.2)
    assert grid.tip(boxes[-1].center()) == f"Filter {count - 1}"
    grid.grab()


def scattered(qtbot: QtBot, theme: Theme, kinds: int = 3) -> Scatter:
    view = Scatter(theme, "Samples")
    shown(qtbot, view)
    points = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    names = [f"class {k}" for k in range(kinds)]
    words = ["a", "b", "c\nread as d", "<i>e</i>"]
    view.set_points(points, np.arange(4) % kinds, names, words, marked=np.arange(4) == 2)
    return view


def test_the_point_under_the_mouse_is_told_and_a_click_keeps_it(qtbot: QtBot, theme: Theme) -> None:
    view = scattered(qtbot, theme)
    told: list[int] = []
    view.hovered.connect(told.append)
    places = view._places()
    assert all(view.rect().toRectF().contains(QPointF(x, y)) for x, y in places)
    QTest.mouseMove(view, QPointF(*places[2]).toPoint())
    assert told == [2]
    assert view.accessibleDescription() == "c\nread as d"
    QTest.mouseClick(
        view,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QPointF(*places[2]).toPoint(),
    )
    QTest.mouseMove(view, QPointF(*((places[0] + places[3]) / 2)).toPoint())
    assert view.looked_at == 2
    view.show_card(gray_image(np.zeros((8, 8), np.uint8)))
    view.grab()
    QTest.mouseClick(
        view,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QPointF(*places[2]).toPoint(),
    )
    assert view._chosen == -1


def test_points_are_walked_by_keys_and_fewer_points_forget_the_picked_one(
    qtbot: QtBot, theme: Theme
) -> None:
    view = scattered(qtbot, theme)
    QTest.keyClick(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.looked_at == 3
    QTest.keyClick(view, Qt.Key.Key_Return)
    view.set_points(np.zeros((2, 2)), np.zeros(2, int), ("a",), ("x", "y"))
    assert view.looked_at == -1
    view.grab()  # all points at one place are a plane too
    assert view.table()[1:] == [(0.0, 0.0, "x"), (0.0, 0.0, "y")]


@pytest.mark.parametrize("kinds", [1, 10, 40])
@pytest.mark.parametrize("look", ["dark", "light"])
def test_any_number_of_kinds_is_drawn(qtbot: QtBot, theme: Theme, kinds: int, look: str) -> None:
    theme.set(look)  # type: ignore[arg-type]
    view = scattered(qtbot, theme, kinds)
    view.grab()
    view.set_points(np.eye(3)[:, :2], np.zeros(3, int), (), ("1", "2", "3"), ramp=np.eye(3)[0])
    view.grab()


def surface(depth: int) -> Surface:
    values = np.zeros((4, 4, depth), np.float16)
    values[:, :2, 0] = 1.0  # the left half is the first class's
    values[:, 2:, -1] = 1.0
    points = np.array([[-0.5, 0.0], [0.5, 0.0]], np.float32)
    return Surface(values, (-1.0, 1.0, -1.0, 1.0), points, np.array([0, depth - 1]))


def test_a_surface_tells_what_is_answered_where(qtbot: QtBot, theme: Theme) -> None:
    view = SurfaceMap(theme)
    shown(qtbot, view)
    assert view.is_empty()
    view.grab()
    view.set_surface(surface(2), ("cat", "dog"), ("length", "weight"))
    area = view._area()
    left = view.tip(QPointF(area.left() + area.width() * 0.2, area.center().y()))
    right = view.tip(QPointF(area.left() + area.width() * 0.8, area.center().y()))
    assert "cat, 100.0" in left
    assert "dog, 100.0" in right
    assert view.tip(QPointF(0, 0)) == ""
    assert view.table()[0] == ("x", "y", "cat", "dog")
    assert len(view.table()) == 17
    colours = view._colours()
    assert (colours[0, 0] != colours[0, -1]).any()
    view.grab()


def test_a_surface_of_values_and_one_of_a_single_answer(qtbot: QtBot, theme: Theme) -> None:
    view = SurfaceMap(theme)
    shown(qtbot, view)
    view.set_surface(surface(1), ())
    assert view.tip(view._area().center()) != ""
    view.grab()
    view.set_surface(surface(1), ("no", "yes"))  # one probability is that of the second class
    area = view._area()
    assert "yes" in view.tip(QPointF(area.left() + 2, area.center().y()))
    view.grab()


def test_a_heat_map_of_shares_has_an_even_scale_and_holds_a_moment(
    qtbot: QtBot, theme: Theme
) -> None:
    view = Heatmap(theme, "Dead units")
    shown(qtbot, view)
    values = np.array([[0.0, 0.5, 1.0], [np.nan, 0.0, 0.25]])
    at = np.array([10, 20, 30])
    view.set_values(values, ("a", "b"), at, log=False, limits=(0.0, 1.0))
    assert (view._low, view._high) == (0.0, 1.0)
    plain = view.grab().toImage()
    view.hold(21)
    assert view.grab().toImage() != plain
    view.hold(None)
    assert view.grab().toImage() == plain
    view.set_values(-values, ("a", "b"), at, log=False)  # a mean may be negative
    assert view._low < 0
    view.grab()
