"""Breakpoints in real runs: where they pause, what they show, the way back, and going on."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_written import Case, Chain, mlp, per_step
from torch import nn

from studio.engine import protocol as p
from studio.engine.event_lines import decode, encode
from studio.graph.breakpoints import Breakpoint

Answer = Callable[[Case, p.BreakpointHit], None]


def resume(case: Case, hit: p.BreakpointHit) -> None:
    case.controls.resume()


def course(case: Case, answer: Answer = resume) -> list[p.Event]:
    """Run to the end; at each pause of a breakpoint `answer` steers."""
    seen: list[p.Event] = []
    hit: p.BreakpointHit | None = None
    for event in case.events():
        seen.append(event)
        if isinstance(event, p.BreakpointHit):
            hit = event
        if hit and isinstance(event, p.ControlApplied) and event.action == "paused":
            answer(case, hit)
            hit = None
    return seen


def hits(events: list[p.Event]) -> list[p.BreakpointHit]:
    return [event for event in events if isinstance(event, p.BreakpointHit)]


def case_of(folder: Path, *breakpoints: Breakpoint, **recipe: object) -> Case:
    return Case(folder, breakpoints=breakpoints, **recipe)


def test_a_run_with_breakpoints_that_are_not_hit_gives_the_same_figures(tmp_path: Path) -> None:
    plain = Case(tmp_path / "a").run()
    watched = case_of(
        tmp_path / "b",
        Breakpoint("not_finite"),
        Breakpoint("gradient", 1e6),
        Breakpoint("dead", 0.99),
        Breakpoint("spike", 1e6),
        Breakpoint("when", text='step > 1e6 or grad["fc1"] > 1e6 or val_loss < 0'),
    ).run()
    assert not hits(watched)
    assert torch.equal(per_step(plain), per_step(watched))


def test_it_pauses_right_after_the_step_and_going_on_changes_nothing(tmp_path: Path) -> None:
    plain = Case(tmp_path / "a", live=False)
    figures = per_step(plain.run())
    case = case_of(tmp_path / "b", Breakpoint("when", text="step >= 17"), live=False)
    events = course(case)
    (hit,) = hits(events)
    assert hit.step == 17
    at = events.index(hit)
    assert max(e.step for e in events[:at] if isinstance(e, p.Progress)) == 17
    paused = next(e for e in events[at:] if isinstance(e, p.ControlApplied))
    assert (paused.action, paused.step) == ("paused", 17)
    assert torch.equal(per_step(events), figures)
    for name, tensor in plain.module.state_dict().items():  # type: ignore[union-attr]
        assert torch.equal(tensor, case.module.state_dict()[name]), name  # type: ignore[union-attr]


def test_the_batch_of_the_step_is_named(tmp_path: Path) -> None:
    fed: list[torch.Tensor] = []

    class Looking(nn.Flatten):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.training:
                fed.append(x.clone())
            return super().forward(x)

    def layers() -> dict[str, nn.Module]:
        return mlp() | {"flatten": Looking()}

    case = Case(tmp_path, layers, live=False, breakpoints=(Breakpoint("when", text="step == 30"),))
    (hit,) = hits(course(case))
    inputs = case.dataset.train.inputs[list(hit.samples)]
    assert len(hit.samples) == 64
    assert any(torch.equal(batch.contiguous(), inputs) for batch in fed)


def test_a_step_back_undoes_the_step_and_takes_it_again(tmp_path: Path) -> None:
    figures = per_step(Case(tmp_path / "a", live=False).run())
    case = case_of(tmp_path / "b", Breakpoint("when", text="step == 40"), live=False)

    steps = iter([2, 0])

    def back(case: Case, hit: p.BreakpointHit) -> None:
        for _ in range(next(steps)):
            case.controls.back()
        case.controls.resume()

    events = course(case, back)
    assert [hit.step for hit in hits(events)] == [40, 40]
    undone = [e.step for e in events if isinstance(e, p.ControlApplied) and e.action == "back"]
    assert undone == [39, 38]
    at = next(k for k, e in enumerate(events) if isinstance(e, p.ControlApplied) and e.step == 38)
    later = [e for e in events[at:] if isinstance(e, p.Progress)]
    assert later[0].steps[0] == 39
    again = torch.from_numpy(np.concatenate([e.values["train_loss"] for e in later]))
    assert torch.equal(again, figures[38:])
    means = [e.metrics["train_loss"] for e in events if isinstance(e, p.EpochDone)]
    assert len(means) == 2


def test_a_step_back_over_the_end_of_an_epoch_measures_it_again(tmp_path: Path) -> None:
    first = Case(tmp_path / "a", live=False).run()
    case = case_of(tmp_path / "b", Breakpoint("when", text="val_accuracy > 0"), live=False)

    def back(case: Case, hit: p.BreakpointHit) -> None:
        case.controls.pause_at(())
        case.controls.back()
        case.controls.resume()

    events = course(case, back)
    assert [hit.step for hit in hits(events)] == [23]
    told = [(e.epoch, e.metrics) for e in events if isinstance(e, p.EpochDone)]
    plain = [(e.epoch, e.metrics) for e in first if isinstance(e, p.EpochDone)]
    assert told == [plain[0], *plain]


def test_before_the_first_kept_state_there_is_no_way_back(tmp_path: Path) -> None:
    case = case_of(tmp_path, Breakpoint("when", text="step == 1"), epochs=1, live=False)

    def back(case: Case, hit: p.BreakpointHit) -> None:
        case.controls.pause_at(())
        case.controls.back()
        case.controls.back()
        case.controls.resume()

    events = course(case, back)
    (told,) = [e.problem.message for e in events if isinstance(e, p.ProblemFound)]
    assert told.startswith("There is no step back from step 0")
    assert isinstance(events[-1], p.Finished)


def too_fast() -> dict[str, nn.Module]:
    return {"flatten": nn.Flatten(), "fc1": nn.Linear(64, 32), "fc2": nn.Linear(32, 10)}


def test_where_numbers_break_it_pauses_before_the_step(tmp_path: Path) -> None:
    recipe = {
        "optimizer": "torch.optim.SGD",
        "optimizer_params": {"lr": 1e6},
        "schedule": "core.constant",
        "live": False,
    }
    plain = Case(tmp_path / "a", too_fast, **recipe).run()  # type: ignore[arg-type]
    assert isinstance(plain[-1], p.Failed)
    case = Case(tmp_path / "b", too_fast, breakpoints=(Breakpoint("not_finite"),), **recipe)  # type: ignore[arg-type]

    def slower(case: Case, hit: p.BreakpointHit) -> None:
        case.controls.back()
        case.controls.stop()

    events = course(case, slower)
    (hit,) = hits(events)
    problem = next(e for e in plain if isinstance(e, p.ProblemFound))
    assert hit.step == problem.step
    assert hit.node == problem.problem.node != ""
    assert hit.what in problem.problem.message
    assert "Training stopped" not in hit.what
    assert len(hit.samples) == 64
    actions = [(e.action, e.step) for e in events if isinstance(e, p.ControlApplied)]
    assert ("paused", hit.step - 1) in actions
    assert isinstance(events[-1], p.Stopped)


def test_without_its_breakpoint_a_broken_number_ends_the_run(tmp_path: Path) -> None:
    case = Case(
        tmp_path,
        too_fast,
        live=False,
        optimizer="torch.optim.SGD",
        optimizer_params={"lr": 1e6},
        breakpoints=(Breakpoint("not_finite", enabled=False),),
    )
    assert isinstance(case.run()[-1], p.Failed)


def test_a_gradient_above_its_limit_names_the_layer(tmp_path: Path) -> None:
    case = Case(
        tmp_path,
        too_fast,
        live=False,
        epochs=1,
        optimizer="torch.optim.SGD",
        optimizer_params={"lr": 0.01},
        breakpoints=(Breakpoint("gradient", 1e-3),),
    )
    (hit,) = hits(course(case))
    assert hit.step == 1
    assert hit.node in ("n_fc1", "n_fc2")
    assert hit.value > 1e-3
    assert "gradient norm" in hit.what


def test_the_gradient_that_is_measured_is_the_steps_own(tmp_path: Path) -> None:
    """What a breakpoint tells of a layer's gradient is what the layer's parameters hold at the pause."""
    case = Case(
        tmp_path,
        too_fast,
        live=False,
        epochs=1,
        breakpoints=(Breakpoint("when", text="step == 9"), Breakpoint("gradient", 1e-6, "n_fc2")),
    )
    measured: list[float] = []

    def look(case: Case, hit: p.BreakpointHit) -> None:
        layer = case.module.fc2  # type: ignore[union-attr]
        grads = [each.grad for each in layer.parameters()]
        measured.append(math.sqrt(sum(float(grad.square().sum()) for grad in grads)))
        case.controls.resume()

    found = hits(course(case, look))
    assert [(hit.step, hit.node) for hit in found] == [(1, "n_fc2"), (9, "")]
    assert found[0].value == pytest.approx(measured[0], rel=1e-5)


def dying() -> dict[str, nn.Module]:
    layers = {
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(64, 16),
        "relu": nn.ReLU(),
        "fc2": nn.Linear(16, 10),
    }
    with torch.no_grad():
        layers["fc1"].bias[:12] = -100.0  # type: ignore[index]
    return layers


@pytest.mark.parametrize("live", [False, True])
def test_dead_units_pause_it_also_while_nobody_looks(tmp_path: Path, live: bool) -> None:
    case = Case(
        tmp_path, dying, live=live, epochs=1, breakpoints=(Breakpoint("dead", 0.5, "n_relu"),)
    )
    (hit,) = hits(course(case))
    assert hit.node == "n_relu"
    assert hit.value == pytest.approx(12 / 16, abs=0.1)
    assert "of 16 units of relu" in hit.what


def test_conditions_read_layers_and_epochs(tmp_path: Path) -> None:
    case = Case(
        tmp_path,
        dying,
        live=False,
        breakpoints=(
            Breakpoint("when", text='dead["relu"] > 0.5 and dead["relu"] < 2'),
            Breakpoint("when", text="val_loss < 1e9 and epoch == 2"),
        ),
    )
    found = hits(course(case))
    assert [hit.breakpoint.text[:4] for hit in found] == ["dead", "val_"]
    assert found[1].step == 46


def test_a_condition_over_what_is_not_recorded_is_told_once(tmp_path: Path) -> None:
    case = case_of(tmp_path, Breakpoint("when", text="los < 1 and step > 3"), live=False)
    events = case.run()
    (told,) = [e.problem.message for e in events if isinstance(e, p.ProblemFound)]
    assert "reads los, which this run does not record" in told
    assert "train_loss" in told
    assert "val_accuracy" in told


def test_breakpoints_change_while_a_run_is_under_way(tmp_path: Path) -> None:
    case = case_of(tmp_path, Breakpoint("when", text="step % 10 == 0"), live=False)

    def ignore(case: Case, hit: p.BreakpointHit) -> None:
        if hit.step == 20:
            case.controls.pause_at((Breakpoint("when", text="step == 33"),))
        case.controls.resume()

    assert [hit.step for hit in hits(course(case, ignore))] == [10, 20, 33]


def test_a_hit_is_kept_with_the_run(tmp_path: Path) -> None:
    hit = p.BreakpointHit(7, Breakpoint("spike", 3.0), "The loss was 9", 9.0, "n1", (3, 1, 2))
    (read,) = decode([encode(hit)])
    assert read == hit


def test_a_spike_is_measured_against_the_losses_before_it(tmp_path: Path) -> None:
    from studio.train.watch import Watch

    watch = Watch((Breakpoint("spike", 3.0),), Chain(too_fast()), ())
    rng = np.random.default_rng(0)
    losses = rng.uniform(0.9, 1.1, 300).astype(np.float32)
    losses[5] = 50.0  # too early to know what is usual
    losses[200] = 3.5
    seen = []
    for start in range(0, 300, 37):
        part = losses[start : start + 37]
        while len(part):
            hit = watch.steps(start + 1, 1, {"train_loss": part})
            if hit is None:
                break
            seen.append((hit.step, hit.value))
            part, start = losses[hit.step : start + len(part)], hit.step
    assert seen == [(201, 3.5)]
