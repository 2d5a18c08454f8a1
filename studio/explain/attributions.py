"""`explain`: one method on one sample, from request to map."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from torch import nn

from studio.data import Dataset
from studio.engine.protocol import Explain, Explanation
from studio.explain import grad_cam, gradient, integrated_gradients, occlusion
from studio.explain.method import Attribution, Method
from studio.explain.outputs import readable, saturation
from studio.explain.question import ExplainProblem, Question, pose
from studio.graph.catalog import UnknownKind, find_kind
from studio.graph.params import ParamError, check_params, with_defaults
from studio.graph.spec import MethodSpec

_METHODS = (
    gradient.SALIENCY,
    gradient.INPUT_X_GRADIENT,
    integrated_gradients.INTEGRATED_GRADIENTS,
    grad_cam.GRAD_CAM,
    occlusion.OCCLUSION,
)


def methods() -> dict[str, MethodSpec]:
    """Return the methods by kind."""
    return {method.spec.kind: method.spec for method in _METHODS}


def explain(
    request: Explain,
    module: nn.Module,
    dataset: Dataset,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[int, int], None] = lambda done, total: None,
    table: Mapping[str, Method] | None = None,
) -> Explanation:
    """Return the map of `request.method` over one sample; `module` is a replica.

    Raises: `ExplainProblem` with a sentence; `Cancelled`.
    """
    started = time.perf_counter()
    known = {method.spec.kind: method for method in _METHODS} if table is None else table
    try:
        kind = find_kind(
            {kind: method.spec for kind, method in known.items()}, request.method, "method"
        )
        method = known[kind]
        params = with_defaults(method.spec.params, check_params(method.spec.params, request.params))
    except (UnknownKind, ParamError) as error:
        raise ExplainProblem(str(error)) from error
    question = pose(
        request.project,
        module,
        dataset,
        request.split,
        request.index,
        request.target,
        request.against,
        cancelled,
        report,
    )
    question.stop_if_cancelled()
    found = _checked(method, question, method.attribute(question, params))
    outputs = readable(question.raw[None], dataset.facts)[0]
    return Explanation(
        method=kind,
        values=found.values.numpy(),
        outputs=outputs.numpy(),
        raw=question.raw.numpy(),
        target=question.target,
        against=question.against,
        gap=found.gap,
        seconds=time.perf_counter() - started,
        settings=params | dict(found.settings),
        caption=found.caption,
        notes=saturation(question.raw, dataset.facts) + found.notes,
    )


def _checked(method: Method, question: Question, found: Attribution) -> Attribution:
    """Return the attribution as a plain map: float32, no channels; all-zero ones say why."""
    values = found.values.detach().float()
    sample = tuple(question.x.shape[1:])
    if question.facts.form == "image" and len(sample) == 3:
        if values.dim() == 3:
            values = values.sum(0)
        sample = sample[1:]
    if tuple(values.shape) != sample:
        raise ValueError(f"{method.spec.kind} must return {sample}, not {tuple(values.shape)}")
    if not bool(values.isfinite().all()):
        raise ExplainProblem(
            f"{method.spec.title} gives values that are not finite numbers here: a layer's gradient is "
            "not defined at this sample. Choose Occlusion."
        )
    notes = found.notes
    if not bool(values.any()):
        notes = (f"Every value is zero. {method.flat}", *notes)
    return replace(found, values=values.contiguous(), notes=notes)
