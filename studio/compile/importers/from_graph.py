"""Calls in the order in which they are made → sheets with places, modules as blocks, equal ones linked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from studio.compile.importers.coming import Call, Frame, Traced
from studio.graph.graph import (
    BLOCK,
    INPUT,
    OUTPUT,
    Graph,
    Link,
    Names,
    Node,
    is_name,
    is_node_name,
    link,
    name_for,
)
from studio.graph.layout import arrange
from studio.graph.params import Value
from studio.graph.project import Block, Project, Sheet
from studio.graph.report import ReportLine
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec

#: Containers say nothing about what they hold: their blocks are called like the attribute.
_PLAIN = frozenset(["Sequential", "ModuleList", "ModuleDict", "Module"])

_Way = tuple[Frame, ...]


@dataclass
class _Group:
    """A module's call with everything that is called in it: what it needs, and what is made in it."""

    frame: Frame
    way: _Way
    items: list[Call | _Group] = field(default_factory=list)
    needs: dict[str, None] = field(default_factory=dict)
    makes: dict[str, None] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The module's dotted path from the network on."""
        return self.frame.path


@dataclass(frozen=True)
class Drawing:
    """A network drawn: its project, the id path of each module by its dotted one, and what is not exact."""

    project: Project
    paths: Mapping[str, str]
    report: tuple[ReportLine, ...]


def draw(traced: Traced, specs: Mapping[str, LayerSpec]) -> Drawing:
    """Return the project of a traced network: a sheet for it, and a block for each module in it.

    Modules that hold the same are one block with linked instances. A module that is called again shares
    its first call's weights. Where a name cannot be kept, the report says so.
    """
    return _Pen(_live(traced), specs).drawing()


def _live(traced: Traced) -> Traced:
    """Return the calls without those that nothing depends on."""
    if not traced.whole:
        return traced
    needed = set(traced.results)
    kept: list[Call] = []
    for call in reversed(traced.calls):
        if needed.intersection(call.gives.values()):
            kept.append(call)
            needed.update(value for values in call.feeds.values() for value in values)
    return Traced(traced.entries, kept[::-1], traced.results, traced.lines, traced.constants)


