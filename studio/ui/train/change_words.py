"""What was changed of a run while it ran, in a few words for its mark on the plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from studio.graph.params import Value


def change_words(values: Mapping[str, Value], name: Callable[[str], str]) -> str:
    """Return `lr 0.001`, or of one node `fc1 frozen`, `fc1 learns again`, `drop1 p 0.5`.

    `name` words a node's place.
    """
    node = name(str(values["node"])) if "node" in values else ""
    words = [_words(name, value) for name, value in values.items() if name != "node"]
    return f"{node} {', '.join(words)}".strip()


def _words(name: str, value: Value) -> str:
    if name == "frozen":
        return "frozen" if value else "learns again"
    return f"{name.replace('_', ' ')} {value}"
