"""Blocks as a whole: their names, parameters and ports, and that instances follow."""

from __future__ import annotations

import pytest
from meaning import Meanings
from strategies import illegal

from studio.graph import edits as ed
from studio.graph.builder import Net
from studio.graph.graph import Node, link
from studio.graph.params import Param
from studio.graph.project import Block, Project, Sheet


def project() -> Project:
    """`Res` holds `Cell`; both stand on the network, `Cell` in a frame of its own."""
    net = Net()
    x = net.input()
    with net.block("Cell") as cell:
        y = cell.add("torch.nn.Linear", cell.input(), name="fc", out_features=4)
        cell.output(y)
    with net.block("Res") as res:
        z = res.input()
        res.output(res.add("core.add", z, res.use("Cell", z, name="body"), name="add"))
    net.output(net.use("Cell", net.use("Res", x, name="res1"), name="last"))
    return net.project()


def refused(edit: ed.AnyEdit, before: Project, says: str) -> None:
    with pytest.raises(ed.EditRefused, match=says):
        edit.apply(before)


def test_renaming_a_block_takes_its_instances_along_wherever_they_are() -> None:
    after = ed.RenameBlock("Cell", "Unit").apply(project())
    assert list(after.blocks) == ["Unit", "Res"]
    assert after.sheet("main").graph.nodes["last"].kind == "block.Unit"
    assert after.sheet("block.Res").graph.nodes["body"].kind == "block.Unit"
    assert illegal(after) == ""
    assert ed.RenameBlock("Cell", "Cell").apply(project()) == project()
    refused(ed.RenameBlock("Cell", "Res"), project(), "block named Res already")
    refused(ed.RenameBlock("Cell", "forward"), project(), "becomes a class")
    refused(ed.RenameBlock("Gone", "Unit"), project(), "no block named 'Gone'")


def test_a_block_in_use_stays_and_says_where() -> None:
    refused(ed.RemoveBlock("Cell"), project(), "last on main, body on block.Res")
    alone = ed.RemoveNodes("main", ("res1",)).apply(project())
    assert set(ed.RemoveBlock("Res").apply(alone).blocks) == {"Cell"}


def test_a_detached_instance_follows_its_own_copy() -> None:
    after = ed.Detach("main", "last", "Own").apply(project())
    assert after.blocks["Own"] == after.blocks["Cell"]
    assert after.sheet("main").graph.nodes["last"].kind == "block.Own"
    assert after.sheet("block.Res").graph.nodes["body"].kind == "block.Cell"
    meanings = Meanings()
    assert meanings.of(after) == meanings.of(project())
    refused(ed.Detach("main", "last", "Res"), project(), "named Res already")
    refused(ed.Detach("main", "x", "Own"), project(), "is no block")


def test_renaming_and_removing_a_port_moves_and_cuts_the_wires_at_instances() -> None:
    before = project()
    after = ed.Rename("block.Cell", "x", "image").apply(before)
    assert link("res1", "out", "last", "image") in after.sheet("main").graph.links
    assert after.sheet("block.Res").graph.into("body", "image")
    assert illegal(after) == ""
    cut = ed.RemoveNodes("block.Cell", ("out",)).apply(before)
    assert not cut.sheet("main").graph.outgoing.get("last")
    assert not cut.sheet("block.Res").graph.outgoing.get("body")
    assert illegal(cut) == ""
    swapped = ed.Swap("block.Cell", "out", "torch.nn.ReLU").apply(before)
    assert illegal(swapped) == ""


def test_a_states_next_value_follows_its_name() -> None:
    nodes = (Node("h", "core.state", "h"), Node("n", "core.next", "n", {"state": "h"}))
    after = ed.AddNodes("block.Cell", nodes).apply(project())
    renamed = ed.Rename("block.Cell", "h", "memory").apply(after)
    assert renamed.sheet("block.Cell").graph.nodes["n"].params == {"state": "memory"}
    again = ed.AddNodes(
        "block.Cell",
        (Node("h2", "core.state", "h"), Node("n2", "core.next", "n", {"state": "h"})),
    ).apply(after)
    graph = again.sheet("block.Cell").graph
    assert graph.nodes["n2"].params == {"state": graph.nodes["h2"].name}


def test_a_promoted_parameter_starts_from_its_value_and_differs_by_instance() -> None:
    before = project()
    declared = Param("out_features", "int", required=True, minimum=1, help="Units.")
    edit = ed.Promote("block.Cell", "fc", "out_features", "width", declared)
    after = edit.apply(before)
    assert after.blocks["Cell"].params == (Param("width", "int", 4, minimum=1, help="Units."),)
    assert after.sheet("block.Cell").graph.nodes["fc"].params == {"out_features": "=width"}
    meanings = Meanings()
    assert meanings.of(after) == meanings.of(before)
    wider = ed.SetParams("main", "last", {"width": 9}).apply(after)
    assert meanings.of(wider) != meanings.of(before)
    refused(edit, after, "has a parameter width already")
    refused(ed.Promote("main", "x", "shape", "s"), before, "Only inside a block")
    refused(ed.Promote("block.Cell", "fc", "bias", "b"), before, "no value of its own")
    refused(ed.Promote("block.Cell", "fc", "out_features", "min"), before, "none of")


