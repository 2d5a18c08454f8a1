"""What cannot be read off `torch.nn`: categories, starting values, limits, ports of several inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from studio.graph.params import ParamType, Value
from studio.graph.spec import Port
from studio.layers.attention import ATTENTION_WEIGHTS


@dataclass(frozen=True)
class Layer:
    """What is known of one module, or of all modules of one of PyTorch's files."""

    category: str = "tensor"
    keeps_shape: bool = False
    summary: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = (Port("out"),)
    lines: tuple[str, ...] = ()
    support: str = ""
    formula: str = ""
    hidden: tuple[str, ...] = ()
    starts: Mapping[str, Value] = field(default_factory=dict)
    choices: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, ParamType] = field(default_factory=dict)
    limits: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


def layer(name: str, file: str) -> Layer:
    """Return what is known of the module `name` of PyTorch's `file`."""
    return replace(FILES.get(file, Layer()), **MODULES.get(name, {}))


#: Modules that are no layers of their own: containers, bases, what wraps other modules, legacies.
LEFT_OUT = frozenset({
    "Module", "Container", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict",
    "DataParallel", "RNNBase", "RNNCellBase", "SyncBatchNorm", "CrossMapLRN2d", "TransformerEncoder",
    "TransformerDecoder", "AdaptiveLogSoftmaxWithLoss",
    "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",  # they need the indices that pooling drops
})  # fmt: skip

