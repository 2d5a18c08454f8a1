"""What cannot be read off `torch.nn` as a whole: categories, starting values, limits, words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.graph.params import Param, ParamType, Value
from studio.graph.spec import Port


@dataclass(frozen=True)
class Layer:
    """What is known of one module, or of all modules of one of PyTorch's files.

    `weighted` modules have a matrix that a parametrisation can be put on. `make` writes a module whose
    argument is another one: `inner` names its class, whose options are the node's. `extra` are options
    that no signature has.
    """

    category: str = "tensor"
    group: str = ""
    keeps_shape: bool = False
    weighted: bool = False
    summary: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = (Port("out"),)
    lines: tuple[str, ...] = ()
    support: str = ""
    make: str = ""
    inner: str = ""
    extra: tuple[Param, ...] = ()
    formula: str = ""
    hidden: tuple[str, ...] = ()
    starts: Mapping[str, Value] = field(default_factory=dict)
    choices: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, ParamType] = field(default_factory=dict)
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


#: Arguments that are never an option: where tensors live, what would change them in place.
HIDDEN = frozenset({
    "device", "dtype", "inplace", "return_indices", "sparse", "process_group", "custom_encoder",
    "custom_decoder", "min_value", "max_value", "add_bias_kv", "add_zero_attn",
    "recompute_scale_factor", "weight", "pos_weight", "size_average", "reduce", "distance_function",
    "options",
})  # fmt: skip

#: Options that are read off a wire, by PyTorch's own names: input port and dimension.
READS = {
    "in_channels": "x[1]",
    "num_features": "x[1]",
    "num_channels": "x[1]",
    "in_features": "x[-1]",
    "input_size": "x[-1]",
    "normalized_shape": "x[-1]",
    "d_model": "x[-1]",
    "embed_dim": "query[-1]",
    "in1_features": "x1[-1]",
    "in2_features": "x2[-1]",
}

#: How the matrix of a layer may be kept in bounds, as PyTorch's own functions are called.
PARAMETRIZATION = Param(
    "parametrization",
    "choice",
    "none",
    choices=("none", "weight_norm", "spectral_norm", "orthogonal"),
    help="How the weight is kept in bounds: length and direction apart, a largest factor of 1, or orthogonal.",
)

#: What a layer starts with where PyTorch leaves it to the caller (or means another default).
STARTS: Mapping[str, Value] = {
    "out_channels": 32,
    "kernel_size": 3,
    "out_features": 64,
    "hidden_size": 64,
    "num_embeddings": 1000,
    "embedding_dim": 64,
    "num_heads": 4,
    "nhead": 4,
    "num_groups": 4,
    "upscale_factor": 2,
    "downscale_factor": 2,
    "output_size": 1,
    "norm_type": 2.0,
    "padding": 0,
    "threshold": 0.0,
    "value": 0.0,
    "batch_first": True,
    "dim": -1,
    "n_classes": 10,
    "num_classes": 10,
    "cutoffs": (4,),
}

LIMITS: Mapping[str, tuple[float | None, float | None]] = {
    "in_channels": (1, None),
    "out_channels": (1, 65_536),
    "kernel_size": (1, 4096),
    "stride": (1, 4096),
    "padding": (0, 4096),
    "output_padding": (0, 4096),
    "dilation": (1, 4096),
    "groups": (1, None),
    "in_features": (1, None),
    "in1_features": (1, None),
    "in2_features": (1, None),
    "out_features": (1, 1_048_576),
    "num_features": (1, None),
    "num_channels": (1, None),
    "num_groups": (1, None),
    "num_parameters": (1, None),
    "input_size": (1, None),
    "hidden_size": (1, 65_536),
    "num_layers": (1, 256),
    "num_encoder_layers": (1, 256),
    "num_decoder_layers": (1, 256),
    "proj_size": (0, None),
    "num_embeddings": (1, None),
    "embedding_dim": (1, 65_536),
    "embed_dim": (1, None),
    "d_model": (1, None),
    "num_heads": (1, 1024),
    "nhead": (1, 1024),
    "kdim": (1, None),
    "vdim": (1, None),
    "dim_feedforward": (1, 1_048_576),
    "upscale_factor": (1, 256),
    "downscale_factor": (1, 256),
    "output_size": (1, 65_536),
    "size": (1, 65_536),
    "p": (0.0, 1.0),
    "dropout": (0.0, 1.0),
    "momentum": (0.0, 1.0),
    "eps": (0.0, None),
    "layer_norm_eps": (0.0, None),
}

CHOICES: Mapping[str, tuple[Value, ...]] = {
    "approximate": ("none", "tanh"),
    "nonlinearity": ("tanh", "relu"),
    "activation": ("relu", "gelu"),
    "reduction": ("mean", "sum", "none"),
}

#: Words where PyTorch's are missing or speak of what is hidden here.
HELP = {
    "batch_first": "On: samples come first, as everywhere else here.",
    "kdim": "Features of the keys where they differ from the queries'.",
    "vdim": "Features of the values where they differ from the queries'.",
    "normalized_shape": "Sizes of the last dimensions, over which values are normalised.",
    "size": "The size to reach, or how many neighbours count.",
    "scale_factor": "How many times as large.",
    "value": "What is filled in.",
    "output_padding": "Added to one side of the output, where a stride leaves its size open.",
    "norm_type": "The power p of the average (Σ xᵖ)^(1/p).",
    "output_size": "The size to reach, whatever comes in.",
    "reduction": "One number for the batch, its mean or its sum; or one for each sample (none).",
    "margin": "How far apart is far enough.",
    "full": "Add the terms that do not change with the input.",
    "log_target": "The target is logarithms already.",
    "zero_infinity": "An infinite loss counts as zero: the answer was too short for its target.",
    "blank": "The class that stands for nothing.",
    "ignore_index": "The class whose places do not count.",
    "delta": "Where square turns into straight.",
    "beta": "Where square turns into straight, or how sharply it bends.",
    "swap": "Take the nearer of both distances to the negative.",
    "n_classes": "How many classes there are.",
    "num_classes": "How many classes there are.",
    "cutoffs": "Where the frequent classes end: classes behind are looked up in smaller clusters.",
    "div_value": "How much smaller each cluster's features are than the one's before.",
    "head_bias": "Learn a bias for the frequent classes.",
    "k": "Added before the division.",
    "alpha": "How much it counts.",
}

_CONV = ("filter", "kernel", "cnn")

#: By PyTorch's own file; a module's own entry below comes on top.
FILES: Mapping[str, Layer] = {
    "conv": Layer(
        "conv",
        weighted=True,
        summary=("out_channels", "kernel_size", "stride", "padding"),
        keywords=_CONV,
    ),
    "pooling": Layer(
        "pool",
        summary=("kernel_size", "stride", "output_size"),
        keywords=("downsample",),
        starts={"kernel_size": 2},
    ),
    "batchnorm": Layer("norm", keeps_shape=True, keywords=("normalisation",)),
    "instancenorm": Layer("norm", keeps_shape=True, keywords=("normalisation",)),
    "normalization": Layer(
        "norm", keeps_shape=True, summary=("num_groups",), keywords=("normalisation",)
    ),
    "dropout": Layer("norm", keeps_shape=True, summary=("p",), keywords=("regularisation",)),
    "activation": Layer("act", keeps_shape=True, keywords=("nonlinearity", "activation")),
    "linear": Layer(
        "dense", weighted=True, summary=("out_features",), keywords=("dense", "fully connected")
    ),
    "rnn": Layer("seq", summary=("hidden_size", "num_layers"), keywords=("recurrent",)),
    "sparse": Layer(
        "seq", weighted=True, summary=("num_embeddings", "embedding_dim"), keywords=("lookup",)
    ),
    "transformer": Layer("attn", summary=("nhead", "dim_feedforward"), keywords=("attention",)),
    "padding": Layer(
        group="Resampling", summary=("padding",), keywords=("pad", "border"), starts={"padding": 1}
    ),
    "upsampling": Layer(
        group="Resampling",
        summary=("size", "scale_factor", "mode"),
        keywords=("resize", "interpolate"),
        ranks=(4,),
        starts={"scale_factor": 2.0},
    ),
    "pixelshuffle": Layer(
        group="Shape", summary=("upscale_factor", "downscale_factor"), ranks=(4,)
    ),
    "channelshuffle": Layer(group="Shape", summary=("groups",), starts={"groups": 2}),
    "flatten": Layer(group="Shape", keywords=("reshape",)),
    "fold": Layer(group="Shape", summary=("kernel_size", "stride"), keywords=("patches", "im2col")),
    "loss": Layer("loss", summary=("reduction",), keywords=("loss", "criterion", "objective")),
    "linear_cross_entropy": Layer("loss", summary=("num_classes",), keywords=("loss", "criterion")),
    "adaptive": Layer("loss", summary=("n_classes",), keywords=("loss", "softmax", "vocabulary")),
    "distance": Layer(
        group="Linear algebra", keywords=("distance", "similarity"), starts={"dim": 1}
    ),
}
