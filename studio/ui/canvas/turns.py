"""How the nodes of a sheet turn their inputs, kept up to date from one sheet to the next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import heapify, heappop, heappush

from studio.graph.graph import Graph, Link
from studio.graph.layout import depths
from studio.graph.project import Place, Sheet
from studio.ui.canvas.spots import USUAL, Turn, turn_of


class Turns:
    """Turns by node, and how many layers lie before each: only what an edit reaches is worked out anew."""

    def __init__(self) -> None:
        self._depths: dict[str, int] = {}
        self._turns: dict[str, Turn] = {}
        #: Depths on and behind a circle have no local rule.
        self._circling = False

    def __getitem__(self, key: str) -> Turn:
        return self._turns.get(key, USUAL)

    def follow(
        self,
        before: Sheet,
        sheet: Sheet,
        places: Mapping[str, Place],
        changed: Collection[str],
        wires: Iterable[Link],
    ) -> set[str]:
        """Take in the sheet after `before`; return the nodes that turn otherwise than there.

        `changed` are the nodes that are new, different, or at other places, `wires` those cut and laid.
        """
        graph = sheet.graph
        for key in before.graph.nodes.keys() - graph.nodes.keys():
            self._turns.pop(key, None)
            self._depths.pop(key, None)
        ends = {link.target.node for link in wires}
        stirred = {*changed, *self._deepened(graph, {*ends, *changed})}
        asked = stirred | ends
        for key in stirred:
            asked.update([link.target.node for link in graph.outgoing.get(key, ())])
        if before.frames != sheet.frames:
            asked.update(graph.nodes)
        turned: set[str] = set()
        for key in asked & graph.nodes.keys():
            turn = turn_of(graph.nodes[key], sheet, self._depths, places)
            if turn != self[key]:
                turned.add(key)
                self._turns[key] = turn
        return turned

    def _deepened(self, graph: Graph, stale: set[str]) -> set[str]:
        """Return the nodes with another depth, beginning with those whose wires may differ."""
        stale &= graph.nodes.keys()
        if self._circling or 3 * len(stale) > len(graph.nodes):
            return self._measured(graph)
        found: set[str] = set()
        known = self._depths
        waiting = [(known.get(key, 0), key) for key in stale]
        heapify(waiting)
        left = 4 * len(graph.nodes) + 16
        while waiting:
            _, key = heappop(waiting)
            if key not in stale:
                continue
            stale.discard(key)
            left -= 1
            if left < 0:  # round and round
                return found | self._measured(graph)
            sources = [known.get(link.source.node, 0) for link in graph.incoming.get(key, ())]
            depth = max(sources) + 1 if sources else 0
            if known.get(key) == depth:
                continue
            known[key] = depth
            found.add(key)
            for link in graph.outgoing.get(key, ()):
                after = link.target.node
                if after not in stale:
                    stale.add(after)
                    heappush(waiting, (known.get(after, 0), after))
        return found

    def _measured(self, graph: Graph) -> set[str]:
        """Measure every depth; return the nodes where it differs."""
        before, after = self._depths, depths(graph)
        self._depths = after
        self._circling = any(
            after[link.target.node] <= after[link.source.node] for link in graph.links
        )
        return {key for key, depth in after.items() if before.get(key) != depth}
