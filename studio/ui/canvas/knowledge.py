"""From what the session knows to what one sheet shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from studio.engine.protocol import LayerStat, LayerStats, Pictures, SampleSet
from studio.graph.catalog import Catalog
from studio.graph.facts import NodeFacts, ProjectFacts
from studio.graph.graph import BLOCK, INPUT, OUTPUT
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec
from studio.ui.canvas.faces import Live, Thumbnail, Told


@dataclass(frozen=True)
class Sight:
    """Which sheet is shown, and where in which network it is seen."""

    where: str = "main"
    network: str = "main"
    prefix: str = ""

    def key(self, path: str) -> str | None:
        """Return the node of this sheet that an id path speaks of, or lies in; None for none."""
        if self.where.startswith(BLOCK) and not self.prefix:
            return None
        if not path.startswith(self.prefix):
            return None
        return path[len(self.prefix) :].split("/", 1)[0]

    def own(self, path: str) -> str | None:
        """Return the node of this sheet that an id path names; None for those inside of blocks."""
        key = self.key(path)
        return key if key is not None and self.prefix + key == path else None


def way_to(project: Project, network: str, prefix: str) -> list[tuple[str, Sight]]:
    """Return the sheets from a network down to the block at a prefix; [] where there is none."""
    if network not in project.networks:
        return []
    way = [(network, Sight(network, network))]
    sheet, gone = project.networks[network], ""
    for part in prefix.split("/")[:-1]:
        node = sheet.graph.nodes.get(part)
        name = node.kind.removeprefix(BLOCK) if node else ""
        if node is None or name not in project.blocks:
            return []
        gone += f"{part}/"
        way.append((node.name, Sight(node.kind, network, gone)))
        sheet = project.blocks[name].sheet
    return way


@dataclass
class LiveStore:
    """The newest maps and statistics by id path."""

    maps: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    stats: dict[str, LayerStat] = field(default_factory=dict)
    made: dict[str, Live] = field(default_factory=dict)

    def take(self, event: LayerStats | Pictures) -> set[str]:
        """Take in an event; return the id paths that it is about."""
        if isinstance(event, LayerStats):
            self.stats.update(event.nodes)
            paths = set(event.nodes)
        else:
            self.maps.update(event.maps)
            paths = set(event.maps)
        for path in paths:
            self.made[path] = Live(self.maps.get(path), self.stats.get(path))
        return paths

    def clear(self) -> None:
        """Forget the run."""
        self.maps, self.stats, self.made = {}, {}, {}


def specs_of(project: Project, catalog: Catalog) -> dict[str, LayerSpec]:
    """Return every kind that may be put on a sheet: layers, and the project's blocks."""
    specs = dict(catalog.layers)
    for name in project.blocks:
        spec = block_spec(project, BLOCK + name)
        if spec is not None:
            specs[spec.kind] = spec
    return specs


def block_layers(project: Project) -> dict[str, int]:
    """Return how many layers each block has, by kind."""
    return {
        BLOCK + name: sum(
            node.kind not in (INPUT, OUTPUT) for node in block.sheet.graph.nodes.values()
        )
        for name, block in project.blocks.items()
    }


def node_facts(facts: ProjectFacts | None, sight: Sight) -> dict[str, NodeFacts]:
    """Return what is known of the sheet's own nodes."""
    network = facts.networks.get(sight.network) if facts else None
    found: dict[str, NodeFacts] = {}
    for path, one in network.nodes.items() if network else ():
        key = sight.own(path)
        if key is not None:
            found[key] = one
    return found


def node_problems(facts: ProjectFacts | None, sight: Sight) -> dict[str, tuple[Problem, ...]]:
    """Return problems by node; those inside a block show on its instance, with their place named."""
    network = facts.networks.get(sight.network) if facts else None
    found: dict[str, tuple[Problem, ...]] = {}
    for problem in network.problems if network else ():
        key = sight.key(problem.node) if problem.node else None
        if key:
            found[key] = (*found.get(key, ()), problem)
    return found


def live_nodes(store: LiveStore, sight: Sight) -> dict[str, Live]:
    """Return what the run said about the sheet's own nodes."""
    found = {}
    for path, live in store.made.items():
        key = sight.own(path)
        if key is not None:
            found[key] = live
    return found


def told_of(
    project: Project,
    catalog: Catalog,
    facts: ProjectFacts | None,
    sight: Sight,
    store: LiveStore,
    before: Told,
) -> Told:
    """Return all that the sheet needs; what does not come from the session stays as it was."""
    return Told(
        specs=specs_of(project, catalog),
        facts=node_facts(facts, sight),
        problems=node_problems(facts, sight),
        live=live_nodes(store, sight),
        data=facts.data if facts else None,
        thumbnail=before.thumbnail,
        layers=block_layers(project),
        training=before.training,
        parameters=before.parameters,
        top=not sight.where.startswith(BLOCK),
    )


def differing(before: Told, after: Told) -> set[str] | None:
    """Return the nodes about which something else is known now; None for all of them."""
    whole = ("specs", "data", "thumbnail", "layers", "training", "parameters", "top")
    if any(getattr(before, name) != getattr(after, name) for name in whole):
        return None
    changed: set[str] = set()
    for old, new in (
        (before.facts, after.facts),
        (before.problems, after.problems),
        (before.live, after.live),
    ):
        changed |= _changed_keys(old, new)
    return changed


def _changed_keys(old: Mapping[str, object], new: Mapping[str, object]) -> set[str]:
    gone = old.keys() ^ new.keys()
    return gone | {key for key in old.keys() & new.keys() if old[key] != new[key]}


def thumbnail_of(samples: SampleSet) -> Thumbnail | None:
    """Return the first sample as a picture; None where it is none."""
    sample = np.asarray(samples.inputs[0], dtype=np.float32) if len(samples.inputs) else None
    if sample is None:
        return None
    if sample.ndim == 3 and sample.shape[0] in (1, 3):
        sample = sample[0] if sample.shape[0] == 1 else np.moveaxis(sample, 0, -1)
    if sample.ndim not in (2, 3) or 0 in sample.shape:
        return None
    low, high = float(np.nanmin(sample)), float(np.nanmax(sample))
    grey = (np.nan_to_num(sample) - low) / ((high - low) or 1.0) * 255
    return Thumbnail(grey.astype(np.uint8))
