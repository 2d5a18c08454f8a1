"""Samples are shown as what they are: text as text, masks and boxes over their pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.graph.facts import DataFacts, TensorType
from studio.ui.data_samples import SampleGrid, answer_of, text_of
from studio.ui.theme import Theme

LETTERS = ("<pad>", "<start>", "<end>", "a", "b", "\n")


def facts(task: str, form: str = "image", **more: object) -> DataFacts:
    sample = TensorType((1, 8, 8))
    return DataFacts(
        title="", train=4, validation=0, test=0, sample=sample, form=form, task=task, **more
    )


def shown(qtbot: QtBot, theme: Theme, inputs: np.ndarray, targets: np.ndarray, data: DataFacts) -> SampleGrid:  # fmt: skip
    grid = SampleGrid(theme)
    qtbot.addWidget(grid)
    grid.resize(260, 200)
    grid.show_samples(p.SampleSet("train", tuple(range(len(inputs))), inputs, targets), data)
    grid.show()
    return grid


def colours(picture: QImage) -> set[str]:
    spots = ((x, y) for x in range(0, picture.width(), 2) for y in range(0, picture.height(), 2))
    return {QColor(picture.pixel(x, y)).name() for x, y in spots}


def test_tokens_are_text_without_what_fills_up() -> None:
    assert text_of(np.array([3, 5, 4, 2, 0, 0]), LETTERS) == "a↵b"
    assert text_of(np.array([3.0, 99.0, -100.0]), LETTERS) == "a"


@pytest.mark.parametrize(
    ("task", "target", "words"),
    [
        ("tokens", np.array([3, 4, 2, -100]), "ab"),
        ("nodes", np.array([-100, 1, 2]), "2 known"),
        ("segmentation", np.array([[0, 1], [1, -100]]), "<start>"),
        ("detection", np.array([[3, 0, 0, 1, 1], [-1, 0, 0, 0, 0]], np.float32), "a"),
        ("multi-label", np.array([0, 0, 0, 1, 1, 0], np.float32), "a, b"),
        ("multi-label", np.zeros(6, np.float32), "none"),
        ("classification", np.int64(4), "b"),
        ("classification", np.int64(40), "40"),
    ],
)
def test_answers_in_words(task: str, target: np.ndarray, words: str) -> None:
    assert answer_of(target, facts(task, classes=LETTERS)) == words


def test_shares_of_mixed_samples_are_named() -> None:
    target = np.array([0, 0, 0, 0.25, 0.75, 0], np.float32)
    words = answer_of(target, facts("classification", classes=LETTERS))
    assert words.startswith("b 75")
    assert ", a 25" in words


def test_text_is_written_out(qtbot: QtBot, theme: Theme) -> None:
    data = facts("tokens", "text", classes=LETTERS, vocabulary=LETTERS)
    tokens = np.full((9, 12), 3.0, np.float32)
    grid = shown(qtbot, theme, tokens, np.full((9, 12), 4), data)
    assert "aaaaaaaaaaaa → bbbbbbbbbbbb" in grid.toolTip()
    assert grid.accessibleName().startswith("6 samples")
    blank = SampleGrid(theme)
    assert grid.sizeHint().height() > blank.sizeHint().height() == 0
    assert len(colours(grid.grab().toImage())) > 1


def test_a_mask_colours_its_picture(qtbot: QtBot, theme: Theme) -> None:
    images = np.zeros((1, 1, 8, 8), np.float32)
    masks = np.zeros((1, 8, 8), np.int64)
    plain = shown(qtbot, theme, images, masks, facts("segmentation", classes=("a", "b")))
    before = colours(plain.grab().toImage())
    masks[:, 2:6, 2:6] = 1
    marked = shown(qtbot, theme, images, masks, facts("segmentation", classes=("a", "b")))
    assert colours(marked.grab().toImage()) - before


def test_boxes_are_drawn_in_the_colour_of_their_class(qtbot: QtBot, theme: Theme) -> None:
    images = np.zeros((1, 1, 8, 8), np.float32)
    boxes = np.array([[[1, 0.5, 0.5, 0.5, 0.5], [-1, -1, -1, -1, -1]]], np.float32)
    grid = shown(qtbot, theme, images, boxes, facts("detection", classes=("a", "b")))
    picture = grid.grab().toImage()
    wanted = theme.color("series.2").name()
    spots = ((x, y) for x in range(picture.width()) for y in range(picture.height()))
    assert any(QColor(picture.pixel(x, y)).name() == wanted for x, y in spots)


def test_a_large_graph_is_shown_by_its_corner(qtbot: QtBot, theme: Theme) -> None:
    data = facts("nodes", "graph", classes=("a", "b"))
    features = np.zeros((1, 900, 300), np.float32)
    features[:, :30, :30] = 1
    grid = shown(qtbot, theme, features, np.zeros((1, 900), np.int64), data)
    assert "900 known" in grid.accessibleName()
    assert len(colours(grid.grab().toImage())) > 2
