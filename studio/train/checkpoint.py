"""States of a run: in memory, to go back to, and on disk, to keep.

`<step>.safetensors` holds the weights alone, under PyTorch's own names, so that anything can load
it; `<step>.state.safetensors` and `<step>.json` hold what going on from there would need: optimiser,
schedule, random numbers, the position in the data and how the run stood. Networks other than `main`
have their role before their names (`generator/conv1.weight`). Where a run averages its weights, the
average is what answers: it is in the first file, and the weights that learn are in the second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.optim import Optimizer

from studio.engine.runs import CHECKPOINTS, FORMAT, SNAPSHOTS, put
from studio.graph.files import write_atomically

#: Snapshots that stay: whoever asked for one may still be reading the one before.
_SNAPSHOTS_KEPT = 3

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class State:
    """Everything that the next step depends on; tensors are copies.

    `average` are the averaged weights, where there are any; `steered` is what was changed while
    running; `course` is what the trainer knows of the run so far.
    """

    step: int
    epoch: int
    batch: int
    weights: Weights
    optimizers: tuple[dict[str, Any], ...]
    schedule: dict[str, Any]
    random: dict[str, Tensor]
    average: Weights = field(default_factory=dict)
    scalers: tuple[dict[str, Any], ...] = ()
    steered: dict[str, Any] = field(default_factory=dict)
    course: dict[str, Any] = field(default_factory=dict)

    @property
    def answering(self) -> Weights:
        """The weights that answer: averaged where the run averages them."""
        return {**self.weights, **self.average}


def weights_of(networks: Mapping[str, nn.Module]) -> Weights:
    """Return copies of all parameters and buffers on the CPU, dense and contiguous."""
    found: Weights = {}
    for role, network in networks.items():
        prefix = "" if role == "main" else f"{role}/"
        for name, tensor in network.state_dict().items():
            found[prefix + name] = _copy(tensor)
    return found


def load_weights(networks: Mapping[str, nn.Module], weights: Mapping[str, Tensor]) -> None:
    """Copy weights into the networks, in place."""
    for role, network in networks.items():
        prefix = "" if role == "main" else f"{role}/"
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                tensor.copy_(weights[prefix + name])


def _copy(tensor: Tensor) -> Tensor:
    # A dense copy in the usual order: files and comparisons do not depend on the memory format.
    return tensor.detach().to("cpu", copy=True).contiguous()


def copied(value: Any) -> Any:
    """Return a nested value with its tensors copied to the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(copied(part) for part in value)
    return value


