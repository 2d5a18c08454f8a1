"""Images with their labels in a table: one class each, or several labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.csv_file import read_csv
from studio.data.pictures import MODE_PARAM, SIZE_PARAM, ImageFile, decode, on_disk
from studio.data.reading import SKIP_PARAM
from studio.data.source import DataProblem, Listed, Loaded, Source, existing
from studio.data.table import TASK_PARAM, targets_of
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec


@dataclass(frozen=True)
class _Named:
    """The images that a table names, and what it says of each."""

    title: str
    files: list[ImageFile]
    targets: NDArray[np.int64] | NDArray[np.float32]
    classes: tuple[str, ...]
    task: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]

    def loaded(
        self, pixels: NDArray[np.float32], kept: NDArray[np.int64], notes: tuple[str, ...]
    ) -> Loaded:
        """Return the samples of the images that were kept."""
        return Loaded(
            title=self.title,
            form="image",
            inputs=pixels,
            targets=self.targets[kept],
            task=self.task,
            classes=self.classes,
            target_names=() if self.classes else self.columns,
            scale=(0.0, 1.0),
            notes=(*self.notes, *notes),
        )


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[n, channels, height, width]`."""
    named = _named(params, base)
    skip = bool(params["skip_unreadable"])
    found = decode(named.files, params["mode"], params["size"], skip)
    return named.loaded(found.pixels, found.kept, found.notes)


def _listed(params: Mapping[str, Value], base: Path) -> Listed:
    named = _named(params, base)
    images = on_disk(len(named.files), named.files.__getitem__, params)
    about = named.loaded(images.inputs, np.arange(len(named.files)), images.notes)
    return Listed(about, images.read, bool(params["skip_unreadable"]))


def _named(params: Mapping[str, Value], base: Path) -> _Named:
    """Raises: DataProblem, also for files that are missing and may not be skipped."""
    path = existing(params["path"], base, "A CSV file", "a table of images and labels")
    folder = path.parent
    if params["folder"]:
        folder = existing(params["folder"], base, "A folder", "the folder of the images")
    table = read_csv(path)
    file = table.position(str(params["file"]), "column of files") if params["file"] else 0
    if params["target"]:
        wanted = table.positions(str(params["target"]), "target")
    else:
        wanted = [index for index in range(len(table.names)) if index != file]
    if not wanted:
        raise DataProblem(
            f"{table.file} has one column; expected the images' files and at least one of labels. "
            "Add a column, or check the delimiter."
        )
    targets, classes, task = targets_of(table, wanted, str(params["task"]))
    names = table.labels(file)
    there = np.array([_is_file(folder / name) for name in names], dtype=bool)
    gone = np.flatnonzero(~there).tolist()
    if gone and (not params["skip_unreadable"] or not there.any()):
        raise DataProblem(
            f"{table.place(gone[0], file)}: there is no file {names[gone[0]][:200]!r} in {folder}. "
            f"{len(gone)} of {len(names)} files are missing. Choose the folder that they are in, or "
            "switch on skip_unreadable."
        )
    note = f"{len(gone)} of {len(names)} images are not there and were left out."
    return _Named(
        title=path.name,
        files=[
            ImageFile(name, folder / name)
            for name, is_file in zip(names, there, strict=True)
            if is_file
        ],
        targets=targets[there],
        classes=classes,
        task=task,
        columns=tuple(table.names[index] for index in wanted),
        notes=(note,) if gone else (),
    )


def _is_file(path: Path) -> bool:
    """Tell whether there is a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except OSError:
        return False


IMAGE_TABLE = Source(
    SourceSpec(
        kind="files.image_table",
        title="Images with a table",
        doc="Your own images and a CSV that names each file and its class, labels or numbers.",
        form="image",
        params=(
            Param("path", "path", "", required=True, help="A CSV with one image a row"),
            Param("folder", "path", "", help="Where the images are; empty: beside the table"),
            Param("file", "str", "", help="Column of the images' names; empty: the first"),
            Param(
                "target",
                "str",
                "",
                help="What to predict: a column, or several separated by commas; empty: all others",
            ),
            TASK_PARAM,
            MODE_PARAM,
            SIZE_PARAM,
            SKIP_PARAM,
        ),
    ),
    _load,
    _listed,
)
