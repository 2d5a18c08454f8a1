"""What holds for every method, on every form of input, without a test of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from subjects import (
    CNN_PROJECT,
    MLP_PROJECT,
    READER_PROJECT,
    Cnn,
    Mlp,
    Reader,
    Stop,
    data,
)
from torch import nn

from studio import explain
from studio.data import Dataset
from studio.engine.protocol import Explain, Explanation
from studio.graph.params import check_params, with_defaults
from studio.graph.project import Project


@dataclass(frozen=True)
class Case:
    module: nn.Module
    data: Dataset
    project: Project
    map_shape: tuple[int, ...]

    def ask(self, method: str, **asked: Any) -> Explanation:
        run = {name: asked.pop(name) for name in ("cancelled", "report") if name in asked}
        asked = {"index": 1} | asked
        request = Explain(project=self.project, method=method, **asked)
        return explain.explain(request, self.module, self.data, **run)


def _case(form: str) -> Case:
    torch.manual_seed(3)
    match form:
        case "image":
            return Case(Cnn().eval(), data("image", (3, 8, 8)), CNN_PROJECT, (8, 8))
        case "table":
            return Case(Mlp().eval(), data("table", (6,)), MLP_PROJECT, (6,))
        case "sequence":
            return Case(Reader().eval(), data("sequence", (7, 3)), READER_PROJECT, (7, 3))
        case _:
            return Case(Mlp(classes=2).eval(), data("table", (6,), classes=0), MLP_PROJECT, (6,))


FORMS = ("image", "table", "sequence", "regression")
METHODS = sorted(explain.methods())
#: What cannot be asked: no feature maps in a network of dense layers.
REFUSED = {("core.grad_cam", "table"), ("core.grad_cam", "regression")}
PAIRS = [(m, f) for m in METHODS for f in FORMS if (m, f) not in REFUSED]

every_pair = pytest.mark.parametrize(("method", "form"), PAIRS)
every_method = pytest.mark.parametrize("method", METHODS)


def _state(module: nn.Module) -> dict[str, Any]:
    """Everything that an explanation could leave changed."""
    return {
        "weights": {name: value.clone() for name, value in module.state_dict().items()},
        "modes": [part.training for part in module.modules()],
        "gradients": [p.grad for p in module.parameters()],
        "wanted": [p.requires_grad for p in module.parameters()],
        "hooks": [
            len(part._forward_hooks)
            + len(part._forward_pre_hooks)
            + len(part._backward_hooks)
            + len(part._backward_pre_hooks)
            for part in module.modules()
        ],
        "tensor hooks": [bool(p._backward_hooks) for p in module.parameters()],
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),  # noqa: NPY002
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
    }


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(before[k], after[k]) for k in before)
    if isinstance(before, (torch.Tensor, np.ndarray)):
        return bool((before == after).all())
    return bool(before == after)


@every_pair
def test_a_map_has_the_shape_of_the_input_and_says_what_was_explained(
    method: str, form: str
) -> None:
    case = _case(form)
    seen: list[tuple[int, int]] = []
    found = case.ask(method, report=lambda done, total: seen.append((done, total)))
    assert found.method == method
    assert found.values.shape == case.map_shape
    assert found.values.dtype == np.float32
    assert np.isfinite(found.values).all()
    assert found.values.any()
    assert 0 < len(found.caption) < 40
    assert found.outputs.shape == found.raw.shape
    assert found.target == (0 if form == "regression" else int(found.raw.argmax()))
    assert found.settings.keys() == {param.name for param in explain.methods()[method].params}
    assert all(0 < done <= total for done, total in seen)
    if form != "regression":
        assert found.outputs.sum() == pytest.approx(1.0, abs=1e-6)


@every_pair
def test_nothing_is_left_changed(method: str, form: str) -> None:
    case = _case(form)
    before, inputs = _state(case.module), case.data.validation.inputs.clone()
    first = case.ask(method)
    assert _same(before, _state(case.module))
    assert torch.equal(inputs, case.data.validation.inputs)
    assert np.array_equal(first.values, case.ask(method).values), (
        "the same question, the same answer"
    )


@every_pair
def test_nothing_is_left_changed_when_cancelled(method: str, form: str) -> None:
    case = _case(form)
    before = _state(case.module)
    for after in range(3):
        stop = Stop(after)
        try:
            case.ask(method, cancelled=stop)
        except explain.Cancelled:
            continue
        assert stop.calls <= after, f"{method} went on after it was cancelled"
    with pytest.raises(explain.Cancelled):
        case.ask(method, cancelled=Stop(1))
    assert _same(before, _state(case.module))


@every_method
def test_nothing_is_left_changed_when_the_network_fails(method: str) -> None:
    case = _case("image")
    module = Failing(case.module)
    before = _state(module)
    with pytest.raises(explain.ExplainProblem, match="cannot be run on this sample: out of luck"):
        Case(module, case.data, case.project, ()).ask(method)
    assert _same(before, _state(module))


class Failing(nn.Module):
    """Answers once, then raises."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner.eval()
        self.eval()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("out of luck")
        return self.inner(x)

    def forward_tapped(self, x: torch.Tensor, tap: Any) -> torch.Tensor:
        raise RuntimeError("out of luck")


