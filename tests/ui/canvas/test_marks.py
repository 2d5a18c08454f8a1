"""Marks on the canvas: dots, shared weights, repeats and loops, what is bypassed."""

from __future__ import annotations

import pytest
from board import CATALOG, block_project
from conftest import Board, Open
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from studio.graph.edits import MoveNodes, Rename
from studio.graph.geometry import DOT
from studio.graph.graph import End, Graph, Link, Node, link
from studio.graph.project import Block, Place, Project, Sheet
from studio.graph.spec import LayerSpec, Port
from studio.ui.canvas.faces import Face, Told, make_face
from studio.ui.canvas.node_paint import Detail, NodePainter
from studio.ui.canvas.routes import Ends, Obstacles, find_route
from studio.ui.canvas.words import spoken
from studio.ui.theme import Theme

SPECS = {
    **CATALOG.layers,
    "core.reroute": LayerSpec(kind="core.reroute", title="Reroute", category="tensor"),
}


def sheet_of(nodes: list[Node], links: tuple[Link, ...], *places: tuple[float, float]) -> Sheet:
    graph = Graph({node.id: node for node in nodes}, links)
    at = {node.id: Place(*place) for node, place in zip(nodes, places, strict=True)}
    return Sheet(graph, at)


def dotted() -> Project:
    """A wire from data to output by way of a dot at its right."""
    nodes = [Node("x", "core.input", "x"), Node("d", "core.reroute", "dot")]
    nodes.append(Node("out", "core.output", "out"))
    links = (link("x", "out", "d", "x"), link("d", "out", "out", "x"))
    return Project(networks={"main": sheet_of(nodes, links, (0, 0), (400, 160), (600, 300))})


def sharing() -> Project:
    nodes = [Node("x", "core.input", "x")]
    nodes += [Node(key, "torch.nn.Linear", key, shares=owner) for key, owner in
              (("fc1", ""), ("fc2", "fc1"), ("fc3", "fc1"))]  # fmt: skip
    links = (link("x", "out", "fc1", "x"), link("fc1", "out", "fc2", "x"))
    places = ((0, 0), (0, 120), (0, 240), (400, 240))
    return Project(networks={"main": sheet_of(nodes, links, *places)})


def shown(face: Face, theme: Theme, detail: Detail = Detail.FULL) -> QImage:
    """Return a face as it is painted, with 20 px around it."""
    image = QImage(300, 180, QImage.Format.Format_ARGB32)
    image.fill(theme.color("bg.canvas"))
    painter = QPainter(image)
    painter.translate(20, 20)
    NodePainter(theme).paint(painter, face, detail)
    painter.end()
    return image


def inked(image: QImage, left: int, top: int, right: int, bottom: int, ground: QColor) -> int:
    """Count the pixels of a part of a picture that are not its ground."""
    return sum(
        image.pixelColor(x, y) != ground for x in range(left, right) for y in range(top, bottom)
    )


# ----------------------------------------------------------------------------------------- dots


def test_a_dot_is_small_wordless_and_has_both_ports_in_its_middle(open_board: Open) -> None:
    board = open_board(dotted())
    item = board.scene.nodes["d"]
    assert item.face.dot
    assert item.face.size == DOT
    assert (item.face.title, item.face.badge) == ("", "")
    assert spoken(item, board.scene, "").startswith("Reroute dot")
    middle = item.rect.center()
    assert board.port("d", "x", False) == board.port("d", "out", True) == middle
    wires = board.scene.links
    into, outof = wires[link("x", "out", "d", "x")], wires[link("d", "out", "out", "x")]
    assert into.route is not None
    assert outof.route is not None
    assert into.route.points[-1] == outof.route.points[0] == middle.toTuple()
    assert len(into.route.points) == len(outof.route.points) == 3  # one corner each
    board.check()
    for zoom in (1.0, 0.6, 0.4, 0.2):
        board.view.set_zoom(zoom)
        board.paint()


def test_a_dot_is_taken_hold_of_in_the_middle_and_wired_from_its_ring(open_board: Open) -> None:
    board = open_board(dotted())
    middle = board.scene.nodes["d"].rect.center()
    assert board.scene.port_at(middle) is None
    assert board.scene.node_at(middle) is board.scene.nodes["d"]
    assert board.scene.port_at(middle + QPointF(0, 9)) == (End("d", "out"), True)
    assert board.scene.port_at(middle + QPointF(0, 20)) is None
    board.click(middle)
    assert board.canvas.selection == ("d",)
    board.session.do(MoveNodes("main", {"d": Place(500, 160)}))
    wire = board.scene.links[link("x", "out", "d", "x")]
    assert wire.route is not None
    assert wire.route.points[-1] == (506, 166)
    board.check()


