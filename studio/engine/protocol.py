"""Messages between a window (or the command line) and an engine. No torch, no Qt.

Every message is a frozen msgspec Struct in a tagged union. Arrays are numpy arrays in the fields; the
codec (`arrays`) takes them out of the message and sends them beside it. A request gets exactly one
`Answer` or `Refused`, and, before it, any number of events.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct, field

from studio.graph.catalog import Catalog
from studio.graph.edits import Batch
from studio.graph.facts import DataFacts, ProjectFacts
from studio.graph.offers import Gap, Offer
from studio.graph.params import Value
from studio.graph.problems import Fault, Problem
from studio.graph.project import Block, DataRef, Project
from studio.graph.report import ReportLine
from studio.graph.weight_match import Weight

PROTOCOL = 1

# ---------------------------------------------------------------------------------------- requests


class _Message(Struct, frozen=True, tag=True, omit_defaults=True):
    pass


class GetCatalogue(_Message, frozen=True, tag=True):
    """Every spec and fault. Answer: `Catalog`."""


class RescanPacks(_Message, frozen=True, tag=True):
    """Read the plugin folders again. Answer: `Catalog`."""


class Infer(_Message, frozen=True, tag=True):
    """Shapes, cost, problems and repairs of the whole project. Answer: `ProjectFacts`.

    Repairs are proved for at most `proofs_s`; what that leaves out is told as `unproved`.
    """

    revision: int
    project: Project
    proofs_s: float | None = None


class GetOffers(_Message, frozen=True, tag=True):
    """What each kind of layer would do in a gap; `blocks` are the project's. Answer: `Offers`."""

    gap: Gap
    blocks: dict[str, Block] = field(default_factory=dict)


class BuildArchitecture(_Message, frozen=True, tag=True):
    """Draw an architecture. Answer: `Drawn`."""

    kind: str
    params: dict[str, Value] = field(default_factory=dict)


class GetSource(_Message, frozen=True, tag=True):
    """The generated code. Answer: `SourceText`. Without `tapped` it is what a person reads."""

    project: Project
    network: str = "main"
    tapped: bool = True


class ReadSource(_Message, frozen=True, tag=True):
    """A changed text of the generated code, which is read and never run. Answer: `SourceRead`."""

    project: Project
    text: str
    network: str = "main"


class GetData(_Message, frozen=True, tag=True):
    """What the data is. Answer: `DataFacts`."""

    data: DataRef


class GetSamples(_Message, frozen=True, tag=True):
    """Samples by position in a split (`train`, `validation`, `test`). Answer: `SampleSet`."""

    data: DataRef
    split: str = "validation"
    indices: tuple[int, ...] = ()


class Predict(_Message, frozen=True, tag=True):
    """Outputs for a whole split. Answer: `Predictions`. `weights` is a safetensors path, "" for fresh."""

    project: Project
    weights: str = ""
    split: str = "validation"


class Explain(_Message, frozen=True, tag=True):
    """One method on one sample. Answer: `Explanation`.

    `target` is a class (or output) index, None for the predicted one; with `against` the difference
    `target − against` is explained.
    """

    project: Project
    method: str
    index: int
    split: str = "validation"
    weights: str = ""
    params: dict[str, Value] = field(default_factory=dict)
    target: int | None = None
    against: int | None = None


class GetAttention(_Message, frozen=True, tag=True):
    """Attention weights of every attention node on one sample. Answer: `AttentionMaps`."""

    project: Project
    index: int
    split: str = "validation"
    weights: str = ""


class Spot(Struct, frozen=True, omit_defaults=True):
    """An output port of a node by its id path, or one channel of it (None: all)."""

    path: str
    port: str = "out"
    channel: int | None = None


class Peek(_Message, frozen=True, tag=True):
    """What flows at up to 16 spots while one sample is answered, after surgery. Answer: `Peeked`."""

    project: Project
    index: int
    split: str = "validation"
    weights: str = ""
    spots: tuple[Spot, ...] = ()


