"""Arrays from NumPy's files: what is found, what is told, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from studio import data
from studio.data import DataProblem
from studio.graph.project import DataRef, Split

RNG = np.random.default_rng(0)


def opened(folder: Path, **params: str) -> data.Dataset:
    return data.open(DataRef("files.numpy", dict(params), split=Split(0, 0)), folder)


def test_usual_names_are_found_and_whole_numbers_are_classes(tmp_path: Path) -> None:
    x, y = RNG.random((40, 5)), RNG.integers(3, 6, 40)
    np.savez(tmp_path / "a.npz", x=x, y=y, other=np.zeros(3))
    found = opened(tmp_path, path="a.npz")
    assert found.facts.classes == ("3", "4", "5")
    assert found.facts.form == "table"
    order = np.argsort(found.train.inputs[:, 0].numpy())
    assert np.allclose(found.train.inputs.numpy()[order], x[np.argsort(x[:, 0])].astype(np.float32))


def test_byte_images_become_channels_first_from_zero_to_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=RNG.integers(0, 256, (20, 6, 7, 3), dtype=np.uint8),
             labels=RNG.integers(0, 2, 20))  # fmt: skip
    found = opened(tmp_path, path="a.npz")
    assert tuple(found.train.inputs.shape[1:]) == (3, 6, 7)
    assert found.facts.value_range == (0.0, 1.0)
    assert "Channels stood last" in found.facts.notes[0]


def test_two_files_and_numbers_to_predict(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.random((30, 8, 2)))
    np.save(tmp_path / "y.npy", RNG.random((30, 2)))
    found = opened(tmp_path, path="x.npy", targets_path="y.npy")
    assert (found.facts.form, found.facts.task) == ("sequence", "regression")
    assert found.facts.target_shape == (2,)
    assert found.train.targets.dtype == torch.float32


BAD = {
    "no array of inputs": lambda p: np.savez(p, a=np.zeros((3, 2)), b=np.zeros(3)),
    "no array of targets": lambda p: np.savez(p, x=np.zeros((3, 2))),
    "Python objects": lambda p: np.savez(p, x=np.array([{}, {}], dtype=object), y=np.zeros(2)),
    "3 inputs but 4 targets": lambda p: np.savez(p, x=np.zeros((3, 2)), y=np.zeros(4)),
    "one row a sample": lambda p: np.savez(p, x=np.zeros(3), y=np.zeros(3)),
    "1 of 3 samples hold": lambda p: np.savez(
        p, x=np.array([[1.0], [np.nan], [2.0]]), y=np.zeros(3)
    ),
    "numbers are needed": lambda p: np.savez(p, x=np.array([["a"], ["b"]]), y=np.zeros(2)),
    "cannot be read": lambda p: p.write_bytes(b"PK\x03\x04 not an archive"),
}


@pytest.mark.parametrize("said", sorted(BAD))
def test_what_is_wrong_is_said(said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    BAD[said](path)
    with pytest.raises(DataProblem, match=said):
        opened(tmp_path, path="bad.npz")


def test_nothing_chosen_asks_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataProblem, match="no path was given"):
        opened(tmp_path, path="")
