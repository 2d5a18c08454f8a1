"""What an engine answers, and how it refuses."""

from __future__ import annotations

import numpy as np
from msgspec import Struct, field

from studio.engine.protocol.message import Message
from studio.engine.protocol.requests import Spot
from studio.graph.catalog import Catalog
from studio.graph.edits import Batch
from studio.graph.facts import DataFacts, ProjectFacts
from studio.graph.offers import Offer
from studio.graph.params import Value
from studio.graph.problems import Fault, Problem
from studio.graph.project import Project
from studio.graph.report import ReportLine
from studio.graph.survey import Survey
from studio.graph.weight_match import Weight


class Done(Message, frozen=True, tag=True):
    """It was taken."""


class Hello(Message, frozen=True, tag=True):
    """Who answers. `devices` maps a device's name (`cpu`, `cuda:0`, `mps`) to what it is."""

    protocol: int
    versions: dict[str, str]
    devices: dict[str, str]
    pid: int
    cores: int


class CatalogueAnswer(Message, frozen=True, tag=True):
    """Everything that can be used, and the faults of packs that cannot."""

    catalog: Catalog


class FactsAnswer(Message, frozen=True, tag=True):
    """Shapes, cost and problems of the project that was asked about; they carry its revision."""

    facts: ProjectFacts


class Offers(Message, frozen=True, tag=True):
    """What would stand in a gap, by kind; kinds whose type does not fit are left out."""

    offers: dict[str, Offer] = field(default_factory=dict)


class Drawn(Message, frozen=True, tag=True):
    """An architecture's project: networks, blocks, and the data and recipe that suit it."""

    project: Project


class Exported(Message, frozen=True, tag=True):
    """What was written, and what became of each part."""

    path: str
    report: tuple[ReportLine, ...] = ()


class Imported(Message, frozen=True, tag=True):
    """What came in: networks and blocks, a safetensors file of weights ("" for none), and what became of
    each part."""

    project: Project
    weights: str = ""
    report: tuple[ReportLine, ...] = ()


class WeightNames(Message, frozen=True, tag=True):
    """Names and shapes, those of the network with their nodes, those of the file in its order."""

    ours: tuple[Weight, ...]
    theirs: tuple[Weight, ...]


class WeightsTaken(Message, frozen=True, tag=True):
    """A safetensors file for the network to start from, and what became of each weight."""

    path: str
    report: tuple[ReportLine, ...] = ()


class OutlinedClass(Struct, frozen=True, omit_defaults=True):
    """A class of a Python file: its constructor's arguments, and how many of them have no default.

    `part` tells that another class of the file uses it; `shape` is what its first layer takes, as far as
    the text tells.
    """

    name: str
    arguments: tuple[str, ...] = ()
    required: int = 0
    part: bool = False
    shape: str = ""
    doc: str = ""


class Outline(Message, frozen=True, tag=True):
    """The classes of a Python file that may be networks, in its order."""

    classes: tuple[OutlinedClass, ...] = ()


class SourceText(Message, frozen=True, tag=True):
    """Code, and for each line the id path of the node that it belongs to ("" for none)."""

    text: str
    nodes: tuple[str, ...] = ()


class SourceRead(Message, frozen=True, tag=True):
    """What a changed text asks for: an edit (None for no change), or why not, at a line (from 1)."""

    edit: Batch | None = None
    message: str = ""
    line: int = 0


class Surveyed(Message, frozen=True, tag=True):
    """What was found at a path."""

    survey: Survey


class DataAnswer(Message, frozen=True, tag=True):
    """What came in: samples, classes, shapes, split, warnings."""

    facts: DataFacts


class SampleSet(Message, frozen=True, tag=True):
    """Samples as the network gets them, float32 `[n, …]`, and their targets in the form of the task.

    Of mixed samples the targets are shares, float32 `[n, classes]`.
    """

    split: str
    indices: tuple[int, ...]
    inputs: np.ndarray
    targets: np.ndarray


class Predictions(Message, frozen=True, tag=True):
    """Classification: probabilities `[n, classes]`; regression: outputs `[n, k]`. Targets `[n]`/`[n, k]`."""

    split: str
    outputs: np.ndarray
    targets: np.ndarray
    weights: str = ""


