"""What all sheets of one walk share: the kinds of their nodes, and what was found out before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from studio.compile.cache import Cache
from studio.compile.outcome import Outcome
from studio.compile.visit import Arrivals, Signal, Visited, visit
from studio.graph.facts import DataFacts
from studio.graph.graph import BLOCK, Graph, Node
from studio.graph.kinds import spec_of
from studio.graph.params import as_value
from studio.graph.project import Block, Project, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.unfold import MOST, Names


@dataclass
class Task:
    """The project that is walked, what exists, and how much has been opened so far."""

    project: Project
    specs: Mapping[str, LayerSpec]
    data: DataFacts | None
    cache: Cache
    blocks: dict[str, LayerSpec | None] = field(default_factory=dict)
    definitions: dict[str, bytes] = field(default_factory=dict)
    opened: int = 0

    def spec(self, node: Node) -> LayerSpec | None:
        """Return what a node is; a block of the project is looked at once."""
        if not node.kind.startswith(BLOCK):
            return spec_of(node, self.specs)
        if node.kind not in self.blocks:
            self.blocks[node.kind] = spec_of(node, self.specs, self.project)
        return self.blocks[node.kind]

    def visit(self, spec: LayerSpec, node: Node, arrivals: Arrivals, frozen: bool) -> Visited:
        """Return what a layer makes of what arrives, remembered where it was visited before."""
        params = tuple([(k, v, v.__class__) for k, v in node.params.items()])
        question = (node.kind, node.name, params, node.flags, arrivals, frozen)
        try:
            return self.cache.nodes[question]  # type: ignore[no-any-return]
        except KeyError:
            pass
        except TypeError:  # a list or a mapping, from a file or a hostile hand: not remembered
            params_of = {name: as_value(value) for name, value in node.params.items()}
            plain = Node(node.id, node.kind, node.name, params_of, node.flags)
            return visit(self.cache, spec, plain, arrivals, frozen)
        return self.cache.nodes.recall(
            question, lambda: visit(self.cache, spec, node, arrivals, frozen)
        )

    def open(
        self,
        place: Place,
        names: Names,
        given: Mapping[str, Signal],
        walked: Callable[[Graph], Outcome],
    ) -> Outcome | None:
        """Return what a walk through a block finds, remembered where the same came to the same before.

        None where that would open more nodes than a network can have.
        """
        question = (place, self.definition(place.kind), encoded(names), tuple(given.items()))
        known, count = self.cache.blocks.get(question, (None, 0))
        if known is not None and self.opened + count <= MOST:
            self.opened += count
            return known  # type: ignore[no-any-return]
        before = self.opened
        graph = self.project.blocks[place.kind.removeprefix(BLOCK)].sheet.graph
        self.opened += len(graph.nodes)
        if self.opened > MOST:
            return None
        found = walked(graph)
        if self.opened <= MOST:  # else something inside may have been cut off
            self.cache.blocks.remember(question, (found, self.opened - before))
        return found

    def definition(self, kind: str) -> bytes:
        """Return all of the project that a block's insides depend on."""
        if kind not in self.definitions:
            found: dict[str, Block] = {}
            waiting = [kind]
            while waiting:
                one = waiting.pop()
                block = self.project.blocks.get(one.removeprefix(BLOCK))
                if one not in found and block is not None:
                    found[one] = Block(Sheet(block.sheet.graph), params=block.params)
                    inner = block.sheet.graph.nodes.values()
                    waiting += [node.kind for node in inner if node.kind.startswith(BLOCK)]
            self.definitions[kind] = encoded((found, self.project.constants))
        return self.definitions[kind]


class Place(NamedTuple):
    """Where a block is opened: its kind, the blocks around it with itself, and what its messages need."""

    kind: str
    inside: tuple[str, ...]
    frozen: bool
    has_data: bool


def encoded(value: object) -> bytes:
    """Return bytes that differ where values do: unlike hashes, they tell 1 from 1.0 and from True."""
    try:
        return msgspec.msgpack.encode(value, enc_hook=repr)
    except OverflowError:  # a number that no message can hold, from a formula or a hostile file
        return repr(value).encode()
