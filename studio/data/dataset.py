"""A dataset: resident tensors by split, and the facts that a person sees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data.source import DataProblem, Loaded, Source
from studio.data.split import divide
from studio.data.transforms import STANDARDIZE, Fitted, Transform
from studio.graph.catalog import UnknownKind, find_kind
from studio.graph.facts import DataFacts, TensorType
from studio.graph.params import ParamError, check_params, with_defaults
from studio.graph.project import DataRef, Step


@dataclass(frozen=True)
class Samples:
    """Inputs `[n, …]`, targets `[n, …]` in the form of the task (`DataFacts`), and further inputs by name.

    `more` feeds the network's inputs of those names; its tensors have the samples in front as well.
    """

    inputs: Tensor
    targets: Tensor
    more: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    def each(self, change: Callable[[Tensor], Tensor]) -> Samples:
        """Return the samples with every tensor changed alike."""
        more = {name: change(tensor) for name, tensor in self.more.items()}
        return Samples(change(self.inputs), change(self.targets), more)

    def slice(self, start: int, stop: int) -> Samples:
        """Return the samples from `start` up to, not including, `stop`; views, not copies."""
        return self.each(lambda tensor: tensor[start:stop])

    def take(self, positions: Tensor) -> Samples:
        """Return copies of the samples at `positions`, in that order."""
        return self.each(lambda tensor: tensor.index_select(0, positions))

    def fed(self, names: Sequence[str]) -> tuple[Tensor, ...]:
        """Return what a network's inputs of these names get: `more` by name, `inputs` for any other.

        Without names it is `inputs` alone.
        """
        return tuple(self.more.get(name, self.inputs) for name in names) or (self.inputs,)

    def to(self, device: torch.device) -> Samples:
        """Return the samples on `device`."""
        return self.each(lambda tensor: tensor.to(device))


@dataclass(frozen=True)
class Dataset:
    """What a network learns from; every tensor is resident on the CPU and never written to."""

    facts: DataFacts
    train: Samples
    validation: Samples
    test: Samples

    def split(self, name: str) -> Samples:
        """Return the split named `train`, `validation` or `test`.

        Raises: DataProblem.
        """
        match name:
            case "train":
                return self.train
            case "validation":
                return self.validation
            case "test":
                return self.test
        raise DataProblem(f"There is no split named {name!r}. Choose train, validation or test.")


def open_dataset(
    ref: DataRef,
    base: Path,
    sources: Mapping[str, Source],
    transforms: Mapping[str, Transform],
) -> Dataset:
    """Load, split and transform; transforms learn what they learn from training samples alone.

    Raises: DataProblem.
    """
    source, params = _source(ref, sources)
    loaded = source.load(params, base)
    if not len(loaded.targets):
        raise DataProblem(f"{loaded.title} holds no samples. Choose data with at least two.")
    warnings: list[str] = []
    parts = loaded.parts
    if parts is None:
        stratify = loaded.task == "classification"
        parts, warnings = divide(loaded.targets, stratify, ref.split, ref.seed)
    whole = torch.from_numpy(loaded.inputs)
    inputs = [whole[torch.from_numpy(part)] for part in parts]
    form, features, notes = loaded.form, loaded.features, list(loaded.notes)
    scale = loaded.scale
    for step in _steps(ref, params):
        fitted = _fit(step, transforms, inputs[0], form)
        inputs = [fitted.apply(part) if len(part) else part for part in inputs]
        inputs = _agree(inputs)
        form = fitted.form or form
        scale = scale if fitted.keeps_range else None
        features = features if fitted.keeps_features else ()
        if fitted.note:
            notes.append(fitted.note)
    targets, shift, spread = _targets(loaded, parts, bool(params.get("standardize")))
    if spread:
        notes.append(
            "The target is standardised by the training samples "
            f"(mean {shift[0]:.4g}, deviation {spread[0]:.4g}); val_mae is in its own units."
        )
    more = {name: torch.from_numpy(array) for name, array in loaded.more.items()}
    splits = [
        Samples(
            x.contiguous(), y, {name: whole[torch.from_numpy(p)] for name, whole in more.items()}
        )
        for x, y, p in zip(inputs, targets, parts, strict=True)
    ]
    facts = DataFacts(
        title=loaded.title,
        train=len(splits[0]),
        validation=len(splits[1]),
        test=len(splits[2]),
        sample=_type(splits[0].inputs),
        more={name: _type(tensor) for name, tensor in splits[0].more.items()},
        form=form,
        task=loaded.task,
        classes=loaded.classes,
        vocabulary=loaded.vocabulary,
        target_shape=tuple(splits[0].targets.shape[1:]),
        target_names=loaded.target_names,
        target_mean=shift,
        target_std=spread,
        features=features,
        balance=_balance(loaded),
        value_range=scale or _range(splits[0].inputs),
        warnings=(*warnings, *_warnings(loaded, len(parts[0]))),
        notes=tuple(notes),
        fingerprint=_fingerprint(loaded),
        bytes=sum(_size(part.inputs) + _size(part.targets) for part in splits),
    )
    return Dataset(facts, *splits)


def _source(ref: DataRef, sources: Mapping[str, Source]) -> tuple[Source, dict[str, object]]:
    try:
        kind = find_kind({kind: source.spec for kind, source in sources.items()}, ref.kind, "data")
        source = sources[kind]
        given = check_params(source.spec.params, ref.params)
    except (UnknownKind, ParamError) as error:
        raise DataProblem(str(error)) from None
    return source, with_defaults(source.spec.params, given)


def _steps(ref: DataRef, params: Mapping[str, object]) -> Sequence[Step]:
    """The transforms of a reference, with the standardising that its source's setting asks for."""
    asked = any(step.kind == STANDARDIZE for step in ref.transforms)
    if params.get("standardize") and not asked:
        return (Step(STANDARDIZE), *ref.transforms)
    return ref.transforms


