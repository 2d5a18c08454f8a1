"""A folder of images: one folder a class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.pictures import (
    MODE_PARAM,
    SIZE_PARAM,
    ImageFile,
    decode,
    images_in,
    on_disk,
)
from studio.data.reading import SKIP_PARAM
from studio.data.source import DataProblem, Listed, Loaded, Source, existing
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    folder, files, images = _found(params, base)
    found = decode(images, params["mode"], params["size"], bool(params["skip_unreadable"]))
    return _about(folder, files, found.pixels, _labels(files)[found.kept], found.notes)


def _listed(params: Mapping[str, Value], base: Path) -> Listed:
    folder, files, images = _found(params, base)
    found = on_disk(len(images), images.__getitem__, params)
    about = _about(folder, files, found.inputs, _labels(files), found.notes)
    return Listed(about, found.read, bool(params["skip_unreadable"]))


def _found(
    params: Mapping[str, Value], base: Path
) -> tuple[Path, dict[str, list[Path]], list[ImageFile]]:
    """Return the folder, its files by class, and all of them as images. Raises: DataProblem."""
    folder = existing(
        params["path"], base, "A folder of images", "a folder with one folder a class"
    )
    if not folder.is_dir():
        raise DataProblem(
            f"{folder} is a file; expected a folder with one folder of images a class."
        )
    files = _files_by_class(folder)
    return folder, files, [ImageFile.at(path) for group in files.values() for path in group]


def _labels(files: Mapping[str, list[Path]]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(files)), [len(group) for group in files.values()])


def _about(
    folder: Path,
    files: Mapping[str, list[Path]],
    inputs: NDArray[np.float32],
    targets: NDArray[np.int64],
    notes: tuple[str, ...],
) -> Loaded:
    return Loaded(
        title=folder.name,
        form="image",
        inputs=inputs,
        targets=targets,
        classes=tuple(files),
        scale=(0.0, 1.0),
        notes=notes,
    )


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    try:
        folders = sorted(entry for entry in folder.iterdir() if entry.is_dir())
        files = {
            entry.name: images_in(entry) for entry in folders if not entry.name.startswith(".")
        }
    except OSError as error:
        raise DataProblem(
            f"{folder} cannot be read ({error.strerror}). Choose a folder that you may open."
        ) from None
    files = {name: paths for name, paths in files.items() if paths}
    if not files:
        raise DataProblem(
            f"No classes were found in {folder}: expected one folder of images a class (cats/1.png, "
            f"dogs/1.png), but got {len(folders)} folders without any image in them. "
            "Choose the folder that holds the classes' folders."
        )
    if len(files) == 1:
        only = next(iter(files))
        raise DataProblem(
            f"Only one class was found in {folder}: {only!r}. Expected at least two folders of images. "
            "Choose the folder above, or add another class."
        )
    return files


IMAGE_FOLDER = Source(
    SourceSpec(
        kind="files.image_folder",
        title="Image folder",
        doc="Your own images: a folder holding one folder a class.",
        form="image",
        params=(
            Param(
                "path", "path", "", required=True, help="The folder that holds the classes' folders"
            ),
            MODE_PARAM,
            SIZE_PARAM,
            SKIP_PARAM,
        ),
    ),
    _load,
    _listed,
)
