"""Compiled networks train, blocks and attention included, and are seen by the graph's own paths."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hand_written import Case
from torch import nn

from studio import compile, layers
from studio.engine import protocol as p
from studio.graph.builder import Net
from studio.graph.facts import DataFacts
from studio.graph.project import DataRef, Project, Recipe, Step
from studio.train.paths import Owners, node_paths

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
