"""A `.pt2` file: a program that `torch.export` wrote, with its weights."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping

import torch

from studio.compile.importers.checking import finished, first_line
from studio.compile.importers.coming import Imported, ImportProblem
from studio.compile.importers.reading import read_program
from studio.graph.spec import LayerSpec


def import_program(
    path: str, options: Mapping[str, str], specs: Mapping[str, LayerSpec]
) -> Imported:
    """Return the network of a `.pt2` file.

    Raises: ImportProblem.
    """
    if not zipfile.is_zipfile(path):
        raise ImportProblem(
            f"{path} is no exported program. Give a .pt2 file that torch.export.save wrote."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.export.load(path)
        except Exception as error:  # whatever a broken or foreign archive raises
            raise ImportProblem(
                f"{path} cannot be read as an exported program ({first_line(error)}). Give a .pt2 file "
                "that torch.export.save wrote with this version of PyTorch or an earlier one."
            ) from None
        traced = read_program(program, specs)
        return finished(traced, program.state_dict, program.module(), specs)
