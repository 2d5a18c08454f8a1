"""Made-up points, sequences and pictures are what they say, and the same ones for the same seed."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import pytest
import torch

from studio import data
from studio.data import Dataset
from studio.data.generated_pictures import PICTURES
from studio.data.generated_points import POINTS
from studio.data.generated_sequences import SEQUENCES
from studio.graph.project import DataRef, Split

KINDS = sorted(source.spec.kind for source in (*POINTS, *SEQUENCES, *PICTURES))


def drawn(kind: str, **params: object) -> Dataset:
    return data.open(DataRef(kind, {"samples": 120, **params}, split=Split(0, 0)), Path())


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_makes_the_same_again(kind: str) -> None:
    one, two, other = (drawn(kind, seed=seed) for seed in (3, 3, 4))
    assert one.facts.fingerprint == two.facts.fingerprint != other.facts.fingerprint
    assert torch.equal(one.train.inputs, two.train.inputs)
    assert one.facts.train == 120
    assert one.facts.form == data.sources()[kind].form
    assert one.train.inputs.isfinite().all()
    if one.train.targets.dtype == torch.int64:
        assert one.train.targets.max() < len(one.facts.classes)


def words(rows: torch.Tensor, names: tuple[str, ...]) -> list[str]:
    found = []
    for row in rows.tolist():
        letters = [names[token] for token in row if token >= 0]
        found.append("".join(letter for letter in letters if not letter.startswith("<")))
    return found


@pytest.mark.parametrize("kind", ["generated.copy", "generated.reverse"])
def test_words_are_said_again(kind: str) -> None:
    made = drawn(kind, length=7, letters=5)
    asked = words(made.train.inputs, made.facts.vocabulary)
    answered = words(made.train.targets, made.facts.classes)
    step = 1 if kind.endswith("copy") else -1
    assert answered == [word[::step] for word in asked]
    assert max(map(len, asked)) == 7
    assert len(set(asked)) == 120


def test_a_decoder_is_fed_the_answer_one_step_late() -> None:
    made = drawn("generated.dates")
    fed, wanted = made.train.more["target"], made.train.targets
    start, end = (made.facts.classes.index(token) for token in ("<start>", "<end>"))
    assert (fed[:, 0] == start).all()
    for row, answer in zip(fed, wanted, strict=True):
        length = int((answer >= 0).sum())
        assert int(answer[length - 1]) == end
        assert torch.equal(row[1:length], answer[: length - 1])
        assert (answer[length:] == -100).all()
        assert (row[length:] == 0).all()


def test_answers_are_the_dates() -> None:
    made = drawn("generated.dates", samples=400)
    asked = words(made.train.inputs, made.facts.vocabulary)
    answered = words(made.train.targets, made.facts.classes)
    forms = ("%d %B %Y", "%B %d, %Y", "%d. %b. %Y", "%A, %d %B %Y", "%a %b %d %Y")
    checked = 0
    for text, answer in zip(asked, answered, strict=True):
        day = datetime.fromisoformat(answer)
        for form in forms:
            try:
                assert datetime.strptime(text, form) == day
            except ValueError:
                continue
            checked += 1
            break
        else:
            assert text.startswith("the ")
            assert text.endswith(f"of {day:%B} {day.year}")
    assert checked > 250


def test_a_mask_is_where_the_cells_are() -> None:
    made = drawn("generated.cells", noise=0.0)
    picture, mask = made.train.inputs[:, 0], made.train.targets
    assert made.facts.task == "segmentation"
    assert (picture[mask == 0] == 0).all()
    assert (picture[mask > 0] > 0.2).all()
    assert set(torch.unique(mask).tolist()) == {0, 1, 2}


def test_boxes_are_where_the_digits_are() -> None:
    made = drawn("generated.page", noise=0.0)
    assert made.facts.task == "detection"
    assert made.facts.target_shape == (5, 5)
    for page, boxes in zip(made.train.inputs[:40, 0], made.train.targets[:40], strict=True):
        seen = torch.zeros_like(page, dtype=torch.bool)
        there = boxes[boxes[:, 0] >= 0]
        assert len(there) >= 1
        assert set(there[:, 0].tolist()) <= set(range(10))
        for _, x, y, width, height in (there * 96).tolist():
            left, top = round(x - width / 2), round(y - height / 2)
            box = page[top : top + round(height), left : left + round(width)]
            assert box.sum() > 0
            seen[top : top + round(height), left : left + round(width)] = True
        assert not page[~seen].any()


@pytest.mark.parametrize("predict", ["direction", "next frame"])
def test_shapes_go_where_they_are_said_to_go(predict: str) -> None:
    made = drawn("generated.moving", noise=0.0, predict=predict, side=24, frames=6)
    video = made.train.inputs.reshape(120, 6, 24, 24)
    grid = torch.arange(24.0)
    mass = video.sum((2, 3))
    x, y = (video.sum(2) * grid).sum(2) / mass, (video.sum(3) * grid).sum(2) / mass
    if predict == "next frame":
        after = made.train.targets.reshape(120, 24, 24)
        assert torch.allclose(after.sum((1, 2)), mass[:, -1], rtol=0.1)
        return
    went = torch.stack([x[:, -1] - x[:, -2], y[:, -1] - y[:, -2]], dim=1)
    right, down = went[:, 0] > 0, went[:, 1] > 0
    sideways = went[:, 0].abs() > went[:, 1].abs()
    seen = torch.where(sideways, torch.where(right, 0, 2), torch.where(down, 1, 3))
    # A bounce between the last two frames hides which way the shape goes now.
    assert (seen == made.train.targets).float().mean() > 0.85


def test_curves_are_followed_but_for_their_noise() -> None:
    made = drawn("generated.sine", noise=0.0)
    assert torch.allclose(made.train.targets, torch.sin(3 * made.train.inputs), atol=1e-5)
    noisy = drawn("generated.sine", noise=0.2, samples=2000)
    rest = noisy.train.targets - torch.sin(3 * noisy.train.inputs)
    assert float(rest.std()) == pytest.approx(0.2, abs=0.01)
    made = drawn("generated.polynomial", noise=0.0, degree=3)
    powers = torch.cat([made.train.inputs.double() ** k for k in range(4)], dim=1)
    fitted = torch.linalg.lstsq(powers, made.train.targets.double())
    assert float((powers @ fitted.solution - made.train.targets).abs().max()) < 1e-5


def test_clouds_lie_on_a_ring_and_are_their_own_targets() -> None:
    made = drawn("generated.gaussians", samples=800)
    assert torch.equal(made.train.inputs, made.train.targets)
    angle = torch.atan2(made.train.inputs[:, 1], made.train.inputs[:, 0]) / (2 * math.pi) * 8
    assert float((angle - angle.round()).abs().max()) < 0.2
    assert torch.bincount((angle.round() % 8).long()).tolist() == [100] * 8


def test_moons_and_blobs_are_told_apart_without_noise() -> None:
    moons = drawn("generated.moons", noise=0.0).train
    above = moons.inputs[moons.targets == 0]
    assert torch.allclose(above.norm(dim=1), torch.ones(len(above)), atol=1e-5)
    blobs = drawn("generated.blobs", noise=0.0, blobs=4).train
    assert len(torch.unique(blobs.inputs.round(decimals=4), dim=0)) == 4
