"""Made-up graphs: communities whose members know each other more often than others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from studio.data.graphs import PER_CLASS_PARAM, divide_nodes, graph_sample
from studio.data.making import Draw, made_source
from studio.data.source import Loaded
from studio.graph.params import Param, Value


def _communities(params: Mapping[str, Value], draw: Draw) -> Loaded:
    """A planted partition; a node's features are its community, drowned in noise.

    Shapes: inputs `[3, nodes, communities]`, one graph a split.
    Source: Condon and Karp 2001, Algorithms for Graph Partitioning on the Planted Partition Model.
    """
    count, groups = int(params["nodes"]), int(params["communities"])
    labels = np.arange(count) % groups
    same = labels[:, None] == labels[None]
    chance = np.where(same, float(params["inside"]), float(params["outside"]))
    joined = np.triu(draw.random((count, count)) < chance, 1)
    hints = np.eye(groups)[labels] + float(params["noise"]) * draw.standard_normal((count, groups))
    return graph_sample(
        "Communities",
        hints.astype(np.float32),
        np.argwhere(joined),
        labels.astype(np.int64),
        tuple("ABCDEFGHIJ"[:groups]),
        divide_nodes(labels.astype(np.int64), params["train_per_class"], params["seed"]),
        tuple(f"hint of {name}" for name in "ABCDEFGHIJ"[:groups]),
    )


GRAPHS = (
    made_source(
        "communities",
        "Communities",
        "Groups whose members are joined more often: features alone hardly tell them, neighbours do.",
        "graph",
        _communities,
        Param("nodes", "int", 200, minimum=20, maximum=3000),
        Param("communities", "int", 4, minimum=2, maximum=10),
        Param(
            "inside", "float", 0.1, minimum=0.0, maximum=1.0, help="Chance of an edge in a group"
        ),
        Param("outside", "float", 0.01, minimum=0.0, maximum=1.0, help="Chance between groups"),
        Param("noise", "float", 1.0, minimum=0.0, maximum=10.0, help="Deviation of the features"),
        PER_CLASS_PARAM,
        count=None,
    ),
)
