"""The canvas with many nodes, off screen: a JSON line a case and size, times in ms.

Each line is measured in a process of its own, one after the other, ours beside NodeGraphQt where that
is installed (its check for cycles off: it is exponential). `build`: a sheet from nothing to its first
paint at 100 %. `load`: the same from a file (10,000 nodes opened). `fit`: a full repaint with everything
in sight. `zoom`: a repaint after each 3 % of zoom around that. `pan`: a full repaint at 100 % after each
step. `drag`: one move of a node at 100 % with its wires, and the repaint. `connect`: a wire with its
check for cycles, and the edit; `connect_drawn` until it is painted. Medians (minima of `build` and
`load`); `_p99` beside zoom, pan and drag. `node_bytes`: growth of memory by the painted sheet, a node.
The graph has two inputs and one output a node, 1.5 wires a node, one in twenty a skip.

`layout` lays a network of branches and skips out in layers, beside grandalf where that is installed:
crossings are counted the same way, between neighbouring layers with every long wire led through those
that it passes.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from studio.graph import crossings, files
from studio.graph.connect import check_connect
from studio.graph.edits import Connect
from studio.graph.facts import NodeFacts, TensorType
from studio.graph.graph import Graph, Link, Node, link
from studio.graph.layout import arrange
from studio.graph.project import Place, Project, Sheet
from studio.graph.spec import LayerSpec, Port
from studio.ui.canvas.faces import Told
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.view import CanvasView
from studio.ui.theme import Theme

ASSETS = Path(__file__).resolve().parent.parent / "assets"
SIZE = (1600, 1000)
SPEC = LayerSpec(
    kind="core.add",
    title="Add",
    category="conv",
    inputs=(Port("a"), Port("b")),
    outputs=(Port("out"),),
    summary=("a", "b"),
)
SIZES = (1000, 5000, 10_000)
#: NodeGraphQt has not finished loading 5,000 nodes within two minutes; it is not asked to.
PEER_MOST = 1000

Act = Callable[[int], object]

#: Wall-clock time; with `--cpu` that of the process, which a busy machine changes less.
clock = time.process_time if "--cpu" in sys.argv else time.perf_counter


def sheet_of(count: int) -> Sheet:
    """Draw layers of up to forty nodes, one below the other, each fed by the layer above."""
    rng = random.Random(0)
    width = max(4, min(40, round((count / 3) ** 0.5)))
    nodes = {f"n{n}": Node(f"n{n}", SPEC.kind, f"n{n}") for n in range(count)}
    places = {f"n{n}": Place(n % width * 280, n // width * 112) for n in range(count)}
    links: list[Link] = []
    for n in range(width, count):
        above = (n // width - 1) * width
        links.append(link(f"n{n - width}", "out", f"n{n}", "a"))
        if n % 2:
            far = (
                rng.randrange(0, above + 1) if rng.random() < 0.05 else above + rng.randrange(width)
            )
            links.append(link(f"n{far}", "out", f"n{n}", "b"))
    return Sheet(Graph(nodes, tuple(links)), places)


def branches_of(count: int, seed: int = 0) -> Graph:
    """Draw a network as people do: stretches of up to four branches that meet, with skips past them."""
    rng = random.Random(seed)
    nodes: dict[str, Node] = {}
    links: list[Link] = []

    def add(*sources: str) -> str:
        key = f"n{len(nodes)}"
        nodes[key] = Node(key, SPEC.kind, key)
        links.extend(link(source, "out", key, "ab"[bool(n)]) for n, source in enumerate(sources))
        return key

    end = add()
    while len(nodes) < count:
        start, ends = end, []
        for _ in range(rng.choice((1, 1, 2, 3, 4))):
            ends.append(start)
            for _ in range(rng.randint(1, 4)):
                ends[-1] = add(ends[-1])
        if rng.random() < 0.6:
            ends.append(start)
        if rng.random() < 0.15:
            ends.append(rng.choice(list(nodes)))
        end = add(*dict.fromkeys(ends))
    return Graph(nodes, tuple(links))


def timed(repeat: int, act: Act, paint: Callable[[], object]) -> list[float]:
    """Return how many ms each act and the painting after it took, sorted."""
    spent = []
    for n in range(repeat):
        start = clock()
        act(n)
        paint()
        spent.append(1000 * (clock() - start))
    return sorted(spent)


def summary(name: str, spent: list[float], tail: bool = False) -> dict[str, float]:
    """Return the median, and the 99th percentile where it is asked for."""
    told = {name: round(statistics.median(spent), 2)}
    if tail:
        told[f"{name}_p99"] = round(spent[math.ceil(0.99 * len(spent)) - 1], 2)
    return told


def least(name: str, spent: list[float]) -> dict[str, float]:
    """Return the minimum: what is done once suffers most from what else the machine does."""
    return {name: round(spent[0], 1)}


def resident() -> int:
    """Return how many bytes of memory the process holds now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# -------------------------------------------------------------------------------------------- ours


