"""A machine that does anything a person can do, in any order, and holds the document to its promises.

Every step undoes to an equal project and comes back; every project saves and loads equal; no sequence
makes an illegal graph; what is refused changes nothing and is said in a sentence.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

import msgspec
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from meaning import Meanings
from strategies import illegal

from studio.graph import edits as ed
from studio.graph import files
from studio.graph.builder import Net
from studio.graph.connect import check_connect, open_ends
from studio.graph.document import Document
from studio.graph.fragments import NotAGraph, cut_out, from_text, paste, to_text
from studio.graph.graph import INPUT, NEXT, OUTPUT, REROUTE, STATE, End, Link, Node, name_for
from studio.graph.params import Param, ParamType
from studio.graph.project import DataRef, Frame, Note, Place, Project
from studio.graph.spec import LayerSpec, Port
from studio.graph.surgery import Intervention
from studio.graph.topology import block_spec

_X, _OUT = (Port("x"),), (Port("out"),)
SPECS = {
    kind: LayerSpec(kind=kind, title=kind, category="tensor", inputs=inputs, outputs=outputs)
    for kind, inputs, outputs in (
        (INPUT, (), _OUT),
        (OUTPUT, _X, ()),
        (STATE, (), _OUT),
        (NEXT, _X, ()),
        (REROUTE, _X, _OUT),
        ("torch.nn.Linear", _X, _OUT),
        ("torch.nn.ReLU", _X, _OUT),
        ("torch.nn.LSTM", _X, (Port("out"), Port("h", "state"))),
        ("core.add", (Port("a"), Port("b")), _OUT),
        ("core.concat", (Port("x", many=True),), _OUT),
        ("gone.Kind", _X, _OUT),
    )
}
NAMES = ("fc", "x", "out", "h", "Res", "Cell", "res2", "class", "forward", "1st", "width", "index")
CONSTANTS = ("width", "depth", "class", "min", "repeat")
PARAMS = ("out_features", "bias", "state", "repeat", "share_weights", "width", "fancy")
VALUES = (1, 2, 3, True, False, 0.5, "h", (3, 3), None)
FORMULAS = ("=width", "=width*2+index", "=min(width, 9)//2", "=repeat", "=nobody", "=(", "=width,3")
#: Edits that draw the same computation in another way.
KEEPING = (
    ed.MakeBlock,
    ed.Unpack,
    ed.Detach,
    ed.RenameBlock,
    ed.RemoveBlock,
    ed.AddBlocks,
    ed.Promote,
    ed.Rename,
    ed.MoveNodes,
    ed.SetNote,
    ed.SetFrame,
    ed.SetSurgery,
)


def starter() -> Project:
    """Two blocks, one in the other, used on a network."""
    net = Net()
    x = net.input()
    with net.block("Cell") as cell:
        h = cell.add("torch.nn.Linear", cell.input(), name="fc", out_features=4)
        cell.output(cell.add("torch.nn.ReLU", h, name="act"))
    with net.block("Res") as res:
        x_in = res.input()
        res.output(res.add("core.add", x_in, res.use("Cell", x_in, name="body")))
    x = net.use("Res", x, name="res1")
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=2))
    return net.project()


class Gestures(RuleBasedStateMachine):
    """Does what a person can do, and now and then what one cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = Random(0)
        self.document = Document(starter(), clock=self._clock)
        self.fresh = 0
        self.seconds = 0.0
        self.clipboard = ""

    def _clock(self) -> float:
        self.seconds += 60
        return self.seconds

    @initialize(seed=st.integers(0, 2**32 - 1))
    def begin(self, seed: int) -> None:
        """What a gesture picks depends on what there is: chance comes from one seed."""
        self.rng = Random(seed)

    # ------------------------------------------------------------------------------ what there is

    @property
    def project(self) -> Project:
        return self.document.project

    def where(self) -> str:
        blocks = ["block." + name for name in self.project.blocks]
        return self.rng.choice([*self.project.networks, *self.project.networks, *blocks])

    def block(self) -> str:
        blocks = list(self.project.blocks)
        return self.rng.choice(blocks) if blocks and self.rng.random() < 0.95 else "Nobody"

    def node(self, where: str) -> str:
        nodes = list(self.project.sheet(where).graph.nodes)
        return self.rng.choice(nodes) if nodes and self.rng.random() < 0.97 else "nobody"

    def nodes(self, where: str, most: int = 4) -> tuple[str, ...]:
        """Some nodes: as a rubber band catches them, or here and there."""
        nodes = list(self.project.sheet(where).graph.nodes)
        start = self.rng.randrange(len(nodes) + 1)
        if self.rng.random() < 0.5:
            return tuple(nodes[start : start + self.rng.randint(1, most)])
        return tuple({self.node(where): None for _ in range(self.rng.randint(0, most))})

    def instance(self, where: str) -> str:
        nodes = self.project.sheet(where).graph.nodes.values()
        held = [node.id for node in nodes if node.kind.startswith("block.")]
        return self.rng.choice(held) if held and self.rng.random() < 0.9 else self.node(where)

    def specs(self) -> dict[str, LayerSpec]:
        kinds = ["block." + name for name in self.project.blocks]
        blocks = {kind: block_spec(self.project, kind) for kind in kinds}
        return SPECS | {kind: spec for kind, spec in blocks.items() if spec is not None}

    def spec(self) -> LayerSpec:
        known = self.specs() if self.rng.random() < 0.3 else SPECS
        return self.rng.choice(list(known.values()))

    def new(self, where: str, kind: str) -> Node:
        self.fresh += 1
        taken = [node.name for node in self.project.sheet(where).graph.nodes.values()]
        return Node(f"n{self.fresh}", kind, name_for(kind, taken))

    # ----------------------------------------------------------------------------- what must hold

    def do(self, edit: ed.AnyEdit) -> None:
        """Do an edit that could have travelled; look at what must hold for every one."""
        packed = msgspec.msgpack.encode(edit)
        assert msgspec.msgpack.decode(packed, type=ed.AnyEdit).title == edit.title
        before = self.project
        steps = len(self.document.steps)
        try:
            self.document.do(edit)
        except ed.EditRefused as refusal:
            assert self.project is before
            assert len(self.document.steps) == steps
            sentence = str(refusal)
            assert sentence.endswith("."), sentence
            assert len(sentence.split()) > 3, sentence
            return
        after = self.project
        if after == before:
            assert len(self.document.steps) == steps
            return
        if isinstance(edit, KEEPING):
            meanings = Meanings()
            assert meanings.of(after) == meanings.of(before)
        self.document.undo()
        assert self.project == before
        self.document.redo()
        assert self.project == after

    @invariant()
    def the_graph_is_legal(self) -> None:
        assert illegal(self.project) == ""

    @invariant()
    def the_project_saves_and_loads_equal(self) -> None:
        assert files.loads(files.dumps(self.project)).project == self.project

    # ------------------------------------------------------------------------------ nodes and wires

    @rule()
    def add(self) -> None:
        where = self.where()
        node = self.new(where, self.spec().kind)
        place = Place(self.rng.randrange(40) * 20.0, self.rng.randrange(40) * 20.0)
        self.do(ed.AddNodes(where, (node,), {node.id: place}))

    @rule()
    def add_a_chain_of_nodes_with_taken_names(self) -> None:
        where, name = self.where(), self.rng.choice(NAMES)
        owner = self.node(where)
        nodes = [self.new(where, self.spec().kind) for _ in range(3)]
        nodes = [Node(n.id, n.kind, name, {"state": name}, shares=owner) for n in nodes]
        links = []
        for one, two in pairwise(nodes):
            outputs, inputs = self.specs()[one.kind].outputs, self.specs()[two.kind].inputs
            if outputs and inputs:
                links.append(Link(End(one.id, outputs[0].name), End(two.id, inputs[0].name)))
        self.do(ed.AddNodes(where, tuple(nodes), {}, tuple(links)))

    @rule()
    def remove(self) -> None:
        where = self.where()
        self.do(ed.RemoveNodes(where, self.nodes(where, 2), self.rng.random() < 0.5))

    @rule()
    def connect(self) -> None:
        where = self.where()
        graph, specs = self.project.sheet(where).graph, self.specs()
        source, target = self.node(where), self.node(where)
        outputs = specs[graph.nodes[source].kind].outputs if source in graph.nodes else _OUT
        inputs = specs[graph.nodes[target].kind].inputs if target in graph.nodes else _X
        if not outputs or not inputs:
            return
        port = self.rng.choice(inputs)
        wire = Link(End(source, self.rng.choice(outputs).name), End(target, port.name))
        reason = check_connect(graph, specs, wire)
        before = self.project
        self.do(ed.Connect(where, wire, port.many))
        if reason and "needs" not in reason:  # which types fit is the gate's own to judge
            assert self.project is before

    @rule()
    def disconnect(self) -> None:
        where = self.where()
        links = self.project.sheet(where).graph.links
        if links:
            self.do(ed.Disconnect(where, tuple(self.rng.choices(links, k=2))))

    @rule()
    def insert(self) -> None:
        where, spec = self.where(), self.spec()
        links = self.project.sheet(where).graph.links
        if links and spec.inputs and spec.outputs:
            node = self.new(where, spec.kind)
            ports = spec.inputs[0].name, spec.outputs[0].name
            self.do(ed.Insert(where, node, self.rng.choice(links), *ports, Place(4.0, 8.0)))

    @rule()
    def swap(self) -> None:
        where = self.where()
        node = self.project.sheet(where).graph.nodes.get(self.node(where))
        if node is not None:
            self.do(ed.Swap.to(where, node, self.specs()[node.kind], self.spec()))

    @rule()
    def move(self) -> None:
        where = self.where()
        places = {key: Place(self.rng.randrange(9) * 8.0, 0.0) for key in self.nodes(where)}
        self.do(ed.MoveNodes(where, places))

    @rule()
    def set_params(self) -> None:
        where = self.where()
        node = self.instance(where) if self.rng.random() < 0.3 else self.node(where)
        names = self.rng.sample(PARAMS, 2)
        values = {names[0]: self.rng.choice((*VALUES, *FORMULAS))}
        self.do(ed.SetParams(where, node, values, tuple(names[1:])))

    @rule()
    def repeat(self) -> None:
        where = self.where()
        node = self.project.sheet(where).graph.nodes.get(self.instance(where))
        if node is not None:
            block = self.project.blocks.get(node.kind.removeprefix("block."))
            own = {param.name: self.rng.choice(FORMULAS) for param in block.params} if block else {}
            values = {"repeat": self.rng.choice((1, 2, 2, "=width", 2000)), "share_weights": False}
            self.do(ed.SetParams(where, node.id, values | own))

    @rule()
    def rename(self) -> None:
        where = self.where()
        self.do(ed.Rename(where, self.node(where), self.rng.choice(NAMES)))

    @rule()
    def flag(self) -> None:
        where, flag = self.where(), self.rng.choice(("bypassed", "bypassed", "frozen", "gilded"))
        self.do(ed.SetFlag(where, self.nodes(where, 2), flag, self.rng.random() < 0.6))

    @rule()
    def share(self) -> None:
        where = self.where()
        owner = self.node(where) if self.rng.random() < 0.7 else ""
        self.do(ed.Share(where, self.nodes(where, 2), owner))

    @rule()
    def share_among_equals(self) -> None:
        where = self.where()
        graph = self.project.sheet(where).graph
        kinds = sorted({node.kind for node in graph.nodes.values()} - {INPUT, OUTPUT})
        alike = [node.id for node in graph.of_kind(self.rng.choice(kinds))] if kinds else []
        if len(alike) < 2:
            node = self.new(where, "torch.nn.Linear")
            self.do(ed.AddNodes(where, (node,), {}))
        else:
            self.do(ed.Share(where, tuple(alike[:3]), self.rng.choice(alike)))

    # --------------------------------------------------------------------------------------- blocks

    @rule()
    def make_block(self) -> None:
        where = self.where()
        nodes = self.nodes(where)
        graph = self.project.sheet(where).graph
        ends = open_ends(graph, self.specs(), nodes) if self.rng.random() < 0.5 else ((), ())
        self.fresh += 1
        name = self.rng.choice((*NAMES, f"Block{self.fresh}", f"Block{self.fresh}"))
        self.do(ed.MakeBlock(where, nodes, name, f"n{self.fresh}", *ends))

    @rule()
    def unpack(self) -> None:
        where = self.where()
        self.do(ed.Unpack(where, self.instance(where)))

    @rule()
    def detach(self) -> None:
        where = self.where()
        self.do(ed.Detach(where, self.instance(where), self.rng.choice(NAMES)))

    @rule()
    def set_block(self) -> None:
        kinds: tuple[ParamType, ...] = ("int", "float", "str")
        params = [
            Param(n, self.rng.choice(kinds), self.rng.randrange(4))
            for n in self.rng.choices(NAMES, k=2)
        ]
        self.do(ed.SetBlock(self.block(), tuple(params[: self.rng.randrange(3)]), doc="changed"))

    @rule()
    def rename_block(self) -> None:
        self.do(ed.RenameBlock(self.block(), self.rng.choice(NAMES)))

    @rule()
    def remove_block(self) -> None:
        self.do(ed.RemoveBlock(self.block()))

    @rule()
    def add_a_block(self) -> None:
        blocks = self.project.blocks
        if blocks:
            self.do(ed.AddBlocks({self.rng.choice(NAMES): blocks[self.rng.choice(list(blocks))]}))

    @rule()
    def promote(self) -> None:
        where = self.where()
        given = [
            (node.id, name)
            for node in self.project.sheet(where).graph.nodes.values()
            for name in node.params
        ]
        if given and self.rng.random() < 0.9:
            self.do(ed.Promote(where, *self.rng.choice(given), self.rng.choice(NAMES)))
        else:
            self.do(ed.Promote(where, self.node(where), self.rng.choice(PARAMS), "width"))

    # ------------------------------------------------------------------------- beside and all around

    @rule()
    def set_constants(self) -> None:
        value = self.rng.choice((*VALUES, float("nan"), (1, 2.5)))
        self.do(ed.SetConstants({self.rng.choice(CONSTANTS): value}))

    @rule()
    def note(self) -> None:
        text = self.rng.choice(("", "why", None))
        note = (
            None if text is None else Note(text, self.rng.randrange(400), self.rng.randrange(400))
        )
        self.do(ed.SetNote(self.where(), self.rng.choice("ab"), note))

    @rule()
    def frame(self) -> None:
        where = self.where()
        frame = Frame("Stage", self.nodes(where)) if self.rng.random() < 0.8 else None
        self.do(ed.SetFrame(where, self.rng.choice("fg"), frame))

    @rule()
    def recipe(self) -> None:
        recipe = ed.SetRecipe(
            {self.rng.choice(("epochs", "epochs", "hope")): self.rng.randint(1, 9)}
        )
        self.do(ed.Batch("Both", (recipe, ed.SetData(DataRef(seed=self.rng.randrange(9))))))

    @rule()
    def draw_an_architecture(self) -> None:
        if self.rng.random() < 0.2:
            drawn = self.rng.choice((starter(), Project()))
            self.do(ed.SetNetworks(drawn.networks, drawn.blocks))

    @rule()
    def operate(self) -> None:
        where = self.rng.choice(list(self.project.networks))
        amount = self.rng.choice((0.5, 2.0, float("inf")))
        done = Intervention(where, self.node(where), action="scale", amount=amount)
        self.do(ed.SetSurgery((done,)))

    @rule()
    def copy(self) -> None:
        where = self.where()
        fragment = cut_out(self.project, where, self.nodes(where))
        self.clipboard = to_text(fragment)
        if fragment.nodes:
            assert from_text(self.clipboard) == fragment

    @rule()
    def paste(self) -> None:
        where, cut = self.where(), self.rng.choice((0, 0, 0, 9, 200))
        try:
            fragment = from_text(self.clipboard[: -cut or None])
        except NotAGraph:
            return  # what it says is looked at in test_fragments
        self.do(paste(self.project, where, fragment.renewed(8.0, 8.0)))

    @rule(back=st.integers(1, 3), forth=st.integers(0, 3))
    def go_back(self, back: int, forth: int) -> None:
        for _ in range(back):
            self.document.undo()
        for _ in range(forth):
            self.document.redo()

    def teardown(self) -> None:
        last = self.project
        while self.document.can_redo:
            self.document.redo()
        end = self.project
        while self.document.can_undo:
            self.document.undo()
        assert self.project == starter()
        while self.document.can_redo:
            self.document.redo()
        assert self.project == end
        assert illegal(last) == ""


TestGestures = Gestures.TestCase
# Without shrinking, a run takes no longer when it fails.
TestGestures.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
)
