"""Integrated Gradients: the gradient averaged along the straight line from a baseline to the sample."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from studio.explain.baselines import BASELINE, baseline, name_of
from studio.explain.method import Attribution, Method
from studio.explain.question import Question
from studio.graph.params import Param, Value
from studio.graph.spec import MethodSpec

#: A gap that is small enough to stop at, as a share of the explained difference.
_ENOUGH = 0.01
#: Differences below this share of the scores are rounding, and cannot be shared out.
_ROUNDING = 1e-5


def _integrated_gradients(question: Question, params: Mapping[str, Value]) -> Attribution:
    from captum.attr import IntegratedGradients  # brings matplotlib: only for those who explain

    start, chosen = baseline(question, params["baseline"])
    x = question.sample_with_gradient("Integrated Gradients")
    with torch.no_grad():
        from_score = float(question.scorer(1)(start))
    difference = question.value - from_score
    floor = _ROUNDING * max(1.0, abs(question.value), abs(from_score))
    steps = params["steps"]
    most = max(steps, params["most_steps"])
    while True:
        values: Tensor = IntegratedGradients(question.scorer(steps)).attribute(
            x,
            baselines=start,
            n_steps=steps,
            internal_batch_size=question.batch,
        )
        missing = abs(float(values.detach().double().sum()) - difference)
        gap = missing / max(abs(difference), floor)
        if gap <= _ENOUGH or steps >= most or abs(difference) <= floor:
            break
        steps = min(2 * steps, most)
    return Attribution(
        values[0],
        f"{steps} steps from {name_of(chosen)}",
        gap=gap,
        settings={"steps": steps, "baseline": chosen},
        notes=_notes(gap, steps, difference, floor),
    )


def _notes(gap: float, steps: int, difference: float, floor: float) -> tuple[str, ...]:
    if abs(difference) <= floor:
        return (
            "The baseline scores the same as this sample, so there is no difference to share out. "
            "Choose another baseline.",
        )
    if gap > _ENOUGH:
        return (
            f"After {steps} steps the values still miss {gap:.1%} of the difference. "
            "Raise most_steps, or trust this map less.",
        )
    return ()


INTEGRATED_GRADIENTS = Method(
    MethodSpec(
        kind="core.integrated_gradients",
        title="Integrated Gradients",
        doc="Shares out the difference between the score of this sample and that of a baseline: the "
        "values add up to it. The completeness gap says by how much they miss it; steps are doubled "
        "until it is at most 1 %.",
        formula="(xᵢ − x′ᵢ) · ∫₀¹ ∂f(x′ + α(x − x′)) / ∂xᵢ dα",
        paper="Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks (2017), section 3",
        params=(
            Param(
                "steps",
                "int",
                default=32,
                minimum=2,
                maximum=1024,
                help="Points on the line from baseline to sample to begin with.",
            ),
            BASELINE,
            Param(
                "most_steps",
                "int",
                default=512,
                minimum=2,
                maximum=1024,
                help="Doubling ends here, also where the completeness gap is above 1 % still.",
            ),
        ),
    ),
    _integrated_gradients,
    "The sample equals its baseline, or no gradient flows anywhere between them. "
    "Choose another baseline, or Occlusion.",
)
