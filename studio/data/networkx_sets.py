"""networkx's own social graphs: small, famous, and there without a download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from studio.data.graphs import PER_CLASS_PARAM, divide_nodes, graph_sample
from studio.data.source import Loaded, Source
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_FEATURES = Param(
    "features",
    "choice",
    "identity",
    choices=("identity", "degree"),
    help="What is known of a node: which one it is, or how many it is joined to",
)
_SEED = Param("seed", "int", 0, minimum=0, maximum=2**31 - 1, help="Draws the nodes that train")


def _sample(
    title: str, graph: Any, labels: list[str], params: Mapping[str, Value], note: str
) -> Loaded:
    nodes = list(graph.nodes)
    position = {node: at for at, node in enumerate(nodes)}
    edges = np.array([(position[a], position[b]) for a, b in graph.edges], dtype=np.int64)
    classes, codes = np.unique(labels, return_inverse=True)
    targets = codes.astype(np.int64)
    parts = divide_nodes(targets, params["train_per_class"], params["seed"])
    features, names = _features(len(nodes), edges, str(params["features"]))
    return graph_sample(
        title, features, edges, targets, tuple(map(str, classes)), parts, names, (note,)
    )


def _features(
    count: int, edges: NDArray[np.int64], kind: str
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Shapes: `[nodes, nodes]` for the identity, `[nodes, 1]` for the degree as a share of the highest."""
    if kind == "identity":
        return np.eye(count, dtype=np.float32), ()
    degree = np.bincount(edges.ravel(), minlength=count).astype(np.float32)
    return (degree / degree.max())[:, None], ("degree",)


def _karate(params: Mapping[str, Value], base: Path) -> Loaded:
    """Source: Zachary 1977, An Information Flow Model for Conflict and Fission in Small Groups."""
    import networkx

    graph = networkx.karate_club_graph()
    clubs = [str(club) for _, club in graph.nodes(data="club")]
    return _sample(
        "Karate club", graph, clubs, params, "Classes are the clubs that the members chose."
    )


def _women(params: Mapping[str, Value], base: Path) -> Loaded:
    """Source: Davis, Gardner and Gardner 1941, Deep South."""
    import networkx

    graph = networkx.davis_southern_women_graph()
    sides = ["woman" if side == 0 else "event" for _, side in graph.nodes(data="bipartite")]
    note = "Women are joined to the events they went to, never to each other."
    return _sample("Southern women", graph, sides, params, note)


def _miserables(params: Mapping[str, Value], base: Path) -> Loaded:
    """Source: Knuth 1993, The Stanford GraphBase; communities by Clauset, Newman and Moore 2004."""
    import networkx

    graph = networkx.les_miserables_graph()
    groups = networkx.community.greedy_modularity_communities(graph)
    of_node = {node: f"group {number}" for number, group in enumerate(groups, 1) for node in group}
    note = "Nobody labelled the characters: classes are communities that greedy modularity finds."
    return _sample("Les Misérables", graph, [of_node[node] for node in graph.nodes], params, note)


def _source(name: str, title: str, doc: str, load: Any, per_class: int) -> Source:
    params = (_FEATURES, replace(PER_CLASS_PARAM, default=per_class), _SEED)
    spec = SourceSpec(kind=f"networkx.{name}", title=title, doc=doc, form="graph", params=params)
    return Source(spec, load)


NETWORKX = (
    _source(
        "karate",
        "Karate club",
        "34 members and who met whom; after a quarrel they split into two clubs. Which one?",
        _karate,
        2,
    ),
    _source(
        "women",
        "Southern women",
        "18 women and 14 events they went to: which node is which?",
        _women,
        3,
    ),
    _source(
        "miserables",
        "Les Misérables",
        "77 characters of Victor Hugo's novel, joined where they share a chapter: who belongs together?",
        _miserables,
        4,
    ),
)
