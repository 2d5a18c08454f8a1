"""A breakpoint from a node's menu: where its units die, or those of the layer behind it."""

from __future__ import annotations

from board import residual
from conftest import Open

from studio.graph.breakpoints import CAN_DIE, Breakpoint


def test_a_run_is_made_to_pause_where_units_of_a_node_die(open_board: Open) -> None:
    board = open_board(residual())
    canvas = board.canvas
    graph = canvas.scene.sheet.graph
    relu = next(key for key, node in graph.nodes.items() if node.kind in CAN_DIE)
    action = canvas.commands["break_dead"]
    canvas.select((relu,))
    canvas.commands.refresh()
    assert action.isEnabled()
    action.trigger()
    assert canvas.project.recipe.breakpoints == (Breakpoint("dead", 0.5, relu),)
    action.trigger()
    assert canvas.project.recipe.breakpoints == ()
    before = graph.incoming[relu][0].source.node
    canvas.select((before,))
    action.trigger()
    assert canvas.project.recipe.breakpoints == (Breakpoint("dead", 0.5, relu),)


def test_a_layer_whose_units_cannot_die_says_so(open_board: Open) -> None:
    board = open_board(residual())
    canvas = board.canvas
    graph = canvas.scene.sheet.graph

    def behind(key: str) -> list[str]:
        return [graph.nodes[wire.target.node].kind for wire in graph.outgoing.get(key, ())]

    other = next(
        key
        for key, node in graph.nodes.items()
        if node.kind not in CAN_DIE and not CAN_DIE & set(behind(key))
    )
    canvas.select((other,))
    canvas.commands.refresh()
    action = canvas.commands["break_dead"]
    assert not action.isEnabled()
    assert "select a ReLU" in action.toolTip()
