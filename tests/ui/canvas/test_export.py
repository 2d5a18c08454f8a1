"""Pictures of the canvas: words and shapes stay words and shapes, nothing is cut off, refusals are sentences."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from board import residual, residual_facts
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from pytestqt.qtbot import QtBot

from studio.graph.facts import NodeFacts
from studio.graph.graph import Graph, Node
from studio.graph.project import Note, Place, Project, Sheet
from studio.ui.canvas.export import (
    FORMATS,
    NotExported,
    Wish,
    caption_of,
    compose,
    encode,
    extent,
    image,
    pixels,
    save,
    seen_first,
    title_of,
)
from studio.ui.canvas.export_panel import ExportPanel
from studio.ui.canvas.faces import Told
from studio.ui.canvas.scene import SheetScene
from studio.ui.theme import Theme

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def scene(qtbot: QtBot, theme: Theme) -> Iterator[SheetScene]:
    """The residual network with its error, frame and note, as a picture shows it."""
    project = residual()
    facts = residual_facts(project).networks["main"]
    problems = {one.node: (one,) for one in facts.problems}
    made = compose(
        project.sheet("main"), told_of(project, facts.nodes, problems), theme.twin("light")
    )
    yield made
    made.clear()


def told_of(
    project: Project, facts: dict[str, NodeFacts], problems: dict[str, tuple[object, ...]]
) -> Told:
    from board import CATALOG

    return Told(specs=dict(CATALOG.layers), facts=facts, problems=problems)  # type: ignore[arg-type]


def drawn(svg: bytes, size: QSize, color: str = "#ffffff") -> QImage:
    """Render an SVG as another program would."""
    renderer = QSvgRenderer(svg)
    assert renderer.isValid()
    made = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
    made.fill(QColor(color))
    painter = QPainter(made)
    renderer.render(painter, QRectF(0, 0, size.width(), size.height()))
    painter.end()
    return made


def differing(a: QImage, b: QImage, most: int = 60) -> float:
    """Return the share of pixels that differ visibly."""
    assert a.size() == b.size()
    step, count, wrong = 2, 0, 0
    for y in range(0, a.height(), step):
        for x in range(0, a.width(), step):
            one, two = a.pixelColor(x, y), b.pixelColor(x, y)
            far = max(
                abs(one.red() - two.red()),
                abs(one.green() - two.green()),
                abs(one.blue() - two.blue()),
            )
            count += 1
            wrong += far > most
    return wrong / count


def test_an_svg_holds_words_and_shapes_and_no_pictures(scene: SheetScene) -> None:
    tree = ElementTree.fromstring(encode(scene, Wish("svg", title="A <b> & c", caption="Why")))
    words = ["".join(one.itertext()) for one in tree.iter(f"{SVG}text")]
    assert {"Conv2d", "BatchNorm2d", "Insert Flatten", "Note", "9\u202f216"} <= set(words)
    assert {"N", "×", "32"} <= set(words)
    assert list(tree.iter(f"{SVG}image")) == []
    assert tree.findtext(f"{SVG}title") == "A <b> & c"
    assert tree.findtext(f"{SVG}desc") == "Why"
    assert "clip" not in ElementTree.tostring(tree, encoding="unicode")


def test_an_svg_names_one_font_and_for_style_sheets_others(scene: SheetScene) -> None:
    text = encode(scene, Wish("svg")).decode()
    tree = ElementTree.fromstring(text)
    fonts = {one.get("font-family", "") for one in tree.iter(f"{SVG}text")}
    assert fonts
    assert not any("," in font for font in fonts)
    style = "".join(one.text or "" for one in tree.iter(f"{SVG}style"))
    assert "monospace}" in style
    assert "sans-serif}" in style


def test_an_svg_rendered_back_is_the_picture(scene: SheetScene) -> None:
    size = pixels(scene, 1)
    painted = image(scene, 1, True)
    assert differing(drawn(encode(scene, Wish("svg")), size), painted) < 0.02
    bare = encode(scene, Wish("svg", ground=False))
    assert differing(drawn(bare, size, "#ff00ff"), painted) > 0.1, "the ground itself was painted"
    ground = scene.theme.color("bg.canvas").name()
    assert differing(drawn(bare, size, ground), painted) < 0.02


def test_nothing_touches_the_edge(scene: SheetScene) -> None:
    made = image(scene, 1, False)
    right, bottom = made.width() - 1, made.height() - 1
    edge = [(x, y) for x in range(made.width()) for y in (0, 1, bottom - 1, bottom)]
    edge += [(x, y) for y in range(made.height()) for x in (0, 1, right - 1, right)]
    assert all(made.pixelColor(x, y).alpha() == 0 for x, y in edge)
    box = extent(scene)
    labels = scene.wires.labels
    items = [item for item in scene.items() if item is not labels]
    assert all(box.contains(item.sceneBoundingRect()) for item in items)
    assert box.contains(labels.extent())


def test_a_part_shows_its_nodes_their_wires_and_frames(theme: Theme, qtbot: QtBot) -> None:
    project = residual()
    told = told_of(project, {}, {})
    sheet = project.sheet("main")
    frame = next(iter(sheet.frames.values()))
    chosen = frame.nodes[:2]
    part = compose(sheet, told, theme, chosen)
    assert part.nodes.keys() == set(chosen)
    assert {link.source.node for link in part.links} <= set(chosen)
    assert len(part.frames) == 1
    assert not part.notes
    assert sheet is project.sheet("main"), "the document stays as it is"
    part.clear()


def test_a_png_keeps_its_size_resolution_and_words(scene: SheetScene) -> None:
    content = encode(scene, Wish("png", scale=3, title="Net", caption="A caption", ground=False))
    made = QImage.fromData(content)
    assert made.size() == pixels(scene, 3)
    assert round(made.dotsPerMeterX() * 0.0254) == 288
    assert (made.text("Title"), made.text("Description")) == ("Net", "A caption")
    assert made.pixelColor(0, 0).alpha() == 0
    filled = QImage.fromData(encode(scene, Wish("png", scale=1)))
    assert filled.pixelColor(0, 0) == scene.theme.color("bg.canvas")


def test_a_pdf_is_one_page_of_the_size_of_the_sheet(scene: SheetScene) -> None:
    content = encode(scene, Wish("pdf", title="Net", caption="Ten layers & more"))
    assert content.startswith(b"%PDF")
    box = extent(scene)
    width, height = box.width() * 0.75, box.height() * 0.75
    assert f"MediaBox [0 0 {width:g} {height:g}]".encode() in content.replace(b".000000", b"")
    assert b"Ten layers &amp; more" in content
    assert content.count(b"/Type /Page\n") == 1


def test_a_sheet_longer_than_a_page_may_be_still_becomes_a_pdf(theme: Theme, qtbot: QtBot) -> None:
    nodes = {f"n{n}": Node(f"n{n}", "torch.nn.ReLU", f"n{n}") for n in range(2)}
    places = {"n0": Place(0, 0), "n1": Place(0, 40_000)}
    scene = compose(Sheet(Graph(nodes), places), Told(), theme)
    content = encode(scene, Wish("pdf"))
    box = content.split(b"MediaBox [")[1].split(b"]")[0].split()
    assert float(box[3]) <= 14_400
    with pytest.raises(NotExported, match="more than a PNG can hold"):
        encode(scene, Wish("png", scale=1))
    scene.clear()


def test_an_empty_sheet_and_a_note(theme: Theme, qtbot: QtBot) -> None:
    empty = compose(Sheet(), Told(), theme)
    with pytest.raises(NotExported, match="empty"):
        encode(empty, Wish())
    noted = compose(Sheet(notes={"a": Note("Only words")}), Told(), theme)
    assert b"Only words" in encode(noted, Wish())
    noted.clear()


@pytest.mark.parametrize("format", FORMATS)
def test_a_disk_that_refuses_leaves_what_was_there(
    format: str, scene: SheetScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x.{format}"
    path.write_text("before")

    def full(content: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NotExported, match="no space left on device"):
        save(scene, Wish(format), path)  # type: ignore[arg-type]
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_titles_captions_and_where_a_block_is_seen() -> None:
    project = residual()
    facts = residual_facts(project)
    assert title_of("net", "main") == "net"
    assert title_of("net", "block.res") == "net: res"
    assert caption_of(Sheet(), None, "main") == "0 nodes"
    count = len(project.sheet("main").graph.nodes)
    assert caption_of(project.sheet("main"), facts, "main").startswith(f"{count} nodes, ")
    assert seen_first(project, "main").prefix == ""
    assert seen_first(project, "block.nowhere").prefix == ""


# ------------------------------------------------------------------------------------------ the panel


@pytest.fixture
def panel(open_board: object, theme: Theme, qtbot: QtBot, tmp_path: Path) -> Iterator[Panel]:
    project = residual()
    board = open_board(project, residual_facts(project))  # type: ignore[operator]
    board.canvas.select(list(board.scene.nodes)[1:3])
    made = Panel(board, theme, tmp_path)
    yield made
    made.close()


class Panel:
    """The panel over the residual network; `answer` is what the file dialog would say."""

    def __init__(self, board: object, theme: Theme, folder: Path) -> None:
        self.asked: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.answer = str(folder / "picture")
        canvas = board.canvas  # type: ignore[attr-defined]
        self.dialog = ExportPanel(
            board.session,  # type: ignore[attr-defined]
            canvas,
            theme,
            self.pick,
            self.said.append,
            canvas,
        )
        self.open = True
        self.dialog.destroyed.connect(self.gone)
        self.dialog.show()

    def gone(self) -> None:
        self.open = False

    def pick(self, suggestion: str, files: str) -> str:
        self.asked.append((suggestion, files))
        return self.answer

    def close(self) -> None:
        if self.open:
            self.dialog.close()


def test_the_panel_saves_what_it_shows(panel: Panel, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = panel.dialog
    assert not dialog.dots.isVisible()
    dialog.part.button(1).click()
    dialog.format.button(FORMATS.index("png")).click()
    dialog.scale.button(0).click()
    dialog.ground.button(1).click()
    assert dialog.dots.isVisible()
    assert "pixels, 96 to the inch" in dialog.size_note.text()
    assert dialog.caption.placeholderText() == "2 nodes"
    dialog.title.setText("My part")
    dialog.grab()
    dialog.save_button.click()
    qtbot.waitUntil(lambda: not panel.open)
    suggestion, files = panel.asked[0]
    assert Path(suggestion).name == "My part.png"
    assert files == "PNG pictures (*.png)"
    path = tmp_path / "picture.png"
    made = QImage(str(path))
    assert (made.text("Title"), made.text("Description")) == ("My part", "2 nodes")
    assert panel.said == [f"Saved the picture in {path}."]


def test_the_panel_says_why_not_and_stays(panel: Panel, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    panel.answer = str(tmp_path / "taken" / "x.svg")
    panel.dialog.save_button.click()
    assert "cannot be written" in panel.dialog.message.text()
    assert panel.dialog.isVisible()
    panel.answer = ""
    panel.dialog.save_button.click()
    assert panel.said == []


def test_without_a_selection_the_part_cannot_be_chosen(
    open_board: object, theme: Theme, qtbot: QtBot, tmp_path: Path
) -> None:
    board = open_board()  # type: ignore[operator]
    board.canvas.select(())
    panel = Panel(board, theme, tmp_path)
    assert not panel.dialog.part.button(1).isEnabled()
    assert panel.dialog.part.button(1).toolTip() == "Select nodes on the canvas first."
    panel.close()
