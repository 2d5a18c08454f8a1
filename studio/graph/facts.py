"""What the engine knows about a project: shapes, sizes, cost, problems, and what the data is."""

from __future__ import annotations

import re

from msgspec import Struct, field

from studio.graph.params import Value
from studio.graph.problems import Problem

#: A dimension: a number, or an expression of names: `N` (samples of a batch), `T−2`, `⌊(T−1)/2⌋`, `28·T`.
Dim = int | str

#: A class index where there is nothing to predict: neither losses nor measures count it.
LEFT_OUT = -100


def dim_text(dim: Dim) -> str:
    """Return a dimension as it stands in a shape: sums in brackets."""
    text = str(dim)
    if isinstance(dim, str) and len(text) > 2:
        loose = re.sub(r"\([^)]*\)|⌊.*⌋", "", text)
        return f"({text})" if "−" in loose or "+" in loose else text
    return text


class TensorType(Struct, frozen=True, omit_defaults=True, gc=False):
    """Shape (first dimension `N`) and dtype (`float32`, `int64`, `bool`) of a tensor."""

    shape: tuple[Dim, ...]
    dtype: str = "float32"

    @property
    def text(self) -> str:
        """`N×32×26×26`, `N×(T−2)×32`"""
        return "×".join([dim_text(dim) for dim in self.shape])


class NodeFacts(Struct, frozen=True, omit_defaults=True, gc=False):
    """One node: types at its ports, parameters read off the wire, and its cost.

    Units: `parameters` trainable ones; `flops` 2 × multiply–adds of one sample's forward;
    `activation_bytes` of one sample's outputs; `receptive_field` in input pixels (0: not defined);
    `saved` bytes of one sample that training keeps for the backward pass, by port ("" for what is at
    none). A `view` takes no memory of its own: its output is its input's.
    """

    inputs: dict[str, TensorType] = field(default_factory=dict)
    outputs: dict[str, TensorType] = field(default_factory=dict)
    inferred: dict[str, Value] = field(default_factory=dict)
    parameters: int = 0
    flops: int = 0
    activation_bytes: int = 0
    receptive_field: tuple[int, ...] = ()
    saved: dict[str, int] = field(default_factory=dict)
    view: bool = False

    @property
    def saved_bytes(self) -> int:
        """Bytes of one sample that training keeps because of this node."""
        return sum(self.saved.values())


class NetworkFacts(Struct, frozen=True, omit_defaults=True):
    """One network: its nodes by id path (`conv1`, `res1/conv1`) and its totals.

    `saved_bytes` of one sample are kept for the backward pass, each tensor counted once. `dismissed` are
    hints that were answered by *not here*. `sizes` are what named dimensions count as in the totals.
    """

    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    parameters: int = 0
    flops: int = 0
    activation_bytes: int = 0
    saved_bytes: int = 0
    dismissed: tuple[Problem, ...] = ()
    sizes: dict[str, int] = field(default_factory=dict)


class DataFacts(Struct, frozen=True, omit_defaults=True):
    """What came in: counts, one sample's type (no batch dimension), task, classes.

    `form` is `image`, `table`, `sequence`, `text` (tokens of a `vocabulary`) or `graph`; `more` are the types
    of further inputs, by the name of the network's input that they feed.
    `task` is one of
    `classification` (targets int64 `[n]`, a class index each),
    `multi-label` (float32 `[n, classes]`, 0 or 1),
    `regression` (float32 `[n, k]`),
    `segmentation` (int64 `[n, height, width]`, a class index each pixel),
    `detection` (float32 `[n, most, 5]`: class, centre x and y, width and height as shares of the image; a
    class of −1 fills up),
    `tokens` (int64 `[n, t]`: what comes next after each input token, or the answer to the input sequence),
    `nodes` (int64 `[n, nodes]`: a class index each node of a graph). Where there is nothing to predict, an
    index is `LEFT_OUT`.
    `target_shape` is () for a class index and (k,) for k regression targets;
    `balance` counts the samples (or pixels, or nodes) of each class; `value_range` is of the inputs. `target_mean` and
    `target_std` undo a regression target's standardising (empty where there is none); `notes` are sentences
    about what was done to the samples, `warnings` about what is doubtful in them.
    """

    title: str
    train: int
    validation: int
    test: int
    sample: TensorType
    form: str
    task: str
    classes: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    more: dict[str, TensorType] = field(default_factory=dict)
    target_shape: tuple[int, ...] = ()
    target_names: tuple[str, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()
    features: tuple[str, ...] = ()
    balance: tuple[int, ...] = ()
    value_range: tuple[float, float] = (0.0, 1.0)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fingerprint: str = ""
    bytes: int = 0


class TrainingMemory(Struct, frozen=True, omit_defaults=True):
    """Bytes that training is estimated to need, part by part, on a device that has `available` (0: unknown).

    `activations` are those of one batch that the backward pass waits for; `working` is what its largest
    step needs beside them; `data` are the samples that lie on the device.
    """

    device: str = "cpu"
    weights: int = 0
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    working: int = 0
    data: int = 0
    available: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        fixed = self.weights + self.gradients + self.optimizer + self.data
        return fixed + self.activations + self.working


class ProjectFacts(Struct, frozen=True, omit_defaults=True):
    """The engine's answer about one revision of a project.

    `unproved` tells that problems may have more repairs, for which there has been no time yet.
    """

    revision: int
    networks: dict[str, NetworkFacts] = field(default_factory=dict)
    data: DataFacts | None = None
    problems: tuple[Problem, ...] = ()
    memory: TrainingMemory | None = None
    unproved: bool = False

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Every problem that keeps the project from training."""
        inner = [problem for facts in self.networks.values() for problem in facts.problems]
        return tuple(p for p in [*self.problems, *inner] if p.severity == "error")
