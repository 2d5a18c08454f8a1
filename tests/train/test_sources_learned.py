"""What the sources bring is what the learners take: each kind of task is learned from real samples."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tiny_tasks as tiny

from studio import data
from studio.graph.builder import Net
from studio.graph.project import DataRef

LETTERS = 4
VERSE = "the cat sat on the mat and the dog sat on the cat\n" * 40


class Way(NamedTuple):
    """A source, a network for it, and the figure that must get better than with weights that rest."""

    kind: str
    params: dict[str, Any]
    net: Callable[[], Net]
    recipe: dict[str, Any]


def sentiment() -> Net:
    net = Net()
    x = net.add("torch.nn.Embedding", net.input(), num_embeddings=40, embedding_dim=8)
    x = net.add("core.mean", x, dim=(1,))
    net.output(net.add("torch.nn.Linear", x, name="last", out_features=2))
    return net


def community() -> Net:
    net = Net()
    x, adjacency = net.input(), net.input("adjacency")
    near = net.add("core.matmul", adjacency, x)
    x = net.add("core.concat", x, near, dim=2)
    net.output(net.add("torch.nn.Linear", x, name="last", out_features=3))
    return net


def over_time(outputs: int) -> Net:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    x = net.add("torch.nn.ReLU", net.add("torch.nn.Linear", x, out_features=32))
    net.output(net.add("torch.nn.Linear", x, name="last", out_features=outputs))
    return net


MADE = {"samples": 160}
WAYS = {
    "audio": Way(
        "files.audio", {"path": "sounds", "rate": 2000, "seconds": 0.1, "mels": 8, "window": 64},
        lambda: over_time(2), {},
    ),
    "communities": Way(
        "generated.communities", {"nodes": 60, "communities": 3, "inside": 0.5}, community,
        {"epochs": 30},
    ),
    "cells": Way(
        "generated.cells", MADE | {"side": 16}, lambda: tiny.pixelwise(3),
        {"learner_params": {"dice": 1.0}},
    ),
    "copy": Way(
        "generated.copy", MADE | {"letters": LETTERS, "length": 3},
        lambda: tiny.answering(3 + LETTERS), {"learner": "core.sequence_to_sequence"},
    ),
    "gaussians": Way(
        "generated.gaussians", MADE, lambda: tiny.flat(2), {"learner": "core.reconstruction"},
    ),
    "moving": Way(
        "generated.moving", MADE | {"side": 8, "frames": 4}, lambda: over_time(4), {},
    ),
    "next frame": Way(
        "generated.moving", MADE | {"side": 8, "frames": 4, "predict": "next frame"},
        lambda: over_time(64), {},
    ),
    "page": Way(
        "generated.page", MADE | {"side": 32, "digits": 1}, lambda: tiny.grid(15),
        {"learner": "core.detection"},
    ),
    "series": Way(
        "files.series", {"path": "series.csv", "past": 8, "ahead": 2}, lambda: over_time(2), {},
    ),
    "text": Way(
        "files.text", {"path": "verse.txt", "length": 16}, lambda: tiny.recurrent(13, 13),
        {"learner": "core.next_token"},
    ),
    "text with labels": Way(
        "files.text_labels", {"path": "texts.csv", "most_tokens": 40}, sentiment, {"epochs": 20},
    ),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "verse.txt").write_text(VERSE)
    rows = [
        f"{('a fine', 'a dull')[i % 2]} film {i % 7},{('good', 'bad')[i % 2]}" for i in range(120)
    ]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]))
    days = [f"2024-{1 + i // 28:02}-{1 + i % 28:02},{np.sin(i / 3):.4f}" for i in range(120)]
    (tmp_path / "series.csv").write_text("\n".join(["day,level", *days]))
    for name, hertz in (("high", 700), ("low", 150)):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        for number in range(16):
            sound = np.sin(2 * np.pi * (hertz + 5 * number) * np.arange(200) / 2000)
            with wave.open(str(tmp_path / "sounds" / name / f"{number}.wav"), "wb") as file:
                file.setparams((1, 2, 2000, 200, "NONE", ""))
                file.writeframes((20_000 * sound).astype("<i2").tobytes())
    return tmp_path


@pytest.mark.parametrize("name", sorted(WAYS))
def test_what_a_source_brings_is_learned(name: str, folder: Path) -> None:
    way = WAYS[name]
    samples = data.open(DataRef(way.kind, way.params), folder)

    def figures(**recipe: Any) -> dict[str, float]:
        place = folder / f"run-{len(list(folder.iterdir()))}"
        place.mkdir()
        return tiny.Task(place, samples, way.net(), **recipe).metrics()

    resting = figures(**way.recipe | {"epochs": 1, "optimizer_params": {"lr": 1e-12}})
    learned = figures(optimizer_params={"lr": 0.01}, **{"epochs": 6, **way.recipe})
    assert np.isfinite(list(learned.values())).all()
    assert learned["val_loss"] < 0.95 * resting["val_loss"]