def measure(count: int, repeat: int, theme: Theme) -> dict[str, Any]:
    """Measure the canvas with `count` nodes."""
    sheet = sheet_of(count)
    told = told_of(sheet)
    scene = SheetScene(theme)
    view = CanvasView(scene, theme)
    view.resize(*SIZE)
    view.show()
    QApplication.processEvents()
    paint = view.viewport().repaint

    def arrive() -> None:
        """Paint, and do what is put off until there is time, such as indexing."""
        paint()
        QApplication.processEvents()

    small = sheet_of(60)
    scene.show_sheet(small, told_of(small))  # fonts and icons are there before a sheet is opened
    arrive()
    before = resident()
    result: dict[str, Any] = {"what": "canvas", "nodes": count, "wires": len(sheet.graph.links)}
    first = timed(1, lambda n: scene.show_sheet(sheet, told), arrive)
    result["node_bytes"] = round((resident() - before) / count)
    again = timed(3, lambda n: scene.show_sheet(sheet, told), arrive)
    result |= least("build", sorted([*first, *again]))
    result |= measure_load(sheet, told, scene, arrive)
    view.look_at(scene.content())
    whole = view.scale_now
    result |= summary("fit", timed(repeat, lambda n: None, paint))

    def zoom(n: int) -> None:
        view.set_zoom(whole * 1.03 ** (n % 20))

    result |= summary("zoom", timed(repeat, zoom, paint), tail=True)
    view.set_zoom(1.0)
    paint()
    result |= summary("pan", timed(repeat, lambda n: view.pan(9, 5), paint), tail=True)
    middle = scene.node_at(view.seen().center()) or next(iter(scene.nodes.values()))
    moving = middle.node.id
    view.show_point(middle.rect)
    arrive()  # it comes into sight before it is dragged

    def drag(n: int) -> None:
        scene.preview({moving: QPointF(4 * (n % 30), 4 * (n % 20))})

    result |= summary("drag", timed(repeat, drag, QApplication.processEvents), tail=True)
    scene.preview({})
    result |= measure_connect(sheet, told, scene, paint)
    view.close()
    return result


def told_of(sheet: Sheet) -> Told:
    """Return what an engine would say about a sheet."""
    tensor = TensorType(("N", 32, 13, 13))
    facts = {
        key: NodeFacts({"a": tensor}, {"out": tensor}, parameters=9216) for key in sheet.graph.nodes
    }
    return Told(specs={SPEC.kind: SPEC}, facts=facts)


