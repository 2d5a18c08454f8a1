"""Transforms of samples, as a table: each learns from training samples and applies to every split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, one_hot, pad

from studio.data.source import DataProblem
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec

STANDARDIZE = "core.standardize"
#: Of sources: measured features have units of their own; without this one of them drowns the others.
STANDARDIZE_PARAM = Param(
    "standardize",
    "bool",
    True,
    help="Subtract the mean and divide by the deviation of the training samples, feature by feature",
)
#: Samples resized at once, so that a large set does not need twice its memory for the resizing.
_CHUNK = 1024
_SIZE = Param("size", "int", 28, minimum=1, maximum=4096, size=2, unit="px", help="height, width")
_PADDED = {"zeros": "constant", "border": "replicate", "reflection": "reflect"}
#: How light red, green and blue are. Source: ITU-R BT.601.
_LIGHT = (0.299, 0.587, 0.114)


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
                forms=("image",),
                params=(
                    _SIZE,
                    Param("mode", "choice", "bilinear", choices=("nearest", "bilinear", "bicubic")),
                ),
            ),
            _resize,
        ),
        Transform(
            OptionSpec(
                kind="core.crop",
                title="Crop centre",
                doc="Keep the middle of images.",
                forms=("image",),
                params=(_SIZE,),
            ),
            _crop,
        ),
        Transform(
            OptionSpec(
                kind="core.pad",
                title="Pad",
                doc="Put a frame around images.",
                forms=("image",),
                params=(
                    Param(
                        "padding",
                        "int",
                        2,
                        minimum=1,
                        maximum=1024,
                        unit="px",
                        help="On every side",
                    ),
                    Param("fill", "choice", "zeros", choices=("zeros", "border", "reflection")),
                ),
            ),
            _pad,
        ),
        Transform(
            OptionSpec(
                kind="core.grey",
                title="Grey",
                doc="One channel from three: how light each pixel is.",
                forms=("image",),
            ),
            _grey,
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
                forms=("image",),
            ),
            _rows,
        ),
        Transform(
            OptionSpec(
                kind="core.one_hot",
                title="One-hot tokens",
                doc="A sequence with one number a token of the vocabulary, for networks without an embedding.",
                forms=("text",),
            ),
            _one_hot,
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
    # Bicubic overshoots; a picture stays within the values that it can have.
    low, high = (float(edge) for edge in torch.aminmax(train))

    def apply(images_nchw: Tensor) -> Tensor:
        if mode == "nearest":
            return interpolate(images_nchw, size=size, mode="nearest")
        parts = [
            interpolate(part, size=size, mode=mode, align_corners=False, antialias=smaller)
            for part in torch.split(images_nchw, _CHUNK)
        ]
        return torch.cat(parts).clamp_(low, high)

    return Fitted(apply, keeps_range=True)


def _crop(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    _needs_image(train, "Crop centre")
    height, width = params["size"] if isinstance(params["size"], tuple) else (params["size"],) * 2
    if height > train.shape[2] or width > train.shape[3]:
        raise DataProblem(
            f"Crop centre should keep {height}×{width} px, but images have "
            f"{train.shape[2]}×{train.shape[3]}. Choose a smaller size, or pad them first."
        )
    top, left = (train.shape[2] - height) // 2, (train.shape[3] - width) // 2
    return Fitted(
        lambda images_nchw: images_nchw[:, :, top : top + height, left : left + width],
        keeps_range=True,
    )


def _pad(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    _needs_image(train, "Pad")
    by, mode = int(params["padding"]), _PADDED[str(params["fill"])]
    if mode == "reflect" and by >= min(train.shape[2:]):
        raise DataProblem(
            f"Pad should reflect {by} px, but images have {train.shape[2]}×{train.shape[3]}, which can "
            f"give {min(train.shape[2:]) - 1}. Choose less, or another fill."
        )
    return Fitted(lambda images_nchw: pad(images_nchw, (by,) * 4, mode), keeps_range=True)


def _grey(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    _needs_image(train, "Grey")
    if train.shape[1] != len(_LIGHT):
        raise DataProblem(
            f"Grey needs images of three channels, but they have {train.shape[1]}. Remove the transform."
        )
    light = torch.tensor(_LIGHT).view(1, -1, 1, 1)
    return Fitted(lambda images_nchw: (images_nchw * light).sum(1, keepdim=True), keeps_range=True)


def _one_hot(train: Tensor, form: str, params: Mapping[str, Value]) -> Fitted:
    """Shapes: int64 `[n, t]` → float32 `[n, t, vocabulary]`."""
    if form != "text" or train.is_floating_point():
        raise DataProblem(f"One-hot tokens needs text, but samples are {form} data. Remove it.")
    known = int(train.max()) + 1
    return Fitted(
        lambda tokens: one_hot(tokens.clamp(max=known - 1), known).float(),
        "Tokens that no training sample has count as the last one.",
        form="sequence",
    )


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
