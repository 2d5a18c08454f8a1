"""The process that reads a foreign file: it answers with a file, and may be ended at any moment."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import torch
from safetensors.torch import save_file

from studio import layers
from studio.compile.importers import DOORS, ImportProblem
from studio.engine.protocol import Import
from studio.engine.service.importing import Told
from studio.graph.formulas import FormulaError


def main(place: Path) -> None:
    """Do what the request in a folder says, and leave the answer and the weights there."""
    request = msgspec.msgpack.decode((place / "request.msgpack").read_bytes(), type=Import)
    _read_weights_only()
    try:
        found = DOORS[request.door].bring(request.path, request.options, layers.builtin())
    except ImportProblem as problem:
        told = Told(problem=str(problem))
    except (FormulaError, RecursionError, MemoryError) as error:
        told = Told(problem=f"{Path(request.path).name} is more than can be drawn: {error}.")
    else:
        if found.weights:
            save_file(dict(found.weights), place / "weights.safetensors", metadata={"format": "pt"})
        told = Told(found.project, found.report)
    (place / "told.part").write_bytes(msgspec.msgpack.encode(told))
    (place / "told.part").replace(place / "told.msgpack")


def _read_weights_only() -> None:
    """Let nothing here unpickle more than weights, whoever asks PyTorch to."""
    load = torch.load

    def careful(*given: object, **named: object) -> object:
        return load(*given, **{**named, "weights_only": True})  # type: ignore[arg-type]

    torch.load = careful


if __name__ == "__main__":
    main(Path(sys.argv[1]))
