"""What the canvas says about nodes and wires: tooltips, and names for those who cannot see it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from studio.graph.graph import Link
from studio.graph.kinds import spec_of
from studio.ui.canvas.faces import Face
from studio.ui.canvas.lines import formula_lines
from studio.ui.canvas.node_item import NodeItem
from studio.ui.canvas.scene import SheetScene
from studio.ui.theme import Theme


def node_words(item: NodeItem, scene: SheetScene) -> str:
    """Return a node's tooltip: what it is, what it computes, what is wrong."""
    node, face = item.node, item.face
    spec = spec_of(node, scene.told.specs)
    lines = [f"{_title(item, scene)} · {node.name}"]
    facts = scene.told.facts.get(node.id)
    shapes = ", ".join(tensor.text for tensor in facts.outputs.values()) if facts else ""
    if shapes:
        lines.append(f"gives {shapes}")
    if facts and facts.parameters:
        lines.append(f"{Theme.number(facts.parameters)} parameters")
    lines += formula_lines(node, scene.told.names)
    if face.missing:
        lines.append(f"{node.kind} is not installed. Its settings and wires are kept.")
    if spec and spec.formula:
        lines.append(spec.formula)
    if spec and spec.doc:
        lines.append(spec.doc)
    lines += [problem.message for problem in scene.told.problems.get(node.id, ())]
    lines += [f"{words[0].upper()}{words[1:]}." for words in _marks(face)]
    if face.note.endswith("dead"):
        lines.append(f"{face.note}: units that gave 0 for every probe sample.")
    return "\n".join(lines)


def _title(item: NodeItem, scene: SheetScene) -> str:
    """Return what a node is; a dot does not say it by itself."""
    spec = spec_of(item.node, scene.told.specs)
    return item.face.title or (spec.title if spec else "Point")


def _marks(face: Face) -> list[str]:
    """Return in words what a node shows by marks."""
    said = []
    if face.repeat != 1:
        same = " with the same weights" if face.again else ""
        said.append(f"repeated {face.repeat} times in series{same}")
    if face.loop:
        said.append("runs over time, step by step")
    if face.owner:
        said.append(f"uses the weights of {face.owner}")
    if face.sharers:
        others = "another node uses" if face.sharers == 1 else f"{face.sharers} other nodes use"
        said.append(f"{others} its weights")
    if face.stale and face.has_previews:
        said.append("its previews were measured before the graph was edited")
    return said


def wire_words(link: Link, scene: SheetScene) -> str:
    """Return a wire's tooltip: both ends and the shape."""
    nodes = scene.sheet.graph.nodes
    source, target = nodes[link.source.node], nodes[link.target.node]
    facts = scene.told.facts.get(link.source.node)
    tensor = facts.outputs.get(link.source.port) if facts else None
    ends = f"{source.name}.{link.source.port} → {target.name}.{link.target.port}"
    carried = f"{tensor.text} {tensor.dtype}" if tensor else "shape not known"
    flow = scene.wires.flow(link)
    strong = f"\nroot mean square {flow:.3g}" if scene.told.strength and flow is not None else ""
    return f"{ends}\n{carried}{strong}"


def passing_words(ids: Iterable[str], scene: SheetScene) -> str:
    """Return what bypassing nodes changes for those behind them, "" where it changes nothing.

    Told at once, before the shapes are asked for again.
    """
    graph = scene.sheet.graph
    for key in ids:
        facts, behind = scene.told.facts.get(key), graph.outgoing.get(key)
        if facts is None or not behind or not facts.inputs:
            continue
        before, after = next(iter(facts.inputs.values())), facts.outputs.get(behind[0].source.port)
        if after is None or (before.shape, before.dtype) == (after.shape, after.dtype):
            continue
        taker = graph.nodes[behind[0].target.node]
        spec = spec_of(taker, scene.told.specs)
        port = spec.input(behind[0].target.port) if spec else None
        bad = port is not None and port.ranks and len(before.shape) not in port.ranks
        end = f", which {taker.name} does not take. Press B again to end it." if bad else "."
        name = graph.nodes[key].name
        return f"Without {name}, {taker.name} gets {before.text} instead of {after.text}{end}"
    return ""


def spoken(item: NodeItem, scene: SheetScene, prefix: str) -> str:
    """Return a node's accessible name:
    `Conv2d res1.conv1, 32 · 3×3, output N×32×13×13, no problems`."""
    face = item.face
    name = prefix.replace("/", ".") + item.node.name
    parts = [f"{_title(item, scene)} {name}"]
    if face.line or face.note:
        parts.append((face.line or face.note).replace(" · ", ", "))
    facts = scene.told.facts.get(item.node.id)
    if facts and facts.outputs:
        parts.append("output " + ", ".join(tensor.text for tensor in facts.outputs.values()))
    if face.bypassed:
        parts.append("bypassed")
    if face.frozen:
        parts.append("frozen")
    parts += _marks(face)
    problems = scene.told.problems.get(item.node.id, ())
    parts.append(problems[0].message if problems else "no problems")
    return ", ".join(parts)


def frame_spoken(node: str, scene: SheetScene) -> str:
    """Return `, in the frame Stem` for a node that is in one, else ""."""
    titles = [frame.title for frame in scene.sheet.frames.values() if node in frame.nodes]
    return f", in the frame {titles[-1]}" if titles else ""


def wire_spoken(links: Sequence[Link], scene: SheetScene) -> str:
    """Return what a reader says of selected wires."""
    if len(links) > 1:
        return f"{len(links)} wires selected"
    return "Wire " + wire_words(links[0], scene).replace(" → ", " to ").replace("\n", ", ")
