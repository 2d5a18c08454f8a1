"""A `state_dict`, as PyTorch or safetensors wrote it, onto a network that is there."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from studio.compile.importers.checking import first_line
from studio.compile.importers.coming import ImportProblem
from studio.graph.project import Project
from studio.graph.report import ReportLine
from studio.graph.unfold import unfold
from studio.graph.weight_match import Weight, natural

#: Files of weights are read whole; larger ones would fill the memory.
LARGEST_BYTES = 16 << 30
#: Where training programs put a `state_dict` inside what they save.
_INSIDE = ("state_dict", "model_state_dict", "model", "weights", "params", "net", "module")
_NAMED = 3


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, in the network's order where the file keeps it.

    No code of the file is run: what is more than tensors is refused.
    Raises: ImportProblem.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise ImportProblem(f"{path} cannot be read ({error.strerror or error}).") from None
    if size > LARGEST_BYTES:
        raise ImportProblem(
            f"{path.name} is larger than {LARGEST_BYTES >> 30} GiB, which is too much."
        )
    if len(start) == 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size:
        return _safetensors(path)
    return _pickled(path)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        given = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ImportProblem(
            f"{path.name} is no whole safetensors file ({first_line(error)}). Save or download it again."
        ) from None
    return {name: given[name] for name in sorted(given, key=natural)}


def _pickled(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error).lower():
            raise ImportProblem(_no_weights(path, first_line(error))) from None
        raise ImportProblem(
            f"{path.name} holds more than weights, and what is more could run code, so it was not opened. "
            "Where it comes from, save torch.save(model.state_dict(), file) instead."
        ) from None
    except Exception as error:  # whatever a file that is none of PyTorch's raises
        raise ImportProblem(_no_weights(path, first_line(error))) from None
    found = _state(given)
    if not found:
        raise ImportProblem(_no_weights(path, "it holds no tensors by name"))
    return found


def _no_weights(path: Path, why: str) -> str:
    return (
        f"{path.name} is no file of weights ({why}). Give a safetensors file, or one that "
        "torch.save(model.state_dict(), file) wrote."
    )


def _state(given: Any, depth: int = 0) -> dict[str, Tensor]:
    if not isinstance(given, Mapping) or depth > 3:
        return {}
    found = {
        str(name): value.detach().to_dense() if value.is_sparse else value.detach()
        for name, value in given.items()
        if isinstance(value, Tensor) and not value.is_quantized and not value.is_complex()
    }
    if found:
        return found
    for name in _INSIDE:
        inner = _state(given.get(name), depth + 1)
        if inner:
            return inner
    return {}


def listed(given: Mapping[str, Tensor]) -> tuple[Weight, ...]:
    """Return the tensors of a file as names and shapes."""
    return tuple(Weight(name, tuple(value.shape)) for name, value in given.items())


def weights_of(module: nn.Module, project: Project, network: str) -> tuple[Weight, ...]:
    """Return what a network learns and keeps, with the node that each belongs to."""
    places = {found.dotted: found.path for found in unfold(project, network)}
    found = []
    for name, value in module.state_dict().items():
        owner = name
        while owner and owner not in places:
            owner = owner.rpartition(".")[0]
        found.append(Weight(name, tuple(value.shape), places.get(owner, "")))
    return tuple(found)


def carried(
    module: nn.Module, given: Mapping[str, Tensor], pairs: Mapping[str, str]
) -> dict[str, Tensor]:
    """Return the weights that are carried over (ours → theirs), in the network's own types.

    Raises: ImportProblem, where a name is not there, a shape is another, or a number is not finite.
    """
    wanted = module.state_dict()
    found: dict[str, Tensor] = {}
    for ours, theirs in pairs.items():
        if ours not in wanted or theirs not in given:
            gone, where = (ours, "the network") if ours not in wanted else (theirs, "the file")
            raise ImportProblem(f"There is no {gone} in {where} any more. Match the weights again.")
        value = given[theirs].to(wanted[ours].dtype)
        if value.shape != wanted[ours].shape:
            raise ImportProblem(
                f"{theirs} is {_size(value)} in the file and {ours} is {_size(wanted[ours])} here. "
                "Choose another match for it, or none."
            )
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ImportProblem(
                f"{theirs} holds values that are not finite numbers, so it was not taken. Choose no match "
                "for it, or another file."
            )
        found[ours] = value.contiguous().clone()
    if not found:
        raise ImportProblem(
            "Nothing in the file matches this network. Change the rule for names, or choose matches."
        )
    return found


def told(
    ours: tuple[Weight, ...], given: Mapping[str, Tensor], pairs: Mapping[str, str]
) -> Iterator[ReportLine]:
    """Yield what became of each weight, what is missing first."""
    for one in ours:
        if one.name not in pairs:
            text = f"{one.name} ({one.size}) got nothing and keeps its start."
            yield ReportLine("missing", text, one.path)
    left = [name for name in given if name not in set(pairs.values())]
    if left:
        shown = ", ".join(left[:_NAMED]) + (
            f" and {len(left) - _NAMED} more" if left[_NAMED:] else ""
        )
        yield ReportLine(
            "approximated", f"Of the file, {len(left)} tensors were not used: {shown}."
        )
    for one in ours:
        theirs = pairs.get(one.name)
        if theirs is not None:
            source = "" if theirs == one.name else f" from {theirs}"
            yield ReportLine("exact", f"{one.name} ({one.size}){source}.", one.path)


def _size(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "one number"
