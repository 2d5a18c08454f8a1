"""Random projects and edits for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from studio.graph import edits as ed
from studio.graph.graph import Node, link
from studio.graph.project import DataRef, Note, Place, Project

KINDS = (
    "core.input",
    "torch.nn.Linear",
    "torch.nn.Conv2d",
    "torch.nn.ReLU",
    "core.add",
    "gone.kind",
)
IDS = tuple(f"n{number}" for number in range(8))
NAMES = ("conv", "fc", "relu", "x", "out", "conv2", "class", "forward", "ünïcode")

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10_000),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.text(max_size=8),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
params = st.dictionaries(st.sampled_from(("bias", "kernel_size", "new_option")), values, max_size=3)
nodes = st.builds(
    Node,
    id=st.sampled_from(IDS),
    kind=st.sampled_from(KINDS),
    name=st.sampled_from(NAMES),
    params=params,
)
places = st.builds(Place, x=st.integers(-400, 400).map(float), y=st.integers(-400, 400).map(float))
wires = st.builds(
    link,
    st.sampled_from(IDS),
    st.sampled_from(("out", "h")),
    st.sampled_from(IDS),
    st.sampled_from(("x", "a", "b")),
)
ids = st.lists(st.sampled_from(IDS), max_size=3, unique=True).map(tuple)
MAIN = st.just("main")

edits = st.one_of(
    st.builds(
        ed.AddNodes,
        MAIN,
        st.lists(nodes, min_size=1, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(IDS), places, max_size=3),
        st.lists(wires, max_size=2).map(tuple),
    ),
    st.builds(ed.RemoveNodes, MAIN, ids),
    st.builds(ed.Connect, MAIN, wires, st.booleans()),
    st.builds(ed.Disconnect, MAIN, st.lists(wires, max_size=2).map(tuple)),
    st.builds(
        ed.MoveNodes, MAIN, st.dictionaries(st.sampled_from(IDS), places, min_size=1, max_size=3)
    ),
    st.builds(ed.SetParams, MAIN, st.sampled_from(IDS), params),
    st.builds(ed.Rename, MAIN, st.sampled_from(IDS), st.sampled_from(NAMES)),
    st.builds(ed.SetFlag, MAIN, ids, st.sampled_from(("bypassed", "frozen")), st.booleans()),
    st.builds(ed.Insert, MAIN, nodes, wires),
    st.builds(ed.SetData, st.builds(DataRef, seed=st.integers(0, 9))),
    st.builds(ed.SetRecipe, st.fixed_dictionaries({"epochs": st.integers(1, 99)})),
    st.builds(
        ed.SetNote,
        MAIN,
        st.sampled_from(("a", "b")),
        st.one_of(st.none(), st.builds(Note, st.text(max_size=20))),
    ),
)


def illegal(project: Project) -> str:
    """Return what is wrong with a project's graph, or nothing."""
    for name, sheet in project.networks.items():
        graph = sheet.graph
        names = [node.name for node in graph.nodes.values()]
        if len(set(names)) != len(names):
            return f"{name} has two nodes of one name"
        for wire in graph.links:
            if wire.source.node not in graph.nodes or wire.target.node not in graph.nodes:
                return f"{name} has a wire that leads nowhere"
        for wire in graph.links:
            if ed.reaches(graph, wire.target.node, wire.source.node):
                return f"{name} has a cycle"
        if set(sheet.places) - set(graph.nodes):
            return f"{name} has a place without a node"
    return ""
