"""Every action of wire surgery against the same done by hand in torch; nothing of the network changes."""

from __future__ import annotations

import copy
import zlib

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from subjects import CNN_PROJECT, MLP_PROJECT, READER_PROJECT, Cnn, Mlp, Reader, data
from torch import Tensor

from studio import explain
from studio.engine.protocol import Explain, Predict
from studio.explain.interventions import Operated, changed, is_at, operated
from studio.explain.question import run_tapped
from studio.graph.surgery import Intervention

DATA = data("image", (3, 8, 8))


@pytest.fixture
def cnn() -> Cnn:
    torch.manual_seed(3)
    return Cnn().eval().requires_grad_(False)


def by_hand(cnn: Cnn, x: Tensor, conv1: Tensor | None = None, act2: Tensor | None = None) -> Tensor:
    """The network from conv1's output on, some tensors given."""
    h = cnn.conv1(x) if conv1 is None else conv1
    h = torch.relu(cnn.conv2(torch.relu(h))) if act2 is None else act2
    return cnn.head(torch.nn.functional.max_pool2d(h, 2).flatten(1))


def under(cnn: Cnn, *surgery: Intervention) -> torch.nn.Module:
    return operated(cnn, replace(CNN_PROJECT, surgery=surgery), DATA)


CONV1 = Intervention("main", "conv1")


def test_without_surgery_it_is_the_network_itself(cnn: Cnn) -> None:
    assert operated(cnn, CNN_PROJECT, DATA) is cnn
    elsewhere = replace(CNN_PROJECT, surgery=(replace(CONV1, network="generator"),))
    assert operated(cnn, elsewhere, DATA) is cnn


@pytest.mark.parametrize("channel", [None, 2])
@pytest.mark.parametrize("action", ["zero", "scale", "noise", "patch"])
def test_an_action_does_what_it_says_to_every_sample(
    cnn: Cnn, action: str, channel: int | None
) -> None:
    x = DATA.validation.inputs
    conv1 = cnn.conv1(x)
    wanted = conv1.clone()
    part = slice(None) if channel is None else slice(channel, channel + 1)
    match action:
        case "zero":
            wanted[:, part] = 0
        case "scale":
            wanted[:, part] *= -1.5
        case "noise":
            seed = {None: "conv1 out None", 2: "conv1 out 2"}[channel]
            generator = torch.Generator().manual_seed(zlib.crc32(seed.encode()))
            shape = conv1.shape[1:] if channel is None else conv1.shape[2:]
            noise = torch.randn(shape, generator=generator)
            wanted[:, part] += 0.3 * noise
        case "patch":
            wanted[:, part] = conv1[4:5, part]
    amount = {"scale": -1.5, "noise": 0.3}.get(action, 0.0)
    one = replace(CONV1, action=action, channel=channel, amount=amount, sample=4)
    found = under(cnn, one)(x)
    torch.testing.assert_close(found, by_hand(cnn, x, conv1=wanted))
    assert not torch.allclose(found, cnn(x))


