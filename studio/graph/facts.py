"""What the engine knows about a project: shapes, sizes, cost, problems, and what the data is."""

from __future__ import annotations

from msgspec import Struct, field

from studio.graph.params import Value
from studio.graph.problems import Problem

#: A dimension: a number, or a symbol such as `N` (samples of a batch).
Dim = int | str


class TensorType(Struct, frozen=True, omit_defaults=True):
    """Shape (first dimension `N`) and dtype (`float32`, `int64`, `bool`) of a tensor."""

    shape: tuple[Dim, ...]
    dtype: str = "float32"

    @property
    def text(self) -> str:
        """`N×32×26×26`"""
        return "×".join(str(dim) for dim in self.shape)


class NodeFacts(Struct, frozen=True, omit_defaults=True):
    """One node: types at its ports, parameters read off the wire, and its cost.

    Units: `parameters` trainable ones; `flops` 2 × multiply–adds of one sample's forward;
    `activation_bytes` of one sample's outputs; `receptive_field` in input pixels (0: not defined).
    """

    inputs: dict[str, TensorType] = field(default_factory=dict)
    outputs: dict[str, TensorType] = field(default_factory=dict)
    inferred: dict[str, Value] = field(default_factory=dict)
    parameters: int = 0
    flops: int = 0
    activation_bytes: int = 0
    receptive_field: tuple[int, ...] = ()


class NetworkFacts(Struct, frozen=True, omit_defaults=True):
    """One network: its nodes by id path (`conv1`, `res1/conv1`) and its totals."""

    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    parameters: int = 0
    flops: int = 0
    activation_bytes: int = 0


class DataFacts(Struct, frozen=True, omit_defaults=True):
    """What came in: counts, one sample's type (no batch dimension), task, classes.

    `task` is `classification` or `regression`; `form` is `image`, `table` or `sequence`;
    `target_shape` is () for a class index and (k,) for k regression targets;
    `balance` counts the samples of each class; `value_range` is of the inputs. `target_mean` and
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


class ProjectFacts(Struct, frozen=True, omit_defaults=True):
    """The engine's answer about one revision of a project."""

    revision: int
    networks: dict[str, NetworkFacts] = field(default_factory=dict)
    data: DataFacts | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Every problem that keeps the project from training."""
        inner = [problem for facts in self.networks.values() for problem in facts.problems]
        return tuple(p for p in [*self.problems, *inner] if p.severity == "error")
