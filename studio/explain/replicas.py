"""A replica: the same network apart from the one that trains, in evaluation mode and float32."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.explain.question import ExplainProblem

_NAMED = 3


def replica(module: nn.Module, weights: str | Path = "") -> nn.Module:
    """Return a copy of `module` to ask questions of, with the weights of a safetensors file.

    Evaluation mode, float32, channels-first, on the CPU, no parameter asks for gradients. "" keeps the
    weights that the module has.

    Raises: `ExplainProblem` where the file cannot be read, is of another network, or holds NaN.
    """
    twin: nn.Module = copy.deepcopy(module).to("cpu", torch.float32)
    twin = twin.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's stubs lack it
    if weights:
        _load(twin, Path(weights))
    bad = next((name for name, value in twin.state_dict().items() if not _finite(value)), "")
    if bad:
        raise ExplainProblem(
            f"The weights of {bad.rpartition('.')[0] or bad} hold values that are not finite numbers, so "
            "nothing can be explained. Choose weights from an earlier step."
        )
    twin.eval()
    return twin.requires_grad_(False)


def _load(module: nn.Module, path: Path) -> None:
    try:
        given = load_file(path)
    except FileNotFoundError:
        raise ExplainProblem(
            f"There are no weights at {path}. Choose another step, or train again."
        ) from None
    except (SafetensorError, OSError) as error:
        raise ExplainProblem(
            f"The weights in {path.name} cannot be read ({error}). Choose another step."
        ) from error
    wanted = module.state_dict()
    differences = _differences(wanted, given)
    if differences:
        more = len(differences) - _NAMED
        shown = "; ".join(differences[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise ExplainProblem(
            f"The weights in {path.name} are of another network: {shown}. "
            "Open the project as it was when this run began, or train again."
        )
    module.load_state_dict(given, strict=True)


def _differences(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    missing = [f"{name} is missing there" for name in wanted if name not in given]
    extra = [f"{name} exists only there" for name in given if name not in wanted]
    shapes = [
        f"{name} is {_shape(given[name])} there and {_shape(value)} here"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    return shapes + missing + extra


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"


def _finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())
