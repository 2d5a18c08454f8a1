"""Parts of a sheet as text: whole when pasted, and a sentence for text that is something else."""

from __future__ import annotations

import json

import pytest
from strategies import illegal

from studio.graph import edits as ed
from studio.graph.builder import Net
from studio.graph.fragments import MOST_CHARACTERS, NotAGraph, cut_out, from_text, paste, to_text
from studio.graph.graph import Node
from studio.graph.params import Param
from studio.graph.project import Frame, Place, Project


def project() -> Project:
    """A network of a block in a block, two layers with the same weights, and a frame around them."""
    net = Net()
    x = net.input()
    with net.block("Cell") as cell:
        cell.output(cell.add("torch.nn.Linear", cell.input(), name="fc", out_features="=width"))
    with net.block("Res") as res:
        z = res.input()
        res.output(res.add("core.add", z, res.use("Cell", z, name="body"), name="add"))
    x = net.use("Res", x, name="res1")
    x = net.add("torch.nn.Linear", x, name="one", out_features=4)
    net.output(net.add("torch.nn.Linear", x, name="two", out_features=4))
    built = ed.SetConstants({"width": 4, "unread": 1}).apply(net.project())
    built = ed.SetBlock("Cell", (Param("size", "ints", (3, 3), choices=((1, 2), 3)),)).apply(built)
    built = ed.Share("main", ("two",), "one").apply(built)
    return ed.SetFrame("main", "f", Frame("Head", ("one", "two"))).apply(built)


def pasted(text: str, onto: Project, where: str = "main") -> Project:
    return paste(onto, where, from_text(text).renewed(10.0, 20.0)).apply(onto)


def test_a_part_travels_as_text_with_all_that_it_needs() -> None:
    part = cut_out(project(), "main", ("res1", "one", "two"))
    assert from_text(to_text(part)) == part
    after = pasted(to_text(part), Project())
    assert after.blocks == project().blocks
    assert after.constants == {"width": 4}
    sheet = after.sheet("main")
    assert [node.name for node in sheet.graph.nodes.values()] == ["res1", "one", "two"]
    assert len(sheet.graph.links) == 2
    one, two = sheet.graph.named("one"), sheet.graph.named("two")
    assert one is not None
    assert two is not None
    assert two.shares == one.id
    (frame,) = sheet.frames.values()
    assert frame.nodes == (one.id, two.id)
    assert illegal(after) == ""


def test_words_around_the_text_do_not_matter() -> None:
    part = cut_out(project(), "main", ("one",))
    chat = f"Look at this:\n```json\n{to_text(part)}```\nWhat do you think?"
    assert from_text(chat) == part


def test_a_copy_beside_its_original_is_numbered_and_keeps_sharing() -> None:
    before = project()
    after = pasted(to_text(cut_out(before, "main", ("two",))), before)
    copy = after.sheet("main").graph.named("two2")
    assert copy is not None
    assert copy.shares == "one"
    elsewhere = pasted(to_text(cut_out(before, "main", ("two",))), Project())
    (alone,) = elsewhere.sheet("main").graph.nodes.values()
    assert alone.shares == ""
    assert after.blocks == before.blocks


def test_places_keep_their_distances() -> None:
    before = ed.MoveNodes("main", {"one": Place(5, 6), "two": Place(5, 46)}).apply(project())
    after = pasted(to_text(cut_out(before, "main", ("one", "two"))), Project())
    assert sorted(after.sheet("main").places.values(), key=lambda at: at.y) == [
        Place(15.0, 26.0),
        Place(15.0, 66.0),
    ]


def test_an_instance_is_not_pasted_into_its_own_block() -> None:
    before = project()
    text = to_text(cut_out(before, "main", ("res1",)))
    for where in ("block.Res", "block.Cell"):
        with pytest.raises(ed.EditRefused, match="hold itself"):
            pasted(text, before, where)


def test_constants_of_the_project_are_not_changed() -> None:
    before = ed.SetConstants({"width": 99}).apply(Project())
    after = pasted(to_text(cut_out(project(), "main", ("res1",))), before)
    assert after.constants == {"width": 99}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no graph"),
        ("some words", "holds no graph"),
        ("{}", "holds no graph"),
        ("[1, 2]", "holds no graph"),
        ('{"loom": "fragment"}', "holds no graph"),
        ('{"loom": "fragment", "nodes": 3}', "not as expected"),
        ('{"loom": "fragment", "nodes": []}', "no nodes"),
        ('{"loom": "fragment", "nodes": [{"id": "a", "kind": "k", "name": "a b"}]}', "identifier"),
        ('{"loom": "fragment", "nodes": [{"id": "a/b", "kind": "k", "name": "a"}]}', "path"),
        ('{"loom": "fragment", "blocks": 3, "nodes": []}', "not as expected"),
        ('{"loom": "fragment", "format": "1", "nodes": []}', "not as expected"),
        ('{"loom": "fragment", "format": 99, "nodes": []}', "newer Neuroloom"),
        ('{"loom": "fragment", "nodes": ' + "[" * 5000 + "]" * 5000 + "}", "holds no graph"),
        ("{" + " " * MOST_CHARACTERS + "}", "more than a part of a graph"),
    ],
    ids=range(14),
)
def test_text_that_is_no_graph_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(NotAGraph, match=says):
        from_text(text)


def test_a_block_that_is_not_brought_along_and_one_in_a_ring_are_refused() -> None:
    raw = json.loads(to_text(cut_out(project(), "main", ("res1",))))
    del raw["blocks"]["Cell"]
    with pytest.raises(NotAGraph, match="made of the block Cell"):
        from_text(json.dumps(raw))
    raw = json.loads(to_text(cut_out(project(), "main", ("res1",))))
    raw["blocks"]["Cell"]["sheet"]["nodes"][1]["kind"] = "block.Res"
    with pytest.raises(ed.EditRefused, match="without end"):
        pasted(json.dumps(raw), Project())


def test_every_truncation_is_refused() -> None:
    text = to_text(cut_out(project(), "main", ("res1", "one")))
    for cut in range(1, len(text) - 2, 61):
        with pytest.raises(NotAGraph):
            from_text(text[:cut])


def test_a_project_that_holds_a_ring_can_still_be_copied() -> None:
    ring = project().with_sheet("block.Cell", project().blocks["Res"].sheet)
    part = cut_out(ring, "main", ("res1",)).renewed(0, 0)
    assert set(part.blocks) == {"Res", "Cell"}
    after = paste(ring, "main", part).apply(ring)
    assert after.blocks == ring.blocks
    assert Node(part.nodes[0].id, "block.Res", "res2") in after.sheet("main").graph.nodes.values()
