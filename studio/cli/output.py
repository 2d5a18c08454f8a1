"""Standard output: numbers as people read them, JSON as programs do."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec


def print_json(value: Any) -> None:
    """Print `value` as one line; numbers that JSON does not know become null."""
    print(json.dumps(_finite(msgspec.to_builtins(value)), ensure_ascii=False), flush=True)


def count(number: int) -> str:
    """Return a whole number with its thousands apart: 61,706."""
    return f"{number:,}"


def metric(name: str, value: float) -> str:
    """Return a metric's value: shares in percent, the rest with four figures."""
    if name.endswith("accuracy"):
        return f"{value:.1%}"
    return f"{value:.4g}"


def metrics(values: Mapping[str, float]) -> str:
    """Return metrics as a line of words; the learning rate and the epoch are not results."""
    shown = {name: value for name, value in values.items() if name not in ("lr", "epoch")}
    return ", ".join(f"{name} {metric(name, value)}" for name, value in shown.items())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