class Job(Struct, frozen=True, omit_defaults=True):
    """What a run is made of; `job.json` holds it.

    `folder` is the run's folder, `document` the project file that it was started from, if any;
    `live` turns the views on layers and samples on. `trusted` stands for the project's own code as the
    person had agreed to it when the run began ("" without such code).
    """

    project: Project
    folder: str
    name: str = ""
    live: bool = True
    document: str = ""
    trusted: str = ""


class Train(_Message, frozen=True, tag=True):
    """Run a job: events until the answer. Answer: `RunSummary`."""

    job: Job


class Control(_Message, frozen=True, tag=True):
    """Steer the running job. Answer: `Done`. `set` takes recipe names (`lr`, `weight_decay`)."""

    action: Literal["pause", "resume", "step", "stop", "set"]
    values: dict[str, Value] = field(default_factory=dict)


class Snapshot(_Message, frozen=True, tag=True):
    """The state at the next batch boundary, written to a file. Answer: `Weights`."""


class Watch(_Message, frozen=True, tag=True):
    """Choose what the running job shows (pictures and statistics a second; 0 turns them off). Answer: `Done`."""

    rate_hz: float = 4.0


class Export(_Message, frozen=True, tag=True):
    """Write a network to `path`, with weights of a run where there are some. Answer: `Exported`.

    `to` is a kind of the catalogue's exporters.
    """

    project: Project
    to: str
    path: str
    network: str = "main"
    weights: str = ""


class Trust(_Message, frozen=True, tag=True):
    """All code of projects that may be run from now on, by digest. Answer: `Done`.

    An engine runs no other. `held` is code that is not run though it is trusted: it has ended an engine.
    """

    digests: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


class Import(_Message, frozen=True, tag=True):
    """Bring a network in from elsewhere. Answer: `Imported`.

    `path` is a file, or for Python a dotted name; `door` a kind of the importers ("" for what the path's
    ending says); `options` are the door's. The weights are written below `folder`. Foreign Python runs only
    where a person `agreed`, in a process of its own that is ended after `limit_s` seconds.
    """

    path: str
    folder: str
    door: str = ""
    options: dict[str, str] = field(default_factory=dict)
    agreed: bool = False
    limit_s: float = 120.0


class GetOutline(_Message, frozen=True, tag=True):
    """Which classes a Python file defines; nothing of it is run. Answer: `Outline`."""

    path: str


class GetWeightNames(_Message, frozen=True, tag=True):
    """What the main network learns and what a file of weights holds, by name. Answer: `WeightNames`."""

    project: Project
    path: str


class TakeWeights(_Message, frozen=True, tag=True):
    """Carry weights of a file over (`pairs`: the network's names → the file's) into a new file below
    `folder`. Answer: `WeightsTaken`."""

    project: Project
    path: str
    folder: str
    pairs: dict[str, str]


class Ping(_Message, frozen=True, tag=True):
    """Are you there, and warm? Answer: `Hello`."""


Request = (
    GetCatalogue
    | RescanPacks
    | Infer
    | GetOffers
    | BuildArchitecture
    | GetSource
    | ReadSource
    | GetData
    | GetSamples
    | Predict
    | Explain
    | GetAttention
    | Peek
    | Train
    | Control
    | Snapshot
    | Watch
    | Export
    | Import
    | GetOutline
    | GetWeightNames
    | TakeWeights
    | Trust
    | Ping
)

# ----------------------------------------------------------------------------------------- answers


class Done(_Message, frozen=True, tag=True):
    """It was taken."""


class Hello(_Message, frozen=True, tag=True):
    """Who answers. `devices` maps a device's name (`cpu`, `cuda:0`, `mps`) to what it is."""

    protocol: int
    versions: dict[str, str]
    devices: dict[str, str]
    pid: int
    cores: int


class CatalogueAnswer(_Message, frozen=True, tag=True):
    """Everything that can be used, and the faults of packs that cannot."""

    catalog: Catalog


