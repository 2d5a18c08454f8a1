from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from studio.session.history import Curve
from studio.ui.theme import Theme
from studio.ui.views.bars import Bars
from studio.ui.views.confusion import Confusion
from studio.ui.views.heatmap import Heatmap
from studio.ui.views.line_plot import LinePlot
from studio.ui.views.pixels import diverging_image, gray_image, symmetric_limit
from studio.ui.views.plot_painting import Trace
from studio.ui.views.redraw import Redraw
from studio.ui.views.signed_map import Line, SignedMap
from studio.ui.views.tiles import SampleGrid, Strip, Tile, sample_image
from studio.ui.views.view import View, plain

TRAIN = Trace("train", "train", "series.1", smooth=True)
VAL = Trace("val", "val", "series.2", dots=True)


def shown(qtbot: QtBot, widget: QWidget, width: int = 400, height: int = 300) -> QWidget:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def pixel(image: QImage, x: int, y: int) -> tuple[int, int, int]:
    return QColor(image.pixel(x, y)).getRgb()[:3]


def test_pictures_hold_the_arrays_values() -> None:
    values = np.array([[0, 128], [255, 7]], np.uint8)
    image = gray_image(values)
    assert [pixel(image, x, y)[0] for y in (0, 1) for x in (0, 1)] == [0, 128, 255, 7]
    stretched = gray_image(np.array([[[2.0, 3.0], [4.0, 2.0]]], np.float32))
    assert [pixel(stretched, x, 0)[0] for x in (0, 1)] == [0, 127]


def test_rows_of_any_width_survive_the_way_into_a_picture() -> None:
    for width in (1, 3, 5, 13):
        values = np.arange(2 * width, dtype=np.uint8).reshape(2, width)
        image = gray_image(values)
        assert [pixel(image, x, 1)[0] for x in range(width)] == values[1].tolist()


def test_signed_colours_are_symmetric_about_zero(theme: Theme) -> None:
    values = np.array([[-2.0, 0.0, 2.0, np.nan]])
    image = diverging_image(theme, values, 2.0)
    zero = theme.color("div.zero").getRgb()[:3]
    assert pixel(image, 1, 0) == zero
    assert pixel(image, 3, 0) == zero
    assert pixel(image, 0, 0)[2] > pixel(image, 0, 0)[0]
    assert pixel(image, 2, 0)[0] > pixel(image, 2, 0)[2]


def test_a_limit_ignores_outliers_and_zeros() -> None:
    values = np.concatenate([np.zeros(1000), np.ones(999), [-500.0]])
    assert symmetric_limit(values) == pytest.approx(1.0)
    assert symmetric_limit(np.zeros(4)) == 0.0


def test_a_plot_reads_last_values_and_values_at_the_cursor(qtbot: QtBot, theme: Theme) -> None:
    plot = LinePlot(theme, "Loss", (TRAIN, VAL))
    qtbot.addWidget(plot)
    plot.set_points("train", np.arange(5.0), np.array([5.0, 4.0, 3.0, 2.0, 1.0]))
    plot.set_points("val", np.array([2.0, 4.0]), np.array([3.5, 1.5]))
    plot.refresh()
    assert [(title, value) for title, value, _ in plot.readings()] == [
        ("train", "1"),
        ("val", "1.5"),
    ]
    plot.set_cursor(1.9)
    assert [value for _, value, _ in plot.readings()] == ["3", "3.5"]
    qtbot.keyClick(plot, Qt.Key.Key_Left)
    assert plot.readings()[0][1] == "4"
    qtbot.keyClick(plot, Qt.Key.Key_Escape)
    assert plot.readings()[0][1] == "1"


def test_a_plot_copies_its_values(qtbot: QtBot, theme: Theme) -> None:
    plot = LinePlot(theme, "Loss", (VAL,))
    qtbot.addWidget(plot)
    plot.set_points("val", np.array([1.0, 2.0]), np.array([0.5, 0.25]))
    plot.copy_values()
    assert QGuiApplication.clipboard().text() == "curve,x,value\nval,1.0,0.5\nval,2.0,0.25\n"


def test_a_logarithmic_plot_survives_zero_and_what_is_no_number(qtbot: QtBot, theme: Theme) -> None:
    plot = LinePlot(theme, "Loss", (TRAIN,), log=True)
    shown(qtbot, plot)
    plot.set_points("train", np.arange(4.0), np.array([1.0, 0.0, np.nan, 0.01]))
    plot.set_best((3.0, 0.01, "best"))
    plot.refresh()
    plot.grab()
    with qtbot.waitSignal(plot.log_changed):
        plot.set_log(False)
    plot.grab()


