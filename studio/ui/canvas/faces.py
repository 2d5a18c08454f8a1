"""What a node shows, as one comparable value: painting needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QFontMetricsF

from studio.engine.protocol import LayerStat
from studio.graph.facts import DataFacts, NodeFacts
from studio.graph.geometry import (
    CARD,
    DATA,
    PILL,
    Size,
    input_spots,
    is_pill,
    node_size,
    output_spots,
)
from studio.graph.graph import BLOCK, INPUT, OUTPUT, Graph, Node
from studio.graph.params import Value, with_defaults
from studio.graph.problems import Problem
from studio.graph.project import Place, Sheet
from studio.graph.spec import LayerSpec, Port, PortType
from studio.ui.theme import MINUS, Theme

BODY_WIDTH = 168.0
BODY_LINE = 16.0
BODY_LINES = 7
REPAIR_HEIGHT = 24.0
REPAIRS_SHOWN = 3
#: While a run is watched, cards are narrower, and higher where they show maps.
LIVE_WIDTH = 184.0
LIVE_CARD = 84.0
MAP_SIDE = 22.0
#: The shares of units silent for every probe sample that are told in words, and that ask for a look.
TOLD_DEAD, MANY_DEAD = 0.05, 0.5


#: Operations whose operands may change places.
_SYMMETRIC = ("core.add", "core.mul", "core.maximum", "core.minimum")


@dataclass(frozen=True, eq=False)
class Live:
    """What a running job last said about a node. Compared by identity: each one is painted once."""

    maps: npt.NDArray[np.uint8] | None = None
    stat: LayerStat | None = None


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One sample as grey or RGB bytes, `[h, w]` or `[h, w, 3]`."""

    pixels: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Spot:
    """A port on a node: where it is, relative to the node, and what passes through it."""

    port: str
    type: PortType
    x: float
    y: float
    many: bool = False
    #: 1 at the right side, −1 at the left one, 0 above or below.
    side: int = 0


@dataclass(frozen=True)
class Face:
    """All that one node shows. Equal faces share one picture."""

    title: str
    size: Size
    category: str = "tensor"
    glyph: str = "tensor"
    name: str = ""
    line: str = ""
    badge: str = ""
    pill: bool = False
    missing: bool = False
    bypassed: bool = False
    frozen: bool = False
    warning: str = ""
    note: str = ""
    error: tuple[str, ...] = ()
    error_port: str = ""
    repairs: tuple[tuple[str, str], ...] = ()
    header: float = 0.0
    live: Live | None = None
    thumbnail: Thumbnail | None = None
    inputs: tuple[Spot, ...] = ()
    outputs: tuple[Spot, ...] = ()

    def __hash__(self) -> int:
        # Asked for at every paint of every node; these tell most faces apart.
        return hash((self.title, self.name, self.line, self.badge))


@dataclass
class Told:
    """What is known beyond the graph, for the nodes of one sheet, by node id."""

    specs: dict[str, LayerSpec] = field(default_factory=dict)
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    live: dict[str, Live] = field(default_factory=dict)
    data: DataFacts | None = None
    thumbnail: Thumbnail | None = None
    layers: dict[str, int] = field(default_factory=dict)
    training: bool = False
    parameters: bool = True
    top: bool = True


@dataclass(frozen=True)
class Turn:
    """How a node turns its inputs towards what feeds them.

    `first` is the input that stands above it, "" for the usual one; `left` are those that, beside it,
    are at its left.
    """

    first: str = ""
    left: frozenset[str] = frozenset()


def turn_of(
    node: Node, sheet: Sheet, depths: Mapping[str, int], places: Mapping[str, Place]
) -> Turn:
    """Return where inputs belong: the operand with more layers before it above, others on their side.

    Only operands that may change places do. What comes into a frame comes from above, so it stays right.
    """
    graph = sheet.graph
    links = graph.incoming.get(node.id, ())
    if len(links) < 2:
        return _USUAL
    here = places[node.id].x
    frames = [frame.nodes for frame in sheet.frames.values() if node.id in frame.nodes]
    left = frozenset(
        link.target.port
        for link in links
        if places[link.source.node].x + CARD[0] <= here
        and all(link.source.node in nodes for nodes in frames)
    )
    if node.kind not in _SYMMETRIC:
        return Turn(left=left)
    deepest = max(links, key=lambda link: depths.get(link.source.node, 0))
    return Turn(deepest.target.port, left)


_USUAL = Turn()


