"""A sheet as a picture to take along: SVG, PDF or PNG, painted by the canvas' own items in full detail."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args
from xml.sax.saxutils import escape

from msgspec.structs import replace as changed
from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QFont, QFontInfo, QImage, QPageSize, QPainter, QPdfWriter
from PySide6.QtSvg import QSvgGenerator

from studio.graph.facts import ProjectFacts
from studio.graph.files import write_atomically
from studio.graph.graph import BLOCK, Graph
from studio.graph.project import Project, Sheet
from studio.ui.canvas.faces import Told
from studio.ui.canvas.knowledge import Sight
from studio.ui.canvas.scene import SheetScene
from studio.ui.inspector.cost import flop_text
from studio.ui.theme import Theme

Format = Literal["svg", "pdf", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)
#: How many pixels of a PNG stand for one of the sheet.
SCALES = (1, 2, 3, 4)
#: Names that stand for any font of a sort.
GENERIC = ("sans-serif", "monospace")
#: Around what is drawn, so that no glow and no label touches the edge.
MARGIN = 16.0
#: Pixels of the sheet to an inch, as the window and the web count them.
PER_INCH = 96
#: What Qt and most readers can take: pixels along a side, bytes of a picture, inches of a page.
_MOST_SIDE, _MOST_BYTES, _MOST_INCHES = 32_767, 2**30, 200


class NotExported(Exception):
    """Why there is no picture, in a sentence for the person."""


@dataclass(frozen=True)
class Wish:
    """How a picture is to be. Title and caption are kept inside the file, not drawn."""

    format: Format = "svg"
    #: Painted on the theme's colour, else on nothing.
    ground: bool = True
    scale: int = 2
    title: str = ""
    caption: str = ""


def title_of(stem: str, where: str) -> str:
    """Return what a picture of a sheet is called: after its project, and the sheet where it is not the only one."""
    return stem if where == "main" else f"{stem}: {where.removeprefix(BLOCK)}"


def caption_of(sheet: Sheet, facts: ProjectFacts | None, where: str) -> str:
    """Return a picture's caption: what there is, and of a network what it costs."""
    count = len(sheet.graph.nodes)
    parts = [f"{count} node{'' if count == 1 else 's'}"]
    known = facts.networks.get(where) if facts else None
    if known is not None and known.nodes:
        parts.append(f"{Theme.number(known.parameters)} parameters")
        parts.append(f"{flop_text(known.flops)} for one sample")
    return ", ".join(parts)


def seen_first(project: Project, where: str) -> Sight:
    """Return a sheet as it is seen in a network: a block through its first instance, if there is one."""
    if not where.startswith(BLOCK):
        return Sight(where, where)
    for network, sheet in project.networks.items():
        prefix = _way_into(project, sheet.graph, where, ())
        if prefix is not None:
            return Sight(where, network, prefix)
    return Sight(where)


def _way_into(project: Project, graph: Graph, where: str, inside: tuple[str, ...]) -> str | None:
    """Return the id path of the first instance of a block, with a slash at its end; None for none."""
    for node in graph.nodes.values():
        block = project.blocks.get(node.kind.removeprefix(BLOCK))
        if node.kind == where:
            return f"{node.id}/"
        if node.kind.startswith(BLOCK) and block is not None and node.kind not in inside:
            deeper = _way_into(project, block.sheet.graph, where, (*inside, node.kind))
            if deeper is not None:
                return f"{node.id}/{deeper}"
    return None


def part_of(sheet: Sheet, nodes: Collection[str]) -> Sheet:
    """Return the sheet with these nodes only, the wires between them and the frames around them."""
    chosen = set(nodes)
    frames = {
        key: changed(frame, nodes=tuple(node for node in frame.nodes if node in chosen))
        for key, frame in sheet.frames.items()
        if chosen & set(frame.nodes)
    }
    places = {key: place for key, place in sheet.places.items() if key in chosen}
    return Sheet(sheet.graph.without(sheet.graph.nodes.keys() - chosen), places, frames)


def compose(sheet: Sheet, told: Told, theme: Theme, nodes: Collection[str] = ()) -> SheetScene:
    """Return the items of a sheet as they are while building; of `nodes` only, where some are named."""
    scene = SheetScene(theme)
    scene.sprites.stored = False
    known = replace(told, training=False, live={})
    scene.show_sheet(part_of(sheet, nodes) if nodes else sheet, known)
    return scene


def extent(scene: SheetScene) -> QRectF:
    """Return the rectangle that a picture shows: everything drawn, in whole points of a page."""
    labels = scene.wires.labels
    box = labels.extent()
    for item in scene.items():
        if item is not labels:
            box = box.united(item.sceneBoundingRect())
    box.adjust(-MARGIN, -MARGIN, MARGIN, MARGIN)
    left, top = 4 * math.floor(box.left() / 4), 4 * math.floor(box.top() / 4)
    width, height = (4 * math.ceil(side / 4) + 4 for side in (box.width(), box.height()))
    return QRectF(left, top, width, height)


def pixels(scene: SheetScene, scale: float) -> QSize:
    """Return how large a PNG of the scene is."""
    box = extent(scene)
    return QSize(math.ceil(box.width() * scale), math.ceil(box.height() * scale))