class FactsAnswer(_Message, frozen=True, tag=True):
    """Shapes, cost and problems of the project that was asked about; they carry its revision."""

    facts: ProjectFacts


class Offers(_Message, frozen=True, tag=True):
    """What would stand in a gap, by kind; kinds whose type does not fit are left out."""

    offers: dict[str, Offer] = field(default_factory=dict)


class Drawn(_Message, frozen=True, tag=True):
    """An architecture's project: networks, blocks, and the data and recipe that suit it."""

    project: Project


class Exported(_Message, frozen=True, tag=True):
    """What was written, and what became of each part."""

    path: str
    report: tuple[ReportLine, ...] = ()


class Imported(_Message, frozen=True, tag=True):
    """What came in: networks and blocks, a safetensors file of weights ("" for none), and what became of
    each part."""

    project: Project
    weights: str = ""
    report: tuple[ReportLine, ...] = ()


class WeightNames(_Message, frozen=True, tag=True):
    """Names and shapes, those of the network with their nodes, those of the file in its order."""

    ours: tuple[Weight, ...]
    theirs: tuple[Weight, ...]


class WeightsTaken(_Message, frozen=True, tag=True):
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


class Outline(_Message, frozen=True, tag=True):
    """The classes of a Python file that may be networks, in its order."""

    classes: tuple[OutlinedClass, ...] = ()


class SourceText(_Message, frozen=True, tag=True):
    """Code, and for each line the id path of the node that it belongs to ("" for none)."""

    text: str
    nodes: tuple[str, ...] = ()


class SourceRead(_Message, frozen=True, tag=True):
    """What a changed text asks for: an edit (None for no change), or why not, at a line (from 1)."""

    edit: Batch | None = None
    message: str = ""
    line: int = 0


class DataAnswer(_Message, frozen=True, tag=True):
    """What came in: samples, classes, shapes, split, warnings."""

    facts: DataFacts


class SampleSet(_Message, frozen=True, tag=True):
    """Samples as the network gets them, float32 `[n, …]`, and their targets `[n]` or `[n, k]`."""

    split: str
    indices: tuple[int, ...]
    inputs: np.ndarray
    targets: np.ndarray


class Predictions(_Message, frozen=True, tag=True):
    """Classification: probabilities `[n, classes]`; regression: outputs `[n, k]`. Targets `[n]`/`[n, k]`."""

    split: str
    outputs: np.ndarray
    targets: np.ndarray
    weights: str = ""


class Explanation(_Message, frozen=True, tag=True):
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


class AttentionMaps(_Message, frozen=True, tag=True):
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


class Peeked(_Message, frozen=True, tag=True):
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


class Weights(_Message, frozen=True, tag=True):
    """A safetensors file with the state at `step`; training waited `seconds` for it."""

    path: str
    step: int
    seconds: float = 0.0


class RunSummary(_Message, frozen=True, tag=True):
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
    | DataAnswer
    | SampleSet
    | Predictions
    | Explanation
    | AttentionMaps
    | Peeked
    | Weights
    | RunSummary
)


class Refused(_Message, frozen=True, tag=True):
    """The request could not be done: a sentence for the person, and where it is known the place."""

    message: str
    cancelled: bool = False
    problems: tuple[Problem, ...] = ()
    fault: Fault | None = None
    details: str = ""


# ------------------------------------------------------------------------------------------ events


class Started(_Message, frozen=True, tag=True):
    """A run began. `threads` of torch; `nodes` the id paths that `LayerStats` will speak of, in order."""

    folder: str
    name: str
    device: str
    threads: int
    epochs: int
    steps_per_epoch: int
    batch_size: int
    train_samples: int
    validation_samples: int
    task: str
    classes: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    parameters: int = 0
    time: float = 0.0


