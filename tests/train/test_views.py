"""Live views show what is inside, and change nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hand_written import DIGITS_28, Case, Chain, lenet, mlp, sheet_of
from torch import Tensor, nn

from studio.data import Dataset
from studio.engine import protocol as p
from studio.graph.project import DataRef, Project
from studio.train.paths import NodePath, node_paths
from studio.train.probes import Probes


def probes_of(
    case: Case,
    layers: dict[str, nn.Module],
    present: Callable[[Tensor], Tensor] = lambda outputs: outputs.softmax(1),
) -> tuple[Chain, Probes]:
    network = Chain(layers)
    nodes = node_paths(Project({"main": sheet_of(layers)}), "main")
    dataset: Dataset = case.dataset
    return network, Probes(
        network, nodes, dataset.validation, dataset.facts, present, 4.0, time.perf_counter
    )


def taken(probes: Probes, step: int = 1) -> tuple[p.LayerStats, p.Pictures, list[p.Event]]:
    stats, pictures, *rest = probes.take(step)
    assert isinstance(stats, p.LayerStats)
    assert isinstance(pictures, p.Pictures)
    return stats, pictures, rest


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, lenet, DIGITS_28)


def test_statistics_are_those_of_the_activations(case: Case) -> None:
    torch.manual_seed(0)
    network, probes = probes_of(case, lenet())
    batch = case.dataset.train.slice(0, 32)
    nn.functional.cross_entropy(network(batch.inputs), batch.targets).backward()
    stats, _, _ = taken(probes)
    network.eval()
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        network.forward_tapped(
            case.dataset.validation.inputs[:64], lambda path, port, t: seen.setdefault(path, t)
        )
    for path in ("n_fc1", "n_relu3", "n_fc3"):
        stat, values = stats.nodes[path], seen[path]
        assert stat.mean == pytest.approx(float(values.mean()), abs=1e-5)
        assert stat.std == pytest.approx(float(values.std(correction=0)), abs=1e-5)
        assert stat.zero == pytest.approx(float((values == 0).float().mean()), abs=1e-6)
        assert (stat.low, stat.high) == (float(values.min()), float(values.max()))
        expected, _ = np.histogram(values.numpy(), 32, (stat.low, stat.high))
        assert sum(stat.histogram) == values.numel()
        assert np.abs(np.array(stat.histogram) - expected).sum() <= 0.01 * values.numel()
    # Larger layers are measured on evenly spread values of theirs.
    conv = stats.nodes["n_conv1"]
    assert conv.mean == pytest.approx(float(seen["n_conv1"].mean()), abs=0.01)
    assert conv.std == pytest.approx(float(seen["n_conv1"].std()), rel=0.05)
    gradient = torch.cat([q.grad.reshape(-1) for q in network.conv2.parameters()])  # type: ignore[union-attr]
    assert stats.nodes["n_conv2"].grad == pytest.approx(float(gradient.norm()), rel=1e-5)
    weights = torch.cat([q.detach().reshape(-1) for q in network.conv2.parameters()])  # type: ignore[union-attr]
    assert stats.nodes["n_conv2"].weight == pytest.approx(float(weights.norm()), rel=1e-5)
    assert (stats.nodes["n_relu1"].grad, stats.nodes["n_relu1"].weight) == (None, None)
    for path in ("n_fc1", "n_relu3", "n_fc3"):
        strength = float(seen[path].square().mean().sqrt())
        assert stats.flows[f"{path}:out"] == pytest.approx(strength, rel=1e-4)


class Ports(nn.Module):
    """Taps more than one layer after the other does: an input, two outputs, a loop, shared passes."""

    def forward_tapped(self, x: Tensor, tap: Callable[[str, str, Tensor], Tensor]) -> Tensor:
        x = tap("x", "out", x)
        state = torch.zeros(len(x), 4)
        for _ in range(3):
            state = tap("cell/state", "out", state)
            state = tap("cell/add", "out", state + 1)
        for step in (2.0, 7.0):
            x = tap("same/scale", "out", torch.full((len(x), 10), step))
        tap("split", "b", x + 1)
        tap("split", "a", x)
        tap("ids", "out", torch.ones(len(x), 4, dtype=torch.int64))
        return x


def test_every_port_tells_how_strong_it_is_and_loops_tell_of_their_last_step(case: Case) -> None:
    kinds = {
        "x": "core.input",
        "cell": "block.Cell",
        "cell/state": "core.state",
        "cell/add": "core.add",
        "same/scale": "core.mul",
        "split": "core.split",
        "ids": "core.argmax",
    }
    nodes = tuple(NodePath(path, path, path, kind, False) for path, kind in kinds.items())
    data = case.dataset
    probes = Probes(
        Ports(), nodes, data.validation, data.facts, lambda x: x, 4.0, time.perf_counter
    )
    stats, _, _ = taken(probes)
    pixels = data.validation.inputs[:64].square().mean().sqrt()
    assert stats.flows == {
        "x:out": pytest.approx(float(pixels), rel=0.02),
        "same/scale:out": pytest.approx(2.0),
        "split:b": pytest.approx(8.0),
        "split:a": pytest.approx(7.0),
        "cell/state:out": pytest.approx(2.0),
        "cell/add:out": pytest.approx(3.0),
    }
    assert {path: stat.mean for path, stat in stats.nodes.items()} == {
        "same/scale": 2.0,
        "split": 8.0,
        "cell/state": 2.0,
        "cell/add": 3.0,
    }


def test_strengths_that_are_no_numbers_are_left_out(case: Case) -> None:
    layers = lenet()
    with torch.no_grad():
        layers["fc2"].bias.fill_(float("inf"))  # type: ignore[union-attr, operator]
    stats, _, _ = taken(probes_of(case, layers)[1])
    assert "n_fc1:out" in stats.flows
    assert "n_fc2:out" not in stats.flows


def test_pictures_are_of_the_fixed_strip(case: Case) -> None:
    network, probes = probes_of(case, lenet())
    _, pictures, _ = taken(probes)
    assert set(pictures.maps) == {"n_conv1", "n_relu1", "n_pool1", "n_conv2", "n_relu2", "n_pool2"}
    assert pictures.maps["n_conv1"].shape == (6, 28, 28)
    assert pictures.maps["n_conv2"].shape == (8, 10, 10)
    assert all(maps.dtype == np.uint8 for maps in pictures.maps.values())
    assert pictures.inputs.shape == (24, 28, 28)
    expected = (case.dataset.validation.inputs[:24, 0] * 255).round()
    assert np.abs(pictures.inputs.astype(int) - expected.numpy()).max() <= 1
    assert pictures.targets.tolist() == case.dataset.validation.targets[:24].tolist()
    with torch.no_grad():
        network.eval()
        outputs = network(case.dataset.validation.inputs[:24]).softmax(1)
    assert pictures.outputs == pytest.approx(outputs.numpy(), abs=1e-5)


def test_a_view_changes_nothing(tmp_path: Path) -> None:
    case = Case(tmp_path)
    network, probes = probes_of(case, mlp())
    network.norm.eval()  # type: ignore[union-attr]
    batch = case.dataset.train.slice(0, 32)
    nn.functional.cross_entropy(network(batch.inputs), batch.targets).backward()
    state = {name: t.clone() for name, t in network.state_dict().items()}
    grads = [q.grad.clone() for q in network.parameters()]  # type: ignore[union-attr]
    modes = [module.training for module in network.modules()]
    random = torch.get_rng_state()
    probes.take(1)
    assert all(torch.equal(t, network.state_dict()[name]) for name, t in state.items())
    assert all(torch.equal(q.grad, g) for q, g in zip(network.parameters(), grads, strict=True))
    assert [module.training for module in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module._forward_hooks for module in network.modules())


def test_dead_units_are_counted_and_warned_of_once(case: Case) -> None:
    layers = lenet()
    with torch.no_grad():
        layers["fc1"].weight[:90] = 0  # type: ignore[index, operator]
        layers["fc1"].bias[:90] = -1  # type: ignore[index, operator]
        layers["conv1"].weight[:2] = 0  # type: ignore[index, operator]
        layers["conv1"].bias[:2] = -1  # type: ignore[index, operator]
    _, probes = probes_of(case, layers)
    stats, _, warnings = taken(probes)
    assert stats.nodes["n_relu3"].units == 120
    assert stats.nodes["n_relu3"].dead >= 0.75
    assert stats.nodes["n_relu1"].dead >= 2 / 6
    assert stats.nodes["n_fc1"].units == 0
    (warning,) = (event for event in warnings if event.problem.node == "n_relu3")  # type: ignore[union-attr]
    assert isinstance(warning, p.ProblemFound)
    assert "120 units of relu3" in warning.problem.message
    assert not [e for e in taken(probes)[2] if e.problem.node == "n_relu3"]  # type: ignore[union-attr]


def test_numbers_that_are_none_are_shown_as_such(case: Case) -> None:
    layers = lenet()
    with torch.no_grad():
        layers["fc2"].bias.fill_(float("nan"))  # type: ignore[union-attr, operator]
    _, probes = probes_of(case, layers)
    stats, pictures, _ = taken(probes)
    assert np.isnan(stats.nodes["n_fc2"].mean)
    assert stats.nodes["n_fc2"].histogram == ()
    assert np.isfinite(stats.nodes["n_fc1"].mean)
    assert pictures.maps["n_conv1"].max() == 255


def test_views_come_as_often_as_asked_and_seldomer_when_dear(case: Case) -> None:
    now = [0.0]
    network = Chain(lenet())
    nodes = node_paths(Project({"main": sheet_of(lenet())}), "main")

    class Slow(Chain):
        def forward_tapped(self, x: Tensor, tap: object) -> Tensor:
            now[0] += 0.1
            return super().forward_tapped(x, tap)  # type: ignore[arg-type]

    for cls, waits in ((Chain, 0.25), (Slow, 5.0)):
        network = cls(lenet())
        probes = Probes(
            network,
            nodes,
            case.dataset.validation,
            case.dataset.facts,
            lambda outputs: outputs,
            4.0,
            lambda: now[0],
        )
        probes.take(1)
        probes.take(2)
        start = now[0]
        assert not probes.due(start + waits * 0.99)
        assert not probes.due(start + waits * 1.01)  # the weights before that step are noted
        assert probes.due(start + waits * 1.01)
        probes.watch(0)
        assert not probes.due(1e9)


def test_samples_that_are_no_images_are_shown_as_they_are(tmp_path: Path) -> None:
    case = Case(tmp_path, ref=DataRef("sklearn.diabetes"))
    layers = {"fc1": nn.Linear(10, 4), "relu": nn.ReLU(), "fc2": nn.Linear(4, 1)}
    stats, pictures, _ = taken(probes_of(case, layers, present=lambda outputs: outputs)[1])
    assert set(stats.nodes) == {"n_fc1", "n_relu", "n_fc2"}
    assert pictures.maps == {}
    assert np.array_equal(pictures.inputs, case.dataset.validation.inputs[:24].numpy())
    assert pictures.targets.shape == (24, 1)