def measure_load(
    sheet: Sheet, told: Told, scene: SheetScene, arrive: Callable[[], object]
) -> dict[str, float]:
    """Measure opening a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "many.loom")
        files.save(Project({"main": sheet}), path)

        def load(n: int) -> None:
            scene.show_sheet(files.load(path).project.networks["main"], told)

        return least("load", timed(3, load, arrive))


def measure_connect(
    sheet: Sheet, told: Told, scene: SheetScene, paint: Callable[[], object]
) -> dict[str, float]:
    """Measure laying wires from the first nodes, behind which everything lies."""
    base = Project({"main": sheet})
    scene.sync(sheet)
    graph = sheet.graph
    keys = list(graph.nodes)
    wires = [
        link(keys[n], "out", keys[-2 - 2 * n], "b")
        for n in range(12)
        if not graph.into(keys[-2 - 2 * n], "b")
    ]
    spent, drawn = [], []
    for wire in wires:
        start = clock()
        refused = check_connect(graph, told.specs, wire)
        after = Connect("main", wire).apply(base)
        spent.append(1000 * (clock() - start))
        if refused:
            raise RuntimeError(refused)
        scene.sync(after.networks["main"])
        paint()
        drawn.append(1000 * (clock() - start))
        scene.sync(sheet)
    return summary("connect", sorted(spent)) | summary("connect_drawn", sorted(drawn))


# ----------------------------------------------------------------------------------- NodeGraphQt


def measure_peer(count: int, repeat: int) -> dict[str, Any]:
    """Measure NodeGraphQt on the same graph."""
    from NodeGraphQt import BaseNode, NodeGraph

    class Peer(BaseNode):  # type: ignore[misc]
        __identifier__ = "bench"
        NODE_NAME = "Add"

        def __init__(self) -> None:
            super().__init__()
            self.add_input("a")
            self.add_input("b")
            self.add_output("out")

    sheet = sheet_of(count)
    graph = NodeGraph()
    graph.set_acyclic(False)
    graph.register_node(Peer)
    viewer = graph.viewer()
    viewer.resize(*SIZE)
    viewer.show()
    QApplication.processEvents()
    paint = viewer.viewport().repaint
    made: dict[str, Any] = {}

    def build(n: int) -> None:
        for key, place in sheet.places.items():
            made[key] = graph.create_node(
                "bench.Peer", name=key, pos=[place.x, place.y], selected=False, push_undo=False
            )
        for wire in sheet.graph.links:
            source = made[wire.source.node].output(0)
            port = made[wire.target.node].input(int(wire.target.port == "b"))
            source.connect_to(port, push_undo=False)

    before = resident()
    result: dict[str, Any] = {"what": "NodeGraphQt", "nodes": count}
    result |= least("build", timed(1, build, paint))
    result["node_bytes"] = round((resident() - before) / count)
    few = min(repeat, 40)
    viewer.fitInView(viewer.scene().itemsBoundingRect())
    result |= summary("fit", timed(few, lambda n: None, paint))
    zoomed = timed(few, lambda n: viewer.scale(1.03, 1.03), paint)
    result |= summary("zoom", zoomed, tail=True)
    viewer.resetTransform()
    across = viewer.horizontalScrollBar()
    panned = timed(few, lambda n: across.setValue(across.value() + 9), paint)
    result |= summary("pan", panned, tail=True)
    item = made[f"n{count // 2}"].view
    viewer.centerOn(item)
    paint()
    at = item.xy_pos

    def drag(n: int) -> None:
        item.xy_pos = [at[0] + 4 * (n % 30), at[1] + 4 * (n % 20)]

    result |= summary("drag", timed(few, drag, QApplication.processEvents), tail=True)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "many.json"))
        graph.save_session(path)
        result |= least("load", timed(1, lambda n: graph.load_session(path), paint))
    viewer.close()
    return result


# ----------------------------------------------------------------------------------------- layout


def measure_layout(count: int, repeat: int) -> dict[str, Any]:
    """Measure laying a network out, with the crossings of its layers."""
    graph = branches_of(count)
    seen: list[int] = []
    untangle = crossings.untangle

    def counted(
        rows: crossings.Rows, up: crossings.Joined, down: crossings.Joined, stop: Any
    ) -> Any:
        found = untangle(rows, up, down, stop)
        seen.append(crossings.count(found, down))
        return found

    spent = timed(min(repeat, 5), lambda n: arrange(graph, {}), lambda: None)
    crossings.untangle = counted
    arrange(graph, {})
    crossings.untangle = untangle
    result: dict[str, Any] = {"what": "layout", "nodes": len(graph.nodes)}
    result |= {"wires": len(graph.links), "crossings": seen[0]}
    return result | least("ms", spent)


def measure_grandalf(count: int, repeat: int) -> dict[str, Any]:
    """Measure grandalf's layered layout of the same network."""
    from grandalf.graphs import Edge, Vertex
    from grandalf.graphs import Graph as Drawing
    from grandalf.layouts import SugiyamaLayout

    class Box:
        w, h = 216, 56

    graph = branches_of(count)
    layouts: list[Any] = []

    def lay(n: int) -> None:
        cells = {key: Vertex(key) for key in graph.nodes}
        for cell in cells.values():
            cell.view = Box()
        ends = [(cells[one.source.node], cells[one.target.node]) for one in graph.links]
        drawing = Drawing(list(cells.values()), [Edge(*pair) for pair in ends])
        layouts.clear()
        for part in drawing.C:
            layout = SugiyamaLayout(part)
            layout.init_all()
            layout.draw(8)
            layouts.append(layout)

    spent = timed(min(repeat, 3), lay, lambda: None)
    result: dict[str, Any] = {"what": "grandalf", "nodes": len(graph.nodes)}
    total = sum(crossings.count(*layers_of(layout)) for layout in layouts)
    return result | {"crossings": total} | least("ms", spent)


