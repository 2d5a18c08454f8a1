"""Made-up tasks are what they say, and the same ones for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from studio import data
from studio.data import Samples
from studio.data.generated import GENERATED
from studio.graph.project import DataRef, Split

KINDS = sorted(source.spec.kind for source in GENERATED)


def drawn(kind: str, **params: object) -> Samples:
    ref = DataRef(kind, params | {"noise": 0.0} if "noise" not in params and has_noise(kind) else params, split=Split(0, 0))  # fmt: skip
    return data.open(ref, Path()).train


def has_noise(kind: str) -> bool:
    spec = data.sources()[kind]
    return spec.param("noise") is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_makes_the_same_samples_again(kind: str, tmp_path: Path) -> None:
    one, two, other = (data.open(DataRef(kind, {"seed": seed}), tmp_path) for seed in (3, 3, 4))
    assert torch.equal(one.train.inputs, two.train.inputs)
    assert one.facts.fingerprint == two.facts.fingerprint != other.facts.fingerprint
    assert one.facts.train + one.facts.validation == 600
    assert one.facts.form == data.sources()[kind].form
    assert one.train.inputs.isfinite().all()
    if one.facts.balance:
        assert max(one.facts.balance) <= 1.3 * min(one.facts.balance)


def test_xor_is_the_sign_of_the_product() -> None:
    samples = drawn("generated.xor")
    product = samples.inputs[:, 0] * samples.inputs[:, 1]
    assert torch.equal(samples.targets, (product < 0).long())


def test_rings_are_told_by_their_radius() -> None:
    samples = drawn("generated.rings", rings=4)
    radius = samples.inputs.norm(dim=1)
    assert torch.equal((radius * 4).long(), samples.targets)


def test_a_point_of_a_spiral_lies_on_its_arm() -> None:
    samples = drawn("generated.spirals", arms=3, turns=1.0)
    way = samples.inputs.norm(dim=1)
    angle = torch.atan2(samples.inputs[:, 1], samples.inputs[:, 0]) / (2 * np.pi)
    arm = ((angle - way) * 3).round() % 3
    assert torch.equal(arm.long(), samples.targets)


def test_the_sum_is_that_of_the_two_marked_numbers() -> None:
    samples = drawn("generated.adding", length=9)
    values, marks = samples.inputs.unbind(2)
    assert torch.equal(marks.sum(1), torch.full((600,), 2.0))
    assert torch.allclose((values * marks).sum(1, keepdim=True), samples.targets)


def test_parity_counts_the_ones() -> None:
    samples = drawn("generated.parity", length=7)
    assert torch.equal(samples.inputs.sum((1, 2)).long() % 2, samples.targets)


def test_shapes_differ_by_their_filling() -> None:
    samples = drawn("generated.shapes", side=32)
    assert 0 <= float(samples.inputs.min()) <= float(samples.inputs.max()) <= 1
    ink = [float(samples.inputs[samples.targets == k].mean()) for k in range(4)]
    assert min(ink) > 0.02
    assert ink[1] == max(ink[1:])  # a square covers more than a triangle or a cross of its size


def test_waves_are_their_own_class_by_their_levels() -> None:
    samples = drawn("generated.waves", length=100)
    square = samples.inputs[samples.targets == 2]
    assert torch.equal(square.abs(), torch.ones_like(square))
    assert float(samples.inputs.abs().max()) <= 1.0