def test_a_million_steps_draw_four_thousand_points(qtbot: QtBot, theme: Theme) -> None:
    plot = LinePlot(theme, "Loss", (TRAIN,))
    shown(qtbot, plot)
    curve = Curve()
    rng = np.random.default_rng(0)
    for start in range(0, 1_000_000, 50_000):
        curve.append(np.arange(start, start + 50_000), rng.normal(1, 0.1, 50_000))
    plot.set_points("train", *curve.points(), curve.means())
    plot.refresh()
    assert plot.points("train")[0].size <= 4000
    plot.grab()


def test_nothing_hidden_is_redrawn(qtbot: QtBot) -> None:
    host = QWidget()
    layout = QVBoxLayout(host)
    seen, unseen = QWidget(), QWidget()
    layout.addWidget(seen)
    layout.addWidget(unseen)
    shown(qtbot, host)
    unseen.hide()
    fills: list[str] = []
    redraw = Redraw(host)
    redraw.register(seen, lambda: fills.append("seen"))
    redraw.register(unseen, lambda: fills.append("unseen"))
    for _ in range(5):
        redraw.mark_all()
    qtbot.waitUntil(lambda: fills == ["seen"])
    qtbot.wait(120)
    assert fills == ["seen"]
    unseen.show()
    qtbot.waitUntil(lambda: fills == ["seen", "unseen"])


def test_costly_views_take_turns(qtbot: QtBot) -> None:
    host = QWidget()
    layout = QVBoxLayout(host)
    views = [QWidget() for _ in range(3)]
    redraw = Redraw(host)
    rounds: list[int] = []
    for k, view in enumerate(views):
        view.paint_ms = 50.0  # type: ignore[attr-defined]
        layout.addWidget(view)
        redraw.register(view, lambda k=k: rounds.append(k))
    shown(qtbot, host)
    redraw.mark_all()
    qtbot.waitUntil(lambda: len(rounds) == 1)
    assert rounds == [0]
    redraw.mark(views[0])
    qtbot.waitUntil(lambda: len(rounds) == 4)
    assert rounds == [0, 1, 2, 0], "the one that waited longest comes first"


def test_the_confusion_table_names_its_mistakes(qtbot: QtBot, theme: Theme) -> None:
    view = Confusion(theme)
    shown(qtbot, view, 260, 260)
    view.set_counts(np.array([[5, 0], [2, 7]]), ("cat", "dog"))
    assert view.wrong == 2
    assert view.table()[2] == ("dog", 2, 7)
    tips = {view.tip(QPointF(x, y)) for x in range(0, 200, 8) for y in range(0, 200, 8)}
    assert any(tip.startswith("dog read as cat: 2, 22.2") for tip in tips)
    view.grab()


def test_bars_mark_what_was_read_and_what_is_true(qtbot: QtBot, theme: Theme) -> None:
    bars = Bars(theme)
    shown(qtbot, bars)
    bars.set_probabilities(np.array([0.2, 0.7, 0.1]), ("a", "b", "c"), read=1, true=0)
    assert "b 70.0 %" in bars.accessibleDescription()
    assert bars.grab().toImage() != QImage()
    bars.set_outputs(np.array([-3.0]), np.array([2.0]), ("y",))
    assert bars.table() == [("output", "value", "true"), ("y", -3.0, 2.0)]
    bars.grab()


def test_of_many_classes_the_likeliest_and_the_truth_are_shown(qtbot: QtBot, theme: Theme) -> None:
    bars = Bars(theme)
    shown(qtbot, bars)
    values = np.linspace(0.0, 1.0, 200)
    bars.set_probabilities(values, [f"c{k}" for k in range(200)], read=199, true=3)
    said = bars.accessibleDescription()
    assert "c199 " in said
    assert "c3 " in said
    assert said.count(";") <= 12


def test_heat_map_rows_are_picked_by_mouse_and_key(qtbot: QtBot, theme: Theme) -> None:
    view = Heatmap(theme, "Gradients")
    shown(qtbot, view, 400, 200)
    view.set_values(np.array([[1.0, 2.0], [0.1, np.nan]]), ("conv", "fc"), np.array([10, 20]))
    view.grab()
    picked: list[str] = []
    view.row_picked.connect(picked.append)
    view.set_chosen("conv")
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert picked == ["fc"]
    tips = {view.tip(QPointF(x, 30)) for x in range(0, 400, 5)}
    assert "conv at step 20: 2" in tips


