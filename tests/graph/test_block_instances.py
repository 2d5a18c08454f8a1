"""Blocks as a whole: where they are seen, which names are free, what renaming takes along."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from studio.graph.blocks import (
    Sighting,
    instances,
    readers_text,
    rename_constant,
    rename_param,
    sighting,
    why_no_block_name,
    why_no_constant_name,
    why_no_param_name,
)
from studio.graph.builder import Net
from studio.graph.document import Document
from studio.graph.params import Param
from studio.graph.project import Project
from studio.graph.scope import readers


def project() -> Project:
    net = Net()
    with net.block("cell") as cell:
        cell.output(
            cell.add("torch.nn.Linear", cell.input(), name="fc", out_features="=width+base")
        )
    with net.block("stage") as stage:
        stage.output(stage.add("block.cell", stage.input(), name="deep", width=3))
    x = net.input()
    x = net.add("block.stage", x, name="first")
    x = net.add("block.cell", x, name="near", width=9)
    net.output(x)
    made = net.project()
    cell_block = replace(made.blocks["cell"], params=(Param("width", "int", 4),))
    return replace(made, blocks=made.blocks | {"cell": cell_block}, constants={"base": 1})


def test_instances_are_found_on_every_sheet() -> None:
    assert instances(project(), "cell") == (("main", "near"), ("block.stage", "deep"))


def test_the_nearest_way_into_a_block_is_taken() -> None:
    made = project()
    assert sighting(made, "cell") == Sighting("main", "near/")
    assert sighting(made, "stage") == Sighting("main", "first/")
    assert sighting(made, "nowhere") is None


def test_a_renamed_constant_takes_its_readers_along_as_one_step() -> None:
    document = Document(project())
    document.do(rename_constant(document.project, "base", "offset"))
    after = document.project
    assert after.constants == {"offset": 1}
    inner = after.blocks["cell"].sheet.graph.nodes["fc"]
    assert inner.params["out_features"] == "=width+offset"
    document.undo()
    assert document.project == project()


def test_a_renamed_parameter_takes_formulas_and_instances_along() -> None:
    document = Document(project())
    document.do(rename_param(document.project, "cell", "width", "size"))
    after = document.project
    assert [param.name for param in after.blocks["cell"].params] == ["size"]
    assert after.blocks["cell"].sheet.graph.nodes["fc"].params["out_features"] == "=size+base"
    assert after.networks["main"].graph.nodes["near"].params == {"size": 9}
    assert after.blocks["stage"].sheet.graph.nodes["deep"].params == {"size": 3}
    document.undo()
    assert document.project == project()


def test_readers_are_named_in_words() -> None:
    made = project()
    assert readers_text(made, readers(made, "base")) == "cell.fc (out_features)"


@pytest.mark.parametrize(
    ("check", "name", "words"),
    [
        (why_no_block_name, "cell", "block named cell already"),
        (why_no_block_name, "2nd", "letters, digits"),
        (why_no_constant_name, "base", "constant named base already"),
        (why_no_constant_name, "max", "formulas can read"),
        (why_no_constant_name, "a b", "formulas can read"),
    ],
)
def test_names_that_cannot_be_say_why(
    check: Callable[[Project, str], str], name: str, words: str
) -> None:
    assert words in check(project(), name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("width", "parameter named width already"),
        ("repeat", "has a meaning"),
        ("index", "has a meaning"),
        ("1x", "formulas can read"),
    ],
)
def test_parameter_names_that_cannot_be_say_why(name: str, words: str) -> None:
    block = project().blocks["cell"]
    assert words in why_no_param_name(block, name)
    assert why_no_param_name(block, "height") == ""
    assert why_no_param_name(block, "width", present="width") == ""