class _Pen:
    """Draws one network: blocks are found as it goes."""

    def __init__(self, traced: Traced, specs: Mapping[str, LayerSpec]) -> None:
        self.traced, self.specs = traced, specs
        self.blocks: dict[str, Block] = {}
        self.names = Names(())
        self.by_content: list[tuple[str, Graph, str]] = []
        self.ids: dict[tuple[_Way, int], str] = {}
        self.report: list[ReportLine] = []
        self.homes: dict[str, str] = {}
        self.readers: dict[str, list[_Way]] = {value: [()] for value in traced.results}
        for call in traced.calls:
            for values in call.feeds.values():
                for value in values:
                    self.readers.setdefault(value, []).append(call.frames)

    def drawing(self) -> Drawing:
        top = self._grouped()
        graph = self._sheet(
            top, [entry.value for entry in self.traced.entries], self.traced.results
        )
        project = Project(networks={"main": Sheet(graph)}, blocks=self.blocks)
        made = {BLOCK + name: block_spec(project, BLOCK + name) for name in self.blocks}
        specs = {**self.specs, **{kind: spec for kind, spec in made.items() if spec is not None}}
        blocks = {
            name: replace(block, sheet=_laid_out(block.sheet.graph, specs, inside=True))
            for name, block in self.blocks.items()
        }
        project = replace(project, networks={"main": _laid_out(graph, specs)}, blocks=blocks)
        paths: dict[str, str] = {}
        for name, place in self._paths(top, ""):
            paths.setdefault(
                name, place
            )  # a module that is called again borrows from its first call
        lines = [*self.traced.lines, *self.report]
        report = [replace(line, path=paths.get(line.path, "")) for line in lines]
        return Drawing(project, paths, tuple(dict.fromkeys(report)))

    # ---------------------------------------------------------------------------------------- groups

    def _grouped(self) -> _Group:
        """Return the calls as a tree: one group a call of a module, whatever order they came in."""
        top = _Group(Frame("", ""), ())
        known: dict[_Way, _Group] = {(): top}
        for call in self.traced.calls:
            way: _Way = ()
            for frame in call.frames:
                outer, way = known[way], (*way, frame)
                if way not in known:
                    known[way] = _Group(frame, way)
                    outer.items.append(known[way])
            known[way].items.append(call)
        _sum_up(top)
        return top

    def _paths(self, group: _Group, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the id path of every module, and of every value that a call gives."""
        for number, item in enumerate(group.items):
            place = prefix + self.ids[group.way, number]
            if item.path:
                yield item.path, place
            if isinstance(item, _Group):
                yield from self._paths(item, f"{place}/")
            else:
                for value in item.gives.values():
                    yield f"%{value}", place

    # ---------------------------------------------------------------------------------------- sheets

    def _sheet(self, group: _Group, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """Return a group's graph. Ids count up, so that equal groups have equal graphs."""
        names = self._module_names(group)
        taken = Names(names.values())
        nodes: dict[str, Node] = {}
        source: dict[str, tuple[str, str]] = {}
        waiting: list[tuple[str, str, str]] = []
        first: dict[str, str] = {}

        def put(node: Node) -> str:
            nodes[node.id] = node
            return node.id

        entries = {entry.value: entry for entry in self.traced.entries}
        for value in inputs:
            wish, params = "x", {}
            if not group.way:
                entry = entries[value]
                wish = entry.name
                params = {"shape": entry.shape} | (
                    {"dtype": entry.dtype} if entry.dtype != "float32" else {}
                )
            key = put(Node(f"n{len(nodes) + 1}", INPUT, taken.take(wish), params))
            source[value] = (key, "out")
        for number, item in enumerate(group.items):
            kind, params, feeds, gives = self._made(item)
            name = names.get(number) or taken.take(_wish(item))
            key = f"n{len(nodes) + 1}"
            shares = ""
            if item.path and (isinstance(item, _Group) or item.learned):
                owner = first.setdefault(item.path, key)
                if owner != key and (nodes[owner].kind, nodes[owner].params) == (kind, params):
                    shares = owner
                elif owner != key or self.homes.setdefault(item.path, group.path) != group.path:
                    self._tell(
                        item, "is called in several places; each has a copy of its weights here"
                    )
            put(Node(key, kind, name, params, shares=shares))
            self.ids[group.way, number] = key
            source |= {value: (key, port) for port, value in gives.items()}
            waiting += [(value, key, port) for port, values in feeds.items() for value in values]
        links: list[Link] = [
            link(*source[value], key, port) for value, key, port in waiting if value in source
        ]
        for value in outputs:
            key = put(
                Node(f"n{len(nodes) + 1}", OUTPUT, taken.take("out" if group.way else "output"))
            )
            if value in source:
                links.append(link(*source[value], key, "x"))
        return Graph(nodes, tuple(links))

    def _made(
        self, item: Call | _Group
    ) -> tuple[str, dict[str, Value], Mapping[str, tuple[str, ...]], Mapping[str, str]]:
        """Return an item's kind, its parameters, what feeds it, and what it gives by port."""
        if isinstance(item, Call):
            return item.kind, dict(item.params), item.feeds, item.gives
        depth = len(item.way)
        outputs = [
            value
            for value in item.makes
            if any(way[:depth] != item.way for way in self.readers.get(value, ()))
        ]
        graph = self._sheet(item, tuple(item.needs), outputs)
        ins = [node.name for node in graph.of_kind(INPUT)]
        outs = [node.name for node in graph.of_kind(OUTPUT)]
        feeds = {port: (value,) for port, value in zip(ins, item.needs, strict=True)}
        return BLOCK + self._block(item, graph), {}, feeds, dict(zip(outs, outputs, strict=True))

    def _block(self, group: _Group, graph: Graph) -> str:
        """Return the name of the block with this graph, a new one where there is none yet."""
        title = group.frame.title
        if title in _PLAIN:
            parts = [part for part in group.path.split(".") if not part.isdecimal()]
            title = parts[-1] if parts else "Block"
        if not is_name(title):
            title = re.sub(r"\W|^[_0-9]+", "", title) or "Block"
        for known, same, name in self.by_content:
            if known == title and same == graph:
                return name
        name = self.names.take(title)
        self.by_content.append((title, graph, name))
        self.blocks[name] = Block(Sheet(graph))
        return name

    def _module_names(self, group: _Group) -> dict[int, str]:
        """Return the names of the modules called in a group, on which the state_dict depends."""
        start = f"{group.path}." if group.path else ""
        found: dict[int, str] = {}
        for number, item in enumerate(group.items):
            name = item.path.removeprefix(start)
            if not item.path or name in found.values():
                continue
            clash = any(_holds(name, other) or _holds(other, name) for other in found.values())
            if item.path.startswith(start) and is_node_name(name) and not clash:
                found[number] = name
            elif isinstance(item, _Group) or item.learned:
                self._tell(item, "cannot keep its name here, so the names of its weights change")
        return found

    def _tell(self, item: Call | _Group, text: str) -> None:
        self.report.append(ReportLine("approximated", f"{item.path} {text}.", item.path))


def _sum_up(group: _Group) -> None:
    """Note what a group needs from outside, and what is made in it."""
    for item in group.items:
        if isinstance(item, _Group):
            _sum_up(item)
            group.makes |= item.makes
        else:
            group.makes |= dict.fromkeys(item.gives.values())
    for item in group.items:
        if isinstance(item, _Group):
            needs: Sequence[str] = tuple(item.needs)
        else:
            needs = [value for values in item.feeds.values() for value in values]
        group.needs |= {value: None for value in needs if value not in group.makes}


def _holds(outer: str, inner: str) -> bool:
    return inner.startswith(f"{outer}.")


def _wish(item: Call | _Group) -> str:
    """Return what a node without a name of its own would like to be called."""
    if item.path:
        return item.path.rpartition(".")[2]
    assert isinstance(item, Call)
    return item.wish or name_for(item.kind, ())


def _laid_out(graph: Graph, specs: Mapping[str, LayerSpec], inside: bool = False) -> Sheet:
    return Sheet(graph, arrange(graph, specs, inside=inside))
