"""Wire surgery as part of the document: undone, saved, refused in words; and where a wire's values come from."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from studio.graph import files
from studio.graph.document import Document
from studio.graph.edits import EditRefused, RemoveNodes, SetSurgery
from studio.graph.graph import REROUTE, End, Graph, Node, link
from studio.graph.project import Block, Project, Sheet
from studio.graph.surgery import MOST, Intervention, feeding, has_place, in_place, trouble


def project() -> Project:
    inner = Graph({"c": Node("c", "torch.nn.Conv2d", "conv1")})
    graph = Graph(
        {
            "x": Node("x", "core.input", "x"),
            "a": Node("a", "torch.nn.ReLU", "act"),
            "dot": Node("dot", REROUTE, "dot"),
            "off": Node("off", "torch.nn.Dropout", "off", flags=("bypassed",)),
            "res": Node("res", "block.Res", "res1"),
        },
        (link("x", "out", "a", "x"), link("a", "out", "dot", "x"), link("dot", "out", "off", "x")),
    )
    return Project(networks={"main": Sheet(graph)}, blocks={"Res": Block(Sheet(inner))})


ZERO = Intervention("main", "a")
INSIDE = Intervention("main", "res/c", channel=2, action="scale", amount=0.5)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (ZERO, "×0"),
        (INSIDE, "channel 2 ×0.5"),
        (Intervention("main", "a", action="scale", amount=-2.0), "×−2"),
        (Intervention("main", "a", action="noise", amount=0.25), "± 0.25"),
        (Intervention("main", "a", action="patch", sample=12), "← sample 12"),
    ],
)
def test_an_intervention_is_told_in_a_few_characters(one: Intervention, text: str) -> None:
    assert one.text == text


def test_surgery_is_undone_redone_and_saved_like_everything_else() -> None:
    document = Document(project())
    document.do(SetSurgery((ZERO,), "Surgery on act: ×0"))
    document.do(SetSurgery((ZERO, INSIDE)))
    assert document.steps == ("Surgery on act: ×0", "Change surgery")
    assert files.loads(files.dumps(document.project)).project == document.project
    document.undo()
    assert document.project.surgery == (ZERO,)
    document.undo()
    assert document.project == project()
    document.redo()
    assert document.project.surgery == (ZERO,)


def test_a_spinning_figure_is_one_step() -> None:
    document = Document(project(), clock=lambda: 0.0)
    scaled = Intervention("main", "a", action="scale", amount=0.5)
    document.do(SetSurgery((scaled,)))
    for amount in (0.6, 0.7, 0.8):
        document.do(SetSurgery((replace(scaled, amount=amount),), gesture="a out scale"))
    document.undo()
    assert document.project.surgery == (scaled,)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (replace(ZERO, path="gone"), "not on main"),
        (replace(ZERO, path="res/gone"), "not on main"),
        (replace(ZERO, path="a/c"), "not on main"),
        (replace(ZERO, network="other"), "not on other"),
        (replace(ZERO, action="scale", amount=math.inf), "needs an amount"),
        (replace(ZERO, action="scale", amount=math.nan), "needs an amount"),
        (replace(ZERO, action="noise", amount=-1.0), "at least 0"),
        (replace(ZERO, action="patch", sample=-1), "counted from 0"),
        (replace(ZERO, channel=-1), "counted from 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(one: Intervention, words: str) -> None:
    document = Document(project())
    with pytest.raises(EditRefused, match=words):
        document.do(SetSurgery((one,)))
    assert document.project == project()


def test_there_is_a_bound() -> None:
    many = tuple(replace(ZERO, channel=k) for k in range(MOST + 1))
    with pytest.raises(EditRefused, match="Remove one first"):
        SetSurgery(many).apply(project())
    assert len(SetSurgery((ZERO, ZERO)).apply(project()).surgery) == 1, "twice the same is once"


def test_what_an_edit_leaves_without_a_place_waits_for_its_undo() -> None:
    document = Document(project())
    document.do(SetSurgery((ZERO, INSIDE)))
    document.do(RemoveNodes("main", ("a",)))
    assert document.project.surgery == (ZERO, INSIDE)
    assert in_place(document.project) == (INSIDE,)
    document.do(SetSurgery((ZERO, replace(INSIDE, amount=0.7))))
    document.undo()
    document.undo()
    assert in_place(document.project) == (ZERO, INSIDE)


def test_places_are_found_through_blocks_and_their_passes() -> None:
    assert has_place(project(), "main", "res/c")
    assert has_place(project(), "main", "res/3/c")
    assert not has_place(project(), "main", "c")
    assert trouble(INSIDE) == ""


def test_points_and_bypassed_nodes_hand_on_what_feeds_them() -> None:
    graph = project().networks["main"].graph
    assert feeding(graph, End("off", "out")) == End("a", "out")
    assert feeding(graph, End("a", "out")) == End("a", "out")
    assert feeding(graph.without(("a",)), End("off", "out")) is None
    assert feeding(graph, End("gone", "out")) is None
    ring = replace(graph, links=(link("dot", "out", "off", "x"), link("off", "out", "dot", "x")))
    assert feeding(ring, End("dot", "out")) is None