def test_interventions_act_in_their_order_and_the_next_tap_sees_what_goes_on(cnn: Cnn) -> None:
    x = DATA.validation.inputs[:2]
    first = replace(CONV1, channel=1)
    then = replace(CONV1, action="scale", amount=2.0)
    seen: dict[str, Tensor] = {}

    def record(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[path] = tensor
        return tensor

    found = run_tapped(under(cnn, first, then), x, record)
    wanted = cnn.conv1(x) * 2
    wanted[:, 1] = 0
    torch.testing.assert_close(seen["conv1"], wanted)
    torch.testing.assert_close(found, by_hand(cnn, x, conv1=wanted))


def test_a_whole_wire_replaced_answers_as_the_other_sample(cnn: Cnn) -> None:
    patched = under(cnn, Intervention("main", "act2", action="patch", sample=3))
    answers = patched(DATA.validation.inputs)
    torch.testing.assert_close(answers, cnn(DATA.validation.inputs[3:4]).expand_as(answers))


def test_a_patch_takes_what_the_other_sample_gives_without_surgery(cnn: Cnn) -> None:
    both = under(cnn, CONV1, Intervention("main", "act2", action="patch", sample=3))
    answers = both(DATA.validation.inputs[:1])
    torch.testing.assert_close(answers, cnn(DATA.validation.inputs[3:4]))


def test_noise_is_the_same_for_a_sample_alone_and_in_company(cnn: Cnn) -> None:
    noisy = under(cnn, replace(CONV1, action="noise", amount=1.0))
    x = DATA.validation.inputs
    state = torch.get_rng_state()
    torch.testing.assert_close(noisy(x)[2:3], noisy(x[2:3]))
    assert torch.equal(state, torch.get_rng_state()), "no random number of anybody else is used"


def test_units_of_a_vector_and_features_of_a_sequence_are_channels() -> None:
    torch.manual_seed(3)
    mlp, tables = Mlp().eval(), data("table", (6,))
    project = replace(MLP_PROJECT, surgery=(Intervention("main", "hidden", channel=4),))
    x = tables.validation.inputs
    hidden = mlp.hidden(x)
    hidden[:, 4] = 0
    found = operated(mlp, project, tables)(x)
    torch.testing.assert_close(found, mlp.head(torch.tanh(hidden)))

    reader, texts = Reader().eval(), data("sequence", (7, 3))
    x = texts.validation.inputs
    out = reader.lstm(torch.relu(reader.conv(x.transpose(1, 2))).transpose(1, 2))[0]
    out[:, :, 5] = 0
    project = replace(READER_PROJECT, surgery=(Intervention("main", "lstm", channel=5),))
    found = operated(reader, project, texts)(x)
    torch.testing.assert_close(found, reader.head(out[:, -1]))


def test_every_pass_of_a_repeated_block_or_only_one() -> None:
    assert is_at("res/conv", "res/0/conv")
    assert is_at("res/conv", "res/3/conv")
    assert is_at("res/3/conv", "res/3/conv")
    assert not is_at("res/3/conv", "res/2/conv")
    assert not is_at("res", "res/0"), "the number at the end is a node's"
    assert not is_at("conv", "res/conv")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (replace(CONV1, path="gone"), "gone.*no wire leads"),
        (replace(CONV1, port="state"), "conv1.state.*no wire leads"),
        (replace(CONV1, channel=5), "channel 5 here: there are 5, counted from 0"),
        (replace(CONV1, action="patch", sample=6), "no sample 6"),
        (replace(CONV1, action="scale", amount=float("nan")), "needs an amount"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(cnn: Cnn, one: Intervention, words: str) -> None:
    project = replace(CNN_PROJECT, surgery=(one,))
    with pytest.raises(explain.ExplainProblem, match=words):
        explain.predict(Predict(project), operated(cnn, project, DATA), DATA)


def test_whole_numbers_can_be_zeroed_but_not_scaled() -> None:
    ids = torch.tensor([[3, 4], [5, 6]])
    zero = Intervention("main", "x")
    assert changed(ids, zero).tolist() == [[0, 0], [0, 0]]
    assert changed(ids, replace(zero, channel=1)).tolist() == [[3, 0], [5, 0]]
    with pytest.raises(explain.ExplainProblem, match=r"whole \(int64\)"):
        changed(ids, replace(zero, action="scale", amount=2.0))


def test_values_of_another_shape_are_not_put_in() -> None:
    patch = Intervention("main", "x", action="patch")
    with pytest.raises(explain.ExplainProblem, match="of this shape"):
        changed(torch.zeros(4, 3), patch, torch.zeros(1, 2))
    with pytest.raises(explain.ExplainProblem, match="of this shape"):
        changed(torch.zeros(4, 3), patch, None)


def test_predictions_and_every_explanation_are_those_of_the_operated_network(cnn: Cnn) -> None:
    project = replace(CNN_PROJECT, surgery=(replace(CONV1, channel=0), replace(CONV1, channel=3)))
    before = copy.deepcopy(cnn.state_dict())
    module = operated(cnn, project, DATA)
    conv1 = cnn.conv1(DATA.validation.inputs)
    conv1[:, [0, 3]] = 0
    raw = by_hand(cnn, DATA.validation.inputs, conv1=conv1)
    found = explain.predict(Predict(project), module, DATA)
    np.testing.assert_allclose(found.outputs, torch.softmax(raw, 1).numpy(), rtol=1e-5)
    for method in sorted(explain.methods()):
        told = explain.explain(Explain(project, method, 2), module, DATA)
        np.testing.assert_allclose(told.raw, raw[2].numpy(), rtol=1e-4)
    kept = cnn.state_dict()
    assert all(torch.equal(before[name], kept[name]) for name in before)


def test_a_gradient_finds_its_way_past_a_zeroed_wire(cnn: Cnn) -> None:
    project = replace(CNN_PROJECT, surgery=(CONV1,))
    method = next(kind for kind in explain.methods() if kind.endswith("saliency"))
    told = explain.explain(Explain(project, method, 2), operated(cnn, project, DATA), DATA)
    assert not told.values.any()
    assert "Every value is zero" in told.notes[0]


def test_the_operated_network_is_in_the_mode_of_the_one_inside(cnn: Cnn) -> None:
    made = under(cnn, CONV1)
    assert isinstance(made, Operated)
    assert not made.training
    assert made.module is cnn