class Progress(_Message, frozen=True, tag=True):
    """Per-step values since the last event: `steps` int64 `[n]`, `values` name → float32 `[n]`.

    Names: `train_loss`, `train_accuracy` (classification), `lr`. Rates in samples a second, times in seconds.
    """

    step: int
    epoch: int
    steps: np.ndarray
    values: dict[str, np.ndarray]
    samples_per_s: float
    eta_s: float
    overhead: float = 0.0


class LayerStat(Struct, frozen=True, omit_defaults=True):
    """One node at one step; `histogram` counts activations in equal bins over `low`…`high`.

    `dead` is the share of units that are zero for the whole probe batch (ReLU-like nodes only); `grad`
    and `weight` are the norms of what the node learns with, and of its gradient at the step just done.
    """

    mean: float
    std: float
    zero: float
    grad: float | None = None
    dead: float = 0.0
    units: int = 0
    low: float = 0.0
    high: float = 0.0
    histogram: tuple[int, ...] = ()
    weight: float | None = None


class LayerStats(_Message, frozen=True, tag=True):
    """How every layer stands at a step, by id path.

    `flows` is how strong the tensors on the wires are: the root mean square of what leaves an output
    port, by `path:port`.
    """

    step: int
    nodes: dict[str, LayerStat]
    flows: dict[str, float] = field(default_factory=dict)


class Pictures(_Message, frozen=True, tag=True):
    """What the probe samples look like inside: latest only.

    `maps`: id path → uint8 `[k, h, w]`, the k strongest feature maps of the probe image.
    `inputs` uint8 `[n, h, w]` (images) or float32 (else), `outputs` float32 `[n, classes]` or `[n, k]`,
    `targets` `[n]` of the fixed strip of validation samples.
    """

    step: int
    maps: dict[str, np.ndarray]
    inputs: np.ndarray
    outputs: np.ndarray
    targets: np.ndarray


class EpochDone(_Message, frozen=True, tag=True):
    """`epoch` counts from 1. `confusion` is int64 `[true, predicted]` on validation (classification)."""

    epoch: int
    step: int
    metrics: dict[str, float]
    seconds: float
    confusion: np.ndarray | None = None


class CheckpointSaved(_Message, frozen=True, tag=True):
    """Weights are on the disk at `path`, as they were after `step`."""

    path: str
    step: int
    epoch: int
    best: bool = False
    size: int = 0


class ControlApplied(_Message, frozen=True, tag=True):
    """`paused`, `resumed`, `stepped`, or a changed value."""

    action: str
    step: int
    values: dict[str, Value] = field(default_factory=dict)


class ProblemFound(_Message, frozen=True, tag=True):
    """Something to look at while training: dead units, a loss that is not a number, and where first."""

    step: int
    problem: Problem


class Finished(_Message, frozen=True, tag=True):
    """Every epoch is done; the last event of its run."""

    summary: RunSummary


class Stopped(_Message, frozen=True, tag=True):
    """The run ended early because it was asked to; the last event of its run."""

    summary: RunSummary


class Failed(_Message, frozen=True, tag=True):
    """The run could not go on, for the reason in its summary; the last event of its run."""

    summary: RunSummary
    details: str = ""


class Working(_Message, frozen=True, tag=True):
    """Progress of a request that takes long: `done` of `total` (0 where unknown)."""

    done: int
    total: int
    what: str = ""


Event = (
    Started
    | Progress
    | LayerStats
    | Pictures
    | EpochDone
    | CheckpointSaved
    | ControlApplied
    | ProblemFound
    | Finished
    | Stopped
    | Failed
    | Working
)

# --------------------------------------------------------------------------------------- envelopes


class Ask(Struct, frozen=True, tag=True):
    """A request with its id."""

    id: int
    body: Request


class Cancel(Struct, frozen=True, tag=True):
    """Forget the request with this id."""

    id: int


class Reply(Struct, frozen=True, tag=True):
    """The answer to, or an event of, the request with this id."""

    id: int
    body: Answer | Refused | Event


ToEngine = Ask | Cancel
