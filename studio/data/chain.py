"""Transforms one after another: each fitted on the training samples as the ones before left them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from studio.data.memory import check_fits
from studio.data.source import DataProblem, Loaded
from studio.data.transforms import STANDARDIZE, Fitted, Transform
from studio.graph.catalog import UnknownKind, find_kind
from studio.graph.params import ParamError, check_params, with_defaults
from studio.graph.project import DataRef, Handling, Step


@dataclass(frozen=True)
class Chain:
    """Inputs of the splits behind the transforms, and what the transforms made of the samples.

    `apply` are the fitted transforms; an empty `features` names none, a None `scale` knows no range.
    """

    inputs: tuple[Tensor, ...]
    form: str
    features: tuple[str, ...]
    scale: tuple[float, float] | None
    apply: tuple[Callable[[Tensor], Tensor], ...] = ()
    notes: tuple[str, ...] = ()


def steps_of(ref: DataRef, params: Mapping[str, object]) -> Sequence[Step]:
    """Return a reference's transforms, with the standardising that its source's setting asks for."""
    asked = any(step.kind == STANDARDIZE for step in ref.transforms)
    if params.get("standardize") and not asked:
        return (Step(STANDARDIZE), *ref.transforms)
    return ref.transforms


def transformed(
    steps: Sequence[Step],
    transforms: Mapping[str, Transform],
    inputs: Sequence[Tensor],
    loaded: Loaded,
    handling: Handling,
) -> Chain:
    """Return what the steps make of the splits' inputs, the training samples' first.

    Raises: DataProblem.
    """
    chain = Chain(tuple(inputs), loaded.form, loaded.features, loaded.scale)
    for step in steps:
        fitted = _fit(step, transforms, chain.inputs[0], chain.form)
        _check_growth(fitted, chain.inputs, loaded.title, handling)
        parts = [fitted.apply(part) if len(part) else part for part in chain.inputs]
        chain = replace(
            chain,
            # An empty split takes the shape of the transformed training samples.
            inputs=tuple(part if len(part) else parts[0][:0] for part in parts),
            form=fitted.form or chain.form,
            features=chain.features if fitted.keeps_features else (),
            scale=chain.scale if fitted.keeps_range else None,
            apply=(*chain.apply, fitted.apply),
            notes=(*chain.notes, fitted.note) if fitted.note else chain.notes,
        )
    return chain


def _fit(step: Step, transforms: Mapping[str, Transform], train: Tensor, form: str) -> Fitted:
    try:
        kind = find_kind({k: t.spec for k, t in transforms.items()}, step.kind, "transform")
        transform = transforms[kind]
        given = check_params(transform.spec.params, step.params)
    except (UnknownKind, ParamError) as error:
        raise DataProblem(str(error)) from None
    return transform.fit(train, form, with_defaults(transform.spec.params, given))


def _check_growth(fitted: Fitted, inputs: Sequence[Tensor], title: str, handling: Handling) -> None:
    """Refuse a transform that makes samples larger than memory, as one of them shows."""
    before = inputs[0][:1]
    one = fitted.apply(before)
    if one.nbytes > before.nbytes:
        check_fits(
            f"{title} behind its transforms",
            one.nbytes * sum(map(len, inputs)),
            handling,
            "Make samples smaller, or set memory to stream where the source can.",
        )