@every_method
def test_works_where_parameters_ask_for_gradients_and_where_they_do_not(method: str) -> None:
    case = _case("image")
    first = case.ask(method).values
    case.module.requires_grad_(False)
    assert np.array_equal(first, case.ask(method).values)


@every_method
def test_works_in_a_thread_that_has_gradients_off(method: str) -> None:
    case = _case("image")
    first = case.ask(method).values
    with torch.no_grad():
        assert np.array_equal(first, case.ask(method).values)


@every_pair
def test_one_class_against_another_turns_round_when_swapped(method: str, form: str) -> None:
    case = _case(form)
    same = {p.name: 64 for p in explain.methods()[method].params if p.name.endswith("steps")}
    one = case.ask(method, target=1, against=0, params=same)
    other = case.ask(method, target=0, against=1, params=same)
    assert (one.target, one.against) == (1, 0)
    assert np.allclose(one.values, -other.values, atol=1e-6)
    alone = [case.ask(method, target=target, params=same).values for target in (0, 1)]
    assert np.allclose(one.values, alone[1] - alone[0], atol=1e-6)


@every_method
def test_a_spec_is_complete(method: str) -> None:
    spec = explain.methods()[method]
    assert spec.kind == method
    assert spec.title
    assert spec.doc.endswith(".")
    assert spec.formula
    assert spec.paper
    defaults = with_defaults(spec.params, {})
    assert check_params(spec.params, defaults) == defaults
    assert all(param.help.endswith(".") for param in spec.params)


@every_method
@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"target": 4}, "There is no class 4: this network has 4, numbered 0 to 3."),
        ({"target": -1}, "There is no class -1"),
        ({"against": 9}, "There is no class 9"),
        ({"target": 2, "against": 2}, "Class 2 against itself"),
        ({"index": 6}, "There is no sample 6 in the validation split: it has 6, numbered 0 to 5."),
        ({"index": -1}, "There is no sample -1"),
        ({"split": "test"}, "The test split holds no samples. Choose train or validation."),
        ({"split": "tset"}, "There is no split named 'tset'"),
        ({"params": {"colour": 1}}, "There is no setting named 'colour'"),
    ],
)
def test_a_wrong_question_gets_a_sentence(
    method: str, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(explain.ExplainProblem) as caught:
        _case("image").ask(method, **asked)
    assert sentence in str(caught.value)


@every_method
def test_weights_that_are_not_numbers_get_a_sentence(method: str) -> None:
    case = _case("image")
    case.module.conv1.weight.data[0] = torch.nan
    with pytest.raises(explain.ExplainProblem, match=r"answers this sample with NaN.*earlier step"):
        case.ask(method)


@every_method
def test_a_network_in_training_is_refused(method: str) -> None:
    case = _case("image")
    case.module.train()
    with pytest.raises(explain.ExplainProblem, match="evaluation mode"):
        case.ask(method)


@every_method
def test_a_map_of_zeros_says_why(method: str) -> None:
    case = _case("image")
    case.module.conv2.weight.data.zero_()
    case.module.conv2.bias.data.fill_(-1.0)
    found = case.ask(method)
    assert not found.values.any()
    assert any(note.startswith("Every value is zero. ") for note in found.notes)


@every_method
def test_a_sure_network_says_that_scores_before_softmax_are_explained(method: str) -> None:
    case = _case("image")
    assert not [note for note in case.ask(method).notes if "sure" in note]
    case.module.head.weight.data.mul_(1000)
    notes = case.ask(method).notes
    assert [note for note in notes if "sure" in note and "before softmax is explained" in note]


def test_an_unknown_method_gets_a_sentence_and_an_ending_is_enough() -> None:
    case = _case("table")
    assert case.ask("saliency").method == "core.saliency"
    with pytest.raises(explain.ExplainProblem, match="There is no method named 'shap'"):
        case.ask("shap")


@pytest.mark.parametrize("form", ["table", "regression"])
def test_grad_cam_without_feature_maps_is_refused(form: str) -> None:
    with pytest.raises(explain.ExplainProblem) as caught:
        _case(form).ask("core.grad_cam")
    assert str(caught.value) == (
        "Grad-CAM needs a layer with feature maps, and this network has none. "
        "Choose Saliency or Occlusion."
    )