def test_promoting_a_formula_starts_from_what_it_gives_and_hides_no_constant() -> None:
    before = ed.SetConstants({"width": 6}).apply(project())
    before = ed.SetParams("block.Cell", "fc", {"out_features": "=width*2"}).apply(before)
    after = ed.Promote("block.Cell", "fc", "out_features", "units").apply(before)
    assert after.blocks["Cell"].params == (Param("units", "int", 12),)
    reads = ed.SetParams("block.Cell", "fc", {"out_features": "=units+1"}).apply(after)
    refused(ed.Promote("block.Cell", "fc", "out_features", "more"), reads, "differs by instance")
    refused(ed.Promote("block.Cell", "fc", "out_features", "width"), before, "would hide")


def test_a_lost_parameter_leaves_the_instances() -> None:
    params = (Param("a", "int", 1), Param("b", "int", 2))
    before = ed.SetBlock("Cell", params, "twice").apply(project())
    before = ed.SetParams("main", "last", {"a": 5, "b": 6}).apply(before)
    after = ed.SetBlock("Cell", params[1:]).apply(before)
    assert after.sheet("main").graph.nodes["last"].params == {"b": 6}
    assert after.blocks["Cell"].doc == "twice"
    assert ed.SetBlock("Cell", doc="").apply(after).blocks["Cell"].params == params[1:]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ((Param("repeat", "int", 1),), "none of index, repeat"),
        ((Param("a b", "int", 1),), "letters, digits"),
        ((Param("a", "int", 1), Param("a", "int", 2)), "both be named a"),
        ((Param("a", "int", "many"),), "default does not fit"),
    ],
)
def test_a_parameter_that_no_instance_could_set_is_refused(
    params: tuple[Param, ...], says: str
) -> None:
    refused(ed.SetBlock("Cell", params), project(), says)


def test_blocks_come_whole_and_never_hold_themselves() -> None:
    blocks = project().blocks
    assert ed.AddBlocks(blocks).apply(Project()).blocks == blocks
    assert ed.AddBlocks(blocks).apply(project()) == project()
    refused(ed.AddBlocks({"Res": blocks["Res"]}), Project(), "made of Cell")
    refused(ed.AddBlocks({"Cell": blocks["Res"]}), project(), "named Cell already")
    inner = Node("n", "block.Cell", "n")
    refused(ed.AddNodes("block.Cell", (inner,)), project(), "hold itself")
    refused(ed.AddNodes("block.Cell", (Node("n", "block.Res", "n"),)), project(), "hold itself")
    refused(ed.AddNodes("main", (Node("n", "block.No", "n"),)), project(), "no block named 'No'")
    ring = project().with_sheet("block.Cell", blocks["Res"].sheet)
    refused(ed.AddBlocks({"Cell": ring.blocks["Cell"]}), Project(), "without end")


def test_another_architecture_takes_the_old_ones_blocks_away() -> None:
    mine = ed.AddBlocks({"Mine": Block(Sheet()), "Kept": project().blocks["Cell"]})
    holds = Node("k", "block.Kept", "k")
    before = ed.AddNodes("block.Mine", (holds,)).apply(mine.apply(project()))
    drawn = Net()
    drawn.output(drawn.input())
    after = ed.SetNetworks(drawn.project().networks).apply(before)
    assert set(after.blocks) == {"Mine", "Kept"}
    assert illegal(after) == ""


def test_a_kept_block_keeps_what_it_is_made_of_beside_a_new_one_of_that_name() -> None:
    mine = ed.AddBlocks({"Mine": Block(Sheet())}).apply(project())
    before = ed.AddNodes("block.Mine", (Node("c", "block.Cell", "c"),)).apply(mine)
    drawn = ed.Rename("block.Cell", "x", "image").apply(project())
    after = ed.SetNetworks(drawn.networks, drawn.blocks).apply(before)
    assert after.blocks["Cell"] == drawn.blocks["Cell"]
    assert after.blocks["Cell2"] == before.blocks["Cell"]
    assert after.sheet("block.Mine").graph.nodes["c"].kind == "block.Cell2"
    assert illegal(after) == ""


def test_constants_are_numbers_with_names_that_formulas_can_read() -> None:
    after = ed.SetConstants({"width": 4, "size": (2, 3)}).apply(Project())
    assert ed.SetConstants({"width": None}).apply(after).constants == {"size": (2, 3)}
    for values, says in (
        ({"min": 1}, "none of min"),
        ({"a b": 1}, "letters, digits"),
        ({"width": "=2"}, "needs to be a number"),
        ({"width": float("nan")}, "needs to be a number"),
        ({"width": ()}, "needs to be a number"),
        ({"width": 10**400}, "needs to be a number"),
    ):
        refused(ed.SetConstants(values), Project(), says)
