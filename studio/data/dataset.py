"""A dataset: samples by split, in memory or read when they are needed, and the facts about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studio.data.chain import Chain, steps_of, transformed
from studio.data.checks import check_labels, doubts, mend
from studio.data.describe import Targets, facts_of, targets_of
from studio.data.memory import check_fits, limit_bytes
from studio.data.reading import LARGEST_BYTES
from studio.data.samples import Samples
from studio.data.source import DataProblem, Listed, Loaded, Source
from studio.data.split import Indices, Parts, divided
from studio.data.streaming import Streamed
from studio.data.transforms import Transform
from studio.graph.catalog import UnknownKind, find_kind
from studio.graph.facts import DataFacts
from studio.graph.params import ParamError, check_params, with_defaults
from studio.graph.project import DataRef, Handling, Step

#: Of streamed data: training samples in memory, which transforms are fitted on and views show.
_HEAD = 1024
#: Of streamed data: at most so many validation and test samples are measured.
_MEASURED = 4096


@dataclass(frozen=True)
class Dataset:
    """What a network learns from; its tensors are on the CPU and never written to.

    Where training samples are `streamed`, `train` holds only the first of them.
    """

    facts: DataFacts
    train: Samples
    validation: Samples
    test: Samples
    streamed: Streamed | None = None

    def split(self, name: str) -> Samples:
        """Return the split named `train`, `validation` or `test`, as far as it is in memory.

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

    def at(self, name: str, positions: Sequence[int]) -> Samples:
        """Return samples of a split by position, also those that are not in memory.

        Raises: DataProblem.
        """
        split = self.split(name)
        streamed = self.streamed if name == "train" else None
        count = len(split) if streamed is None else len(streamed)
        outside = [position for position in positions if not 0 <= position < count]
        if outside:
            raise DataProblem(
                f"The {name} split has {count} samples, counted from 0, but sample {outside[0]} was "
                "asked for. Choose a smaller number."
            )
        wanted = torch.tensor(positions, dtype=torch.int64)
        return split.take(wanted) if streamed is None else streamed.read(wanted)


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
    brought = _brought(source, params, base, ref.handling)
    about = brought.about if isinstance(brought, Listed) else brought
    if not len(about.targets):
        raise DataProblem(f"{about.title} holds no samples. Choose data with at least two.")
    check_labels(about)
    steps, standardize = steps_of(ref, params), bool(params.get("standardize"))
    if isinstance(brought, Listed):
        return _streaming(brought, ref, steps, transforms, standardize)
    return _resident(brought, ref, steps, transforms, standardize)


def _source(ref: DataRef, sources: Mapping[str, Source]) -> tuple[Source, dict[str, object]]:
    try:
        kind = find_kind({kind: source.spec for kind, source in sources.items()}, ref.kind, "data")
        source = sources[kind]
        given = check_params(source.spec.params, ref.params)
    except (UnknownKind, ParamError) as error:
        raise DataProblem(str(error)) from None
    return source, with_defaults(source.spec.params, given)


def _brought(
    source: Source, params: Mapping[str, object], base: Path, handling: Handling
) -> Loaded | Listed:
    """Return a source's samples: loaded where they fit into memory, else listed.

    Raises: DataProblem.
    """
    for name, known in (
        ("missing", ("refuse", "drop", "fill")),
        ("duplicates", ("keep", "drop")),
        ("memory", ("auto", "resident", "stream")),
    ):
        given = getattr(handling, name)
        if given not in known:
            raise DataProblem(
                f"The data's {name} should be one of {', '.join(known)}, but is {given!r}."
            )
    listed = source.listed(params, base) if source.listed is not None else None
    if listed is None:
        return _loaded(source, params, base, handling)
    if handling.memory == "stream":
        return listed
    needed, limit = listed.about.inputs.nbytes, limit_bytes(handling) or LARGEST_BYTES
    if handling.memory == "auto" and needed > min(limit, LARGEST_BYTES):
        return listed
    advice = "Set memory to auto, so that samples stream, or choose a smaller size."
    check_fits(listed.about.title, needed, handling, advice)
    return source.load(params, base)


def _loaded(source: Source, params: Mapping[str, object], base: Path, handling: Handling) -> Loaded:
    """Return the samples of a source that is read in one piece. Raises: DataProblem."""
    title = source.spec.title
    if handling.memory == "stream":
        raise DataProblem(
            f"{title}, with these settings, is read in one piece and cannot stream. Choose an image "
            "folder, or an .npy each of inputs and targets; or set memory to auto."
        )
    files = [base / str(params[p.name]) for p in source.spec.params if p.type == "path"]
    size = sum(map(_file_bytes, files))
    advice = "Save it as an .npy or an image folder, which can stream, or bring fewer samples."
    check_fits(f"{title}, by its files alone,", size, handling, advice)
    return source.load(params, base)


