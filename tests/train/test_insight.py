"""Looking deeper: filters, embeddings and surfaces are what the weights say, and change nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_written import DIGITS_28, Case, Chain, epochs, lenet, mlp, per_step, sheet_of
from torch import Tensor, nn

from studio.engine import protocol as p
from studio.engine import runs
from studio.engine.runs import MomentWriter, moment_steps, read_moment
from studio.graph.project import DataRef, Project
from studio.train.insight import FEW, GRID, Insights
from studio.train.paths import node_paths
from studio.train.probes import Probes
from studio.train.recording import Recorder

SPIRALS = DataRef("generated.spirals", {"samples": 300})
Layers = Callable[[], dict[str, nn.Module]]


def plane() -> dict[str, nn.Module]:
    return {"fc1": nn.Linear(2, 8), "tanh": nn.Tanh(), "fc2": nn.Linear(8, 2)}


def insights_of(case: Case, layers: dict[str, nn.Module]) -> tuple[Chain, Insights]:
    network = Chain(layers)
    nodes = node_paths(Project({"main": sheet_of(layers)}), "main")
    data = case.dataset
    return network, Insights(
        network,
        nodes,
        data.train,
        data.validation,
        "validation",
        data.facts,
        lambda o: o.softmax(1),
    )


def test_filters_are_the_weights(tmp_path: Path) -> None:
    network, insights = insights_of(Case(tmp_path, lenet, DIGITS_28), lenet())
    seen = insights.look(1)
    assert list(seen.filters) == ["n_conv1", "n_conv2"]
    for path, weight in (("n_conv1", network.conv1.weight), ("n_conv2", network.conv2.weight)):
        assert isinstance(weight, Tensor)
        pictures, limit = seen.filters[path], seen.limits[path]
        assert pictures.shape == (weight.shape[0], 5, 5)
        strongest = weight.flatten(2).norm(dim=2).argmax(1)
        planes = weight[torch.arange(len(weight)), strongest].detach().numpy()
        assert np.abs((pictures.astype(float) - 128) / 127 * limit - planes).max() <= limit / 250
    # The same scale at every moment shows growing weights as they are, by its limit.
    with torch.no_grad():
        network.conv1.weight.mul_(2.0)  # type: ignore[union-attr]
    again = insights.look(2)
    assert again.limits["n_conv1"] == pytest.approx(2 * seen.limits["n_conv1"])
    assert np.array_equal(again.filters["n_conv1"], seen.filters["n_conv1"])


def test_a_layer_that_reads_the_picture_has_filters_too(tmp_path: Path) -> None:
    network, insights = insights_of(Case(tmp_path), mlp())
    (path, pictures), *others = insights.look(1).filters.items()
    assert (path, pictures.shape, others) == ("n_fc1", (32, 8, 8), [])
    strongest = int(network.fc1.weight.abs().argmax()) // 64  # type: ignore[union-attr,operator]
    assert abs(int(pictures[strongest].astype(int).flatten()[0]) - 128) <= 127
    assert np.abs(pictures.astype(int) - 128).max() == 127


def test_filters_of_colours_are_colours(tmp_path: Path) -> None:
    layers = {"conv": nn.Conv2d(3, 4, 3), "flatten": nn.Flatten(), "fc": nn.Linear(4 * 36, 10)}

    class Coloured(Chain):
        def forward_tapped(self, x: Tensor, tap: object) -> Tensor:
            return super().forward_tapped(x.expand(-1, 3, -1, -1), tap)  # type: ignore[arg-type]

    case = Case(tmp_path)
    network = Coloured(layers)
    nodes = node_paths(Project({"main": sheet_of(layers)}), "main")
    data = case.dataset
    insights = Insights(
        network, nodes, data.train, data.validation, "validation", data.facts, lambda o: o
    )
    assert insights.look(1).filters["n_conv"].shape == (4, 3, 3, 3)


def test_the_embedding_is_the_last_layer_but_one_in_its_principal_components(
    tmp_path: Path,
) -> None:
    case = Case(tmp_path, lenet, DIGITS_28)
    network, insights = insights_of(case, lenet())
    shown = insights.look(1).embedding
    assert shown is not None
    assert (shown.node, shown.split) == ("n_relu4", "validation")
    assert FEW <= len(shown.samples) <= 400
    network.eval()
    chosen = case.dataset.validation.take(torch.from_numpy(shown.samples))
    told: dict[str, Tensor] = {}
    with torch.no_grad():
        outputs = network.forward_tapped(
            chosen.inputs, lambda path, port, t: told.setdefault(path, t)
        )
    assert np.array_equal(shown.targets, chosen.targets.numpy())
    assert np.array_equal(shown.read, outputs.argmax(1).numpy())
    values = told["n_relu4"] - told["n_relu4"].mean(0)
    singular = torch.linalg.svdvals(values)
    shares = (singular**2 / (singular**2).sum())[:32]
    assert np.allclose(shown.shares, shares, atol=1e-4)
    points = shown.points.astype(np.float64)
    assert points.shape == (len(chosen), 32)
    assert np.allclose(np.linalg.norm(points, axis=0)[:8], singular[:8], rtol=1e-2)
    # Points keep their side from moment to moment.
    later = insights.look(2).embedding
    assert later is not None
    assert np.array_equal(later.points, shown.points)


def test_the_embedding_of_more_features_than_samples_is_the_same(tmp_path: Path) -> None:
    case = Case(tmp_path)
    layers = {"flatten": nn.Flatten(), "wide": nn.Linear(64, 900), "fc": nn.Linear(900, 10)}
    network, insights = insights_of(case, layers)
    shown = insights.look(1).embedding
    assert shown is not None
    with torch.no_grad():
        inputs = case.dataset.validation.inputs[torch.from_numpy(shown.samples)]
        values = network.wide(inputs.flatten(1))  # type: ignore[operator]
    singular = torch.linalg.svdvals(values - values.mean(0))
    assert np.allclose(
        np.linalg.norm(shown.points.astype(float), axis=0)[:8], singular[:8], rtol=0.01
    )


def test_the_surface_is_what_the_network_answers_there(tmp_path: Path) -> None:
    case = Case(tmp_path, plane, SPIRALS)
    network, insights = insights_of(case, plane())
    surface = insights.look(1).surface
    assert surface is not None
    assert surface.values.shape == (GRID, GRID, 2)
    left, right, bottom, top = surface.extent
    inputs = case.dataset.train.inputs
    assert left < float(inputs[:, 0].min()) < float(inputs[:, 0].max()) < right
    assert bottom < float(inputs[:, 1].min()) < float(inputs[:, 1].max()) < top
    with torch.no_grad():
        corner = network(torch.tensor([[left, bottom], [right, bottom]])).softmax(1)
    assert np.allclose(surface.values[0, 0], corner[0], atol=1e-3)
    assert np.allclose(surface.values[0, -1], corner[1], atol=1e-3)
    assert len(surface.points) == len(surface.targets) == len(inputs)
    assert insights_of(Case(tmp_path / "digits"), mlp())[1].look(1).surface is None


def test_a_network_of_one_layer_has_no_embedding(tmp_path: Path) -> None:
    layers = {"fc": nn.Linear(2, 2)}
    _, insights = insights_of(Case(tmp_path, plane, SPIRALS), layers)
    seen = insights.look(1)
    assert seen.embedding is None
    assert seen.filters == {}


def test_broken_numbers_give_no_embedding_and_no_error(tmp_path: Path) -> None:
    network, insights = insights_of(Case(tmp_path, plane, SPIRALS), plane())
    with torch.no_grad():
        network.fc1.weight.fill_(float("nan"))  # type: ignore[union-attr,operator]
    seen = insights.look(1)
    assert seen.embedding is None
    assert seen.surface is not None
    assert np.isfinite(seen.surface.values).all()


def test_saturated_units_and_updates_are_counted(tmp_path: Path) -> None:
    case = Case(tmp_path, plane, SPIRALS)
    network = Chain(plane())
    nodes = node_paths(case.project, "main")
    data = case.dataset
    with torch.no_grad():
        network.fc1.weight[:2] = 0.0  # type: ignore[index]
        network.fc1.bias[:2] = torch.tensor([9.0, -9.0])  # type: ignore[index]
    probes = Probes(
        network, nodes, data.validation, data.facts, lambda o: o, 4.0, time.perf_counter
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    nn.functional.cross_entropy(network(data.train.inputs), data.train.targets).backward()
    optimizer.step()
    assert probes.due(1e12)
    stats = probes.take(1)[0]
    assert isinstance(stats, p.LayerStats)
    tanh = stats.nodes["n_tanh"]
    assert (tanh.saturated, tanh.units, tanh.dead) == (pytest.approx(2 / 8), 8, 0.0)
    assert stats.nodes["n_fc1"].saturated == 0.0
    changed = {name: value.detach() for name, value in network.named_parameters()}
    parts = ("fc2.weight", "fc2.bias")
    moved = sum(float((changed[name] - before[name]).square().sum()) for name in parts) ** 0.5
    length = sum(float(before[name].square().sum()) for name in parts) ** 0.5
    assert stats.nodes["n_fc2"].update == pytest.approx(moved / length, rel=1e-3)
    assert tanh.update is None
    # Looked at again without a step between, the same is told; after one, what that step changed.
    again = probes.take(1)[0]
    assert isinstance(again, p.LayerStats)
    assert again.nodes == stats.nodes
    assert not probes.due(1e12)  # the weights are noted, the next step is looked at
    optimizer.step()
    assert probes.due(1e12)
    third = probes.take(2)[0]
    assert isinstance(third, p.LayerStats)
    assert third.nodes["n_fc2"].update != stats.nodes["n_fc2"].update


def test_recording_keeps_to_its_share_of_the_time(tmp_path: Path) -> None:
    case = Case(tmp_path)
    now = [0.0]
    network = Chain(mlp())
    data = case.dataset

    class Dear:
        def wants(self, step: int) -> bool:
            return True

        def record(self, layers: p.LayerStats, pictures: p.Pictures) -> p.Insight:
            now[0] += 0.08
            return p.Insight(layers.step)

    probes = Probes(
        network,
        node_paths(case.project, "main"),
        data.validation,
        data.facts,
        lambda outputs: outputs,
        4.0,
        lambda: now[0],
        (),
        Dear(),
    )
    recorded = 0
    for step in range(1, 4001):
        now[0] += 0.05
        if probes.due(now[0]):
            recorded += sum(isinstance(event, p.Insight) for event in probes.take(step))
    assert recorded >= 10
    assert probes.seconds <= 0.02 * now[0] + 0.2
    probes.watch(0)  # nobody looks: what is kept goes on being kept
    before = recorded
    for step in range(4001, 8001):
        now[0] += 0.05
        if probes.due(now[0]):
            recorded += sum(isinstance(event, p.Insight) for event in probes.take(step))
    assert recorded > before


def test_recording_changes_no_figure(tmp_path: Path) -> None:
    """A moment after every step, and none at all, give the same run bit for bit."""

    def figures(name: str, live: bool) -> tuple[Case, list[p.Event]]:
        case = Case(tmp_path / name, live=live, epochs=2)
        if live:
            case.controls.step()
        seen: list[p.Event] = []
        for event in case.events():
            seen.append(event)
            if isinstance(event, p.ControlApplied) and event.action == "stepped":
                case.controls.step() if event.step < 30 else case.controls.resume()
        return case, seen

    _, plain = figures("plain", False)
    _, watched = figures("watched", True)
    assert torch.equal(per_step(plain), per_step(watched))
    assert [e.metrics for e in epochs(plain)] == [e.metrics for e in epochs(watched)]
    assert moment_steps(tmp_path / "plain" / "run") == ()
    kept = moment_steps(tmp_path / "watched" / "run")
    assert set(range(1, 31)) <= set(kept)
    assert kept[-1] == epochs(watched)[-1].step
    last = [event for event in watched if isinstance(event, p.Insight)][-1]
    assert last.kept == kept
    assert not any(isinstance(e, p.Insight) for e in runs.read_events(tmp_path / "watched" / "run"))


def test_a_stored_moment_is_what_was_told_at_its_step(tmp_path: Path) -> None:
    case = Case(tmp_path, plane, SPIRALS, epochs=1)
    case.controls.step()
    events = []
    for event in case.events():
        events.append(event)
        if isinstance(event, p.ControlApplied):
            case.controls.resume()
    insight = next(event for event in events if isinstance(event, p.Insight))
    stats = next(event for event in events if isinstance(event, p.LayerStats))
    moment = read_moment(tmp_path / "run", insight.step)
    assert moment is not None
    assert moment.layers == stats
    assert moment.insight is not None
    assert insight.surface is not None
    assert moment.insight.surface is not None
    assert np.array_equal(moment.insight.surface.values, insight.surface.values)


def test_a_full_disk_ends_the_run_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(tmp_path, epochs=1)

    def full(self: MomentWriter, moment: p.Moment) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MomentWriter, "keep", full)
    events = case.run()
    assert isinstance(events[-1], p.Failed)
    assert "space" in events[-1].summary.message.lower()


def test_what_looks_is_made_when_it_is_first_needed(tmp_path: Path) -> None:
    made: list[int] = []
    _, insights = insights_of(Case(tmp_path, plane, SPIRALS), plane())

    def make() -> Insights:
        made.append(1)
        return insights

    recorder = Recorder(make, MomentWriter(tmp_path))
    assert made == []
    empty = np.zeros((0, 2), np.float32)
    for step in (1, 2):
        pictures = p.Pictures(step, {}, empty, empty, np.zeros(0))
        told = recorder.record(p.LayerStats(step, {}), pictures)
    assert (made, told.kept) == ([1], (1, 2))


class Pixels(Chain):
    """Answers a row of figures for every pixel, as segmentation and token networks do."""

    def forward_tapped(self, x: Tensor, tap: Callable[[str, str, Tensor], Tensor]) -> Tensor:
        return super().forward_tapped(x, tap)[..., None].expand(-1, -1, 7)


def test_samples_that_are_many_things_have_no_reading(tmp_path: Path) -> None:
    case = Case(tmp_path)
    layers = mlp()
    network = Pixels(layers)
    nodes = node_paths(Project({"main": sheet_of(layers)}), "main")
    data = case.dataset
    many = data.validation.targets[:, None].expand(-1, 7)
    watched = type(data.validation)(data.validation.inputs, many)
    insights = Insights(
        network, nodes, data.train, watched, "validation", data.facts, lambda outputs: outputs
    )
    shown = insights.look(1).embedding
    assert shown is not None
    assert not shown.read.any()
    assert not shown.targets.any()
    assert shown.points.std() > 0
