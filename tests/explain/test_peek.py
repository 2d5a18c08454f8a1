"""What a probe tells of a wire, against the tensor itself."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from subjects import CNN_PROJECT, MLP_PROJECT, Cnn, Mlp, Tapped, data
from torch import Tensor, nn

from studio import explain
from studio.engine.protocol import Peek, Peeked, Spot
from studio.explain.peek import BINS, MOST_SPOTS, MOST_VALUES, bounded
from studio.explain.question import Tap
from studio.graph.graph import Node
from studio.graph.surgery import Intervention

DATA = data("image", (3, 8, 8))


@pytest.fixture
def cnn() -> Cnn:
    torch.manual_seed(3)
    return Cnn().eval().requires_grad_(False)


def look(cnn: nn.Module, *spots: Spot, surgery: tuple[Intervention, ...] = ()) -> Peeked:
    request = Peek(replace(CNN_PROJECT, surgery=surgery), 2, spots=spots)
    return explain.peek(request, cnn, DATA)


def test_figures_values_and_histogram_are_the_tensor_s_own(cnn: Cnn) -> None:
    (wire,) = look(cnn, Spot("act1")).wires
    tensor = torch.relu(cnn.conv1(DATA.validation.inputs[2:3]))[0]
    assert wire.values is not None
    np.testing.assert_array_equal(wire.values, tensor.numpy())
    assert (wire.shape, wire.dtype, wire.axis, wire.channels) == ((5, 8, 8), "float32", 0, 5)
    assert (wire.stride, wire.note, wire.fault, wire.passes) == (1, "", "", 1)
    assert wire.low == float(tensor.min())
    assert wire.high == float(tensor.max())
    assert wire.mean == pytest.approx(float(tensor.mean()))
    assert wire.std == pytest.approx(float(tensor.std(correction=0)))
    assert wire.norm == pytest.approx(float(tensor.norm()))
    assert wire.zeros == pytest.approx(float((tensor == 0).float().mean()))
    assert wire.unusual == 0
    counts, _ = np.histogram(tensor.numpy(), BINS, (wire.low, wire.high))
    assert wire.histogram == tuple(counts)


def test_one_channel_alone(cnn: Cnn) -> None:
    (wire,) = look(cnn, Spot("act1", channel=3)).wires
    tensor = torch.relu(cnn.conv1(DATA.validation.inputs[2:3]))[0, 3]
    assert wire.values is not None
    np.testing.assert_array_equal(wire.values, tensor.numpy())
    assert (wire.shape, wire.axis, wire.channels) == ((8, 8), -1, 5)
    assert wire.high == float(tensor.max())


def test_the_answer_comes_with_and_without_surgery(cnn: Cnn) -> None:
    zero = Intervention("main", "act2", channel=1)
    found = look(cnn, Spot("act2"), surgery=(zero,))
    assert found.wires[0].values is not None
    assert not found.wires[0].values[1].any(), "the tensor is shown as it goes on"
    assert found.wires[0].values[0].any()
    plain = torch.softmax(cnn(DATA.validation.inputs[2:3]), 1)[0]
    np.testing.assert_allclose(found.plain, plain.numpy(), rtol=1e-6)
    assert not np.allclose(found.outputs, found.plain)
    assert found.target == (float(DATA.validation.targets[2]),)
    assert look(cnn).outputs.tolist() == look(cnn).plain.tolist(), (
        "without spots it is still answered"
    )


def test_targets_of_a_regression_are_in_their_own_units() -> None:
    torch.manual_seed(3)
    tables = data("table", (6,), classes=0)
    facts = replace(tables.facts, target_mean=(10.0, 20.0), target_std=(2.0, 4.0))
    tables = type(tables)(facts, tables.train, tables.validation, tables.test)
    found = explain.peek(Peek(MLP_PROJECT, 1), Mlp(classes=2).eval(), tables)
    wanted = tables.validation.targets[1] * torch.tensor([2.0, 4.0]) + torch.tensor([10.0, 20.0])
    assert found.target == pytest.approx(tuple(wanted.tolist()))


@pytest.mark.parametrize(
    ("spot", "words"),
    [
        (Spot("gone"), "not in this network any more"),
        (Spot("conv1", "state"), r"Nothing flows from conv1 \(state\)"),
        (Spot("conv1", channel=5), "There is no channel 5 here: there are 5"),
        (Spot("conv1", channel=-1), "There is no channel -1 here"),
    ],
)
def test_a_spot_that_cannot_be_looked_at_says_why_and_spoils_no_other(
    cnn: Cnn, spot: Spot, words: str
) -> None:
    bad, good = look(cnn, spot, Spot("head")).wires
    assert bad.values is None
    assert re.search(words, bad.fault)
    assert good.fault == ""
    assert good.shape == (4,)


def test_samples_and_spots_have_bounds(cnn: Cnn) -> None:
    with pytest.raises(explain.ExplainProblem, match="no sample 6 in the validation split"):
        explain.peek(Peek(CNN_PROJECT, 6), cnn, DATA)
    with pytest.raises(explain.ExplainProblem, match="At most 16 wires"):
        look(cnn, *[Spot(f"n{k}") for k in range(MOST_SPOTS + 1)])


def test_an_answer_that_nobody_wants_any_more_is_given_up(cnn: Cnn) -> None:
    with pytest.raises(explain.Cancelled):
        explain.peek(Peek(CNN_PROJECT, 0), cnn, DATA, cancelled=lambda: True)


class Odd(Tapped):
    """Whole numbers, values that are none, one tap passed three times, a state behind its layers."""

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        tap("ids", "out", torch.arange(6).view(1, 6).expand(len(x), 6))
        tap("bad", "out", torch.tensor([[1.0, math.nan, math.inf, 0.0]]).expand(len(x), 4))
        tap("none", "out", torch.full((len(x), 2), math.nan))
        for k in range(3):
            tap(f"res/{k}/conv", "out", torch.full((len(x), 2, 4, 4), float(k)))
        tap("lstm", "h", torch.arange(2.0).view(2, 1, 1).expand(2, len(x), 5))
        tap("sum", "out", x.sum((1, 2, 3)))
        return x.flatten(1)[:, :4]


ODD = replace(
    CNN_PROJECT,
    networks={
        "main": replace(
            CNN_PROJECT.networks["main"],
            graph=replace(
                CNN_PROJECT.networks["main"].graph,
                nodes={k: Node(k, "core.add", k) for k in ("ids", "bad", "none", "lstm", "sum")},
            ),
        )
    },
)


def odd(*spots: Spot) -> Peeked:
    return explain.peek(Peek(ODD, 0, spots=spots), Odd().eval(), DATA)


def test_whole_numbers_and_values_that_are_none() -> None:
    ids, bad, none = odd(Spot("ids"), Spot("bad"), Spot("none")).wires
    assert (ids.dtype, ids.high, ids.axis) == ("int64", 5.0, 0)
    assert (bad.unusual, bad.zeros, bad.high, bad.mean) == (0.5, 0.25, 1.0, 0.5)
    assert sum(bad.histogram) == 2
    assert (none.unusual, none.histogram) == (1.0, ())
    assert math.isnan(none.mean)


def test_passes_of_a_repeated_block_are_stacked_and_each_can_be_seen_alone() -> None:
    every, second = odd(Spot("res/conv"), Spot("res/1/conv")).wires
    assert (every.shape, every.passes, every.axis, every.channels) == ((3, 2, 4, 4), 3, 1, 2)
    assert every.values is not None
    assert every.values[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert (second.shape, second.passes, second.mean) == ((2, 4, 4), 1, 1.0)


def test_states_have_their_layers_and_single_numbers_no_channels() -> None:
    state, single = odd(Spot("lstm", "h"), Spot("sum")).wires
    assert state.shape == (2, 5)
    assert (single.shape, single.axis, single.channels) == ((), -1, 0)
    assert single.values is not None
    assert single.values.shape == ()


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((64, 224, 224), 0),
        ((100_000,), 0),
        ((512, 512), -1),
        ((9000, 40), 1),
        ((40, 9000), 1),
        ((3, 3), 0),
    ],
)
def test_what_travels_is_bounded_and_evenly_thinned(shape: tuple[int, ...], axis: int) -> None:
    tensor = torch.arange(math.prod(shape), dtype=torch.float32).view(shape)
    kept, stride, first = bounded(tensor, axis)
    assert 0 < kept.numel() <= MOST_VALUES
    wanted = tensor[tuple(slice(None, None, 1 if k == axis else stride) for k in range(len(shape)))]
    if axis >= 0:
        wanted = wanted.narrow(axis, 0, first)
    assert torch.equal(kept, wanted)
    if tensor.numel() <= MOST_VALUES:
        assert kept is tensor


def test_what_is_left_out_is_said() -> None:
    class Large(Tapped):
        def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
            tap("sum", "out", torch.rand(len(x), 4, 400, 400))
            return x.flatten(1)[:, :4]

    (wire,) = explain.peek(Peek(ODD, 0, spots=(Spot("sum"),)), Large().eval(), DATA).wires
    assert wire.shape == (4, 400, 400)
    assert wire.values is not None
    assert wire.values.shape == (4, 100, 100)
    assert "every 4th value" in wire.note
    assert "figures are of all values" in wire.note