#: Arguments that are never an option: where tensors live, what would change them in place.
HIDDEN = frozenset({
    "device", "dtype", "inplace", "return_indices", "sparse", "process_group", "custom_encoder",
    "custom_decoder", "min_value", "max_value", "add_bias_kv", "add_zero_attn",
    "recompute_scale_factor",
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
}

_CONV = ("filter", "kernel", "cnn")

#: By PyTorch's own file; a module's own entry below comes on top.
FILES: Mapping[str, Layer] = {
    "conv": Layer(
        "conv", summary=("out_channels", "kernel_size", "stride", "padding"), keywords=_CONV
    ),
    "pooling": Layer(
        "pool",
        summary=("kernel_size", "stride", "output_size"),
        keywords=("downsample",),
        starts={"kernel_size": 2},
    ),
    "batchnorm": Layer("norm", True, keywords=("normalisation",)),
    "instancenorm": Layer("norm", True, keywords=("normalisation",)),
    "normalization": Layer("norm", True, summary=("num_groups",), keywords=("normalisation",)),
    "dropout": Layer("norm", True, summary=("p",), keywords=("regularisation",)),
    "activation": Layer("act", True, keywords=("nonlinearity", "activation")),
    "linear": Layer("dense", summary=("out_features",), keywords=("dense", "fully connected")),
    "rnn": Layer("seq", summary=("hidden_size", "num_layers"), keywords=("recurrent",)),
    "sparse": Layer("seq", summary=("num_embeddings", "embedding_dim"), keywords=("lookup",)),
    "transformer": Layer("attn", summary=("nhead", "dim_feedforward"), keywords=("attention",)),
    "padding": Layer(summary=("padding",), keywords=("pad", "border"), starts={"padding": 1}),
    "upsampling": Layer(
        summary=("size", "scale_factor", "mode"),
        keywords=("resize", "interpolate"),
        ranks=(4,),
        starts={"scale_factor": 2.0},
    ),
    "pixelshuffle": Layer(summary=("upscale_factor", "downscale_factor"), ranks=(4,)),
    "channelshuffle": Layer(summary=("groups",), starts={"groups": 2}),
    "flatten": Layer(keywords=("reshape",)),
    "fold": Layer(summary=("kernel_size", "stride"), keywords=("patches", "im2col")),
    "distance": Layer(keywords=("distance", "similarity"), starts={"dim": 1}),
}

_TOKENS = (3,)
_STATE = Port("hn", "state", help="The state after the last step: layers × N × features.")

#: By module: fields of `Layer` that differ from its file's.
MODULES: Mapping[str, Mapping[str, Any]] = {
    "Linear": {"ranks": (2, 3)},
    "Bilinear": {"inputs": (Port("x1"), Port("x2"))},
    "Identity": {"category": "tensor", "keeps_shape": True, "summary": ()},
    "BatchNorm1d": {"ranks": (2, 3)},
    "LayerNorm": {"formula": "y = γ · (x − mean) / √(variance + ε) + β"},
    "PReLU": {"reads": {"num_parameters": "x[1]"}},
    "GLU": {"keeps_shape": False},
    "Threshold": {"summary": ("threshold", "value")},
    "Softmax": {"summary": ("dim",)},
    "LogSoftmax": {"summary": ("dim",)},
    "Softmin": {"summary": ("dim",)},
    "Softmax2d": {"ranks": (4,)},
    "Flatten": {"starts": {"start_dim": 1, "end_dim": -1}},
    "Unflatten": {
        "summary": ("unflattened_size",),
        "starts": {"dim": 1, "unflattened_size": (1, -1)},
        "types": {"unflattened_size": "ints"},
    },
    "Fold": {
        "summary": ("output_size", "kernel_size"),
        "ranks": (3,),
        "starts": {"output_size": 8, "kernel_size": 2, "stride": 2},
    },
    "Unfold": {"ranks": (4,), "starts": {"kernel_size": 2, "stride": 2}},
    "FractionalMaxPool2d": {
        "summary": ("kernel_size", "output_ratio"),
        "starts": {"kernel_size": 2, "output_size": None, "output_ratio": 0.5},
    },
    "FractionalMaxPool3d": {
        "summary": ("kernel_size", "output_ratio"),
        "starts": {"kernel_size": 2, "output_size": None, "output_ratio": 0.5},
    },
    "LocalResponseNorm": {"starts": {"size": 5}, "summary": ("size",)},
    "Upsample": {
        "ranks": (3, 4, 5),
        "choices": {"mode": ("nearest", "linear", "bilinear", "bicubic", "trilinear")},
    },
    "ChannelShuffle": {"ranks": (4,)},
    "CosineSimilarity": {"inputs": (Port("x1"), Port("x2"))},
    "PairwiseDistance": {"inputs": (Port("x1"), Port("x2")), "limits": {"p": (None, None)}},
    "Embedding": {"inputs": (Port("x", "int", help="Ids: whole numbers from 0."),)},
    "EmbeddingBag": {
        "inputs": (Port("x", "int", ranks=(2,), help="Ids: whole numbers from 0."),),
        "choices": {"mode": ("mean", "sum", "max")},
        "hidden": ("include_last_offset",),
    },
    "Conv1d": {"choices": {"padding": ("same", "valid")}},
    "Conv2d": {"choices": {"padding": ("same", "valid")}},
    "Conv3d": {"choices": {"padding": ("same", "valid")}},
    **{f"ConvTranspose{n}d": {"hidden": ("padding_mode",)} for n in (1, 2, 3)},  # zeros only
    "RNN": {
        "inputs": (Port("x", ranks=_TOKENS), Port("h0", "state", optional=True)),
        "outputs": (Port("out"), _STATE),
        "lines": ("{out}, {hn} = {self}({x}<, {h0}>)",),
        "hidden": ("proj_size",),
    },
    "GRU": {
        "inputs": (Port("x", ranks=_TOKENS), Port("h0", "state", optional=True)),
        "outputs": (Port("out"), _STATE),
        "lines": ("{out}, {hn} = {self}({x}<, {h0}>)",),
        "hidden": ("proj_size",),
    },
    "LSTM": {
        "inputs": (
            Port("x", ranks=_TOKENS),
            Port("h0", "state", optional=True),
            Port("c0", "state", optional=True),
        ),
        "outputs": (Port("out"), _STATE, Port("cn", "state", help="The cells' last state.")),
        "lines": ("{out}, ({hn}, {cn}) = {self}({x}<, ({h0}, {c0})>)",),
        "formula": "c = f ⊙ c' + i ⊙ g,  h = o ⊙ tanh(c)",
    },
    "RNNCell": {
        "inputs": (Port("x", ranks=(2,)), Port("h", optional=True)),
        "lines": ("{out} = {self}({x}<, {h}>)",),
    },
    "GRUCell": {
        "inputs": (Port("x", ranks=(2,)), Port("h", optional=True)),
        "lines": ("{out} = {self}({x}<, {h}>)",),
    },
    "LSTMCell": {
        "inputs": (Port("x", ranks=(2,)), Port("h", optional=True), Port("c", optional=True)),
        "outputs": (Port("out"), Port("cn")),
        "lines": ("{out}, {cn} = {self}({x}<, ({h}, {c})>)",),
    },
    "MultiheadAttention": {
        "category": "attn",
        "keeps_shape": False,
        "summary": ("num_heads",),
        "keywords": ("self-attention", "transformer", "cross-attention"),
        "inputs": (
            Port("query", ranks=_TOKENS),
            Port("key", optional=True, ranks=_TOKENS, help="Left open: the query."),
            Port("value", optional=True, ranks=_TOKENS, help="Left open: the key."),
        ),
        "outputs": (
            Port("out"),
            Port("weights", help="Who looks at whom: N × heads × queries × keys."),
        ),
        "lines": (
            "{out}, _ = {self}({query}, {key|query}, {value|key|query}, need_weights=False)",
            "{weights} = attention_weights({self}, {query}, {key|query})",
        ),
        "support": ATTENTION_WEIGHTS,
        "formula": "softmax(Q Kᵀ / √d) V, for each head",
        "types": {"kdim": "int", "vdim": "int"},
    },
    "TransformerEncoderLayer": {"keeps_shape": False, "ranks": _TOKENS},
    "TransformerDecoderLayer": {
        "inputs": (Port("x", ranks=_TOKENS), Port("memory", ranks=_TOKENS)),
    },
    "Transformer": {
        "inputs": (Port("x", ranks=_TOKENS), Port("target", ranks=_TOKENS)),
        "summary": ("nhead", "num_encoder_layers", "num_decoder_layers"),
        "reads": {"d_model": "x[-1]"},
    },
}
