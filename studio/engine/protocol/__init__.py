"""Messages between a window (or the command line) and an engine. No torch, no Qt.

Every message is a frozen msgspec Struct in a tagged union. Arrays are numpy arrays in the fields; the
codec (`arrays`) takes them out of the message and sends them beside it. A request gets exactly one
`Answer` or `Refused`, and, before it, any number of events.
"""

from __future__ import annotations

from msgspec import Struct

from studio.engine.protocol.answers import (
    Answer,
    AttentionMap,
    AttentionMaps,
    CatalogueAnswer,
    DataAnswer,
    Done,
    Drawn,
    Embedded,
    Explanation,
    Exported,
    FactsAnswer,
    Hello,
    Imported,
    Offers,
    Outline,
    OutlinedClass,
    Peeked,
    Predictions,
    Refused,
    RunSummary,
    SampleSet,
    SourceRead,
    SourceText,
    Surveyed,
    Tried,
    WeightNames,
    Weights,
    WeightsTaken,
    Wire,
)
from studio.engine.protocol.events import (
    BreakpointHit,
    CheckpointSaved,
    ControlApplied,
    Embedding,
    EpochDone,
    Event,
    Failed,
    Finished,
    Insight,
    LayerStat,
    LayerStats,
    Load,
    Moment,
    Pictures,
    Preview,
    ProblemFound,
    Progress,
    Started,
    Stopped,
    Surface,
    Walk,
    Walked,
    Working,
)
from studio.engine.protocol.requests import (
    BuildArchitecture,
    Control,
    Embed,
    Explain,
    Export,
    Fetch,
    GetAttention,
    GetCatalogue,
    GetData,
    GetOffers,
    GetOutline,
    GetSamples,
    GetSource,
    GetWeightNames,
    Import,
    Infer,
    Job,
    LookAt,
    Peek,
    Ping,
    Predict,
    PrepareImport,
    ReadSource,
    Request,
    RescanPacks,
    Snapshot,
    Spot,
    TakeWeights,
    Train,
    Trust,
    TryChange,
    Watch,
)

__all__ = [
    "PROTOCOL",
    "Answer",
    "Ask",
    "AttentionMap",
    "AttentionMaps",
    "BreakpointHit",
    "BuildArchitecture",
    "Cancel",
    "CatalogueAnswer",
    "CheckpointSaved",
    "Control",
    "ControlApplied",
    "DataAnswer",
    "Done",
    "Drawn",
    "Embed",
    "Embedded",
    "Embedding",
    "EpochDone",
    "Event",
    "Explain",
    "Explanation",
    "Export",
    "Exported",
    "FactsAnswer",
    "Failed",
    "Fetch",
    "Finished",
    "GetAttention",
    "GetCatalogue",
    "GetData",
    "GetOffers",
    "GetOutline",
    "GetSamples",
    "GetSource",
    "GetWeightNames",
    "Hello",
    "Import",
    "Imported",
    "Infer",
    "Insight",
    "Job",
    "LayerStat",
    "LayerStats",
    "Load",
    "LookAt",
    "Moment",
    "Offers",
    "Outline",
    "OutlinedClass",
    "Peek",
    "Peeked",
    "Pictures",
    "Ping",
    "Predict",
    "Predictions",
    "PrepareImport",
    "Preview",
    "ProblemFound",
    "Progress",
    "ReadSource",
    "Refused",
    "Reply",
    "Request",
    "RescanPacks",
    "RunSummary",
    "SampleSet",
    "Snapshot",
    "SourceRead",
    "SourceText",
    "Spot",
    "Started",
    "Stopped",
    "Surface",
    "Surveyed",
    "TakeWeights",
    "ToEngine",
    "Train",
    "Tried",
    "Trust",
    "TryChange",
    "Walk",
    "Walked",
    "Watch",
    "WeightNames",
    "Weights",
    "WeightsTaken",
    "Wire",
    "Working",
]

PROTOCOL = 1


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
