"""`Net`: draw a graph in a few lines, as an architecture's file does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from studio.graph.graph import (
    BLOCK,
    INPUT,
    NEXT,
    OUTPUT,
    STATE,
    Graph,
    Link,
    Node,
    free_name,
    is_name,
    link,
    name_for,
)
from studio.graph.layout import arrange
from studio.graph.params import Param, Value, as_value
from studio.graph.project import Block, DataRef, Frame, Project, Recipe, Sheet


class Wire(NamedTuple):
    """An output port of a node that was drawn; `wire["hn"]` is another output of the same node."""

    node: str
    port: str = "out"

    def __getitem__(self, port: Any) -> Any:
        return Wire(self.node, port) if isinstance(port, str) else tuple(self)[port]


#: Input port names by kind, for kinds whose first inputs are not called `x`.
_PORTS: Mapping[str, tuple[str, ...]] = {
    "core.add": ("a", "b"),
    "core.sub": ("a", "b"),
    "core.mul": ("a", "b"),
    "core.div": ("a", "b"),
    "core.matmul": ("a", "b"),
    "torch.nn.MultiheadAttention": ("query", "key", "value"),
}


class Net:
    """Draws one network (or block). Names become attributes of the generated module.

    >>> net = Net()
    >>> x = net.input()
    >>> x = net.add("torch.nn.Flatten", x)
    >>> x = net.add("torch.nn.Linear", x, name="fc", out_features=10)
    >>> net.output(x)
    """

    def __init__(self, name: str = "main", root: Net | None = None) -> None:
        self.name = name
        self._root = root if root is not None else self
        self._nodes: dict[str, Node] = {}
        self._links: list[Link] = []
        self._frames: dict[str, Frame] = {}
        self._blocks: dict[str, Block] = {}
        self._inputs: dict[str, tuple[str, ...]] = {}
        self._outputs: dict[str, tuple[str, ...]] = {}
        self._networks: dict[str, Net] = {}

    def input(self, name: str = "x", **params: Any) -> Wire:
        """Put an input; in a block, `name` is the port's name."""
        return Wire(self._put(INPUT, name, params))

    def output(self, wire: Wire, name: str = "out", **params: Any) -> None:
        """End the network (or give the block an output port named `name`)."""
        key = self._put(OUTPUT, name, params)
        self._links.append(link(wire.node, wire.port, key, "x"))

    def state(self, name: str, shape: Any = (64,), init: str = "zeros") -> Wire:
        """Put what the step before left, in a block that runs over time; `next` sets it."""
        return Wire(self._put(STATE, name, {"shape": shape, "init": init}))

    def next(self, state: str, wire: Wire) -> None:
        """Have `wire` be what the state named `state` is in the next step."""
        key = self._put(NEXT, f"{state}_next", {"state": state})
        self._links.append(link(wire.node, wire.port, key, "x"))

    def add(
        self,
        kind: str,
        *wires: Wire,
        name: str = "",
        inputs: Mapping[str, Wire] | None = None,
        shares: Wire | None = None,
        **params: Any,
    ) -> Wire:
        """Put a layer behind `wires` (in the order of its ports, or by port name in `inputs`).

        Returns its first output. A kind with one `many` port takes any number of wires. With `shares` it
        uses the weights of that node. A text such as `=width*2` is a formula.
        """
        key = self._put(kind, name, params, shares.node if shares else "")
        block = kind.removeprefix(BLOCK)
        ports = self._root._inputs.get(block) if kind.startswith(BLOCK) else _PORTS.get(kind)
        for number, wire in enumerate(wires):
            port = ports[number] if ports and number < len(ports) else "x"
            self._links.append(link(wire.node, wire.port, key, port))
        for port, wire in (inputs or {}).items():
            self._links.append(link(wire.node, wire.port, key, port))
        outputs = self._root._outputs.get(block, ()) if kind.startswith(BLOCK) else ()
        return Wire(key, outputs[0] if outputs else "out")

    def chain(self, wire: Wire, *kinds: str) -> Wire:
        """Put several layers without settings, one behind the other."""
        for kind in kinds:
            wire = self.add(kind, wire)
        return wire

    def network(self, name: str) -> Net:
        """Begin another network of the project; its name is the role that a learner asks for.

        Where networks are named so and nothing is drawn on this one, it is left out.
        """
        if not is_name(name) or name in (*self._networks, self.name):
            raise ValueError(f"A network's name is an identifier of its own. Got {name!r}.")
        made = self._networks[name] = Net(name)
        made._root = self._root
        return made

    @contextmanager
    def block(self, name: str, doc: str = "", params: Iterable[Param] = ()) -> Iterator[Net]:
        """Draw a block; afterwards `use(name, …)` puts linked instances of it.

        `params` are what an instance may set; formulas in the block read them by name.
        """
        if not is_name(name):
            raise ValueError(
                f"A block's name becomes a class in the code: an identifier. Got {name!r}."
            )
        inner = Net(name, self._root)
        yield inner
        root = self._root
        root._blocks[name] = Block(inner.sheet(), doc, tuple(params))
        graph = inner.graph()
        states = tuple(node.name for node in graph.of_kind(STATE))
        root._inputs[name] = (*(node.name for node in graph.of_kind(INPUT)), *states)
        root._outputs[name] = (*(node.name for node in graph.of_kind(OUTPUT)), *states)

    def use(
        self, block: str, *wires: Wire, name: str = "", shares: Wire | None = None, **params: Any
    ) -> Wire:
        """Put an instance of a block; returns its first output.

        `params` are the block's own, `repeat` and `share_weights`. Starts of states may be wired after the
        inputs; `wire["h"]` is the final value of the state `h`.
        """
        if block not in self._root._blocks:
            raise ValueError(
                f"There is no block named {block!r}. Draw it first: with net.block({block!r})."
            )
        return self.add(BLOCK + block, *wires, name=name or block, shares=shares, **params)

    def frame(self, title: str, *wires: Wire) -> None:
        """Draw a titled frame around nodes."""
        self._frames[f"f{len(self._frames) + 1}"] = Frame(title, tuple(w.node for w in wires))

    def graph(self) -> Graph:
        """Return what was drawn."""
        return Graph(dict(self._nodes), tuple(self._links))

    def sheet(self) -> Sheet:
        """Return what was drawn, with every node at a place."""
        graph = self.graph()
        inside = self._root is not self and self.name not in self._root._networks
        places = arrange(graph, {}, frames=self._frames, inside=inside)
        return Sheet(graph, places, dict(self._frames))

    def project(self, data: DataRef | None = None, recipe: Recipe | None = None) -> Project:
        """Return a project that holds this network, the others that were begun on it, and their blocks."""
        named = {name: net.sheet() for name, net in self._networks.items()}
        own = {self.name: self.sheet()} if self._nodes or not named else {}
        return Project(
            networks=own | named,
            data=data or DataRef(),
            recipe=recipe or Recipe(),
            blocks=dict(self._root._blocks),
        )

    def _put(self, kind: str, name: str, params: Mapping[str, Any], shares: str = "") -> str:
        given: dict[str, Value] = {key: as_value(value) for key, value in params.items()}
        taken = [node.name for node in self._nodes.values()]
        name = free_name(taken, name) if name else name_for(kind, taken)
        self._nodes[name] = Node(id=name, kind=kind, name=name, params=given, shares=shares)
        return name
