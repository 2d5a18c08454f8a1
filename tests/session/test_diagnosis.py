"""Rules of the diagnosis: each on a history that shows what it looks for, and on one that does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from studio.engine import protocol as p
from studio.graph.builder import Net
from studio.graph.edits import Batch, SetData, SetRecipe, Swap
from studio.graph.facts import DataFacts, TensorType
from studio.graph.problems import Problem
from studio.graph.project import Project, Recipe
from studio.session.diagnosis import RULES, Case, Finding, diagnose
from studio.session.history import History

CLASSES = tuple("0123456789")


def project(activation: str = "torch.nn.ReLU", ending: str = "", **recipe: Any) -> Project:
    """Three Linear layers with an activation behind the first two."""
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), name="fc1", out_features=32)
    x = net.add("torch.nn.BatchNorm1d", x, name="norm")
    x = net.add(activation, x, name="act1")
    x = net.add("torch.nn.Linear", x, name="fc2", out_features=32)
    x = net.add(activation, x, name="act2")
    x = net.add("torch.nn.Dropout", x, name="drop", p=0.1)
    x = net.add("torch.nn.Linear", x, name="fc3", out_features=10)
    if ending:
        x = net.add(ending, x, name="end")
    net.output(x)
    settings = {"optimizer_params": {"lr": 0.003}} | recipe
    return net.project(recipe=Recipe(**settings))


def path(of: Project, name: str) -> str:
    node = of.networks["main"].graph.named(name)
    assert node is not None
    return node.id


def stat(**values: Any) -> p.LayerStat:
    return p.LayerStat(**({"mean": 0.0, "std": 1.0, "zero": 0.0} | values))


def healthy(of: Project) -> dict[str, p.LayerStat]:
    """Layers that learn: gradients of the same order, hardly a dead unit, outputs in the middle."""
    layers = {}
    for name in ("fc1", "norm", "act1", "fc2", "act2", "fc3"):
        if name.startswith("act"):
            bell = tuple(int(k) for k in 100 * np.exp(-(np.linspace(-3, 3, 32) ** 2)))
            layers[path(of, name)] = stat(
                units=32, dead=0.03, low=-0.9, high=0.9, histogram=bell, std=0.4
            )
        else:
            layers[path(of, name)] = stat(grad=0.05, weight=2.0)
    return layers


def falling(count: int = 400, start: float = 2.3, rate: float = 80.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loss = start * np.exp(-np.arange(count) / rate) + 0.05
    return np.asarray(loss * np.exp(rng.normal(0, 0.1, count)))


def case_of(
    of: Project | None = None,
    losses: np.ndarray | None = None,
    *,
    metrics: Sequence[dict[str, float]] = (),
    layers: dict[str, p.LayerStat] | None = None,
    confusion: np.ndarray | None = None,
    data: DataFacts | None = None,
    problems: Sequence[Problem] = (),
    **started: Any,
) -> Case:
    """A run that learns as it should, but for what is given."""
    of = of or project()
    losses = falling() if losses is None else losses
    history = History("run")
    about = {
        "folder": "run", "name": "run", "device": "cpu", "threads": 1, "epochs": 20,
        "steps_per_epoch": 20, "batch_size": of.recipe.batch_size, "train_samples": 640,
        "validation_samples": 360, "task": "classification", "classes": CLASSES,
    }  # fmt: skip
    history.take(p.Started(**(about | started)))
    steps = np.arange(1, len(losses) + 1)
    history.take(p.Progress(len(losses), 1, steps, {"train_loss": losses}, 1e4, 0.0))
    if not metrics:
        means = [float(part.mean()) for part in np.array_split(losses, 20)]
        metrics = [
            {"train_loss": mean, "val_loss": 1.1 * mean, "train_accuracy": 0.9, "val_accuracy": 0.9}
            for mean in means
        ]
    right = np.diag([36] * 10) if confusion is None else confusion
    for k, measured in enumerate(metrics, start=1):
        history.take(p.EpochDone(k, 20 * k, measured, 1.0, right))
    for k in range(1, 6):
        history.take(p.LayerStats(80 * k, healthy(of) | (layers or {})))
    for problem in problems:
        history.take(p.ProblemFound(len(losses), problem))
    return Case(of, history, data)


def rules(case: Case) -> set[str]:
    return {finding.rule for finding in diagnose(case)}


def only(case: Case) -> Finding:
    (finding,) = diagnose(case)
    return finding


def applied(case: Case, finding: Finding) -> Project:
    assert finding.change is not None
    return Batch(finding.change.title, finding.change.edits).apply(case.project)


def test_a_run_that_learns_has_nothing_to_look_at() -> None:
    assert diagnose(case_of()) == ()
    assert diagnose(Case(project(), History("run"))) == ()


def test_several_networks_of_which_none_is_main_are_looked_at_too() -> None:
    dead = p.LayerStat(0.0, 0.0, 1.0, dead=1.0, units=32)
    val = [{"train_loss": 1 / k, "val_loss": 0.1 * k} for k in range(1, 21)]
    case = case_of(metrics=val, layers={path(project(), "act1"): dead})
    sheet = case.project.networks["main"]
    pair = replace(case.project, networks={"discriminator": sheet, "generator": sheet})
    found = diagnose(Case(pair, case.history))
    assert found
    for one in found:  # no change is about a network that is not there
        assert one.change is None or applied(Case(pair, case.history), one)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("floor", [0.0, 0.5, 1.5])
def test_noise_is_no_finding(seed: int, floor: float) -> None:
    rng = np.random.default_rng(seed)
    losses = floor + falling(600, 2.3 - floor, 60, seed) * np.exp(rng.normal(0, 0.4, 600))
    assert diagnose(case_of(losses=losses)) == ()


def test_every_finding_speaks_plainly_and_carries_its_figures() -> None:
    shown = [make() for make, _ in SHOWN.values()]
    for case in shown:
        for finding in diagnose(case):
            assert finding.words.endswith(".")
            assert finding.figures
            assert finding.change is None or applied(case, finding) != case.project
    assert {finding.rule for case in shown for finding in diagnose(case)} == set(SHOWN)
    assert len(SHOWN) == len(RULES)


# ------------------------------------------------------------------------- one history for each rule


def high_rate() -> Case:
    return case_of(losses=np.concatenate([[2.3], np.linspace(2.4, 40, 120)]))


def low_rate() -> Case:
    rng = np.random.default_rng(1)
    losses = np.linspace(2.3, 2.05, 400) + rng.normal(0, 0.02, 400)
    return case_of(project(optimizer_params={"lr": 1e-5}), losses)


def stuck_at_chance() -> Case:
    rng = np.random.default_rng(1)
    bad = {"train_loss": 2.3, "val_loss": 2.3, "train_accuracy": 0.1, "val_accuracy": 0.1}
    return case_of(losses=2.303 + rng.normal(0, 0.02, 300), metrics=[bad] * 15)


def vanishing() -> Case:
    of = project("torch.nn.Sigmoid")
    faded = {path(of, "fc1"): stat(grad=1e-7, weight=2.0)}
    return case_of(of, layers=faded)


def exploding() -> Case:
    of = project()
    return case_of(of, layers={path(of, "fc2"): stat(grad=4e4, weight=3.0)})


def dead() -> Case:
    of = project()
    return case_of(of, layers={path(of, "act1"): stat(units=32, dead=0.75)})


def saturated() -> Case:
    of = project("torch.nn.Tanh")
    counts = (500, *[1] * 30, 500)
    ends = stat(low=-1.0, high=1.0, histogram=counts, std=0.99)
    return case_of(of, layers={path(of, "act2"): ends})


def one_class(share: float = 0.9) -> Case:
    counts = np.zeros((10, 10), np.int64)
    rest = max(1, round(400 * (1 - share) / 9))
    counts[:, 3] = rest
    counts[3, 3] = round(400 * share)
    return case_of(confusion=counts)


def over_fitted() -> Case:
    train = np.geomspace(2.0, 0.001, 20)
    val = np.concatenate([np.geomspace(2.0, 0.5, 8), np.linspace(0.55, 1.4, 12)])
    metrics = [
        {"train_loss": float(a), "val_loss": float(b), "val_accuracy": 0.8}
        for a, b in zip(train, val, strict=True)
    ]
    return case_of(losses=np.repeat(train, 20), metrics=metrics)


def leaking() -> Case:
    facts = DataFacts(
        "Digits", 640, 360, 0, TensorType((64,)), "table", "classification", CLASSES,
        warnings=("40 of 360 validation samples are in training too (the first: sample 3 is …).",),
    )  # fmt: skip
    return case_of(data=facts)


def squeezed() -> Case:
    return case_of(project(ending="torch.nn.Softmax"), losses=1.46 + falling(start=0.84))


def few_to_validate() -> Case:
    return case_of(validation_samples=40)


def tiny() -> Case:
    return case_of(project(batch_size=4))


SHOWN: dict[str, tuple[Callable[[], Case], str]] = {
    "lr too high": (high_rate, "Learning rate 0.0003"),
    "lr too low": (low_rate, "Learning rate 0.0001"),
    "stuck at chance": (stuck_at_chance, "Learning rate 0.03"),
    "vanishing gradients": (vanishing, "ReLU in the place of what squashes"),
    "exploding gradients": (exploding, "Clip the gradient at norm 1"),
    "dead units": (dead, "LeakyReLU in its place"),
    "saturated units": (saturated, "ReLU in its place"),
    "collapsed predictions": (one_class, "Balanced class weights"),
    "over-fitting": (over_fitted, "Dropout of 0.5"),
    "leak between splits": (leaking, "Drop duplicates"),
    "wrong ending": (squeezed, "Take end out"),
    "noisy validation": (few_to_validate, "Validate on 40% of the samples"),
    "BatchNorm with tiny batches": (tiny, "Batches of 32"),
}


@pytest.mark.parametrize("rule", sorted(SHOWN))
def test_it_finds_what_it_looks_for_and_nothing_else(rule: str) -> None:
    make, change = SHOWN[rule]
    found = only(make())
    assert found.rule == rule
    assert found.change is not None
    assert found.change.title == change


# ---------------------------------------------------------------- near it, and not there: no finding


def test_a_wild_start_that_found_its_way_is_no_finding() -> None:
    losses = np.concatenate([[2.3, 9.0, 30.0, 12.0, 6.0, 3.0], falling(300)])
    assert "lr too high" not in rules(case_of(losses=losses))


def test_a_loss_that_broke_is_grave_and_names_the_rate() -> None:
    told = Problem("The loss became not a number.", rule="diverged")
    found = only(case_of(losses=falling(40), problems=[told]))
    assert (found.rule, found.severity) == ("lr too high", "error")
    assert "no number" in found.title


def test_a_loss_that_falls_slowly_because_it_is_low_is_no_finding() -> None:
    losses = np.concatenate([falling(200), np.linspace(0.05, 0.04, 400)])
    assert diagnose(case_of(losses=losses)) == ()


def test_a_loss_on_its_plateau_is_not_too_slow() -> None:
    rng = np.random.default_rng(3)
    losses = 1.1 + 0.15 * np.exp(-np.arange(500) / 100) + rng.normal(0, 0.02, 500)
    assert "lr too low" not in rules(case_of(losses=losses))


def test_the_start_of_a_run_is_not_stuck() -> None:
    bad = {"train_loss": 2.3, "val_loss": 2.3, "train_accuracy": 0.1}
    assert diagnose(case_of(losses=np.full(60, 2.303), metrics=[bad])) == ()


def test_a_regression_is_stuck_at_the_mean_of_its_targets() -> None:
    facts = DataFacts(
        "Prices", 640, 360, 0, TensorType((8,)), "table", "regression", target_std=(3.0,)
    )
    bad = {"train_loss": 1.0, "val_loss": 1.0}
    noise = np.random.default_rng(0).normal(0, 0.01, 300)
    case = case_of(
        losses=1.0 + noise, metrics=[bad] * 15, data=facts, task="regression", classes=()
    )
    assert only(case).rule == "stuck at chance"
    assert diagnose(replace_data(case)) == ()


def replace_data(case: Case) -> Case:
    """Without standard targets nobody knows what guessing gives."""
    return Case(case.project, case.history, None)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("fc1", {"grad": 3e-4, "weight": 2.0}),
        ("fc2", {"grad": 90.0, "weight": 3.0}),
        ("fc2", {"grad": 400.0, "weight": 300.0}),
        ("act1", {"units": 32, "dead": 0.3}),
        ("act1", {"units": 2, "dead": 1.0}),
    ],
)
def test_layers_that_are_still_well_are_no_finding(name: str, values: dict[str, Any]) -> None:
    of = project()
    assert diagnose(case_of(of, layers={path(of, name): stat(**values)})) == ()


def test_units_that_died_once_and_came_back_are_no_finding() -> None:
    of = project()
    case = case_of(of, layers={path(of, "act1"): stat(units=32, dead=0.75)})
    case.history.take(p.LayerStats(480, healthy(of)))
    assert diagnose(case) == ()


def test_dead_units_say_since_when() -> None:
    found = only(dead())
    assert found.title == "24 of 32 units of act1 are dead"
    assert {one.name: one.value for one in found.figures} == {"dead": "75%", "since step": "80"}
    assert found.node == path(project(), "act1")


def test_a_squashing_layer_in_its_middle_is_no_finding() -> None:
    assert diagnose(case_of(project("torch.nn.Tanh"))) == ()


def test_a_class_that_is_all_there_is_may_be_predicted() -> None:
    counts = np.zeros((2, 2), np.int64)
    counts[0, 0], counts[1, 1] = 340, 20
    assert "collapsed predictions" not in rules(case_of(confusion=counts))


def test_one_answer_for_equal_classes_is_no_imbalance() -> None:
    counts = np.zeros((10, 10), np.int64)
    counts[:, 7] = 36
    found = only(case_of(confusion=counts))
    assert "no imbalance" in found.words
    assert found.change is not None
    assert found.change.title == "Learning rate 0.0003"


def test_a_validation_loss_that_stays_level_is_no_over_fitting() -> None:
    train = np.geomspace(2.0, 0.001, 20)
    val = np.concatenate([np.geomspace(2.0, 0.5, 8), np.linspace(0.5, 0.58, 12)])
    metrics = [
        {"train_loss": float(a), "val_loss": float(b)} for a, b in zip(train, val, strict=True)
    ]
    assert "over-fitting" not in rules(case_of(losses=np.repeat(train, 20), metrics=metrics))


def test_a_softmax_before_a_loss_that_wants_one_is_no_finding() -> None:
    of = project(ending="torch.nn.LogSoftmax", loss="torch.nn.NLLLoss")
    assert diagnose(case_of(of)) == ()


def test_many_samples_or_a_sure_answer_make_no_noise() -> None:
    sure = {"train_loss": 0.01, "val_loss": 0.01, "val_accuracy": 1.0, "train_accuracy": 1.0}
    assert diagnose(case_of(validation_samples=90, metrics=[sure] * 6)) == ()


def test_other_warnings_of_the_data_are_no_leak() -> None:
    facts = leaking().data
    assert facts is not None
    other = replace(facts, warnings=("2 of the features never change and teach nothing: 3, 4.",))
    assert diagnose(case_of(data=other)) == ()


def test_tiny_batches_without_a_batchnorm_are_no_finding() -> None:
    of = project(batch_size=4)
    case = case_of(of)
    del case.history.layers[path(of, "norm")]
    assert diagnose(case) == ()


# --------------------------------------------------------------------------------- what to change


def test_changes_are_edits_of_the_run_s_project() -> None:
    case = dead()
    (finding,) = diagnose(case)
    assert finding.change is not None
    assert finding.change.edits == (Swap("main", finding.node, "torch.nn.LeakyReLU"),)
    node = applied(case, finding).networks["main"].graph.named("act1")
    assert node is not None
    assert node.kind == "torch.nn.LeakyReLU"


def test_a_change_that_cannot_be_compared_says_so() -> None:
    change = only(leaking()).change
    assert change is not None
    (edit,) = change.edits
    assert isinstance(edit, SetData)
    assert edit.data.handling.duplicates == "drop"
    assert "do not compare" in change.no_trial


def test_weight_decay_grows_where_there_is_no_dropout() -> None:
    case = over_fitted()
    graph = case.project.networks["main"].graph
    bare = Swap("main", path(case.project, "drop"), "torch.nn.Identity").apply(case.project)
    assert graph.named("drop") is not None
    found = only(Case(bare, case.history))
    assert found.change is not None
    (edit,) = found.change.edits
    assert isinstance(edit, SetRecipe)
    assert edit.values["optimizer_params"]["weight_decay"] == pytest.approx(0.1)


def test_what_is_in_a_repeated_block_is_found_where_it_is_drawn() -> None:
    inner = Net()
    x = inner.add("torch.nn.Linear", inner.input(), name="fc", out_features=8)
    inner.output(inner.add("torch.nn.ReLU", x, name="act"))
    block = inner.project().networks["main"]
    from studio.graph.edits import AddNodes
    from studio.graph.graph import Node
    from studio.graph.project import Block

    base = replace(project(), blocks={"res": Block(block)})
    with_block = AddNodes("main", (Node("b1", "block.res", "res1", {"repeat": 2}),)).apply(base)
    act = block.graph.named("act")
    assert act is not None
    case = Case(with_block, History("run"))
    place = case.place(f"b1/1/{act.id}")
    assert place is not None
    assert (place[0], place[1].name) == ("block.res", "act")
    assert case.place("b1/1/none") is None
    (edit,) = case.swapped(f"b1/1/{act.id}", "torch.nn.LeakyReLU")
    changed = edit.apply(with_block).blocks["res"].sheet.graph.named("act")
    assert changed is not None
    assert changed.kind == "torch.nn.LeakyReLU"


def test_two_networks_that_play_against_each_other_may_lose() -> None:
    rising = np.concatenate([[0.7], np.linspace(0.7, 4.0, 300)])
    case = case_of(project(learner="core.adversarial"), rising)
    assert "lr too high" not in rules(case)
    assert "lr too high" in rules(case_of(losses=rising))