def make_face(node: Node, graph: Graph, told: Told, theme: Theme, turn: Turn = _USUAL) -> Face:
    """Return what `node` shows."""
    spec = told.specs.get(node.kind)
    facts = told.facts.get(node.id)
    is_data = node.kind == INPUT and told.top
    plain = node.kind in (INPUT, OUTPUT)
    live = told.live.get(node.id) if told.training and not plain else None
    pill = is_pill(node, spec, not told.top)
    errors = [one for one in told.problems.get(node.id, ()) if one.severity == "error"]
    warnings = [one for one in told.problems.get(node.id, ()) if one.severity == "warning"]
    header = DATA[1] if is_data else PILL[1] if pill else CARD[1]
    if live and live.maps is not None and not pill and not is_data:
        header = LIVE_CARD
    sentence, repairs = _trouble(errors, theme)
    width = LIVE_WIDTH if told.training else CARD[0]
    size = (width, header + _body_height(sentence, repairs))
    inputs, outputs = _ports(node, graph, spec)
    title, line = _words(node, spec, facts, told)
    dead = _dead(live)
    return Face(
        title=title,
        size=size,
        category=_category(node, spec),
        glyph=_glyph(node, spec),
        name=node.name,
        line=line if not pill else "",
        badge=_badge(node, facts, told, bool(errors)),
        pill=pill,
        missing=spec is None and node.kind not in (INPUT, OUTPUT),
        bypassed="bypassed" in node.flags,
        frozen="frozen" in node.flags,
        warning=warnings[0].message if warnings else dead if _glows(live) else "",
        note=dead or (line if pill else ""),
        error=sentence,
        error_port=errors[0].port if errors else "",
        repairs=repairs,
        header=header,
        live=live,
        thumbnail=told.thumbnail if is_data else None,
        inputs=_spots(
            inputs, input_spots(inputs, (size[0], header), turn.first), size[0], turn.left
        ),
        outputs=_spots(outputs, output_spots(outputs, size), size[0]),
    )


def base_size(node: Node, told: Told) -> Size:
    """Return the size that the node's place was made for: the one without errors and live views."""
    return node_size(node, told.specs.get(node.kind), not told.top)


def _spots(
    ports: Sequence[Port],
    at: Mapping[str, tuple[float, float]],
    width: float,
    left: frozenset[str] = frozenset(),
) -> tuple[Spot, ...]:
    spots = []
    for port in ports:
        x, y = at[port.name]
        side = 0 if x < width else -1 if port.name in left else 1
        spots.append(Spot(port.name, port.type, 0.0 if side < 0 else x, y, port.many, side))
    return tuple(spots)


