"""A part of a sheet as text: what copy puts on the clipboard and paste reads."""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from studio.graph.graph import End, Link, Node, new_id
from studio.graph.params import as_value
from studio.graph.project import Place, Sheet

FORMAT = "neuroloom-fragment-1"
_MOST_CHARACTERS = 5_000_000


class NotAGraph(ValueError):
    """Text that is no part of a graph; the message is a sentence for the person."""


class Fragment(Struct, frozen=True, forbid_unknown_fields=True):
    """Nodes, the wires between them, and their places."""

    format: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...] = ()
    places: dict[str, Place] = {}

    def renewed(self, dx: float, dy: float) -> Fragment:
        """Return the fragment with fresh ids, moved."""
        ids = {node.id: new_id() for node in self.nodes}
        return Fragment(
            FORMAT,
            tuple(replace(node, id=ids[node.id]) for node in self.nodes),
            tuple(
                Link(
                    End(ids[link.source.node], link.source.port),
                    End(ids[link.target.node], link.target.port),
                )
                for link in self.links
            ),
            {ids[key]: Place(at.x + dx, at.y + dy) for key, at in self.places.items()},
        )


def cut_out(sheet: Sheet, ids: tuple[str, ...]) -> Fragment:
    """Return these nodes of a sheet with the wires between them."""
    chosen = set(ids)
    return Fragment(
        FORMAT,
        tuple(node for key, node in sheet.graph.nodes.items() if key in chosen),
        tuple(
            link
            for link in sheet.graph.links
            if link.source.node in chosen and link.target.node in chosen
        ),
        {key: sheet.places[key] for key in ids if key in sheet.places},
    )


def to_text(fragment: Fragment) -> str:
    """Return the fragment as JSON."""
    return msgspec.json.format(msgspec.json.encode(fragment), indent=1).decode()


def from_text(text: str) -> Fragment:
    """Return the fragment that a text holds.

    Raises: NotAGraph.
    """
    if len(text) > _MOST_CHARACTERS:
        raise NotAGraph(
            f"The clipboard holds {len(text):,} characters, more than a graph that can be pasted."
        )
    try:
        fragment = msgspec.json.decode(text.encode(), type=Fragment)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise NotAGraph(
            "The clipboard holds no graph, but other text. Copy nodes on a canvas first."
        ) from None
    ids = {node.id for node in fragment.nodes}
    ends = {end.node for link in fragment.links for end in (link.source, link.target)}
    if fragment.format != FORMAT or len(ids) != len(fragment.nodes) or not ends <= ids or not ids:
        raise NotAGraph("The graph on the clipboard is damaged. Copy the nodes again.")
    nodes = tuple(
        replace(node, params={key: as_value(value) for key, value in node.params.items()})
        for node in fragment.nodes
    )
    return replace(fragment, nodes=nodes)
