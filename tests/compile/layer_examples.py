"""What each layer of the catalogue is tried with: derived from its ports, and a short table of the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from studio.graph.builder import Net, Wire
from studio.graph.spec import LayerSpec, Port

BATCH = 3
#: Sizes of a sample, tried in this order where nothing else is known of an input.
LADDER = ((8,), (8, 8), (8, 8, 8), (8, 8, 8, 8))


@dataclass(frozen=True)
class Feed:
    """What is fed to a port: a sample's shape, its type and range, and the layers on the way there."""

    sample: tuple[int, ...] | None = None
    dtype: str = ""
    low: float = 0.1
    high: float = 0.9
    via: tuple[tuple[str, dict[str, Any]], ...] = ()

    def wire(self, net: Net, name: str) -> Wire:
        """Draw the input and what lies between it and the port."""
        wire = net.input(name, shape=self.sample or (1,), dtype=self.dtype)
        if self.sample == ():
            wire = net.add("core.squeeze", wire, name=f"{name}_squeezed", dim=1)
        for number, (kind, params) in enumerate(self.via):
            wire = net.add(kind, wire, name=f"{name}_{number}", **params)
        return wire

    def numbers(self) -> Tensor:
        """Return the numbers of a batch."""
        shape = (BATCH, *(self.sample or (1,)))
        if self.dtype == "int64":
            return torch.randint(int(self.low), int(self.high), shape)
        if self.dtype == "bool":  # the first of each row is seen, so that something always is
            return torch.arange(shape[-1]).expand(shape) * torch.rand(shape) > shape[-1] / 2
        return torch.rand(shape) * (self.high - self.low) + self.low


@dataclass(frozen=True)
class Example:
    """Feeds by port, and parameters without which the layer does not do what is asked."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


def ids(*sample: int, low: int = 0, high: int = 8) -> Feed:
    return Feed(sample, "int64", low, high)


_SWAPPED = (("core.transpose", {"dim0": 0, "dim1": 1}),)
_CAUSAL = Feed((8, 8), "float32", via=(("core.causal_mask", {}),))
_COMPLEX = Feed((8,), "float32", via=(("torch.fft.rfft", {}),))
_LENGTHS = ids(low=1, high=9)

#: Ports whose names say what they take, whichever layer has them.
PORTS: dict[str, Feed] = {
    **dict.fromkeys(("h0", "c0"), Feed((1, 64), "float32", via=_SWAPPED)),
    **dict.fromkeys(("h", "c"), Feed((64,), "float32")),
    **dict.fromkeys(("lengths", "input_lengths"), _LENGTHS),
    **dict.fromkeys(("attn_mask", "src_mask", "tgt_mask", "memory_mask"), _CAUSAL),
    **dict.fromkeys(
        ("key_padding_mask", "src_key_padding_mask", "tgt_key_padding_mask"), Feed((8,), "bool")
    ),
    "memory_key_padding_mask": Feed((8,), "bool"),
}

EXAMPLES: dict[str, Example] = {
    "core.attention": Example({"mask": _CAUSAL}),
    "torch.acosh": Example({"x": Feed((8,), low=1.5, high=2.0)}),
    "torch.imag": Example({"x": _COMPLEX}),
    "torch.index_select": Example({"index": ids()}),
    "torch.linalg.cross": Example({"x": Feed((3,)), "other": Feed((3,))}),
    "torch.view_as_complex": Example({"x": Feed((8, 2))}),
    "torch.view_as_real": Example({"x": _COMPLEX}),
    "torch.nn.functional.affine_grid": Example({"x": Feed((2, 3))}),
    "torch.nn.functional.grid_sample": Example({"x": Feed((8, 8, 8)), "grid": Feed((4, 4, 2))}),
    "torch.nn.Fold": Example({"x": Feed((8, 16))}),
    "torch.nn.EmbeddingBag": Example({"weights": Feed((8,), "float32")}, {"mode": "sum"}),
    "torch.nn.TransformerEncoder": Example({"mask": _CAUSAL}),
    "torch.nn.AdaptiveLogSoftmaxWithLoss": Example({"target": ids()}),
    "torch.nn.CosineEmbeddingLoss": Example({"target": Feed((), "float32")}),
    "torch.nn.CrossEntropyLoss": Example({"target": ids()}),
    "torch.nn.LinearCrossEntropyLoss": Example({"target": ids()}),
    "torch.nn.MultiMarginLoss": Example({"target": ids()}),
    "torch.nn.NLLLoss": Example({"target": ids()}),
    "torch.nn.CTCLoss": Example(
        {
            "input_lengths": ids(low=8, high=9),
            "targets": ids(2, low=1),
            "target_lengths": ids(low=1, high=3),
        }
    ),
}


def ladder(spec: LayerSpec) -> tuple[tuple[int, ...], ...]:
    """Return the samples that are tried for a layer, the smallest first."""
    example = EXAMPLES.get(spec.kind, Example())
    if not spec.inputs:
        return ((8,),)
    first = spec.inputs[0]
    known = example.feeds.get(first.name)
    if known is not None and known.sample is not None:
        return (known.sample,)
    return tuple(size for size in LADDER if not first.ranks or len(size) + 1 in first.ranks)


def feed(spec: LayerSpec, port: Port, sample: tuple[int, ...]) -> Feed:
    """Return what a port of a layer is fed with, where the layer is tried with `sample`."""
    example = EXAMPLES.get(spec.kind, Example())
    known = example.feeds.get(port.name) or PORTS.get(port.name)
    if known is not None and known.dtype:
        return known
    dtype = {"int": "int64", "mask": "bool"}.get(port.type, "float32")
    given = known or Feed()
    size = sample if given.sample is None else given.sample
    low, high = (0, 8) if dtype == "int64" else (given.low, given.high)
    return Feed(size, dtype, low, high, given.via)