def test_a_dot_is_lit_with_its_wire(open_board: Open) -> None:
    board = open_board(dotted())
    item = board.scene.nodes["d"]
    board.scene.hover(link("x", "out", "d", "x"))
    assert item.lit
    board.scene.hover(link("d", "out", "out", "x"))
    assert item.lit
    board.scene.hover(None)
    assert not item.lit


@pytest.mark.parametrize(
    ("ends", "points"),
    [
        (Ends((0, 0), (300, 0), free_start=True, free_end=True), ((0, 0), (300, 0))),
        (Ends((0, 0), (0, -90), free_start=True, free_end=True), ((0, 0), (0, -90))),
        (Ends((0, 0), (300, 90), free_start=True), ((0, 0), (300, 0), (300, 90))),
        (Ends((0, 0), (300, 90), free_end=True), ((0, 0), (0, 90), (300, 90))),
        (Ends((0, 0), (90, 40), side=-1, free_start=True), ((0, 0), (0, 40), (90, 40))),
        (Ends((0, 0), (-90, 0), side=1, free_start=True), ((0, 0), (-90, 0))),
    ],
)
def test_wires_turn_once_at_most_beside_dots(
    ends: Ends, points: tuple[tuple[float, float], ...]
) -> None:
    obstacles = Obstacles()
    # An input at the right of a node is come to from the right.
    if ends.side == 1:
        ends = Ends((0, 0), (-90, 0), side=1, free_start=True)
    assert find_route(ends, obstacles).points == points


def test_wires_of_dots_go_around_nodes_and_never_into_the_back_of_an_input() -> None:
    obstacles = Obstacles()
    obstacles.put("n", (100, -20, 200, 20))
    straight = Ends((0, 0), (300, 90), free_start=True)
    assert find_route(straight, obstacles).points != ((0, 0), (300, 0), (300, 90))
    behind = Ends((300, 0), (0, 0), side=-1, free_start=True)
    assert len(find_route(behind, Obstacles()).points) > 2


# ------------------------------------------------------------------------------- shared weights


def test_shared_weights_name_their_owner_and_are_tied_while_selected(open_board: Open) -> None:
    board = open_board(sharing())
    scene = board.scene
    assert [scene.nodes[key].face.owner for key in ("fc1", "fc2", "fc3")] == ["", "fc1", "fc1"]
    assert [scene.nodes[key].face.sharers for key in ("fc1", "fc2")] == [2, 0]
    assert not scene.ties.items
    scene.select(("fc2",))
    assert scene.ties.items.keys() == {("fc1", "fc2")}
    scene.select(("fc1",))
    assert scene.ties.items.keys() == {("fc1", "fc2"), ("fc1", "fc3")}
    (line,) = (item for pair, item in scene.ties.items.items() if pair == ("fc1", "fc3"))
    assert line.pen().style() == Qt.PenStyle.DotLine
    before = line.path().currentPosition()
    board.session.do(MoveNodes("main", {"fc3": Place(400, 400)}))
    assert line.path().currentPosition() - before == QPointF(0, 160)
    board.session.do(Rename("main", "fc1", "head"))
    assert scene.nodes["fc2"].face.owner == "head"
    assert "uses the weights of head" in spoken(scene.nodes["fc2"], scene, "")
    assert "2 other nodes use its weights" in spoken(scene.nodes["fc1"], scene, "")
    scene.select(())
    assert not scene.ties.items
    board.check()


# ----------------------------------------------------------------------------- repeats and loops


def block_face(theme: Theme, **params: object) -> Face:
    node = Node("res", "block.Twice", "res", params)  # type: ignore[arg-type]
    told = Told(specs=_block_specs(), layers={"block.Twice": 2}, names={"depth": 5})
    return make_face(node, Graph({"res": node}), told, theme)


def _block_specs() -> dict[str, LayerSpec]:
    from studio.graph.topology import block_spec

    spec = block_spec(block_project(), "block.Twice")
    assert spec is not None
    return {spec.kind: spec}


def test_a_repeated_block_is_a_stack_with_its_count(theme: Theme) -> None:
    once, four = block_face(theme), block_face(theme, repeat=4)
    assert (once.repeat, four.repeat, four.again) == (1, 4, False)
    assert block_face(theme, repeat="=depth").repeat == 5
    assert block_face(theme, repeat=3, share_weights=True).again
    assert block_face(theme, repeat="=nothing").repeat == 1  # a problem tells of the formula
    assert four.size == once.size
    ground = theme.color("bg.canvas")
    below = (60, 20 + 58, 180, 20 + 66)  # under the card, beside its port
    for detail in (Detail.GLYPHS, Detail.TITLES, Detail.FULL):
        assert inked(shown(once, theme, detail), 30, *below[1:2], 90, below[3], ground) == 0
        assert inked(shown(four, theme, detail), 30, *below[1:2], 90, below[3], ground) > 50
        title = (150, 24, 232, 74)
        assert inked(shown(four, theme, detail), *title, theme.color("bg.card")) > inked(
            shown(once, theme, detail), *title, theme.color("bg.card")
        )


