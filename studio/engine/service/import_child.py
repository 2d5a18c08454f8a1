"""The process that reads a foreign file: it answers with a file, and may be ended at any moment.

It waits for a line on its standard input: until then it loads what reading will need.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import msgspec
import torch
from safetensors.torch import save_file

from studio import layers
from studio.compile.importers import DOORS, ImportProblem
from studio.compile.importers.module import warm_up
from studio.engine.protocol import Import
from studio.engine.service.foreign import ANSWER, REQUEST, WEIGHTS, Told
from studio.graph.formulas import FormulaError


def main(place: Path) -> None:
    """Do what the request in a folder says, and leave the answer and the weights there."""
    specs = layers.builtin()
    if not (place / REQUEST).exists():
        warm_up(specs)
    if not _asked():
        return
    request = msgspec.msgpack.decode((place / REQUEST).read_bytes(), type=Import)
    _read_weights_only()
    gc.freeze()  # all that is loaded stays: no collection need look through it
    try:
        found = DOORS[request.door].bring(request.path, request.options, specs)
    except ImportProblem as problem:
        told = Told(problem=str(problem))
    except (FormulaError, RecursionError, MemoryError) as error:
        told = Told(problem=f"{Path(request.path).name} is more than can be drawn: {error}.")
    else:
        if found.weights:
            save_file(dict(found.weights), place / WEIGHTS, metadata={"format": "pt"})
        told = Told(found.project, found.report)
    (place / "told.part").write_bytes(msgspec.msgpack.encode(told))
    (place / "told.part").replace(place / ANSWER)


def _asked() -> bool:
    """Wait for the line that says that the request is there; False where nobody is left to ask."""
    asked = bool(sys.stdin.buffer.readline())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())  # foreign code that asks for a line finds no one
    os.close(nothing)
    return asked


def _read_weights_only() -> None:
    """Let nothing here unpickle more than weights, whoever asks PyTorch to."""
    load = torch.load

    def careful(*given: object, **named: object) -> object:
        return load(*given, **{**named, "weights_only": True})  # type: ignore[arg-type]

    torch.load = careful


if __name__ == "__main__":
    main(Path(sys.argv[1]))
