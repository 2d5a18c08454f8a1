"""From what the session knows to what one sheet shows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from studio.engine.protocol import LayerStat, LayerStats, Pictures, SampleSet
from studio.graph.catalog import Catalog
from studio.graph.facts import NodeFacts, ProjectFacts
from studio.graph.formulas import FormulaError
from studio.graph.graph import BLOCK, INPUT, OUTPUT
from studio.graph.own_settings import Groups
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.scope import names_at
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec
from studio.graph.unfold import Names, passes, resolved
from studio.ui.canvas.faces import Live, Thumbnail, Told
from studio.ui.canvas.previews import gradient_share


@dataclass(frozen=True)
class Sight:
    """Which sheet is shown, and where in which network it is seen.

    Of an instance that is repeated with weights of its own, one pass is seen: `step` of `steps`, a part
    of the prefix (`res1/0/`).
    """

    where: str = "main"
    network: str = "main"
    prefix: str = ""
    step: int = 0
    steps: int = 1

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
    """Return the sheets from a network down to the block at a prefix; [] where there is none.

    Where a prefix names no pass of a repeated instance, it is the first one.
    """
    return [(name, sight) for name, sight, _ in _descent(project, network, prefix)]


def entered(project: Project, sight: Sight, node: str, step: int = 0) -> Sight | None:
    """Return the inside of an instance on a sheet, one pass of it; None where it is no block's."""
    way = _descent(project, sight.network, f"{sight.prefix}{node}/{step}/")
    found = way or _descent(project, sight.network, f"{sight.prefix}{node}/")
    return found[-1][1] if found else None


def other_pass(project: Project, sight: Sight, step: int) -> Sight:
    """Return the same sheet in another pass of the repeated instance that it is seen in."""
    if not 0 <= step < sight.steps or sight.steps == 1:
        return sight
    whole = sight.prefix.rstrip("/").rpartition("/")[0]
    way = _descent(project, sight.network, f"{whole}/{step}/")
    return way[-1][1] if way else sight


def _descent(project: Project, network: str, prefix: str) -> list[tuple[str, Sight, Names]]:
    """Return each sheet on the way to a prefix with its name and the names that it reads."""
    if network not in project.networks:
        return []
    way: list[tuple[str, Sight, Names]] = [(network, Sight(network, network), project.constants)]
    sheet, gone = project.networks[network], ""
    parts = prefix.split("/")[:-1]
    while parts:
        key = parts.pop(0)
        node = sheet.graph.nodes.get(key)
        block = project.blocks.get(node.kind.removeprefix(BLOCK)) if node else None
        if node is None or block is None:
            return []
        with suppress(FormulaError):  # told as a problem; the block can be looked into all the same
            node = resolved(node, way[-1][2])
        found = {one.step: one.names for one in passes(project, block, node.params)}
        step = ""
        if "" not in found and found:
            step = parts.pop(0) if parts and parts[0] in found else next(iter(found))
        names = found.get(step) or next(passes(project, block, {})).names
        gone += f"{key}/{step}/" if step else f"{key}/"
        sight = Sight(node.kind, network, gone, int(step or 0), max(1, len(found)))
        way.append((node.name, sight, names))
        sheet = block.sheet
    return way


@dataclass
class LiveStore:
    """The newest maps and statistics by id path, and how strong wires are by `path:port`."""

    maps: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    stats: dict[str, LayerStat] = field(default_factory=dict)
    flows: dict[str, float] = field(default_factory=dict)
    made: dict[str, Live] = field(default_factory=dict)

    def take(self, event: LayerStats | Pictures) -> set[str]:
        """Take in an event; return the id paths that it is about."""
        if isinstance(event, LayerStats):
            self.stats.update(_with_sums(event.nodes))
            self.flows.update(event.flows)
            paths = set(event.nodes)
        else:
            self.maps.update(event.maps)
            paths = set(event.maps)
        for path in paths:
            self.made[path] = Live(self.maps.get(path), self.stats.get(path))
        return paths

    @property
    def typical(self) -> float | None:
        """The middle one of all layers' gradients, relative to their weights."""
        shares = [share for stat in self.stats.values() if (share := gradient_share(stat))]
        return statistics.median(shares) if shares else None

    def clear(self) -> None:
        """Forget the run."""
        self.maps, self.stats, self.flows, self.made = {}, {}, {}, {}


def _with_sums(nodes: Mapping[str, LayerStat]) -> dict[str, LayerStat]:
    """Return statistics in which blocks have the norms of all that is inside them."""
    squares: dict[str, tuple[float, float]] = {}
    for path, stat in nodes.items():
        if stat.grad is None or stat.weight is None:
            continue
        while path := path.rpartition("/")[0]:
            if path in nodes:
                grad, weight = squares.get(path, (0.0, 0.0))
                squares[path] = (grad + stat.grad**2, weight + stat.weight**2)
    sums = {
        path: replace(nodes[path], grad=math.sqrt(grad), weight=math.sqrt(weight))
        for path, (grad, weight) in squares.items()
        if nodes[path].grad is None
    }
    return {**nodes, **sums}


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


def seen_flows(store: LiveStore, sight: Sight) -> dict[str, float]:
    """Return how strong the tensors are that leave the sheet's own nodes, by `node:port`."""
    found = {}
    for name, flow in store.flows.items():
        path, _, port = name.rpartition(":")
        key = sight.own(path)
        if key is not None:
            found[f"{key}:{port}"] = flow
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
        flows=seen_flows(store, sight),
        typical=store.typical,
        data=facts.data if facts else None,
        thumbnail=before.thumbnail,
        layers=block_layers(project),
        names=names_at(project, sight.where, sight.network, sight.prefix),
        training=before.training,
        parameters=before.parameters,
        previews=before.previews,
        strength=before.strength,
        stale=before.stale,
        own=own_marks(project.recipe.groups, sight),
        top=not sight.where.startswith(BLOCK),
    )


def own_marks(groups: Groups, sight: Sight) -> dict[str, str]:
    """Return what to write on the nodes of a sheet that learn with settings of their own: the first."""
    marks: dict[str, str] = {}
    for place, values in groups.items():
        network, _, path = place.rpartition(":")
        key = sight.own(path) if (network or "main") == sight.network else None
        if key is not None:
            name = "lr" if "lr" in values else next(iter(values))
            marks[key] = f"{'decay' if name == 'weight_decay' else name} {values[name]}"
    return marks


def differing(before: Told, after: Told) -> set[str] | None:
    """Return the nodes about which something else is known now; None for all of them."""
    whole: tuple[str, ...] = (
        "specs",
        "data",
        "thumbnail",
        "layers",
        "names",
        "training",
        "parameters",
        "top",
    )
    whole += ("previews", "strength", "stale", "flows", "typical")
    if any(getattr(before, name) != getattr(after, name) for name in whole):
        return None
    changed: set[str] = set()
    for old, new in (
        (before.facts, after.facts),
        (before.problems, after.problems),
        (before.live, after.live),
        (before.own, after.own),
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
