"""A graph in two tables: its nodes with features and labels, and its edges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.csv_file import read_csv
from studio.data.graphs import PER_CLASS_PARAM, check_nodes, divide_nodes, graph_sample
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.data.table import Table, as_number, targets_of
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_IDS = ("id", "node", "name")
_LABELS = ("label", "class", "target", "category")
_SPLITS = ("split", "part", "set")
#: What a cell of the split column may say.
_PARTS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1, "dev": 1, "test": 2}
#: The highest index in a list of words or other marks.
_MOST_MARKS = 100_000

Parts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[3, nodes, features]`, targets `[3, nodes]`: one graph a split."""
    what = "a table with one node a row, or the folder of nodes.csv and edges.csv"
    path = existing(params["nodes"], base, "A table of nodes", what)
    nodes_path = existing("nodes.csv", path, "A table of nodes", what) if path.is_dir() else path
    edges_path = existing(
        params["edges"] or "edges.csv",
        base if params["edges"] else nodes_path.parent,
        "A table of edges",
        "a table with one edge a row: source, target",
    )
    nodes = read_csv(nodes_path, header="yes")
    check_nodes(len(nodes), nodes.file)
    ids = _named(nodes, _IDS)
    label = (
        nodes.position(str(params["label"]), "label") if params["label"] else _named(nodes, _LABELS)
    )
    split = _named(nodes, _SPLITS)
    if label is None:
        raise DataProblem(
            f"{nodes.file} has no column of labels ({', '.join(_LABELS)}). Its columns: "
            f"{', '.join(nodes.names[:12])}. Name the one that holds them."
        )
    names = nodes.labels(ids) if ids is not None else [str(row) for row in range(len(nodes))]
    edges = _edges(read_csv(edges_path, header="yes"), names, nodes.file)
    labels, classes, _ = targets_of(nodes, [label], "classification")
    labels = labels.astype(np.int64)
    features, about = _features(
        nodes, [i for i in range(len(nodes.names)) if i not in (ids, label, split)]
    )
    if split is None:
        parts = divide_nodes(labels, params["train_per_class"], params["seed"])
    else:
        parts = _parts(nodes, split)
    return graph_sample(nodes_path.parent.name, features, edges, labels, classes, parts, about)


def _named(table: Table, usual: tuple[str, ...]) -> int | None:
    lower = [name.lower() for name in table.names]
    return next((lower.index(name) for name in usual if name in lower), None)


def _edges(table: Table, names: list[str], nodes: str) -> NDArray[np.int64]:
    """Return who is joined to whom by position. Raises: DataProblem, for a node that is not there."""
    if len(table.names) < 2:
        raise DataProblem(
            f"{table.file} has one column; expected two, such as source and target. Check the delimiter."
        )
    position = {name: at for at, name in enumerate(names)}
    if len(position) != len(names):
        twice = next(name for at, name in enumerate(names) if position[name] != at)
        raise DataProblem(
            f"{nodes} has the node {twice!r} more than once; expected a row each. Remove one of them."
        )
    found = np.empty((len(table), 2), dtype=np.int64)
    for column in range(2):
        for row, name in enumerate(table.labels(column)):
            if name not in position:
                raise DataProblem(
                    f"{table.place(row, column)}: {name[:40]!r} is no node of {nodes}. "
                    "Correct the cell, or add the node."
                )
            found[row, column] = position[name]
    return found


def _features(table: Table, columns: list[int]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return columns of numbers as they are, and lists such as `3 17 40` as one mark an index.

    A graph without features gets one a node, so that a network can tell the nodes apart.
    """
    blocks: list[NDArray[np.float32]] = []
    names: list[str] = []
    for index in columns:
        name = table.names[index]
        cells = [str(cell) for cell in table.columns[index]]
        listed = any(" " in cell for cell in cells)
        if not listed and table.numeric(index):
            blocks.append(table.numbers(index).astype(np.float32)[:, None])
            names.append(name)
            continue
        marks = _marks(table, index, cells)
        blocks.append(marks)
        names += [f"{name} {number}" for number in range(marks.shape[1])]
    if not blocks:
        return np.eye(len(table), dtype=np.float32), ()
    return np.concatenate(blocks, axis=1), tuple(names)


def _marks(table: Table, index: int, cells: list[str]) -> NDArray[np.float32]:
    rows: list[int] = []
    columns: list[int] = []
    for row, cell in enumerate(cells):
        for part in cell.split():
            value = as_number(part)
            if value is None or value != int(value) or not 0 <= value <= _MOST_MARKS:
                raise DataProblem(
                    f"{table.place(row, index)}: expected a number, or whole numbers from 0 separated "
                    f"by spaces, but got {part[:40]!r}. Correct the cell, or remove the column."
                )
            rows.append(row)
            columns.append(int(value))
    marks = np.zeros((len(cells), max(columns, default=0) + 1), dtype=np.float32)
    marks[rows, columns] = 1
    return marks


def _parts(table: Table, index: int) -> Parts:
    """Return the nodes that train, validate and test; an empty cell leaves a node out of all three."""
    of_row = np.full(len(table), -1)
    for row, cell in enumerate(table.columns[index]):
        word = str(cell).lower()
        if word and word not in ("none", "unlabelled", "unlabeled", "rest"):
            if word not in _PARTS:
                raise DataProblem(
                    f"{table.place(row, index)}: expected train, val or test, or nothing, but got "
                    f"{word[:40]!r}. Correct the cell."
                )
            of_row[row] = _PARTS[word]
    train, validation, test = (np.flatnonzero(of_row == part) for part in range(3))
    if not len(train):
        raise DataProblem(
            f"{table.file}: no node is of the split train in column {table.names[index]!r}. "
            "Mark the nodes that train, or remove the column to have them drawn."
        )
    return train, validation, test


GRAPH_FILES = Source(
    SourceSpec(
        kind="files.graph",
        title="Graph of nodes and edges",
        doc="Your own graph as two tables: which class does each node belong to?",
        form="graph",
        params=(
            Param(
                "nodes",
                "path",
                "",
                required=True,
                help="A table of nodes (id, label, features, perhaps split), or its folder",
            ),
            Param(
                "edges",
                "path",
                "",
                help="A table of edges (source, target); empty: edges.csv beside",
            ),
            Param("label", "str", "", help="Column of the classes; empty: label, class…"),
            PER_CLASS_PARAM,
            Param(
                "seed",
                "int",
                0,
                minimum=0,
                maximum=2**31 - 1,
                help="Draws the nodes that train, where no column split says it",
            ),
        ),
    ),
    _load,
)
