"""Arrays that NumPy saved: an `.npz` with inputs and targets, or two `.npy` files. Never pickles."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.data.npy_rows import NpyRows
from studio.data.source import DataProblem, Listed, Loaded, Source, existing, unread
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

#: Names under which inputs and targets are looked for, where none are given.
_INPUTS = ("x", "X", "inputs", "data", "images", "x_train", "arr_0")
_TARGETS = ("y", "Y", "targets", "labels", "target", "y_train", "arr_1")
#: What NumPy and its archives raise for files that are not what they say; NotImplementedError is a
#: RuntimeError.
_BROKEN = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
#: At most this many whole numbers are taken for classes.
_CLASSES = 1000


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    path = existing(params["path"], base, "An .npz or .npy file", "the file that holds the inputs")
    arrays = _arrays(path)
    inputs = _picked(arrays, str(params["inputs"]), _INPUTS, "inputs", path)
    if params["targets_path"]:
        beside = existing(
            params["targets_path"], base, "A file of targets", "the .npy of the targets"
        )
        arrays = _arrays(beside)
    targets = _picked(arrays, str(params["targets"]), _TARGETS, "targets", path, inputs)
    form = _form(inputs.shape, inputs.dtype)
    return _loaded(path.stem, form, form.convert(inputs), targets)


def _listed(params: Mapping[str, Value], base: Path) -> Listed | None:
    """Return the samples of two .npy files; None for an archive, which is unpacked in one piece."""
    path = existing(params["path"], base, "An .npz or .npy file", "the file that holds the inputs")
    rows = NpyRows.of(path)
    if rows is None or not params["targets_path"]:
        return None
    beside = existing(params["targets_path"], base, "A file of targets", "the .npy of the targets")
    targets = _picked(_arrays(beside), str(params["targets"]), _TARGETS, "targets", path)
    form = _form(rows.shape, rows.dtype)
    one = form.convert(np.zeros((1, *rows.shape[1:]), rows.dtype))
    return Listed(
        _loaded(path.stem, form, unread((rows.shape[0], *one.shape[1:])), targets),
        lambda position: form.convert(rows.read(position)[None])[0],
    )


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return a file's arrays by name (`arr_0` for an .npy). Raises: DataProblem."""
    try:
        with path.open("rb") as file:  # np.load itself leaves a broken archive open
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {"arr_0": found}
            return {name: found[name] for name in found.files}
    except _BROKEN as error:
        if "pickle" in str(error):
            raise DataProblem(
                f"{path.name} holds Python objects, which are code and are never loaded. Save plain "
                "numbers: np.savez(path, x=inputs, y=targets)."
            ) from None
        raise DataProblem(
            f"{path.name} cannot be read as NumPy arrays ({error or 'it is cut short'}). Expected an "
            ".npz or .npy file that np.savez or np.save wrote."
        ) from None


def _picked(
    arrays: Mapping[str, NDArray[Any]],
    wish: str,
    usual: tuple[str, ...],
    what: str,
    path: Path,
    apart: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return the array that is wished for, else the first of a usual name. Raises: DataProblem."""
    name = wish or next((one for one in usual if one in arrays), "")
    if not wish and not name and len(arrays) == 1:
        name = next(iter(arrays))
    if name not in arrays or arrays[name] is apart:
        raise DataProblem(
            f"{path.name} has no array of {what}{f' named {wish!r}' if wish else ''}. It holds: "
            f"{', '.join(f'{key} {_shape(value)}' for key, value in arrays.items()) or 'nothing'}. "
            f"Name the one that holds the {what}."
        )
    array = arrays[name]
    if array.dtype.kind not in "biuf":
        raise DataProblem(
            f"The {what} ({name} in {path.name}) are of type {array.dtype}, but numbers are needed. "
            "Save them as float32 or int64."
        )
    return array


@dataclass(frozen=True)
class _Form:
    """What arrays of a shape and type are taken for, and how some of their rows become inputs."""

    name: str
    convert: Callable[[NDArray[Any]], NDArray[np.float32]]
    scale: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


def _single(rows: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what is too large becomes inf, which is told with its place
        return rows.astype(np.float32)


def _form(shape: tuple[int, ...], dtype: np.dtype[Any]) -> _Form:
    """Raises: DataProblem."""
    if len(shape) < 2:
        words = "×".join(map(str, shape)) or "one number"
        raise DataProblem(
            f"Inputs need one row a sample, but are {words}. Reshape them to [samples, features]."
        )
    pixels = dtype == np.uint8
    if len(shape) != 4 and not (len(shape) == 3 and pixels):
        name = "table" if len(shape) == 2 else "sequence"
        return _Form(name, _single)
    last = len(shape) == 4 and shape[-1] in (1, 3, 4) and shape[1] not in (1, 3, 4)

    def convert(rows: NDArray[Any]) -> NDArray[np.float32]:
        if rows.ndim == 3:
            rows = rows[:, None]
        elif last:
            rows = rows.transpose(0, 3, 1, 2)
        values = rows.astype(np.float32)
        return values / np.float32(255) if pixels else values

    notes = ("Channels stood last and were put first, as PyTorch wants them.",) if last else ()
    return _Form("image", convert, (0.0, 1.0) if pixels else None, notes)


def _loaded(title: str, form: _Form, inputs: NDArray[np.float32], targets: NDArray[Any]) -> Loaded:
    """Raises: DataProblem."""
    if len(inputs) != len(targets):
        raise DataProblem(
            f"There are {len(inputs)} inputs but {len(targets)} targets. Every sample needs one target."
        )
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    kinds = np.unique(targets) if targets.ndim == 1 and targets.dtype.kind in "biu" else ()
    if 0 < len(kinds) <= _CLASSES:
        index = np.searchsorted(kinds, targets).astype(np.int64)
        names = tuple(str(kind) for kind in np.asarray(kinds).tolist())
        return Loaded(
            title, form.name, inputs, index, classes=names, scale=form.scale, notes=form.notes
        )
    wanted = targets.astype(np.float32).reshape(len(targets), -1)
    names = tuple(f"target {n + 1}" for n in range(wanted.shape[1]))
    return Loaded(
        title, form.name, inputs, wanted, target_names=names, scale=form.scale, notes=form.notes
    )


def _shape(array: NDArray[Any]) -> str:
    return "×".join(str(size) for size in array.shape) or "one number"


NUMPY = Source(
    SourceSpec(
        kind="files.numpy",
        title="NumPy arrays",
        doc="An .npz with inputs and targets, or an .npy of each; whole numbers as targets are classes.",
        form="table",
        params=(
            Param("path", "path", "", help="The .npz, or the .npy of the inputs"),
            Param("inputs", "str", "", help="Name of the inputs' array; empty: x, inputs, data…"),
            Param(
                "targets", "str", "", help="Name of the targets' array; empty: y, targets, labels…"
            ),
            Param(
                "targets_path",
                "path",
                "",
                help="The .npy of the targets, where it is a file of its own",
            ),
        ),
    ),
    _load,
    _listed,
)
