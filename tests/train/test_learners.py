"""Every way of learning learns, repeats itself, goes on where it stopped, and refuses what it is not for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tiny_tasks as tiny
import torch
from msgspec.structs import replace as with_values

from studio import train
from studio.data import Dataset, Samples
from studio.engine import protocol as p
from studio.engine.runs import moment_steps, read_moment
from studio.engine.runs.previews import read_preview
from studio.graph.builder import Net
from studio.graph.project import Project, Recipe
from studio.train.losses import Loss
from studio.train.stepper import Stepper

CPU = torch.device("cpu")


class Way(NamedTuple):
    """A learner with a task, and the bar that it reaches and an untrained network misses."""

    data: Callable[[], Dataset]
    net: Callable[[], Net]
    metric: str
    bar: float
    recipe: dict[str, Any]


WAYS: dict[str, Way] = {
    "labels": Way(tiny.labels, lambda: tiny.flat(3), "val_f1_macro", 0.85, {}),
    "masks": Way(
        tiny.masks,
        lambda: tiny.pixelwise(2),
        "val_mean_iou",
        0.9,
        {"learner_params": {"dice": 1.0, "class_weights": "balanced"}},
    ),
    "graph": Way(tiny.graph, lambda: tiny.convolved_graph(2), "val_accuracy", 0.8, {"epochs": 60}),
    "boxes": Way(
        tiny.things, lambda: tiny.grid(7), "val_map50", 0.7,
        {"learner": "core.detection", "epochs": 30},
    ),
    "next token": Way(
        tiny.text, lambda: tiny.recurrent(8, 8), "val_accuracy", 0.95,
        {"learner": "core.next_token"},
    ),
    "masked token": Way(
        tiny.text, lambda: tiny.recurrent(9, 8, both=True), "val_accuracy", 0.8,
        {"learner": "core.masked_token", "epochs": 25},
    ),
    "sequences": Way(
        tiny.reversals, lambda: tiny.answering(6), "val_exact", 0.9,
        {"learner": "core.sequence_to_sequence", "epochs": 25},
    ),
    "copies": Way(
        tiny.pictures, tiny.narrow, "val_psnr", 15.0,
        {"learner": "core.reconstruction", "learner_params": {"noise": 0.05}},
    ),
}  # fmt: skip


def task(folder: Path, name: str, **recipe: Any) -> tiny.Task:
    way = WAYS[name]
    settings = {"optimizer_params": {"lr": 0.01}, **way.recipe, **recipe}
    return tiny.Task(folder, way.data(), way.net(), **settings)


@pytest.mark.parametrize("name", sorted(WAYS))
def test_it_learns_what_an_untrained_network_cannot(name: str, tmp_path: Path) -> None:
    way = WAYS[name]
    fresh = task(tmp_path / "fresh", name, epochs=1, optimizer_params={"lr": 1e-12}).metrics()
    assert fresh[way.metric] < way.bar
    trained = task(tmp_path / "trained", name).metrics()
    assert trained[way.metric] > way.bar
    assert trained["val_loss"] < fresh["val_loss"]


@pytest.mark.parametrize("name", sorted(WAYS))
def test_a_run_repeats_itself_and_goes_on_where_it_stopped(name: str, tmp_path: Path) -> None:
    whole = stepper(tmp_path, name)
    take(whole, 4)
    halfway = stepper(tmp_path, name)
    take(halfway, 2)
    state = halfway.capture()
    again = stepper(tmp_path, name)
    again.restore(state)
    with torch.random.fork_rng():
        torch.manual_seed(99)  # nobody else's random numbers matter
        take(again, 2)
    for mine, other in zip(
        whole.network.state_dict().values(), again.network.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, other)


def stepper(folder: Path, name: str, device: torch.device = CPU) -> Stepper:
    made = task(folder, name)
    learner = train.builtin_learners()[made.project.recipe.learner]
    return Stepper(made.project, made.module_for, made.dataset, learner, device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", sorted(WAYS))
def test_no_step_waits_for_the_device(name: str, tmp_path: Path) -> None:
    made = stepper(tmp_path, name, torch.device("cuda"))
    take(made, 2)  # what is made once may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        with made.stream:
            made.take_step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def take(stepper: Stepper, steps: int) -> None:
    for _ in range(steps):
        if stepper.at_epoch_end:
            stepper.end_epoch(0.0)
        with stepper.stream:
            stepper.take_step()


@pytest.mark.parametrize("name", sorted(WAYS))
def test_looking_changes_nothing_and_shows_something(name: str, tmp_path: Path) -> None:
    plain, watched = (task(tmp_path / each, name, epochs=2) for each in ("a", "b"))
    watched.job = with_values(watched.job, live=True)
    figures = plain.metrics()
    events = watched.run()
    last = events[-1]
    assert isinstance(last, p.Finished), last
    assert last.summary.last == figures
    shown = [event for event in events if isinstance(event, p.Preview)]
    if name in ("labels", "graph"):
        assert not shown
        return
    assert shown
    stored = read_preview(tmp_path / "b" / "run")
    assert stored is not None
    assert (stored.kind, stored.words, stored.step) == (
        shown[-1].kind, shown[-1].words, shown[-1].step,
    )  # fmt: skip
    shapes = {k: v.shape for k, v in shown[-1].arrays.items()}
    assert {k: v.shape for k, v in stored.arrays.items()} == shapes
    first, *_ = moment_steps(tmp_path / "b" / "run")
    moment = read_moment(tmp_path / "b" / "run", first)
    assert moment is not None
    assert moment.preview is not None
    assert {k: v.shape for k, v in moment.preview.arrays.items()} == shapes


def test_previews_are_what_the_window_draws(tmp_path: Path) -> None:
    shown = {name: preview(tmp_path, name) for name in ("masks", "boxes", "copies", "sequences")}
    masks = shown["masks"].arrays
    assert masks["images"].dtype == np.uint8
    assert masks["images"].shape == masks["masks"].shape == masks["targets"].shape == (12, 12, 12)
    boxes = shown["boxes"].arrays
    assert boxes["boxes"].shape[2] == 6
    assert boxes["targets"].shape[2] == 5
    copies = shown["copies"].arrays
    assert copies["images"].shape == copies["outputs"].shape == (12, 8, 8)
    given, said, true = shown["sequences"].words[0].split("\t")
    assert given == true[:-1][::-1]
    assert len(said) == len(true)


def preview(folder: Path, name: str) -> p.Preview:
    made = stepper(folder, name)
    with torch.no_grad():
        found = made.learning.preview(made.validation)
    assert found is not None
    return found


def test_written_text_follows_what_was_learned(tmp_path: Path) -> None:
    made = stepper(tmp_path, "next token")
    take(made, 60)
    with torch.no_grad():
        found = made.learning.preview(made.validation)
    assert found is not None
    start, rest = found.words[0].split("\t")
    assert (start + rest)[:60] in "abcdefgh" * 20


# -------------------------------------------------------------------------------------- what suits


def test_every_task_has_its_learner_and_a_wrong_one_is_told_with_a_way_out() -> None:
    for name, way in sorted(WAYS.items()):
        facts = way.data().facts
        kind = way.recipe.get("learner", "core.supervised")
        if name not in ("masked token", "copies"):
            assert train.proposed(facts) == kind
        assert train.suit_problems(Recipe(learner=kind), facts) == ()
        wrong = "core.detection" if kind != "core.detection" else "core.next_token"
        (problem,) = train.suit_problems(Recipe(learner=wrong, loss="torch.nn.L1Loss"), facts)
        assert facts.title in problem.message
        project = Project(recipe=Recipe(learner=wrong, loss="torch.nn.L1Loss"))
        for edit in problem.repairs[0].edits:
            project = edit.apply(project)
        assert train.suit_problems(project.recipe, facts) == ()


def test_a_loss_that_cannot_compare_is_told_with_a_way_out() -> None:
    recipe = Recipe(loss="torch.nn.CrossEntropyLoss")
    (problem,) = train.suit_problems(recipe, tiny.labels().facts)
    assert "CrossEntropyLoss compares classes" in problem.message
    (edit,) = problem.repairs[0].edits
    assert train.suit_problems(edit.apply(Project(recipe=recipe)).recipe, tiny.labels().facts) == ()


# ----------------------------------------------------------------------------------------- hostile


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("masks", lambda y: y.fill_(7), "classes from 0 to 1, but sample 0 of the train split has 7"),
        ("masks", lambda y: y.fill_(-100), "nothing to learn"),
        ("next token", lambda y: y.fill_(-1), "classes from 0 to 7"),
        ("labels", lambda y: y.fill_(2.5), "0 or 1 each, but sample 0 of the train split has 2.5"),
        ("boxes", lambda y: y.fill_(3.0), "a class from 0 to 1 and four shares"),
    ],
)  # fmt: skip
def test_targets_that_are_none_are_named(
    name: str, spoil: Callable[[torch.Tensor], object], said: str, tmp_path: Path
) -> None:
    made = task(tmp_path, name)
    spoil(made.dataset.train.targets)
    assert said in made.failed()


@pytest.mark.parametrize("name", ["boxes", "copies", "labels", "masks", "next token", "sequences"])
def test_an_output_of_another_shape_is_a_sentence(name: str, tmp_path: Path) -> None:
    made = task(tmp_path, name)
    made.module_for = lambda project, role, facts: Constant()  # type: ignore[method-assign]
    told = made.failed()
    assert "needs" in told or "needed" in told or "numbers a sample" in told
    assert "Traceback" not in told


class Constant(torch.nn.Module):
    """Answers everything with five numbers a sample, whatever the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(5))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.weight.expand(len(inputs[0]), 5)

    def forward_tapped(self, *inputs: Any) -> torch.Tensor:
        return self.forward(*inputs[:-1])


