"""What is known of samples once they are divided and transformed: targets as learnt, facts as shown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data.chain import Chain
from studio.data.checks import balance
from studio.data.samples import Samples
from studio.data.source import Loaded, is_unread
from studio.graph.facts import DataFacts, TensorType


@dataclass(frozen=True)
class Targets:
    """Targets of some parts; where they are standardised, `mean` and `spread` undo it."""

    pieces: tuple[Tensor, ...]
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()


def targets_of(loaded: Loaded, parts: Sequence[NDArray[np.int64]], standardize: bool) -> Targets:
    """Return the parts' targets; numbers standardised, where asked, by those of the first part."""
    whole = torch.from_numpy(loaded.targets)
    pieces = tuple(whole[torch.from_numpy(part)] for part in parts)
    if loaded.task != "regression" or not standardize:
        return Targets(pieces)
    mean = pieces[0].double().mean(0)
    std = pieces[0].double().std(0, correction=0)
    std = torch.where(std > 0, std, torch.ones_like(std))
    scaled = tuple(((piece.double() - mean) / std).float() for piece in pieces)
    return Targets(scaled, tuple(mean.tolist()), tuple(std.tolist()))


def facts_of(
    loaded: Loaded,
    chain: Chain,
    targets: Targets,
    splits: tuple[Samples, Samples, Samples],
    train: int,
) -> DataFacts:
    """Return the facts of samples in memory; `train` counts all that are trained on."""
    notes = [*loaded.notes, *chain.notes]
    if targets.spread:
        notes.append(
            "The target is standardised by the training samples "
            f"(mean {targets.mean[0]:.4g}, deviation {targets.spread[0]:.4g}); "
            "val_mae is in its own units."
        )
    first = splits[0]
    return DataFacts(
        title=loaded.title,
        train=train,
        validation=len(splits[1]),
        test=len(splits[2]),
        sample=_type(first.inputs),
        more={name: _type(tensor) for name, tensor in first.more.items()},
        form=chain.form,
        task=loaded.task,
        classes=loaded.classes,
        vocabulary=loaded.vocabulary,
        target_shape=tuple(first.targets.shape[1:]),
        target_names=loaded.target_names,
        target_mean=targets.mean,
        target_std=targets.spread,
        features=chain.features,
        balance=balance(loaded),
        value_range=chain.scale or _range(first.inputs),
        warnings=loaded.doubts,
        notes=tuple(notes),
        fingerprint=_fingerprint(loaded),
        bytes=sum(part.inputs.nbytes + part.targets.nbytes for part in splits),
    )


def _range(inputs: Tensor) -> tuple[float, float]:
    low, high = torch.aminmax(inputs)
    return float(low), float(high)


def _type(samples: Tensor) -> TensorType:
    return TensorType(tuple(samples.shape[1:]), str(samples.dtype).removeprefix("torch."))


def _fingerprint(loaded: Loaded) -> str:
    """A hash of what came in, so that a run can say later whether its data is still the same.

    Of inputs that are not read yet it knows their shape alone.
    """
    digest = hashlib.blake2b(digest_size=16)
    for array in (loaded.inputs, loaded.targets, *loaded.more.values()):
        digest.update(f"{array.dtype}{array.shape}".encode())
        if not is_unread(array):
            digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\0".join(loaded.classes).encode())
    return digest.hexdigest()
