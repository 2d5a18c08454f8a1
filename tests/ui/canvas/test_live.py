"""What a run shows on the canvas: previews on nodes, strength on wires, what is out of date."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from board import block_project, chain_project, residual, residual_facts
from conftest import Board, Open
from msgspec.structs import replace
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage, QPainter

from studio.engine import protocol as p
from studio.graph.edits import SetFlag, SetParams
from studio.graph.facts import ProjectFacts
from studio.graph.graph import End, Node, link
from studio.graph.project import Place, Project
from studio.session import events as e
from studio.ui.canvas.knowledge import LiveStore, entered, other_pass, way_to
from studio.ui.canvas.legend import Legend
from studio.ui.canvas.overview import Overview
from studio.ui.canvas.previews import (
    EVERYTHING,
    GRADIENT,
    HISTOGRAM,
    LEVELS,
    MAPS,
    Strength,
    along_bar,
    gradient_share,
    wire_width,
)
from studio.ui.canvas.words import node_words, wire_words


def stats_of(paths: Iterable[str], step: int = 3) -> p.LayerStats:
    """Statistics of nodes: the further down, the stronger."""
    nodes, flows = {}, {}
    for n, path in enumerate(paths):
        weighted = "conv" in path or "fc" in path
        nodes[path] = p.LayerStat(
            0.0,
            1.0,
            0.0,
            grad=0.05 if weighted else None,
            weight=5.0 if weighted else None,
            histogram=(1, 4, 2),
        )
        flows[f"{path}:out"] = 0.01 * 2.0**n
    return p.LayerStats(step, nodes, flows)


def pictures_of(*paths: str) -> p.Pictures:
    none = np.zeros(0)
    return p.Pictures(3, {path: np.zeros((8, 6, 6), np.uint8) for path in paths}, none, none, none)


def tell(board: Board, *events: p.LayerStats | p.Pictures) -> None:
    for event in events:
        board.session.history.take(event)
        board.session.tell(e.RunEvent(event))


@pytest.fixture
def whole(open_board: Open) -> Board:
    """The residual network without its mistake."""
    project = residual()
    return open_board(project, residual_facts(project, whole=True))


def test_previews_in_build_stand_below_the_settings_and_can_be_chosen(whole: Board) -> None:
    tell(whole, stats_of(whole.session.sheet.graph.nodes), pictures_of("conv1"))
    conv, relu = whole.scene.nodes["conv1"], whole.scene.nodes["relu1"]
    assert not conv.face.has_previews
    assert not whole.canvas.legend.isVisible()
    menu = whole.canvas.view_menu
    menu.previews[MAPS].trigger()
    assert conv.face.maps is not None
    assert conv.face.histogram == ()
    assert conv.face.size == (216, 84)
    assert conv.face.line.startswith("32")
    assert relu.rect.top() == conv.rect.bottom() + 8
    menu.previews[HISTOGRAM].trigger()
    menu.previews[GRADIENT].trigger()
    assert conv.face.size == (216, 108)
    assert conv.face.gradient is not None
    assert relu.face.size == (216, 32)
    assert relu.face.histogram == (1, 4, 2)
    assert whole.canvas.legend.isVisible()
    assert "strongest maps" in whole.canvas.legend.accessibleName()
    for zoom in (1.5, 0.9, 0.6, 0.4, 0.2):
        whole.view.set_zoom(zoom)
        whole.paint()
    whole.check()
    menu.none.trigger()
    assert conv.face.size == (216, 56)
    assert menu.none.isChecked()
    assert not menu.previews[MAPS].isChecked()
    assert not whole.canvas.legend.isVisible()


def test_building_and_watching_each_remember_what_was_chosen(whole: Board) -> None:
    canvas = whole.canvas
    canvas.living.show_previews(frozenset({GRADIENT}))
    canvas.set_mode("train")
    assert canvas.living.previews == EVERYTHING
    canvas.living.show_previews(frozenset({MAPS}))
    canvas.set_mode("build")
    assert canvas.living.previews == {GRADIENT}
    canvas.set_mode("train")
    assert canvas.living.previews == {MAPS}


def test_what_was_told_before_it_was_chosen_is_shown(whole: Board) -> None:
    tell(whole, stats_of(["conv1"]))
    before = whole.scene.nodes["conv1"].face
    tell(whole, stats_of(["conv1"]))
    assert whole.scene.nodes["conv1"].face is before
    whole.canvas.living.show_previews(EVERYTHING)
    assert whole.scene.nodes["conv1"].face.histogram == (1, 4, 2)


def test_a_node_with_an_error_says_that_instead(board: Board) -> None:
    board.canvas.living.show_previews(EVERYTHING)
    tell(board, stats_of(["fc1", "fc2"]))
    assert not board.scene.nodes["fc1"].face.has_previews
    assert board.scene.nodes["fc2"].face.has_previews


def test_units_that_are_dead_are_told_while_building_too(whole: Board) -> None:
    whole.canvas.living.show_previews(frozenset({HISTOGRAM}))
    stat = p.LayerStat(0, 1, 0.6, dead=0.6, units=50, histogram=(3, 1))
    tell(whole, p.LayerStats(3, {"relu1": stat}))
    face = whole.scene.nodes["relu1"].face
    assert face.note == face.warning == "30 dead"


def test_edits_after_the_run_mark_what_is_shown_and_undo_unmarks_it(whole: Board) -> None:
    living, session = whole.canvas.living, whole.session
    tell(whole, stats_of(["conv1"]))
    session.graph_edited_since_run = True
    session.do(SetParams("main", "conv1", {"out_channels": 7}))
    assert not living.stale  # nothing is shown
    living.show_previews(EVERYTHING)
    assert whole.scene.nodes["conv1"].face.stale
    assert not whole.scene.nodes["conv2"].face.stale  # the run says nothing about it
    assert "before your edits" in whole.canvas.legend.accessibleName()
    whole.paint()
    session.graph_edited_since_run = False
    session.undo()
    assert not whole.scene.nodes["conv1"].face.stale
    assert "before your edits" not in whole.canvas.legend.accessibleName()


# ---------------------------------------------------------------------------------------- wires


def test_the_key_m_shows_how_strong_wires_are(whole: Board) -> None:
    wires = whole.scene.links
    tell(whole, stats_of(whole.session.sheet.graph.nodes))
    weak, strong = link("x", "out", "conv1", "x"), link("drop", "out", "fc2", "x")
    plain = wires[weak].pen().widthF()
    whole.key(Qt.Key.Key_M)
    assert whole.canvas.view_menu.strength.isChecked()
    assert (wires[weak].level, wires[strong].level) == (0, LEVELS - 1)
    assert wires[strong].pen().widthF() == wire_width(LEVELS - 1) > wires[weak].pen().widthF()
    shades = [wires[one].pen().color().lightness() for one in (weak, strong)]
    assert shades[0] < shades[1]  # brighter in the dark look
    assert "wires: root mean square 0.01 to" in whole.canvas.legend.accessibleName()
    whole.scene.hover(strong)
    assert wires[strong].pen().color() == whole.scene.theme.color("accent")
    whole.scene.hover(None)
    assert wires[strong].pen().widthF() == wire_width(LEVELS - 1)
    whole.key(Qt.Key.Key_M)
    assert wires[weak].level is None
    assert wires[weak].pen().widthF() == plain


def test_wires_that_carry_nothing_new_show_what_was_handed_on(whole: Board) -> None:
    tell(whole, p.LayerStats(1, {}, {"pool1:out": 1.0, "rconv1:out": 10.0}))
    whole.canvas.living.show_strength(True)
    after = whole.scene.links[link("rconv1", "out", "rbn1", "x")]
    assert after.level == LEVELS - 1
    whole.session.do(SetFlag("main", ("rconv1",), "bypassed", True))
    assert after.level == 0
    unknown = whole.scene.links[link("fc1", "out", "relu3", "x")]
    assert unknown.level is None
    assert unknown.pen().widthF() == 2


def test_strengths_have_a_round_scale_of_a_decade_or_more() -> None:
    assert Strength.of([]) is None
    assert Strength.of([0.0, math.nan, math.inf]) is None
    scale = Strength.of([0.034, 0.7, 4.2])
    assert scale is not None
    assert (scale.low, scale.high) == (pytest.approx(0.02), pytest.approx(5.0))
    assert [scale.level(flow) for flow in (0.0, 0.02, 5.0, 99.0)] == [0, 0, LEVELS - 1, LEVELS - 1]
    assert scale.level(0.317) == LEVELS // 2
    near = Strength.of([1.0, 1.1])
    assert near == Strength(1.0, 10.0)


def test_the_gradient_bar_is_logarithmic_in_the_share_of_the_weights() -> None:
    def stat(grad: float | None, weight: float | None) -> p.LayerStat:
        return p.LayerStat(0, 1, 0, grad=grad, weight=weight)

    assert gradient_share(stat(0.05, 5.0)) == pytest.approx(0.01)
    assert gradient_share(stat(None, 5.0)) is None
    assert gradient_share(stat(0.05, None)) is None
    assert gradient_share(stat(0.05, 0.0)) is None
    assert gradient_share(stat(math.nan, 1.0)) is None
    assert along_bar(0.0) == along_bar(1e-9) == 0.0
    assert along_bar(1e-4) == pytest.approx(0.0)
    assert along_bar(1e-3) == pytest.approx(0.25)
    assert along_bar(1.0) == along_bar(80.0) == 1.0


def test_blocks_have_the_norms_of_all_inside_and_the_middle_layer_is_told() -> None:
    store = LiveStore()
    inner = {"res/0/a": (3.0, 30.0), "res/0/b": (4.0, 40.0), "fc": (1.0, 1.0)}
    nodes = {path: p.LayerStat(0, 1, 0, grad=g, weight=w) for path, (g, w) in inner.items()}
    nodes["res"] = p.LayerStat(0, 1, 0)
    assert store.take(p.LayerStats(1, nodes)) == set(nodes)
    told = store.made["res"].stat
    assert told is not None
    assert (told.grad, told.weight) == (pytest.approx(5.0), pytest.approx(50.0))
    assert store.typical == pytest.approx(0.1)
    store.clear()
    assert store.typical is None


# --------------------------------------------------------------------------------------- passes


def repeated(**params: object) -> Project:
    project = block_project()
    sheet = project.networks["main"]
    node = Node("res1", "block.Twice", "res1", params)  # type: ignore[arg-type]
    sheet = replace(sheet, graph=sheet.graph.with_node(node))
    return replace(project, networks={"main": sheet}, constants={"depth": 3})


def test_a_repeated_block_is_seen_one_pass_at_a_time() -> None:
    project = repeated(repeat="=depth")
    main = way_to(project, "main", "")[-1][1]
    inside = entered(project, main, "res1")
    assert inside is not None
    assert (inside.prefix, inside.step, inside.steps) == ("res1/0/", 0, 3)
    last = other_pass(project, inside, 2)
    assert (last.prefix, last.step, last.where) == ("res1/2/", 2, "block.Twice")
    assert other_pass(project, inside, 3) == inside
    assert last.own("res1/2/conv") == "conv"
    assert last.own("res1/0/conv") is None
    assert main.key("res1/2/conv") == "res1"
    assert [sight.prefix for _, sight in way_to(project, "main", "res1/")] == ["", "res1/0/"]
    assert [sight.prefix for _, sight in way_to(project, "main", "res2/")] == ["", "res2/"]
    assert way_to(project, "main", "gone/") == []
    assert entered(project, main, "x") is None


def test_passes_with_the_same_weights_are_one() -> None:
    project = repeated(repeat=4, share_weights=True)
    inside = entered(project, way_to(project, "main", "")[-1][1], "res1")
    assert inside is not None
    assert (inside.prefix, inside.steps) == ("res1/", 1)
    assert other_pass(project, inside, 1) == inside


def test_each_pass_shows_its_own_previews(open_board: Open) -> None:
    board = open_board(repeated(repeat=2), ProjectFacts(1))
    board.canvas.living.show_previews(EVERYTHING)
    stats = stats_of(["res1", "res1/0/conv", "res1/1/conv"])
    tell(board, stats)
    assert board.scene.nodes["res1"].face.gradient is not None
    board.canvas.open_block("res1")
    assert board.canvas.prefix == "res1/0/"
    first = board.scene.nodes["conv"].face.live
    assert first is not None
    assert first.stat is stats.nodes["res1/0/conv"]
    board.canvas.show_pass(1)
    second = board.scene.nodes["conv"].face.live
    assert second is not None
    assert second.stat is stats.nodes["res1/1/conv"]
    assert board.canvas.leave()
    assert board.canvas.selection == ("res1",)


# ----------------------------------------------------------------------------------- the legend


def test_the_legend_says_less_where_there_is_little_room(whole: Board) -> None:
    living = whole.canvas.living
    living.show_previews(EVERYTHING)
    living.show_strength(True)
    legend = whole.canvas.legend
    assert isinstance(legend, Legend)
    words = [entry.words for entry in legend.entries]
    assert len(words) == 5
    assert "gradient ÷ weights, 10⁻⁴ to 1" in words[2]
    assert "train to see" in words[-1]
    legend.resize(420, 26)
    legend.grab()
    tell(whole, stats_of(["x", "conv1"]))
    assert "root mean square" in legend.entries[-1].words


def test_a_run_makes_no_wire_or_node_anew(whole: Board) -> None:
    whole.canvas.living.show_previews(EVERYTHING)
    whole.canvas.living.show_strength(True)
    items = set(map(id, whole.scene.items()))
    for step in range(3):
        tell(whole, stats_of(whole.session.sheet.graph.nodes, step))
    assert set(map(id, whole.scene.items())) == items
    whole.check()


def test_chains_without_facts_show_previews_all_the_same(open_board: Open) -> None:
    board = open_board(chain_project(2))
    board.canvas.living.show_previews(frozenset({MAPS}))
    tell(board, pictures_of("n0"))
    assert board.scene.nodes["n0"].face.maps is not None
    assert board.scene.port_pos(End("n0", "out"), True) == board.scene.nodes["n0"].pos() + QPointF(
        108, board.scene.nodes["n0"].face.size[1]
    )
    assert board.scene.places["n0"] == Place(*board.scene.nodes["n0"].pos().toTuple())


def test_a_hidden_canvas_catches_up_when_it_is_seen_again(whole: Board) -> None:
    whole.canvas.living.show_previews(EVERYTHING)
    whole.canvas.hide()
    before = whole.scene.nodes["conv1"].face
    tell(whole, stats_of(["conv1"]))
    assert whole.scene.nodes["conv1"].face is before
    whole.canvas.show()
    assert whole.scene.nodes["conv1"].face.histogram == (1, 4, 2)


def test_tooltips_say_what_marks_and_widths_show(whole: Board) -> None:
    tell(whole, stats_of(["conv1"]))
    wire = link("conv1", "out", "relu1", "x")
    assert "root mean square" not in wire_words(wire, whole.scene)
    whole.canvas.living.show_strength(True)
    assert wire_words(wire, whole.scene).endswith("root mean square 0.01")
    whole.session.graph_edited_since_run = True
    whole.canvas.living.show_previews(EVERYTHING)
    words = node_words(whole.scene.nodes["conv1"], whole.scene)
    assert "Its previews were measured before the graph was edited." in words


def from_afar(board: Board) -> QImage:
    """Return the sheet as it is painted at small zooms."""
    image = QImage(400, 400, QImage.Format.Format_ARGB32)
    image.fill(board.scene.theme.color("bg.canvas"))
    painter = QPainter(image)
    painter.scale(0.2, 0.2)
    Overview(board.scene, board.scene.theme).paint(painter)
    painter.end()
    return image


def test_strength_can_be_seen_from_far_away(whole: Board) -> None:
    tell(whole, stats_of(whole.session.sheet.graph.nodes))
    plain, revision = from_afar(whole), whole.scene.revision
    whole.key(Qt.Key.Key_M)
    assert whole.scene.revision > revision
    assert from_afar(whole) != plain
    revision = whole.scene.revision
    tell(whole, stats_of(whole.session.sheet.graph.nodes, 4))
    assert whole.scene.revision == revision  # as strong as before: nothing to collect anew
    whole.key(Qt.Key.Key_M)
    assert from_afar(whole) == plain


def test_what_a_run_has_shown_is_not_kept(whole: Board) -> None:
    """Pictures of nodes that will never look so again would fill the memory over a long run."""
    whole.canvas.living.show_previews(frozenset({MAPS, HISTOGRAM, GRADIENT}))
    paths = tuple(whole.session.sheet.graph.nodes)
    kept: list[int] = []
    for step in range(12):
        moved = {
            path: replace(stat, mean=float(step), histogram=(step, 1, 2))
            for path, stat in stats_of(paths).nodes.items()
        }
        tell(whole, p.LayerStats(step, moved), pictures_of("conv1"))
        whole.paint()
        kept.append(len(whole.scene.sprites._kept))
    assert len(set(kept[2:])) == 1