def test_a_batch_without_any_box_is_learned_from(tmp_path: Path) -> None:
    made = stepper(tmp_path, "boxes")
    empty = made.validation.slice(0, 4)
    empty = replace(empty, targets=torch.full_like(empty.targets, -1.0))
    before = made.learning.evaluate(empty)
    for _ in range(20):
        with made.stream:
            made.learning.step(empty)
    after = made.learning.evaluate(empty)
    assert after.metrics["loss"] < before.metrics["loss"]
    assert after.metrics["map50"] == 0


@pytest.mark.parametrize("name", ["graph", "masks", "next token", "sequences"])
def test_a_batch_with_nothing_to_learn_changes_no_number_into_none(
    name: str, tmp_path: Path
) -> None:
    made = stepper(tmp_path, name)
    batch = made.train_part.slice(0, 4)
    batch = replace(batch, targets=torch.full_like(batch.targets, -100))
    with made.stream:
        trace = made.learning.step(batch)
    figures = made.learning.figures([trace])
    assert float(figures["train_loss"]) == 0
    assert all(bool(w.isfinite().all()) for w in made.network.state_dict().values())
    assert all(np.isfinite(value) for value in made.learning.evaluate(batch).metrics.values())


def test_mixed_samples_have_shares_as_targets() -> None:
    facts = tiny.pictures().facts
    outputs = torch.randn(6, 2)
    sure = torch.tensor([0, 1, 1, 0, 1, 0])
    hard, soft = Loss("", {}, facts), torch.nn.functional.one_hot(sure, 2).float()
    assert torch.allclose(hard(outputs, sure), hard(outputs, soft))
    weighed = Loss("", {"label_smoothing": 0.1}, facts, torch.tensor([1.0, 3.0]))
    assert bool(weighed(outputs, soft * 0.7 + 0.15).isfinite())
    with pytest.raises(train.TrainProblem, match="shares of several"):
        Loss("torch.nn.NLLLoss", {}, facts)(outputs, soft)


def test_large_masks_are_thinned_before_they_travel(tmp_path: Path) -> None:
    inputs, targets = torch.rand(40, 1, 8, 300), torch.zeros(40, 8, 300, dtype=torch.int64)
    wide = tiny.dataset("segmentation", "image", Samples(inputs, targets), 8, classes=("a", "b"))
    made = tiny.Task(tmp_path, wide, tiny.pixelwise(2), epochs=1)
    made.job = with_values(made.job, live=True)
    events = made.run()
    shown = [event for event in events if isinstance(event, p.Preview)][-1]
    assert shown.arrays["masks"].shape == shown.arrays["targets"].shape == (8, 3, 100)
    assert shown.arrays["masks"].dtype == np.int16
    pictures = [event for event in events if isinstance(event, p.Pictures)][-1]
    assert pictures.outputs.shape == pictures.targets.shape == (8, 3, 100)
