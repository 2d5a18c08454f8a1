"""How much of `torch.nn` there is, and that the README says so."""

import re
from pathlib import Path

from torch import nn

from studio import layers
from studio.cli.coverage import sentence
from studio.layers.coverage import modules, reason

README = Path(__file__).resolve().parents[2] / "README.md"
SPECS = layers.builtin()


def test_all_public_modules_are_told_of_once() -> None:
    found = layers.coverage(SPECS)
    told = (*found.covered, *found.missing, *found.excluded)
    assert sorted(told) == sorted(modules())
    assert all(issubclass(getattr(nn, name), nn.Module) for name in told)


def test_nearly_all_that_is_a_layer_is_a_node() -> None:
    found = layers.coverage(SPECS)
    assert found.share >= 0.98
    assert len(found.covered) >= 130


def test_what_is_left_out_says_why() -> None:
    found = layers.coverage(SPECS)
    assert all(why and why == reason(name) for name, why in found.excluded.items())
    assert {"Module", "Sequential", "LazyLinear"} <= set(found.excluded)


def test_a_kind_that_is_not_there_is_missing() -> None:
    found = layers.coverage(set(SPECS) - {"torch.nn.Conv2d"})
    assert found.missing == ("Conv2d",)
    assert found.share < 1


def test_the_readme_states_the_figure() -> None:
    text = re.sub(r"\s+", " ", README.read_text(encoding="utf-8"))
    assert sentence(layers.coverage(SPECS)) in text