def _file_bytes(path: Path) -> int:
    """Return a file's size; 0 of what is none, or cannot be: the source says so in its own words."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except (OSError, ValueError):
        return 0


def _divided(loaded: Loaded, ref: DataRef) -> tuple[Parts, list[str]]:
    """Raises: DataProblem."""
    parts, warnings = divided(loaded, ref.split, ref.seed)
    if not len(parts[0]):
        raise DataProblem(
            f"The division of {loaded.title} leaves nothing to train on. Split it in another way."
        )
    return parts, warnings


def _resident(
    brought: Loaded,
    ref: DataRef,
    steps: Sequence[Step],
    transforms: Mapping[str, Transform],
    standardize: bool,
) -> Dataset:
    """Return samples that are all in memory. Raises: DataProblem."""
    mended = mend(brought, ref.handling)
    loaded = mended.loaded
    parts, warnings = _divided(loaded, ref)
    whole = torch.from_numpy(loaded.inputs)
    inputs = [whole[torch.from_numpy(part)] for part in parts]
    if mended.fill:
        inputs = _filled(inputs, _mean(inputs[0]))
    chain = transformed(steps, transforms, inputs, loaded, ref.handling)
    targets = targets_of(loaded, parts, standardize)
    told = replace(
        loaded,
        notes=(*loaded.notes, *mended.notes),
        doubts=(*loaded.doubts, *warnings, *doubts(loaded, parts)),
    )
    splits = _samples(chain, targets, told, parts)
    return Dataset(facts_of(told, chain, targets, splits, len(parts[0])), *splits)


def _streaming(
    listed: Listed,
    ref: DataRef,
    steps: Sequence[Step],
    transforms: Mapping[str, Transform],
    standardize: bool,
) -> Dataset:
    """Return samples of which only a part is in memory. Raises: DataProblem."""
    about = listed.about
    parts, warnings = _divided(about, ref)
    every = np.arange(len(about.targets))
    raw = Streamed(listed, every, torch.from_numpy(about.targets), {}, (), ref.handling)
    wanted = (parts[0][:_HEAD], *(_evenly(part, _MEASURED) for part in parts[1:]))
    inputs, found = zip(*(raw.readable(part) for part in wanted), strict=True)
    if not len(found[0]):
        raise DataProblem(
            f"None of the first {len(wanted[0])} training samples of {about.title} can be read. "
            f"{raw.skipped.news()}"
        )
    fill = _mean(inputs[0]) if ref.handling.missing == "fill" else None
    entering = inputs if fill is None else _filled(inputs, fill)
    chain = transformed(steps, transforms, entering, about, ref.handling)
    targets = targets_of(about, (parts[0], *found), standardize)
    held = replace(targets, pieces=targets.pieces[1:])
    skipped = raw.skipped.news()
    told = replace(
        about,
        notes=(*about.notes, *_stream_notes(parts, wanted, bool(steps))),
        doubts=(*about.doubts, *warnings, *doubts(about, parts), *([skipped] if skipped else [])),
    )
    splits = _samples(chain, held, told, found)
    more = {name: torch.from_numpy(array[parts[0]]) for name, array in about.more.items()}
    streamed = Streamed(
        listed, parts[0], targets.pieces[0], more, chain.apply, ref.handling, fill, raw.skipped
    )
    return Dataset(facts_of(told, chain, held, splits, len(parts[0])), *splits, streamed)


def _stream_notes(parts: Parts, held: Sequence[Indices], transforms: bool) -> list[str]:
    notes = [f"{len(parts[0])} training samples are read from the disk as they are needed."]
    if transforms and len(held[0]) < len(parts[0]):
        notes.append(f"Transforms were fitted on {len(held[0])} of them.")
    for name, part, whole in zip(("validation", "test"), held[1:], parts[1:], strict=True):
        if len(part) < len(whole):
            notes.append(f"{len(part)} of {len(whole)} {name} samples are measured.")
    return notes


def _samples(
    chain: Chain, targets: Targets, loaded: Loaded, parts: Sequence[NDArray[np.int64]]
) -> tuple[Samples, Samples, Samples]:
    more = {name: torch.from_numpy(array) for name, array in loaded.more.items()}
    train, validation, test = (
        Samples(x.contiguous(), y, {name: w[torch.from_numpy(p)] for name, w in more.items()})
        for x, y, p in zip(chain.inputs, targets.pieces, parts, strict=True)
    )
    return train, validation, test


def _evenly(part: Indices, most: int) -> Indices:
    """Return at most so many of the positions, at even distances."""
    if len(part) <= most:
        return part
    return part[np.linspace(0, len(part) - 1, most).astype(np.int64)]


def _mean(train: Tensor) -> Tensor:
    """Return the mean of what is there, by value; zero where nothing ever is."""
    return torch.where(train.isfinite(), train, torch.nan).nanmean(0).nan_to_num(0.0)


def _filled(parts: Sequence[Tensor], mean: Tensor) -> list[Tensor]:
    return [torch.where(part.isfinite(), part, mean) for part in parts]
