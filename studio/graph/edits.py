"""Edits: pure functions project → project, as values that travel (repairs carry them)."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from studio.graph.graph import Graph, Link, Node, free_name, is_name
from studio.graph.params import Value
from studio.graph.project import Block, DataRef, Frame, Note, Place, Project, Sheet


class EditRefused(ValueError):
    """An edit that cannot apply; the message is a sentence for the person. Nothing has changed."""


class Edit(Protocol):
    """What `Document.do` takes. `title` names it in the Edit menu; equal non-empty `merge` keys
    within a short time make one undo step (a drag, a spinning number)."""

    @property
    def title(self) -> str: ...
    @property
    def merge(self) -> str: ...
    def apply(self, project: Project) -> Project: ...


class _Base(Struct, frozen=True, tag=True, omit_defaults=True):
    """What edits share: they merge with nothing unless they say so."""

    @property
    def merge(self) -> str:
        return ""


def _node(project: Project, where: str, node: str) -> Node:
    sheet = _sheet(project, where)
    if node not in sheet.graph.nodes:
        raise EditRefused(f"There is no node {node!r} on {where} any more.")
    return sheet.graph.nodes[node]


def _sheet(project: Project, where: str) -> Sheet:
    try:
        return project.sheet(where)
    except KeyError:
        raise EditRefused(f"There is no sheet named {where!r} any more.") from None


def _with_graph(project: Project, where: str, graph: Graph, **changes: Any) -> Project:
    sheet = replace(_sheet(project, where), graph=graph, **changes)
    return project.with_sheet(where, sheet)


class AddNodes(_Base, frozen=True, tag=True, omit_defaults=True):
    """Put nodes, links between them (or to nodes already there) and places on a sheet.

    A name that is taken is numbered; an id that is taken is refused.
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
        sheet = _sheet(project, self.where)
        nodes = dict(sheet.graph.nodes)
        names = {node.name for node in nodes.values()}
        for node in self.nodes:
            if node.id in nodes:
                raise EditRefused(f"A node with the id {node.id!r} is already on {self.where}.")
            if node.name in names or not is_name(node.name):
                node = replace(node, name=free_name(names, node.name))
            names.add(node.name)
            nodes[node.id] = node
        project = _with_graph(
            project,
            self.where,
            replace(sheet.graph, nodes=nodes),
            places=sheet.places
            | {n.id: self.places[n.id] for n in self.nodes if n.id in self.places},
        )
        for wire in self.links:
            project = Connect(self.where, wire, many=True).apply(project)
        return project


class RemoveNodes(_Base, frozen=True, tag=True, omit_defaults=True):
    """Take nodes, their links and their places off a sheet."""

    where: str
    nodes: tuple[str, ...]

    @property
    def title(self) -> str:
        return "Delete node" if len(self.nodes) == 1 else f"Delete {len(self.nodes)} nodes"

    def apply(self, project: Project) -> Project:
        sheet = _sheet(project, self.where)
        gone = set(self.nodes)
        frames = {
            key: replace(frame, nodes=tuple(node for node in frame.nodes if node not in gone))
            for key, frame in sheet.frames.items()
        }
        return _with_graph(
            project,
            self.where,
            sheet.graph.without(gone),
            places={key: place for key, place in sheet.places.items() if key not in gone},
            frames={key: frame for key, frame in frames.items() if frame.nodes},
        )


class Connect(_Base, frozen=True, tag=True, omit_defaults=True):
    """Lay a wire. Unless the port takes `many`, the wire that was there makes room."""

    where: str
    link: Link
    many: bool = False

    @property
    def title(self) -> str:
        return "Connect"

    def apply(self, project: Project) -> Project:
        graph = _sheet(project, self.where).graph
        for end in (self.link.source, self.link.target):
            _node(project, self.where, end.node)
        if self.link in graph.links:
            return project
        if reaches(graph, self.link.target.node, self.link.source.node):
            name = graph.nodes[self.link.target.node].name
            raise EditRefused(
                f"This wire would lead {name} back into itself. Data flows one way through a network."
            )
        kept = graph.links
        if not self.many:
            kept = tuple(wire for wire in kept if wire.target != self.link.target)
        return _with_graph(project, self.where, replace(graph, links=(*kept, self.link)))


class Disconnect(_Base, frozen=True, tag=True, omit_defaults=True):
    """Take wires away."""

    where: str
    links: tuple[Link, ...]

    @property
    def title(self) -> str:
        return "Cut wire" if len(self.links) == 1 else f"Cut {len(self.links)} wires"

    def apply(self, project: Project) -> Project:
        graph = _sheet(project, self.where).graph
        gone = set(self.links)
        kept = tuple(wire for wire in graph.links if wire not in gone)
        return _with_graph(project, self.where, replace(graph, links=kept))


class MoveNodes(_Base, frozen=True, tag=True, omit_defaults=True):
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
        sheet = _sheet(project, self.where)
        known = {key: place for key, place in self.places.items() if key in sheet.graph.nodes}
        return project.with_sheet(self.where, replace(sheet, places=sheet.places | known))


class SetParams(_Base, frozen=True, tag=True, omit_defaults=True):
    """Give a node's parameters new values; names in `reset` go back to their default."""

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
        node = _node(project, self.where, self.node)
        params = {key: value for key, value in node.params.items() if key not in self.reset}
        graph = _sheet(project, self.where).graph
        changed = replace(node, params=params | self.values)
        return _with_graph(project, self.where, graph.with_node(changed))


