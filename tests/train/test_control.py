"""What a recipe asks of the steps: accumulation, groups, averages, patience, precision, repeatability."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hand_written import Case, epochs, per_step
from msgspec.structs import replace
from safetensors.torch import load_file
from torch import nn

from studio import train
from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.own_settings import own_settings, with_settings
from studio.graph.project import DataRef
from studio.train.average import Average
from studio.train.fitting import largest_batch
from studio.train.stepper import Stepper
from studio.train.walking import walk


def smooth() -> dict[str, nn.Module]:
    """Neither BatchNorm nor dropout: a batch's gradient is the mean of its samples'."""
    return {
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(64, 32),
        "relu": nn.ReLU(),
        "fc2": nn.Linear(32, 10),
    }


def stepper(case: Case) -> Stepper:
    learner = train.builtin_learners()["core.supervised"]
    return Stepper(case.project, case.module_for, case.dataset, learner, torch.device("cpu"))


def weights(case: Case) -> dict[str, torch.Tensor]:
    found = runs.newest_weights(Path(case.job.folder))
    assert found is not None
    return load_file(found.path)


@pytest.mark.parametrize("optimizer", ["torch.optim.SGD", "torch.optim.AdamW"])
def test_accumulated_batches_are_one_large_batch(optimizer: str, tmp_path: Path) -> None:
    given = {"optimizer": optimizer, "optimizer_params": {"lr": 0.01}, "clip_norm": 0.5}
    large = Case(tmp_path / "a", smooth, batch_size=64, **given)
    small = Case(tmp_path / "b", smooth, batch_size=16, accumulate=4, **given)
    told, also = large.run(), small.run()
    assert len(per_step(told)) == len(per_step(also)) == 46
    assert torch.allclose(per_step(told), per_step(also), atol=1e-5)
    assert per_step(told, "lr").tolist() == per_step(also, "lr").tolist()
    one, other = weights(large), weights(small)
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)
    for done, same in zip(epochs(told), epochs(also), strict=True):
        assert done.metrics == pytest.approx(same.metrics, abs=1e-5)


def test_a_node_learns_at_a_rate_of_its_own(tmp_path: Path) -> None:
    groups = {"n_fc1": {"lr": 0.0}, "n_fc2": {"lr": 0.01, "weight_decay": 0.0}}
    case = Case(tmp_path, groups=groups, optimizer="torch.optim.SGD", schedule="core.constant")
    walker = stepper(case)
    (optimizer,) = walker.optimizers
    rates = [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert rates == [(0.003, 0), (0.0, 0), (0.01, 0.0)]
    before = {name: tensor.clone() for name, tensor in walker.network.state_dict().items()}
    with walker.stream:
        walker.take_step()
    after = walker.network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "fc1.weight" not in moved
    assert {"norm.weight", "fc2.weight"} <= moved
    walker.set_lr(0.006)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.006, 0.0, 0.02])


def test_a_blocks_settings_are_those_of_what_is_inside() -> None:
    groups = {"res1": {"lr": 0.1, "momentum": 0.5}, "res1/conv": {"lr": 0.2}, "d:x": {"lr": 3.0}}
    assert own_settings(groups, "main", "res1/conv") == {"lr": 0.2, "momentum": 0.5}
    assert own_settings(groups, "main", "res1/0/norm") == {"lr": 0.1, "momentum": 0.5}
    assert own_settings(groups, "main", "x") == {}
    assert own_settings(groups, "d", "x") == {"lr": 3.0}
    assert with_settings(groups, "d", "x", {"lr": None}) == {
        "res1": {"lr": 0.1, "momentum": 0.5},
        "res1/conv": {"lr": 0.2},
    }
    assert with_settings({}, "main", "a", {"lr": 0.5}) == {"a": {"lr": 0.5}}


def test_averaged_weights_are_the_ones_that_answer(tmp_path: Path) -> None:
    case = Case(tmp_path, smooth, ema=0.9, epochs=1)
    walker = stepper(case)
    name = "fc2.weight"
    expected = walker.network.state_dict()[name].clone()
    for _ in range(5):
        with walker.stream:
            walker.take_step()
        decay = min(0.9, (1 + walker.step) / (10 + walker.step))
        expected = decay * expected + (1 - decay) * walker.network.state_dict()[name]
    learning = walker.network.state_dict()[name].clone()
    with walker.answering():
        assert torch.allclose(walker.network.state_dict()[name], expected, atol=1e-6)
    assert torch.equal(walker.network.state_dict()[name], learning)

    events = case.run()
    state = runs.resumable(Path(case.job.folder))[-1].path
    kept = load_file(state)
    assert case.module is not None
    assert not torch.equal(kept[name], case.module.state_dict()[name])
    case.module.load_state_dict(kept)
    case.module.eval()
    with torch.no_grad():
        predicted = case.module(case.dataset.validation.inputs).argmax(1)
    share = (predicted == case.dataset.validation.targets).double().mean()
    assert epochs(events)[-1].metrics["val_accuracy"] == pytest.approx(float(share))


def test_an_average_goes_back_to_a_state() -> None:
    network = nn.Linear(2, 2)
    average = Average({"main": network}, 0.5)
    state = average.state()
    with torch.no_grad():
        network.weight.add_(1)
    average.follow(100)
    assert not torch.equal(average.state()["weight"], state["weight"])
    average.restore(state)
    assert torch.equal(average.state()["weight"], state["weight"])


def test_a_run_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    case = Case(tmp_path, smooth, epochs=30, patience=3, optimizer_params={"lr": 0.0})
    events = case.run()
    end = events[-1]
    assert isinstance(end, p.Finished)
    assert len(epochs(events)) == 4
    assert end.summary.message.startswith("Stopped early: val_accuracy got no better for 3 epochs.")
    assert runs.read_info(Path(case.job.folder)).message == end.summary.message


def test_less_than_the_least_is_no_better(tmp_path: Path) -> None:
    patient = Case(tmp_path / "a", epochs=6, patience=2).run()
    asking = Case(tmp_path / "b", epochs=6, patience=2, min_delta=0.5).run()
    assert len(epochs(asking)) == 3 < len(epochs(patient))
    assert "by more than 0.5" in asking[-1].summary.message  # type: ignore[union-attr]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns(precision: str, tmp_path: Path) -> None:
    events = Case(tmp_path, epochs=6, precision=precision).run()
    assert isinstance(events[-1], p.Finished), events[-1]
    assert epochs(events)[-1].metrics["val_accuracy"] > 0.85


def test_deterministic_algorithms_are_used_in_the_run_alone(tmp_path: Path) -> None:
    case = Case(tmp_path, deterministic=True, epochs=1)
    during = [torch.are_deterministic_algorithms_enabled() for _ in case.events()]
    assert all(during)
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_operation_that_does_not_repeat_itself_says_how_to_go_on(tmp_path: Path) -> None:
    class Wild(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError(
                "kthvalue CUDA does not have a deterministic implementation, but you set"
            )

    case = Case(tmp_path, lambda: smooth() | {"wild": Wild()}, deterministic=True)
    end = case.run()[-1]
    assert isinstance(end, p.Failed)
    assert "Turn deterministic off" in end.summary.message


# -------------------------------------------------------------------------------------- compilation


def test_a_compiler_that_fails_is_told_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: nn.Module, **options: object) -> object:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch, "compile", broken)
    events = Case(tmp_path / "a", compile=True).run()
    assert isinstance(events[1], p.Working)
    assert events[1].what == "Compiling"
    problem = next(event.problem for event in events if isinstance(event, p.ProblemFound))
    assert "torch.compile failed (no compiler here)" in problem.message
    assert problem.repairs[0].title == "Turn Compile off"
    plain = Case(tmp_path / "b").run()
    assert torch.equal(per_step(events), per_step(plain))


def test_compiled_steps_give_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[int] = []

    def eager(network: nn.Module, **options: object) -> object:
        def forward(*inputs: torch.Tensor) -> torch.Tensor:
            compiled.append(len(inputs[0]))
            return network(*inputs)

        return forward

    monkeypatch.setattr(torch, "compile", eager)
    events = Case(tmp_path / "a", compile=True).run()
    assert compiled[:2] == [64, 29]  # each size of batch is tried before the first step
    assert compiled[2:] == [64] * 22 + [29] + [64] * 22 + [29]  # what evaluates is not compiled
    assert torch.equal(per_step(events), per_step(Case(tmp_path / "b").run()))


# ------------------------------------------------------------------------------------ while running


def test_what_cannot_change_while_running_says_why(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=1)
    for values in (
        {"node": "n_relu", "frozen": True},
        {"node": "n_fc1", "p": 0.5},
        {"node": "n_drop", "p": 1.5},
        {"batch_size": 0},
        {"node": "n_fc1", "colour": 3},
    ):
        case.controls.set(values)
    told = [event.problem.message for event in case.run() if isinstance(event, p.ProblemFound)]
    assert len(told) == 5
    for words, message in zip(
        ("no weights", "no dropout", "between 0 and 1", "at least 1 sample", "colour of n_fc1"),
        told,
        strict=True,
    ):
        assert words in message


def test_the_last_weights_that_learn_cannot_be_frozen(tmp_path: Path) -> None:
    walker = stepper(Case(tmp_path, smooth))
    walker.steering.freeze("n_fc1", True)
    with pytest.raises(train.TrainProblem, match="nothing would learn any more"):
        walker.steering.freeze("n_fc2", True)
    walker.steering.freeze("n_fc1", False)
    before = walker.network.state_dict()["fc1.weight"].clone()
    with walker.stream:
        walker.take_step()
    assert not torch.equal(before, walker.network.state_dict()["fc1.weight"])


def test_what_was_frozen_from_the_start_can_learn_later(tmp_path: Path) -> None:
    case = Case(tmp_path, smooth)
    sheet = case.project.networks["main"]
    nodes = sheet.graph.nodes
    frozen = replace(nodes["n_fc1"], flags=frozenset({"frozen"}))
    graph = replace(sheet.graph, nodes=nodes | {"n_fc1": frozen})
    case.project = replace(case.project, networks={"main": replace(sheet, graph=graph)})
    walker = stepper(case)
    start = walker.network.state_dict()["fc1.weight"].clone()
    with walker.stream:
        walker.take_step()
    assert torch.equal(start, walker.network.state_dict()["fc1.weight"])
    walker.steering.freeze("n_fc1", False)
    with walker.stream:
        walker.take_step()
    assert not torch.equal(start, walker.network.state_dict()["fc1.weight"])


def test_a_one_cycle_keeps_its_batches(tmp_path: Path) -> None:
    walker = stepper(Case(tmp_path, schedule="torch.optim.lr_scheduler.OneCycleLR"))
    with pytest.raises(train.TrainProblem, match="batches keep their size"):
        walker.set_batch_size(32)


def test_a_walk_shows_the_step_that_comes_and_changes_nothing(tmp_path: Path) -> None:
    walker, straight = stepper(Case(tmp_path / "a")), stepper(Case(tmp_path / "b"))
    for each in (walker, straight):
        with each.stream:
            each.take_step()
    walked = walk(walker)
    assert walked.step == 1
    paths = ["n_flatten", "n_fc1", "n_norm", "n_relu", "n_drop", "n_fc2"]
    assert [stop.path for stop in walked.forward] == paths
    assert [stop.path for stop in walked.backward] == paths[:0:-1]
    assert walked.forward[1].shape == (64, 32)
    assert walked.backward[0].norm > 0
    with walker.stream, straight.stream:
        pass
    losses = []
    for each in (walker, straight):
        with each.stream:
            losses.append([float(each.take_step()[0][0]) for _ in range(3)])
    assert losses[0] == losses[1]


def test_a_paused_run_is_walked_through(tmp_path: Path) -> None:
    case = Case(tmp_path, epochs=1)
    case.controls.pause()
    case.controls.walk()
    kinds = []
    for event in case.events():
        kinds.append(type(event))
        if isinstance(event, p.Walked):
            case.controls.resume()
    assert p.Walked in kinds
    assert p.Walked not in [type(event) for event in runs.read_events(Path(case.job.folder))]


# ------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("fits", [0, 1, 7, 20, 63])
def test_the_largest_batch_is_found_by_trying(fits: int) -> None:
    tried: list[int] = []

    def attempt(size: int) -> bool:
        tried.append(size)
        return size <= fits

    found = largest_batch(64, attempt)
    assert found <= fits
    assert found >= fits * 0.75 - 1
    assert len(tried) <= 12


def test_out_of_memory_offers_a_batch_size_that_was_tried(tmp_path: Path) -> None:
    class Hungry(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.training and len(x) > 40:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return x

    case = Case(
        tmp_path, lambda: smooth() | {"hungry": Hungry()}, DataRef("sklearn.digits"), batch_size=512
    )
    events = case.run()
    end = events[-1]
    assert isinstance(end, p.Failed)
    problem = next(event.problem for event in events if isinstance(event, p.ProblemFound))
    (repair,) = problem.repairs
    project = repair.edits[0].apply(case.project)
    size = project.recipe.batch_size
    assert 30 <= size <= 40
    assert f"Batches of {size} samples fit: that was tried." in end.summary.message
    again = Case(tmp_path / "b", case.layers, batch_size=size)
    assert isinstance(again.run()[-1], p.Finished)


def test_a_layer_that_raises_is_named_with_its_file_and_line(tmp_path: Path) -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("I was made to break")

    end = Case(tmp_path, lambda: smooth() | {"broken": Broken()}).run()[-1]
    assert isinstance(end, p.Failed)
    assert "(in test_control.py, line" in end.summary.message
