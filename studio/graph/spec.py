"""What exists, as data: layers, architectures, data sources, learners, optimisers, methods."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from studio.graph.params import Param, Value

PortType = Literal["float", "int", "mask", "state", "any"]

#: Category key → title, in the Library's order. The keys are also the theme's `cat.*` tokens.
CATEGORIES: dict[str, str] = {
    "conv": "Convolution",
    "pool": "Pooling",
    "norm": "Normalisation & dropout",
    "act": "Activation",
    "dense": "Dense",
    "tensor": "Tensor operations",
    "seq": "Sequence",
    "attn": "Attention",
    "loss": "Losses",
    "io": "Input & output",
}


class Port(Struct, frozen=True, omit_defaults=True):
    """One input or output of a layer.

    An `optional` input may be left open; an `optional` output is wanted seldom, and drawn only where it
    is used or the node is selected. `many` (inputs only) takes any number of links, in the order in which they were made. `ranks` (inputs
    only) are the numbers of dimensions that it takes, the batch's included; () takes any.
    """

    name: str
    type: PortType = "float"
    optional: bool = False
    many: bool = False
    ranks: tuple[int, ...] = ()
    help: str = ""


class Code(Struct, frozen=True, omit_defaults=True):
    """How a layer is written in the generated module; no `make` means that it has no attribute.

    `make` is what `__init__` assigns: a constructor (`nn.Conv2d`), whose `positional` arguments come
    first and whose `defaults` are left out, or a template with `{parameter}`s. `lines` are templates of
    the statements in `forward`: `{self}` is the attribute, `{port}` a variable, `{parameter}` a literal
    (`{dim:colons}`: what selects that dimension in an index). What stands between `<` and `>` is left out where an input in it is
    not connected or a parameter in it is off. A line whose outputs nobody uses is left out, the first
    excepted. `support` is the source of functions or classes that the lines call.

    In a `make` template `{arguments}` stands for the parameters that `positional` and `defaults` name,
    written as a constructor's. A slot `{name:if}` gives no text: it makes the piece around it depend on `name`.
    `around` names the parameter that says which of PyTorch's parametrisations the weight is under.
    """

    make: str = ""
    positional: tuple[str, ...] = ()
    defaults: dict[str, Value] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    support: str = ""
    around: str = ""


class Spec(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What everything in the catalogue has: a permanent `kind`, a title, its options and its pack."""

    kind: str
    title: str
    doc: str = ""
    params: tuple[Param, ...] = ()
    pack: str = ""

    def param(self, name: str) -> Param | None:
        """Return the parameter named `name`, or None."""
        return next((param for param in self.params if param.name == name), None)


class LayerSpec(Spec, frozen=True, omit_defaults=True, kw_only=True):
    """A kind of node.

    `summary` names the parameters worth a line on the card; none makes the node a pill.
    `keeps_shape` says that one input comes out in the same shape, so that it docks below its producer.
    `reference` is the dotted name of PyTorch's own thing (`torch.nn.Conv2d`), `formula` its mathematics;
    `group` divides a long category in the Library.
    """

    category: str
    group: str = ""
    inputs: tuple[Port, ...] = (Port("x"),)
    outputs: tuple[Port, ...] = (Port("out"),)
    formula: str = ""
    summary: tuple[str, ...] = ()
    keeps_shape: bool = False
    keywords: tuple[str, ...] = ()
    reference: str = ""
    code: Code = Code()

    def input(self, name: str) -> Port | None:
        """Return the input port named `name`, or None."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> Port | None:
        """Return the output port named `name`, or None."""
        return next((port for port in self.outputs if port.name == name), None)


class ArchitectureSpec(Spec, frozen=True, omit_defaults=True, kw_only=True):
    """A function that draws a graph; `data` and `recipe` are what one press on Train uses."""

    category: str = ""
    paper: str = ""
    year: int = 0
    data: str = ""
    data_params: dict[str, Value] = field(default_factory=dict)
    transforms: tuple[dict[str, Any], ...] = ()
    recipe: dict[str, Any] = field(default_factory=dict)
    published_parameters: int = 0


class SourceSpec(Spec, frozen=True, omit_defaults=True, kw_only=True):
    """Where samples come from; `form` is what one sample is: image, table, sequence, text, graph.

    `download` are the bytes that have to be fetched once before (0: none).
    """

    form: str = ""
    download: int = 0


class OptionSpec(Spec, frozen=True, omit_defaults=True, kw_only=True):
    """A learner, an optimiser, a schedule, a loss, a transform or an augmentation: a kind with options.

    `forms` are what samples have to be for it (`image`, `table`…); without any, it takes all. `roles` are
    the networks that a learner asks for, by name.
    """

    forms: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class ExporterSpec(Spec, frozen=True, omit_defaults=True, kw_only=True):
    """A kind of file that a network can leave as; `missing` says what to install first ("" for nothing)."""

    suffix: str
    missing: str = ""


class MethodSpec(Spec, frozen=True, omit_defaults=True, kw_only=True):
    """An explanation method; `needs` says what it applies to (`image`, `conv`, `attention`)."""

    needs: tuple[str, ...] = ()
    signed: bool = True
    paper: str = ""
    formula: str = ""
