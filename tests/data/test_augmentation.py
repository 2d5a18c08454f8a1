"""Every augmentation keeps its contract; geometry takes masks and boxes along; mixing shares targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from studio.data.augmentation import augmenter, builtin_augmentations
from studio.data.samples import Samples
from studio.data.source import DataProblem
from studio.graph.facts import DataFacts, TensorType
from studio.graph.project import Step

ALL = builtin_augmentations()
GEOMETRY = ["augment.affine", "augment.crop", "augment.flip", "augment.rotate", "augment.zoom"]
CLASSES = ("a", "b", "c")


def facts(form: str = "image", task: str = "classification") -> DataFacts:
    shape = {"image": (3, 12, 16), "table": (5,), "sequence": (20, 4), "text": (24,)}[form]
    return DataFacts(
        title="made",
        train=32,
        validation=0,
        test=0,
        sample=TensorType(shape, "int64" if form == "text" else "float32"),
        form=form,
        task=task,
        classes=CLASSES if task in ("classification", "segmentation", "detection") else (),
        vocabulary=tuple("abcdefgh") if form == "text" else (),
    )


def batch(known: DataFacts, count: int = 32, seed: int = 0) -> Samples:
    draw = torch.Generator().manual_seed(seed)
    shape = (count, *(int(dim) for dim in known.sample.shape))
    inputs = torch.rand(shape, generator=draw)
    if known.form == "text":
        inputs = torch.randint(0, 8, shape, generator=draw)
    targets = {
        "classification": torch.randint(0, 3, (count,), generator=draw),
        "regression": torch.rand(count, 2, generator=draw),
        "multi-label": torch.randint(0, 2, (count, 4), generator=draw).float(),
        "segmentation": torch.randint(0, 3, (count, 12, 16), generator=draw),
        "tokens": torch.randint(0, 8, (count, 24), generator=draw),
        "detection": torch.cat(
            [
                torch.randint(-1, 3, (count, 2, 1), generator=draw).float(),
                0.3 + 0.4 * torch.rand(count, 2, 2, generator=draw),
                0.1 + 0.2 * torch.rand(count, 2, 2, generator=draw),
            ],
            2,
        ),
    }
    return Samples(inputs, targets[known.task])


def changed(samples: Samples, known: DataFacts, *steps: Step, seed: int = 7) -> Samples:
    change = augmenter(steps, known)
    assert change is not None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return change(samples)


PAIRS = [
    (kind, form, task)
    for kind in sorted(ALL)
    for form in ALL[kind].spec.forms
    for task in ALL[kind].tasks
    if not (form != "image" and task in ("segmentation", "detection"))
    and not (form == "table" and task == "tokens")
]


@pytest.mark.parametrize(("kind", "form", "task"), PAIRS)
def test_every_augmentation_keeps_its_contract(kind: str, form: str, task: str) -> None:
    known = facts(form, task)
    samples = batch(known)
    before = samples.each(torch.Tensor.clone)
    after = changed(samples, known, Step(kind))
    assert after.inputs.shape == samples.inputs.shape
    assert after.inputs.dtype == samples.inputs.dtype
    assert not torch.equal(after.inputs, samples.inputs)
    if after.inputs.is_floating_point():
        assert bool(after.inputs.isfinite().all())
    if form == "image":
        assert float(after.inputs.min()) >= -1e-5
        assert float(after.inputs.max()) <= 1 + 1e-5
    assert torch.equal(samples.inputs, before.inputs), "what was handed over has been written to"
    assert torch.equal(samples.targets, before.targets)
    again = changed(samples, known, Step(kind))
    assert torch.equal(again.inputs, after.inputs)
    assert torch.equal(again.targets, after.targets)
    assert not torch.equal(changed(samples, known, Step(kind), seed=8).inputs, after.inputs)


@pytest.mark.parametrize("kind", sorted(ALL))
def test_the_options_have_help_and_the_kind_is_namespaced(kind: str) -> None:
    spec = ALL[kind].spec
    assert kind.startswith("augment.")
    assert spec.doc.endswith(".")
    assert spec.forms


@pytest.mark.parametrize("kind", sorted(ALL))
def test_what_does_not_fit_is_said(kind: str) -> None:
    with pytest.raises(DataProblem, match="but made is graph data"):
        augmenter([Step(kind)], replace(facts(), form="graph"))
    if "nodes" not in ALL[kind].tasks and "image" in ALL[kind].spec.forms:
        with pytest.raises(DataProblem, match="does not fit nodes"):
            augmenter([Step(kind)], replace(facts(), task="nodes"))


def test_an_unknown_kind_and_a_wrong_setting_are_said() -> None:
    with pytest.raises(DataProblem, match="augmentation"):
        augmenter([Step("augment.teleport")], facts())
    with pytest.raises(DataProblem, match="degrees"):
        augmenter([Step("augment.rotate", {"degrees": 500.0})], facts())


def test_no_steps_change_nothing() -> None:
    assert augmenter([], facts()) is None


# --------------------------------------------------------------------------------------- geometry


@pytest.mark.parametrize("fill", ["border", "reflection", "zeros"])
@pytest.mark.parametrize("kind", GEOMETRY)
def test_masks_move_with_their_images(kind: str, fill: str) -> None:
    """An image that shows its own mask still does so afterwards, but for pixels between two."""
    known = facts(task="segmentation")
    masks = torch.zeros(16, 12, 16, dtype=torch.long)
    masks[:, 3:9, 2:8] = 1
    masks[:, 5:10, 9:14] = 2
    images = (masks[:, None].float() / 2).repeat(1, 3, 1, 1)
    options = {} if kind == "augment.flip" else {"fill": fill}
    after = changed(Samples(images, masks), known, Step(kind, options))
    assert after.targets.dtype == torch.int64
    assert set(after.targets.unique().tolist()) <= {-100, 0, 1, 2}
    assert (fill == "zeros") or not bool((after.targets == -100).any())
    inside = after.targets >= 0
    shown = (after.inputs[:, 0] * 2).round().long()
    right = (shown == after.targets)[inside].float().mean()
    assert float(right) > 0.9
    assert not torch.equal(after.targets, masks)


@pytest.mark.parametrize("kind", GEOMETRY)
def test_boxes_move_with_what_is_in_them(kind: str) -> None:
    """A bright rectangle stays inside its box, and its box is not much larger."""
    known = replace(facts(task="detection"), sample=TensorType((1, 48, 64)))
    images = torch.zeros(24, 1, 48, 64)
    images[:, :, 18:30, 24:36] = 1
    boxes = torch.tensor([[1.0, 30 / 64, 24 / 48, 12 / 64, 12 / 48], [-1, 0, 0, 0, 0]])
    after = changed(Samples(images, boxes.repeat(24, 1, 1)), known, Step(kind))
    assert bool((after.targets[:, 1, 0] == -1).all())
    for image, (kept, x, y, width, height) in zip(
        after.inputs[:, 0], after.targets[:, 0].tolist(), strict=True
    ):
        if kept < 0:
            continue
        rows, columns = torch.where(image > 0.5)
        left, right = (x - width / 2) * 64, (x + width / 2) * 64
        top, bottom = (y - height / 2) * 48, (y + height / 2) * 48
        assert left - 1 <= float(columns.min())
        assert float(columns.max()) + 1 <= right + 1
        assert top - 1 <= float(rows.min())
        assert float(rows.max()) + 1 <= bottom + 1
        seen = float((image > 0.5).sum())
        assert seen > 0.4 * width * 64 * height * 48


def test_a_box_that_leaves_the_image_is_gone() -> None:
    known = facts(task="detection")
    boxes = torch.tensor([[[2.0, 0.03, 0.5, 0.06, 0.1]]]).repeat(200, 1, 1)
    samples = Samples(torch.rand(200, 3, 12, 16), boxes)
    after = changed(samples, known, Step("augment.affine", {"shift": 0.4, "chance": 1.0}))
    gone = after.targets[:, 0, 0] == -1
    assert 0 < int(gone.sum()) < 200
    assert bool((after.targets[gone] == torch.tensor([-1.0, 0, 0, 0, 0])).all())


def test_a_flip_is_exact_and_happens_to_its_share() -> None:
    known = facts()
    samples = batch(known, 400)
    after = changed(samples, known, Step("augment.flip", {"chance": 0.25}))
    same = (after.inputs == samples.inputs).flatten(1).all(1)
    mirrored = (after.inputs == samples.inputs.flip(3)).flatten(1).all(1)
    assert bool((same | mirrored).all())
    assert 60 < int(mirrored.sum()) < 140


def test_a_rotation_keeps_circles_round_in_wide_images() -> None:
    known = replace(facts(), sample=TensorType((1, 40, 80)))
    rows, columns = torch.meshgrid(torch.arange(40) - 19.5, torch.arange(80) - 39.5, indexing="ij")
    disc = ((rows**2 + columns**2) < 200).float()
    samples = Samples(disc.expand(16, 1, 40, 80), torch.zeros(16, dtype=torch.long))
    after = changed(samples, known, Step("augment.rotate", {"degrees": 90.0, "chance": 1.0}))
    assert float((after.inputs - disc).abs().mean()) < 0.01


# ----------------------------------------------------------------------------------------- mixing


@pytest.mark.parametrize("kind", ["augment.cutmix", "augment.mixup"])
def test_mixed_targets_are_shares_of_what_is_mixed(kind: str) -> None:
    known = facts()
    labels = torch.arange(30) % 3
    images = (labels.float() / 2).view(-1, 1, 1, 1).expand(30, 3, 12, 16)
    after = changed(Samples(images, labels), known, Step(kind, {"alpha": 1.0}))
    assert after.targets.shape == (30, 3)
    assert torch.allclose(after.targets.sum(1), torch.ones(30))
    value = after.targets @ torch.tensor([0.0, 0.5, 1.0])
    assert torch.allclose(after.inputs.mean((1, 2, 3)), value, atol=1e-5)
    assert bool((after.targets.max(1).values < 1).any())


def test_mixing_twice_still_sums_to_one() -> None:
    known = facts()
    after = changed(batch(known), known, Step("augment.mixup"), Step("augment.cutmix"))
    assert torch.allclose(after.targets.sum(1), torch.ones(32))


def test_tokens_stay_in_the_vocabulary() -> None:
    known = facts("text", "tokens")
    samples = batch(known)
    after = changed(samples, known, Step("augment.token_noise", {"share": 0.5}))
    assert 0 <= int(after.inputs.min()) <= int(after.inputs.max()) < 8
    share = float((after.inputs != samples.inputs).float().mean())
    assert 0.3 < share < 0.6
    assert torch.equal(after.targets, samples.targets)


def test_a_time_shift_moves_whole_steps() -> None:
    known = facts("sequence")
    steps = torch.arange(20.0).view(1, 20, 1).expand(8, 20, 4)
    after = changed(Samples(steps, torch.zeros(8).long()), known, Step("augment.time_shift"))
    by = {int(one) for one in (steps - after.inputs)[:, 10, 0]}
    assert len(by) > 1
    assert by <= {-2, -1, 0, 1, 2}
    assert np.ptp(np.diff(after.inputs.numpy()[:, 4:16], axis=1)) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("kind", "form", "task"), PAIRS)
def test_nothing_waits_for_the_device(kind: str, form: str, task: str) -> None:
    known = facts(form, task)
    change = augmenter([Step(kind)], known)
    assert change is not None
    samples = batch(known).to(torch.device("cuda"))
    change(samples)  # what is copied once
    torch.cuda.set_sync_debug_mode("error")
    try:
        change(samples)
    finally:
        torch.cuda.set_sync_debug_mode("default")
