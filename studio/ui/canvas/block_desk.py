"""What a person does with blocks on the canvas: make, name, detach, unpack, keep, share weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF

from studio.graph.blocks import instances, why_no_block_name
from studio.graph.connect import check_connect
from studio.graph.edits import (
    AddBlocks,
    AddNodes,
    Batch,
    Connect,
    Detach,
    Disconnect,
    MakeBlock,
    MoveNodes,
    RemoveBlock,
    RenameBlock,
    Share,
    Unpack,
)
from studio.graph.edits.instances import block_of
from studio.graph.geometry import ROW_GAP, Size, node_size, snap
from studio.graph.graph import BLOCK, End, Link, Node, free_name, name_for, new_id
from studio.graph.project import Place, Project
from studio.graph.scan_start import scan_start
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec
from studio.session.session import Session
from studio.ui.naming import NameAsk
from studio.ui.prompts import Ask, Choice, Prompts
from studio.ui.theme import Theme

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas

Say = Callable[[str], None]


class BlockDesk:
    """Blocks and shared weights, on the sheet that the canvas shows."""

    def __init__(self, canvas: Canvas, session: Session, theme: Theme, say: Say) -> None:
        self._canvas = canvas
        self._scene = canvas.scene
        self._session = session
        self._say = say
        self._asked: tuple[object, object, tuple[Node, ...]] = (None, None, ())
        self.naming = NameAsk(theme, canvas.view)
        self.ask_whether: Ask = Prompts(theme, canvas).ask

    @property
    def _project(self) -> Project:
        return self._session.document.project

    @property
    def _where(self) -> str:
        return self._canvas.where

    def chosen(self) -> tuple[Node, ...]:
        """The selected nodes, in the order in which they were selected."""
        nodes, selection = self._scene.sheet.graph.nodes, self._scene.selection
        # Asked by many commands for each selection, which may be of thousands.
        if nodes is not self._asked[0] or selection is not self._asked[1]:
            found = tuple(nodes[key] for key in selection if key in nodes)
            self._asked = (nodes, selection, found)
        return self._asked[2]

    def subject(self) -> str:
        """The block that a command is about: the selected instance's, else the one in sight."""
        chosen = self.chosen()
        name = block_of(chosen[0]) if len(chosen) == 1 else ""
        if not chosen and self._where.startswith(BLOCK):
            name = self._where.removeprefix(BLOCK)
        return name if name in self._project.blocks else ""

    # ------------------------------------------------------------------------------ making, opening

    def make(self) -> None:
        """Ask for a name and make what is selected a block."""
        nodes = tuple(node.id for node in self.chosen())
        where = self._where

        def take(name: str) -> None:
            inputs, outputs = self._open_ends(nodes)
            instance = new_id()
            if self._session.do(MakeBlock(where, nodes, name, instance, inputs, outputs)):
                self._scene.select((instance,))
                self._say(f"{name} is a block now. Enter opens it, Ctrl+Shift+B unpacks it.")

        self._ask(f"Make {len(nodes)} nodes a block named", self._wish(nodes), nodes, take)

    def unpack(self) -> None:
        """Put the layers of the selected instance in its place."""
        before = self._scene.sheet.graph.nodes.keys()
        if self._session.do(Unpack(self._where, self.chosen()[0].id)):
            after = self._scene.sheet.graph.nodes
            self._scene.select(key for key in after if key not in before)

    def detach(self) -> None:
        """Ask for a name and give the selected instance a definition of its own."""
        node, where = self.chosen()[0], self._where
        name = block_of(node)

        def take(new: str) -> None:
            if self._session.do(Detach(where, node.id, new)):
                self._say(f"{node.name} follows {new} from now on; the others still follow {name}.")

        wish = free_name(self._project.blocks, name)
        self._ask(f"Give {node.name} a definition named", wish, (node.id,), take)

    def rename(self) -> None:
        """Ask for another name of the block."""
        self.rename_block(self.subject())

    def rename_block(self, name: str) -> None:
        """Ask for another name of a block of this project."""
        nodes = tuple(node.id for node in self.chosen())
        self._ask(
            f"Rename the block {name} to",
            name,
            nodes,
            lambda new: new == name or self._session.do(RenameBlock(name, new)),
            name,
        )

    def delete(self) -> None:
        """Take the block out of the project; who still uses it is told otherwise."""
        self._session.do(RemoveBlock(self.subject()))

    def select_instances(self) -> None:
        """Select every instance on this sheet, and tell of those that are elsewhere."""
        name = self.subject() or block_of(self.chosen()[0])
        every = instances(self._project, name)
        here = [one.node for one in every if one.where == self._where]
        self._scene.select(here)
        places = {one.where.removeprefix(BLOCK) for one in every if one.where != self._where}
        if places:
            others = len(every) - len(here)
            self._say(f"{others} more on {', '.join(sorted(places))}.")

    # ----------------------------------------------------------------------------- bringing in blocks

    def new_scan(self) -> None:
        """Ask for a name and put a new block that runs over time behind what is selected."""
        chosen = self.chosen()

        def take(name: str) -> None:
            blocks = AddBlocks({name: scan_start()})
            spec = block_spec(blocks.apply(self._project), BLOCK + name)
            taken = (node.name for node in self._scene.sheet.graph.nodes.values())
            node = Node(new_id(), BLOCK + name, name_for(BLOCK + name, taken))
            place = self._free(None, self._size(spec))
            links: tuple[Link, ...] = ()
            gives = self._scene.nodes[chosen[0].id].face.outputs if chosen else ()
            if gives:
                source = End(chosen[0].id, gives[0].port)
                links = (Link(source, End(node.id, "x")),)
                place = self._canvas.editor.room.below(source, node.kind)
            edits = (blocks, AddNodes(self._where, (node,), {node.id: place}, links))
            if self._session.do(Batch(f"New scan block {name}", edits)):
                self._scene.select((node.id,))
                self._say(f"{name} runs over time, step by step. Enter opens its cell.")

        wish = free_name(self._project.blocks, "Scan")
        self._ask("New scan block named", wish, tuple(node.id for node in chosen[:1]), take)

    def put_kept(self, name: str, at: QPointF | None = None) -> None:
        """Put an instance of one of the person's own blocks, which the project gets with it."""
        found = self._session.shelf.named(name)
        if found is None or found.fragment is None:
            self._session.shelf.use(self._project, self._where, name, Place(0, 0))
            return
        outside = Project(blocks=found.fragment.blocks)
        size = self._size(block_spec(outside, BLOCK + name))
        edit = self._session.shelf.use(self._project, self._where, name, self._free(at, size))
        if edit is None:
            return
        before = self._scene.sheet.graph.nodes.keys()
        wire = None if at is None or self._scene.node_at(at) else self._scene.link_at(at, 14.0)
        if wire is not None:
            edit = self._spliced(edit, wire.link)
        if self._session.do(edit):
            self._scene.select(key for key in self._scene.sheet.graph.nodes if key not in before)

    def _spliced(self, edit: Batch, link: Link) -> Batch:
        """Return the edit that adds one node with what puts this into a wire, where it fits there."""
        editor, where = self._canvas.editor, self._where
        after = edit.apply(self._project)
        graph = after.sheet(where).graph
        new = [node for key, node in graph.nodes.items() if key not in self._scene.nodes]
        spec = block_spec(after, new[0].kind) if len(new) == 1 else None
        if spec is None or not spec.inputs or not spec.outputs:
            return edit
        node, specs = new[0], {**editor.specs, new[0].kind: spec}
        first = Link(link.source, End(node.id, editor.entry(spec, link.source)))
        last = Link(End(node.id, editor.exit(spec, link.target)), link.target)
        reason = check_connect(graph, specs, first) or check_connect(graph, specs, last)
        if reason:
            self._say(reason)
            return edit
        place, shifted = editor.room.in_wire(link, node)
        into = (
            Disconnect(where, (link,)),
            Connect(where, first),
            Connect(where, last, editor.many(last)),
            MoveNodes(where, shifted | {node.id: place}),
        )
        return Batch(edit.title, (*edit.edits, *into))

    def keep(self) -> None:
        """Save the block to the user's own ones."""
        self.keep_block(self.subject())

    def keep_block(self, name: str) -> None:
        """Save a block of this project to the person's own ones, over an older one if they wish."""
        shelf = self._session.shelf
        there = shelf.named(name) is not None
        if there and self.ask_whether(*_replace_question(name)) != "replace":
            return
        if shelf.keep(self._project, name, replacing=there):
            self._say(f"{name} is among your blocks now: Library, Blocks, Yours.")

    def _free(self, at: QPointF | None, size: Size) -> Place:
        """Return where something new belongs: at a point, at the menu, or beside the middle."""
        wish = at or self._canvas.menu_spot
        spot = wish or self._canvas.view.seen().center()
        place = self._scene.place_at(QPointF(spot.x() - size[0] / 2, spot.y() - size[1] / 2), size)
        box = QRectF(place.x, place.y, *size)
        boxes = [item.rect for item in self._scene.nodes.values()]
        while wish is None and any(box.intersects(other) for other in boxes):
            box.translate(size[0] + ROW_GAP, 0)
        return Place(snap(box.x()), snap(box.y()))

    def _size(self, spec: LayerSpec | None) -> Size:
        kind = spec.kind if spec else BLOCK
        return node_size(Node("", kind, ""), spec, self._where.startswith(BLOCK))

    # ------------------------------------------------------------------------------------- sharing

    def share(self) -> None:
        """Let the selected nodes use the weights of the one that was selected first."""
        owner, *others = self.chosen()
        if self._session.do(Share(self._where, tuple(node.id for node in others), owner.id)):
            names = ", ".join(node.name for node in others)
            self._say(f"{names} use{'s' if len(others) == 1 else ''} the weights of {owner.name}.")

    def own(self) -> None:
        """Give the selected nodes weights of their own again."""
        nodes = tuple(node.id for node in self.chosen() if node.shares)
        self._session.do(Share(self._where, nodes))

    # -------------------------------------------------------------------------------------- naming

    def _ask(
        self,
        question: str,
        wish: str,
        nodes: tuple[str, ...],
        take: Callable[[str], object],
        present: str = "",
    ) -> None:
        self.naming.ask(
            question,
            wish,
            self._beside(nodes),
            take,
            lambda name: why_no_block_name(self._project, name, present),
        )

    def _beside(self, nodes: tuple[str, ...]) -> QPoint:
        """Return where to ask: over the first of the nodes, or in the middle of the canvas."""
        view = self._canvas.view
        boxes = [self._scene.nodes[key].rect for key in nodes if key in self._scene.nodes]
        if not boxes:
            return view.viewport().rect().center() - QPoint(132, 60)
        first = min(boxes, key=lambda box: (box.top(), box.left()))
        return view.mapFromScene(first.topLeft())

    def _wish(self, nodes: tuple[str, ...]) -> str:
        """Return a name that fits: the title of the frame that holds just these nodes, or Block."""
        frames = self._scene.sheet.frames.values()
        titles = [frame.title for frame in frames if set(frame.nodes) == set(nodes)]
        words = titles[0].split() if titles else []
        return free_name(self._project.blocks, "".join(map(_capital, words)) or "Block")

    def _open_ends(self, nodes: tuple[str, ...]) -> tuple[tuple[End, ...], tuple[End, ...]]:
        """Return the ports that are not wired and that the block needs as ports of its own."""
        graph = self._scene.sheet.graph
        inputs, outputs = [], []
        for key in nodes:
            spec = self._session.spec(graph.nodes[key])
            if spec is None:
                continue
            inputs += [
                End(key, port.name)
                for port in spec.inputs
                if not port.optional and not graph.into(key, port.name)
            ]
            if spec.outputs and not graph.outgoing.get(key):
                outputs.append(End(key, spec.outputs[0].name))
        return tuple(inputs), tuple(outputs)


def _replace_question(name: str) -> tuple[str, str, tuple[Choice, ...]]:
    return (
        f"Replace {name} among your blocks?",
        f"A block named {name} is saved already. Projects that use it keep what they have.",
        (Choice("keep", "Keep the saved one"), Choice("replace", "Replace", True)),
    )


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
