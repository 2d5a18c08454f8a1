"""What a node shows, as one comparable value: painting needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QFontMetricsF

from studio.engine.protocol import LayerStat
from studio.graph.facts import DataFacts, NodeFacts
from studio.graph.formulas import FormulaError
from studio.graph.geometry import (
    CARD,
    DATA,
    DOT,
    PILL,
    Size,
    input_spots,
    is_pill,
    node_size,
    output_spots,
)
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, REROUTE, STATE, Graph, Node
from studio.graph.kinds import spec_of
from studio.graph.problems import Problem
from studio.graph.spec import LayerSpec
from studio.graph.unfold import Names, is_shared, repeats, resolved
from studio.ui.canvas.lines import title_and_line, worked_out
from studio.ui.canvas.previews import EVERYTHING, GRADIENT, HISTOGRAM, MAPS
from studio.ui.canvas.spots import USUAL, Spot, Turn, ports_of, spots_at
from studio.ui.theme import Theme

BODY_WIDTH = 168.0
BODY_LINE = 16.0
BODY_LINES = 7
REPAIR_HEIGHT = 24.0
REPAIRS_SHOWN = 3
#: While a run is watched, cards are narrower, and higher where they show maps.
LIVE_WIDTH = 184.0
LIVE_CARD = 84.0
MAP_SIDE = 22.0
#: While building, previews stand below the settings: maps, then histogram and gradient.
MAPS_ROW, FIGURES_ROW = 28.0, 24.0
#: The shares of units silent for every probe sample that are told in words, and that ask for a look.
TOLD_DEAD, MANY_DEAD = 0.05, 0.5


@dataclass(frozen=True, eq=False)
class Live:
    """What a running job last said about a node. Compared by identity: each one is painted once."""

    maps: npt.NDArray[np.uint8] | None = None
    stat: LayerStat | None = None


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """One sample as grey or RGB bytes, `[h, w]` or `[h, w, 3]`."""

    pixels: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
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
    #: What of `live` is shown, below which line, and whether the graph has been edited since.
    previews: frozenset[str] = EVERYTHING
    below: float = 28.0
    stale: bool = False
    typical: float | None = None
    #: How often a block's instance is run in series (with the same weights, or its own), and whether
    #: it runs over time.
    repeat: int = 1
    again: bool = False
    loop: bool = False
    #: Whose weights it uses, and how many others use its own.
    owner: str = ""
    #: Optimiser settings that it has of its own.
    own: str = ""
    sharers: int = 0
    dot: bool = False
    thumbnail: Thumbnail | None = None
    inputs: tuple[Spot, ...] = ()
    outputs: tuple[Spot, ...] = ()

    @property
    def maps(self) -> npt.NDArray[np.uint8] | None:
        """The feature maps to show."""
        shown = self.live and MAPS in self.previews and not self.pill
        return self.live.maps if self.live and shown else None

    @property
    def histogram(self) -> tuple[int, ...]:
        """The counts to show."""
        stat = self.live.stat if self.live and HISTOGRAM in self.previews else None
        return stat.histogram if stat else ()

    @property
    def gradient(self) -> LayerStat | None:
        """The statistics whose gradient is to be shown."""
        stat = self.live.stat if self.live and GRADIENT in self.previews else None
        return stat if stat and stat.grad is not None and not self.pill else None

    @property
    def tight(self) -> bool:
        """Whether previews take the line of the settings, as on the small cards of a watched run."""
        return self.below < CARD[1] / 2 + 1 and self.has_previews

    @property
    def has_previews(self) -> bool:
        """Whether anything of a run is shown."""
        return self.maps is not None or bool(self.histogram) or self.gradient is not None

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
    #: How strong tensors are, by `node:port`.
    flows: dict[str, float] = field(default_factory=dict)
    #: The middle one of all layers' gradients, relative to their weights.
    typical: float | None = None
    data: DataFacts | None = None
    thumbnail: Thumbnail | None = None
    layers: dict[str, int] = field(default_factory=dict)
    #: What formulas on the sheet read.
    names: Names = field(default_factory=dict)
    training: bool = False
    #: What of a run nodes show, whether wires show their strength, and whether the graph is another now.
    previews: frozenset[str] = frozenset()
    strength: bool = False
    stale: bool = False
    #: What is written on nodes that learn with settings of their own.
    own: dict[str, str] = field(default_factory=dict)
    parameters: bool = True
    top: bool = True


def make_face(node: Node, graph: Graph, told: Told, theme: Theme, turn: Turn = USUAL) -> Face:
    """Return what `node` shows."""
    spec = spec_of(node, told.specs)
    facts = told.facts.get(node.id)
    if node.kind == REROUTE:
        return _dot(node, graph, spec)
    is_data = node.kind == INPUT and told.top
    plain = node.kind in (INPUT, OUTPUT)
    pill = is_pill(node, spec, not told.top)
    errors = [one for one in told.problems.get(node.id, ()) if one.severity == "error"]
    warnings = [one for one in told.problems.get(node.id, ()) if one.severity == "warning"]
    watched = told.previews and not plain and not errors
    live = told.live.get(node.id) if watched else None
    header, below = _header(is_data, pill, live, told)
    sentence, repairs = _trouble(errors, theme)
    width = LIVE_WIDTH if told.training else CARD[0]
    size = (width, header + _body_height(sentence, repairs))
    inputs, outputs = ports_of(node, graph, spec)
    layers = told.layers.get(node.kind, 0)
    shown = worked_out(node, told.names)
    title, line = title_and_line(shown, spec, facts, told.data, told.top, layers)
    dead = _dead(live)
    repeat, again = _repeats(node, told.names)
    owner = graph.nodes.get(node.shares) if node.shares else None
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
        previews=told.previews if live else EVERYTHING,
        below=below,
        stale=told.stale and live is not None,
        typical=told.typical if live else None,
        repeat=repeat,
        again=again,
        loop=spec is not None
        and any(port.type == "state" for port in spec.outputs)
        and node.kind.startswith(BLOCK),
        owner=owner.name if owner else "",
        own=told.own.get(node.id, ""),
        sharers=len(graph.sharers.get(node.id, ())),
        thumbnail=told.thumbnail if is_data else None,
        inputs=spots_at(
            inputs, input_spots(inputs, (size[0], header), turn.first), size[0], turn.left
        ),
        outputs=spots_at(
            outputs,
            output_spots(outputs, size),
            size[0],
            spare=frozenset(
                p.name for p in outputs if p.optional and not graph.out_of(node.id, p.name)
            ),
        ),
    )


def _dot(node: Node, graph: Graph, spec: LayerSpec | None) -> Face:
    """Return the point that a wire is led through: no words, both ports in its middle."""
    inputs, outputs = ports_of(node, graph, spec)
    return Face(
        title="",
        size=DOT,
        name=node.name,
        header=DOT[1],
        dot=True,
        inputs=tuple(Spot(port.name, port.type, DOT[0] / 2, DOT[1] / 2) for port in inputs),
        outputs=tuple(Spot(port.name, port.type, DOT[0] / 2, DOT[1] / 2) for port in outputs),
    )


def _header(is_data: bool, pill: bool, live: Live | None, told: Told) -> Size:
    """Return how high a node is without what is wrong with it, and where its previews begin."""
    usual = DATA[1] if is_data else PILL[1] if pill else CARD[1]
    if live is None or pill or is_data:
        return usual, 28.0
    maps = live.maps is not None and MAPS in told.previews
    if told.training:
        return (LIVE_CARD if maps else usual), 28.0
    stat = live.stat
    figures = stat is not None and (
        (bool(stat.histogram) and HISTOGRAM in told.previews)
        or (stat.grad is not None and GRADIENT in told.previews)
    )
    return usual + (MAPS_ROW if maps else 0.0) + (FIGURES_ROW if figures else 0.0), usual - 4.0


def _repeats(node: Node, names: Names) -> tuple[int, bool]:
    """Return how often a block's instance is run, and whether always with the same weights."""
    if not node.kind.startswith(BLOCK):
        return 1, False
    try:
        params = resolved(node, names).params
    except FormulaError:  # a problem of the node's own tells of it
        return 1, False
    return repeats(params), is_shared(params)


def base_size(node: Node, told: Told) -> Size:
    """Return the size that the node's place was made for: the one without errors and live views."""
    return node_size(node, spec_of(node, told.specs), not told.top)


def _category(node: Node, spec: LayerSpec | None) -> str:
    if node.kind in (INPUT, OUTPUT):
        return "io"
    return spec.category if spec else "io"


def _glyph(node: Node, spec: LayerSpec | None) -> str:
    if node.kind == INPUT:
        return "io"
    if node.kind == OUTPUT:
        return "target"
    if node.kind in (STATE, NEXT):
        return "loop"
    if node.kind.startswith(BLOCK):
        return "block"
    if spec is None:
        return "plug"
    special = {"core.add": "plus", "core.mul": "close"}
    if "dropout" in node.kind.lower():
        return "dropout"
    return special.get(node.kind, spec.category)


def glyph_token(face: Face) -> str:
    """Return the colour of a node's glyph: its category's, where that is one to tell from text."""
    plain = face.category == "tensor" or face.glyph == "block"
    return "text.2" if plain else f"cat.{face.category}"


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
