"""Weights alone, in a safetensors file."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from studio.compile.exporters.leaving import Leaving, put
from studio.graph.report import ReportLine


def write(leaving: Leaving, path: Path) -> list[ReportLine]:
    """Write the `state_dict` under PyTorch's names.

    Raises: OSError.
    """
    state = {
        name: value.contiguous().clone() for name, value in leaving.module.state_dict().items()
    }
    put(path, lambda aside: save_file(state, aside, metadata={"format": "pt"}))
    total = sum(value.numel() for value in state.values())
    origin = (
        "as the run left them"
        if leaving.trained
        else "fresh ones: this network has not been trained"
    )
    return [ReportLine("exact", f"{len(state)} tensors with {total:,} numbers, {origin}.")]
