"""A scene that follows edits shows what one drawn from nothing shows."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from studio.graph.facts import NodeFacts, TensorType
from studio.graph.graph import Graph, Node, link
from studio.graph.problems import Problem
from studio.graph.project import Frame, Place, Sheet
from studio.graph.spec import LayerSpec, Port
from studio.ui.canvas.faces import Told
from studio.ui.canvas.scene import SheetScene
from studio.ui.theme import Theme

PORTS = {"inputs": (Port("a"), Port("b")), "outputs": (Port("out"),)}
ADD = LayerSpec(kind="core.add", title="Add", category="conv", summary=("a",), **PORTS)
PAIR = LayerSpec(kind="core.pair", title="Pair", category="conv", **PORTS)
SPECS = {spec.kind: spec for spec in (ADD, PAIR)}


def _edited(sheet: Sheet, rng: random.Random, circles: bool) -> Sheet:
    """Return the sheet after one edit of any kind; without `circles`, wires lead to later nodes."""
    graph, keys = sheet.graph, list(sheet.graph.nodes)
    number = {key: int(key[1:]) for key in keys}
    places, frames = dict(sheet.places), dict(sheet.frames)
    one = rng.choice(keys)
    match rng.randrange(7):
        case 0:
            key = f"n{max(number.values()) + 1}"
            node = Node(key, rng.choice(sorted(SPECS)), key, shares=rng.choice(["", one]))
            graph = graph.with_node(node)
            if rng.random() < 0.8:
                places[key] = Place(rng.randrange(5) * 240.0, rng.randrange(9) * 90.0)
        case 1 if len(keys) > 3:
            graph = graph.without([one])
            places.pop(one, None)
            frames = {
                key: replace(frame, nodes=tuple(n for n in frame.nodes if n != one))
                for key, frame in frames.items()
            }
        case 2 | 3:
            other = rng.choice(keys)
            low, high = sorted((one, other), key=lambda key: number[key])
            if low != high:
                source, target = (high, low) if circles and rng.random() < 0.3 else (low, high)
                wire = link(source, "out", target, rng.choice("ab"))
                kept = tuple(w for w in graph.links if w.target != wire.target)
                graph = replace(graph, links=(*kept, wire))
        case 4 if graph.links:
            gone = rng.choice(graph.links)
            graph = replace(graph, links=tuple(w for w in graph.links if w != gone))
        case 5:
            places[one] = Place(rng.randrange(5) * 240.0, rng.randrange(9) * 90.0)
        case 6:
            kind = rng.choice(sorted(SPECS))
            graph = graph.with_node(replace(graph.nodes[one], kind=kind, name=f"x{rng.random()}"))
            inside = tuple(sorted(rng.sample(sorted(graph.nodes), 2)))
            frames = {} if rng.random() < 0.5 else {"f": Frame("Stage", inside)}
    return Sheet(graph, places, frames)


def _shown(scene: SheetScene) -> dict[str, object]:
    """Return all that a scene shows, but for the ways of its wires: these depend on who came first."""
    found: dict[str, object] = {}
    for key, item in scene.nodes.items():
        found[key] = (item.face, item.pos().toTuple(), item.bare, item.node)
    for wire, line in scene.links.items():
        assert line.route is not None
        found[str(wire)] = (line.route.points[-1], line.docked, line.tone)
    for key in scene.frames:
        found[f"frame {key}"] = True
    return found


@pytest.mark.parametrize("seed", range(6))
def test_a_scene_that_follows_edits_shows_the_sheet(qtbot: QtBot, theme: Theme, seed: int) -> None:
    rng = random.Random(seed)
    told = Told(specs=SPECS)
    nodes = {f"n{n}": Node(f"n{n}", "core.add", f"n{n}") for n in range(6)}
    sheet = Sheet(Graph(nodes), {key: Place(0.0, 100.0 * n) for n, key in enumerate(nodes)})
    scene = SheetScene(theme)
    scene.show_sheet(sheet, told)
    for step in range(60):
        sheet = _edited(sheet, rng, circles=seed % 3 == 2)
        if step % 9 == 4:  # a problem makes its node higher, and what is below it give way
            wrong = rng.choice(sorted(sheet.graph.nodes))
            problem = Problem("It is too small. Make it larger.", node=wrong)
            facts = {wrong: NodeFacts(outputs={"out": TensorType(("N", 3))})}
            told = Told(SPECS, facts, {wrong: (problem,)} if rng.random() < 0.6 else {})
            scene.tell(told)
        if rng.random() < 0.2:
            scene.preview({rng.choice(sorted(scene.nodes)): scene.sceneRect().center()})
        scene.sync(sheet)
        fresh = SheetScene(theme)
        fresh.show_sheet(sheet, told)
        assert _shown(scene) == _shown(fresh), f"after step {step}"
