"""Options, declared once: the form, the file, the validation and the tooltip follow from a `Param`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

ParamType = Literal["int", "ints", "float", "bool", "str", "choice", "path"]

#: What a parameter may hold: None, bool, int, float, str, or (nested) tuples of these.
Value = Any


#: Whole numbers up to here travel between the window and its engine (64 bits).
LARGEST_WHOLE = 2**63 - 1

#: What a dimension may be called.
_SIZE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}\Z")


class ParamError(ValueError):
    """A value that a parameter cannot take; the message is a sentence for the person."""


class Param(Struct, frozen=True, omit_defaults=True):
    """One option of a layer, an architecture, a data source, a learner, an optimiser or a method.

    `size` > 0 means that a tuple of that many numbers is accepted beside a single number, as
    PyTorch's `kernel_size=(3, 5)` is; the type `ints` takes as many whole numbers as are wanted, as a
    shape does. `inferred` means that None stands for *read off the wire*: `reads` says from which input
    and dimension (`x[1]`). `optional` means that None is a value of its own. `required` means that there
    is no default. Beside numbers, `choices` are words that are accepted too (`padding="same"`), and with
    `named` sizes may be names (`T, 32`), all but `N`, which counts the samples of a batch.
    """

    name: str
    type: ParamType
    default: Value = None
    required: bool = False
    inferred: bool = False
    reads: str = ""
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Value, ...] = ()
    size: int = 0
    named: bool = False
    unit: str = ""
    help: str = ""

    def check(self, value: Value) -> Value:
        """Return `value` in its stored form.

        Raises: ParamError, with what was expected and what was received.
        """
        if value is None:
            if self.optional or self.inferred:
                return None
            raise ParamError(f"{self.name} needs {self._expected()}, but got nothing.")
        if self.type == "ints":
            parts = value if isinstance(value, (tuple, list)) else (value,)
            if not parts:
                raise ParamError(f"{self.name} needs {self._expected()}, but got nothing.")
            return tuple(self._scalar(part) for part in parts)
        if self.type in ("int", "float") and isinstance(value, str) and value in self.choices:
            return value
        if isinstance(value, (tuple, list)):
            if not self.size or len(value) != self.size:
                raise ParamError(f"{self.name} needs {self._expected()}, but got {value!r}.")
            return tuple(self._scalar(part) for part in value)
        return self._scalar(value)

    def _scalar(self, value: Value) -> Value:
        given = value
        if self.named and isinstance(value, str):
            if not _SIZE_NAME.match(value) or value == "N":
                raise self._refused(given)
            return value
        match self.type:
            case "bool":
                if not isinstance(value, bool):
                    raise self._refused(given)
                return value
            case "int" | "ints":
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    raise self._refused(given)
                if not abs(value) <= LARGEST_WHOLE or value != int(value):
                    raise self._refused(given)
                value = int(value)
            case "float":
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    raise self._refused(given)
                value = _as_float(value)
                if math.isnan(value):
                    raise self._refused(given)
            case "str" | "path":
                if not isinstance(value, str):
                    raise self._refused(given)
                return value
            case "choice":
                if value not in self.choices:
                    raise self._refused(given)
                return value
        if self.minimum is not None and value < self.minimum:
            raise self._refused(given)
        if self.maximum is not None and value > self.maximum:
            raise self._refused(given)
        return value

    def _refused(self, value: Value) -> ParamError:
        return ParamError(f"{self.name} needs {self._expected()}, but got {value!r}.")

    def parse(self, text: str) -> Value:
        """Return the value that a person's text stands for (command line, form field).

        Raises: ParamError.
        """
        text = text.strip()
        if text.lower() in ("", "none", "inferred") and (self.optional or self.inferred):
            return None
        if self.type in ("str", "path"):
            return self.check(text)
        if self.type == "choice":
            by_text = {str(choice): choice for choice in self.choices}
            return self.check(by_text.get(text, text))
        if self.type == "bool":
            words = {"true": True, "yes": True, "on": True, "1": True}
            words |= {"false": False, "no": False, "off": False, "0": False}
            return self.check(words.get(text.lower(), text))
        if text in self.choices:
            return text
        parts = [part for part in text.replace("×", ",").strip("()[]").split(",") if part.strip()]
        try:
            numbers = [self._number(part.strip()) for part in parts]
        except ValueError:
            raise ParamError(f"{self.name} needs {self._expected()}, but got {text!r}.") from None
        return self.check(numbers[0] if len(numbers) == 1 else tuple(numbers))

    def _number(self, text: str) -> Value:
        if self.named and _SIZE_NAME.match(text):
            return text
        return int(text) if self.type in ("int", "ints") else float(text)

    def _expected(self) -> str:
        noun = {
            "int": "a whole number",
            "ints": "whole numbers, separated by commas, each",
            "float": "a number",
            "bool": "yes or no",
            "str": "text",
            "path": "a path",
            "choice": "one of " + ", ".join(str(choice) for choice in self.choices),
        }[self.type]
        if self.minimum is not None and self.maximum is not None:
            noun += f" from {_plain(self.minimum)} to {_plain(self.maximum)}"
        elif self.minimum is not None:
            noun += f" of at least {_plain(self.minimum)}"
        elif self.maximum is not None:
            noun += f" of at most {_plain(self.maximum)}"
        if self.size:
            noun += f", or {self.size} of them"
        if self.named:
            noun += ", or a name such as T (N counts the samples)"
        return noun


def _plain(number: float) -> str:
    """Return whole numbers in full: `65536`, not `65536.0` or `1e+06`."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def check_params(params: Iterable[Param], values: Mapping[str, Value]) -> dict[str, Value]:
    """Return `values` checked, in stored form; names that no `Param` declares are refused.

    Raises: ParamError.
    """
    known = {param.name: param for param in params}
    for name in values:
        if name not in known:
            raise ParamError(
                f"There is no setting named {name!r}. Known ones: {', '.join(known) or 'none'}."
            )
    return {name: known[name].check(value) for name, value in values.items()}


def with_defaults(params: Iterable[Param], values: Mapping[str, Value]) -> dict[str, Value]:
    """Return every declared parameter's value, the default where `values` is silent."""
    return {param.name: values.get(param.name, param.default) for param in params}


def as_value(raw: Any) -> Value:
    """Return `raw` (as JSON or msgpack gave it) with lists as tuples, so that values are hashable.

    A whole number that no message can carry becomes a floating one, which no setting takes either.
    """
    if isinstance(raw, (list, tuple)):
        return tuple(as_value(part) for part in raw)
    if isinstance(raw, int) and abs(raw) > LARGEST_WHOLE:
        return _as_float(raw)
    return raw


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
