"""Attention maps: what they hold, and what their tokens are called."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from subjects import Attending, Cnn, data
from torch import Tensor, nn

from studio import explain
from studio.data import Dataset
from studio.engine.protocol import AttentionMaps, GetAttention
from studio.graph.graph import Graph, Node
from studio.graph.project import Block, Project, Sheet

TINY = Project(
    networks={
        "main": Sheet(
            Graph({key: Node(key, "block.Encoder", f"encoder{key[1]}") for key in ("b1", "b2")})
        )
    },
    blocks={"Encoder": Block(Sheet(Graph({"attn": Node("attn", "core.attention", "attention")})))},
)


def _ask(module: nn.Module, samples: Dataset) -> AttentionMaps:
    return explain.attention(GetAttention(project=TINY, index=2), module.eval(), samples)


def _patches(side: int) -> nn.Module:
    return nn.Sequential(nn.Unfold(side, stride=side), _Turn())


class _Turn(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


@pytest.mark.parametrize("prefix", [0, 1])
def test_weights_of_every_head_in_order_and_rows_that_sum_to_one(prefix: int) -> None:
    torch.manual_seed(0)
    module = Attending(_patches(4), 48, prefix)
    found = _ask(module, data("image", (3, 12, 8)))
    assert [layer.node for layer in found.layers] == ["b1/attn", "b2/attn"]
    assert [layer.name for layer in found.layers] == ["encoder1.attention", "encoder2.attention"]
    assert [layer.weights.shape[0] for layer in found.layers] == [2, 1]
    for layer in found.layers:
        assert layer.weights.shape[1:] == (6 + prefix, 6 + prefix)
        assert np.allclose(layer.weights.sum(-1), 1, atol=1e-5)
        assert (layer.grid, layer.prefix) == ((3, 2), prefix)
    assert found.tokens[prefix:] == (
        *("patch 1, 1", "patch 1, 2", "patch 2, 1", "patch 2, 2", "patch 3, 1", "patch 3, 2"),
    )
    assert found.tokens[:prefix] == ("class",) * prefix
    assert found.outputs.sum() == pytest.approx(1, abs=1e-6)


def test_asking_changes_neither_answer_nor_network() -> None:
    torch.manual_seed(1)
    module, samples = Attending(_patches(4), 48, 1).eval(), data("image", (3, 8, 8))
    x = samples.validation.inputs[2:3]
    with torch.no_grad():
        before = module(x)
        state = torch.get_rng_state()
        found = _ask(module, samples)
        assert torch.equal(before, module(x))
    assert np.array_equal(found.outputs, torch.softmax(before, 1)[0].numpy())
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in module.parameters())


def test_rows_of_an_image_are_called_rows() -> None:
    found = _ask(Attending(lambda x: x[:, 0], 8), data("image", (1, 28, 8)))
    assert found.tokens == tuple(f"row {number}" for number in range(1, 29))
    assert found.layers[0].grid == ()


def test_as_many_patches_as_rows_are_told_by_the_feature_maps_before_them() -> None:
    class Embedded(Attending):
        def __init__(self) -> None:
            super().__init__(lambda x: x, 6)
            self.embed = nn.Conv2d(1, 6, 4, stride=4)

        def forward_tapped(self, x: Tensor, tap: object) -> Tensor:
            x = tap("embed", "out", self.embed(x))  # type: ignore[operator]
            return super().forward_tapped(x.flatten(2).transpose(1, 2), tap)  # type: ignore[arg-type]

    samples = data("image", (1, 16, 16))
    assert _ask(Embedded(), samples).layers[0].grid == (4, 4)
    ragged = data("image", (1, 15, 11))
    assert _ask(Embedded(), ragged).layers[0].grid == (3, 2), "the last pixels are in no patch"
    assert _ask(Attending(lambda x: x[:, 0], 16), samples).tokens[0] == "row 1"


def test_steps_features_and_bare_positions() -> None:
    steps = _ask(Attending(lambda x: x, 4, prefix=1), data("sequence", (5, 4)))
    assert steps.tokens == ("class", "step 1", "step 2", "step 3", "step 4", "step 5")
    assert steps.layers[0].prefix == 1
    names = ("length", "width", "mass")
    table = data("table", (3,), features=names)
    assert _ask(Attending(lambda x: x[..., None].expand(-1, -1, 4), 4), table).tokens == names
    folded = Attending(lambda x: x.reshape(len(x), 2, 6), 6)
    assert _ask(folded, data("sequence", (6, 2))).tokens == ("position 1", "position 2")


def test_a_network_without_attention_is_refused() -> None:
    with pytest.raises(explain.ExplainProblem, match="This network has no attention layer"):
        _ask(Cnn(), data("image", (3, 8, 8)))


def test_a_sample_that_does_not_exist_is_refused() -> None:
    with pytest.raises(explain.ExplainProblem, match="There is no sample 2"):
        _ask(Attending(lambda x: x, 4), data("sequence", (5, 4), inputs=torch.rand(4, 5, 4)))