def _ports(
    node: Node, graph: Graph, spec: LayerSpec | None
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Return the ports, and for a missing plugin those that its wires still tell of."""
    if spec is not None:
        inputs, outputs = spec.inputs, spec.outputs
    else:
        inputs = () if node.kind == INPUT else (Port("x", "any"),)
        outputs = () if node.kind == OUTPUT else (Port("out", "any"),)
        if node.kind not in (INPUT, OUTPUT):
            inputs = outputs = ()
    known = {port.name for port in inputs}
    wired = dict.fromkeys(link.target.port for link in graph.incoming.get(node.id, ()))
    inputs += tuple(Port(name, "any") for name in wired if name not in known)
    known = {port.name for port in outputs}
    wired = dict.fromkeys(link.source.port for link in graph.outgoing.get(node.id, ()))
    outputs += tuple(Port(name, "any") for name in wired if name not in known)
    return inputs, outputs


def _category(node: Node, spec: LayerSpec | None) -> str:
    if node.kind in (INPUT, OUTPUT):
        return "io"
    return spec.category if spec else "io"


def _glyph(node: Node, spec: LayerSpec | None) -> str:
    if node.kind == INPUT:
        return "io"
    if node.kind == OUTPUT:
        return "target"
    if node.kind.startswith(BLOCK):
        return "block"
    if spec is None:
        return "plug"
    special = {"core.add": "plus", "core.mul": "close"}
    if "dropout" in node.kind.lower():
        return "dropout"
    return special.get(node.kind, spec.category)


def _words(
    node: Node, spec: LayerSpec | None, facts: NodeFacts | None, told: Told
) -> tuple[str, str]:
    if node.kind == INPUT:
        if told.top and told.data:
            return _data_title(told.data), _data_line(told.data)
        return ("Data" if told.top else "Input", node.name)
    if node.kind == OUTPUT:
        return "Output", node.name if not told.top else ""
    if spec is None:
        return node.kind.rsplit(".", 1)[-1], f"pack missing: {node.kind}"
    if node.kind.startswith(BLOCK):
        layers = told.layers.get(node.kind, 0)
        return spec.title, f"{node.name} · {layers} layer{'' if layers == 1 else 's'}"
    return spec.title, summary(node, spec, facts)


def _data_title(data: DataFacts) -> str:
    """Return the name of the data; of pictures also their size, as they come after all transforms."""
    shape = data.sample.shape
    if data.form != "image" or len(shape) < 2:
        return data.title
    return f"{data.title} {shape[-2]}×{shape[-1]}"


def _data_line(data: DataFacts) -> str:
    shape = data.sample.shape
    if data.form == "image":
        first = {1: "grey", 3: "colour"}.get(shape[0] if len(shape) == 3 else 1, "image")  # type: ignore[arg-type]
    elif data.form == "sequence":
        first = f"{shape[0]} steps" if shape else "sequence"
    else:
        count = len(data.features) or (shape[-1] if shape else 0)
        first = f"{count} features"
    what = f"{len(data.classes)} classes" if data.classes else data.task
    return f"{first} · {what}"


#: Parameters that need no name, and what stands before or after others.
_BARE = ("out_channels", "kernel_size", "output_size", "size")
_AFTER = {
    "out_features": "outputs",
    "hidden_size": "hidden",
    "num_layers": "layers",
    "num_heads": "heads",
    "nhead": "heads",
    "embed_dim": "wide",
    "d_model": "wide",
}
_BEFORE = {"padding": "pad", "negative_slope": "slope", "normalized_shape": "over"}


def summary(node: Node, spec: LayerSpec, facts: NodeFacts | None) -> str:
    """Return the parameters worth a line: `32 · 3×3 · stride 1 · pad 0`."""
    values = with_defaults(spec.params, node.params)
    if facts:
        values |= {key: value for key, value in facts.inferred.items() if values.get(key) is None}
    parts = []
    for name in spec.summary:
        param = spec.param(name)
        value = values.get(name)
        if param is None or value is False or (value is None and not param.required):
            continue
        if value is True:
            parts.append(name.replace("_", " "))
            continue
        text = "?" if value is None else _value(name, value, spec.kind)
        if name in _AFTER:
            noun = _AFTER[name]
            text = f"{text} {noun.removesuffix('s') if value == 1 else noun}"
        elif name not in _BARE:
            text = f"{_BEFORE.get(name, name.replace('_', ' '))} {text}"
        parts.append(text)
    return " · ".join(parts)


def _value(name: str, value: Value, kind: str) -> str:
    if isinstance(value, tuple):
        return "×".join(str(part) for part in value)
    if name in ("kernel_size", "output_size") and kind[-2:] in ("2d", "3d"):
        return "×".join([str(value)] * int(kind[-2]))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace("-", MINUS) if isinstance(value, (int, float)) else text


def _badge(node: Node, facts: NodeFacts | None, told: Told, broken: bool) -> str:
    if not told.parameters or node.kind in (INPUT, OUTPUT):
        return ""
    if broken and (facts is None or not facts.outputs):
        return "?"
    return Theme.number(facts.parameters) if facts and facts.parameters else ""


def _dead(live: Live | None) -> str:
    stat = live.stat if live else None
    if stat is None or stat.dead < TOLD_DEAD or not stat.units:
        return ""
    return f"{round(stat.dead * stat.units)} dead"


def _glows(live: Live | None) -> bool:
    return live is not None and live.stat is not None and live.stat.dead >= MANY_DEAD


def _trouble(
    errors: list[Problem], theme: Theme
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    if not errors:
        return (), ()
    text = errors[0].message
    if len(errors) > 1:
        text += f" And {len(errors) - 1} more."
    lines = wrap(text, theme)
    shown = errors[0].repairs[:REPAIRS_SHOWN]
    return lines, tuple((repair.title, repair.result) for repair in shown)


def _body_height(lines: tuple[str, ...], repairs: tuple[tuple[str, str], ...]) -> float:
    if not lines:
        return 0.0
    height = 8 + BODY_LINE * len(lines) + 8 + REPAIR_HEIGHT * len(repairs)
    return float(-(-(height + (4 if repairs else 0)) // 4) * 4)


def repair_top(face: Face, index: int) -> float:
    """Return where on the node the button of a repair begins."""
    return face.header + 8 + BODY_LINE * len(face.error) + 6 + REPAIR_HEIGHT * index


def wrap(text: str, theme: Theme) -> tuple[str, ...]:
    """Break a sentence into lines for the body of a card; the first one is set in bold."""
    bold = QFontMetricsF(theme.font("body", 600))
    plain = QFontMetricsF(theme.font("body"))
    lines: list[str] = []
    line = ""
    for word in text.split():
        metrics = plain if lines else bold
        longer = f"{line} {word}".strip()
        if line and metrics.horizontalAdvance(longer) > BODY_WIDTH:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    if len(lines) > BODY_LINES:
        lines = [*lines[: BODY_LINES - 1], lines[BODY_LINES - 1] + "…"]
    return tuple(lines)
