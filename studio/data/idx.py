"""IDX files, plain or gzipped: the format of MNIST's own files."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from studio.data.source import DataProblem, Loaded, Source, existing
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
#: More than this in one file is no data set for resident tensors, or a header that lies.
_LIMIT_BYTES = 8 << 30


def read_idx(path: Path) -> NDArray[np.generic]:
    """Return the array that an IDX file holds, in native byte order.

    Source: LeCun, Cortes and Burges, THE MNIST DATABASE, "File formats".
    Raises: DataProblem, for another format, a cut file, or bytes after the end.
    """
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
        if not gzipped:
            with path.open("rb") as stream:
                return _read(stream, path)
        with gzip.open(path, "rb") as unpacked:
            return _read(cast(BinaryIO, unpacked), path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataProblem(
            f"{path.name} cannot be read to its end ({error or 'it is cut short'}). "
            "Expected a whole IDX file, plain or gzipped. Copy or download it again."
        ) from None


def _read(stream: BinaryIO, path: Path) -> NDArray[np.generic]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= 4:
        raise DataProblem(
            f"{path.name} is not an IDX file: expected it to begin with 00 00, a type and a number "
            f"of dimensions (00 00 08 03 for images), but got {magic.hex(' ') or 'nothing'}. "
            "Choose one of MNIST's own files, such as train-images-idx3-ubyte.gz."
        )
    dtype, dims = np.dtype(_TYPES[magic[2]]), magic[3]
    header = stream.read(4 * dims)
    if len(header) < 4 * dims:
        raise DataProblem(f"{path.name} ends within its header. Copy or download it again.")
    shape = struct.unpack(f">{dims}I", header)
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > _LIMIT_BYTES:
        raise DataProblem(
            f"{path.name} says that it holds {'×'.join(map(str, shape))} values ({wanted >> 30} GiB); "
            f"at most {_LIMIT_BYTES >> 30} GiB are read. Check the file, or cut it into parts."
        )
    body = stream.read(wanted)
    if len(body) < wanted:
        raise DataProblem(
            f"{path.name} is cut short: its header announces {'×'.join(map(str, shape))} values "
            f"({wanted} bytes), but only {len(body)} bytes follow. Copy or download it again."
        )
    if stream.read(1):
        raise DataProblem(
            f"{path.name} goes on after the {'×'.join(map(str, shape))} values that its header "
            "announces. Copy or download it again."
        )
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    images_path = existing(
        params["images"], base, "An IDX file of images", "a file such as t10k-images-idx3-ubyte.gz"
    )
    labels_path = _labels_path(params["labels"], images_path, base)
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim < 3:
        raise DataProblem(
            f"{images_path.name} holds {images.ndim}-dimensional values, expected images "
            "(samples×height×width). Are images and labels exchanged?"
        )
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataProblem(
            f"{labels_path.name} holds {labels.ndim}-dimensional {labels.dtype} values, expected one "
            "whole number a sample. Are images and labels exchanged?"
        )
    if len(images) != len(labels):
        raise DataProblem(
            f"{images_path.name} has {len(images)} images, {labels_path.name} has {len(labels)} "
            "labels; expected as many. Choose two files of the same set."
        )
    if not len(labels):
        raise DataProblem(f"{images_path.name} holds no images. Choose another file.")
    values, targets = np.unique(labels, return_inverse=True)
    scaled = images.astype(np.float32)
    if images.dtype == np.uint8:
        scaled /= np.float32(255)
    return Loaded(
        title=images_path.name.removesuffix(".gz"),
        form="image",
        inputs=scaled if images.ndim == 4 else scaled[:, None],
        targets=targets.astype(np.int64),
        classes=tuple(str(value) for value in values),
        scale=(0.0, 1.0) if images.dtype == np.uint8 else None,
    )


def _labels_path(given: Value, images: Path, base: Path) -> Path:
    """Return the labels' file; where none is given, the one named as MNIST names its pairs."""
    if not given:
        name = images.name.replace("images", "labels").replace("idx3", "idx1")
        names = (name, name.removesuffix(".gz"), name + ".gz")
        for beside in (images.with_name(name) for name in names):
            if beside != images and beside.exists():
                return beside
    return existing(
        given, base, "An IDX file of labels", "a file such as t10k-labels-idx1-ubyte.gz"
    )


IDX = Source(
    SourceSpec(
        kind="files.idx",
        title="IDX files (MNIST)",
        doc="Images and labels as MNIST and its kin publish them, plain or gzipped.",
        form="image",
        params=(
            Param(
                "images", "path", "", required=True, help="…-images-idx3-ubyte or the same with .gz"
            ),
            Param(
                "labels", "path", "", help="…-labels-idx1-ubyte; empty: the file beside the images"
            ),
        ),
    ),
    _load,
)
