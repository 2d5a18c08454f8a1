"""Edits of nodes: put, take away, move, set, rename, flag."""

from __future__ import annotations

from msgspec import field
from msgspec.structs import replace

from studio.graph.edits.edit import BaseEdit, EditRefused, node_at, sheet_at, with_graph
from studio.graph.edits.instances import PORTS, check_kinds, follow_ports
from studio.graph.edits.sharing import group, released, settled
from studio.graph.edits.wires import with_links
from studio.graph.graph import FLAGS, NEXT, STATE, End, Graph, Link, Names, Node, is_node_name
from studio.graph.params import Value
from studio.graph.project import Place, Project
from studio.graph.topology import block_spec


class AddNodes(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Put nodes, links between them (or to nodes already there) and places on a sheet.

    A name that is taken is numbered; an id that is taken is refused. One that shares weights goes on
    doing so where its owner is there too.
    """

    where: str
    nodes: tuple[Node, ...]
    places: dict[str, Place] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    verb: str = "Add"

    @property
    def title(self) -> str:
        if len(self.nodes) == 1:
            return f"{self.verb} {self.nodes[0].name}"
        return f"{self.verb} {len(self.nodes)} nodes"

    def apply(self, project: Project) -> Project:
        sheet = sheet_at(project, self.where)
        check_kinds(project, self.where, (node.kind for node in self.nodes))
        nodes = dict(sheet.graph.nodes)
        names = Names(node.name for node in nodes.values())
        states: dict[Value, str] = {}
        for node in self.nodes:
            if node.id in nodes:
                raise EditRefused(f"A node with the id {node.id!r} is already on {self.where}.")
            name = names.take(node.name)
            if name != node.name:
                if node.kind == STATE:
                    states[node.name] = name
                node = replace(node, name=name)
            nodes[node.id] = node
        added = [node.id for node in self.nodes]
        for key in added:  # the next value of a state that was numbered
            node = nodes[key]
            if node.kind == NEXT and node.params.get("state") in states:
                state = states[node.params["state"]]
                nodes[key] = replace(node, params=node.params | {"state": state})
        graph = with_links(replace(sheet.graph, nodes=nodes), self.links, self.where)
        places = {key: self.places[key] for key in added if key in self.places}
        return with_graph(project, self.where, settled(graph, added), places=sheet.places | places)


class RemoveNodes(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Take nodes, their links and their places off a sheet.

    `heal` joins what fed the first input of each with what its first output fed. Weights that others
    share pass on to the first of them; ports that a block loses leave its instances too.
    """

    where: str
    nodes: tuple[str, ...]
    heal: bool = False

    @property
    def title(self) -> str:
        return "Delete node" if len(self.nodes) == 1 else f"Delete {len(self.nodes)} nodes"

    def apply(self, project: Project) -> Project:
        sheet = sheet_at(project, self.where)
        graph, gone = sheet.graph, set(self.nodes) & set(sheet.graph.nodes)
        frames = {
            key: replace(frame, nodes=tuple(node for node in frame.nodes if node not in gone))
            for key, frame in sheet.frames.items()
        }
        ports = {graph.nodes[key].name: "" for key in gone if graph.nodes[key].kind in PORTS}
        if self.heal:
            graph = _healed(project, graph, gone)
        project = with_graph(
            project,
            self.where,
            released(graph, gone).without(gone),
            places={key: place for key, place in sheet.places.items() if key not in gone},
            frames={key: frame for key, frame in frames.items() if frame.nodes},
        )
        return follow_ports(project, self.where, ports)


def _healed(project: Project, graph: Graph, gone: set[str]) -> Graph:
    """Return the graph with wires led past the nodes that go, each in its old place in the order."""

    def feeding(end: End) -> End | None:
        while end.node in gone:
            first, last = _through(project, graph, end.node)
            wires = graph.into(end.node, first)
            if end.port != last or not wires:
                return None
            end = wires[0].source
        return end

    links = []
    for wire in graph.links:
        source = wire.source if wire.target.node in gone else feeding(wire.source)
        if source is not None:
            links.append(Link(source, wire.target))
    return replace(graph, links=tuple(dict.fromkeys(links)))


def _through(project: Project, graph: Graph, node: str) -> tuple[str, str]:
    """Return the input and output port by which data passes a node: a layer's first wired ones."""
    spec = block_spec(project, graph.nodes[node].kind)
    if spec is not None:
        firsts = (spec.inputs[:1], spec.outputs[:1])
        return firsts[0][0].name if firsts[0] else "", firsts[1][0].name if firsts[1] else ""
    into, out_of = graph.incoming.get(node), graph.outgoing.get(node)
    return into[0].target.port if into else "", out_of[0].source.port if out_of else ""


class MoveNodes(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Give nodes new places."""

    where: str
    places: dict[str, Place]
    verb: str = "Move"
    gesture: str = ""

    @property
    def title(self) -> str:
        return self.verb if len(self.places) == 1 else f"{self.verb} {len(self.places)} nodes"

    @property
    def merge(self) -> str:
        return f"move {self.where} {self.gesture}" if self.gesture else ""

    def apply(self, project: Project) -> Project:
        sheet = sheet_at(project, self.where)
        known = {key: place for key, place in self.places.items() if key in sheet.graph.nodes}
        return project.with_sheet(self.where, replace(sheet, places=sheet.places | known))


class SetParams(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Give a node's parameters new values; names in `reset` go back to their default.

    Nodes that share weights are one layer: all of them change.
    """

    where: str
    node: str
    values: dict[str, Value] = field(default_factory=dict)
    reset: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return "Change " + (", ".join([*self.values, *self.reset]) or "nothing")

    @property
    def merge(self) -> str:
        return f"params {self.where} {self.node} {sorted([*self.values, *self.reset])}"

    def apply(self, project: Project) -> Project:
        node = node_at(project, self.where, self.node)
        kept = {key: value for key, value in node.params.items() if key not in self.reset}
        params = kept | self.values
        graph = sheet_at(project, self.where).graph
        changed = {key: replace(graph.nodes[key], params=params) for key in group(graph, node.id)}
        return with_graph(project, self.where, replace(graph, nodes=graph.nodes | changed))


class Rename(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Give a node another name, which is its attribute's name in the code.

    The name of a block's input, output or state is a port's: the wires at its instances follow.
    """

    where: str
    node: str
    name: str

    @property
    def title(self) -> str:
        return f"Rename to {self.name}"

    def apply(self, project: Project) -> Project:
        node = node_at(project, self.where, self.node)
        graph = sheet_at(project, self.where).graph
        if not is_node_name(self.name):
            raise EditRefused(
                f"A node's name becomes a Python attribute: letters, digits and underscores, "
                f"starting with a letter, not a word of Python or PyTorch. Got {self.name!r}."
            )
        other = graph.named(self.name)
        if other is not None and other.id != self.node:
            raise EditRefused(f"Another node is named {self.name!r} already. Choose another name.")
        graph = graph.with_node(replace(node, name=self.name))
        if node.kind == STATE:
            for step in graph.of_kind(NEXT):
                if step.params.get("state") == node.name:
                    params = step.params | {"state": self.name}
                    graph = graph.with_node(replace(step, params=params))
        project = with_graph(project, self.where, graph)
        ports = {node.name: self.name} if node.kind in PORTS else {}
        return follow_ports(project, self.where, ports)


class SetFlag(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Bypass or freeze nodes, or stop doing so."""

    where: str
    nodes: tuple[str, ...]
    flag: str
    on: bool

    @property
    def title(self) -> str:
        verb = {"bypassed": "Bypass", "frozen": "Freeze"}.get(self.flag, self.flag)
        return verb if self.on else f"Un-{verb.lower()}"

    def apply(self, project: Project) -> Project:
        if self.flag not in FLAGS:
            raise EditRefused(f"A node can be {' or '.join(FLAGS)}, not {self.flag!r}.")
        changed = {}
        for key in self.nodes:
            node = node_at(project, self.where, key)
            flags = set(node.flags) - {self.flag} | ({self.flag} if self.on else set())
            changed[key] = replace(node, flags=tuple(sorted(flags)))
        graph = sheet_at(project, self.where).graph
        return with_graph(project, self.where, replace(graph, nodes=graph.nodes | changed))


class Insert(BaseEdit, frozen=True, tag=True, omit_defaults=True):
    """Splice a node into a wire."""

    where: str
    node: Node
    link: Link
    input: str = "x"
    output: str = "out"
    place: Place | None = None

    @property
    def title(self) -> str:
        return f"Insert {self.node.name}"

    def apply(self, project: Project) -> Project:
        graph = sheet_at(project, self.where).graph
        if self.link not in graph.links:
            raise EditRefused("The wire that the node should go into is no longer there.")
        places = {self.node.id: self.place} if self.place else {}
        project = AddNodes(self.where, (self.node,), places).apply(project)
        graph = sheet_at(project, self.where).graph
        before = Link(self.link.source, End(self.node.id, self.input))
        after = Link(End(self.node.id, self.output), self.link.target)
        links = tuple(after if wire == self.link else wire for wire in graph.links)
        return with_graph(project, self.where, replace(graph, links=(*links, before)))
