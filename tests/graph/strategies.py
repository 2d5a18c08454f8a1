"""Random projects and edits for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from studio.graph import edits as ed
from studio.graph.edits.instances import block_of, blocks_below, blocks_in, sheets
from studio.graph.graph import Node, is_name, link
from studio.graph.project import DataRef, Note, Place, Project, Sheet
from studio.graph.topology import block_spec, order

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
    """Return what is wrong with a project's graphs, or nothing."""
    for where, sheet in sheets(project):
        found = _illegal_sheet(project, sheet)
        if found:
            return f"{where}: {found}"
    for name, block in project.blocks.items():
        if not is_name(name):
            return f"a block is named {name!r}"
        if name in blocks_below(project.blocks, blocks_in(block.sheet.graph)):
            return f"{name} holds itself"
        params = [param.name for param in block.params]
        if len(set(params)) != len(params):
            return f"{name} has two parameters of one name"
    return ""


def _illegal_sheet(project: Project, sheet: Sheet) -> str:
    graph = sheet.graph
    names = [node.name for node in graph.nodes.values()]
    if len(set(names)) != len(names):
        return "two nodes have one name"
    if len(set(graph.links)) != len(graph.links):
        return "a wire is there twice"
    for wire in graph.links:
        if wire.source.node not in graph.nodes or wire.target.node not in graph.nodes:
            return "a wire leads nowhere"
        for end, side in ((wire.source, "outputs"), (wire.target, "inputs")):
            spec = block_spec(project, graph.nodes[end.node].kind)
            if spec is not None and end.port not in {port.name for port in getattr(spec, side)}:
                return f"a wire ends at {end.port}, which {spec.title} has not"
    if order(graph)[1]:
        return "data flows in a circle"
    if sheet.places.keys() - graph.nodes.keys():
        return "a place is kept for no node"
    for frame in sheet.frames.values():
        if not frame.nodes or set(frame.nodes) - graph.nodes.keys():
            return "a frame is around no node"
    for key, node in graph.nodes.items():
        if key != node.id or not is_name(node.name):
            return f"a node is named {node.name!r}"
        if node.kind.startswith("block.") and block_of(node) not in project.blocks:
            return f"{node.name} stands for a block that is not there"
        if node.shares:
            owner = graph.nodes.get(node.shares)
            if owner is None or owner.shares or owner.id == key:
                return f"{node.name} shares the weights of no owner"
            if (owner.kind, owner.params) != (node.kind, node.params):
                return f"{node.name} shares weights but is another layer"
    return ""
