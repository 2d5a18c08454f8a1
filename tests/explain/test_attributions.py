"""Methods against arithmetic, against captum, and against a picture whose cause is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from subjects import CNN_PROJECT, READER_PROJECT, Cnn, Function, Mlp, Reader, data
from torch import Tensor, nn

from studio import explain
from studio.data import Dataset
from studio.engine.protocol import Explain, Explanation
from studio.graph.project import Project


def _ask(
    module: nn.Module,
    samples: Dataset,
    method: str,
    project: Project | None = None,
    index: int = 0,
    target: int | None = None,
    against: int | None = None,
    **params: Any,
) -> Explanation:
    request = Explain(
        project=project or Project(),
        method=method,
        index=index,
        target=target,
        against=against,
        params=params,
    )
    return explain.explain(request, module.eval(), samples)


def _formula(formula: Callable[[Tensor], Tensor], *values: float) -> tuple[Function, Dataset]:
    """A formula as a network, and a regression whose only validation sample is `values`."""
    inputs = torch.tensor([[0.0] * len(values), list(values)])
    return Function(formula), data("table", (len(values),), 0, inputs, torch.zeros(2, 1))


def test_integrated_gradients_share_out_the_game_of_known_shares() -> None:
    """x₂ and x₃ share their product evenly; the seventh player does nothing and gets nothing."""
    game = _formula(
        lambda x: 2 * x[:, 0] - 3 * x[:, 1] + x[:, 2] * x[:, 3] + x[:, 4] + x[:, 5],
        *(1, 2, 3, 4, 5, 5, 6),
    )
    found = _ask(*game, "core.integrated_gradients", baseline="zero")
    assert found.values == pytest.approx([2, -6, 6, 6, 5, 5, 0], abs=1e-5)
    assert found.gap == pytest.approx(0, abs=1e-6)


def test_integrated_gradients_of_a_smooth_network_are_complete() -> None:
    torch.manual_seed(0)
    module, samples = Mlp().eval(), data("table", (6,))
    found = _ask(module, samples, "core.integrated_gradients", steps=64, baseline="zero")
    x = samples.validation.inputs[:1]
    with torch.no_grad():
        difference = module(x)[0, found.target] - module(torch.zeros_like(x))[0, found.target]
    assert found.values.astype(float).sum() == pytest.approx(float(difference), rel=1e-6, abs=1e-6)
    assert found.gap is not None
    assert found.gap <= 1e-6
    assert found.settings["steps"] == 64


def test_steps_are_raised_until_the_gap_is_small_and_the_gap_is_always_told() -> None:
    torch.manual_seed(1)
    module, samples = Cnn().eval(), data("image", (3, 8, 8))
    module.head.weight.data.mul_(5)
    gaps = {
        most: _ask(
            module, samples, "core.integrated_gradients", CNN_PROJECT, steps=2, most_steps=most
        )
        for most in (2, 512)
    }
    coarse, fine = gaps[2], gaps[512]
    assert coarse.gap is not None
    assert fine.gap is not None
    assert coarse.gap > 0.01 >= fine.gap
    assert coarse.settings["steps"] == 2 < fine.settings["steps"] <= 512
    assert [
        note for note in coarse.notes if "After 2 steps" in note and f"{coarse.gap:.1%}" in note
    ]
    assert not [note for note in fine.notes if "steps" in note]


def test_a_baseline_that_scores_the_same_says_so() -> None:
    even = _formula(lambda x: (x[:, 0] - 1) ** 2, 2.0)
    found = _ask(*even, "core.integrated_gradients", baseline="zero")
    assert found.gap is not None
    assert any("no difference to share out" in note for note in found.notes)


def test_baselines_are_what_their_names_say() -> None:
    module, samples = _formula(lambda x: x[:, 0], 5.0)
    given = {
        choice: _ask(module, samples, "core.integrated_gradients", baseline=choice)
        for choice in ("black", "white", "mean", "zero", "auto")
    }
    low, high = samples.facts.value_range
    mean = float(samples.train.inputs.mean())
    expected = {"black": 5 - low, "white": 5 - high, "mean": 5 - mean, "zero": 5, "auto": 5 - mean}
    assert {name: float(found.values[0]) for name, found in given.items()} == pytest.approx(
        expected
    )
    assert given["auto"].settings["baseline"] == "mean"
    images = data("image", (3, 8, 8))
    assert _ask(Cnn(), images, "core.occlusion").settings["baseline"] == "black"


def test_input_x_gradient_of_a_linear_model_is_weight_times_input() -> None:
    weight = torch.tensor([0.5, -2.0, 3.0])
    linear = _formula(lambda x: x @ weight + 7, 4.0, 1.0, -1.0)
    assert _ask(*linear, "core.input_x_gradient").values == pytest.approx([2, -2, -3])
    assert _ask(*linear, "core.saliency").values == pytest.approx([0.5, -2, 3])
    assert _ask(*linear, "core.saliency", signed=False).values == pytest.approx([0.5, 2, 3])
    assert _ask(*linear, "core.occlusion", baseline="zero").values == pytest.approx([2, -2, -3])


@pytest.mark.parametrize("against", [None, 2])
def test_agreement_with_captum(against: int | None) -> None:
    torch.manual_seed(5)
    module, samples = Cnn().eval(), data("image", (3, 8, 8))
    x = samples.validation.inputs[3:4]

    def score(inputs: Tensor) -> Tensor:
        raw = module(inputs)
        return raw[:, 1] if against is None else raw[:, 1] - raw[:, against]

    def fresh() -> Tensor:
        return x.clone().requires_grad_(True)

    zero = torch.zeros_like(x)
    theirs = {
        "core.saliency": captum.attr.Saliency(score).attribute(fresh(), abs=False).sum(1),
        "core.input_x_gradient": captum.attr.InputXGradient(score).attribute(fresh()).sum(1),
        "core.integrated_gradients": captum.attr.IntegratedGradients(score)
        .attribute(fresh(), baselines=zero, n_steps=128)
        .sum(1),
        "core.occlusion": captum.attr.Occlusion(score)
        .attribute(x, (3, 3, 3), strides=(3, 2, 2), baselines=zero)
        .mean(1),
    }
    params: dict[str, dict[str, Any]] = {
        "core.integrated_gradients": {"steps": 128, "most_steps": 128, "baseline": "black"},
        "core.occlusion": {"window": 3, "stride": 2},
    }
    for method, expected in theirs.items():
        found = _ask(
            module,
            samples,
            method,
            CNN_PROJECT,
            index=3,
            target=1,
            against=against,
            **params.get(method, {}),
        )
        assert np.allclose(found.values, expected[0].detach().numpy(), atol=1e-5), method


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_grad_cam_agrees_with_captums_hooks(layer: str) -> None:
    torch.manual_seed(6)
    module, samples = Cnn().eval(), data("image", (3, 8, 8))
    x = samples.validation.inputs[:1].clone().requires_grad_(True)
    theirs = captum.attr.LayerGradCam(module, getattr(module, layer)).attribute(x, target=2)
    expected = captum.attr.LayerAttribution.interpolate(theirs, (8, 8), "bilinear")[0, 0]
    found = _ask(module, samples, "core.grad_cam", CNN_PROJECT, target=2, layer=layer)
    assert np.allclose(found.values, expected.detach().numpy(), atol=1e-5)
    assert (found.values < 0).any(), "signed by default"
    positive = _ask(
        module, samples, "core.grad_cam", CNN_PROJECT, target=2, layer=layer, positive=True
    )
    assert positive.values.min() >= 0


def test_grad_cam_reads_the_last_convolution_behind_its_activation_and_names_the_choices() -> None:
    module, samples = Cnn().eval(), data("image", (3, 8, 8))
    found = _ask(module, samples, "core.grad_cam", CNN_PROJECT)
    assert found.settings["layer"] == "act2"
    assert found.caption == "act2, signed, 6×6"
    with pytest.raises(explain.ExplainProblem) as caught:
        _ask(module, samples, "core.grad_cam", CNN_PROJECT, layer="head")
    assert "named 'head'. Choose one of conv1, act1, conv2, act2, pool, or" in str(caught.value)


def test_grad_cam_of_a_sequence_gives_one_value_a_step() -> None:
    found = _ask(Reader(), data("sequence", (7, 3)), "core.grad_cam", READER_PROJECT)
    assert (found.values == found.values[:, :1]).all()


def test_occlusion_covers_whole_steps_and_all_channels() -> None:
    steps = _ask(Reader(), data("sequence", (7, 3)), "core.occlusion", READER_PROJECT)
    assert np.allclose(steps.values, steps.values[:, :1])
    total = data("image", (3, 4, 4), 0)
    summing = Function(lambda x: x.sum((1, 2, 3)))
    found = _ask(summing, total, "core.occlusion", window=1, baseline="zero")
    assert np.allclose(found.values, total.validation.inputs[0].sum(0), atol=1e-5)


def test_occlusion_names_settings_that_cannot_be() -> None:
    images = data("image", (3, 8, 8))
    with pytest.raises(explain.ExplainProblem, match="stride 3 and window 2"):
        _ask(Cnn(), images, "core.occlusion", window=2, stride=3)
    whole = _ask(Cnn(), images, "core.occlusion", window=99)
    assert np.allclose(whole.values, whole.values[0, 0])


def test_whole_numbers_as_input_are_occluded_but_not_differentiated() -> None:
    torch.manual_seed(8)
    table = nn.Embedding(5, 3)
    words = torch.tensor([[0, 0, 0, 0], [1, 2, 0, 4]])
    reader = Function(lambda x: table(x).sum((1, 2)))
    samples = data("sequence", (4,), 0, words, torch.zeros(2, 1))
    found = _ask(reader, samples, "core.occlusion")
    each = (table.weight[words[1]] - table.weight[0]).sum(1).detach()
    assert found.values == pytest.approx(each.numpy(), abs=1e-6)
    with pytest.raises(explain.ExplainProblem, match=r"whole numbers\. Choose Occlusion"):
        _ask(reader, samples, "core.saliency")


def test_a_network_without_a_path_for_gradients_is_refused() -> None:
    steps = _formula(lambda x: x.detach()[:, 0], 1.0)
    with pytest.raises(explain.ExplainProblem, match="No gradient can flow"):
        _ask(*steps, "core.saliency")


def test_a_gradient_that_is_not_defined_gets_a_sentence() -> None:
    root = _formula(lambda x: torch.sqrt(x[:, 0]), 0.0)
    with pytest.raises(explain.ExplainProblem, match=r"not finite numbers.*Choose Occlusion"):
        _ask(*root, "core.saliency")


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        (lambda x: (x, x), "one output, but this one has several"),
        (lambda x: x[:, None, :, None] + x[:, None, None, :], "but got N×1×2×2"),
    ],
)
def test_outputs_that_are_no_row_a_sample_get_a_sentence(
    formula: Callable[[Tensor], Any], sentence: str
) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return formula(x)

    with pytest.raises(explain.ExplainProblem, match=sentence):
        _ask(Odd(), data("table", (2,)), "core.saliency")


def test_a_network_with_its_own_softmax_is_told_about() -> None:
    soft = Function(lambda x: torch.softmax(4 * x, 1))
    found = _ask(soft, data("table", (4,)), "core.saliency")
    assert np.array_equal(found.outputs, found.raw)
    assert any("ends in a softmax" in note for note in found.notes)


def _patterned() -> Dataset:
    """Noise of 12×12; half of the images hold a 4×4 cross at a random place (kept in `PLACES`)."""
    generator = torch.Generator().manual_seed(2)
    count = 600
    images = 0.3 * torch.rand(count, 1, 12, 12, generator=generator)
    targets = torch.arange(count) % 2
    places = torch.randint(0, 9, (count, 2), generator=generator)
    cross = torch.tensor([[1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1]]).float()
    for image, target, (row, column) in zip(images, targets, places.tolist(), strict=True):
        if target:
            image[0, row : row + 4, column : column + 4] += 0.7 * cross
    PLACES.extend(places[count // 2 :].tolist())
    return data("image", (1, 12, 12), 2, images, targets)


PLACES: list[list[int]] = []


@pytest.fixture(scope="module")
def patterned() -> tuple[nn.Module, Dataset]:
    samples = _patterned()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(
            nn.Conv2d(1, 8, 4), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 2)
        )
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(120):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(samples.train.inputs), samples.train.targets).backward()
        optimizer.step()
    module.eval().requires_grad_(False)
    right = module(samples.validation.inputs).argmax(1) == samples.validation.targets
    assert right.float().mean() > 0.97
    return module, samples


@pytest.mark.parametrize(
    ("method", "params", "at_least"),
    [
        ("core.occlusion", {"window": 2, "stride": 1}, 0.6),
        ("core.integrated_gradients", {}, 0.6),
        ("core.input_x_gradient", {}, 0.5),
    ],
)
def test_maps_point_at_the_pattern_that_decides(
    patterned: tuple[nn.Module, Dataset], method: str, params: dict[str, Any], at_least: float
) -> None:
    """A map without meaning puts 16/144 = 11 % of its positive mass on the pattern."""
    module, samples = patterned
    shares = []
    for index in [i for i, y in enumerate(samples.validation.targets.tolist()) if y][:12]:
        found = _ask(module, samples, method, index=index, target=1, **params)
        positive = np.maximum(found.values, 0)
        row, column = PLACES[index]
        shares.append(positive[row : row + 4, column : column + 4].sum() / positive.sum())
    assert math.fsum(shares) / len(shares) > at_least, shares
