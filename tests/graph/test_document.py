"""Edits are pure, undo is exact, and no sequence of edits makes an illegal graph."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import edits, illegal

from studio.graph import edits as ed
from studio.graph import files
from studio.graph.document import Document
from studio.graph.graph import Node, link
from studio.graph.project import Frame, Place, Project


@settings(max_examples=150, deadline=None)
@given(st.lists(edits, max_size=20))
def test_every_sequence_undoes_redoes_saves_and_stays_legal(sequence: list[ed.AnyEdit]) -> None:
    document = Document(clock=lambda: 0.0)
    stages = [document.project]
    for edit in sequence:
        before = document.project
        try:
            document.do(edit)
        except ed.EditRefused:
            assert document.project is before
        assert illegal(document.project) == ""
        if document.project is not stages[-1]:
            stages.append(document.project)
    last = document.project
    assert files.loads(files.dumps(last)).project == last
    while document.can_undo:
        document.undo()
        assert document.project in stages
    assert document.project == Project()
    while document.can_redo:
        document.redo()
    assert document.project == last


def two_nodes() -> Document:
    document = Document()
    nodes = (Node("a", "core.input", "x"), Node("b", "torch.nn.Linear", "fc", {"out_features": 3}))
    document.do(ed.AddNodes("main", nodes, {"a": Place(0, 0)}, (link("a", "out", "b", "x"),)))
    return document


def test_changes_in_quick_succession_are_one_step_and_slow_ones_are_not() -> None:
    now = [0.0]
    document = Document(two_nodes().project, clock=lambda: now[0])
    for number in (4, 5, 6):
        now[0] += 0.1
        document.do(ed.SetParams("main", "b", {"out_features": number}))
    assert len(document.steps) == 1
    now[0] += 10
    document.do(ed.SetParams("main", "b", {"out_features": 7}))
    assert len(document.steps) == 2
    document.undo()
    document.undo()
    assert document.project.networks["main"].graph.nodes["b"].params == {"out_features": 3}


def test_edited_follows_what_is_on_disk() -> None:
    document = two_nodes()
    document.mark_saved("a.loom")
    assert not document.edited
    document.do(ed.Rename("main", "b", "head"))
    assert document.edited
    document.undo()
    assert not document.edited
    document.mark_unsaved()
    assert document.edited


def test_a_cycle_is_refused_in_words_and_long_residual_chains_are_quick() -> None:
    nodes = tuple(Node(f"n{i}", "core.add", f"n{i}") for i in range(60))
    wires = tuple(
        link(f"n{i}", "out", f"n{j}", port)
        for i in range(59)
        for j, port in ((i + 1, "a"), (min(i + 2, 59), "b"))
    )
    project = ed.AddNodes("main", nodes, {}, wires).apply(Project())
    with pytest.raises(ed.EditRefused, match="back into itself"):
        ed.Connect("main", link("n59", "out", "n0", "a")).apply(project)


def test_a_wire_makes_room_unless_the_port_takes_many() -> None:
    document = two_nodes()
    document.do(ed.AddNodes("main", (Node("c", "core.input", "y"),)))
    document.do(ed.Connect("main", link("c", "out", "b", "x")))
    graph = document.project.networks["main"].graph
    assert graph.links == (link("c", "out", "b", "x"),)
    document.do(ed.Connect("main", link("a", "out", "b", "x"), many=True))
    assert len(document.project.networks["main"].graph.links) == 2


def test_insert_splices_and_keeps_the_other_wires_in_order() -> None:
    document = two_nodes()
    wire = link("a", "out", "b", "x")
    document.do(ed.Insert("main", Node("r", "torch.nn.ReLU", "relu"), wire, place=Place(0, 40)))
    graph = document.project.networks["main"].graph
    assert graph.into("b", "x") == (link("r", "out", "b", "x"),)
    assert graph.into("r", "x") == (link("a", "out", "r", "x"),)
    document.undo()
    assert document.project.networks["main"].graph.links == (wire,)


def test_removing_nodes_takes_their_wires_places_and_frames() -> None:
    document = two_nodes()
    document.do(ed.SetFrame("main", "f", Frame("Head", ("b",))))
    document.do(ed.RemoveNodes("main", ("b",)))
    sheet = document.project.networks["main"]
    assert sheet.graph.links == ()
    assert sheet.frames == {}
    assert set(sheet.graph.nodes) == {"a"}


@pytest.mark.parametrize(
    "name", ["class", "forward", "1st", "a b", "", "x" * 80, "state_dict", "é"]
)
def test_a_name_that_cannot_be_an_attribute_is_refused(name: str) -> None:
    with pytest.raises(ed.EditRefused):
        two_nodes().do(ed.Rename("main", "b", name))


def test_reserved_names_are_those_of_the_installed_module_class() -> None:
    nn = pytest.importorskip("torch.nn")
    from studio.graph.graph import is_name

    public = [name for name in dir(nn.Module) if not name.startswith("_")]
    assert [name for name in public if is_name(name)] == []
