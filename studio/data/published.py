"""Published data sets that are fetched when they are first wanted: MNIST, Fashion-MNIST, CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from studio.data.cifar import CIFAR
from studio.data.download import Remote, missing
from studio.data.idx import read_idx
from studio.data.source import DataProblem, Loaded, Source
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_PARTS = ("train", "t10k")
_CIFAR = "cifar-10-binary.tar.gz"
_CLOTHES = (
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
)

_ZALANDO = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_LECUN = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


@dataclass(frozen=True)
class Published:
    """A data set as its makers publish it; `read` loads it from the folder that holds its files, the
    last so many training samples kept for validation."""

    name: str
    title: str
    doc: str
    files: tuple[Remote, ...]
    read: Callable[[Path, int], Loaded]

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


def _read_idx(folder: Path, validation: int, classes: tuple[str, ...]) -> Loaded:
    names = [(f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz") for part in _PARTS]
    images = [read_idx(folder / name) for name, _ in names]
    labels = [read_idx(folder / name) for _, name in names]
    train, test = len(labels[0]), len(labels[1])
    cut = train - min(validation, train // 2)
    every = np.arange(train + test, dtype=np.int64)
    return Loaded(
        title="",
        form="image",
        inputs=np.concatenate(images).astype(np.float32)[:, None] / np.float32(255),
        targets=np.concatenate(labels).astype(np.int64),
        classes=classes,
        scale=(0.0, 1.0),
        parts=(every[:cut], every[cut:train], every[train:]),
    )


def _read_cifar(folder: Path, validation: int) -> Loaded:
    path = str(folder / _CIFAR)
    return CIFAR.load({"path": path, "labels": "fine", "validation": validation}, folder)


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
        partial(_read_idx, classes=tuple("0123456789")),
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
        partial(_read_idx, classes=_CLOTHES),
    ),
    Published(
        "cifar10",
        "CIFAR-10",
        "60,000 photographs in 10 classes, 32×32. Krizhevsky 2009.",
        (
            Remote(
                (f"https://www.cs.toronto.edu/~kriz/{_CIFAR}",),
                170052171,
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
        _read_cifar,
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
        loaded = each.read(folder, int(params["validation"]))
        note = "Training and test samples are divided as published."
        return replace(loaded, title=each.title, notes=(*loaded.notes, note))

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
