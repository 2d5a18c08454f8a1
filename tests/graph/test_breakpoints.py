"""Breakpoints and their conditions: what may be asked, and what is refused with a sentence."""

from __future__ import annotations

import math

import pytest

from studio.graph.breakpoints import USUAL, Breakpoint, fault, words
from studio.graph.conditions import Condition, of_layer
from studio.graph.formulas import FormulaError

KNOWN = {
    "train_loss": 0.5,
    "step": 200.0,
    "epoch": 3.0,
    "lr": 0.01,
    'grad["res1.conv1"]': 12.0,
    'dead["relu1"]': 0.0,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train_loss < 0.6", True),
        ("train_loss > 0.6", False),
        ("0.1 < train_loss <= 0.5", True),
        ("step % 100 == 0 and not epoch < 3", True),
        ("train_loss > 9 or lr == 0.01", True),
        ("abs(train_loss - 1) >= 0.5", True),
        ("max(train_loss, lr) != 0.5", False),
        ('grad["res1.conv1"] > 10 * lr', True),
        ("grad['res1.conv1'] / dead['relu1'] > 1", False),
        ("val_accuracy > 0.9", False),
    ],
)
def test_a_condition_is_asked_of_what_is_recorded(text: str, expected: bool) -> None:
    assert Condition(text).holds(KNOWN) is expected


def test_what_is_no_number_is_neither_above_nor_below() -> None:
    assert not Condition("train_loss > 1").holds({"train_loss": math.nan})
    assert not Condition("train_loss * 2 > 1").holds({"train_loss": math.nan})
    assert Condition("train_loss > 1").holds({"train_loss": math.inf})


def test_it_says_what_it_reads() -> None:
    condition = Condition('grad["conv1"] > 2 * max(lr, 1) and dead["relu1"] < 0.5')
    assert condition.reads == {of_layer("grad", "conv1"), of_layer("dead", "relu1"), "lr"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train_loss",
        "train_loss <",
        "train_loss + 1",
        "__import__('os').system('x') > 1",
        "open('x') > 1",
        "(lambda: 1)() > 0",
        "train_loss.real > 0",
        "grad[0] > 1",
        "grad[name] > 1",
        "secret['x'] > 1",
        "'a' > 'b'",
        "train_loss in (1, 2)",
        "train_loss is 1",
        "[x for x in (1,)] > 0",
        "train_loss > 1 if lr else 0",
        "(y := 3) > 1",
        "train_loss > 0 or exec('x') > 0",
        "9 ** 9 ** 9 > 1",
        "x > " + "1 + " * 200 + "1",
        "(" * 5000,
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(FormulaError) as refused:
        Condition(text)
    assert str(refused.value).endswith(".")
    assert fault(Breakpoint("when", text=text))


def test_the_usual_ones_can_be_watched_for() -> None:
    for kind, usual in USUAL.items():
        assert usual.kind == kind
        assert fault(usual) == ""
        assert words(usual)


@pytest.mark.parametrize(
    "wrong",
    [
        Breakpoint("gradient", 0.0),
        Breakpoint("gradient", math.nan),
        Breakpoint("dead", 1.0),
        Breakpoint("dead", -0.1),
        Breakpoint("spike", 1.0),
        Breakpoint("spike", math.inf),
        Breakpoint("tensor", 1.0),
    ],
)
def test_a_limit_without_sense_is_told(wrong: Breakpoint) -> None:
    assert "got" in fault(wrong) or "kept as it is" in fault(wrong)


def test_words_name_the_layer() -> None:
    assert words(Breakpoint("gradient", 10, "n1"), "conv1") == "Gradient of conv1 above 10"
    assert words(Breakpoint("dead", 0.5)) == "More than 50% of the units of any layer dead"
