"""The augmentations there are, and a list of them made into one change of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.data.augmentation.colours import COLOURS
from studio.data.augmentation.contract import Augmentation, Change
from studio.data.augmentation.geometry import GEOMETRY
from studio.data.augmentation.mixing import MIXING
from studio.data.augmentation.values import VALUES
from studio.data.samples import Samples
from studio.data.source import DataProblem
from studio.graph.catalog import UnknownKind, find_kind
from studio.graph.facts import DataFacts
from studio.graph.params import ParamError, check_params, with_defaults
from studio.graph.project import Step


def builtin_augmentations() -> dict[str, Augmentation]:
    """Return the augmentations that need no plugin, by kind."""
    return {one.spec.kind: one for one in (*GEOMETRY, *COLOURS, *VALUES, *MIXING)}


def augmenter(
    steps: Sequence[Step],
    facts: DataFacts,
    augmentations: Mapping[str, Augmentation] | None = None,
) -> Change | None:
    """Return the change of batches that steps make one after another; None where there are none.

    Raises: DataProblem, where a step is not known or does not fit the data.
    """
    known = builtin_augmentations() if augmentations is None else augmentations
    changes = [_prepared(step, facts, known) for step in steps]
    if not changes:
        return None
    if len(changes) == 1:
        return changes[0]

    def change(batch: Samples) -> Samples:
        for one in changes:
            batch = one(batch)
        return batch

    return change


def _prepared(step: Step, facts: DataFacts, known: Mapping[str, Augmentation]) -> Change:
    specs = {kind: one.spec for kind, one in known.items()}
    try:
        kind = find_kind(specs, step.kind, "augmentation")
        spec = specs[kind]
        given = check_params(spec.params, step.params)
    except (UnknownKind, ParamError) as error:
        raise DataProblem(str(error)) from None
    if facts.form not in spec.forms:
        raise DataProblem(
            f"{spec.title} augments {' or '.join(spec.forms)} data, but {facts.title} is "
            f"{facts.form} data. Remove it from the augmentations."
        )
    if facts.task not in known[kind].tasks:
        raise DataProblem(
            f"{spec.title} does not fit {facts.task}: what is right would no longer belong to the "
            "changed sample. Remove it from the augmentations."
        )
    return known[kind].prepare(facts, with_defaults(spec.params, given))
