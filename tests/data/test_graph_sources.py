"""Graphs: who is joined to whom, which nodes train, and tables that do not fit together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_bad_data import refusal

from studio import data
from studio.data import Dataset
from studio.data.generated_graphs import GRAPHS
from studio.data.networkx_sets import NETWORKX
from studio.graph.project import DataRef

KINDS = sorted(source.spec.kind for source in (*NETWORKX, *GRAPHS))


def known(dataset: Dataset) -> list[set[int]]:
    parts = (dataset.train, dataset.validation, dataset.test)
    return [set(torch.nonzero(part.targets[0] >= 0)[:, 0].tolist()) for part in parts]


@pytest.mark.parametrize("kind", KINDS)
def test_each_split_is_the_same_graph_with_its_own_labels(kind: str, tmp_path: Path) -> None:
    dataset = data.open(DataRef(kind), tmp_path)
    facts = dataset.facts
    assert (facts.form, facts.task) == ("graph", "nodes")
    assert (facts.train, facts.validation, facts.test) == (1, 1, 1)
    adjacency = dataset.train.more["adjacency"]
    assert torch.equal(adjacency, adjacency.transpose(1, 2))
    assert not adjacency.diagonal(dim1=1, dim2=2).any()
    assert torch.equal(adjacency, dataset.test.more["adjacency"])
    assert torch.equal(dataset.train.inputs, dataset.validation.inputs)
    train, validation, test = known(dataset)
    assert not train & validation and not train & test and not validation & test  # noqa: PT018
    assert len(train | validation | test) == facts.target_shape[0]
    taught = dataset.train.targets[dataset.train.targets >= 0]
    assert set(taught.tolist()) == set(range(len(facts.classes)))
    again = data.open(DataRef(kind), tmp_path)
    assert again.facts.fingerprint == facts.fingerprint


def test_the_karate_club(tmp_path: Path) -> None:
    dataset = data.open(DataRef("networkx.karate", {"features": "degree"}), tmp_path)
    assert dataset.facts.classes == ("Mr. Hi", "Officer")
    assert int(dataset.train.more["adjacency"].sum()) == 2 * 78
    degree = dataset.train.more["adjacency"][0].sum(1)
    assert torch.allclose(dataset.train.inputs[0, :, 0], degree / degree.max())


def test_communities_are_joined_as_often_as_asked(tmp_path: Path) -> None:
    params = {"nodes": 400, "communities": 4, "inside": 0.3, "outside": 0.05}
    dataset = data.open(DataRef("generated.communities", params), tmp_path)
    label = torch.arange(400) % 4
    same = label[:, None] == label[None]
    adjacency = dataset.train.more["adjacency"][0]
    assert float(adjacency[~same].mean()) == pytest.approx(0.05, abs=0.005)
    assert float(adjacency[same].mean()) == pytest.approx(0.3 * 99 / 100, abs=0.015)


def write_graph(folder: Path, split: bool = True) -> None:
    folder.mkdir()
    places = ("train", "train", "val", "test", "")
    rows = [
        f"n{i},{'AB'[i % 2]}"
        + (f",{places[i % 5]}" if split else "")
        + f",{i % 3} {3 + i % 2},{i}.5"
        for i in range(20)
    ]
    head = "id,label" + (",split" if split else "") + ",words,size"
    (folder / "nodes.csv").write_text("\n".join([head, *rows]))
    edges = [f"n{i},n{(i + 1) % 20}" for i in range(20)]
    (folder / "edges.csv").write_text("\n".join(["source,target", *edges, "n3,n3", "n1,n0"]))


def test_a_graph_of_two_tables(tmp_path: Path) -> None:
    write_graph(tmp_path / "g")
    dataset = data.open(DataRef("files.graph", {"nodes": "g"}), tmp_path)
    assert dataset.facts.features == ("words 0", "words 1", "words 2", "words 3", "words 4", "size")
    assert dataset.train.inputs[0, 4].tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 4.5]
    assert int(dataset.train.more["adjacency"].sum()) == 40  # loops and repeats count once, or not
    train, validation, test = known(dataset)
    assert train == {i for i in range(20) if i % 5 < 2}
    assert (len(validation), len(test)) == (4, 4)
    same = data.open(
        DataRef("files.graph", {"nodes": "g/nodes.csv", "edges": "g/edges.csv"}), tmp_path
    )
    assert same.facts.fingerprint == dataset.facts.fingerprint


def test_nodes_without_a_split_are_drawn(tmp_path: Path) -> None:
    write_graph(tmp_path / "g", split=False)
    ref = DataRef("files.graph", {"nodes": "g", "train_per_class": 3})
    dataset = data.open(ref, tmp_path)
    assert [len(part) for part in known(dataset)] == [6, 7, 7]


def test_cora(shared_data: Path) -> None:
    dataset = data.open(DataRef("files.graph", {"nodes": "cora"}), shared_data)
    assert dataset.facts.sample.shape == (2708, 1433)
    assert len(dataset.facts.classes) == 7
    assert int(dataset.train.more["adjacency"].sum()) == 2 * 5278
    assert [len(part) for part in known(dataset)] == [140, 500, 1000]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("edges.csv", "n7,n8", "n7,n99", "edges.csv, line 9, column 'target': 'n99' is no node"),
        ("nodes.csv", "n7,B", "n6,B", "the node 'n6' more than once"),
        ("nodes.csv", ",train,", ",maybe,", "expected train, val or test"),
        ("nodes.csv", "1 3,4.5", "1 -3,4.5", "line 6, column 'words'"),
        ("nodes.csv", ",4.5", ",nan", "line 6, column 'size'"),
        ("nodes.csv", "id,label", "id,sort", "no column of labels"),
        ("edges.csv", ",", ";x;", "edges.csv"),
    ],
)
def test_tables_that_do_not_fit(file: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    write_graph(tmp_path / "g")
    path = tmp_path / "g" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old == "," else text.replace(old, new, 1))
    assert said in refusal(DataRef("files.graph", {"nodes": "g"}), tmp_path)


def test_a_graph_that_is_not_there_or_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_graph(tmp_path / "g")
    monkeypatch.setattr("studio.data.graphs._MOST_NODES", 10)
    assert "20 nodes; graphs from 2 to 10" in refusal(
        DataRef("files.graph", {"nodes": "g"}), tmp_path
    )
    (tmp_path / "g" / "edges.csv").unlink()
    monkeypatch.undo()
    assert "edges.csv" in refusal(DataRef("files.graph", {"nodes": "g"}), tmp_path)
    (tmp_path / "g" / "nodes.csv").unlink()
    assert "nodes.csv" in refusal(DataRef("files.graph", {"nodes": "g"}), tmp_path)


def test_dense_features_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_graph(tmp_path / "g")
    text = (tmp_path / "g" / "nodes.csv").read_text()
    (tmp_path / "g" / "nodes.csv").write_text(text.replace("0 3", "0 99999", 1))
    wide = data.open(DataRef("files.graph", {"nodes": "g"}), tmp_path)
    assert wide.facts.sample.shape == (20, 100_001)
    monkeypatch.setattr("studio.data.reading.LARGEST_BYTES", 1 << 20)
    assert "of memory" in refusal(DataRef("files.graph", {"nodes": "g"}), tmp_path)
    assert np.prod(wide.facts.sample.shape) == wide.train.inputs.numel()
