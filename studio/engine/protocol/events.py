"""What a run tells while it trains, and a long request of its progress."""

from __future__ import annotations

import numpy as np
from msgspec import Struct, field

from studio.engine.protocol.answers import RunSummary
from studio.engine.protocol.message import Message
from studio.graph.breakpoints import Breakpoint
from studio.graph.params import Value
from studio.graph.problems import Problem


class Started(Message, frozen=True, tag=True):
    """A run began. `threads` of torch; `nodes` the id paths that `LayerStats` will speak of, in order;
    `score` names the metric whose best weights are kept."""

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
    learner: str = ""
    score: str = ""


class Load(Struct, frozen=True, array_like=True):
    """What a run asks of its device: memory in bytes, of `total` (0: unknown), and the share it is busy."""

    memory: int
    total: int = 0
    busy: float | None = None


class Progress(Message, frozen=True, tag=True):
    """Per-step values since the last event: `steps` int64 `[n]`, `values` name → float32 `[n]`.

    Names: `train_loss`, `train_accuracy` (classification), `lr`. Rates in samples a second, times in seconds;
    `elapsed_s` is how long the run has trained, pauses left out.
    """

    step: int
    epoch: int
    steps: np.ndarray
    values: dict[str, np.ndarray]
    samples_per_s: float
    eta_s: float
    overhead: float = 0.0
    elapsed_s: float = 0.0
    load: Load | None = None


