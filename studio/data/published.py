"""Published data sets that are fetched when they are first wanted: MNIST, Fashion-MNIST, CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.download import Remote, missing
from studio.data.idx import read_idx
from studio.data.source import DataProblem, Loaded, Source
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

Pixels = NDArray[np.uint8]

_ZALANDO = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_LECUN = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


@dataclass(frozen=True)
class Published:
    """A data set as its makers publish it.

    `read` gives training and test samples from the folder that holds its files: images uint8
    `[n, channels, height, width]` and class indices `[n]`.
    """

    name: str
    title: str
    doc: str
    files: tuple[Remote, ...]
    classes: tuple[str, ...]
    read: Callable[[Path], tuple[tuple[Pixels, Pixels], tuple[Pixels, Pixels]]]

    @property
    def kind(self) -> str:
        """The kind of its source."""
        return f"published.{self.name}"

    @property
    def size(self) -> int:
        """Bytes that are fetched."""
        return sum(file.size for file in self.files)


def _idx_files(
    mirrors: tuple[str, ...], table: Mapping[str, tuple[int, str]]
) -> tuple[Remote, ...]:
    return tuple(
        Remote(tuple(mirror + name for mirror in mirrors), size, md5)
        for name, (size, md5) in table.items()
    )


def _read_idx_pairs(folder: Path) -> tuple[tuple[Pixels, Pixels], tuple[Pixels, Pixels]]:
    def pair(part: str) -> tuple[Pixels, Pixels]:
        images = read_idx(folder / f"{part}-images-idx3-ubyte.gz").astype(np.uint8)
        labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz").astype(np.uint8)
        return images[:, None], labels

    return pair("train"), pair("t10k")


PUBLISHED = (
    Published(
        "mnist",
        "MNIST",
        "70,000 handwritten digits, 28×28. LeCun, Bottou, Bengio and Haffner 1998.",
        _idx_files(
            _LECUN,
            {
                "train-images-idx3-ubyte.gz": (9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                "train-labels-idx1-ubyte.gz": (28881, "d53e105ee54ea40749a09fcbcd1e9432"),
                "t10k-images-idx3-ubyte.gz": (1648877, "9fb629c4189551a2d022fa330f9573f3"),
                "t10k-labels-idx1-ubyte.gz": (4542, "ec29112dd5afa0611ce80d1b7f02629c"),
            },
        ),
        tuple("0123456789"),
        _read_idx_pairs,
    ),
    Published(
        "fashion_mnist",
        "Fashion-MNIST",
        "70,000 pieces of clothing, 28×28. Xiao, Rasul and Vollgraf 2017.",
        _idx_files(
            (_ZALANDO,),
            {
                "train-images-idx3-ubyte.gz": (26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                "train-labels-idx1-ubyte.gz": (29515, "25c81989df183df01b3e8a0aad5dffbe"),
                "t10k-images-idx3-ubyte.gz": (4422102, "bef4ecab320f06d8554ea6380940ec79"),
                "t10k-labels-idx1-ubyte.gz": (5148, "bb300cfdad3c16e7a12a480ee83cd310"),
            },
        ),
        (
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        _read_idx_pairs,
    ),
)


def published_sources(folder: Path) -> dict[str, Source]:
    """Return a source for each published set, which reads what has been fetched below `folder`."""
    return {each.kind: _source(each, folder / each.name) for each in PUBLISHED}


def published_set(kind: str) -> Published:
    """Return the set of a kind.

    Raises: DataProblem.
    """
    for each in PUBLISHED:
        if each.kind == kind:
            return each
    known = ", ".join(each.kind for each in PUBLISHED)
    raise DataProblem(f"There is nothing to download named {kind!r}. Choose one of {known}.")


def _source(each: Published, folder: Path) -> Source:
    def load(params: Mapping[str, Value], base: Path) -> Loaded:
        if missing(each.files, folder):
            raise DataProblem(
                f"{each.title} is not on this machine yet ({each.size / 1e6:.1f} MB). Press Download "
                f"beside the data, or run: neuroloom download {each.name}"
            )
        train, test = each.read(folder)
        images = np.concatenate([train[0], test[0]])
        labels = np.concatenate([train[1], test[1]])
        return Loaded(
            title=each.title,
            form="image",
            inputs=images.astype(np.float32) / np.float32(255),
            targets=labels.astype(np.int64),
            classes=each.classes,
            scale=(0.0, 1.0),
            parts=_parts(len(train[1]), len(test[1]), int(params["validation"])),
            notes=("Training and test samples are divided as published.",),
        )

    validation = Param(
        "validation",
        "int",
        5000,
        minimum=100,
        maximum=20_000,
        help="How many of the training samples, the last ones, are kept for validation",
    )
    spec = SourceSpec(
        kind=each.kind,
        title=each.title,
        doc=each.doc,
        form="image",
        params=(validation,),
        download=each.size,
    )
    return Source(spec, load)


def _parts(
    train: int, test: int, validation: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    cut = train - min(validation, train // 2)
    every = np.arange(train + test, dtype=np.int64)
    return every[:cut], every[cut:train], every[train:]
