"""Samples in tar files, as WebDataset writes them: an image and its label beside it, by the same name."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from studio.data.pictures import (
    MODE_PARAM,
    SIZE_PARAM,
    SUFFIXES,
    ImageFile,
    decode,
    on_disk,
)
from studio.data.reading import BROKEN_TAR, LARGEST_BYTES, SKIP_PARAM, Attempts
from studio.data.source import DataProblem, Listed, Loaded, Source, existing
from studio.data.tar_places import Place, is_plain
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_LARGEST_MEMBER = 64 << 20
_MOST_MEMBERS = 2_000_000
_LABELS = (".cls", ".json", ".txt")

Parts = dict[str, bytes | Place]


class _Member(tarfile.TarInfo):
    """A header of an archive; one that is cut or broken is a fault, where tarfile takes it for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Member:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the types leave it out
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"after {archive.offset} bytes, {error}") from None


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[n, channels, height, width]`."""
    path, tars = _tars(params, base)
    samples = _samples(tars, _members)
    images = [_image(name, parts) for name, parts in samples.items()]
    skip = bool(params["skip_unreadable"])
    found = decode(images, params["mode"], params["size"], skip)
    attempts = Attempts(skip)
    names = list(samples)
    kept = {names[at]: samples[names[at]] for at in found.kept.tolist()}
    whole, labels = _labels(kept, str(params["key"]), attempts)
    notes = (*found.notes, *attempts.finish("labels"))
    return _about(path, found.pixels[whole], labels, notes)


def _listed(params: Mapping[str, Value], base: Path) -> Listed | None:
    """Return samples that stay in their tar files; None where these are compressed."""
    path, tars = _tars(params, base)
    if not all(is_plain(tar) for tar in tars):
        return None
    samples = _samples(tars, _places)
    attempts = Attempts(bool(params["skip_unreadable"]))
    whole, labels = _labels(samples, str(params["key"]), attempts)
    told = attempts.finish("labels")
    names = list(samples)
    kept = [names[at] for at in whole]
    images = on_disk(len(kept), lambda at: _image(kept[at], samples[kept[at]]), params)
    about = _about(path, images.inputs, labels, (*images.notes, *told))
    return Listed(about, images.read, bool(params["skip_unreadable"]))


def _tars(params: Mapping[str, Value], base: Path) -> tuple[Path, list[Path]]:
    """Raises: DataProblem."""
    what = "a .tar of images with labels beside, or a folder of such files"
    path = existing(params["path"], base, "A tar file", what)
    tars = sorted(path.glob("*.tar*")) if path.is_dir() else [path]
    if not tars:
        raise DataProblem(f"No .tar was found in {path}. Choose {what}.")
    return path, tars


def _labels(
    samples: Mapping[str, Parts], key: str, attempts: Attempts
) -> tuple[list[int], list[Value]]:
    """Return which samples have a label, by position, and their labels."""
    read = [
        attempts.read(name, partial(_label, name, parts, key)) for name, parts in samples.items()
    ]
    whole = [at for at, label in enumerate(read) if label is not None]
    return whole, [label for label in read if label is not None]


def _about(
    path: Path, inputs: NDArray[np.float32], labels: list[Value], notes: tuple[str, ...]
) -> Loaded:
    targets, classes, task = _targets(labels, path.name)
    return Loaded(
        title=path.name,
        form="image",
        inputs=inputs,
        targets=targets,
        task=task,
        classes=classes,
        scale=(0.0, 1.0),
        notes=notes,
    )


def _samples(
    tars: list[Path], members: Callable[[Path], Iterator[tuple[str, bytes | Place]]]
) -> dict[str, Parts]:
    """Return the files of every sample that has an image, by the name before the first dot.

    Raises: DataProblem.
    """
    samples: dict[str, Parts] = {}
    total = 0
    for path in tars:
        for name, content in members(path):
            total += len(content) if isinstance(content, bytes) else 0
            if total > LARGEST_BYTES or len(samples) > _MOST_MEMBERS:
                raise DataProblem(
                    f"The tar files hold more than {LARGEST_BYTES >> 30} GiB or {_MOST_MEMBERS} "
                    "samples; so much is not read at once. Choose fewer of them."
                )
            place = PurePosixPath(name)
            stem, dot, suffix = place.name.partition(".")
            key = f"{path.name}: {place.with_name(stem) if stem else place}"
            samples.setdefault(key, {})["." + suffix.lower() if dot else ""] = content
    found = {key: parts for key, parts in samples.items() if SUFFIXES & parts.keys()}
    if not found:
        raise DataProblem(
            f"No images were found in {tars[0].name}: expected pairs such as 0001.jpg and 0001.cls. "
            "Choose a tar file as WebDataset writes them."
        )
    return found


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents. Raises: DataProblem."""
    for archive, member in _files(path, "r|*"):
        yield member.name, _content(path, archive, member)


def _places(path: Path) -> Iterator[tuple[str, bytes | Place]]:
    """Yield names, with labels' contents and the places of images. Raises: DataProblem."""
    for archive, member in _files(path, "r:"):
        if member.name.lower().endswith(_LABELS) or member.issparse():
            yield member.name, _content(path, archive, member)
        else:
            yield member.name, Place(path, member.offset_data, member.size)


def _content(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Raises: DataProblem."""
    try:
        content = archive.extractfile(member)
        return content.read() if content else b""
    except BROKEN_TAR as error:
        raise _cut(path, error) from None


def _files(
    path: Path, mode: Literal["r|*", "r:"]
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the files of samples: links, devices and folders are passed over.

    Nothing is written to disk, so that no name in the archive can lead anywhere.
    Raises: DataProblem.
    """
    try:
        with tarfile.open(path, mode, tarinfo=_Member) as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if not member.isfile() or name.startswith("."):
                    continue
                if not name.lower().endswith((*SUFFIXES, *_LABELS)):
                    continue
                if member.size > _LARGEST_MEMBER:
                    raise DataProblem(
                        f"{path.name}: {member.name} has {member.size >> 20} MiB; at most "
                        f"{_LARGEST_MEMBER >> 20} MiB are read of one file. Leave it out of the tar."
                    )
                yield archive, member
    except DataProblem:
        raise
    except BROKEN_TAR as error:
        raise _cut(path, error) from None


def _cut(path: Path, error: Exception) -> DataProblem:
    return DataProblem(
        f"{path.name} cannot be read as a tar file to its end ({error or 'it is cut short'}). "
        "Copy or download it again."
    )


def _image(name: str, parts: Parts) -> ImageFile:
    """Raises: DataProblem, where a tar file that images stay in is not as it was."""
    content = next(parts[suffix] for suffix in sorted(parts) if suffix in SUFFIXES)
    return ImageFile(name, content if isinstance(content, bytes) else content.read())


def _label(name: str, parts: Parts, key: str) -> Value:
    """Return a sample's label: text, a number, or a tuple of texts. Raises: DataProblem."""
    suffix = next((suffix for suffix in _LABELS if suffix in parts), "")
    if not suffix:
        raise DataProblem(
            f"{name} has an image but no label beside it; expected a .cls, .json or .txt of the same "
            "name. Add it to the tar file."
        )
    try:
        content = parts[suffix]
        assert isinstance(content, bytes)
        text = content.decode().strip()
        value = json.loads(text) if suffix == ".json" else text
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise DataProblem(f"{name}{suffix} is not {suffix[1:]} text. Correct it.") from None
    if isinstance(value, dict):
        if key not in value:
            raise DataProblem(
                f"{name}.json has no {key!r}; it has {', '.join(map(str, list(value)[:8])) or 'nothing'}. "
                "Choose one of them as the key."
            )
        value = value[key]
    if isinstance(value, list) and all(isinstance(part, str | int) for part in value):
        return tuple(str(part) for part in value)
    if isinstance(value, str | int) and str(value):
        return str(value)
    if isinstance(value, float) and np.isfinite(value):
        return value
    raise DataProblem(
        f"{name}{suffix} gives {str(value)[:40]!r} as a label; expected a class, a list of labels or "
        "a number. Correct it."
    )


def _targets(
    labels: list[Value], file: str
) -> tuple[NDArray[np.int64] | NDArray[np.float32], tuple[str, ...], str]:
    kinds = {type(label) for label in labels}
    if kinds == {float}:
        return np.array(labels, dtype=np.float32)[:, None], (), "regression"
    if len(kinds) > 1:
        raise DataProblem(
            f"{file} mixes labels of several kinds ({', '.join(sorted(k.__name__ for k in kinds))}); "
            "expected a class each, a list each, or a number with a point each. Write them alike."
        )
    several = kinds == {tuple}
    every = {name for label in labels for name in (label if several else (label,))}
    numbered = all(name.isdigit() for name in every)
    names = sorted(every, key=lambda name: (int(name) if numbered else 0, name))
    if len(names) < 2:
        raise DataProblem(
            f"{file} has fewer than two classes: {', '.join(names) or 'none'}. Choose another file."
        )
    codes = {name: code for code, name in enumerate(names)}
    if not several:
        index = np.array([codes[label] for label in labels], dtype=np.int64)
        return index, tuple(names), "classification"
    marks = np.zeros((len(labels), len(names)), dtype=np.float32)
    for row, label in enumerate(labels):
        marks[row, [codes[name] for name in label]] = 1
    return marks, tuple(names), "multi-label"


TAR = Source(
    SourceSpec(
        kind="files.tar",
        title="Tar of samples (WebDataset)",
        doc="Images in .tar files with a .cls, .json or .txt of the same name beside each.",
        form="image",
        params=(
            Param("path", "path", "", required=True, help="A .tar, or a folder of them"),
            Param("key", "str", "label", help="What the label is called in a .json"),
            MODE_PARAM,
            SIZE_PARAM,
            SKIP_PARAM,
        ),
    ),
    _load,
    _listed,
)
