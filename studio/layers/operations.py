"""Tensor operations: a table, each row an expression as a person writes it."""

from __future__ import annotations

from msgspec.structs import replace

from studio.graph.params import Param
from studio.graph.spec import Code, LayerSpec, Port
from studio.layers.attention import DOT_PRODUCT_WEIGHTS
from studio.layers.ends import DTYPES, ENDS
from studio.layers.held import HELD
from studio.layers.sequences import SEQUENCES

_X = (Port("x", "any"),)
_OUT = (Port("out", "any"),)
_PAIR = (Port("a", "any"), Port("b", "any"))
_MANY = (Port("x", "any", many=True),)


def operations() -> tuple[LayerSpec, ...]:
    """Return the specs of everything that is not a module of `torch.nn`."""
    rows = (*_pairs(), *_comparisons(), *_elementwise(), *_shaping(), *_reductions())
    return (*ENDS, *rows, *_LEARNED, *HELD, *_ATTENTION, *SEQUENCES)


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
    group: str = "",
    reference: str = "",
) -> LayerSpec:
    return LayerSpec(
        kind=f"core.{name}",
        title=title,
        doc=doc,
        params=params,
        category=category,
        group=group,
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
        ("outer", "Outer product", "Multiplies every number of one vector with every one of another",
         "{a}.unsqueeze(-1) * {b}.unsqueeze(-2)", "y_(i,j) = a_i · b_j"),
    )  # fmt: skip
    references = {"outer": "torch.outer"}
    words = {"add": ("residual", "skip", "sum"), "mul": ("gate", "product"), "matmul": ("bmm",)}
    return tuple(
        _operation(
            name, title, doc + ".", line, (), _PAIR, formula=text, keywords=words.get(name, ()),
            group="Linear algebra" if name in ("matmul", "outer") else "Arithmetic",
            reference=references.get(name, f"torch.{name}"),
        )
        for name, title, doc, line, text in rows
    )  # fmt: skip


def _comparisons() -> tuple[LayerSpec, ...]:
    """Two tensors, or one and a number: what comes out is a mask."""
    value = Param("value", "float", 0.0, help="What is compared with where b is not connected.")
    ports = (Port("a", "any"), Port("b", "any", optional=True))
    rows = (
        ("gt", "Greater", "greater than", ">"), ("ge", "Greater or equal", "at least", "≥"),
        ("lt", "Less", "less than", "<"), ("le", "Less or equal", "at most", "≤"),
        ("eq", "Equal", "equal to", "="), ("ne", "Not equal", "other than", "≠"),
    )  # fmt: skip
    return tuple(
        _operation(
            name, title, f"Tells where a is {words} b, or a number.",
            f"torch.{name}({{a}}, {{b|value}})", (value,), ports, outputs=(Port("out", "mask"),),
            formula=f"y = a {sign} b", keywords=(name, "compare", "mask"), group="Comparison",
            reference=f"torch.{name}",
        )
        for name, title, words, sign in rows
    )  # fmt: skip


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
        _operation(
            name, title, doc + ".", line, params, keeps_shape=name != "cast", group="Arithmetic",
            formula=_FORMULAS[name], keywords=(name,),
        )
        for name, title, doc, line, params in rows
    )  # fmt: skip


