"""Samples in tar files, as WebDataset writes them: an image and its label beside it, by the same name."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from studio.data.pictures import MODE_PARAM, SIZE_PARAM, SUFFIXES, ImageFile, decode
from studio.data.reading import LARGEST_BYTES, SKIP_PARAM, Attempts
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_LARGEST_MEMBER = 64 << 20
_MOST_MEMBERS = 2_000_000
_LABELS = (".cls", ".json", ".txt")

Parts = dict[str, bytes]


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
    what = "a .tar of images with labels beside, or a folder of such files"
    path = existing(params["path"], base, "A tar file", what)
    tars = sorted(path.glob("*.tar*")) if path.is_dir() else [path]
    if not tars:
        raise DataProblem(f"No .tar was found in {path}. Choose {what}.")
    samples = _samples(tars)
    images = [ImageFile(name, _image(parts)) for name, parts in samples.items()]
    skip = bool(params["skip_unreadable"])
    found = decode(images, params["mode"], params["size"], skip)
    attempts = Attempts(skip)
    names = list(samples)
    key = str(params["key"])
    labels = [
        attempts.read(names[at], partial(_label, names[at], samples[names[at]], key))
        for at in found.kept.tolist()
    ]
    notes = (*found.notes, *attempts.finish("labels"))
    whole = [at for at, label in enumerate(labels) if label is not None]
    targets, classes, task = _targets([label for label in labels if label is not None], path.name)
    return Loaded(
        title=path.name,
        form="image",
        inputs=found.pixels[whole],
        targets=targets,
        task=task,
        classes=classes,
        scale=(0.0, 1.0),
        notes=notes,
    )


def _samples(tars: list[Path]) -> dict[str, Parts]:
    """Return the files of every sample that has an image, by the name before the first dot.

    Raises: DataProblem.
    """
    samples: dict[str, Parts] = {}
    total = 0
    for path in tars:
        for name, content in _members(path):
            total += len(content)
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
    """Yield names and contents, read as a stream: links, devices and folders are passed over.

    Nothing is written to disk, so that no name in the archive can lead anywhere.
    """
    try:
        with tarfile.open(path, "r|*", tarinfo=_Member) as archive:
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
                content = archive.extractfile(member)
                yield member.name, content.read() if content else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataProblem(
            f"{path.name} cannot be read as a tar file to its end ({error or 'it is cut short'}). "
            "Copy or download it again."
        ) from None


def _image(parts: Parts) -> bytes:
    return next(content for suffix, content in sorted(parts.items()) if suffix in SUFFIXES)


def _label(name: str, parts: Parts, key: str) -> Value:
    """Return a sample's label: text, a number, or a tuple of texts. Raises: DataProblem."""
    suffix = next((suffix for suffix in _LABELS if suffix in parts), "")
    if not suffix:
        raise DataProblem(
            f"{name} has an image but no label beside it; expected a .cls, .json or .txt of the same "
            "name. Add it to the tar file."
        )
    try:
        text = parts[suffix].decode().strip()
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
)
