"""Transforms of samples, as a table: each learns from training samples and applies to every split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from studio.data.source import DataProblem
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec

STANDARDIZE = "core.standardize"
#: Samples resized at once, so that a large set does not need twice its memory for the resizing.
_CHUNK = 1024


@dataclass(frozen=True)
class Fitted:
    """A transform that has seen the training samples: `apply` maps `[n, …]` to `[n, …]`."""

    apply: Callable[[Tensor], Tensor]
    note: str = ""
    form: str = ""
    keeps_range: bool = False
    keeps_features: bool = False


@dataclass(frozen=True)
class Transform:
    """A kind of transform: `fit(training inputs, form, params)`."""

    spec: OptionSpec
    fit: Callable[[Tensor, str, Mapping[str, Value]], Fitted]


def builtin_transforms() -> dict[str, Transform]:
    """Return the transforms that need no plugin, by kind."""
    table = (
        Transform(
            OptionSpec(
                kind="core.resize",
                title="Resize",
                doc="Scale images to another size.",
                params=(
                    Param(
                        "size",
                        "int",
                        28,
                        minimum=1,
                        maximum=4096,
                        size=2,
                        unit="px",
                        help="height, width",
                    ),
                    Param("mode", "choice", "bilinear", choices=("nearest", "bilinear", "bicubic")),
                ),
            ),
            _resize,
        ),
        Transform(
            OptionSpec(
                kind="core.normalize",
                title="Normalise",
                doc="Subtract the mean and divide by the deviation, per channel, of the training samples.",
            ),
            _normalize,
        ),
        Transform(
            OptionSpec(
                kind=STANDARDIZE,
                title="Standardise",
                doc="Subtract the mean and divide by the deviation, per feature, of the training samples.",
            ),
            _standardize,
        ),
        Transform(
            OptionSpec(
                kind="core.rows",
                title="Rows as a sequence",
                doc="Read an image from top to bottom: one step a row, for recurrent networks.",
            ),
            _rows,
        ),
        Transform(
            OptionSpec(
                kind="core.flatten",
                title="Flatten",
                doc="Give every sample as one row of numbers.",
            ),
            _flatten,
        ),
    )
    return {transform.spec.kind: transform for transform in table}


def _needs_image(inputs: Tensor, what: str) -> None:
    if inputs.ndim != 4:
        shape = "×".join(str(dim) for dim in inputs.shape[1:])
        raise DataProblem(
            f"{what} needs images (channels×height×width), but a sample is {shape}. "
            "Remove the transform, or choose image data."
        )


def _resize(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    _needs_image(train, "Resize")
    size = params["size"] if isinstance(params["size"], tuple) else (params["size"],) * 2
    mode = str(params["mode"])
    smaller = size[0] < train.shape[2] or size[1] < train.shape[3]

    def apply(images_nchw: Tensor) -> Tensor:
        if mode == "nearest":
            return interpolate(images_nchw, size=size, mode="nearest")
        parts = [
            interpolate(part, size=size, mode=mode, align_corners=False, antialias=smaller)
            for part in torch.split(images_nchw, _CHUNK)
        ]
        # Bicubic overshoots; a picture stays within the values that it can have.
        low, high = torch.aminmax(train)
        return torch.cat(parts).clamp_(float(low), float(high))

    return Fitted(apply, keeps_range=True)


def _scaled(train: Tensor, dims: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    mean = train.double().mean(dims, keepdim=True)
    std = train.double().std(dims, correction=0, keepdim=True)
    std = torch.where(std > 0, std, torch.ones_like(std))  # a constant stays constant, at zero
    shift, factor = mean.float()[0], std.float()[0]
    return lambda inputs: (inputs - shift) / factor


def _normalize(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    dims = (0, *range(2, train.ndim)) if form == "image" else tuple(range(train.ndim - 1))
    return Fitted(
        _scaled(train, dims),
        "Inputs are normalised by the training samples' mean and deviation.",
        keeps_features=True,
    )


def _standardize(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    return Fitted(
        _scaled(train, (0,)),
        "Features are standardised by the training samples' mean and deviation.",
        keeps_features=True,
    )


def _rows(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    _needs_image(train, "Rows as a sequence")

    def apply(images_nchw: Tensor) -> Tensor:
        # [n, c, h, w] → [n, h, c·w]: a row of every channel is one step.
        return images_nchw.transpose(1, 2).flatten(2)

    return Fitted(apply, form="sequence", keeps_range=True)


def _flatten(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    return Fitted(lambda inputs: inputs.flatten(1), form="table", keeps_range=True)
