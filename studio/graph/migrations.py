"""Older project files, brought up to the present format one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: The format that this version writes.
FORMAT = 2


def _clip_for_all(raw: dict[str, Any]) -> dict[str, Any]:
    """Move `clip_norm` from the learner's settings to the recipe: any learner's gradient is clipped."""
    recipe = raw.get("recipe", {})
    own = recipe.get("learner_params", {})
    if "clip_norm" not in own:
        return raw
    rest = {name: value for name, value in own.items() if name != "clip_norm"}
    moved = recipe | {"learner_params": rest, "clip_norm": own["clip_norm"]}
    return raw | {"recipe": moved}


#: Format number → the function that turns a file of it into the next one.
STEPS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _clip_for_all}


def migrate(raw: dict[str, Any]) -> dict[str, Any]:
    """Return `raw` in the present format.

    Raises: ValueError, when the format is one that never was.
    """
    number = raw["format"]
    while number < FORMAT:
        if number not in STEPS:
            raise ValueError(f"its format is {number}, and the first one was 1")
        raw = STEPS[number](raw)
        number += 1
    return raw
