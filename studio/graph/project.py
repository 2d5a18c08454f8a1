"""A project: networks, data, recipe, constants, blocks and notes, all of it one undoable value."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from studio.graph.breakpoints import Breakpoint
from studio.graph.graph import Graph
from studio.graph.params import Param, Value
from studio.graph.surgery import Intervention


class Place(Struct, frozen=True, array_like=True, gc=False):
    """The top left corner of a node on its sheet, in scene pixels (snapped to 4)."""

    x: float
    y: float


class Frame(Struct, frozen=True, omit_defaults=True):
    """A titled box around nodes."""

    title: str
    nodes: tuple[str, ...] = ()
    color: str = ""


class Note(Struct, frozen=True, omit_defaults=True):
    """Plain text on the sheet."""

    text: str
    x: float = 0.0
    y: float = 0.0
    width: float = 272.0


class Sheet(Struct, frozen=True, omit_defaults=True):
    """A graph with the places of its nodes, its frames and its notes."""

    graph: Graph = field(default_factory=Graph)
    places: dict[str, Place] = field(default_factory=dict)
    frames: dict[str, Frame] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


class Step(Struct, frozen=True, omit_defaults=True):
    """A kind with its parameters: a transform or an augmentation of the data."""

    kind: str
    params: dict[str, Value] = field(default_factory=dict)


#: What a split may go by, and what that means to a person.
SPLITS = {
    "": "As the source comes divided; by groups or times where it names them; else at random.",
    "chance": "At random: right where samples do not depend on each other.",
    "groups": "A group, such as a patient, is never in two parts: what is learnt is not the group.",
    "time": "The latest samples validate and test: the future is predicted from the past.",
    "published": "As the source comes divided, so that figures compare with published ones.",
}


class Split(Struct, frozen=True, omit_defaults=True):
    """How samples are divided: shares between 0 and 1, stratified where the task has classes.

    `by` is `published` (as the source comes divided), `chance`, `groups` (no group on both sides), `time`
    (the latest samples validate and test), or "": published where there is such a division, else chance.
    """

    validation: float = 0.2
    test: float = 0.0
    stratified: bool = True
    by: str = ""


class Handling(Struct, frozen=True, omit_defaults=True):
    """What is done about samples that are not as they should be, and about too many of them.

    `missing` values (NaN, infinite) are `refuse`d, or their samples `drop`ped, or they are `fill`ed by
    the training samples' mean; `duplicates` are `keep`t, or all but the first `drop`ped. `memory` is `auto` (streams what does not fit), `resident` or `stream`.

    Units: `memory_gb` GiB that samples may take; 0: half of what is free.
    """

    missing: str = "refuse"
    duplicates: str = "keep"
    memory: str = "auto"
    memory_gb: float = 0.0


class DataRef(Struct, frozen=True, omit_defaults=True):
    """Which samples: a source with its parameters, transforms, split and the split's seed.

    `transforms` are fitted once and applied to all samples; `augment` changes training batches only,
    each one anew.
    """

    kind: str = "sklearn.digits"
    params: dict[str, Value] = field(default_factory=dict)
    transforms: tuple[Step, ...] = ()
    augment: tuple[Step, ...] = ()
    split: Split = Split()
    seed: int = 0
    handling: Handling = Handling()
    extra: dict[str, Any] = field(default_factory=dict)


class Recipe(Struct, frozen=True, omit_defaults=True):
    """Hyper-parameters. Kinds are the catalogue's; an empty `loss` leaves it to the learner.

    `device` is `auto`, `cpu`, `cuda:0`… or `mps`; `threads` 0 leaves one core to the window;
    `precision` is `fp32`, `bf16` or `fp16`; `sampling` is `shuffled` or `balanced` (classes alike).
    `clip_norm` is the longest gradient followed whole (None: any), `accumulate` the batches whose
    gradients make one step, `ema` the share that averaged weights keep at each step (0: no average).
    Training stops early after `patience` epochs (0: never) whose score is not better by `min_delta`;
    every `keep_every` epochs (0: never) a checkpoint stays. `groups` holds optimiser settings of
    nodes by their path (`{"res1/conv1": {"lr": 1e-4}}`), which go before everybody's.
    """

    learner: str = "core.supervised"
    learner_params: dict[str, Value] = field(default_factory=dict)
    optimizer: str = "torch.optim.AdamW"
    optimizer_params: dict[str, Value] = field(default_factory=lambda: {"lr": 0.003})
    schedule: str = "core.cosine"
    schedule_params: dict[str, Value] = field(default_factory=dict)
    loss: str = ""
    loss_params: dict[str, Value] = field(default_factory=dict)
    batch_size: int = 32
    epochs: int = 20
    precision: str = "fp32"
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    clip_norm: float | None = None
    accumulate: int = 1
    ema: float = 0.0
    patience: int = 0
    min_delta: float = 0.0
    keep_every: int = 0
    sampling: str = "shuffled"
    compile: bool = False
    deterministic: bool = False
    groups: dict[str, dict[str, Value]] = field(default_factory=dict)
    breakpoints: tuple[Breakpoint, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


class Block(Struct, frozen=True, omit_defaults=True):
    """A named graph used as a node of kind `block.NAME`; all its instances are linked.

    Its ports are the `core.input` and `core.output` nodes of its graph, by name. `params` are what an
    instance may set; formulas inside the block read them by name, as they read the project's constants.
    A block with `core.state` nodes runs over time (dimension 1 of its inputs), step by step.
    """

    sheet: Sheet = field(default_factory=Sheet)
    doc: str = ""
    params: tuple[Param, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


class Project(Struct, frozen=True, omit_defaults=True):
    """The whole document. `networks` maps the role that a learner asks for to its sheet.

    `weights` is the safetensors file that the main network starts from, "" for a fresh start.
    `surgery` changes what flows while a trained network answers; training takes no notice of it.
    """

    networks: dict[str, Sheet] = field(default_factory=lambda: {"main": Sheet()})
    data: DataRef = DataRef()
    recipe: Recipe = Recipe()
    constants: dict[str, Value] = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    notes: str = ""
    weights: str = ""
    surgery: tuple[Intervention, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    def sheet(self, where: str) -> Sheet:
        """Return the sheet at `where`: a network's name, or `block.NAME`.

        Raises: KeyError.
        """
        if where.startswith("block."):
            return self.blocks[where.removeprefix("block.")].sheet
        return self.networks[where]

    def with_sheet(self, where: str, sheet: Sheet) -> Project:
        """Return the project with the sheet at `where` replaced."""
        if where.startswith("block."):
            name = where.removeprefix("block.")
            block = replace(self.blocks[name], sheet=sheet)
            return replace(self, blocks=self.blocks | {name: block})
        return replace(self, networks=self.networks | {where: sheet})
