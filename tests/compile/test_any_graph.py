"""Whatever is drawn: inference answers, and what it finds no fault with runs and has the shapes it says."""

from __future__ import annotations

from contextlib import suppress

import hypothesis
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from studio import compile, layers
from studio.compile import symbols
from studio.graph.facts import Dim, ProjectFacts
from studio.graph.graph import Graph, Node, link
from studio.graph.params import Param
from studio.graph.project import Block, Project, Sheet
from studio.graph.unfold import unfold

SPECS = layers.builtin()
CACHE = compile.Cache()
BATCH = 3
#: Names that the values below may bring into shapes.
SYMBOLS = {"s": 7, "t": 11, "learned": 13}

#: Kinds with their inputs, outputs and settings worth trying.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "core.input": ((), ("out",), ("shape", "whole")),
    "core.output": (("x",), (), ()),
    "core.state": ((), ("out",), ("shape", "init")),
    "core.next": (("x",), (), ("state",)),
    "core.reroute": (("x",), ("out",), ()),
    "core.add": (("a", "b"), ("out",), ()),
    "core.mul": (("a", "b"), ("out",), ()),
    "core.split": (("x",), ("a", "b"), ("dim",)),
    "core.concat": (("x",), ("out",), ("dim",)),
    "torch.nn.Linear": (("x",), ("out",), ("out_features", "in_features")),
    "torch.nn.Tanh": (("x",), ("out",), ()),
    "core.mean": (("x",), ("out",), ("dim",)),
    "block.A": (("x", "y", "s", "gone"), ("out", "o", "s"), ("width", "repeat", "share_weights")),
    "block.B": (("x", "y", "s"), ("out", "o", "s"), ("repeat", "share_weights", "more")),
    "gone.kind": (("x",), ("out",), ()),
}
#: Kinds that seldom fit: blocks come in by their own ports.
RARE = ("gone.kind", "block.A", "block.B", "core.state", "core.next", "core.mean")
NAMES = ("x", "y", "s", "out", "o", "t", "fc", "range", "block", "x_t", "outs", "number")
VALUES = st.one_of(
    st.integers(-1, 6),
    st.sampled_from(
        (None, True, False, 2.5, "s", "t", "learned", "=width", "=width+index", "=gone", "=1/0", "=",
         "=2**99999", (4,), (2, 4), (), ("a", ("b",)), [1], {"a": 1}, 10**30, float("inf"), float("nan"))
    ),
)  # fmt: skip


Ports = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


@st.composite
def sheets(draw: st.DrawFn, blocks: Ports, inside: bool) -> Sheet:
    """Draw a sheet that is often right: inputs first, wires mostly forward, outputs last."""
    seldom = st.integers(0, 11).map(lambda number: number == 0)
    able = sorted({kind for kind in KINDS if kind not in RARE or draw(seldom)} | set(blocks))
    kinds = ["core.input", *draw(st.lists(st.sampled_from(able), min_size=1, max_size=5))]
    states = inside and draw(st.booleans())
    if states:
        kinds = ["core.state", *kinds, "core.next"]
    kinds += ["core.output"] * draw(st.integers(1, 2))
    names = list(NAMES)
    nodes: dict[str, Node] = {}
    links = []
    for number, kind in enumerate(kinds):
        takes, _, options = KINDS[kind]
        takes = blocks[kind][0] if kind in blocks and not draw(seldom) else takes
        params = {name: draw(VALUES) for name in options if draw(seldom)}
        if kind == "core.input" and not inside:
            params.setdefault("shape", draw(st.sampled_from(((4,), (3, 4), (3, 4), "=(3, 4)"))))
        if kind == "core.state":
            params.setdefault("shape", (4,))
        if kind == "core.next":
            params.setdefault("state", "s")
        if kind == "torch.nn.Linear":
            params.setdefault("out_features", draw(st.sampled_from((4, 4, "=width"))))
            params.setdefault("in_features", 4)
        if kind.startswith("block."):
            params.setdefault("repeat", draw(st.sampled_from((1, 1, 0, 2, 3))))
        name = "s" if kind == "core.state" else names.pop(draw(st.integers(0, len(names) - 1)))
        name = draw(st.sampled_from(NAMES)) if draw(seldom) else name
        flags = (draw(st.sampled_from(("bypassed", "frozen"))),) if draw(seldom) else ()
        same = [node.id for node in nodes.values() if node.kind == kind]
        shares = draw(st.sampled_from([*same, "n0", ""])) if draw(seldom) else ""
        key = f"n{number}"
        nodes[key] = Node(key, kind, name, params, flags, shares)
        sources = [node for node in nodes.values() if node.id != key or draw(seldom)]
        sources = [node for node in sources if KINDS[node.kind][1]]
        for port in takes:
            if sources and not (draw(seldom) or (port == "s" and draw(st.booleans()))):
                source = draw(st.sampled_from(sources[-4:]))
                gives = KINDS[source.kind][1]
                gives = blocks[source.kind][1] if source.kind in blocks else gives
                links.append(link(source.id, draw(st.sampled_from(gives or ("out",))), key, port))
    return Sheet(Graph(nodes, tuple(links)))