def test_a_map_states_its_limits_and_its_figures(qtbot: QtBot, theme: Theme) -> None:
    view = SignedMap(theme, "core.saliency", "Saliency")
    shown(qtbot, view, 200, 300)
    view.set_working(0.5)
    assert view.state == "working"
    view.grab()
    view.set_values(np.array([[1.0, -4.0], [0.0, 2.0]]), None, lines=(Line("gap", "3 %"),))
    assert view.state == "done"
    assert view.limit == pytest.approx(4.0, rel=0.05)
    assert view.lines[0].value == "3 %"
    view.grab()
    assert view.tip(QPointF(20, 60)) == "row 0, column 0: 1"
    view.set_refused("Grad-CAM needs a convolution.")
    assert view.values is None
    assert view.message == "Grad-CAM needs a convolution."
    view.grab()


def test_a_map_of_a_row_has_a_bar_for_each_feature(qtbot: QtBot, theme: Theme) -> None:
    view = SignedMap(theme, "core.saliency", "Saliency")
    shown(qtbot, view, 240, 320)
    view.set_values(np.array([1.0, -3.0]), None, ("width", "height"))
    assert view.limit == 3.0
    assert view.table() == [("feature", "value"), ("width", 1.0), ("height", -3.0)]
    assert view.tip(QPointF(100, 170)).startswith("height")
    view.grab()


def test_only_samples_in_sight_are_asked_for(qtbot: QtBot, theme: Theme) -> None:
    grid = SampleGrid(theme)
    asked: list[tuple[int, ...]] = []
    grid.wanted.connect(asked.append)
    shown(qtbot, grid, 300, 400)
    grid.set_samples(range(10_000), lambda k: Tile(str(k)))
    assert 0 < len(asked[0]) < 100
    grid.set_samples(range(10_000), lambda k: Tile(str(k)))
    assert len(asked) == 1, "what was asked for is not asked for again"
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    assert asked[1][-1] == 9999
    grid.grab()


def test_samples_are_walked_by_keys(qtbot: QtBot, theme: Theme) -> None:
    grid = SampleGrid(theme)
    shown(qtbot, grid, 300, 400)
    grid.set_samples((7, 3, 9), lambda k: Tile(str(k)))
    picked: list[int] = []
    grid.picked.connect(picked.append)
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    qtbot.keyClick(grid, Qt.Key.Key_Right)
    qtbot.keyClick(grid, Qt.Key.Key_Home)
    assert picked == [7, 3, 9, 7]


def test_a_strip_tells_right_from_wrong_without_colour(qtbot: QtBot, theme: Theme) -> None:
    strip = Strip(theme)
    shown(qtbot, strip, 300, 90)
    images = [sample_image(theme, np.zeros((8, 8), np.uint8))] * 2
    strip.set_tiles(images, (Tile("9", "not 3", wrong=True), Tile("1")))
    assert strip.table()[1:] == [("9", "not 3", "wrong"), ("1", "", "")]
    strip.grab()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (8, 8), (30,), (28, 5)])
def test_any_sample_has_a_picture(theme: Theme, shape: tuple[int, ...]) -> None:
    sample = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    image = sample_image(theme, sample)
    assert (image.height(), image.width()) == ((1, 30) if len(shape) == 1 else shape[-2:])


def test_an_error_while_painting_is_reported_and_the_window_lives(
    qtbot: QtBot, theme: Theme
) -> None:
    class Broken(View):
        def draw(self, painter: QPainter) -> None:
            raise ValueError("no such colour")

    view = Broken(theme, "broken")
    qtbot.addWidget(view)
    with qtbot.captureExceptions() as errors:
        view.show()
        qtbot.waitUntil(lambda: bool(errors))
        view.hide()
    assert isinstance(errors[0][1], ValueError)


def test_names_from_files_cannot_become_markup() -> None:
    assert "<img" not in plain("<img src=/etc/passwd>")
    assert not plain("")


def height(plot: LinePlot, value: float) -> float:
    """Where a value is drawn."""
    return plot._scales()[1].pixel(value)


def test_a_curve_that_goes_below_zero_has_no_logarithm(qtbot: QtBot, theme: Theme) -> None:
    plot = LinePlot(theme, "Loss", (TRAIN,), log=True)
    shown(qtbot, plot)
    x = np.arange(1.0, 11)
    plot.set_points("train", x, -x)
    plot.set_best((3.0, -3.0, "best"))
    plot.refresh()
    assert height(plot, -10) > height(plot, -1) > 0
    plot.grab()  # Qt would complain of what is no number
    plot.set_points("train", x, x)
    plot.refresh()
    assert height(plot, 1) - height(plot, 2) == pytest.approx(height(plot, 4) - height(plot, 8))
