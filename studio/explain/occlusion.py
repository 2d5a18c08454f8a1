"""Occlusion: how far the score falls when a window of the sample is covered."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from studio.explain.baselines import BASELINE, baseline
from studio.explain.method import Attribution, Method
from studio.explain.question import ExplainProblem, Question
from studio.graph.params import Param, Value
from studio.graph.spec import MethodSpec

#: More windows than this are a mistake in the settings, not patience.
_MOST = 100_000


def _occlusion(question: Question, params: Mapping[str, Value]) -> Attribution:
    from captum.attr import Occlusion  # brings matplotlib: only for those who explain

    cover, chosen = baseline(question, params["baseline"])
    side = question.x.shape[-1] if _is_image(question) else 0
    window = params["window"] or max(1, round(side / 5))
    stride = params["stride"] or max(1, window // 3)
    if stride > window:
        raise ExplainProblem(
            f"Occlusion with stride {stride} and window {window} would skip values. "
            "Choose a stride of at most the window."
        )
    windows, strides = _shapes(question, window, stride)
    passes = _count(question.x.shape[1:], windows, strides)
    if passes > _MOST:
        raise ExplainProblem(
            f"Occlusion would cover {passes:,} windows. Choose a larger window or stride."
        )
    with torch.no_grad():
        values: Tensor = Occlusion(question.scorer(passes + 1)).attribute(
            question.x,
            sliding_window_shapes=windows,
            strides=strides,
            baselines=cover,
            perturbations_per_eval=question.batch,
        )
    # All channels are covered together, so that each holds the same value: one of them is the map.
    return Attribution(
        values[0, 0] if _is_image(question) else values[0],
        _caption(question, windows, stride),
        settings={"window": window, "stride": stride, "baseline": chosen},
    )


def _caption(question: Question, windows: tuple[int, ...], stride: int) -> str:
    if _is_image(question):
        return f"{windows[1]}×{windows[2]} window, stride {stride}"
    noun = "step" if question.facts.form == "sequence" else "value"
    return f"{windows[0]} {noun}s at a time" if windows[0] > 1 else f"one {noun} at a time"


def _is_image(question: Question) -> bool:
    return question.facts.form == "image" and question.x.dim() == 4


def _shapes(
    question: Question, window: int, stride: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return window and stride in every dimension of one sample; windows fit into it.

    An image's window covers all channels, a sequence's all features of its steps.
    """
    sample = question.x.shape[1:]
    if _is_image(question):
        whole, free = sample[:1], sample[1:]
        return (
            (*whole, *(min(window, size) for size in free)),
            (*whole, *(min(stride, size) for size in free)),
        )
    free, whole = sample[:1], sample[1:]
    return (min(window, *free), *whole), (min(stride, *free), *whole)


def _count(sample: tuple[int, ...], windows: tuple[int, ...], strides: tuple[int, ...]) -> int:
    return math.prod(
        math.ceil((size - window) / stride) + 1
        for size, window, stride in zip(sample, windows, strides, strict=True)
    )


OCCLUSION = Method(
    MethodSpec(
        kind="core.occlusion",
        title="Occlusion",
        doc="Covers one window after another and measures how far the score falls; where windows overlap "
        "their falls are averaged. Needs no gradient. Tables: one value at a time; sequences: one step.",
        formula="f(x) − f(x with the window at i covered)",
        paper="Zeiler, Fergus: Visualizing and Understanding Convolutional Networks (2014), section 4.2",
        params=(
            Param(
                "window",
                "int",
                optional=True,
                minimum=1,
                maximum=1024,
                unit="px",
                help="Side of the window; empty: a fifth of an image's side, one value or step else.",
            ),
            Param(
                "stride",
                "int",
                optional=True,
                minimum=1,
                maximum=1024,
                unit="px",
                help="How far the window moves; empty: a third of the window.",
            ),
            BASELINE,
        ),
    ),
    _occlusion,
    "Covering any window leaves the score as it is: the sample looks like its baseline, or the network "
    "does not react to it. Choose another baseline or a larger window.",
)
