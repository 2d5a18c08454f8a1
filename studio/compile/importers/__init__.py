"""Coming in: networks that were written elsewhere, as graphs that can be edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from studio.compile.importers.coming import Imported, ImportProblem
from studio.compile.importers.module import import_module
from studio.compile.importers.onnx import import_onnx
from studio.compile.importers.program import import_program
from studio.graph.spec import LayerSpec

Bring = Callable[[str, Mapping[str, str], Mapping[str, LayerSpec]], Imported]


class Door(NamedTuple):
    """A way in: what it is called, the endings of its files, and whether it runs foreign Python."""

    title: str
    suffixes: tuple[str, ...]
    runs_code: bool
    bring: Bring


DOORS: Mapping[str, Door] = {
    "module": Door("PyTorch module", (".py",), True, import_module),
    "pt2": Door("Exported program", (".pt2",), False, import_program),
    "onnx": Door("ONNX", (".onnx",), False, import_onnx),
}


def door_for(path: str) -> str:
    """Return the door that a path goes through: by its ending; a dotted name is a module's.

    Raises: ImportProblem.
    """
    suffix = Path(path).suffix.lower()
    for kind, door in DOORS.items():
        if suffix in door.suffixes:
            return kind
    if "/" not in path and "\\" not in path and not Path(path).exists():
        return "module"
    known = ", ".join(suffix for door in DOORS.values() for suffix in door.suffixes)
    raise ImportProblem(f"{Path(path).name} is none of the files that can be imported: {known}.")


__all__ = ["DOORS", "Door", "ImportProblem", "Imported", "door_for"]
