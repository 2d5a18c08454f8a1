"""What cannot be read off single modules of `torch.nn`: ports of several inputs, starting values, masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.graph.params import Param
from studio.graph.spec import Port
from studio.layers.attention import ATTENTION_WEIGHTS
from studio.layers.sequences import OVER_LENGTHS

_TOKENS = (3,)
#: A recurrent layer, over padded sequences where their lengths are connected.
_RECURRENT = "<over_lengths({lengths}, >{self}<{lengths:if})>"
_HIDES = "True where a place must not be looked at."
_LENGTHS = Port(
    "lengths",
    "int",
    optional=True,
    help="How many steps of each sample are real; the rest is padding.",
)


def _mask(name: str) -> Port:
    return Port(name, "mask", optional=True, help=_HIDES)


def _named(*names: str) -> str:
    """Return masks as arguments, each written where it is connected."""
    return "".join(f"<, {name}={{{name}}}>" for name in names)


def _stack(layer: str, end: str) -> str:
    """Return what makes a stack of transformer layers, with a norm at its end where one is wanted."""
    norm = "<{norm:if}, norm=nn.LayerNorm({d_model})>"
    return f"nn.Transformer{layer}(nn.Transformer{layer}Layer({{arguments}}), {{num_layers}}{norm}{end})"


def _unpool(count: int) -> Mapping[str, Any]:
    return {
        "inputs": (
            Port("x", ranks=(count + 2,)),
            Port("indices", "int", help="The places that the pooling gives."),
        ),
        "starts": {"kernel_size": 2},
        "formula": "y at the place of each maximum = x, else 0",
        "keywords": ("upsample", "segnet"),
    }


def _places(count: int) -> Mapping[str, Any]:
    """Return the second output of a max pooling: where each maximum was."""
    return {
        "outputs": (
            Port("out"),
            Port("indices", "int", optional=True, help="Where each maximum was, for MaxUnpool."),
        ),
        "lines": ("{out} = {self}({x})", f"{{indices}} = places{count}d({{self}}, {{x}})"),
        "support": f'''\
def places{count}d(pool, x):
    """Return where each maximum of `pool` is, as `MaxUnpool{count}d` wants it."""
    window = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
    return F.max_pool{count}d(x, *window, return_indices=True)[1]
''',
    }


_LAYERS = (
    Param("num_layers", "int", 2, minimum=1, maximum=256, help="How many layers stand in a row."),
    Param(
        "norm", "bool", False, help="A LayerNorm behind the last layer, as pre-norm layers want."
    ),
)
_STACKED = ("num_layers", "nhead", "dim_feedforward")
_DECODER_MASKS = ("tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask")
_SEQUENCE_MASKS = ("src_mask", "src_key_padding_mask", *_DECODER_MASKS)
_CLASSES = Port("target", "int", help="Each sample's class.")
_STATE = Port("hn", "state", help="The state after the last step: layers × N × features.")

#: By module: fields of `Layer` that differ from its file's.
MODULES: Mapping[str, Mapping[str, Any]] = {
    "Linear": {"ranks": (2, 3)},
    "Bilinear": {"inputs": (Port("x1"), Port("x2"))},
    "Identity": {"category": "tensor", "keeps_shape": True, "summary": (), "weighted": False},
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
        "inputs": (
            Port("x", "int", ranks=(2,), help="Ids: whole numbers from 0."),
            Port("weights", optional=True, help="How much each id counts; for the mode sum."),
        ),
        "lines": ("{out} = {self}({x}<, per_sample_weights={weights}>)",),
        "choices": {"mode": ("mean", "sum", "max")},
        "hidden": ("include_last_offset",),
    },
    "Conv1d": {"choices": {"padding": ("same", "valid")}},
    "Conv2d": {"choices": {"padding": ("same", "valid")}},
    "Conv3d": {"choices": {"padding": ("same", "valid")}},
    **{f"ConvTranspose{n}d": {"hidden": ("padding_mode",)} for n in (1, 2, 3)},  # zeros only
    "RNN": {
        "inputs": (Port("x", ranks=_TOKENS), Port("h0", "state", optional=True), _LENGTHS),
        "outputs": (Port("out"), _STATE),
        "lines": ("{out}, {hn} = " + _RECURRENT + "({x}<, {h0}>)",),
        "support": OVER_LENGTHS,
        "hidden": ("proj_size",),
    },
    "GRU": {
        "inputs": (Port("x", ranks=_TOKENS), Port("h0", "state", optional=True), _LENGTHS),
        "outputs": (Port("out"), _STATE),
        "lines": ("{out}, {hn} = " + _RECURRENT + "({x}<, {h0}>)",),
        "support": OVER_LENGTHS,
        "hidden": ("proj_size",),
    },
    "LSTM": {
        "inputs": (
            Port("x", ranks=_TOKENS),
            Port("h0", "state", optional=True),
            Port("c0", "state", optional=True),
            _LENGTHS,
        ),
        "outputs": (Port("out"), _STATE, Port("cn", "state", help="The cells' last state.")),
        "lines": ("{out}, ({hn}, {cn}) = " + _RECURRENT + "({x}<, ({h0}, {c0})>)",),
        "support": OVER_LENGTHS,
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
            _mask("key_padding_mask"),
            _mask("attn_mask"),
        ),
        "outputs": (
            Port("out"),
            Port("weights", help="Who looks at whom: N × heads × queries × keys."),
        ),
        "lines": (
            "{out}, _ = {self}({query}, {key|query}, {value|key|query}, need_weights=False"
            + _named("key_padding_mask", "attn_mask")
            + ")",
            "{weights} = attention_weights({self}, {query}, {key|query}"
            + _named("key_padding_mask", "attn_mask")
            + ")",
        ),
        "support": ATTENTION_WEIGHTS,
        "formula": "softmax(Q Kᵀ / √d) V, for each head",
        "types": {"kdim": "int", "vdim": "int"},
    },
    "TransformerEncoderLayer": {
        "inputs": (Port("x", ranks=_TOKENS), _mask("src_mask"), _mask("src_key_padding_mask")),
        "lines": ("{out} = {self}({x}" + _named("src_mask", "src_key_padding_mask") + ")",),
    },
    "TransformerDecoderLayer": {
        "inputs": (
            Port("x", ranks=_TOKENS),
            Port("memory", ranks=_TOKENS),
            *map(_mask, _DECODER_MASKS),
        ),
        "lines": ("{out} = {self}({x}, {memory}" + _named(*_DECODER_MASKS) + ")",),
    },
    "TransformerEncoder": {
        "inner": "TransformerEncoderLayer",
        "make": _stack("Encoder", ", enable_nested_tensor=False"),
        "extra": _LAYERS,
        "summary": _STACKED,
        "inputs": (Port("x", ranks=_TOKENS), _mask("mask"), _mask("src_key_padding_mask")),
        "lines": ("{out} = {self}({x}" + _named("mask", "src_key_padding_mask") + ")",),
    },
    "TransformerDecoder": {
        "inner": "TransformerDecoderLayer",
        "make": _stack("Decoder", ""),
        "extra": _LAYERS,
        "summary": _STACKED,
        "inputs": (
            Port("x", ranks=_TOKENS),
            Port("memory", ranks=_TOKENS),
            *map(_mask, _DECODER_MASKS),
        ),
        "lines": ("{out} = {self}({x}, {memory}" + _named(*_DECODER_MASKS) + ")",),
    },
    "Transformer": {
        "inputs": (
            Port("x", ranks=_TOKENS),
            Port("target", ranks=_TOKENS),
            *map(_mask, _SEQUENCE_MASKS),
        ),
        "lines": ("{out} = {self}({x}, {target}" + _named(*_SEQUENCE_MASKS) + ")",),
        "summary": ("nhead", "num_encoder_layers", "num_decoder_layers"),
        "reads": {"d_model": "x[-1]"},
    },
    **{f"MaxPool{count}d": _places(count) for count in (1, 2, 3)},
    **{f"MaxUnpool{count}d": _unpool(count) for count in (1, 2, 3)},
    "CrossMapLRN2d": {"ranks": (4,), "starts": {"size": 5}, "summary": ("size",)},
    "SyncBatchNorm": {"ranks": (2, 3, 4, 5), "keywords": ("normalisation", "distributed")},
    "CrossEntropyLoss": {
        "inputs": (
            Port("input", help="Logits: N × classes × …"),
            Port("target", "any", help="Classes, or shares."),
        ),
    },
    **{
        name: {"inputs": (Port("input"), _CLASSES)}
        for name in ("NLLLoss", "MultiMarginLoss", "MultiLabelMarginLoss")
    },
    "MultiMarginLoss": {
        "inputs": (Port("input"), _CLASSES),
        "limits": {"p": (1, 2)},
    },
    "KLDivLoss": {
        "starts": {"reduction": "batchmean"},
        "choices": {"reduction": ("mean", "batchmean", "sum", "none")},
    },
    "PoissonNLLLoss": {"inputs": (Port("input"), Port("target"))},
    "TripletMarginLoss": {"limits": {"p": (0.0, None)}},
    "CTCLoss": {
        "inputs": (
            Port("log_probs", ranks=_TOKENS, help="Log-probabilities: N × steps × classes."),
            Port("targets", "int", help="Classes in order, padded: N × length."),
            Port("input_lengths", "int", help="How many steps of each sample are real."),
            Port("target_lengths", "int", help="How many classes of each target are real."),
        ),
        "lines": (
            "{out} = {self}({log_probs}.transpose(0, 1), {targets}, {input_lengths}.flatten(), "
            "{target_lengths}.flatten())",
        ),
    },
    "LinearCrossEntropyLoss": {
        "inputs": (Port("input"), _CLASSES),
        "hidden": ("out_features",),
        "reads": {"in_features": "input[-1]"},
    },
    "AdaptiveLogSoftmaxWithLoss": {
        "inputs": (Port("input", ranks=(2,)), _CLASSES),
        "outputs": (Port("out", help="Each sample's log-probability of its class."), Port("loss")),
        "lines": ("{out}, {loss} = {self}({input}, {target})",),
        "reads": {"in_features": "input[-1]"},
        "types": {"cutoffs": "ints"},
    },
}
