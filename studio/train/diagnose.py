"""Why a run cannot go on: where numbers stopped being numbers, and what an error means in words."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from studio.compile.build import GENERATED
from studio.data import DataProblem
from studio.graph.files import FileProblem
from studio.graph.graph import INPUT, OUTPUT
from studio.train.options import TrainProblem
from studio.train.paths import NodePath, Owners


class Diverged(Exception):
    """The loss or a weight is no number any more: `what` happened at `step`, and what may help.

    `node` is where that began, "" where unknown.
    """

    def __init__(self, what: str, advice: str, step: int, node: str) -> None:
        super().__init__(f"{what} Training stopped. {advice}")
        self.what, self.advice = what, advice
        self.step = step
        self.node = node


@dataclass(frozen=True)
class Origin:
    """Where a value that is no number first appeared: a node's path, and what happened in words."""

    node: str
    what: str


def first_output(
    network: nn.Module, nodes: tuple[NodePath, ...], inputs: Sequence[Tensor]
) -> tuple[Origin | None, list[str]]:
    """Run a batch forward as the step did and return the first node with an output that is no number.

    Also returns the paths of all nodes in order of execution. Buffers (BatchNorm) change as they do
    in any step: the caller puts its state back afterwards.
    """
    if not all(bool(tensor.isfinite().all()) for tensor in inputs):
        return Origin("", "the data itself holds values that are not finite numbers"), []
    by_path = {node.path: node for node in nodes}
    order: list[str] = []
    found: list[Origin] = []

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        node = by_path.get(path)
        if node is None or node.kind in (INPUT, OUTPUT):
            return tensor
        if path not in order:
            order.append(path)
        if not found and tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            found.append(
                Origin(path, f"{node.name} was the first layer whose output was no finite number")
            )
        return tensor

    with torch.no_grad():
        network.forward_tapped(*inputs, tap)  # type: ignore[operator]
    return (found[0] if found else None), order


def bad_gradients(network: nn.Module, nodes: tuple[NodePath, ...]) -> list[NodePath]:
    """Return the nodes whose gradients, as the last step left them, are not all finite."""
    owners = Owners(network, nodes).of
    found: list[NodePath] = []
    for name, parameter in network.named_parameters():
        owner = owners[name]
        if owner is None or parameter.grad is None or owner in found:
            continue
        if not bool(parameter.grad.isfinite().all()):
            found.append(owner)
    return found


def origin_of_gradient(bad: list[NodePath], order: list[str]) -> Origin | None:
    """Return the node in which a gradient went wrong first: backwards, the last one executed."""
    executed = [node for node in bad if node.path in order]
    if not executed:
        return None
    node = max(executed, key=lambda each: order.index(each.path))
    return Origin(
        node.path,
        f"outputs were finite, but {node.name} was the first layer, backwards, whose gradient was not",
    )


def origin_of_weights(
    network: nn.Module, nodes: tuple[NodePath, ...], after: Mapping[str, Tensor]
) -> Origin | None:
    """Return the first node whose weights the optimiser's step made infinite."""
    owners = Owners(network, nodes).of
    for name, owner in owners.items():
        if owner is not None and name in after and not bool(after[name].isfinite().all()):
            return Origin(owner.path, f"the step itself made the weights of {owner.name} infinite")
    return None


# ------------------------------------------------------------------------------------------- errors

_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on whichever device."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in _MEMORY)


def sentence(
    error: Exception, step: int, batch_size: int, device: str, kept: str, where: str = ""
) -> str:
    """Return what a person is told of an error that ended a run; `kept` says what was saved of it.

    `where` names the node that was computing, where there was one.
    """
    if isinstance(error, (TrainProblem, DataProblem, FileProblem)):
        return str(error)
    if isinstance(error, Diverged):
        return f"{error} {kept}".strip()
    if is_out_of_memory(error):
        smaller = max(1, batch_size // 2)
        advice = (
            f"Try a batch size of {smaller}, or a smaller network."
            if batch_size > 1
            else "Try a smaller network, or another device."
        )
        return (
            f"Memory of {device} ran out at step {step + 1} with batches of {batch_size} samples. "
            f"{advice} {kept}".strip()
        )
    if isinstance(error, OSError):
        place = f" ({error.filename})" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return (
                f"The disk is full: the run could not be written down at step {step}{place}. "
                f"Free some space and train again. {kept}".strip()
            )
        return (
            f"The run's folder could not be written at step {step}{place}: "
            f"{error.strerror or error}. Check that the folder is there and may be written. {kept}"
        ).strip()
    places = [
        frame.line
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(GENERATED) and frame.line
    ]
    # From the statement of the network down to the line of a node's own code, where it was there.
    at = ", at " + ", in ".join(f"`{line}`" for line in dict.fromkeys(places)) if places else ""
    first = (str(error).strip().splitlines() or ["no message"])[0]
    if "does not have a deterministic implementation" in first:
        return (
            f"An operation of this network does not repeat itself bit for bit on {device}{at}: {first} "
            f"Turn deterministic off in the recipe, or choose another device. {kept}"
        ).strip()
    at += _raised_in(error)
    if where:
        at = f" in {where}{at}"
    return (
        f"Training ended by an error at step {step + 1}{at}: {type(error).__name__}: {first} "
        f"The details say where. {kept}".strip()
    )


def _raised_in(error: Exception) -> str:
    """Return the file and line of a learner, a transform or a layer that raised, "" for generated code."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("<"):
            return ""
        path = Path(frame.filename)
        if "torch" not in path.parts:
            return f" (in {path.name}, line {frame.lineno})"
    return ""
