"""`list layers --coverage`: how much of `torch.nn` is a node, what is not, and why."""

from __future__ import annotations

from collections.abc import Collection

from studio.cli.ending import FINE
from studio.cli.output import print_json
from studio.layers import Coverage, coverage


def sentence(found: Coverage) -> str:
    """Return the figure in words."""
    total = len(found.covered) + len(found.missing)
    return f"{len(found.covered)} of {total} layers of torch.nn are nodes ({found.share:.1%})."


def show(kinds: Collection[str], as_json: bool) -> int:
    """Print what of `torch.nn` these kinds cover."""
    found = coverage(kinds)
    if as_json:
        print_json(
            {
                "covered": found.covered,
                "missing": found.missing,
                "excluded": found.excluded,
                "share": found.share,
                "functions": sum(kind.startswith("torch.") for kind in kinds) - len(found.covered),
            }
        )
        return FINE
    width = max(map(len, (*found.covered, *found.excluded)))
    for name in found.covered:
        print(f"{name:<{width}}  a node")
    for name in found.missing:
        print(f"{name:<{width}}  missing")
    for name, why in found.excluded.items():
        print(f"{name:<{width}}  left out: {why}")
    print(sentence(found))
    return FINE
