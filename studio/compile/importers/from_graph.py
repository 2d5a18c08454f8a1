"""Calls in the order in which they are made → sheets with places, modules as blocks, equal ones linked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from studio.compile.importers.coming import Call, Frame, Traced, Way
from studio.compile.importers.grouping import (
    Group,
    Item,
    Series,
    folded,
    leaving,
    sum_up,
)
from studio.compile.importers.sizes import one_for_all_sizes
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
from studio.graph.unfold import REPEAT

#: Containers say nothing about what they hold: their blocks are called like the attribute.
_PLAIN = frozenset(["Sequential", "ModuleList", "ModuleDict", "Module"])


@dataclass(frozen=True)
class Drawing:
    """A network drawn: its project, the id path of each module by its dotted one, and what is not exact."""

    project: Project
    paths: Mapping[str, str]
    report: tuple[ReportLine, ...]


def draw(traced: Traced, specs: Mapping[str, LayerSpec]) -> Drawing:
    """Return the project of a traced network: a sheet for it, and a block for each module in it.

    Modules that hold the same are one block with linked instances, which set the sizes that differ. A module that is called again shares
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
        self.ids: dict[tuple[Way, int], str] = {}
        self.report: list[ReportLine] = []
        self.homes: dict[str, str] = {}
        self.readers: dict[str, list[Way]] = {value: [()] for value in traced.results}
        for call in traced.calls:
            for values in call.feeds.values():
                for value in values:
                    self.readers.setdefault(value, []).append(call.frames)

    def drawing(self) -> Drawing:
        top = self._grouped()
        graph = self._sheet(
            top, [entry.value for entry in self.traced.entries], self.traced.results
        )
        titles = {name: title for title, _, name in self.by_content}
        graph, drawn = one_for_all_sizes(graph, self.blocks, titles, self.specs)
        project = Project(networks={"main": Sheet(graph)}, blocks=drawn)
        made = {BLOCK + name: block_spec(project, BLOCK + name) for name in drawn}
        specs = {**self.specs, **{kind: spec for kind, spec in made.items() if spec is not None}}
        blocks = {
            name: replace(block, sheet=_laid_out(block.sheet.graph, specs, inside=True))
            for name, block in drawn.items()
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

    def _grouped(self) -> Group:
        """Return the calls as a tree: one group a call of a module, whatever order they came in."""
        top = Group(Frame("", ""), ())
        known: dict[Way, Group] = {(): top}
        for call in self.traced.calls:
            way: Way = ()
            for frame in call.frames:
                outer, way = known[way], (*way, frame)
                if way not in known:
                    known[way] = Group(frame, way)
                    outer.items.append(known[way])
            known[way].items.append(call)
        count = Counter(group.path for group in known.values())
        for group in known.values():
            group.once = count[group.path] == 1
        sum_up(top)
        return top

    def _paths(self, group: Group, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the id path of every module, and of every value that a call gives."""
        for number, item in enumerate(group.items):
            place = prefix + self.ids[group.way, number]
            if item.path:
                yield item.path, place
            if isinstance(item, Series):
                for step, inner in enumerate(item.passes):
                    yield inner.path, f"{place}/{step}"
                    yield from self._paths(inner, f"{place}/{step}/")
            elif isinstance(item, Group):
                yield from self._paths(item, f"{place}/")
            else:
                for value in item.gives.values():
                    yield f"%{value}", place

    # ---------------------------------------------------------------------------------------- sheets

    def _sheet(self, group: Group, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """Return a group's graph. Ids count up, so that equal groups have equal graphs."""
        group.items = self._folded(group.items)
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
            if item.path and (not isinstance(item, Call) or item.learned):
                home = item.owner or item.path if isinstance(item, Call) else item.path
                owner = first.setdefault(home, key)
                if owner != key and (nodes[owner].kind, nodes[owner].params) == (kind, params):
                    shares = owner
                elif owner != key or self.homes.setdefault(home, group.path) != group.path:
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
        self, item: Item
    ) -> tuple[str, dict[str, Value], Mapping[str, tuple[str, ...]], Mapping[str, str]]:
        """Return an item's kind, its parameters, what feeds it, and what it gives by port."""
        if isinstance(item, Call):
            return item.kind, dict(item.params), item.feeds, item.gives
        if isinstance(item, Series):
            kind, _, feeds, _ = self._made(item.passes[0])
            gives = self._made(item.passes[-1])[3]
            return kind, {REPEAT.name: len(item.passes)}, feeds, gives
        outputs = leaving(item, self.readers)
        graph = self._sheet(item, tuple(item.needs), outputs)
        ins = [node.name for node in graph.of_kind(INPUT)]
        outs = [node.name for node in graph.of_kind(OUTPUT)]
        feeds = {port: (value,) for port, value in zip(ins, item.needs, strict=True)}
        return BLOCK + self._block(item, graph), {}, feeds, dict(zip(outs, outputs, strict=True))

    def _folded(self, items: Sequence[Item]) -> list[Item]:
        """Return the items with what repeats as series; a `Sequential` that is one series is that series."""
        shallow: list[Item] = []
        for item in items:
            if isinstance(item, Group) and item.frame.title == "Sequential":
                item.items = self._folded(item.items)
                only = item.items[0] if len(item.items) == 1 else None
                if isinstance(only, Series) and only.path == item.path:
                    shallow.append(only)
                    continue
            shallow.append(item)
        return folded(shallow, self.readers, lambda group: self._made(group)[0])

    def _block(self, group: Group, graph: Graph) -> str:
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

    def _module_names(self, group: Group) -> dict[int, str]:
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
            elif not isinstance(item, Call) or item.learned:
                self._tell(item, "cannot keep its name here, so the names of its weights change")
        return found

    def _tell(self, item: Item, text: str) -> None:
        self.report.append(ReportLine("approximated", f"{item.path} {text}.", item.path))


def _holds(outer: str, inner: str) -> bool:
    return inner.startswith(f"{outer}.")


def _wish(item: Item) -> str:
    """Return what a node without a name of its own would like to be called."""
    if item.path:
        return item.path.rpartition(".")[2]
    assert isinstance(item, Call)
    return item.wish or name_for(item.kind, ())


def _laid_out(graph: Graph, specs: Mapping[str, LayerSpec], inside: bool = False) -> Sheet:
    return Sheet(graph, arrange(graph, specs, inside=inside))
