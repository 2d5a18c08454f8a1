"""A catalogue, a residual network with one mistake, what an engine would say about it, and a session."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from studio.engine import protocol as p
from studio.graph.catalog import Catalog
from studio.graph.document import Document
from studio.graph.edits import AnyEdit, EditRefused, Insert
from studio.graph.facts import DataFacts, NetworkFacts, NodeFacts, ProjectFacts, TensorType
from studio.graph.graph import Graph, Link, Node, link
from studio.graph.layout import arrange
from studio.graph.offers import Offer
from studio.graph.params import Param
from studio.graph.problems import Problem, Repair
from studio.graph.project import Block, Frame, Note, Place, Project, Sheet
from studio.graph.spec import ArchitectureSpec, LayerSpec, Port
from studio.graph.topology import block_spec
from studio.session import events as e
from studio.session.history import History


def _layer(name: str, category: str, **more: Any) -> LayerSpec:
    return LayerSpec(kind=f"torch.nn.{name}", title=name, category=category, **more)


def _whole(name: str, default: int) -> Param:
    return Param(name, "int", default)


_CONV = ("out_channels", "kernel_size", "stride", "padding")

SPECS = [
    LayerSpec(kind="core.input", title="Input", category="io", inputs=()),
    LayerSpec(kind="core.output", title="Output", category="io", outputs=()),
    _layer(
        "Conv2d",
        "conv",
        params=(
            _whole("out_channels", 32),
            _whole("kernel_size", 3),
            _whole("stride", 1),
            _whole("padding", 0),
        ),
        summary=_CONV,
        formula="y = w · x + b",
        doc="Slides small filters over the map.",
        inputs=(Port("x", ranks=(4,)),),
    ),
    _layer("BatchNorm2d", "norm", keeps_shape=True, inputs=(Port("x", ranks=(4,)),)),
    _layer("Dropout", "norm", keeps_shape=True, params=(Param("p", "float", 0.5),), summary=("p",)),
    _layer("ReLU", "act", keeps_shape=True),
    _layer(
        "MaxPool2d",
        "pool",
        params=(_whole("kernel_size", 2), Param("stride", "int", None, optional=True)),
        summary=("kernel_size", "stride"),
        inputs=(Port("x", ranks=(4,)),),
    ),
    _layer("Flatten", "tensor"),
    _layer(
        "Linear",
        "dense",
        params=(_whole("out_features", 128), Param("bias", "bool", True)),
        summary=("out_features", "bias"),
    ),
    _layer("Embedding", "seq", inputs=(Port("ids", "int"),)),
    LayerSpec(kind="core.add", title="Add", category="tensor", inputs=(Port("a"), Port("b"))),
    LayerSpec(
        kind="core.concat", title="Concat", category="tensor", inputs=(Port("x", many=True),)
    ),
    LayerSpec(kind="core.reroute", title="Reroute", category="tensor", keeps_shape=True),
]

CATALOG = Catalog(
    layers={spec.kind: spec for spec in SPECS},
    architectures={"vision.lenet5": ArchitectureSpec(kind="vision.lenet5", title="LeNet-5")},
)


def _node(key: str, kind: str, **params: Any) -> Node:
    kind = kind if "." in kind else f"torch.nn.{kind}"
    return Node(key, kind, key, params)


def residual() -> Project:
    """A residual network whose first Linear gets a feature map, a skip wire, a frame and a note."""
    chain = [
        _node("x", "core.input"),
        _node("conv1", "Conv2d", out_channels=32),
        _node("relu1", "ReLU"),
        _node("pool1", "MaxPool2d", stride=2),
        _node("rconv1", "Conv2d", padding=1),
        _node("rbn1", "BatchNorm2d"),
        _node("rrelu1", "ReLU"),
        _node("rconv2", "Conv2d", padding=1),
        _node("rbn2", "BatchNorm2d"),
        _node("add", "core.add"),
        _node("rrelu2", "ReLU"),
        _node("conv2", "Conv2d", out_channels=64),
        _node("relu2", "ReLU"),
        _node("pool2", "MaxPool2d", stride=2),
        _node("fc1", "Linear", out_features=128),
        _node("relu3", "ReLU"),
        _node("drop", "Dropout", p=0.25),
        _node("fc2", "Linear", out_features=10),
        _node("out", "core.output"),
    ]
    links = [
        link(a.id, "out", b.id, "a" if b.id == "add" else "x") for a, b in itertools.pairwise(chain)
    ]
    links.append(link("pool1", "out", "add", "b"))
    graph = Graph({node.id: node for node in chain}, tuple(links))
    frames = {"f1": Frame("Residual block", tuple(node.id for node in chain[4:11]))}
    places = arrange(graph, CATALOG.layers, frames=frames)
    words = "Skip path keeps 32 channels, so Add needs no projection. Compare with run no-residual."
    low = max(places[key].y for key in ("x", "conv1", "relu1", "pool1")) + 140
    notes = {"note1": Note(words, places["x"].x, low, 260)}
    return Project(networks={"main": Sheet(graph, places, frames, notes)})


def chain_project(count: int = 3) -> Project:
    """Data, some layers in a row, output."""
    kinds = ["Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU"]
    nodes = [_node("x", "core.input")]
    nodes += [_node(f"n{n}", kinds[n % 5]) for n in range(count)]
    nodes.append(_node("out", "core.output"))
    links = tuple(link(a.id, "out", b.id, "x") for a, b in itertools.pairwise(nodes))
    graph = Graph({node.id: node for node in nodes}, links)
    return Project(networks={"main": Sheet(graph, arrange(graph, CATALOG.layers))})


def block_project() -> Project:
    """A block that is used twice."""
    inner = [
        _node("x", "core.input"),
        _node("conv", "Conv2d"),
        _node("act", "ReLU"),
        _node("out", "core.output"),
    ]
    wires = tuple(link(a.id, "out", b.id, "x") for a, b in itertools.pairwise(inner))
    graph = Graph({node.id: node for node in inner}, wires)
    block = Block(Sheet(graph, arrange(graph, CATALOG.layers)))
    nodes = [
        _node("x", "core.input"),
        _node("res1", "block.Twice"),
        _node("res2", "block.Twice"),
        _node("out", "core.output"),
    ]
    wires = tuple(link(a.id, "out", b.id, "x") for a, b in itertools.pairwise(nodes))
    graph = Graph({node.id: node for node in nodes}, wires)
    sheet = Sheet(graph, arrange(graph, CATALOG.layers))
    return Project(networks={"main": sheet}, blocks={"Twice": block})


_SHAPES: dict[str, tuple[int, ...]] = {
    "x": (1, 28, 28),
    "conv1": (32, 26, 26),
    "relu1": (32, 26, 26),
    "pool1": (32, 13, 13),
    **dict.fromkeys(["rconv1", "rbn1", "rrelu1", "rconv2", "rbn2", "add", "rrelu2"], (32, 13, 13)),
    "conv2": (64, 11, 11),
    "relu2": (64, 11, 11),
    "pool2": (64, 5, 5),
}
_COUNTS = {"conv1": 320, "rconv1": 9216, "rconv2": 9216, "rbn1": 64, "rbn2": 64, "conv2": 18496}
_COUNTS |= {"fc2": 1290}


def residual_facts(project: Project, whole: bool = False) -> ProjectFacts:
    """What the engine says about `residual`; `whole` is after the mistake was mended."""
    sheet = project.networks["main"]
    shapes = dict(_SHAPES)
    if whole:
        shapes |= {"flat": (1600,), **dict.fromkeys(["fc1", "relu3", "drop"], (128,)), "fc2": (10,)}
    nodes = {}
    for key in sheet.graph.nodes:
        if key in shapes:
            before = [wire.source.node for wire in sheet.graph.incoming.get(key, ())]
            inputs = {"x": TensorType(("N", *shapes[before[0]]))} if before else {}
            nodes[key] = NodeFacts(
                inputs, {"out": TensorType(("N", *shapes[key]))}, parameters=_COUNTS.get(key, 0)
            )
    wire = link("pool2", "out", "fc1", "x")
    flat = Insert("main", _node("flat", "Flatten"), wire, place=Place(0, 900))
    pool = Insert("main", _node("gap", "MaxPool2d"), wire, place=Place(0, 900))
    problem = Problem(
        "Linear needs one flat vector per sample, but gets a 64×5×5 feature map.",
        node="fc1",
        port="x",
        repairs=(
            Repair("Insert Flatten", (flat,), "N×1600"),
            Repair("Average-pool", (pool,), "N×64"),
        ),
    )
    data = DataFacts(
        title="Digits",
        train=1437,
        validation=360,
        test=0,
        sample=TensorType((1, 28, 28)),
        form="image",
        task="classification",
        classes=tuple("0123456789"),
        fingerprint="digits",
    )
    problems = () if whole else (problem,)
    return ProjectFacts(1, {"main": NetworkFacts(nodes, problems)}, data)


class BoardSession:
    """A session without engines: a document, a catalogue, and answers given by the test."""

    def __init__(self, project: Project | None = None, facts: ProjectFacts | None = None) -> None:
        self.catalog = CATALOG
        self.facts = facts
        self.training = "idle"
        self.history = History()
        self.graph_edited_since_run = False
        self.asked: list[p.Request] = []
        self.offers: dict[str, Offer] | None = None
        self.refusals: list[str] = []
        self.drawn: list[str] = []
        self._listeners: list[Callable[[e.SessionEvent], None]] = []
        self.now = 0.0
        self.document = Document(project, clock=lambda: self.now)
        self.document.subscribe(self._changed)

    def _changed(self, before: Project, after: Project, title: str) -> None:
        self.tell(e.DocumentChanged(before, after, title))

    def tell(self, event: e.SessionEvent) -> None:
        for listener in self._listeners:
            listener(event)

    def subscribe(self, listener: Callable[[e.SessionEvent], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def do(self, edit: AnyEdit) -> bool:
        try:
            self.document.do(edit)
        except EditRefused as refusal:
            self.refusals.append(str(refusal))
            return False
        return True

    def undo(self) -> None:
        self.document.undo()

    def redo(self) -> None:
        self.document.redo()

    def spec(self, node: Node) -> LayerSpec | None:
        return CATALOG.layers.get(node.kind) or block_spec(self.document.project, node.kind)

    def ask(
        self,
        request: p.Request,
        on_answer: Callable[[p.Answer], None],
        on_refused: object = None,
        on_event: object = None,
    ) -> None:
        self.asked.append(request)
        if isinstance(request, p.GetOffers) and self.offers is not None:
            on_answer(p.Offers(self.offers))
        if isinstance(request, p.GetSamples):
            ramp = np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(1, 1, 28, 28)
            on_answer(p.SampleSet("train", (0,), ramp, np.zeros(1, dtype=np.int64)))

    def draw(self, kind: str, params: dict[str, Any] | None = None) -> None:
        self.drawn.append(kind)

    @property
    def sheet(self) -> Sheet:
        return self.document.project.networks["main"]

    @property
    def links(self) -> set[Link]:
        return set(self.sheet.graph.links)