def _ports(sheet: Sheet) -> tuple[tuple[str, ...], tuple[str, ...]]:
    def names(*kinds: str) -> tuple[str, ...]:
        return tuple(node.name for node in sheet.graph.nodes.values() if node.kind in kinds)

    return names("core.input", "core.state"), names("core.output", "core.state")


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """Draw a network with two blocks; now and then they hold each other."""
    default = draw(st.sampled_from((4, 4, 4, "=width", "=wide", "=gone", None)))
    a = draw(sheets({}, True))
    b = draw(sheets({"block.A": _ports(a)}, True))
    main = draw(sheets({"block.A": _ports(a), "block.B": _ports(b)}, False))
    blocks = {"A": Block(a, "A.", (Param("width", "int", default),)), "B": Block(b)}
    constants = {"width": draw(st.sampled_from((4, 4, 4, 4.5, "=x", None))), "wide": 4}
    return Project({"main": main}, constants=constants, blocks=blocks)


def _sizes(shape: tuple[Dim, ...]) -> tuple[int, ...]:
    """Return a shape in numbers: names stand for sizes that nothing else has."""
    return tuple(symbols.worth(dim, SYMBOLS) * BATCH // symbols.SAMPLES
                 if isinstance(dim, str) and "N" in dim
                 else symbols.worth(dim, SYMBOLS) for dim in shape)  # fmt: skip


def _run(project: Project, facts: ProjectFacts) -> None:
    """Run the code, tapped and not, and compare every shape with what is known."""
    main = facts.networks["main"]
    torch.manual_seed(0)
    module = compile.load(compile.source(project, "main", SPECS, facts).text)
    inputs = []
    for node in project.networks["main"].graph.of_kind("core.input"):
        known = main.nodes[node.id].outputs.get("out")  # None where nobody reads it
        inputs.append(torch.randn(_sizes(known.shape if known else ("N",))))
    assert main.parameters == sum(p.numel() for p in module.parameters() if p.requires_grad)

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        if known := main.nodes[path].outputs.get(port):  # an input that nobody reads may have none
            assert tuple(tensor.shape) == _sizes(known.shape), path
        return tensor

    plain, tapped = module(*inputs), module.forward_tapped(*inputs, tap)
    pairs = zip(plain, tapped, strict=True) if isinstance(plain, tuple) else [(plain, tapped)]
    assert all(torch.equal(a, b) for a, b in pairs)


@settings(max_examples=250, deadline=None, derandomize=True,
          suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip
@given(projects())
def test_whatever_is_drawn_is_answered_and_what_is_right_runs(project: Project) -> None:
    facts = compile.infer(project, SPECS, None, cache=CACHE)
    unfold(project, "main")
    if not facts.errors:
        _run(project, facts)
        return
    with suppress(compile.Unfinished):  # a fault may be one of the data, with code that is whole
        compile.source(project, "main", SPECS, facts)
