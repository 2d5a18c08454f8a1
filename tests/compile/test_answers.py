"""What a way of learning wants of a network's end: told in a sentence, with a repair that was proved."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from studio import compile, train
from studio.graph.builder import Net
from studio.graph.edits import Batch
from studio.graph.facts import DataFacts, TensorType
from studio.graph.problems import Problem
from studio.graph.project import Project, Recipe
from studio.graph.spec import LayerSpec

Specs = Mapping[str, LayerSpec]

IMAGES = DataFacts(
    "pictures", 8, 4, 0, TensorType((1, 12, 12)), "image", "segmentation",
    classes=("ground", "thing", "other"), target_shape=(12, 12),
)  # fmt: skip
BOXES = replace(IMAGES, task="detection", target_shape=(2, 5))
TABLE = replace(
    IMAGES, task="multi-label", form="table", sample=TensorType((6,)), target_shape=(3,)
)
TEXT = replace(
    IMAGES, task="tokens", form="text", sample=TensorType((8,), "int64"), target_shape=(8,),
    classes=tuple("abcd"), vocabulary=tuple("abcd"), value_range=(0, 3),
)  # fmt: skip
GRAPH = replace(
    IMAGES, task="nodes", form="graph", sample=TensorType((5, 4)), target_shape=(5,),
    more={"adjacency": TensorType((5, 5))},
)  # fmt: skip


def convolving(channels: int, stride: int = 1) -> Net:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), name="conv", out_channels=channels, kernel_size=3,
                padding=1, stride=stride)  # fmt: skip
    net.output(x)
    return net


def reading(ids: int, outputs: int) -> Net:
    net = Net()
    x = net.add("torch.nn.Embedding", net.input(), num_embeddings=ids, embedding_dim=8)
    x = net.add("torch.nn.Linear", x, name="last", in_features=8, out_features=outputs)
    net.output(x)
    return net


def flat(outputs: int) -> Net:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    net.output(net.add("torch.nn.Linear", x, name="last", out_features=outputs))
    return net


def over_nodes(outputs: int) -> Net:
    net = Net()
    x, adjacency = net.input(), net.input("adjacency")
    x = net.add("core.matmul", adjacency, x)
    net.output(net.add("torch.nn.Linear", x, name="last", in_features=4, out_features=outputs))
    return net


def problems(project: Project, specs: Specs, data: DataFacts) -> tuple[Problem, ...]:
    found = compile.infer(project, specs, data, wants=train.wanted).networks["main"].problems
    return tuple(problem for problem in found if problem.severity == "error")


@pytest.mark.parametrize(
    ("net", "data", "learner"),
    [
        (convolving(3), IMAGES, "core.supervised"),
        (convolving(8, stride=3), BOXES, "core.detection"),
        (flat(3), TABLE, "core.supervised"),
        (reading(4, 4), TEXT, "core.next_token"),
        (reading(5, 4), TEXT, "core.masked_token"),
        (over_nodes(3), GRAPH, "core.supervised"),
        (convolving(1), IMAGES, "core.reconstruction"),
    ],
)
def test_an_end_that_fits_is_fine(net: Net, data: DataFacts, learner: str, specs: Specs) -> None:
    assert problems(net.project(recipe=Recipe(learner=learner)), specs, data) == ()


@pytest.mark.parametrize(
    ("net", "data", "learner", "said", "repair"),
    [
        (convolving(5), IMAGES, "core.supervised",
         "Each of 12×12 pixels is one of 3 classes, but the network ends in 5×12×12 per sample. "
         "Set out_channels to 3.", "Set out_channels of conv to 3"),
        (convolving(5), BOXES, "core.detection",
         "Each cell of a grid proposes 1 box of 5 + 3 numbers: 8 channels, but the network ends in "
         "5×12×12 per sample. Set out_channels to 8.", "Set out_channels of conv to 8"),
        (flat(5), TABLE, "core.supervised",
         "The data has 3 labels, but the network ends in 5 numbers per sample. Set out_features to 3.",
         "Set out_features of last to 3"),
        (reading(4, 9), TEXT, "core.next_token",
         "Each of 8 steps is followed by one of 4 tokens, but the network ends in 8×9 per sample. "
         "Set out_features to 4.", "Set out_features of last to 4"),
        (over_nodes(9), GRAPH, "core.supervised",
         "Each of 5 nodes is one of 3 classes, but the network ends in 5×9 per sample. "
         "Set out_features to 3.", "Set out_features of last to 3"),
        (flat(144), IMAGES, "core.reconstruction",
         "Samples of 1×12×12 are to be given back, but the network ends in 144 numbers per sample. "
         "Make it end in N×1×12×12.", "Arrange as 1×12×12"),
    ],
)  # fmt: skip
def test_another_end_is_told_with_a_way_out(
    net: Net, data: DataFacts, learner: str, said: str, repair: str, specs: Specs
) -> None:
    project = net.project(recipe=Recipe(learner=learner))
    (problem,) = problems(project, specs, data)
    assert problem.message == said
    offered = next(each for each in problem.repairs if each.title == repair)
    mended = Batch(offered.title, tuple(offered.edits)).apply(project)
    assert problems(mended, specs, data) == ()


def test_a_picture_of_another_size_is_told_which(specs: Specs) -> None:
    (problem,) = problems(convolving(3, stride=2).project(), specs, IMAGES)
    assert problem.message.endswith("so that each pixel gets 3 scores: N×3×12×12.")


def test_a_mask_needs_a_row_of_its_own(specs: Specs) -> None:
    project = reading(4, 4).project(recipe=Recipe(learner="core.masked_token"))
    (problem,) = problems(project, specs, TEXT)
    assert "at least 5" in problem.message
    mended = Batch("mend", tuple(problem.repairs[0].edits)).apply(project)
    assert problems(mended, specs, TEXT) == ()


def test_data_that_a_learner_is_not_for_asks_for_nothing(specs: Specs) -> None:
    project = convolving(7).project(recipe=Recipe(learner="core.next_token"))
    assert problems(project, specs, IMAGES) == ()


def test_squeezed_labels_are_hinted_at_and_set_free(specs: Specs) -> None:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), out_features=3)
    net.output(net.add("torch.nn.Sigmoid", x))
    found = compile.infer(net.project(), specs, TABLE, wants=train.wanted).networks["main"]
    (hint,) = found.problems
    assert (hint.rule, hint.severity) == ("squeezed labels", "hint")
    assert "takes a sigmoid itself: all labels get at least one half" in hint.message
    mended = Batch("mend", tuple(hint.repairs[0].edits)).apply(net.project())
    assert compile.infer(mended, specs, TABLE, wants=train.wanted).networks["main"].problems == ()
