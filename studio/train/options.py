"""Reading a class's constructor into options, so that PyTorch's own defaults are the form's."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping

from studio.graph.params import Param, ParamError, Value, check_params, with_defaults
from studio.graph.spec import OptionSpec


class TrainProblem(ValueError):
    """A recipe that cannot run; the message says what was expected, what came, and what to do."""


def option_spec(
    kind: str,
    source: type,
    skip: Iterable[str] = (),
    given: Mapping[str, Param] | None = None,
) -> OptionSpec | None:
    """Return the spec of a PyTorch class, or None where it needs what no form can give (a function).

    `skip` names arguments that are not offered, `given` replaces what introspection would say.
    """
    left_out = {"self", *skip}
    params: list[Param] = []
    for name, argument in inspect.signature(source).parameters.items():
        if name in left_out or argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            continue
        param = (given or {}).get(name) or _param(name, argument)
        if param is not None:
            params.append(param)
        elif argument.default is inspect.Parameter.empty:
            return None
    return OptionSpec(
        kind=kind, title=_title(source.__name__), doc=_doc(source), params=tuple(params)
    )


def _param(name: str, argument: inspect.Parameter) -> Param | None:
    default = argument.default
    annotation = str(argument.annotation)
    required = default is inspect.Parameter.empty
    if "Callable" in annotation:
        return None
    if "Literal[" in annotation:
        words = tuple(re.findall(r"'([^']+)'", annotation))
        return Param(name, "choice", default, choices=words)
    if isinstance(default, bool):
        return Param(name, "bool", default)
    if isinstance(default, (int, float)):
        whole = isinstance(default, int) and "float" not in annotation
        return Param(name, "int" if whole else "float", default if whole else float(default))
    if isinstance(default, str):
        return Param(name, "str", default)
    if isinstance(default, tuple) and default and all(isinstance(x, (int, float)) for x in default):
        return Param(name, "float", tuple(float(x) for x in default), size=len(default))
    if (default is None or required) and re.search(r"\b(int|float|bool)\b", annotation):
        kind = re.search(r"\b(float|int|bool)\b", annotation)
        assert kind is not None
        type_ = "float" if "float" in annotation else kind.group(1)
        return Param(name, type_, None, required=required, optional=not required)  # type: ignore[arg-type]
    return None


def _title(name: str) -> str:
    """`CosineAnnealingLR` → `Cosine annealing`"""
    words = re.sub(r"(?:LR|Loss)$", "", name) or name
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z]+\d*|[A-Z0-9]+", words)
    if len(parts) < 2 or len(words) <= 8:
        return words
    return " ".join([parts[0], *(part if part.isupper() else part.lower() for part in parts[1:])])


def _doc(source: type) -> str:
    """The first sentence of a class's documentation, as plain text."""
    text = inspect.cleandoc(source.__doc__ or "").split("\n\n")[0]
    text = re.sub(r":\w+:`~?([^`<]*?)(?:\s*<[^>]*>)?`", r"\1", text).replace("`", "")
    text = " ".join(text.split())
    return text.split(". ")[0].rstrip(".") + "." if text else ""


def checked(spec: OptionSpec, values: Mapping[str, Value], what: str) -> dict[str, Value]:
    """Return every parameter's value, checked.

    Raises: TrainProblem.
    """
    try:
        given = check_params(spec.params, values)
    except ParamError as error:
        raise TrainProblem(f"{spec.title} ({what}): {error}") from None
    whole = with_defaults(spec.params, given)
    missing = [p.name for p in spec.params if p.required and whole[p.name] is None]
    if missing:
        raise TrainProblem(f"{spec.title} ({what}) needs {', '.join(missing)}. Give it a value.")
    return whole
