"""Weights of a file onto a network: what both have, and the file that the network starts from then."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from studio.compile.importers.weights import carried, listed, read_weights, told, weights_of
from studio.engine import protocol as p
from studio.engine.service.importing import kept
from studio.engine.service.shelf import Shelf
from studio.graph.project import Project


def names(shelf: Shelf, request: p.GetWeightNames) -> p.WeightNames:
    """Return the names and shapes of the network and of the file.

    Raises: ImportProblem, Unfinished, DataProblem.
    """
    given = read_weights(Path(request.path))
    module = _module(shelf, request.project)
    return p.WeightNames(weights_of(module, request.project, "main"), listed(given))


def take(shelf: Shelf, request: p.TakeWeights) -> p.WeightsTaken:
    """Write the weights that the network starts from: those that are taken, over those it has already.

    Raises: ImportProblem, Unfinished, DataProblem.
    """
    path = Path(request.path)
    given = read_weights(path)
    module = _module(shelf, request.project)
    found = carried(module, given, request.pairs)
    whole = {**_present(module, request.project.weights), **found}
    ours = weights_of(module, request.project, "main")
    with tempfile.TemporaryDirectory(prefix="neuroloom-weights-") as place:
        aside = Path(place) / "weights.safetensors"
        save_file(whole, aside, metadata={"format": "pt"})
        target = kept(aside, Path(request.folder), path.stem)
    return p.WeightsTaken(str(target), tuple(told(ours, given, request.pairs)))


def _module(shelf: Shelf, project: Project) -> nn.Module:
    return shelf.module(project, "main", shelf.dataset(project.data).facts)


def _present(module: nn.Module, path: str) -> Mapping[str, Tensor]:
    """Return the weights that the network starts from so far, where they still fit."""
    if not path:
        return {}
    try:
        known = load_file(path)
    except (SafetensorError, OSError):
        return {}  # they are gone, and are being replaced
    return {
        name: known[name]
        for name, value in module.state_dict().items()
        if name in known and known[name].shape == value.shape
    }
