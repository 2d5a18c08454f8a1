"""Edits are told in words before they are done."""

from __future__ import annotations

import pytest

from studio.graph import edits as e
from studio.graph.builder import Net
from studio.graph.edit_words import described
from studio.graph.graph import Node, link
from studio.graph.project import Place, Project


def drawn() -> Project:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), name="fc", out_features=7)
    net.output(net.add("torch.nn.ReLU", x, name="act"))
    return net.project()


WIRE = link("fc", "out", "act", "x")
FLAT = Node("flatten", "torch.nn.Flatten", "flatten")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (e.Insert("main", FLAT, WIRE), ("insert flatten (Flatten) before act",)),
        (e.SetParams("main", "fc", {"out_features": 10}), ("fc: out features 7 → 10",)),
        (e.SetParams("main", "fc", {"bias": False}), ("fc: bias off",)),
        (e.SetParams("main", "fc", {}, ("out_features",)), ("fc: out_features as it starts",)),
        (e.RemoveNodes("main", ("act",), heal=True), ("delete act and join its wires",)),
        (e.SetFlag("main", ("fc", "act"), "frozen", True), ("freeze fc, act",)),
        (e.SetFlag("main", ("act",), "bypassed", False), ("stop bypassing act",)),
        (e.Disconnect("main", (WIRE,)), ("cut fc → act",)),
        (e.Connect("main", WIRE), ("wire fc → act",)),
        (e.AddNodes("main", (FLAT,)), ("add flatten (Flatten)",)),
        (e.SetRecipe({"batch_size": 16}), ("batch size 32 → 16",)),
        (e.MoveNodes("main", {"fc": Place(0, 0)}), ()),
        (e.Rename("main", "fc", "head"), ("rename to head",)),
    ],
)  # fmt: skip
def test_each_edit_has_its_words(edit: e.AnyEdit, words: tuple[str, ...]) -> None:
    assert described(drawn(), (edit,)) == words


def test_later_edits_speak_of_what_earlier_ones_made() -> None:
    steps = e.Batch(
        "Mend",
        (
            e.Insert("main", FLAT, WIRE),
            e.Insert(
                "main",
                Node("drop", "torch.nn.Dropout", "drop"),
                link("flatten", "out", "act", "x"),
            ),
            e.SetParams("main", "drop", {"p": 0.1}),
        ),
    )
    assert described(drawn(), (steps,)) == (
        "insert flatten (Flatten) before act",
        "insert drop (Dropout) before act",
        "drop: p 0.1",
    )


def test_a_document_that_has_gone_on_is_no_mistake() -> None:
    edits = (e.SetParams("main", "gone", {"p": 0.1}), e.RemoveNodes("elsewhere", ("act",)))
    assert described(drawn(), edits) == ("gone: p 0.1", "delete act")