def encode(scene: SheetScene, wish: Wish) -> bytes:
    """Return the bytes of the picture.

    Raises: NotExported, where there is nothing to show or it is larger than a file of this format can be.
    """
    if not scene.nodes and not scene.notes:
        raise NotExported("The sheet is empty. Draw a layer first.")
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    _ENCODERS[wish.format](scene, wish, buffer)
    content = bytes(buffer.data().data())
    return _portable(content.decode()).encode() if wish.format == "svg" else content


def save(scene: SheetScene, wish: Wish, path: Path) -> None:
    """Write the picture aside, then put it in place.

    Raises: NotExported; what was there is untouched then.
    """
    content = encode(scene, wish)
    try:
        write_atomically(path, content)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise NotExported(
            f"{path} cannot be written: {why}. Free some space, or choose another place."
        ) from None


def image(scene: SheetScene, scale: float, ground: bool) -> QImage:
    """Return the picture in pixels.

    Raises: NotExported.
    """
    size = pixels(scene, scale)
    most = max(size.width(), size.height())
    if most > _MOST_SIDE or 4 * size.width() * size.height() > _MOST_BYTES:
        raise NotExported(
            f"At {scale:g}× this picture would be {size.width()}×{size.height()} pixels, more than a "
            "PNG can hold here. Choose a lower resolution, a part of the sheet, SVG or PDF."
        )
    made = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    _paint(scene, painter, QRectF(0, 0, size.width(), size.height()), ground)
    painter.end()
    return made


def _svg(scene: SheetScene, wish: Wish, buffer: QBuffer) -> None:
    box = extent(scene)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setResolution(PER_INCH)
    generator.setSize(box.size().toSize())
    generator.setViewBox(QRectF(0, 0, box.width(), box.height()))
    generator.setTitle(wish.title)
    generator.setDescription(wish.caption)
    painter = QPainter(generator)
    _paint(scene, painter, QRectF(0, 0, box.width(), box.height()), wish.ground)
    painter.end()


def _portable(svg: str) -> str:
    """Name fonts so that they are found elsewhere: the one that was measured, and for style sheets all.

    Qt writes a list where many readers look for one font; what knows no `@supports` reads the one.
    """
    lists = sorted(set(re.findall(r'font-family="([^"]+)"', svg)))
    rules = []
    for number, families in enumerate(lists):
        names = families.split(",")
        font = QFont()
        font.setFamilies(names)
        quoted = ",".join(
            n if n in GENERIC else f"'{n}'" for n in [QFontInfo(font).family(), *names]
        )
        rules.append(f".f{number}{{font-family:{quoted}}}")
        one = f'class="f{number}" font-family="{QFontInfo(font).family()}"'
        svg = svg.replace(f'font-family="{families}"', one)
    style = f"<style>@supports (display:block){{{''.join(rules)}}}</style>"
    return svg.replace("<defs>", f"<defs>{style}", 1)


def _pdf(scene: SheetScene, wish: Wish, buffer: QBuffer) -> None:
    box = extent(scene)
    # A sheet larger than a page may be is drawn with more dots to the inch, at the same detail.
    dots = max(PER_INCH, math.ceil(max(box.width(), box.height()) / _MOST_INCHES))
    writer = QPdfWriter(buffer)
    writer.setTitle(wish.title)
    writer.setCreator("Neuroloom")
    writer.setDocumentXmpMetadata(_xmp(wish).encode())
    writer.setResolution(dots)
    size = QSizeF(box.width() * 72 / dots, box.height() * 72 / dots)
    exact = QPageSize.SizeMatchPolicy.ExactMatch
    writer.setPageSize(QPageSize(size, QPageSize.Unit.Point, "", exact))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    painter = QPainter(writer)
    _paint(scene, painter, QRectF(0, 0, box.width(), box.height()), wish.ground)
    painter.end()


def _png(scene: SheetScene, wish: Wish, buffer: QBuffer) -> None:
    made = image(scene, wish.scale, wish.ground)
    per_metre = round(PER_INCH * wish.scale / 0.0254)
    made.setDotsPerMeterX(per_metre)
    made.setDotsPerMeterY(per_metre)
    for key, text in (("Title", wish.title), ("Description", wish.caption)):
        if text:
            made.setText(key, text)
    made.setText("Software", "Neuroloom")
    made.save(buffer, "PNG")  # type: ignore[call-overload]


_ENCODERS = {"svg": _svg, "pdf": _pdf, "png": _png}


def _paint(scene: SheetScene, painter: QPainter, target: QRectF, ground: bool) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if ground:
        painter.fillRect(target, scene.theme.color("bg.canvas"))
    scene.render(painter, target, extent(scene))


def _xmp(wish: Wish) -> str:
    """Return a PDF's description of itself; Qt writes only the title on its own."""
    title, caption = (
        f'<rdf:Alt><rdf:li xml:lang="x-default">{escape(text)}</rdf:li></rdf:Alt>'
        for text in (wish.title, wish.caption)
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        f"<dc:title>{title}</dc:title><dc:description>{caption}</dc:description>"
        "<xmp:CreatorTool>Neuroloom</xmp:CreatorTool>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
