"""Weights that a network starts from instead of random ones: an import's, or an earlier training's."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn


class StartProblem(ValueError):
    """Weights that cannot be started from; the message is a sentence for the person."""


def start_from(module: nn.Module, path: Path) -> None:
    """Fill a network in place with the weights of a safetensors file, by name.

    What the file has not, or has in another shape, keeps its fresh start: layers may have been added or
    changed since.
    Raises: StartProblem, where the file cannot be read or has nothing for this network.
    """
    try:
        given = load_file(path)
    except (SafetensorError, OSError) as error:
        reason = "it is not there" if isinstance(error, FileNotFoundError) else str(error)
        raise StartProblem(
            f"The weights that this network starts from, {path}, cannot be read: {reason}. Put the file "
            "back, or start afresh."
        ) from None
    fits = {
        name: value
        for name, value in module.state_dict().items()
        if name in given and given[name].shape == value.shape
    }
    if not fits:
        raise StartProblem(
            f"{path.name} holds no weight that this network has. Start afresh, or import the network again."
        )
    with torch.no_grad():
        for name, value in fits.items():
            value.copy_(given[name])