def _fit(step: Step, transforms: Mapping[str, Transform], train: Tensor, form: str) -> Fitted:
    try:
        kind = find_kind({k: t.spec for k, t in transforms.items()}, step.kind, "transform")
        transform = transforms[kind]
        given = check_params(transform.spec.params, step.params)
    except (UnknownKind, ParamError) as error:
        raise DataProblem(str(error)) from None
    return transform.fit(train, form, with_defaults(transform.spec.params, given))


def _agree(parts: list[Tensor]) -> list[Tensor]:
    """Give empty splits the shape of the transformed training samples."""
    return [part if len(part) else parts[0][:0] for part in parts]


def _targets(
    loaded: Loaded, parts: Sequence[NDArray[np.int64]], standardize: bool
) -> tuple[list[Tensor], tuple[float, ...], tuple[float, ...]]:
    whole = torch.from_numpy(loaded.targets)
    pieces = [whole[torch.from_numpy(part)] for part in parts]
    if loaded.task != "regression" or not standardize:
        return pieces, (), ()
    mean = pieces[0].double().mean(0)
    std = pieces[0].double().std(0, correction=0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    scaled = [((piece.double() - mean) / std).float() for piece in pieces]
    return scaled, tuple(mean.tolist()), tuple(std.tolist())


def _balance(loaded: Loaded) -> tuple[int, ...]:
    if loaded.task != "classification":
        return ()
    counts = np.bincount(loaded.targets.astype(np.int64), minlength=len(loaded.classes))
    return tuple(int(count) for count in counts)


def _range(inputs: Tensor) -> tuple[float, float]:
    low, high = torch.aminmax(inputs)
    return float(low), float(high)


def _type(samples: Tensor) -> TensorType:
    return TensorType(tuple(samples.shape[1:]), str(samples.dtype).removeprefix("torch."))


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _fingerprint(loaded: Loaded) -> str:
    """A hash of what came in, so that a run can say later whether its data is still the same."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (loaded.inputs, loaded.targets, *loaded.more.values()):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\0".join(loaded.classes).encode())
    return digest.hexdigest()


def _warnings(loaded: Loaded, train: int) -> list[str]:
    found: list[str] = []
    if train < 50:
        found.append(f"Only {train} samples to train on: figures will vary much from seed to seed.")
    counts = _balance(loaded)
    if counts and min(counts) * 5 < max(counts):
        rare, common = loaded.classes[counts.index(min(counts))], counts.index(max(counts))
        found.append(
            f"Classes are unbalanced: {loaded.classes[common]!r} has {max(counts)} samples, "
            f"{rare!r} has {min(counts)}. Accuracy alone will flatter; look at the confusion matrix."
        )
    if loaded.form == "table":
        constant = np.flatnonzero(np.ptp(loaded.inputs, axis=0) == 0)
        if len(constant):
            names = [loaded.features[i] if loaded.features else f"column {i + 1}" for i in constant]
            shown = ", ".join(names[:5]) + ("…" if len(names) > 5 else "")
            found.append(f"{len(names)} of the features never change and teach nothing: {shown}.")
    return found
