"""Nodes and links: a network as an immutable value."""

from __future__ import annotations

import keyword
import re
import secrets
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from studio.graph.params import Value

INPUT = "core.input"
OUTPUT = "core.output"
BLOCK = "block."
#: A point that a wire is led through: it hands on what it gets and is nowhere in the code.
REROUTE = "core.reroute"
#: Inside a block that runs over time: what the step before left, and what this step leaves.
STATE = "core.state"
NEXT = "core.next"
#: A node whose code the person writes, and the parameter that holds it.
PYTHON = "core.python"
SOURCE = "source"

FLAGS = ("bypassed", "frozen")


class Node(Struct, frozen=True, omit_defaults=True, gc=False):
    """One layer. `params` holds only what was given; defaults come from the spec.

    `id` is permanent and unique in its graph; `name` is an identifier, unique in its graph, and the
    attribute's name in the generated code; in a list of modules, the way there (`layers.0`). `shares` is the id of the node on the same sheet whose weights
    this one uses ("" for its own). `dismissed` names the hints that a person does not want here. `extra`
    keeps keys of files that this version does not know.
    """

    id: str
    kind: str
    name: str
    params: dict[str, Value] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    shares: str = ""
    dismissed: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


class End(Struct, frozen=True, array_like=True, gc=False):
    """A port of a node."""

    node: str
    port: str


class Link(Struct, frozen=True, array_like=True, gc=False):
    """A wire from an output port to an input port."""

    source: End
    target: End


class Graph(Struct, frozen=True, omit_defaults=True, dict=True):
    """Nodes by id and links in the order in which they were made."""

    nodes: dict[str, Node] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    @cached_property
    def incoming(self) -> Mapping[str, tuple[Link, ...]]:
        """Links by the node that they lead into."""
        groups: dict[str, list[Link]] = {}
        for link in self.links:
            groups.setdefault(link.target.node, []).append(link)
        return {key: tuple(group) for key, group in groups.items()}

    @cached_property
    def outgoing(self) -> Mapping[str, tuple[Link, ...]]:
        """Links by the node that they leave."""
        groups: dict[str, list[Link]] = {}
        for link in self.links:
            groups.setdefault(link.source.node, []).append(link)
        return {key: tuple(group) for key, group in groups.items()}

    @cached_property
    def sharers(self) -> Mapping[str, tuple[str, ...]]:
        """Nodes that use another's weights, by the node that owns them."""
        groups: dict[str, list[str]] = {}
        for node in self.nodes.values():
            if node.shares:
                groups.setdefault(node.shares, []).append(node.id)
        return {owner: tuple(group) for owner, group in groups.items()}

    def into(self, node: str, port: str) -> tuple[Link, ...]:
        """Return the links into one input port, in order."""
        return tuple(link for link in self.incoming.get(node, ()) if link.target.port == port)

    def out_of(self, node: str, port: str) -> tuple[Link, ...]:
        """Return the links out of one output port, in order."""
        return tuple(link for link in self.outgoing.get(node, ()) if link.source.port == port)

    def of_kind(self, kind: str) -> tuple[Node, ...]:
        """Return the nodes of one kind, in insertion order."""
        return tuple(node for node in self.nodes.values() if node.kind == kind)

    def named(self, name: str) -> Node | None:
        """Return the node with this name, or None."""
        return next((node for node in self.nodes.values() if node.name == name), None)

    def with_node(self, node: Node) -> Graph:
        """Return the graph with `node` added, or replaced where its id exists."""
        after = replace(self, nodes=self.nodes | {node.id: node})
        known = self.__dict__  # what has been worked out about the same links holds there too
        after.__dict__.update({name: known[name] for name in _OF_LINKS if name in known})
        return after

    def recognised(self, before: Graph) -> Graph:
        """Return an equal graph that shares with `before` the nodes and links that are the same in both.

        What came as bytes is new in every part; with the same parts, who looks for what changed compares
        nodes by `is` and works nothing out twice. A number is not the same as another of its types.
        """
        known = before.nodes
        nodes = {key: _same(known.get(key), node) for key, node in self.nodes.items()}
        if self.links != before.links:
            return Graph(nodes, self.links)
        after = Graph(nodes, before.links)
        worked = before.__dict__
        after.__dict__.update({name: worked[name] for name in _OF_LINKS if name in worked})
        return after

    def without(self, ids: Iterable[str]) -> Graph:
        """Return the graph without these nodes and without the links at them."""
        gone = set(ids)
        return Graph(
            {key: node for key, node in self.nodes.items() if key not in gone},
            tuple(
                link
                for link in self.links
                if link.source.node not in gone and link.target.node not in gone
            ),
        )