class LayerStat(Struct, frozen=True, omit_defaults=True):
    """One node at one step; `histogram` counts activations in equal bins over `low`…`high`.

    `dead` is the share of units that are zero for the whole probe batch (ReLU-like nodes only),
    `saturated` of those that stand at a limit for all of it (sigmoid-like nodes only); `grad` and
    `weight` are the norms of what the node learns with, and of its gradient at the step just done;
    `update` is the norm of what that step changed, as a share of `weight`.
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
    saturated: float = 0.0
    update: float | None = None


class LayerStats(Message, frozen=True, tag=True):
    """How every layer stands at a step, by id path.

    `flows` is how strong the tensors on the wires are: the root mean square of what leaves an output
    port, by `path:port`.
    """

    step: int
    nodes: dict[str, LayerStat]
    flows: dict[str, float] = field(default_factory=dict)


class Pictures(Message, frozen=True, tag=True):
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


class Preview(Message, frozen=True, tag=True):
    """What a way of learning shows of itself: latest only. `kind` says what `arrays` and `words` are.

    `images`: `images` uint8 `[n, h, w]` or `[n, h, w, 3]`, beside each other with `outputs` of that form,
    where there are any.
    `masks`: `images`, `masks` and `targets` int16 `[n, h, w]`, a class each pixel; `words` are the classes.
    `boxes`: `images`, `boxes` float32 `[n, m, 6]` (centre x and y, width and height as shares of the image,
    sureness, class) and `targets` float32 `[n, m, 5]` (class, then such a box); a class of −1 fills up.
    `text`: `words` only, a text each; of pairs and triples, those of one sample after the other, divided
    by tabs. `points`: `points` and `real` float32 `[n, 2]`. `returns`: `returns` float32 `[n]`, one an
    episode.
    """

    step: int
    kind: str
    title: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    words: tuple[str, ...] = ()


class Embedding(Struct, frozen=True, omit_defaults=True):
    """What the last layer but one tells of `n` fixed samples of `split`, as its principal components.

    `points` float16 `[n, ≤ 32]`, strongest first, `shares` how much of the whole variance each holds;
    `samples` int64 `[n]` are places in the split, `targets` `[n]` what they should be read as, `read`
    `[n]` what they are read as: a class, or a value.
    """

    points: np.ndarray
    shares: tuple[float, ...]
    split: str
    samples: np.ndarray
    targets: np.ndarray
    read: np.ndarray
    node: str = ""


class Surface(Struct, frozen=True):
    """What the network answers everywhere around two-dimensional data.

    `values` float16 `[rows, columns, classes]` (probabilities) or `[rows, columns, k]`, over `extent`
    (left, right, bottom, top), its first row at the bottom; `points` float32 `[n, 2]` are training
    samples, `targets` `[n]` theirs.
    """

    values: np.ndarray
    extent: tuple[float, float, float, float]
    points: np.ndarray
    targets: np.ndarray


class Insight(Message, frozen=True, tag=True):
    """What the network has learnt to look for: latest only.

    `filters`: id path → uint8 `[k, h, w]`, 128 where a weight is zero, 1 and 255 at ∓ its `limits`; or
    `[k, h, w, 3]`, the filters of coloured pictures as colours. `kept` are the steps of all moments
    that the run's folder holds now.
    """

    step: int
    filters: dict[str, np.ndarray] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)
    embedding: Embedding | None = None
    surface: Surface | None = None
    kept: tuple[int, ...] = ()


class Moment(Struct, frozen=True):
    """Everything that was looked at after one step. Where it was not looked at, None."""

    step: int
    layers: LayerStats | None = None
    pictures: Pictures | None = None
    insight: Insight | None = None
    preview: Preview | None = None


class Walk(Struct, frozen=True, array_like=True):
    """What left an output port, or its gradient: its shape, and figures of its values."""

    path: str
    port: str
    shape: tuple[int, ...]
    mean: float
    std: float
    low: float
    high: float
    norm: float


class Walked(Message, frozen=True, tag=True):
    """The step that comes after `step`, node by node as it is computed: forward, then its gradients."""

    step: int
    forward: tuple[Walk, ...]
    backward: tuple[Walk, ...]


class EpochDone(Message, frozen=True, tag=True):
    """`epoch` counts from 1. `confusion` is int64 `[true, predicted]` on validation (classification)."""

    epoch: int
    step: int
    metrics: dict[str, float]
    seconds: float
    confusion: np.ndarray | None = None


class CheckpointSaved(Message, frozen=True, tag=True):
    """Weights are on the disk at `path`, as they were after `step`."""

    path: str
    step: int
    epoch: int
    best: bool = False
    size: int = 0
    kept: bool = False


class ControlApplied(Message, frozen=True, tag=True):
    """`paused`, `resumed`, `stepped`, `back` (what was told of later steps is undone), or a changed value."""

    action: str
    step: int
    values: dict[str, Value] = field(default_factory=dict)


class ProblemFound(Message, frozen=True, tag=True):
    """Something to look at while training: dead units, a loss that is not a number, and where first."""

    step: int
    problem: Problem


class BreakpointHit(Message, frozen=True, tag=True):
    """The run pauses: a breakpoint came to hold at `step`, which is done, or not yet where numbers broke.

    `what` says it in words, `value` is the figure, `node` the id path of the layer to look at ("" for
    none), and `samples` the positions of the step's batch in the training split.
    """

    step: int
    breakpoint: Breakpoint
    what: str
    value: float
    node: str = ""
    samples: tuple[int, ...] = ()


class Finished(Message, frozen=True, tag=True):
    """Every epoch is done; the last event of its run."""

    summary: RunSummary


class Stopped(Message, frozen=True, tag=True):
    """The run ended early because it was asked to; the last event of its run."""

    summary: RunSummary


class Failed(Message, frozen=True, tag=True):
    """The run could not go on, for the reason in its summary; the last event of its run."""

    summary: RunSummary
    details: str = ""


class Working(Message, frozen=True, tag=True):
    """Progress of a request that takes long: `done` of `total` (0 where unknown)."""

    done: int
    total: int
    what: str = ""


Event = (
    Started
    | Progress
    | LayerStats
    | Pictures
    | Preview
    | Insight
    | EpochDone
    | CheckpointSaved
    | ControlApplied
    | ProblemFound
    | BreakpointHit
    | Finished
    | Stopped
    | Failed
    | Working
    | Walked
)
