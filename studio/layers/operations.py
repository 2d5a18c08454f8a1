"""Tensor operations: a table, each row an expression as a person writes it."""

from __future__ import annotations

from studio.graph.params import Param
from studio.graph.spec import Code, LayerSpec, Port
from studio.layers.attention import DOT_PRODUCT_WEIGHTS
from studio.layers.ends import DTYPES, ENDS

_X = (Port("x", "any"),)
_OUT = (Port("out", "any"),)
_PAIR = (Port("a", "any"), Port("b", "any"))
_MANY = (Port("x", "any", many=True),)


def operations() -> tuple[LayerSpec, ...]:
    """Return the specs of everything that is not a module of `torch.nn`."""
    return (*ENDS, *_pairs(), *_elementwise(), *_shaping(), *_reductions(), *_LEARNED, *_ATTENTION)


def _operation(
    name: str,
    title: str,
    doc: str,
    line: str,
    params: tuple[Param, ...] = (),
    inputs: tuple[Port, ...] = _X,
    *,
    outputs: tuple[Port, ...] = _OUT,
    formula: str = "",
    summary: tuple[str, ...] | None = None,
    keeps_shape: bool = False,
    keywords: tuple[str, ...] = (),
    category: str = "tensor",
    reference: str = "",
) -> LayerSpec:
    return LayerSpec(
        kind=f"core.{name}",
        title=title,
        doc=doc,
        params=params,
        category=category,
        inputs=inputs,
        outputs=outputs,
        formula=formula,
        summary=tuple(param.name for param in params) if summary is None else summary,
        keeps_shape=keeps_shape,
        keywords=keywords,
        reference=reference,
        code=Code(lines=(line if " = " in line else "{out} = " + line,)),
    )


def _dim(default: int = 1, help_text: str = "Which dimension; 0 is the batch.") -> Param:
    return Param("dim", "int", default, minimum=-8, maximum=8, help=help_text)


def _pairs() -> tuple[LayerSpec, ...]:
    rows = (
        ("add", "Add", "Adds two tensors, as a residual connection does", "{a} + {b}", "a + b"),
        ("sub", "Subtract", "Subtracts one tensor from another", "{a} - {b}", "a − b"),
        ("mul", "Multiply", "Multiplies two tensors element by element", "{a} * {b}", "a ⊙ b"),
        ("div", "Divide", "Divides one tensor by another", "{a} / {b}", "a / b"),
        ("matmul", "Matrix product", "Multiplies matrices", "{a} @ {b}", "a b"),
        ("maximum", "Maximum", "Keeps the larger of two values", "torch.maximum({a}, {b})", "max(a, b)"),
        ("minimum", "Minimum", "Keeps the smaller of two values", "torch.minimum({a}, {b})", "min(a, b)"),
    )  # fmt: skip
    words = {"add": ("residual", "skip", "sum"), "mul": ("gate", "product"), "matmul": ("bmm",)}
    return tuple(
        _operation(
            name, title, doc + ".", line, (), _PAIR, formula=text, keywords=words.get(name, ())
        )
        for name, title, doc, line, text in rows
    )


def _elementwise() -> tuple[LayerSpec, ...]:
    exponent = Param("exponent", "float", 2.0, help="Applied to every element.")
    scale = (
        Param("scale", "float", 1.0, help="Every element is multiplied by it."),
        Param("shift", "float", 0.0, help="Added afterwards."),
    )
    bounds = (
        Param("low", "float", 0.0, help="Nothing is below."),
        Param("high", "float", 1.0, help="Nothing is above."),
    )
    dtype = (Param("dtype", "choice", "float32", choices=DTYPES, help="The type to turn into."),)
    value = (Param("value", "float", 1.0, help="What every element is."),)
    rows: tuple[tuple[str, str, str, str, tuple[Param, ...]], ...] = (
        ("affine", "Scale & shift", "Scales and shifts by constants", "{x} * {scale} + {shift}", scale),
        ("pow", "Power", "Raises to a power", "{x} ** {exponent}", (exponent,)),
        ("neg", "Negate", "Changes the sign", "-{x}", ()),
        ("abs", "Absolute", "Takes the absolute value", "{x}.abs()", ()),
        ("exp", "Exponential", "Raises e to each element", "{x}.exp()", ()),
        ("log", "Logarithm", "Takes the natural logarithm", "{x}.log()", ()),
        ("sqrt", "Square root", "Takes the square root", "{x}.sqrt()", ()),
        ("sin", "Sine", "Takes the sine", "{x}.sin()", ()),
        ("cos", "Cosine", "Takes the cosine", "{x}.cos()", ()),
        ("clamp", "Clamp", "Keeps values between two bounds", "{x}.clamp({low}, {high})", bounds),
        ("constant", "Constant", "A constant in the shape of its input", "torch.full_like({x}, {value})", value),
        ("detach", "Stop gradient", "Hands values on and keeps gradients back", "{x}.detach()", ()),
        ("cast", "Cast", "Turns numbers into another type", "{x}.to(torch.{dtype:bare})", dtype),
    )  # fmt: skip
    return tuple(
        _operation(name, title, doc + ".", line, params, keeps_shape=name != "cast")
        for name, title, doc, line, params in rows
    )