#: What a graph works out from its links alone.
_OF_LINKS = ("incoming", "outgoing")


def _same(before: Node | None, node: Node) -> Node:
    """Return `before` where it is no other than `node`."""
    if before is None or before is node or before != node:
        return node
    # Unlike `==`, texts tell 1 from 1.0 and from True.
    same = not node.params or repr(before.params) == repr(node.params)
    return before if same else node


def rewired(
    before: tuple[Link, ...], after: tuple[Link, ...]
) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
    """Return the links that are only in `before`, and those that are only in `after`, in order.

    What both begin with and end with, mostly all but one, is passed over without a closer look.
    """
    if before is after:
        return (), ()
    first, last = 0, min(len(before), len(after))
    for one, other in zip(before, after, strict=False):
        if one is not other:
            break
        first += 1
    last -= first
    ends = 0
    while ends < last and before[-1 - ends] is after[-1 - ends]:
        ends += 1
    old, new = before[first : len(before) - ends], after[first : len(after) - ends]
    had, has = set(old), set(new)
    return (
        tuple([link for link in old if link not in has]),
        tuple([link for link in new if link not in had]),
    )


def new_id() -> str:
    """Return a fresh node id. Random, so that graphs edited apart can be merged."""
    return "n" + secrets.token_hex(4)


def link(source: str, source_port: str, target: str, target_port: str) -> Link:
    """Return the link from one node's output port to another's input port."""
    return Link(End(source, source_port), End(target, target_port))


#: Names that would hide something of `nn.Module` or of the generated code (a test holds this list
#: against the installed PyTorch; this room itself knows no torch).
RESERVED = frozenset(
    """
    self torch nn F math tap forward forward_tapped training T_destination add_module apply bfloat16
    buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr float
    get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules mtia
    named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
    set_submodule share_memory state_dict to to_empty train type xpu zero_grad
    """.split()  # noqa: SIM905
)

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,5})\Z")


def is_name(text: str) -> bool:
    """Tell whether `text` may name a node: an ASCII identifier that hides nothing in the code."""
    return (
        len(text) <= 64
        and _IDENTIFIER.match(text) is not None
        and not keyword.iskeyword(text)
        and text not in RESERVED
    )


def is_node_name(text: str) -> bool:
    """Tell whether `text` may name a node: a name, or the way to a part of a list (`layers.0`).

    Parts that are numbers are what PyTorch's containers call their modules.
    """
    parts = text.split(".")
    return len(text) <= 128 and all(_NUMBER.match(part) or is_name(part) for part in parts)


def variable_for(name: str) -> str:
    """Return what a variable that holds a node's answer is called: `layers_0` for `layers.0`."""
    plain = name.replace(".", "_")
    return f"x{plain}" if plain[0].isdecimal() else plain


def free_name(taken: Iterable[str], wish: str) -> str:
    """Return `wish` as a valid name, numbered where it is taken: `conv`, `conv2`, `conv3`."""
    return Names(taken).take(wish)


class Names:
    """The names of a sheet that grows: gives out free ones, quickly however many are taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def take(self, wish: str) -> str:
        """Return `wish` as a valid name, numbered where it is taken, and take it.

        The way to a part of a list (`layers.0`) stays as it is.
        """
        part = is_name(wish.partition(".")[0]) and is_node_name(wish)
        if wish not in self._taken and part:
            self._taken.add(wish)
            return wish
        base = re.sub(r"[^A-Za-z0-9_]", "_", wish).strip("_")[:56] or "node"
        if not base[0].isalpha():
            base = "n" + base
        name = base
        if base in self._taken or not is_name(base):
            stem = base.rstrip("0123456789") or base
            number = self._next.get(stem, 2)
            while (name := f"{stem}{number}") in self._taken or not is_name(name):
                number += 1
            self._next[stem] = number + 1
        self._taken.add(name)
        return name


def name_for(kind: str, taken: Iterable[str]) -> str:
    """Return a free name for a node of `kind`: `conv` for `torch.nn.Conv2d`."""
    last = kind.rsplit(".", 1)[-1].lower()
    return free_name(taken, re.sub(r"[1-3]d\Z", "", last) or last)
