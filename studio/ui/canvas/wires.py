"""The wires of a sheet: laid around nodes, through frames, each with the shape that it carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from studio.graph.facts import Dim
from studio.graph.geometry import FRAME_BOTTOM, FRAME_TOP, is_docked
from studio.graph.graph import REROUTE, Link
from studio.graph.project import Frame, Place
from studio.ui.canvas.frame_item import HEADER
from studio.ui.canvas.labels import LabelLayer
from studio.ui.canvas.link_item import LABELLED, LinkItem, WireLook
from studio.ui.canvas.previews import Strength
from studio.ui.canvas.routes import MOST_TRIES, Ends, Obstacles, find_route, lanes

if TYPE_CHECKING:
    from studio.ui.canvas.scene import SheetScene

#: How many ways for wires are looked at in one redraw, and while something is dragged.
_PATIENCE, _DRAG_PATIENCE = 4000, 400
#: How many wires of others make way at once for what is dragged.
_CROWD = 6
#: From so many nodes on that come or move at once, no wire of others makes way: that would take seconds.
_MULTITUDE = 1000


class Wires:
    """Lays the wires of a scene and keeps them where its nodes are."""

    def __init__(self, scene: SheetScene) -> None:
        self._scene = scene
        self._obstacles = Obstacles()
        self.look = WireLook(scene.theme, scene.sprites)
        self.items: dict[Link, LinkItem] = {}
        self.labels = self._layer()
        #: The scale on which wires show how strong their tensors are; None while they do not.
        self.strength: Strength | None = None

    def forget(self) -> None:
        """Begin again; the scene has been cleared."""
        self.items = {}
        self.labels = self._layer()
        self._obstacles = Obstacles()

    def _layer(self) -> LabelLayer:
        layer = LabelLayer(self.look)
        self._scene.addItem(layer)
        return layer

    def add(self, link: Link) -> None:
        """Put an item for a wire; `follow` lays it."""
        item = self.items[link] = LinkItem(link, self.look)
        self._scene.addItem(item)

    def drop(self, link: Link) -> None:
        """Take a wire away."""
        item = self.items.pop(link)
        self.labels.put(item, None)
        self._scene.removeItem(item)
        self._obstacles.drop((link.source, link))

    def drop_node(self, key: str) -> None:
        """Let wires run where a node stood."""
        self._obstacles.drop(key)

    def follow(self, moved: set[str], dragging: bool = False) -> None:
        """Lay the wires of nodes that moved or changed anew, and those that now run through them."""
        if not moved:
            return
        for key in moved:
            # Wires run through the middle of a dot.
            if key in self._scene.nodes and not self._scene.nodes[key].face.dot:
                box = self._scene.nodes[key].rect
                self._obstacles.put(key, (box.left(), box.top(), box.right(), box.bottom()))
        graph = self._scene.sheet.graph
        stale = [link for key in moved for link in graph.incoming.get(key, ())]
        stale += [link for key in moved for link in graph.outgoing.get(key, ())]
        if len(moved) < min(len(self._scene.nodes), _MULTITUDE):
            disturbed = self._disturbed(moved)
            # A crowd of other wires makes way when the node is dropped.
            stale += [] if dragging and len(disturbed) > _CROWD else disturbed
        for link in dict.fromkeys(stale):
            if link in self.items:
                self._obstacles.drop((link.source, link))
        # However many wires there are, the time for finding ways around nodes stays bounded.
        patience = _DRAG_PATIENCE if dragging else _PATIENCE
        tries = max(2, min(MOST_TRIES, patience // max(1, len(stale))))
        for link in dict.fromkeys(stale):
            if link in self.items:
                self._route(self.items[link], tries)
        ends = {end.node for link in stale for end in (link.source, link.target)}
        for key in moved | ends:
            self._bare_ports(key)

    def _disturbed(self, moved: set[str]) -> list[Link]:
        """Return the bent wires that run where nodes have come to stand."""
        found = []
        for key in moved & self._scene.nodes.keys():
            for item in self._scene.items(self._scene.nodes[key].rect):
                if isinstance(item, LinkItem) and item.route and len(item.route.points) > 2:
                    found.append(item.link)
        return found

    def _route(self, item: LinkItem, tries: int) -> None:
        link, nodes = item.link, self._scene.nodes
        upper, lower = nodes[link.source.node], nodes[link.target.node]
        above, below = Place(*upper.pos().toTuple()), Place(*lower.pos().toTuple())
        out = upper.spot(link.source.port, True)
        into = lower.spot(link.target.port, False)
        start = (above.x + out.x, above.y + out.y) if out else upper.rect.center().toTuple()
        end = (below.x + into.x, below.y + into.y) if into else lower.rect.center().toTuple()
        side = into.side if into else 0
        free = (upper.face.dot, lower.face.dot)
        item.docked = not (side or any(free)) and is_docked(
            above, upper.face.size, below, lower.face.size
        )
        floor, ceiling, frame = self._frame_edges(link)
        joint = self._joint(link, frame) if side and frame and ceiling is not None else None
        item.joined = joint is not None
        if joint is not None and ceiling is not None:
            start, ceiling = (joint, ceiling + HEADER), None
        ends = Ends(start, end, link.source, side, floor, ceiling, *free)
        route = find_route(ends, self._obstacles, tries)
        owner = (link.source, link)
        self._obstacles.put(owner, *lanes(route))
        item.set_route(route)
        self.label(item)

    def _frame_edges(self, link: Link) -> tuple[float | None, float | None, Frame | None]:
        """Return the lower edge of the frame that a wire leaves, and the upper one, with the frame,
        of the one that it enters."""
        floor = ceiling = entered = None
        for frame in self._scene.sheet.frames.values():
            leaves, enters = link.source.node in frame.nodes, link.target.node in frame.nodes
            if leaves == enters:
                continue
            boxes = [self._scene.nodes[key].rect for key in frame.nodes if key in self._scene.nodes]
            if leaves:
                floor = max(box.bottom() for box in boxes) + FRAME_BOTTOM
            else:
                ceiling = min(box.top() for box in boxes) - FRAME_TOP
                entered = frame
        return floor, ceiling, entered

    def _joint(self, link: Link, frame: Frame) -> float | None:
        """Return where another wire of the same source enters the frame from above, if one does."""
        for other in self._scene.sheet.graph.out_of(link.source.node, link.source.port):
            if other != link and other.target.node in frame.nodes:
                spot = self._scene.nodes[other.target.node].spot(other.target.port, False)
                if spot is not None and not spot.side:
                    return self._scene.port_pos(other.target, False).x()
        return None

    def _shape_before(self, key: str) -> tuple[Dim, ...] | None:
        """Return the shape that went into the stack of docked nodes that ends here."""
        while True:
            docked = [
                link
                for link in self._scene.sheet.graph.incoming.get(key, ())
                if self._is_docked(link)
            ]
            if not docked:
                break
            key = docked[0].source.node
        facts = self._scene.told.facts.get(key)
        first = next(iter(facts.inputs.values()), None) if facts else None
        return first.shape if first else None

    def label(self, item: LinkItem) -> None:
        """Give the wire its tone and, where it is long enough, its shape."""
        link, route = item.link, item.route
        assert route is not None
        facts = self._scene.told.facts.get(link.source.node)
        tensor = facts.outputs.get(link.source.port) if facts else None
        wrong = any(
            problem.severity == "error" and problem.port == link.target.port
            for problem in self._scene.told.problems.get(link.target.node, ())
        )
        tone = "unknown" if tensor is None else "error" if wrong else ""
        hovered = self._scene.hovered == link
        item.show_state(tone, hovered, link in self._scene.selected_links, self._level(link))
        shown = tensor is not None and (
            hovered or (self._scene.shapes and route.length > LABELLED and not item.docked)
        )
        if not shown or tensor is None or facts is None:
            self.labels.put(item, None)
            return
        axes = self.look.axes(tensor.shape, self._shape_before(link.source.node))
        self.labels.put(item, axes, "hover" if hovered else tone)

    def show(self, link: Link, shown: bool) -> None:
        """Show a wire with its label, or neither, as while its end follows the hand."""
        item = self.items[link]
        item.setVisible(shown)
        self.labels.refresh(item.label)

    def show_strength(self) -> bool:
        """Give every wire the strength of its tensor, or none, as it is told now; tell of changes."""
        changed = False
        told = self._scene.told
        flows = (self.flow(link) for link in self.items) if told.strength else ()
        self.strength = Strength.of(flow for flow in flows if flow is not None)
        for link, item in self.items.items():
            level = self._level(link)
            if level != item.level:
                changed = True
                hovered = self._scene.hovered == link
                item.show_state(item.tone, hovered, link in self._scene.selected_links, level)
        return changed

    def _level(self, link: Link) -> int | None:
        flow = self.flow(link) if self.strength else None
        return self.strength.level(flow) if self.strength and flow is not None else None

    def flow(self, link: Link) -> float | None:
        """Return how strong a wire's tensor is, where the run has told of it.

        Dots and bypassed nodes hand on what they get: they are nowhere in the code.
        """
        graph = self._scene.sheet.graph
        for _ in range(len(graph.nodes)):
            node = graph.nodes[link.source.node]
            before = graph.incoming.get(node.id, ())
            if not before or not (node.kind == REROUTE or "bypassed" in node.flags):
                break
            link = before[0]
        return self._scene.told.flows.get(f"{link.source.node}:{link.source.port}")

    def _bare_ports(self, key: str) -> None:
        """Hide the ports of a node at which only docked wires end."""
        item = self._scene.nodes.get(key)
        if item is None:
            return
        graph = self._scene.sheet.graph
        docked: dict[str, bool] = {}
        for link in graph.incoming.get(key, ()):
            port = f"in {link.target.port}"
            docked[port] = docked.get(port, True) and self._is_docked(link)
        for link in graph.outgoing.get(key, ()):
            port = f"out {link.source.port}"
            docked[port] = docked.get(port, True) and self._is_docked(link)
        item.set_ports(frozenset(port for port, is_bare in docked.items() if is_bare), item.faded)

    def _is_docked(self, link: Link) -> bool:
        return link in self.items and self.items[link].docked

    def at(self, keys: Iterable[str]) -> list[LinkItem]:
        """Return the wires that begin or end at nodes."""
        graph = self._scene.sheet.graph
        links = [link for key in keys for link in graph.outgoing.get(key, ())]
        links += [link for key in keys for link in graph.incoming.get(key, ())]
        return [self.items[link] for link in dict.fromkeys(links)]