def test_a_block_that_runs_over_time_has_a_mark_and_triangles(
    open_board: Open, theme: Theme
) -> None:
    inner = [Node("x", "core.input", "x"), Node("h", "core.state", "h")]
    inner += [Node("out", "core.output", "out")]
    cell = Block(sheet_of(inner, (link("x", "out", "out", "x"),), (0, 0), (0, 100), (0, 200)))
    node = Node("lstm", "block.Cell", "lstm")
    sheet = sheet_of([node], (), (0, 0))
    board: Board = open_board(Project(networks={"main": sheet}, blocks={"Cell": cell}))
    face = board.scene.nodes["lstm"].face
    assert face.loop
    assert "runs over time" in spoken(board.scene.nodes["lstm"], board.scene, "")
    assert [spot.type for spot in (*face.inputs, *face.outputs)] == ["any", "state", "any", "state"]
    plain = replace_face(face, loop=False)
    mark = (205, 28, 232, 44)
    card = theme.color("bg.card")
    for detail in (Detail.TITLES, Detail.FULL):
        assert inked(shown(face, theme, detail), *mark, card) > inked(
            shown(plain, theme, detail), *mark, card
        )


def replace_face(face: Face, **changes: object) -> Face:
    from dataclasses import replace as changed

    return changed(face, **changes)  # type: ignore[arg-type]


def test_marks_can_be_told_from_their_ground(theme: Theme) -> None:
    """Marks have a contrast of 3:1 or more in both looks (WCAG 1.4.11)."""

    def light(color: QColor) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
                 for c in (color.redF(), color.greenF(), color.blueF())]  # fmt: skip
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    def contrast(mark: str, ground: str) -> float:
        high, low = sorted((light(theme.color(mark)), light(theme.color(ground))), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for name in ("dark", "light"):
        theme.set(name)  # type: ignore[arg-type]
        assert contrast("wire", "bg.canvas") >= 3
        assert contrast("accent", "bg.canvas") >= 3
        assert contrast("warn", "warn.soft") >= 3
        assert contrast("series.2", "line") >= 3
        assert contrast("series.2", "bg.card") >= 3
        assert contrast("text.2", "bg.raised") >= 4.5
        assert contrast("series.6", "bg.canvas") >= 3


def test_what_is_bypassed_is_hatched_and_half_there(theme: Theme) -> None:
    node = Node("c", "torch.nn.Conv2d", "c")
    told = Told(specs=SPECS)
    usual = make_face(node, Graph({"c": node}), told, theme)
    off = make_face(replace(node, flags=("bypassed",)), Graph({"c": node}), told, theme)
    free = (140, 66, 230, 74)  # a part of the card without words
    card = theme.color("bg.card")
    assert inked(shown(usual, theme), *free, card) == 0
    assert inked(shown(off, theme), *free, card) > 50


def test_an_optional_output_is_drawn_where_it_is_used_or_looked_for(theme: Theme) -> None:
    spec = LayerSpec(
        kind="t.Pool",
        title="Pool",
        category="pool",
        outputs=(Port("out"), Port("indices", "int", optional=True)),
    )
    told = Told(specs={spec.kind: spec, **SPECS})
    pool, end = Node("p", "t.Pool", "pool"), Node("o", "core.output", "o")
    wired = Graph({"p": pool, "o": end}, (link("p", "indices", "o", "x"),))
    spare = make_face(pool, Graph({"p": pool, "o": end}), told, theme)
    used = make_face(pool, wired, told, theme)
    assert [spot.spare for spot in spare.outputs] == [False, True]
    assert [spot.spare for spot in used.outputs] == [False, False]

    def seen(face: Face, selected: bool = False, faded: frozenset[str] = frozenset()) -> bool:
        image = QImage(300, 180, QImage.Format.Format_ARGB32)
        image.fill(theme.color("bg.canvas"))
        painter = QPainter(image)
        painter.translate(20, 20)
        NodePainter(theme).paint(painter, face, Detail.FULL, selected, frozenset(), faded)
        painter.end()
        spot = face.outputs[1]
        at = QPoint(round(20 + spot.x), round(20 + spot.y))
        return QColor(image.pixel(at)) == theme.color("series.5")

    assert not seen(spare)
    assert seen(spare, selected=True)
    assert seen(spare, faded=frozenset({"out out"}))  # while a wire is laid
    assert seen(used)
