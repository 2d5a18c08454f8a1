"""What can be asked of an engine."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import Struct, field

from studio.engine.protocol.message import Message
from studio.graph.breakpoints import Breakpoint
from studio.graph.offers import Gap
from studio.graph.params import Value
from studio.graph.project import Block, DataRef, Project


class GetCatalogue(Message, frozen=True, tag=True):
    """Every spec and fault. Answer: `Catalog`."""


class RescanPacks(Message, frozen=True, tag=True):
    """Read the plugin folders again. Answer: `Catalog`."""


class Infer(Message, frozen=True, tag=True):
    """Shapes, cost, problems and repairs of the whole project. Answer: `ProjectFacts`.

    Repairs are proved for at most `proofs_s`; what that leaves out is told as `unproved`.
    """

    revision: int
    project: Project
    proofs_s: float | None = None


class GetOffers(Message, frozen=True, tag=True):
    """What each kind of layer would do in a gap; `blocks` are the project's. Answer: `Offers`."""

    gap: Gap
    blocks: dict[str, Block] = field(default_factory=dict)


class BuildArchitecture(Message, frozen=True, tag=True):
    """Draw an architecture. Answer: `Drawn`."""

    kind: str
    params: dict[str, Value] = field(default_factory=dict)


class GetSource(Message, frozen=True, tag=True):
    """The generated code. Answer: `SourceText`. Without `tapped` it is what a person reads."""

    project: Project
    network: str = "main"
    tapped: bool = True


class ReadSource(Message, frozen=True, tag=True):
    """A changed text of the generated code, which is read and never run. Answer: `SourceRead`."""

    project: Project
    text: str
    network: str = "main"


class GetData(Message, frozen=True, tag=True):
    """What the data is. Answer: `DataFacts`."""

    data: DataRef


class LookAt(Message, frozen=True, tag=True):
    """What a file or folder seems to hold, and how it may be read. Answer: `Surveyed`."""

    path: str


class Fetch(Message, frozen=True, tag=True):
    """Bring a published data set (a source's kind) to this machine. Answer: `Done`."""

    kind: str


class GetSamples(Message, frozen=True, tag=True):
    """Samples by position in a split (`train`, `validation`, `test`). Answer: `SampleSet`.

    `augmented` is the seed of a draw of the data's augmentations; 0 leaves samples as they are.
    """

    data: DataRef
    split: str = "validation"
    indices: tuple[int, ...] = ()
    augmented: int = 0


class Predict(Message, frozen=True, tag=True):
    """Outputs for a whole split. Answer: `Predictions`. `weights` is a safetensors path, "" for fresh."""

    project: Project
    weights: str = ""
    split: str = "validation"


class Explain(Message, frozen=True, tag=True):
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


class GetAttention(Message, frozen=True, tag=True):
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


class Peek(Message, frozen=True, tag=True):
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
    person had agreed to it when the run began ("" without such code). `resume` is the checkpoint that
    the run goes on from exactly as if it had never stopped, `parent` the folder of the run that it was
    forked from; with `until` it stops after that many steps. Its moments take up to `moments_mb` MiB.
    """

    project: Project
    folder: str
    name: str = ""
    live: bool = True
    document: str = ""
    trusted: str = ""
    resume: str = ""
    until: int = 0
    parent: str = ""
    moments_mb: float = 64.0


class Embed(Message, frozen=True, tag=True):
    """Lay points `[n, d]` out in a plane so that neighbours stay neighbours (t-SNE). Answer: `Embedded`.

    `perplexity` is about how many neighbours each point minds.
    """

    points: np.ndarray
    perplexity: float = 30.0


class Train(Message, frozen=True, tag=True):
    """Run a job: events until the answer. Answer: `RunSummary`."""

    job: Job


class Control(Message, frozen=True, tag=True):
    """Steer the running job. Answer: `Done`. `set` takes recipe names (`lr`, `weight_decay`).

    `back` goes back to before the last step and holds; `watch` pauses at `breakpoints` from now on.
    """

    action: Literal["pause", "resume", "step", "walk", "back", "stop", "set", "watch"]
    values: dict[str, Value] = field(default_factory=dict)
    breakpoints: tuple[Breakpoint, ...] = ()


class Snapshot(Message, frozen=True, tag=True):
    """The state at the next batch boundary, written to a file. Answer: `Weights`."""


class TryChange(Message, frozen=True, tag=True):
    """Take some steps from where a run stands, without and with a change. Answer: `Tried`.

    The run under way is tried from at its next batch boundary, another one from the newest checkpoint in
    `folder`.
    """

    project: Project
    changed: Project
    folder: str
    steps: int = 60


class Watch(Message, frozen=True, tag=True):
    """Choose what the running job shows (pictures and statistics a second; 0 turns them off). Answer: `Done`."""

    rate_hz: float = 4.0


class Export(Message, frozen=True, tag=True):
    """Write a network to `path`, with weights of a run where there are some. Answer: `Exported`.

    `to` is a kind of the catalogue's exporters.
    """

    project: Project
    to: str
    path: str
    network: str = "main"
    weights: str = ""


class Trust(Message, frozen=True, tag=True):
    """All code of projects that may be run from now on, by digest. Answer: `Done`.

    An engine runs no other. `held` is code that is not run though it is trusted: it has ended an engine.
    """

    digests: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


class Import(Message, frozen=True, tag=True):
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


class PrepareImport(Message, frozen=True, tag=True):
    """Keep a process for the next import ready, which saves its start; or end it where it is no longer
    `wanted`. Answer: `Done`."""

    wanted: bool = True


class GetOutline(Message, frozen=True, tag=True):
    """Which classes a Python file defines; nothing of it is run. Answer: `Outline`."""

    path: str


class GetWeightNames(Message, frozen=True, tag=True):
    """What the main network learns and what a file of weights holds, by name. Answer: `WeightNames`."""

    project: Project
    path: str


class TakeWeights(Message, frozen=True, tag=True):
    """Carry weights of a file over (`pairs`: the network's names → the file's) into a new file below
    `folder`. Answer: `WeightsTaken`."""

    project: Project
    path: str
    folder: str
    pairs: dict[str, str]


class Ping(Message, frozen=True, tag=True):
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
    | LookAt
    | Fetch
    | GetSamples
    | Predict
    | Explain
    | GetAttention
    | Peek
    | Embed
    | Train
    | Control
    | Snapshot
    | TryChange
    | Watch
    | Export
    | Import
    | PrepareImport
    | GetOutline
    | GetWeightNames
    | TakeWeights
    | Trust
    | Ping
)
