from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from stage import dead_units, epoch_done, network, progress, started

from studio.engine import protocol as p
from studio.session.history import History
from studio.ui.theme import Theme
from studio.ui.train.curves import Curves
from studio.ui.views.redraw import Redraw

Make = Callable[..., Curves]


def run(task: str = "classification", **more: object) -> History:
    history = History("run-1")
    history.take(replace(started(network(), task=task), **more))
    for epoch in (1, 2, 3):
        told = progress((epoch - 1) * 100, 100, task=task)
        history.take(replace(told, elapsed_s=10.0 * epoch, load=p.Load(2_000_000, 8_000_000, 0.5)))
        history.take(epoch_done(epoch, task=task))
    return history


@pytest.fixture
def make(qtbot: QtBot, theme: Theme, tmp_path: Path) -> Make:
    hosts: list[QWidget] = []

    def build(history: History, size: tuple[int, int] = (800, 460), name: str = "") -> Curves:
        host = QWidget()
        hosts.append(host)
        redraw = Redraw(host)
        curves = Curves(theme, redraw, host, lambda *asked: str(tmp_path / name) if name else "")
        qtbot.addWidget(host)
        host.resize(*size)
        curves.resize(*size)
        curves.show_history(history)
        with qtbot.waitExposed(host):
            host.show()
        redraw.flush()
        return curves

    return build


def settle(curves: Curves) -> None:
    curves._redraw.flush()


def at(plot: QWidget, share: float) -> QPoint:
    """A place inside a plot's axes, at a share of its width."""
    area = plot._area()  # type: ignore[attr-defined]
    return QPoint(round(area.left() + share * area.width()), round(area.center().y()))


def test_one_cursor_reads_every_plot(make: Make, qtbot: QtBot) -> None:
    curves = make(run())
    before = curves.loss.readings()
    qtbot.mouseMove(curves.loss, at(curves.loss, 0.4))
    assert curves.loss.readings() != before
    assert curves.score._cursor == curves.rate._cursor == curves.loss._cursor is not None
    qtbot.mouseMove(curves.loss, QPoint(1, 1))
    assert curves.score._cursor is None


def test_dragging_zooms_every_plot_and_a_button_shows_all_again(make: Make, qtbot: QtBot) -> None:
    curves = make(run())
    assert not curves.whole.isVisible()
    qtbot.mousePress(curves.loss, Qt.MouseButton.LeftButton, pos=at(curves.loss, 0.25))
    qtbot.mouseMove(curves.loss, at(curves.loss, 0.75))
    curves.loss.grab()
    qtbot.mouseRelease(curves.loss, Qt.MouseButton.LeftButton, pos=at(curves.loss, 0.75))
    ends = curves.rate.zoom
    assert ends is not None
    assert ends == curves.loss.zoom
    assert ends == pytest.approx((0.75, 2.25), abs=0.1)
    qtbot.mouseClick(curves.whole, Qt.MouseButton.LeftButton)
    assert curves.loss.zoom is curves.rate.zoom is None


def test_a_click_wishes_for_the_nearest_moment(make: Make, qtbot: QtBot) -> None:
    history = run()
    history.moments = (10, 150, 300)
    curves = make(history)
    with qtbot.waitSignal(curves.moment_wanted) as wished:
        qtbot.mouseClick(curves.score, Qt.MouseButton.LeftButton, pos=at(curves.score, 0.45))
    assert wished.args == [150]
    assert curves.loss.zoom is None


def test_time_is_what_the_run_had_trained(make: Make) -> None:
    curves = make(run())
    curves.times.click()
    settle(curves)
    assert curves.loss.points("val")[0] == pytest.approx([10, 20, 30])
    assert curves.loss.points("train")[0][49] == pytest.approx(5)
    assert curves._where(75) == "1:15"
    assert [chip.isChecked() for chip in (curves.steps, curves.epochs, curves.times)] == [
        False,
        False,
        True,
    ]


def test_old_runs_know_the_time_of_their_epochs() -> None:
    history = History()
    history.take(started(network()))
    history.take(replace(epoch_done(1), seconds=4.0))
    assert history.seconds_at(np.array([50.0, 100.0, 200.0])) == pytest.approx([2, 4, 8])
    assert History().seconds_at(np.array([3.0])).tolist() == [0]


def test_what_has_no_score_beside_its_loss_shows_no_empty_plot(make: Make) -> None:
    history = History("run-1")
    history.take(replace(started(network(), task=""), learner="core.diffusion", score="val_loss"))
    steps = np.arange(1, 11)
    values = {"train_loss": np.ones(10, np.float32), "lr": np.ones(10, np.float32)}
    history.take(p.Progress(10, 1, steps, values, 100.0, 1.0))
    curves = make(history)
    assert curves.names == ("loss", "lr", "samples_per_s")
    assert not curves.score.isVisible()
    assert curves.loss.width() > 700, "it has the row to itself"


