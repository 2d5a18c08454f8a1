"""Saliency and Input × Gradient: the gradient of the score at the sample."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from studio.explain.method import Attribution, Method
from studio.explain.question import Question
from studio.graph.params import Param, Value
from studio.graph.spec import MethodSpec

_FLAT = (
    "No gradient reaches the input: on every path a unit is off (a dead ReLU) or saturated. "
    "Try Occlusion, which needs no gradient."
)

_SIGNED = Param(
    "signed",
    "bool",
    default=True,
    help="Keep the sign: positive raises the score, negative lowers it. No: the size alone.",
)


def _saliency(question: Question, params: Mapping[str, Value]) -> Attribution:
    from captum.attr import Saliency  # brings matplotlib: only for those who explain

    x = question.sample_with_gradient("Saliency")
    values: Tensor = Saliency(question.scorer(1)).attribute(x, abs=False)
    what = "gradient" if question.against is None else "gradient of the difference"
    return _of(values, what, params)


def _input_x_gradient(question: Question, params: Mapping[str, Value]) -> Attribution:
    from captum.attr import InputXGradient

    x = question.sample_with_gradient("Input × Gradient")
    values: Tensor = InputXGradient(question.scorer(1)).attribute(x)
    return _of(values, "input times gradient", params)


def _of(values: Tensor, what: str, params: Mapping[str, Value]) -> Attribution:
    if params["signed"]:
        return Attribution(values[0], what)
    return Attribution(values[0].abs(), f"{what}, without sign")


SALIENCY = Method(
    MethodSpec(
        kind="core.saliency",
        title="Saliency",
        doc="How fast the score changes when one input value changes a little. Fast, and noisy: it says "
        "what the score is sensitive to at this sample, not what it is made of.",
        formula="∂f(x) / ∂xᵢ",
        paper="Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks (2014), section 3",
        params=(_SIGNED,),
    ),
    _saliency,
    _FLAT,
)

INPUT_X_GRADIENT = Method(
    MethodSpec(
        kind="core.input_x_gradient",
        title="Input × Gradient",
        doc="The gradient times the input value: what each value adds to the score if the network were "
        "straight between zero and this sample. Exact for linear networks.",
        formula="xᵢ · ∂f(x) / ∂xᵢ",
        paper="Shrikumar, Greenside, Shcherbina, Kundaje: Not Just a Black Box (2016), section 2",
        params=(_SIGNED,),
    ),
    _input_x_gradient,
    "No gradient reaches an input value that is not zero: units on the way are off (dead ReLUs) or "
    "saturated. Try Occlusion, which needs no gradient.",
)