def _shaping() -> tuple[LayerSpec, ...]:
    where = Param("dim", "int", 1, minimum=0, maximum=8, help="Which dimension; 0 is the batch.")
    start = Param("start_dim", "int", 1, minimum=-8, maximum=8, help="First dimension to merge.")
    end = Param(
        "end_dim",
        "int",
        optional=True,
        minimum=-8,
        maximum=8,
        help="Up to and including; empty for the last.",
    )
    shape = Param("shape", "ints", (-1,), minimum=-1, help="Without the batch; one may be −1.")
    order = Param("dims", "ints", (2, 1), minimum=1, maximum=8, help="New order after the batch.")
    swap = (
        Param("dim0", "int", 1, minimum=-8, maximum=8, help="One of the two dimensions."),
        Param("dim1", "int", 2, minimum=-8, maximum=8, help="The other one."),
    )
    index = Param("index", "int", -1, help="Which entry; −1 is the last.")
    part = (
        where,
        Param("start", "int", 0, help="First entry."),
        Param("stop", "int", optional=True, help="Up to, not including; empty for the end."),
    )
    halves = (Port("a", "any"), Port("b", "any"))
    rows = (
        _operation("concat", "Concatenate", "Joins tensors along a dimension.", "torch.cat([{x}], dim={dim})",
                   (_dim(),), _MANY, keywords=("cat", "inception", "merge")),
        _operation("stack", "Stack", "Joins tensors along a new dimension.", "torch.stack([{x}], dim={dim})",
                   (_dim(),), _MANY),
        _operation("split", "Split in two", "Cuts a tensor into two halves along a dimension.",
                   "{a}, {b} = {x}.chunk(2, dim={dim})", (_dim(),), outputs=halves, keywords=("chunk",)),
        _operation("flatten", "Flatten", "Merges dimensions into one.", "{x}.flatten({start_dim}<, {end_dim}>)",
                   (start, end), summary=()),
        _operation("reshape", "Reshape", "Arranges each sample's numbers in another shape.",
                   "{x}.reshape({x}.shape[0], {shape:bare})", (shape,), keywords=("view",)),
        _operation("permute", "Permute", "Puts the dimensions behind the batch in another order.",
                   "{x}.permute(0, {dims:bare})", (order,)),
        _operation("transpose", "Transpose", "Swaps two dimensions.", "{x}.transpose({dim0}, {dim1})", swap),
        _operation("squeeze", "Squeeze", "Drops a dimension of size 1.", "{x}.squeeze({dim})", (_dim(),)),
        _operation("unsqueeze", "Unsqueeze", "Adds a dimension of size 1.", "{x}.unsqueeze({dim})", (_dim(),),
                   keywords=("channel",)),
        _operation("select", "Select", "Takes one entry along a dimension, such as a sequence's last step.",
                   "{x}[{dim:colons}{index}]", (where, index), keywords=("last step", "index", "token")),
        _operation("slice", "Slice", "Takes a range of entries along a dimension.",
                   "{x}[{dim:colons}{start:bound}:{stop:bound}]", part, keywords=("crop", "range")),
        _operation("roll", "Roll", "Shifts entries along a dimension, round the end.",
                   "{x}.roll({shift}, dims={dim})", (Param("shift", "int", 1, help="By how many entries."), _dim())),
        _operation("flip", "Flip", "Reverses a dimension.", "{x}.flip({dim})", (_dim(),)),
    )  # fmt: skip
    return tuple(rows)


