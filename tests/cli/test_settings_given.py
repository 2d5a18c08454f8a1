"""`--set key=value` finds the option that a key means."""

from __future__ import annotations

import pytest

from studio.cli.ending import WrongUse
from studio.cli.settings_given import params_given, recipe_given
from studio.graph.catalog import Catalog
from studio.graph.params import Param
from studio.graph.project import Recipe
from studio.graph.spec import OptionSpec

LR = Param("lr", "float", 0.001, minimum=0)
CATALOG = Catalog(
    optimizers={
        "torch.optim.AdamW": OptionSpec(
            kind="torch.optim.AdamW",
            title="AdamW",
            params=(LR, Param("weight_decay", "float", 0.01)),
        ),
        "torch.optim.SGD": OptionSpec(
            kind="torch.optim.SGD", title="SGD", params=(LR, Param("momentum", "float", 0.0))
        ),
    },
    schedules={
        "core.constant": OptionSpec(kind="core.constant", title="Constant"),
        "core.warm": OptionSpec(
            kind="core.warm", title="Warm", params=(Param("lr", "float", 0.1),)
        ),
    },
)


def given(*pairs: tuple[str, str], recipe: Recipe | None = None) -> dict[str, object]:
    return recipe_given(recipe or Recipe(), CATALOG, pairs)


def test_fields_and_options() -> None:
    assert given(("batch_size", "8"), ("precision", "bf16")) == {
        "batch_size": 8,
        "precision": "bf16",
    }
    before = Recipe(optimizer_params={"weight_decay": 0.5})
    assert given(("lr", "0.1"), recipe=before) == {
        "optimizer_params": {"weight_decay": 0.5, "lr": 0.1}
    }


def test_a_chosen_kind_brings_its_own_options_whatever_the_order() -> None:
    before = Recipe(optimizer_params={"weight_decay": 0.5})
    expected = {"optimizer": "torch.optim.SGD", "optimizer_params": {"momentum": 0.9}}
    assert given(("optimizer", "sgd"), ("momentum", "0.9"), recipe=before) == expected
    assert given(("momentum", "0.9"), ("optimizer", "sgd"), recipe=before) == expected


def test_an_option_that_several_have_must_be_named() -> None:
    with pytest.raises(WrongUse, match=r"optimizer\.lr, schedule\.lr"):
        given(("schedule", "warm"), ("lr", "1"))
    assert given(("schedule", "warm"), ("schedule.lr", "1")) == {
        "schedule": "core.warm",
        "schedule_params": {"lr": 1.0},
    }


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("speed", "3"), "no setting named 'speed'"),
        (("momentum", "3"), "no setting named 'momentum'"),
        (("lr", "fast"), "lr needs a number"),
        (("lr", "-1"), "at least 0"),
        (("batch_size", "0"), "at least 1"),
        (("optimizer", "lion"), "no optimizer named 'lion'"),
        (("precision", "fp8"), "one of fp32, bf16"),
    ],
)
def test_what_cannot_be_meant_is_refused(pair: tuple[str, str], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        given(pair)


def test_params_of_an_architecture() -> None:
    params = (Param("width", "int", 8, minimum=1), Param("bias", "bool", True))
    assert params_given(params, [("width", "4"), ("bias", "no")]) == {"width": 4, "bias": False}
    with pytest.raises(WrongUse, match="Known ones: width, bias"):
        params_given(params, [("depth", "4")])


def test_every_plain_field_of_the_recipe_can_be_given() -> None:
    plain = {
        name: value
        for name in Recipe.__struct_fields__
        if isinstance(value := getattr(Recipe(), name), int | float)
        or name in ("precision", "sampling")
    }
    assert "keep_every" in plain
    assert given(*((name, str(value)) for name, value in plain.items())) == plain
    assert given(("clip_norm", "1.5")) == {"clip_norm": 1.5}
    assert given(("clip_norm", "none"), recipe=Recipe(clip_norm=1.0)) == {"clip_norm": None}