_FORMULAS = {
    "affine": "y = scale · x + shift", "pow": "y = x^n", "neg": "y = −x", "abs": "y = |x|",
    "exp": "y = e^x", "log": "y = log x", "sqrt": "y = √x", "sin": "y = sin x", "cos": "y = cos x",
    "clamp": "y = min(max(x, low), high)", "constant": "y = value", "detach": "y = x, without a gradient",
    "cast": "y = x, of another type",
}  # fmt: skip


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
    parts = tuple(Port(name, "any") for name in "abcd")
    one_of = (
        Param("chunks", "int", 2, minimum=1, maximum=1024, help="How many equal parts are made."),
        Param("index", "int", 0, minimum=0, maximum=1023, help="Which of them; 0 is the first."),
        _dim(),
    )
    rows = (
        _operation("concat", "Concatenate", "Joins tensors along a dimension.", "torch.cat([{x}], dim={dim})",
                   (_dim(),), _MANY, keywords=("cat", "inception", "merge")),
        _operation("stack", "Stack", "Joins tensors along a new dimension.", "torch.stack([{x}], dim={dim})",
                   (_dim(),), _MANY),
        _operation("split", "Split in two", "Cuts a tensor into two halves along a dimension.",
                   "{a}, {b} = {x}.chunk(2, dim={dim})", (_dim(),), outputs=parts[:2], keywords=("chunk",)),
        _operation("split3", "Split in three", "Cuts a tensor into three parts along a dimension.",
                   "{a}, {b}, {c} = {x}.chunk(3, dim={dim})", (_dim(),), outputs=parts[:3],
                   keywords=("chunk", "qkv")),
        _operation("split4", "Split in four", "Cuts a tensor into four parts along a dimension.",
                   "{a}, {b}, {c}, {d} = {x}.chunk(4, dim={dim})", (_dim(),), outputs=parts,
                   keywords=("chunk", "gates")),
        _operation("chunk", "Chunk", "Takes one of several equal parts along a dimension.",
                   "{x}.chunk({chunks}, dim={dim})[{index}]", one_of, keywords=("split", "part")),
        _operation("expand", "Expand", "Repeats a tensor along dimensions of size 1, without copying it.",
                   "{x}.expand({x}.shape[0], {shape:bare})", (shape,), keywords=("broadcast", "repeat")),
        _operation("windows", "Windows", "Cuts a dimension into windows, which may overlap.",
                   "{x}.unfold({dim}, {size}, {step})",
                   (_dim(), Param("size", "int", 2, minimum=1, help="How long each window is."),
                    Param("step", "int", 1, minimum=1, help="How far each starts behind the one before.")),
                   keywords=("unfold", "frames", "sliding")),
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
    return tuple(
        replace(
            row,
            group="Shape",
            formula=_SHAPED.get(row.title, "y = x, in another shape"),
            keywords=tuple(dict.fromkeys((row.kind.removeprefix("core."), *row.keywords))),
        )
        for row in rows
    )


_SHAPED = {
    "Concatenate": "y = x_1, then x_2, …", "Stack": "y_k = x_k", "Split in two": "x = a, then b",
    "Split in three": "x = a, then b, then c", "Split in four": "x = a, then b, c and d",
    "Chunk": "y = one part of x", "Select": "y = x_index", "Slice": "y = x_start, …, x_(stop−1)",
    "Transpose": "y_(i,j) = x_(j,i)", "Permute": "y = x, dimensions in another order",
    "Roll": "y_((i + shift) mod n) = x_i", "Flip": "y_i = x_(n−1−i)", "Expand": "y_i = x_0",
    "Windows": "y_(i,k) = x_(step·i + k)",
}  # fmt: skip


def _reductions() -> tuple[LayerSpec, ...]:
    dims = Param("dim", "ints", (1,), minimum=-8, maximum=8, help="Dimensions to reduce.")
    keep = Param("keepdim", "bool", False, help="Keep them with size 1.")
    rows = (
        ("mean", "Mean", "Averages over dimensions", "mean", "y = mean_i x_i"),
        ("sum", "Sum", "Adds up over dimensions", "sum", "y = Σ_i x_i"),
        ("max", "Max", "Keeps the largest value over dimensions", "amax", "y = max_i x_i"),
        ("min", "Min", "Keeps the smallest value over dimensions", "amin", "y = min_i x_i"),
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
            group="Reduction",
            formula=formula,
            reference=f"torch.{method}",
        )
        for name, title, doc, method, formula in rows
    )
    order = Param(
        "ord",
        "float",
        optional=True,
        help="The power p: 1 for the sum of sizes; empty for 2, the length.",
    )
    along = _dim(-1, "Which dimension sums to 1.")
    return (
        *many,
        _operation("argmax", "Argmax", "Says where the largest value is.", "{x}.argmax(dim={dim})",
                   (_dim(-1),), outputs=(Port("out", "int"),), group="Reduction",
                   formula="y = the place of the largest"),
        _operation("softmax", "Softmax", "Turns scores into shares that sum to 1.",
                   "torch.softmax({x}, dim={dim})", (along,), keeps_shape=True, group="Reduction",
                   formula="y_i = exp(x_i) / Σ_j exp(x_j)", reference="torch.softmax"),
        _operation("norm", "Norm", "Takes the length of vectors.",
                   "torch.linalg.vector_norm({x}<, {ord}>, dim={dim:single}<, keepdim={keepdim}>)",
                   (order, dims, keep), summary=("dim",), group="Reduction", formula="y = (Σ_i |x_i|^p)^(1/p)",
                   reference="torch.linalg.vector_norm"),
        _operation("normalize", "Normalise length", "Scales vectors to length 1.",
                   "F.normalize({x}, dim={dim})", (_dim(),), keeps_shape=True, group="Reduction",
                   formula="y = x / ‖x‖", reference="torch.nn.functional.normalize"),
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
        inputs=(
            Port("query"),
            Port("key"),
            Port("value"),
            Port("mask", "mask", optional=True, help="True where a place must not be looked at."),
        ),
        outputs=(
            Port("out"),
            Port("weights", help="Who looks at whom: … × queries × keys."),
        ),
        params=(
            Param("is_causal", "bool", False, help="A query sees no later key; instead of a mask."),
            Param("scale", "float", optional=True, help="Factor of the scores; empty for 1/√d."),
            Param(
                "enable_gqa",
                "bool",
                False,
                help="Keys and values have fewer heads, shared by several queries'.",
            ),
        ),
        keywords=("sdpa", "self-attention"),
        formula="softmax(Q Kᵀ / √d) V",
        reference="torch.nn.functional.scaled_dot_product_attention",
        code=Code(
            lines=(
                "{out} = F.scaled_dot_product_attention("
                "{query}, {key}, {value}<, attn_mask={mask}.logical_not()><, is_causal={is_causal}>"
                "<, scale={scale}><, enable_gqa={enable_gqa}>)",
                "{weights} = dot_product_weights({query}, {key}<, {is_causal}><, mask={mask}>"
                "<, scale={scale}><, enable_gqa={enable_gqa}>)",
            ),
            support=DOT_PRODUCT_WEIGHTS,
        ),
    ),
)
