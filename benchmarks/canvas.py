"""The canvas with many nodes, off screen: one JSON line a size, times in ms.

`build`: a sheet from nothing to its first paint at 100 %. `fit`: a full repaint with everything in sight.
`zoom`: a repaint after each 3 % of zoom around that. `pan`: a full repaint at 100 % after each step.
`drag`: one move of a node at 100 % with its wires, and the repaint. Medians; `_p99` beside pan and zoom.
The graph has two inputs and one output a node, 1.5 wires a node, one in twenty a skip. NodeGraphQt is
measured beside it where it is installed, on the same graph.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from studio.graph.facts import NodeFacts, TensorType
from studio.graph.graph import Graph, Link, Node, link
from studio.graph.project import Place, Sheet
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
    summary=("a", "b"),
)


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


def timed(repeat: int, act: Callable[[int], None], paint: Callable[[], None]) -> list[float]:
    """Return how many ms each act and the painting after it took."""
    spent = []
    for n in range(repeat):
        start = time.perf_counter()
        act(n)
        paint()
        spent.append(1000 * (time.perf_counter() - start))
    return sorted(spent)


def summary(name: str, spent: list[float], tail: bool = False) -> dict[str, float]:
    """Return the median, and the 99th percentile where it is asked for."""
    told = {name: round(statistics.median(spent), 2)}
    if tail:
        told[f"{name}_p99"] = round(spent[min(len(spent) - 1, round(0.99 * len(spent)))], 2)
    return told


def measure(count: int, repeat: int) -> dict[str, Any]:
    """Measure the canvas with `count` nodes."""
    sheet = sheet_of(count)
    tensor = TensorType(("N", 32, 13, 13))
    facts = {
        key: NodeFacts({"a": tensor}, {"out": tensor}, parameters=9216) for key in sheet.graph.nodes
    }
    told = Told(specs={SPEC.kind: SPEC}, facts=facts)
    theme = Theme(ASSETS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scene = SheetScene(theme)
    view = CanvasView(scene, theme)
    view.resize(*SIZE)
    view.show()
    QApplication.processEvents()
    paint = view.viewport().repaint
    result: dict[str, Any] = {"what": "canvas", "nodes": count, "wires": len(sheet.graph.links)}
    result |= summary("build", timed(1, lambda n: scene.show_sheet(sheet, told), paint))
    result["rss_mb"] = round(
        (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1
    )
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

    def drag(n: int) -> None:
        scene.preview({moving: QPointF(4 * (n % 30), 4 * (n % 20))})

    result |= summary("drag", timed(repeat, drag, QApplication.processEvents))
    view.close()
    return result


def measure_peer(count: int, repeat: int) -> dict[str, Any] | None:
    """Measure NodeGraphQt on the same graph, with its check for cycles off; None without it."""
    try:
        from NodeGraphQt import BaseNode, NodeGraph
    except ImportError:
        return None

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
            source.connect_to(
                made[wire.target.node].input(int(wire.target.port == "b")), push_undo=False
            )

    result: dict[str, Any] = {"what": "NodeGraphQt", "nodes": count}
    result |= summary("build", timed(1, build, paint))
    viewer.fitInView(viewer.scene().itemsBoundingRect())
    result |= summary("fit", timed(min(repeat, 20), lambda n: None, paint))
    viewer.close()
    return result


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[200, 1000, 5000])
    parser.add_argument("--repeat", type=int, default=60)
    options = parser.parse_args()
    app = QApplication([])
    for count in options.nodes:
        print(json.dumps(measure(count, options.repeat)), flush=True)
        peer = measure_peer(count, options.repeat)
        if peer is not None:
            print(json.dumps(peer), flush=True)
    app.quit()


if __name__ == "__main__":
    main()
