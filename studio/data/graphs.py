"""A graph as a sample: features of its nodes, who is joined to whom, and which nodes train."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio.data.reading import check_size
from studio.data.source import DataProblem, Loaded
from studio.graph.facts import LEFT_OUT
from studio.graph.params import Param, Value

#: A dense adjacency of more nodes is larger than memory; three splits hold one each.
_MOST_NODES = 15_000

#: How the nodes of a graph without a published split are divided.
PER_CLASS_PARAM = Param(
    "train_per_class",
    "int",
    20,
    minimum=1,
    maximum=10_000,
    help="Nodes of each class that train, drawn by the seed; as in Planetoid's split",
)


def graph_sample(
    title: str,
    features: NDArray[np.float32],
    edges: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: tuple[str, ...],
    parts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Loaded:
    """Return the same graph three times: each split knows the labels of its own nodes only.

    Shapes: `features` `[nodes, f]`, `edges` `[e, 2]` (both directions are joined), `labels` `[nodes]`,
    `parts` positions of nodes; samples `[3, nodes, f]`, adjacency `[3, nodes, nodes]` without self loops.
    Raises: DataProblem.
    """
    count = len(features)
    check_nodes(count, title)
    check_size(12 * count * (count + features.shape[1]), f"{title}, {count} nodes,")
    adjacency = np.zeros((count, count), dtype=np.float32)
    adjacency[edges[:, 0], edges[:, 1]] = 1
    adjacency[edges[:, 1], edges[:, 0]] = 1
    np.fill_diagonal(adjacency, 0)
    targets = np.full((3, count), LEFT_OUT, dtype=np.int64)
    for row, part in enumerate(parts):
        targets[row, part] = labels[part]
    joined = int(adjacency.sum()) // 2
    known = ", ".join(
        f"{len(part)} to {use}"
        for part, use in zip(parts, ("train", "validate", "test"), strict=True)
    )
    return Loaded(
        title=title,
        form="graph",
        inputs=np.repeat(features[None], 3, axis=0),
        targets=targets,
        task="nodes",
        classes=classes,
        more={"adjacency": np.repeat(adjacency[None], 3, axis=0)},
        parts=(np.array([0]), np.array([1]), np.array([2])),
        features=names,
        notes=(f"One graph of {count} nodes and {joined} edges; {known}.", *notes),
    )


def check_nodes(count: int, title: str) -> None:
    """Raise DataProblem for a graph that is too large, or none."""
    if not 2 <= count <= _MOST_NODES:
        raise DataProblem(
            f"{title} has {count} nodes; graphs from 2 to {_MOST_NODES} nodes are read, since who is "
            "joined to whom is kept as a full matrix. Choose another graph, or a part of it."
        )


def divide_nodes(
    labels: NDArray[np.int64], per_class: Value, seed: Value
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return so many training nodes of each class (never all of one); the rest validate and test.

    Source: Yang, Cohen and Salakhutdinov 2016, Revisiting Semi-Supervised Learning, section 5.
    """
    draw = np.random.default_rng(int(seed))
    order = draw.permutation(len(labels))
    train: list[int] = []
    for label in np.unique(labels):
        members = order[labels[order] == label]
        train += members[: max(1, min(int(per_class), len(members) // 2))].tolist()
    rest = order[~np.isin(order, train)]
    half = -(-len(rest) // 2)
    return np.sort(np.array(train, dtype=np.int64)), np.sort(rest[:half]), np.sort(rest[half:])
