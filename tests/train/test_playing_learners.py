"""Learners of another kind: a pair against each other, noise taken away, a world acted in."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from studio import compile, data, layers, train
from studio.data import Dataset
from studio.data.worlds import World
from studio.engine import protocol as p
from studio.engine.runs import is_low_best
from studio.graph.builder import Net
from studio.graph.facts import DataFacts, TensorType
from studio.graph.project import DataRef, Project, Recipe, Sheet
from studio.train.distance import frechet_distance
from studio.train.learners.diffusion import noise_levels
from studio.train.stepper import Stepper

SPECS = layers.builtin()
LINEAR, RELU, LEAKY, SILU = "torch.nn.Linear", "torch.nn.ReLU", "torch.nn.LeakyReLU", "torch.nn.SiLU"  # fmt: skip


def mlp(name: str, out: int, act: str = RELU) -> Sheet:
    net = Net()
    x = net.input(name)
    for _ in range(2):
        x = net.add(act, net.add(LINEAR, x, out_features=64))
    net.output(net.add(LINEAR, x, out_features=out))
    return net.project().networks["main"]


def duel() -> Project:
    recipe = Recipe(
        learner="core.adversarial",
        learner_params={"latent": 4},
        optimizer="torch.optim.Adam",
        optimizer_params={"lr": 1e-3, "betas": (0.5, 0.999)},
        schedule="core.constant",
        batch_size=64,
        epochs=40,
        threads=1,
    )
    networks = {"generator": mlp("z", 2), "discriminator": mlp("x", 1, LEAKY)}
    return Project(networks, data=DataRef("generated.gaussians"), recipe=recipe)


def denoiser(labelled: bool = True) -> Project:
    net = Net()
    x, t = net.input("x"), net.input("t")
    h = net.add(LINEAR, x, out_features=64)
    h = net.add("core.add", h, net.add(LINEAR, t, out_features=64))
    if labelled:
        label = net.add(
            "torch.nn.Embedding", net.input("label"), num_embeddings=9, embedding_dim=64
        )
        h = net.add("core.add", h, net.add("torch.nn.Flatten", label))
    h = net.add(SILU, net.add(LINEAR, net.add(SILU, h), out_features=64))
    net.output(net.add(LINEAR, h, out_features=2))
    recipe = Recipe(
        learner="core.diffusion",
        learner_params={"steps": 50},
        optimizer_params={"lr": 5e-3},
        batch_size=64,
        epochs=40,
        threads=1,
    )
    return replace(net.project(), data=DataRef("generated.gaussians"), recipe=recipe)


def policy() -> Project:
    net = Net()
    x = net.add("torch.nn.Tanh", net.add(LINEAR, net.input(), out_features=32))
    net.output(net.add(LINEAR, x, out_features=2))
    recipe = Recipe(
        learner="core.reinforce",
        optimizer="torch.optim.Adam",
        optimizer_params={"lr": 0.02},
        schedule="core.constant",
        batch_size=32,
        epochs=4,
        threads=1,
    )
    ref = DataRef("worlds.gymnasium", {"samples": 256})
    return replace(net.project(), data=ref, recipe=recipe)


WAYS: dict[str, Callable[[], Project]] = {"acting": policy, "diffusion": denoiser, "duel": duel}


class Case:
    """A project with its data, as an engine trains it."""

    def __init__(self, project: Project) -> None:
        if project.data.kind == "worlds.gymnasium":
            pytest.importorskip("gymnasium")
        self.project = project
        self.dataset: Dataset = data.open(project.data, Path.cwd())
        self.learner = train.builtin_learners()[project.recipe.learner]

    def module_for(self, project: Project, role: str, facts: DataFacts) -> nn.Module:
        return compile.build(project, role, SPECS, train.seen(project.recipe, facts))

    def stepper(self) -> Stepper:
        return Stepper(
            self.project, self.module_for, self.dataset, self.learner, torch.device("cpu")
        )

    def run(self, folder: Path, live: bool = False) -> list[p.Event]:
        job = p.Job(self.project, str(folder), "test", live)
        return list(train.run(job, self.module_for, self.dataset, train.Controls()))


def case(name: str, **recipe: Any) -> Case:
    project = WAYS[name]()
    return Case(replace(project, recipe=replace(project.recipe, **recipe)))


def figures(events: list[p.Event]) -> dict[str, float]:
    last = events[-1]
    assert isinstance(last, p.Finished), last
    return last.summary.last


def best(events: list[p.Event], metric: str) -> float:
    """The best value of a metric: a duel goes up and down."""
    last = events[-1]
    assert isinstance(last, p.Finished), last
    return last.summary.best[metric]["value"]


BARS = {
    "acting": ("val_mean_return", 120.0),
    "diffusion": ("val_loss", 0.75),
    "duel": ("val_frechet_distance", 1.0),
}


@pytest.mark.parametrize("name", sorted(WAYS))
def test_it_learns_what_an_untrained_network_cannot(name: str, tmp_path: Path) -> None:
    metric, bar = BARS[name]
    sign = -1 if is_low_best(metric) else 1
    still = {"optimizer": "torch.optim.SGD", "optimizer_params": {"lr": 1e-12}, "epochs": 1}
    fresh = best(case(name, **still).run(tmp_path / "fresh"), metric)
    assert sign * fresh < sign * bar
    trained = best(case(name).run(tmp_path / "trained"), metric)
    assert sign * trained > sign * bar


def take(stepper: Stepper, steps: int) -> None:
    for _ in range(steps):
        if stepper.at_epoch_end:
            stepper.end_epoch(0.0)
        with stepper.stream:
            stepper.take_step()


@pytest.mark.parametrize("name", sorted(WAYS))
def test_a_run_repeats_itself_and_goes_on_where_it_stopped(name: str) -> None:
    made = case(name)
    whole, halfway, again = made.stepper(), made.stepper(), made.stepper()
    take(whole, 4)
    take(halfway, 2)
    again.restore(halfway.capture())
    with torch.random.fork_rng():
        torch.manual_seed(99)  # nobody else's random numbers matter
        take(again, 2)
    for role, network in whole.networks.items():
        mine, other = network.state_dict(), again.networks[role].state_dict()
        assert all(torch.equal(mine[key], other[key]) for key in mine), role


@pytest.mark.parametrize("name", sorted(WAYS))
def test_looking_changes_nothing_and_shows_something(name: str, tmp_path: Path) -> None:
    few = {"epochs": 2}
    plain = figures(case(name, **few).run(tmp_path / "plain"))
    events = case(name, **few).run(tmp_path / "live", live=True)
    assert figures(events) == plain
    shown = [event for event in events if isinstance(event, p.Preview)]
    assert shown
    kind = {"acting": "returns"}.get(name, "points")
    assert shown[-1].kind == kind
    assert np.isfinite(shown[-1].arrays[kind]).all()
    stats = [event for event in events if isinstance(event, p.LayerStats)]
    assert stats
    assert stats[-1].nodes


# ------------------------------------------------------------------------------------ the duel


def test_each_network_has_an_optimiser_of_its_own() -> None:
    stepper = case("duel").stepper()
    first, second = stepper.optimizers
    owned = [
        {id(q) for group in opt.param_groups for q in group["params"]} for opt in (first, second)
    ]
    assert owned[0] == {id(q) for q in stepper.networks["generator"].parameters()}
    assert owned[1] == {id(q) for q in stepper.networks["discriminator"].parameters()}


def test_the_discriminator_may_learn_at_a_rate_of_its_own() -> None:
    made = case("duel", learner_params={"latent": 4, "discriminator_lr": 0.5})
    rates = [opt.param_groups[0]["lr"] for opt in made.stepper().optimizers]
    assert rates == pytest.approx([1e-3, 5e-4])


@pytest.mark.parametrize("loss", ["hinge", "least squares", "non-saturating"])
def test_every_loss_of_the_duel_moves_both(loss: str) -> None:
    stepper = case("duel", learner_params={"latent": 4, "loss": loss}).stepper()
    before = {role: copied(net) for role, net in stepper.networks.items()}
    take(stepper, 1)
    for role, network in stepper.networks.items():
        moved = [
            not torch.equal(a, b) for a, b in zip(before[role], network.parameters(), strict=True)
        ]
        assert any(moved), role


def copied(network: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def test_a_missing_network_is_named() -> None:
    project = duel()
    alone = replace(project, networks={"main": project.networks["discriminator"]})
    with pytest.raises(train.TrainProblem, match=r"needs a network named 'discriminator'.*Draw it"):
        Case(alone).stepper()


def test_the_distance_of_clouds_is_that_of_normal_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 3, generator=generator)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    # In units of the real samples' spread: (mean)² + (σ₁ − σ₂)² for each of three directions.
    assert frechet_distance(x, 2 * x + 1) == pytest.approx(3 * (1 + 1), rel=0.1)
    assert math.isnan(frechet_distance(x, torch.full_like(x, math.nan)))


# ------------------------------------------------------------------------------------- diffusion


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("steps", [2, 50, 1000])
def test_noise_grows_until_nothing_is_left(schedule: str, steps: int) -> None:
    levels = noise_levels(schedule, steps)
    assert levels.shape == (steps,)
    assert bool((levels.diff() < 0).all())
    assert 0 < float(levels[-1]) < (0.01 if steps > 2 else 0.5)
    assert float(levels[0]) > (0.95 if steps > 2 else 0.3)


def test_the_linear_schedule_is_the_published_one() -> None:
    # Ho et al. 2020: β from 10⁻⁴ to 0.02 in 1000 steps; ᾱ of the last is 4.04e-5.
    levels = noise_levels("linear", 1000)
    assert float(levels[0]) == pytest.approx(1 - 1e-4, rel=1e-5)
    assert float(levels[-1]) == pytest.approx(4.04e-5, rel=0.01)


def test_a_preview_takes_few_steps_however_many_a_sample_has() -> None:
    stepper = case("diffusion", learner_params={"steps": 1000, "guidance": 0.0}).stepper()
    calls = []
    stepper.network.register_forward_hook(lambda *call: calls.append(1))
    shown = stepper.learning.preview(stepper.validation.slice(0, 8))
    assert shown is not None
    assert len(calls) == 50
    assert np.isfinite(shown.arrays["points"]).all()


def test_a_network_may_do_without_the_class(tmp_path: Path) -> None:
    project = denoiser(labelled=False)
    made = Case(replace(project, recipe=replace(project.recipe, epochs=2)))
    assert math.isfinite(figures(made.run(tmp_path / "run"))["val_loss"])


def test_what_a_learner_gives_is_seen_by_the_networks() -> None:
    facts = case("diffusion").dataset.facts
    seen = train.seen(denoiser().recipe, facts)
    assert seen.more == {"t": TensorType((1,)), "label": TensorType((1,), "int64")}
    assert train.seen(Recipe(), facts) == facts
    answers = compile.infer(denoiser(), SPECS, seen, 0)
    assert not answers.errors


# ---------------------------------------------------------------------------------------- acting


def test_a_world_begins_alike_for_a_seed_and_ends() -> None:
    pytest.importorskip("gymnasium")
    world = World("CartPole-v1", 3)
    one, other = world.begin(5), world.begin(5)
    assert np.array_equal(one, other)
    over = np.zeros(3, dtype=bool)
    for _ in range(200):
        moment = world.act(np.zeros(3, dtype=np.int64))
        over |= moment.over
    world.close()
    assert over.all()
    assert moment.seen.shape == (3, 4)


@pytest.mark.parametrize("world", ["Acrobot-v1", "CartPole-v1", "MountainCar-v0"])
def test_every_world_shows_what_its_names_say(world: str) -> None:
    pytest.importorskip("gymnasium")
    facts = data.open(
        DataRef("worlds.gymnasium", {"world": world, "samples": 64}), Path.cwd()
    ).facts
    assert facts.task == "acting"
    assert facts.sample.shape == (len(facts.features),)
    assert len(facts.classes) in (2, 3)


@pytest.mark.parametrize(
    ("learner", "ref", "said"),
    [
        ("core.reinforce", DataRef(), "Acting needs a world"),
        ("core.adversarial", DataRef("generated.reverse"), "Samples are made of numbers"),
        ("core.diffusion", DataRef("generated.reverse"), "Noise is added to numbers"),
    ],
)
def test_data_that_does_not_suit_is_refused_with_a_way_out(
    learner: str, ref: DataRef, said: str
) -> None:
    facts = data.open(ref, Path.cwd()).facts
    (problem,) = train.suit_problems(Recipe(learner=learner), facts)
    assert said in problem.message
    assert problem.repairs