class Explanation(Message, frozen=True, tag=True):
    """A map over the input, in the input's own shape without batch (images: channels summed, `[h, w]`).

    `gap` is the completeness gap as a share of the explained difference, None where the method has none.
    `outputs` are the probabilities (or outputs) of the sample; `raw` the model's outputs before softmax.
    `caption` says in a few words how the map was made; `notes` are sentences to show beside it.
    """

    method: str
    values: np.ndarray
    outputs: np.ndarray
    raw: np.ndarray
    target: int
    against: int | None = None
    gap: float | None = None
    seconds: float = 0.0
    settings: dict[str, Value] = field(default_factory=dict)
    caption: str = ""
    notes: tuple[str, ...] = ()


class AttentionMap(Struct, frozen=True, omit_defaults=True):
    """One attention node: weights `[heads, queries, keys]`, rows sum to 1.

    `grid` is (rows, columns) where tokens are image patches; `prefix` counts tokens before them.
    """

    node: str
    name: str
    weights: np.ndarray
    grid: tuple[int, ...] = ()
    prefix: int = 0


class AttentionMaps(Message, frozen=True, tag=True):
    """All attention nodes in order of execution; `tokens` names the positions; `outputs` as `Explanation`'s."""

    layers: tuple[AttentionMap, ...]
    tokens: tuple[str, ...]
    outputs: np.ndarray


class Wire(Struct, frozen=True, omit_defaults=True):
    """The tensor at a spot for one sample; where there is none, `fault` says why in a sentence.

    `shape` has no batch dimension; `axis` is that of the channels (−1: none), of which there are `channels`.
    A node that is passed several times (`passes`) has a dimension for them in front. Figures are of every
    finite value, `zeros` and `unusual` (not finite) the shares of all; `histogram` counts in equal bins over
    `low`…`high`. `values` float32 is the tensor with every `stride`-th value along each side but the channels';
    `note` says in a sentence what is left out.
    """

    spot: Spot
    fault: str = ""
    dtype: str = ""
    shape: tuple[int, ...] = ()
    axis: int = -1
    channels: int = 0
    passes: int = 1
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    norm: float = 0.0
    zeros: float = 0.0
    unusual: float = 0.0
    histogram: tuple[int, ...] = ()
    values: np.ndarray | None = None
    stride: int = 1
    note: str = ""


class Peeked(Message, frozen=True, tag=True):
    """What was seen of one sample; `outputs` as `Explanation`'s, `plain` the same without surgery.

    `target` is the true class, or the true outputs in their own units.
    """

    split: str
    index: int
    weights: str
    wires: tuple[Wire, ...]
    outputs: np.ndarray
    plain: np.ndarray
    target: tuple[float, ...] = ()


class Embedded(Message, frozen=True, tag=True):
    """Points in a plane: float32 `[n, 2]`."""

    points: np.ndarray


class Weights(Message, frozen=True, tag=True):
    """A safetensors file with the state at `step`; training waited `seconds` for it."""

    path: str
    step: int
    seconds: float = 0.0


class Tried(Message, frozen=True, tag=True):
    """What came of steps after `step`: `losses` float32 `[2, n]` and the metrics after the last of them,
    first as the run is, then with the change."""

    step: int
    losses: np.ndarray
    metrics: tuple[dict[str, float], dict[str, float]]


class RunSummary(Message, frozen=True, tag=True):
    """How a run ended: `finished`, `stopped` or `failed`. `best` holds each metric's best and its epoch."""

    folder: str
    status: str
    epochs: int
    steps: int
    seconds: float
    last: dict[str, float] = field(default_factory=dict)
    best: dict[str, dict[str, float]] = field(default_factory=dict)
    message: str = ""


Answer = (
    Done
    | Hello
    | CatalogueAnswer
    | FactsAnswer
    | Offers
    | Drawn
    | SourceText
    | SourceRead
    | Exported
    | Imported
    | Outline
    | WeightNames
    | WeightsTaken
    | Surveyed
    | DataAnswer
    | SampleSet
    | Predictions
    | Explanation
    | AttentionMaps
    | Peeked
    | Embedded
    | Weights
    | Tried
    | RunSummary
)


class Refused(Message, frozen=True, tag=True):
    """The request could not be done: a sentence for the person, and where it is known the place."""

    message: str
    cancelled: bool = False
    problems: tuple[Problem, ...] = ()
    fault: Fault | None = None
    details: str = ""
