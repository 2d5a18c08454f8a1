"""Batches come in the order of seed and epoch, augmented alike each time, from memory and from the disk."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hand_written import Case, mlp, per_step
from PIL import Image

from studio import data, train
from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.project import DataRef, Handling, Split, Step
from studio.train.feeding import make_feed
from studio.train.order import Order
from studio.train.stepper import Stepper
from studio.train.streamed_feed import StreamedFeed

CPU = torch.device("cpu")
SHIFTED = (Step("augment.affine"), Step("augment.mixup"))


def stepper(case: Case) -> Stepper:
    learner = train.builtin_learners()["core.supervised"]
    return Stepper(case.project, case.module_for, case.dataset, learner, CPU)


def go(walker: Stepper, steps: int) -> list[float]:
    losses = []
    with walker.stream:
        for _ in range(steps):
            losses.append(float(walker.take_step()[0][0]))
            if walker.at_epoch_end:
                walker.end_epoch(losses[-1])
    return losses


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Images of 8×8 pixels, 60 of each of two classes, lighter and darker."""
    draw = np.random.default_rng(0)
    for kind, light in (("dark", 60), ("pale", 190)):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(60):
            pixels = (light + draw.integers(-60, 60, (8, 8))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / kind / f"{number:02}.png")
    return tmp_path


def on_disk(memory: str = "stream", skip: bool = False, **more: object) -> DataRef:
    return DataRef(
        "files.image_folder",
        {"path": "pets", "mode": "grey", "skip_unreadable": skip},
        split=Split(0.2),
        handling=Handling(memory=memory),
        **more,  # type: ignore[arg-type]
    )


def two() -> dict[str, torch.nn.Module]:
    return mlp(outputs=2)


def readers() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("samples")]


# ------------------------------------------------------------------------------------------ order


def test_balanced_order_gives_every_class_alike() -> None:
    classes = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)
    order = Order(1000, 0, classes)
    for epoch in range(3):
        drawn = order.of(epoch)
        assert drawn.shape == (1000,)
        counts = torch.bincount(classes[drawn], minlength=3)
        assert int(counts.max() - counts.min()) <= 1
        # A rare class' samples come equally often, a frequent one's at most once.
        rare = torch.bincount(drawn, minlength=1000)
        assert int(rare[:900].max()) == 1
        assert int(rare[990:].max() - rare[990:].min()) <= 1
    assert torch.equal(order.of(1), Order(1000, 0, classes).of(1))
    assert not torch.equal(order.of(1), order.of(2))
    assert not torch.equal(order.of(1), Order(1000, 1, classes).of(1))


def test_balanced_order_mixes_classes_within_batches() -> None:
    classes = torch.tensor([0] * 500 + [1] * 500)
    drawn = classes[Order(1000, 0, classes).of(0)]
    shares = drawn.view(20, 50).float().mean(1)
    assert 0.2 < float(shares.min()) < 0.5 < float(shares.max()) < 0.8


def test_balanced_sampling_needs_classes(tmp_path: Path) -> None:
    case = Case(tmp_path, ref=DataRef("sklearn.diabetes"), sampling="balanced")
    failed = case.run()[-1]
    assert isinstance(failed, p.Failed)
    assert "Balanced sampling gives every class alike" in failed.summary.message
    assert failed.details == ""


def test_a_balanced_run_learns_from_rare_classes_as_often(tmp_path: Path) -> None:
    case = Case(tmp_path, sampling="balanced")
    feed = make_feed(case.project, case.dataset, 64, CPU, False)
    feed.begin(0)
    seen = torch.cat([feed.batch(at).targets for at in range(feed.steps)])
    counts = torch.bincount(seen)
    assert int(counts.max() - counts.min()) <= 1
    positions = [at for index in range(feed.steps) for at in feed.positions(0, index)]
    assert torch.equal(case.dataset.train.targets[positions], seen)


# ----------------------------------------------------------------------------------- augmentation


def test_augmented_training_repeats_every_bit_and_resumes(tmp_path: Path) -> None:
    ref = DataRef("sklearn.digits", augment=SHIFTED)
    first = stepper(Case(tmp_path / "a", ref=ref, epochs=5))
    whole = go(first, 60)
    second = stepper(Case(tmp_path / "b", ref=ref, epochs=5))
    assert go(second, 30) == whole[:30]
    state = second.capture()
    third = stepper(Case(tmp_path / "c", ref=ref, epochs=5))
    third.restore(state)
    assert go(third, 30) == whole[30:]
    plain = stepper(Case(tmp_path / "d", epochs=5))
    assert go(plain, 5) != whole[:5]


def test_watching_does_not_change_augmented_training(tmp_path: Path) -> None:
    ref = DataRef("sklearn.digits", augment=SHIFTED)
    watched = Case(tmp_path / "a", ref=ref).run()
    alone = Case(tmp_path / "b", ref=ref, live=False).run()
    assert torch.equal(per_step(watched), per_step(alone))
    assert isinstance(watched[-1], p.Finished)
    accuracy = watched[-1].summary.last["val_accuracy"]
    assert accuracy > 0.6, "validation is not augmented, and labels are mixed rightly"