def test_any_recorded_series_can_be_plotted(make: Make) -> None:
    history = run()
    steps = np.arange(301, 311)
    values = {
        "train_loss": np.ones(10, np.float32),
        "score_real": np.linspace(0, 1, 10, dtype=np.float32),
    }
    history.take(p.Progress(310, 4, steps, values, 100.0, 1.0))
    curves = make(history)
    assert ("score_real", "Score of real samples") in curves.offered()
    menu = curves.menu()
    action = next(a for a in menu.actions() if a.text() == "Score of real samples")
    assert not action.isChecked()
    action.trigger()
    settle(curves)
    assert "score_real" in curves.names
    plot = curves.plots[-1]
    assert plot.isVisible()
    assert plot.points("train")[1][-1] == pytest.approx(1)
    for name in ("score_real", "accuracy", "lr", "samples_per_s", "loss"):
        curves.plot_also(name, False)
    assert curves.names == ("loss",), "one plot is always left"


def test_smoothing_says_what_it_means(make: Make) -> None:
    curves = make(run())
    smoothing = curves.smoothing
    assert smoothing.value == 0.95
    assert "last 20 values" in smoothing.meaning.text()
    smoothing.slider.setValue(0)
    settle(curves)
    assert (smoothing.chip.text(), curves.loss.smoothing) == ("no smoothing", 0)
    smoothing.slider.setValue(6)
    assert "last 100 values" in smoothing.meaning.text()


def test_the_loss_has_a_logarithmic_axis_by_chip_and_key(make: Make, qtbot: QtBot) -> None:
    curves = make(run())
    assert curves.loss.log
    curves.log.click()
    assert not curves.loss.log
    qtbot.keyClick(curves.loss, Qt.Key.Key_L)
    assert curves.log.isChecked()


def test_events_are_marked_on_every_plot(make: Make) -> None:
    history = run()
    history.take(p.ControlApplied("set", 150, {"lr": 0.001}))
    history.take(dead_units(network()))
    curves = make(history)
    for plot in (curves.loss, curves.rate):
        assert [mark.token for mark in plot.marks] == ["text.3", "warn"]
        assert plot.marks[0].text == "lr 0.001 from step 150"
    assert curves.loss.marks[0].x == pytest.approx(1.5)
    curves.loss.grab()


def test_all_series_go_into_a_table(make: Make, tmp_path: Path) -> None:
    curves = make(run(), name="curves.csv")
    curves.export_values.trigger()
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["series"] for row in rows} >= {"train_loss", "val_loss", "lr", "samples_per_s"}
    last = [row for row in rows if row["series"] == "val_accuracy"][-1]
    assert (last["step"], last["epoch"], last["seconds"]) == ("300", "3.0", "30.0")
    assert curves.remark.text() == "Written: curves.csv"


@pytest.mark.parametrize("name", ["curves.png", "curves.svg"])
def test_plots_go_into_a_picture(make: Make, tmp_path: Path, name: str) -> None:
    curves = make(run(), name=name)
    curves.export_picture.trigger()
    path = str(tmp_path / name)
    if name.endswith(".svg"):
        assert QSvgRenderer(path).isValid()
        assert "Learning rate" in (tmp_path / name).read_text(encoding="utf-8")
    else:
        assert QImage(path).width() == 2 * curves.grid.width()


def test_an_export_that_fails_says_why(make: Make) -> None:
    curves = make(run(), name="missing/curves.csv")
    curves.export_values.trigger()
    assert curves.remark.text().startswith("Nothing was written: No such file")


def test_every_axis_is_readable_in_a_small_window(make: Make) -> None:
    curves = make(run(), (640, 238))
    for plot in (curves.loss, curves.score, curves.rate, curves.speed):
        assert plot.height() >= 88
        assert plot.geometry().bottom() <= curves.grid.height()


def test_values_are_offered_as_a_table(make: Make, qtbot: QtBot) -> None:
    from studio.ui.views.value_table import ValueTable

    curves = make(run())
    curves.rate.open_table()
    (dialog,) = curves.window().findChildren(ValueTable)
    model = dialog.table.model()
    assert model.rowCount() == len(curves.rate.table()) - 1
    assert [model.headerData(k, Qt.Orientation.Horizontal) for k in range(3)] == [
        "curve",
        "x",
        "value",
    ]
    assert model.index(0, 0).data() == "lr"
    dialog.close()
