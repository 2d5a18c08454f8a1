"""The only door through which values enter generated code: literals, and nothing else."""

from __future__ import annotations

import math

from studio.graph.params import Value


class NotLiteral(ValueError):
    """A value that may not enter generated code; the message is a sentence for the person."""


def literal(value: Value) -> str:
    """Return the Python literal of a number, text, True, False, None or a tuple of these.

    Raises: NotLiteral.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return repr(value)
    if kind is float:
        if math.isnan(value):
            raise NotLiteral("A setting needs a number, but got one that is not a number (NaN).")
        return repr(value) if math.isfinite(value) else f'float("{value}")'
    if kind in (tuple, list):
        parts = [literal(part) for part in value]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    raise NotLiteral(
        f"Only numbers, text, yes, no, nothing and tuples of these can be settings; got a {kind.__name__}."
    )