def test_each_epoch_is_augmented_anew_and_validation_never(tmp_path: Path) -> None:
    case = Case(tmp_path, ref=DataRef("sklearn.digits", augment=(Step("augment.noise"),)))
    walker = stepper(case)
    assert torch.equal(walker.validation.inputs, case.dataset.validation.inputs)
    seen = []
    for epoch in range(2):
        with walker.stream:
            walker.feed.begin(epoch)
            order = torch.tensor(walker.feed.positions(epoch, 0))
            noise = walker.feed.batch(0).inputs - case.dataset.train.inputs[order]
        seen.append(noise)
    assert float(seen[0].abs().max()) > 0
    assert not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize(
    "loss", ["", "torch.nn.BCEWithLogitsLoss", "torch.nn.MultiMarginLoss", "torch.nn.NLLLoss"]
)
def test_mixed_targets_fit_a_loss_or_are_refused_in_words(loss: str, tmp_path: Path) -> None:
    ref = DataRef("sklearn.digits", augment=(Step("augment.cutmix"),))
    last = Case(tmp_path, ref=ref, loss=loss, epochs=1).run()[-1]
    if loss in ("", "torch.nn.BCEWithLogitsLoss"):
        assert isinstance(last, p.Finished)
    else:
        assert isinstance(last, p.Failed)
        assert "mixed samples have shares of several" in last.summary.message


def test_one_output_for_two_classes_learns_from_mixed_targets(pets: Path) -> None:
    ref = on_disk("auto", augment=(Step("augment.mixup"),))
    case = Case(pets, lambda: mlp(outputs=1), ref, loss="torch.nn.BCEWithLogitsLoss", epochs=6)
    last = case.run()[-1]
    assert isinstance(last, p.Finished)
    assert last.summary.last["val_accuracy"] > 0.9


def test_an_augmentation_that_does_not_fit_ends_the_run_in_words(tmp_path: Path) -> None:
    ref = DataRef("sklearn.iris", augment=(Step("augment.flip"),))
    last = Case(tmp_path, lambda: mlp(4, 8, 3), ref).run()[-1]
    assert isinstance(last, p.Failed)
    assert "Flip augments image data" in last.summary.message


# ---------------------------------------------------------------------------------------- streams


def case_of(base: Path, name: str, ref: DataRef, **recipe: object) -> Case:
    """A case whose data lies at `base`, in a run folder of its own."""
    made = Case(base / name, two, batch_size=16, **recipe)
    made.dataset = data.open(ref, base)
    made.project = msgspec.structs.replace(made.project, data=ref)
    made.job = msgspec.structs.replace(made.job, project=made.project)
    return made


@pytest.mark.parametrize("augment", [(), SHIFTED])
def test_streamed_training_is_resident_training(augment: tuple[Step, ...], pets: Path) -> None:
    resident = case_of(pets, "a", on_disk("auto", augment=augment)).run()
    streamed = case_of(pets, "b", on_disk("stream", augment=augment)).run()
    assert torch.equal(per_step(resident), per_step(streamed))
    assert isinstance(streamed[-1], p.Finished)
    assert readers() == []


def test_streamed_training_resumes_amid_an_epoch(pets: Path) -> None:
    ref = on_disk(augment=SHIFTED)
    first = stepper(case_of(pets, "a", ref, epochs=6))
    whole = go(first, 30)
    second = stepper(case_of(pets, "b", ref, epochs=6))
    go(second, 9)
    state = second.capture()
    assert state.batch == 3
    third = stepper(case_of(pets, "c", ref, epochs=6))
    third.restore(state)
    assert go(third, 21) == whole[9:]
    for walker in (first, second, third):
        walker.close()
    assert readers() == []


def test_batches_may_be_asked_for_in_any_order(pets: Path) -> None:
    case = case_of(pets, "a", on_disk())
    feed = make_feed(case.project, case.dataset, 16, CPU, False)
    assert isinstance(feed, StreamedFeed)
    feed.begin(3)
    forth = [feed.batch(at) for at in range(feed.steps)]
    back = [feed.batch(at) for at in reversed(range(feed.steps))]
    assert all(same(a, b) for a, b in zip(forth, reversed(back), strict=True))
    feed.close()


def same(one: Samples, other: Samples) -> bool:
    return torch.equal(one.inputs, other.inputs) and torch.equal(one.targets, other.targets)


def test_a_file_that_vanishes_ends_the_run_by_its_name(pets: Path) -> None:
    case = case_of(pets, "a", on_disk(), epochs=50)
    events = case.events()
    seen: list[p.Event] = []
    for event in events:
        seen.append(event)
        if isinstance(event, p.EpochDone) and event.epoch == 1:
            for file in sorted((pets / "pets" / "pale").iterdir()):
                file.unlink()
    failed = seen[-1]
    assert isinstance(failed, p.Failed)
    assert "pale/" in failed.summary.message
    assert "not there any more" in failed.summary.message
    assert failed.details == ""
    assert any(isinstance(event, p.CheckpointSaved) for event in seen)
    assert readers() == []


@pytest.mark.parametrize("skip", [False, True])
def test_a_broken_image_ends_the_run_or_is_skipped_and_counted(skip: bool, pets: Path) -> None:
    case = case_of(pets, "a", on_disk(skip=skip), epochs=3)
    assert case.dataset.streamed is not None
    position = int(case.dataset.streamed.positions[7])
    kind, number = ("dark", position) if position < 60 else ("pale", position - 60)
    (pets / "pets" / kind / f"{number:02}.png").write_bytes(b"broken")
    seen = case.run()
    if skip:
        assert isinstance(seen[-1], p.Finished)
        found = [event.problem for event in seen if isinstance(event, p.ProblemFound)]
        assert [problem.severity for problem in found] == ["warning"]
        assert found[0].message.startswith("1 sample could not be read and is skipped.")
        assert f"{kind}/{number:02}.png" in found[0].message
    else:
        assert isinstance(seen[-1], p.Failed)
        assert f"{kind}/{number:02}.png is not a whole image" in seen[-1].summary.message
    assert readers() == []


def test_an_abandoned_run_leaves_no_reader(pets: Path) -> None:
    case = case_of(pets, "a", on_disk(), epochs=50)
    events = case.events()
    for event in events:
        if isinstance(event, p.EpochDone):
            break
    events.close()
    assert readers() == []
