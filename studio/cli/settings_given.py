"""`--set key=value`: which option a key means, and the value that its text stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from studio.cli.ending import WrongUse
from studio.graph.catalog import Catalog, UnknownKind, find_kind
from studio.graph.params import Param, ParamError, Value
from studio.graph.project import Recipe
from studio.graph.spec import Spec

#: Fields of a recipe that are plain numbers or words.
_PLAIN = (
    Param("batch_size", "int", minimum=1),
    Param("epochs", "int", minimum=1),
    Param("seed", "int", minimum=0),
    Param("threads", "int", minimum=0),
    Param("precision", "choice", choices=("fp32", "bf16", "fp16")),
    Param("device", "str"),
    Param("clip_norm", "float", optional=True, minimum=1e-12),
    Param("accumulate", "int", minimum=1),
    Param("ema", "float", minimum=0),
    Param("patience", "int", minimum=0),
    Param("min_delta", "float", minimum=0),
    Param("keep_every", "int", minimum=0),
    Param("sampling", "choice", choices=("shuffled", "balanced")),
    Param("compile", "bool"),
    Param("deterministic", "bool"),
)
#: Fields that choose a kind, and the field that holds its options.
_CHOICES = {
    "optimizer": "optimizers",
    "schedule": "schedules",
    "loss": "losses",
    "learner": "learners",
}


def params_given(params: Iterable[Param], pairs: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Return the values that `pairs` give to `params`.

    Raises: WrongUse, when a key is not among them or a value does not fit.
    """
    known = {param.name: param for param in params}
    values = {}
    for key, text in pairs:
        if key not in known:
            raise WrongUse(
                f"There is no setting named {key!r}. Known ones: {', '.join(known) or 'none'}."
            )
        values[key] = parse(known[key], text)
    return values


def parse(param: Param, text: str) -> Value:
    """Return the value that `text` stands for.

    Raises: WrongUse.
    """
    try:
        return param.parse(text)
    except ParamError as error:
        raise WrongUse(str(error)) from None


def recipe_given(
    recipe: Recipe, catalog: Catalog, pairs: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    """Return the recipe's fields that `pairs` change, as `SetRecipe` takes them.

    A key is a field (`batch_size`), a choice (`optimizer=sgd`) or an option of what is chosen:
    `lr`, or `optimizer.lr` where several have one. Choosing another kind drops the options of the
    one before.

    Raises: WrongUse.
    """
    values: dict[str, Any] = {}
    later = []
    for key, text in pairs:
        plain = next((param for param in _PLAIN if param.name == key), None)
        if plain is not None:
            values[key] = parse(plain, text)
        elif key in _CHOICES:
            values[key] = _kind(getattr(catalog, _CHOICES[key]), text, key)
            values[f"{key}_params"] = {}
        else:
            later.append((key, text))
    for key, text in later:  # after the kinds are chosen, whose options these are
        field, param = _option(recipe, catalog, values, key)
        before = values.get(field, getattr(recipe, field))
        values[field] = {**before, param.name: parse(param, text)}
    return values


def _kind(specs: Mapping[str, Spec], text: str, noun: str) -> str:
    try:
        return find_kind(specs, text, noun)
    except UnknownKind as unknown:
        raise WrongUse(str(unknown.args[0])) from None


def _option(
    recipe: Recipe, catalog: Catalog, values: Mapping[str, Any], key: str
) -> tuple[str, Param]:
    """Return the field of the recipe that holds the option `key` and the option itself."""
    part, dot, name = key.rpartition(".")
    hits = []
    for choice, param in _options(recipe, catalog, values):
        if param.name == name and (not dot or choice == part):
            hits.append((f"{choice}_params", param))
    if len(hits) == 1:
        return hits[0]
    if hits:
        several = ", ".join(f"{field.removesuffix('_params')}.{name}" for field, _ in hits)
        raise WrongUse(f"{key!r} fits several: {several}. Name one of them.")
    known = [param.name for param in _PLAIN] + list(_CHOICES)
    known += [f"{choice}.{param.name}" for choice, param in _options(recipe, catalog, values)]
    raise WrongUse(f"There is no setting named {key!r}. Known ones: {', '.join(known)}.")


def _options(
    recipe: Recipe, catalog: Catalog, values: Mapping[str, Any]
) -> Iterator[tuple[str, Param]]:
    for choice, table in _CHOICES.items():
        kind = values.get(choice, getattr(recipe, choice))
        spec = getattr(catalog, table).get(kind)
        for param in spec.params if spec else ():
            yield choice, param
