"""Compiled networks train, blocks and attention included, and are seen by the graph's own paths."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hand_written import Case
from safetensors.torch import load_file
from torch import Tensor, nn

from studio import compile, layers
from studio.engine import protocol as p
from studio.graph.builder import Net
from studio.graph.facts import DataFacts
from studio.graph.project import DataRef, Project, Recipe, Step
from studio.train.paths import Owners, node_paths
from studio.train.probes import Probes

SPECS = layers.builtin()
RECIPE = Recipe(epochs=2, batch_size=64, threads=1, device="cpu")


def residual() -> Project:
    net = Net("main")
    x = net.add(
        "torch.nn.Conv2d", net.input(), name="stem", out_channels=8, kernel_size=3, padding=1
    )
    with net.block("Residual") as block:
        inner = block.input()
        y = block.add(
            "torch.nn.Conv2d", inner, name="conv", out_channels=8, kernel_size=3, padding=1
        )
        y = block.add("torch.nn.BatchNorm2d", y, name="norm")
        y = block.add("torch.nn.ReLU", y, name="relu")
        block.output(block.add("core.add", y, inner, name="sum"))
    x = net.use("Residual", x, name="res1")
    x = net.use("Residual", x, name="res2")
    x = net.add("torch.nn.Flatten", x, name="flatten")
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return net.project(data=DataRef(), recipe=RECIPE)


class Compiled(Case):
    """A case whose network is compiled from its project."""

    def __init__(self, folder: Path, project: Project) -> None:
        super().__init__(folder, dict, project.data)
        self.project = project
        self.job = p.Job(project, str(folder / "run"), name="compiled")

    def module_for(self, project: Project, role: str, facts: DataFacts) -> nn.Module:
        self.built = compile.build(project, role, SPECS, facts)
        return self.built


def test_a_network_of_blocks_trains_and_every_parameter_has_its_node(tmp_path: Path) -> None:
    case = Compiled(tmp_path, residual())
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    nodes = node_paths(case.project, "main")
    owners = Owners(case.built, nodes).of
    by_dotted = {node.dotted: node for node in nodes}
    assert set(owners.values()) <= set(nodes)
    assert owners["res2.conv.weight"] == by_dotted["res2.conv"]
    stats = next(e for e in events if isinstance(e, p.LayerStats)).nodes
    for dotted in ("stem", "res1.conv", "res2.norm", "head"):
        grad = stats[by_dotted[dotted].path].grad
        assert grad is not None
        assert grad > 0
    assert by_dotted["res1.sum"].path in stats
    started = events[0]
    assert isinstance(started, p.Started)
    assert set(stats) == set(started.nodes)


def test_a_bad_layer_inside_a_block_is_named_by_its_path(tmp_path: Path) -> None:
    case = Compiled(tmp_path, residual())
    build = case.module_for

    def poisoned(project: Project, role: str, facts: DataFacts) -> nn.Module:
        module = build(project, role, facts)
        nn.init.constant_(module.get_submodule("res2.norm").weight, math.inf)  # type: ignore[arg-type]
        return module

    case.module_for = poisoned  # type: ignore[method-assign]
    events = case.run()
    found = next(event for event in events if isinstance(event, p.ProblemFound))
    paths = {node.dotted: node.path for node in node_paths(case.project, "main")}
    assert found.problem.node == paths["res2.norm"]
    assert found.step == 1
    assert isinstance(events[-1], p.Failed)


@pytest.mark.parametrize("kind", ["torch.nn.LSTM", "torch.nn.GRU"])
def test_the_first_output_stands_for_a_node_with_several(kind: str, tmp_path: Path) -> None:
    net = Net("main")
    y = net.add(kind, net.input(), name="rnn", hidden_size=12, batch_first=True)
    x = net.add("torch.nn.Flatten", y, name="flatten")
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    case = Compiled(
        tmp_path, net.project(data=DataRef(transforms=(Step("core.rows"),)), recipe=RECIPE)
    )
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    stats = next(e for e in events if isinstance(e, p.LayerStats)).nodes
    paths = {node.name: node.path for node in node_paths(case.project, "main")}
    assert stats[paths["rnn"]].mean == pytest.approx(stats[paths["flatten"]].mean, abs=1e-6)


def repeated_and_scanned() -> Project:
    """Rows of a digit through a drawn cell, then a block that is repeated with weights of its own."""
    net = Net("main")
    with net.block("Cell") as cell:
        x, h = cell.input(), cell.state("h", shape=(6,))
        y = cell.add("torch.nn.Linear", x, name="into", out_features=6)
        y = cell.add("torch.nn.Tanh", cell.add("core.add", y, h, name="sum"), name="tanh")
        cell.next("h", y)
        cell.output(y)
    with net.block("Wide") as wide:
        y = wide.add("torch.nn.Linear", wide.input(), name="fc", out_features=6)
        wide.output(wide.add("torch.nn.ReLU", y, name="relu"))
    x = net.use("Cell", net.input(), name="cell")["out"]
    x = net.use("Wide", x, name="wide", repeat=2)
    x = net.add("torch.nn.Flatten", x, name="flatten")
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return net.project(data=DataRef(transforms=(Step("core.rows"),)), recipe=RECIPE)


def test_passes_speak_for_themselves_and_loops_of_their_last_step(tmp_path: Path) -> None:
    case = Compiled(tmp_path, repeated_and_scanned())
    nodes = node_paths(case.project, "main")
    path_of = {node.dotted: node.path for node in nodes}
    module = case.module_for(case.project, "main", case.dataset.facts)
    data = case.dataset
    probes = Probes(module, nodes, data.validation, data.facts, lambda x: x, 4.0, lambda: 0.0)
    stats = probes.take(1)[0]
    assert isinstance(stats, p.LayerStats)
    steps: dict[str, list[Tensor]] = {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        steps.setdefault(path, []).append(tensor)
        return tensor

    with torch.no_grad():
        module.eval().forward_tapped(data.validation.inputs[:64], tap)  # type: ignore[operator]
    inside = steps[path_of["cell.tanh"]]
    assert len(inside) == data.validation.inputs.shape[1] > 1
    for dotted in ("wide.0.fc", "wide.1.fc", "cell.tanh", "cell.into", "head"):
        seen = steps[path_of[dotted]][-1]
        stat = stats.nodes[path_of[dotted]]
        assert stat.mean == pytest.approx(float(seen.mean()), abs=1e-5)
        assert stat.std == pytest.approx(float(seen.std(correction=0)), abs=1e-5)
        flow = stats.flows[f"{path_of[dotted]}:out"]
        assert flow == pytest.approx(float(seen.square().mean().sqrt()), rel=1e-4)
    assert stats.nodes[path_of["wide.0.fc"]].mean != stats.nodes[path_of["wide.1.fc"]].mean
    assert stats.nodes[path_of["cell.tanh"]].mean != pytest.approx(float(inside[0].mean()))
    assert f"{path_of['cell']}:out" in stats.flows
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


# ---------------------------------------------------------------------- blocks over time, and repeated


def drawn_lstm() -> Project:
    """Digits read row by row by an LSTM cell drawn from its gates; its last state decides."""
    net = Net("main")
    with net.block("Cell") as block:
        x = block.input()
        h, c = block.state("h", shape=(24,)), block.state("c", shape=(24,))
        gates = []
        for name, activation in (
            ("i", "Sigmoid"),
            ("f", "Sigmoid"),
            ("g", "Tanh"),
            ("o", "Sigmoid"),
        ):
            a = block.add("torch.nn.Linear", x, name=f"x_{name}", out_features=24)
            b = block.add("torch.nn.Linear", h, name=f"h_{name}", out_features=24)
            both = block.add("core.add", a, b, name=f"sum_{name}")
            gates.append(block.add(f"torch.nn.{activation}", both, name=name))
        kept = block.add("core.mul", gates[1], c, name="kept")
        new = block.add("core.mul", gates[0], gates[2], name="new")
        memory = block.add("core.add", kept, new, name="memory")
        y = block.add(
            "core.mul", gates[3], block.add("torch.nn.Tanh", memory, name="squash"), name="y"
        )
        block.next("h", y)
        block.next("c", memory)
        block.output(y)
    steps = net.use("Cell", net.input(), name="cell")
    net.output(net.add("torch.nn.Linear", steps["h"], name="head", out_features=10))
    return net.project(data=DataRef(transforms=(Step("core.rows"),)), recipe=RECIPE)


def stages() -> Project:
    """A repeated residual block, and a layer that is used twice."""
    net = Net("main")
    with net.block("Residual") as block:
        inner = block.input()
        y = block.add("torch.nn.Linear", inner, name="fc", out_features=32)
        block.output(
            block.add("core.add", block.add("torch.nn.ReLU", y, name="relu"), inner, name="sum")
        )
    x = net.add("torch.nn.Flatten", net.input(), name="flatten")
    x = net.add("torch.nn.Linear", x, name="stem", out_features=32)
    x = net.use("Residual", x, name="layers", repeat=3)
    x = first = net.add("torch.nn.Linear", x, name="twice", out_features=32)
    x = net.add("torch.nn.Linear", x, name="again", out_features=32, shares=first)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return net.project(data=DataRef(), recipe=RECIPE)


@pytest.mark.parametrize(
    ("draw", "path", "parameter"),
    [(drawn_lstm, "cell/h_f", "cell.h_f.weight"), (stages, "layers/2/fc", "layers.2.fc.weight")],
)
def test_cells_and_stages_train_and_are_seen_inside(
    draw: Callable[[], Project], path: str, parameter: str, tmp_path: Path
) -> None:
    case = Compiled(tmp_path, draw())
    events = case.run()
    assert isinstance(events[-1], p.Finished), events[-1]
    owners = Owners(case.built, node_paths(case.project, "main")).of
    assert owners[parameter].path == path
    assert None not in owners.values()
    stats = next(e for e in events if isinstance(e, p.LayerStats)).nodes
    assert stats[path].grad
    losses = [event.metrics["val_loss"] for event in events if isinstance(event, p.EpochDone)]
    assert losses[-1] < losses[0] < math.log(10) + 0.1


def test_checkpoints_of_repeated_blocks_have_their_dotted_names(tmp_path: Path) -> None:
    case = Compiled(tmp_path, stages())
    case.run()
    saved = (tmp_path / "run" / "checkpoints").glob("*.safetensors")
    names = set(load_file(next(file for file in saved if ".state." not in file.name)))
    wanted = ("layers.0.fc.weight", "layers.2.fc.bias", "twice.weight")
    assert all(any(name.endswith(end) for name in names) for end in wanted), names
    assert not any("again" in name for name in names)
