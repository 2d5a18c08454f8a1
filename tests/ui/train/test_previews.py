"""What a way of learning shows is drawn, told as a table and as tips, and never breaks a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from stage import network, pictures, started

from studio.engine import protocol as p
from studio.engine.runs.previews import PREVIEW, read_preview, write_preview
from studio.session.history import History
from studio.ui.theme import Theme
from studio.ui.train.predictions import Predictions, is_read, worded
from studio.ui.train.previews import PreviewView
from studio.ui.views.redraw import Redraw

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 255, (4, 8, 8), dtype=np.uint8)
CLASSES = RNG.integers(0, 2, (4, 8, 8))
BOX = np.array([[[0.5, 0.5, 0.4, 0.4, 0.93, 1], [0.2, 0.2, 0.1, 0.1, 0.4, -1]]] * 4, np.float32)
TRUE = np.array([[[1, 0.5, 0.5, 0.4, 0.4]]] * 4, np.float32)

SHOWN = {
    "boxes": p.Preview(
        7, "boxes", "Found", {"images": IMAGES, "boxes": BOX, "targets": TRUE}, ("cat", "dog")
    ),
    "colours": p.Preview(7, "images", "Back", {"images": np.stack([IMAGES] * 3, 3)}),
    "images": p.Preview(7, "images", "Back", {"images": IMAGES, "outputs": IMAGES[::-1]}),
    "masks": p.Preview(
        7, "masks", "Read", {"images": IMAGES, "masks": CLASSES, "targets": CLASSES}, ("a", "b")
    ),
    "points": p.Preview(
        7, "points", "Made", {"points": np.eye(2, dtype=np.float32), "real": np.ones((3, 2))}
    ),
    "returns": p.Preview(7, "returns", "Return", {"returns": np.arange(5, dtype=np.float32)}),
    "text": p.Preview(7, "text", "Given, answered, true", words=("ab\tba\tba", "bc\tbb\tcb")),
    "writing": p.Preview(7, "text", "Writes", words=("Once\t upon a time\nthere was",)),
}


@pytest.fixture
def view(qtbot: QtBot, theme: Theme) -> PreviewView:
    made = PreviewView(theme)
    qtbot.addWidget(made)
    made.resize(700, 140)
    return made


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_every_kind_is_drawn_in_any_room(name: str, view: PreviewView) -> None:
    empty = view.grab().toImage()
    view.set_preview(SHOWN[name])
    assert not view.is_empty()
    drawn = view.grab().toImage()
    assert drawn != empty
    for size in ((120, 132), (2000, 400)):
        view.resize(*size)
        view.grab()


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_is_kept_is_what_was_shown(name: str, tmp_path: Path) -> None:
    write_preview(tmp_path, SHOWN[name])
    read = read_preview(tmp_path)
    assert read is not None
    assert (read.step, read.kind, read.title, read.words) == (
        7, SHOWN[name].kind, SHOWN[name].title, SHOWN[name].words,
    )  # fmt: skip
    for key, array in SHOWN[name].arrays.items():
        assert np.array_equal(read.arrays[key], array)


@pytest.mark.parametrize(
    "broken",
    [
        p.Preview(1, "images", "", {"images": np.zeros((2, 3), np.uint8)}),
        p.Preview(1, "images", "", {"images": np.zeros((2, 3, 3), np.float32)}),
        p.Preview(1, "masks", "", {"images": IMAGES, "masks": CLASSES, "targets": CLASSES[:2]}),
        p.Preview(1, "boxes", "", {"images": IMAGES, "boxes": BOX * np.nan, "targets": TRUE}),
        p.Preview(1, "boxes", "", {"images": IMAGES, "boxes": TRUE, "targets": TRUE}),
        p.Preview(1, "points", "", {"points": np.zeros((0, 2)), "real": np.zeros((1, 2))}),
        p.Preview(1, "returns", "", {}),
        p.Preview(1, "text", ""),
        p.Preview(1, "smells", ""),
    ],
)
def test_what_cannot_be_drawn_is_not_read(broken: p.Preview, tmp_path: Path) -> None:
    write_preview(tmp_path, broken)
    assert read_preview(tmp_path) is None


def test_a_cut_file_is_no_preview(tmp_path: Path) -> None:
    write_preview(tmp_path, SHOWN["masks"])
    whole = (tmp_path / PREVIEW).read_bytes()
    (tmp_path / PREVIEW).write_bytes(whole[: len(whole) // 2])
    assert read_preview(tmp_path) is None


def test_tips_and_tables_say_what_is_drawn(view: PreviewView) -> None:
    view.set_preview(SHOWN["boxes"])
    assert view.tip(QPointF(40, 70)).startswith("Sample 0: dog 93")
    assert view.table()[1][:2] == (0, "dog")
    view.set_preview(SHOWN["masks"])
    assert view.tip(QPointF(40, 70)).startswith("Sample 0: 100")
    view.set_preview(SHOWN["text"])
    assert view.table()[2] == ("bc", "bb", "cb")
    view.set_preview(None)
    assert view.is_empty()


def test_the_strip_shows_what_a_learner_shows(qtbot: QtBot, theme: Theme) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    panel = Predictions(theme, Redraw(holder), holder)
    holder.resize(820, 170)
    holder.show()
    panel.resize(800, 150)
    history = History()
    history.take(started(network()))
    history.take(pictures(3))
    panel.show_history(history)
    qtbot.waitUntil(lambda: len(panel.strip.tiles) > 0)
    assert panel.strip.isVisible()
    history.take(SHOWN["masks"])
    panel.mark()
    qtbot.waitUntil(lambda: panel.preview.isVisible())
    assert panel.preview.preview is SHOWN["masks"]
    assert (panel.what.text(), panel.count.text()) == ("Read", "step 7")
    history.take(SHOWN["text"])  # the strip is hidden now, and what comes is shown all the same
    panel.mark()
    qtbot.waitUntil(lambda: panel.preview.preview is SHOWN["text"])


def test_only_what_is_read_in_samples_stands_under_them() -> None:
    assert is_read("classification", "core.supervised")
    assert is_read("regression", "")  # a run from before learners were told
    assert not is_read("classification", "core.reconstruction")
    assert not is_read("segmentation", "core.supervised")
    some = pictures(3, count=2)
    outputs = np.array([[0.9, 0.1], [0.8, 0.7]], np.float32)
    labels = p.Pictures(3, {}, some.inputs, outputs, np.array([[1, 0], [0, 1]], np.float32))
    right, wrong = worded(labels, "multi-label", ("cat", "dog"))
    assert (right.read, right.wrong) == ("cat", False)
    assert (wrong.read, wrong.remark, wrong.wrong) == ("cat, dog", "−cat", True)
