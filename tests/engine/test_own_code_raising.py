"""A Python node that raises while a network trains is named, with the line of its own code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.engine import in_process
from studio.engine import protocol as p
from studio.engine.client import Client
from studio.engine.runs import read_events
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.graph import PYTHON
from studio.graph.params import Param
from studio.graph.project import DataRef, Project, Recipe
from studio.graph.trust import digests

THIRD = '''\
import torch
from torch import nn


class Counted(nn.Module):
    """Works twice."""

    def __init__(self, limit: int = 3):
        super().__init__()
        self.calls = 0
        self.limit = limit

    def forward(self, x):
        return x + self.checked()

    def checked(self):
        self.calls += self.training
        if self.calls == self.limit:
            raise ValueError("three is too many")
        return 0
'''
LINE = THIRD.splitlines().index('            raise ValueError("three is too many")') + 1


@pytest.fixture
def engine() -> Iterator[Client]:
    with in_process.connect(Service(Setup())) as client:
        yield client


def ends(project: Project, engine: Client, folder: Path) -> tuple[p.RunSummary, p.ProblemFound]:
    """Train with code that is trusted; return how that ended, and what was found at which node."""
    engine.call(p.Trust(tuple(digests(project))))
    answer = engine.call(p.Train(p.Job(project, str(folder), live=False)))
    assert isinstance(answer, p.RunSummary)
    found = [one for one in read_events(folder) if isinstance(one, p.ProblemFound)]
    assert len(found) == 1
    return answer, found[0]


def test_the_node_and_the_line_of_its_own_code_are_told(engine: Client, tmp_path: Path) -> None:
    net = Net()
    x = net.add(PYTHON, net.input(), name="counted", source=THIRD)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=3))
    project = net.project(DataRef("sklearn.iris"), Recipe(epochs=2, threads=1))
    run, found = ends(project, engine, tmp_path / "run")
    assert run.status == "failed"
    assert (found.step, found.problem.node, found.problem.line) == (2, "counted", LINE)
    assert found.problem.network == "main"
    assert found.problem.message == run.message
    assert f"at step 3 in counted (line {LINE} of its code)" in run.message
    assert "three is too many" in run.message


@pytest.mark.parametrize(
    ("repeat", "path"), [(1, "second/counted"), (2, "second/1/counted")], ids=["once", "repeated"]
)
def test_of_a_block_used_twice_it_is_the_instance_that_raised(
    repeat: int, path: str, engine: Client, tmp_path: Path
) -> None:
    """Both instances share one class, whose lines were written from the first."""
    net = Net()
    with net.block("Part", params=(Param("limit", "int", 9),)) as block:
        limit = f"=limit + 9*({repeat} - 1 - index)"
        x = block.add(PYTHON, block.input(), name="counted", source=THIRD, limit=limit)
        block.output(block.add("torch.nn.Linear", x, name="inner", out_features=4))
    x = net.use("Part", net.input(), name="first", repeat=repeat)
    x = net.use("Part", x, name="second", repeat=repeat, limit=3)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=3))
    project = net.project(DataRef("sklearn.iris"), Recipe(epochs=2, threads=1))
    run, found = ends(project, engine, tmp_path / "run")
    assert f"in {path.replace('/', '.')} (line {LINE} of its code)" in run.message
    assert (found.problem.node, found.problem.line) == (path, LINE)


def test_a_layer_of_pytorch_that_raises_is_named_too(engine: Client, tmp_path: Path) -> None:
    """Its own code returns another width from its third step on, which only the next layer minds."""
    net = Net()
    wide = THIRD.replace('raise ValueError("three is too many")', "return 1").replace(
        "return x + self.checked()", "return x.repeat(1, 1 + self.checked())"
    )
    x = net.add(PYTHON, net.input(), name="counted", source=wide)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=3))
    project = net.project(DataRef("sklearn.iris"), Recipe(epochs=2, threads=1))
    _, found = ends(project, engine, tmp_path / "run")
    assert (found.problem.node, found.problem.line) == ("head", 0)
