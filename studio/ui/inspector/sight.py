"""Where the canvas stands: which sheet, seen as which part of which network."""

from __future__ import annotations

from typing import NamedTuple


class Sight(NamedTuple):
    """`where` is the sheet (`main`, `block.NAME`); `network` and `prefix` (`res1/`) place its facts."""

    where: str = "main"
    network: str = "main"
    prefix: str = ""

    def path(self, node: str) -> str:
        """Return the id path under which the engine speaks of a node of this sheet."""
        return self.prefix + node
