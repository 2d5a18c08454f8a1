"""Questions that do not apply to a network are answered with a sentence, not with an error."""

from __future__ import annotations

import pytest
import torch
from msgspec.structs import replace

from studio.explain import ExplainProblem, check_applies
from studio.explain.outputs import readable
from studio.graph.builder import Net
from studio.graph.facts import DataFacts, TensorType
from studio.graph.project import Project, Recipe

FACTS = DataFacts("tiny", 8, 4, 0, TensorType((6,)), "table", "classification", classes=("a", "b"))


def project(*inputs: str, **recipe: str) -> Project:
    net = Net()
    first, *_ = [net.input(name) for name in inputs or ("x",)]
    net.output(first)
    return net.project(recipe=Recipe(**recipe))  # type: ignore[arg-type]


@pytest.mark.parametrize("task", ["classification", "multi-label", "regression"])
def test_one_answer_a_sample_can_be_explained(task: str) -> None:
    check_applies(project(), replace(FACTS, task=task))


@pytest.mark.parametrize(
    ("task", "place"),
    [("detection", "cell"), ("nodes", "node"), ("segmentation", "pixel"), ("tokens", "step")],
)
def test_many_answers_a_sample_cannot_yet(task: str, place: str) -> None:
    with pytest.raises(ExplainProblem, match=f"answers at every {place}"):
        check_applies(project(), replace(FACTS, task=task))


def test_other_ways_of_learning_and_several_inputs_cannot_yet() -> None:
    with pytest.raises(ExplainProblem, match="learns in another way"):
        check_applies(project(learner="core.reconstruction"), FACTS)
    with pytest.raises(ExplainProblem, match="this network has 2: x, adjacency"):
        check_applies(project("x", "adjacency"), FACTS)


def test_labels_are_read_each_for_itself() -> None:
    read = readable(torch.tensor([[0.0, 40.0, -40.0]]), replace(FACTS, task="multi-label"))
    assert read.tolist() == [[0.5, 1.0, pytest.approx(0.0)]]