def restore_optimizers(optimizers: Sequence[Optimizer], states: Sequence[dict[str, Any]]) -> None:
    """Put optimisers back into earlier states; the states stay untouched."""
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict(copied(state))
        # Files hold tensors in the usual order, but fused optimisers go through weights and what they
        # remember of them side by side as they lie in memory.
        for parameter, held in optimizer.state.items():
            for name, value in held.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    held[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def is_finite(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether every weight is a number."""
    return all(bool(t.isfinite().all()) for t in weights.values() if t.is_floating_point())


# -------------------------------------------------------------------------------------------- disk


class Keeper:
    """Keeps the best and the last weights of a run on disk, and those that are to stay for good.

    Opened on the folder of an earlier run, it goes on with what is there, up to the step `since`.
    """

    def __init__(self, run_folder: str, since: int | None = None) -> None:
        self._folder = Path(run_folder) / CHECKPOINTS
        self._snapshots = Path(run_folder) / SNAPSHOTS
        self.best: int | None = None
        self.last: int | None = None
        self.kept: set[int] = set()
        if since is not None:
            self._take_over(since)

    def _take_over(self, since: int) -> None:
        self.last = since
        for path in sorted(self._folder.glob("*.json")):
            try:
                about = msgspec.json.decode(path.read_bytes(), type=dict)
                step = int(path.stem)
            except (OSError, ValueError, RecursionError):
                continue
            if step <= since and about.get("best"):
                self.best = step
            if step <= since and about.get("kept"):
                self.kept.add(step)

    def path(self, step: int) -> Path:
        """Return where the weights of a step are, or would be."""
        return self._folder / f"{step}.safetensors"

    @property
    def newest(self) -> int | None:
        """The latest step whose weights are on disk, or None."""
        steps = [step for step in (self.best, self.last) if step is not None]
        return max(steps) if steps else None

    def save_best(self, step: int, weights: Weights, about: Mapping[str, Any]) -> int:
        """Write the best weights; returns their size in bytes.

        Raises: OSError; what was kept before is still there then.
        """
        size = self._write(step, weights, {**about, "best": True})
        self.best = step
        self._prune()
        return size

    def save_last(
        self, state: State, about: Mapping[str, Any], best: bool, keep: bool = False
    ) -> int:
        """Write the last weights and all that going on needs; returns their size in bytes.

        With `keep` they stay when they are no longer the last.
        Raises: OSError; what was kept before is still there then.
        """
        skeleton, tensors = _apart(
            {
                "optimizers": list(state.optimizers),
                "random": state.random,
                "schedule": state.schedule,
                "learning": state.weights if state.average else {},
                "scalers": list(state.scalers),
                "steered": state.steered,
                "course": state.course,
            }
        )
        put(self._folder / f"{state.step}.state.safetensors", save(tensors))
        position = {"epoch": state.epoch, "batch": state.batch}
        about = {**about, **position, "best": best, "kept": keep, "state": skeleton}
        size = self._write(state.step, state.answering, about)
        self.last = state.step
        self.best = state.step if best else self.best
        if keep:
            self.kept.add(state.step)
        self._prune()
        return size

    def snapshot(self, step: int, weights: Weights) -> Path:
        """Write weights that somebody asked for; older snapshots go.

        Raises: OSError.
        """
        path = self._snapshots / f"{step}.safetensors"
        if not path.exists():
            put(path, save(weights))
        kept = sorted(self._snapshots.glob("*.safetensors"), key=lambda file: int(file.stem))
        for old in kept[:-_SNAPSHOTS_KEPT]:
            old.unlink(missing_ok=True)
        return path

    def _write(self, step: int, weights: Weights, about: Mapping[str, Any]) -> int:
        # The weights last: a checkpoint that is there is whole.
        raw = msgspec.json.encode({"format": FORMAT, "step": step, **about})
        put(self.path(step).with_suffix(".json"), raw)
        content = save(weights)
        write_atomically(self.path(step), content)
        return len(content)

    def _prune(self) -> None:
        stay = {str(step) for step in (self.best, self.last, *self.kept) if step is not None}
        whole = {str(step) for step in (self.last, *self.kept) if step is not None}
        for file in self._folder.iterdir():
            step, _, kind = file.name.partition(".")
            if step not in stay or (kind == "state.safetensors" and step not in whole):
                with contextlib.suppress(OSError):
                    file.unlink()


def read_state(weights_path: Path) -> State:
    """Return the state that a last checkpoint holds.

    Raises: OSError, ValueError, KeyError, where it is not whole.
    """
    about = msgspec.json.decode(weights_path.with_suffix(".json").read_bytes(), type=dict)
    tensors = load_file(weights_path.with_suffix(".state.safetensors"))
    parts = _together(about["state"], tensors)
    answering = load_file(weights_path)
    learning = parts.get("learning", {})
    return State(
        step=about["step"],
        epoch=about["epoch"],
        batch=about["batch"],
        weights=learning or answering,
        optimizers=tuple(parts["optimizers"]),
        schedule=parts["schedule"],
        random=parts["random"],
        average=answering if learning else {},
        scalers=tuple(parts.get("scalers", ())),
        steered=parts.get("steered", {}),
        course=parts.get("course", {}),
    )


def _apart(value: Any) -> tuple[Any, Weights]:
    """Return a nested value with tensors replaced by references, and the tensors by reference."""
    tensors: Weights = {}

    def walk(part: Any) -> Any:
        if isinstance(part, Tensor):
            name = str(len(tensors))
            tensors[name] = part.contiguous()
            return {"tensor": name}
        if isinstance(part, Mapping):
            return {"map": [[key, walk(inner)] for key, inner in part.items()]}
        if isinstance(part, tuple):
            return {"tuple": [walk(inner) for inner in part]}
        if isinstance(part, list):
            return [walk(inner) for inner in part]
        return part

    return walk(value), tensors


def _together(skeleton: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(skeleton, list):
        return [_together(part, tensors) for part in skeleton]
    if not isinstance(skeleton, Mapping):
        return skeleton
    if "tensor" in skeleton:
        return tensors[skeleton["tensor"]]
    if "tuple" in skeleton:
        return tuple(_together(part, tensors) for part in skeleton["tuple"])
    return {key: _together(inner, tensors) for key, inner in skeleton["map"]}