class Rename(_Base, frozen=True, tag=True, omit_defaults=True):
    """Give a node another name, which is its attribute's name in the code."""

    where: str
    node: str
    name: str

    @property
    def title(self) -> str:
        return f"Rename to {self.name}"

    def apply(self, project: Project) -> Project:
        node = _node(project, self.where, self.node)
        graph = _sheet(project, self.where).graph
        if not is_name(self.name):
            raise EditRefused(
                f"A node's name becomes a Python attribute: letters, digits and underscores, "
                f"starting with a letter, not a word of Python or PyTorch. Got {self.name!r}."
            )
        other = graph.named(self.name)
        if other is not None and other.id != self.node:
            raise EditRefused(f"Another node is named {self.name!r} already. Choose another name.")
        changed = replace(node, name=self.name)
        return _with_graph(project, self.where, graph.with_node(changed))


class SetFlag(_Base, frozen=True, tag=True, omit_defaults=True):
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
        graph = _sheet(project, self.where).graph
        for key in self.nodes:
            node = _node(project, self.where, key)
            flags = set(node.flags) - {self.flag} | ({self.flag} if self.on else set())
            graph = graph.with_node(replace(node, flags=tuple(sorted(flags))))
        return _with_graph(project, self.where, graph)


class Insert(_Base, frozen=True, tag=True, omit_defaults=True):
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
        graph = _sheet(project, self.where).graph
        if self.link not in graph.links:
            raise EditRefused("The wire that the node should go into is no longer there.")
        places = {self.node.id: self.place} if self.place else {}
        project = AddNodes(self.where, (self.node,), places).apply(project)
        graph = _sheet(project, self.where).graph
        before = Link(self.link.source, type(self.link.target)(self.node.id, self.input))
        after = Link(type(self.link.source)(self.node.id, self.output), self.link.target)
        links = tuple(after if wire == self.link else wire for wire in graph.links)
        return _with_graph(project, self.where, replace(graph, links=(*links, before)))


class SetData(_Base, frozen=True, tag=True, omit_defaults=True):
    """Choose other data, or other settings of it."""

    data: DataRef

    @property
    def title(self) -> str:
        return "Change data"

    def apply(self, project: Project) -> Project:
        return replace(project, data=self.data)


class SetRecipe(_Base, frozen=True, tag=True, omit_defaults=True):
    """Change fields of the recipe."""

    values: dict[str, Any]

    @property
    def title(self) -> str:
        return "Change " + ", ".join(name.replace("_", " ") for name in self.values)

    @property
    def merge(self) -> str:
        return f"recipe {sorted(self.values)}"

    def apply(self, project: Project) -> Project:
        unknown = set(self.values) - set(project.recipe.__struct_fields__)
        if unknown:
            raise EditRefused(f"A recipe has no setting named {', '.join(sorted(unknown))}.")
        return replace(project, recipe=replace(project.recipe, **self.values))


class SetNote(_Base, frozen=True, tag=True, omit_defaults=True):
    """Write, move or (with None) remove a note on a sheet."""

    where: str
    key: str
    note: Note | None

    @property
    def title(self) -> str:
        return "Edit note" if self.note else "Delete note"

    @property
    def merge(self) -> str:
        return f"note {self.where} {self.key}" if self.note else ""

    def apply(self, project: Project) -> Project:
        sheet = _sheet(project, self.where)
        notes = {key: note for key, note in sheet.notes.items() if key != self.key}
        if self.note:
            notes[self.key] = self.note
        return project.with_sheet(self.where, replace(sheet, notes=notes))


class SetFrame(_Base, frozen=True, tag=True, omit_defaults=True):
    """Draw, change or (with None) remove a titled frame around nodes."""

    where: str
    key: str
    frame: Frame | None

    @property
    def title(self) -> str:
        return "Group" if self.frame else "Ungroup"

    def apply(self, project: Project) -> Project:
        sheet = _sheet(project, self.where)
        frames = {key: frame for key, frame in sheet.frames.items() if key != self.key}
        if self.frame:
            frames[self.key] = self.frame
        return project.with_sheet(self.where, replace(sheet, frames=frames))


class SetNetworks(_Base, frozen=True, tag=True, omit_defaults=True):
    """Replace the networks and add blocks, as dropping an architecture does."""

    networks: dict[str, Sheet]
    blocks: dict[str, Block] = field(default_factory=dict)
    data: DataRef | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    name: str = "networks"

    @property
    def title(self) -> str:
        return f"Draw {self.name}"

    def apply(self, project: Project) -> Project:
        project = replace(project, networks=self.networks, blocks=project.blocks | self.blocks)
        if self.data is not None:
            project = replace(project, data=self.data)
        return SetRecipe(self.recipe).apply(project) if self.recipe else project


SimpleEdit = (
    AddNodes
    | RemoveNodes
    | Connect
    | Disconnect
    | MoveNodes
    | SetParams
    | Rename
    | SetFlag
    | Insert
    | SetData
    | SetRecipe
    | SetNote
    | SetFrame
    | SetNetworks
)


class Batch(_Base, frozen=True, tag=True, omit_defaults=True):
    """Several edits as one undo step."""

    name: str
    edits: tuple[SimpleEdit, ...]

    @property
    def title(self) -> str:
        return self.name

    def apply(self, project: Project) -> Project:
        for edit in self.edits:
            project = edit.apply(project)
        return project


AnyEdit = SimpleEdit | Batch


def reaches(graph: Graph, start: str, goal: str) -> bool:
    """Tell whether `goal` is `start` or lies downstream of it: one walk with a visited set."""
    seen = {start}
    stack = [start]
    while stack:
        node = stack.pop()
        if node == goal:
            return True
        for wire in graph.outgoing.get(node, ()):
            if wire.target.node not in seen:
                seen.add(wire.target.node)
                stack.append(wire.target.node)
    return False
