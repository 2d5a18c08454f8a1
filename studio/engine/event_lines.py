"""Events as lines of JSON: what a run's folder keeps of them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np

from studio.engine import protocol as p


def encode(event: p.Event) -> bytes:
    """Return an event as one JSON line; arrays are lists, floats to seven significant digits."""
    return msgspec.json.encode(event, enc_hook=_as_list) + b"\n"


def _as_list(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise TypeError(f"An event holds values and arrays, but got {type(value).__name__}.")
    if value.dtype.kind != "f":
        return value.tolist()
    # A float32 written in full takes 17 digits, of which 7 mean something.
    exact = value.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = np.nan_to_num(np.floor(np.log10(np.abs(exact))), neginf=0, posinf=0)
    scale = 10.0 ** np.clip(6 - digits, -300, 300)
    return (np.round(exact * scale) / scale).tolist()


def _from_list(kind: type, value: Any) -> Any:
    if kind is not np.ndarray:
        raise NotImplementedError(kind)
    array = np.asarray(value)
    if array.dtype == object:  # JSON has no NaN: it was written as null
        array = np.array([np.nan if part is None else part for part in value], dtype=np.float64)
    return array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int64)


def decode(lines: Iterable[bytes]) -> Iterator[p.Event]:
    """Yield the events of lines; those that cannot be read (cut, or of another version) are left out."""
    decoder = msgspec.json.Decoder(p.Event, dec_hook=_from_list)
    for line in lines:
        if not line.endswith(b"\n"):
            continue
        try:
            yield decoder.decode(line)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
            with contextlib.suppress(msgspec.MsgspecError, ValueError, TypeError, RecursionError):
                yield msgspec.convert(
                    _with_nan(msgspec.json.decode(line)), p.Event, dec_hook=_from_list
                )


def _with_nan(raw: Any) -> Any:
    """JSON has no NaN: a figure that broke was written as null, and is worth the rest of its event."""
    if isinstance(raw, dict):
        return {key: _with_nan(value) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_with_nan(value) for value in raw]
    return math.nan if raw is None else raw
