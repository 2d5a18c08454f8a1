"""CIFAR-10 and CIFAR-100 in their binary version: files of records, a folder of them, or the archive."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.reading import BROKEN_TAR, read_bytes
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_PIXELS = 3 * 32 * 32
#: The largest file of either set has 50,000 records of 3,074 bytes.
_LARGEST_FILE = 256 << 20
_PLAIN = "Expected CIFAR's binary version (data_batch_1.bin … test_batch.bin, or train.bin and test.bin)."


@dataclass(frozen=True)
class CifarSet:
    """Which labels lead a record, and how many classes each tells apart."""

    title: str
    labels: tuple[tuple[str, int], ...]
    names: tuple[str, ...]

    @property
    def record(self) -> int:
        """Bytes of one record: its labels, then red, green and blue, row by row."""
        return len(self.labels) + _PIXELS


CIFAR10 = CifarSet("CIFAR-10", (("class", 10),), ("batches.meta.txt",))
CIFAR100 = CifarSet(
    "CIFAR-100",
    (("coarse", 20), ("fine", 100)),
    ("coarse_label_names.txt", "fine_label_names.txt"),
)


def read_records(
    raw: bytes, name: str, which: CifarSet
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images `[n, 3, 32, 32]` and labels `[n, labels]` of one file.

    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images; "binary version".
    Raises: DataProblem, for a cut file or a label outside the classes.
    """
    if not raw or len(raw) % which.record:
        raise DataProblem(
            f"{name} has {len(raw)} bytes, which is no whole number of {which.title}'s records of "
            f"{which.record}. {_PLAIN} Download it again."
        )
    records = np.frombuffer(raw, np.uint8).reshape(-1, which.record)
    labels = records[:, : len(which.labels)]
    for column, (what, classes) in enumerate(which.labels):
        wrong = np.flatnonzero(labels[:, column] >= classes)
        if len(wrong):
            raise DataProblem(
                f"{name}, record {wrong[0] + 1}: the {what} label is {labels[wrong[0], column]}; "
                f"expected 0 to {classes - 1}. Is it a file of {which.title}? {_PLAIN}"
            )
    return records[:, len(which.labels) :].reshape(-1, 3, 32, 32), labels


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    path = existing(params["path"], base, "CIFAR", "its folder, its .tar.gz or one of its .bin")
    files = _files(path)
    bins = sorted(name for name in files if name.endswith(".bin"))
    if not bins:
        raise DataProblem(f"No .bin file was found in {path}. {_PLAIN}")
    hundred = any(name in ("train.bin", "test.bin") for name in bins)
    which = CIFAR100 if hundred else CIFAR10
    column = 0 if not hundred or params["labels"] == "coarse" else 1
    tests = [name for name in bins if name.startswith("test")]
    ordered = [*(name for name in bins if name not in tests), *tests]
    read = [read_records(files[name], name, which) for name in ordered]
    pixels = np.concatenate([images for images, _ in read])
    labels = np.concatenate([label for _, label in read])[:, column]
    last = sum(len(label) for (_, label), name in zip(read, ordered, strict=True) if name in tests)
    count = which.labels[column][1]
    return Loaded(
        title=which.title,
        form="image",
        inputs=pixels.astype(np.float32) / np.float32(255),
        targets=labels.astype(np.int64),
        classes=_names(files.get(which.names[column], b""), count),
        scale=(0.0, 1.0),
        parts=_parts(len(labels), last, int(params["validation"])),
    )


def _files(path: Path) -> dict[str, bytes]:
    """Return the .bin and .txt files of a folder, an archive, or the one file, by name."""
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix in (".bin", ".txt") and p.is_file())
        return {file.name: read_bytes(file, _LARGEST_FILE) for file in found}
    if path.suffix == ".bin":
        return {path.name: read_bytes(path, _LARGEST_FILE)}
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|*") as archive:  # read as a stream: nothing is written to disk
            for member in archive:
                name = Path(member.name).name
                if member.isfile() and name.endswith((".bin", ".txt")):
                    if member.size > _LARGEST_FILE or len(files) > 20:
                        raise DataProblem(f"{path.name} holds more than CIFAR does. {_PLAIN}")
                    content = archive.extractfile(member)
                    files[name] = content.read() if content else b""
    except DataProblem:
        raise
    except BROKEN_TAR as error:
        raise DataProblem(
            f"{path.name} cannot be read as an archive ({error or 'it is cut short'}). {_PLAIN} "
            "Download it again."
        ) from None
    return files


def _names(text: bytes, count: int) -> tuple[str, ...]:
    """Return the classes' names as the set lists them; numbers where the list is missing."""
    names = tuple(
        line.strip() for line in text.decode(errors="replace").splitlines() if line.strip()
    )
    return names if len(names) == count else tuple(str(number) for number in range(count))


def _parts(
    count: int, test: int, validation: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Return the published division; None where only one of its halves is there."""
    train = count - test
    if not train or not test:
        return None
    every = np.arange(count, dtype=np.int64)
    cut = train - min(validation, train // 2)
    return every[:cut], every[cut:train], every[train:]


CIFAR = Source(
    SourceSpec(
        kind="files.cifar",
        title="CIFAR-10 and CIFAR-100",
        doc="32×32 photographs in 10 or 100 classes, in the binary version that their author publishes.",
        form="image",
        params=(
            Param("path", "path", "", required=True, help="One .bin, the .tar.gz, or the folder"),
            Param(
                "labels",
                "choice",
                "fine",
                choices=("fine", "coarse"),
                help="CIFAR-100 only: its 100 classes, or the 20 they belong to",
            ),
            Param(
                "validation",
                "int",
                5000,
                minimum=1,
                maximum=25_000,
                help="How many of the training samples, the last ones, are kept for validation",
            ),
        ),
    ),
    _load,
)