def layers_of(layout: Any) -> tuple[list[list[int]], list[list[int]]]:
    """Return grandalf's layers as rows of numbers, and to what each cell is joined below it."""
    cells = [cell for layer in layout.layers for cell in layer]
    number = {cell: n for n, cell in enumerate(cells)}
    down: list[list[int]] = [[] for _ in cells]
    for edge in layout.g.sE:
        upper, lower = edge.v
        if layout.grx[upper].rank > layout.grx[lower].rank:
            upper, lower = lower, upper
        way = [upper, lower]
        if edge in layout.ctrls:
            ranks = range(layout.grx[upper].rank + 1, layout.grx[lower].rank)
            way[1:1] = [layout.ctrls[edge][rank] for rank in ranks]
        for a, b in itertools.pairwise(way):
            down[number[a]].append(number[b])
    return [[number[cell] for cell in layer] for layer in layout.layers], down


# -------------------------------------------------------------------------------------------- all


def cases(sizes: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield what is measured, in order, ours and the peer's next to each other."""
    for size in sizes:
        yield "canvas", size
        if size <= PEER_MOST:
            yield "NodeGraphQt", size
    yield from (("layout", 1000), ("grandalf", 1000))


def main() -> None:
    """Measure each case in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--repeat", type=int, default=100)
    parser.add_argument("--case", nargs=2, metavar=("WHAT", "NODES"), help="only this, here")
    parser.add_argument("--cpu", action="store_true", help="processor time: for a busy machine")
    options = parser.parse_args()
    if not options.case:
        for what, count in cases(options.nodes):
            words = ["--repeat", str(options.repeat), "--case", what, str(count)]
            words += ["--cpu"] * options.cpu
            subprocess.run([sys.executable, "-m", "benchmarks.canvas", *words], check=True)
        return
    what, count = options.case[0], int(options.case[1])
    app = QApplication([])
    try:
        match what:
            case "canvas":
                result = measure(count, options.repeat, Theme(ASSETS))
            case "NodeGraphQt":
                result = measure_peer(count, options.repeat)
            case "layout":
                result = measure_layout(count, options.repeat)
            case _:
                result = measure_grandalf(count, options.repeat)
    except ImportError as error:
        result = {"what": what, "skipped": str(error)}
    print(json.dumps(result), flush=True)
    app.quit()


if __name__ == "__main__":
    main()