def _reductions() -> tuple[LayerSpec, ...]:
    dims = Param("dim", "ints", (1,), minimum=-8, maximum=8, help="Dimensions to reduce.")
    keep = Param("keepdim", "bool", False, help="Keep them with size 1.")
    rows = (
        ("mean", "Mean", "Averages over dimensions", "mean"),
        ("sum", "Sum", "Adds up over dimensions", "sum"),
        ("max", "Max", "Keeps the largest value over dimensions", "amax"),
        ("min", "Min", "Keeps the smallest value over dimensions", "amin"),
    )
    many = tuple(
        _operation(
            name,
            title,
            doc + ".",
            f"{{x}}.{method}(dim={{dim:single}}<, keepdim={{keepdim}}>)",
            (dims, keep),
            summary=("dim",),
            keywords=("reduce", "pool", "global"),
        )
        for name, title, doc, method in rows
    )
    along = _dim(-1, "Which dimension sums to 1.")
    return (
        *many,
        _operation("argmax", "Argmax", "Says where the largest value is.", "{x}.argmax(dim={dim})",
                   (_dim(-1),), outputs=(Port("out", "int"),)),
        _operation("softmax", "Softmax", "Turns scores into shares that sum to 1.",
                   "torch.softmax({x}, dim={dim})", (along,), keeps_shape=True),
        _operation("norm", "Norm", "Takes the length of vectors.",
                   "torch.linalg.vector_norm({x}, dim={dim:single}<, keepdim={keepdim}>)", (dims, keep),
                   summary=("dim",)),
        _operation("normalize", "Normalise length", "Scales vectors to length 1.",
                   "F.normalize({x}, dim={dim})", (_dim(),), keeps_shape=True),
    )  # fmt: skip


_FEATURES = Param(
    "features", "int", inferred=True, reads="x[2]", minimum=1, help="Numbers in each token."
)
_INIT = Param("std", "float", 0.02, minimum=0.0, help="Spread of the random start; 0 for zeros.")

_LEARNED = (
    LayerSpec(
        kind="core.parameter",
        title="Parameter",
        doc="A learned tensor; with its input connected, one copy for every sample.",
        category="dense",
        inputs=(Port("x", "any", optional=True, help="Says how many samples there are."),),
        params=(
            Param("shape", "ints", (1, 64), minimum=1, help="Without the batch."),
            Param("std", "float", 0.02, minimum=0.0, help="Spread of the random start."),
        ),
        summary=("shape",),
        keywords=("learnable", "weight", "embedding"),
        code=Code(
            make="nn.Parameter(torch.randn(1, {shape:bare}) * {std})",
            lines=("{out} = {self}<.expand({x}.shape[0], {shape:kept})>",),
        ),
    ),
    LayerSpec(
        kind="core.class_token",
        title="Class token",
        doc="Puts a learned token before a sequence, for the answer to be read from.",
        category="attn",
        inputs=(Port("x", ranks=(3,)),),
        params=(_FEATURES, _INIT),
        keywords=("cls", "vit", "prepend"),
        code=Code(
            make="nn.Parameter(torch.randn(1, 1, {features}) * {std})",
            lines=("{out} = torch.cat([{self}.expand({x}.shape[0], -1, -1), {x}], dim=1)",),
        ),
    ),
    LayerSpec(
        kind="core.positions",
        title="Position embedding",
        doc="Adds a learned vector for each position, since attention knows no order.",
        category="attn",
        inputs=(Port("x", ranks=(3,)),),
        params=(
            Param("length", "int", inferred=True, reads="x[1]", minimum=1, help="Positions."),
            _FEATURES,
            _INIT,
        ),
        keywords=("positional", "vit", "transformer"),
        formula="y = x + p",
        code=Code(
            make="nn.Parameter(torch.randn(1, {length}, {features}) * {std})",
            lines=("{out} = {x} + {self}",),
        ),
    ),
)

_ATTENTION = (
    LayerSpec(
        kind="core.attention",
        title="Scaled dot-product attention",
        doc="Mixes values by how well each query fits each key; nothing is learned in it.",
        category="attn",
        inputs=(Port("query"), Port("key"), Port("value")),
        outputs=(
            Port("out"),
            Port("weights", help="Who looks at whom: … × queries × keys."),
        ),
        params=(Param("is_causal", "bool", False, help="A query sees no later key."),),
        keywords=("sdpa", "self-attention"),
        formula="softmax(Q Kᵀ / √d) V",
        reference="torch.nn.functional.scaled_dot_product_attention",
        code=Code(
            lines=(
                "{out} = F.scaled_dot_product_attention("
                "{query}, {key}, {value}<, is_causal={is_causal}>)",
                "{weights} = dot_product_weights({query}, {key}<, {is_causal}>)",
            ),
            support=DOT_PRODUCT_WEIGHTS,
        ),
    ),
)
