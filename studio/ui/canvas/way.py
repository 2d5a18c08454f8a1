"""The way from a network down to the sheet that is shown, through blocks' instances."""

from __future__ import annotations

from studio.graph.blocks import sighting
from studio.graph.graph import BLOCK
from studio.graph.project import Project
from studio.ui.canvas.header import Crumb
from studio.ui.canvas.knowledge import Sight, entered, other_pass, way_to


class Way:
    """Knows where the canvas stands. Each step tells whether there is anything new to show."""

    def __init__(self, project: Project) -> None:
        self._parts: list[tuple[str, Sight]] = []
        self.begin(project)

    @property
    def sight(self) -> Sight:
        """The sheet that is shown, and where in which network it is seen."""
        return self._parts[-1][1]

    @property
    def crumbs(self) -> list[Crumb]:
        """The parts of the way: a network, then instances with the names of their blocks."""
        return [_crumb(name, sight) for name, sight in self._parts]

    def begin(self, project: Project) -> None:
        """Stand on the first network."""
        first = "main" if "main" in project.networks else next(iter(project.networks), "main")
        self._parts = [(first, Sight(first, first))]

    def to_sheet(self, project: Project, where: str, prefix: str = "") -> None:
        """Stand on a sheet; `prefix` says through which block instances it is seen."""
        network = self.sight.network if where.startswith(BLOCK) else where
        found = way_to(project, network, prefix)
        if not found or found[-1][1].where != where:  # a definition, seen through no instance
            found = [*found[:1], (where.removeprefix(BLOCK), Sight(where, network))]
        self._parts = found

    def to_inside(self, project: Project, network: str, prefix: str) -> bool:
        """Stand inside of the instances at a prefix of id paths (`res1/`), where they exist."""
        found = way_to(project, network, prefix)
        self._parts = found or self._parts
        return bool(found)

    def to_block(self, project: Project, name: str) -> None:
        """Stand inside of a block, through one of its instances where there is one."""
        found = sighting(project, name)
        if found is None or not self.to_inside(project, *found):
            self.to_sheet(project, BLOCK + name)

    def into(self, project: Project, node: str) -> bool:
        """Go into an instance of a block on this sheet; tells whether it is one of a known block."""
        sight = self.sight
        found = project.sheet(sight.where).graph.nodes.get(node)
        name = found.kind.removeprefix(BLOCK) if found and found.kind.startswith(BLOCK) else ""
        if found is None or name not in project.blocks:
            return False
        inside = entered(project, sight, node)
        if inside is None or (sight.where.startswith(BLOCK) and not sight.prefix):
            # A definition that is seen through no instance leads to another such.
            self._parts.append((name, Sight(found.kind, sight.network)))
        else:
            self._parts.append((found.name, inside))
        return True

    def out(self) -> str | None:
        """Go back to where this sheet was entered from; None where it was not.

        Returns the node that was entered, "" for a definition that was seen through none.
        """
        if len(self._parts) < 2:
            return None
        inside = self.sight.prefix
        self._parts.pop()
        return inside.removeprefix(self.sight.prefix).split("/", 1)[0]

    def back(self, keep: int) -> None:
        """Go back to one of the parts of the way."""
        self._parts = self._parts[:keep]

    def to_pass(self, project: Project, step: int) -> bool:
        """See another pass of the repeated block, the first being 0; tells whether it is another."""
        name, sight = self._parts[-1]
        found = other_pass(project, sight, step)
        self._parts[-1] = (name, found)
        return found != sight

    def stay(self, project: Project) -> bool:
        """Follow a change: tells whether the same sheet is still there, under the same name.

        Otherwise the way leads to what is nearest to it.
        """
        sight = self.sight
        if not sight.prefix:
            known = sight.where.removeprefix(BLOCK) in project.blocks
            if sight.where in project.networks or (known and sight.where.startswith(BLOCK)):
                return True
            self.begin(project)
            return False
        prefix = sight.prefix
        found = way_to(project, sight.network, prefix)
        while not found and prefix:
            above = prefix.rstrip("/").rpartition("/")[0]
            prefix = f"{above}/" if above else ""
            found = way_to(project, sight.network, prefix)
        if not found:
            self.begin(project)
            return False
        self._parts = found
        return (self.sight.where, self.sight.prefix) == (sight.where, sight.prefix)


def _crumb(name: str, sight: Sight) -> Crumb:
    """Return a part of the way: a network, or an instance with its block's name."""
    block = sight.where.removeprefix(BLOCK) if sight.where.startswith(BLOCK) else ""
    return Crumb(name, block if sight.prefix else "definition" if block else "")
