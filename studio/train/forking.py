"""A run that begins with the weights of another: what fits is taken over, the rest is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from studio.train.options import TrainProblem

#: So many names are told; more are counted.
_TOLD = 4


def take_over(networks: Mapping[str, nn.Module], path: Path) -> str:
    """Copy a checkpoint's weights into networks; return the sentence about what did not fit, or "".

    Raises: TrainProblem, where the checkpoint cannot be read or nothing of it fits.
    """
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TrainProblem(
            f"The checkpoint {path.name} cannot be read ({reason.lower()}). Fork from another one."
        ) from None
    taken, fresh = 0, []
    with torch.no_grad():
        for role, network in networks.items():
            prefix = "" if role == "main" else f"{role}/"
            for name, tensor in network.state_dict().items():
                held = found.pop(prefix + name, None)
                if held is not None and held.shape == tensor.shape:
                    tensor.copy_(held)
                    taken += 1
                else:
                    fresh.append(prefix + name)
    if not taken:
        raise TrainProblem(
            f"Nothing of the checkpoint {path.name} fits this network: no weight has the same name and "
            "shape. Train afresh, or fork from a run of a network like it."
        )
    parts = []
    if fresh:
        parts.append(f"{_listed(fresh)} started afresh, as the checkpoint has none of that shape")
    if found:
        parts.append(f"{_listed(sorted(found))} of the checkpoint found no place")
    return f"{taken} weights were taken over; {'; '.join(parts)}." if parts else ""


def _listed(names: list[str]) -> str:
    told = ", ".join(names[:_TOLD])
    return f"{told} and {len(names) - _TOLD} more" if len(names) > _TOLD else told
