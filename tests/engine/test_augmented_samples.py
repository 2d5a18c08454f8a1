"""Samples as a training step would see them: by a seed, without disturbing anybody's random numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from studio.engine import in_process
from studio.engine import protocol as p
from studio.engine.client import Client, EngineRefused
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.project import DataRef, Project, Step

DIGITS = DataRef("sklearn.digits", augment=(Step("augment.affine"), Step("augment.mixup")))
MISFIT = DataRef("sklearn.digits", augment=(Step("augment.time_mask"),))


@pytest.fixture(scope="module")
def engine() -> Iterator[Client]:
    with in_process.connect(Service(Setup("all"))) as client:
        yield client


def project(data: DataRef) -> Project:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    net.output(net.add("torch.nn.Linear", x, out_features=10))
    return net.project(data)


def test_a_seed_draws_the_same_and_another_one_others(engine: Client) -> None:
    before = torch.random.get_rng_state()
    plain = engine.call(p.GetSamples(DIGITS, "train", (5, 5)))
    drawn = [engine.call(p.GetSamples(DIGITS, "train", (5,) * 6, seed)) for seed in (1, 1, 2)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(plain.inputs[0], plain.inputs[1])
    assert plain.targets.shape == (2,)
    assert drawn[0].inputs.shape == (6, 1, 8, 8)
    assert np.array_equal(drawn[0].inputs, drawn[1].inputs)
    assert not np.array_equal(drawn[0].inputs, drawn[2].inputs)
    assert len({one.tobytes() for one in drawn[0].inputs}) == 6, "each draw is one of its own"
    assert drawn[0].targets.shape == (6, 10)
    assert np.allclose(drawn[0].targets.sum(1), 1)
    assert (drawn[0].targets.max(1) < 1).any(), "there is somebody to mix with"


def test_without_augmentations_a_seed_changes_nothing(engine: Client) -> None:
    plain = DataRef("sklearn.digits")
    one = engine.call(p.GetSamples(plain, "train", (3,)))
    assert np.array_equal(one.inputs, engine.call(p.GetSamples(plain, "train", (3,), 9)).inputs)


def test_what_does_not_fit_is_refused_and_told_with_the_facts(engine: Client) -> None:
    with pytest.raises(EngineRefused, match="Time mask augments sequence data"):
        engine.call(p.GetSamples(MISFIT, "train", (0,), 1))
    found = engine.call(p.Infer(1, project(MISFIT))).facts
    assert [one.severity for one in found.problems] == ["error"]
    assert "Time mask augments sequence data" in found.problems[0].message
    assert found.data is not None
    assert engine.call(p.Infer(2, project(DIGITS))).facts.problems == ()


def test_the_catalogue_lists_augmentations_with_the_forms_they_fit(engine: Client) -> None:
    listed = engine.call(p.GetCatalogue()).catalog.augmentations
    assert len(listed) >= 12
    assert listed["augment.flip"].forms == ("image",)
    assert all(spec.doc and spec.forms for spec in listed.values())
