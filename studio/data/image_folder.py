"""A folder of images: one folder a class."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.data.source import DataProblem, Loaded, Source, existing
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"]
)
#: Without a size, nothing is loaded larger than this; a network for more wants a streaming set.
_LARGEST_AUTO = 128


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    folder = existing(
        params["path"], base, "A folder of images", "a folder with one folder a class"
    )
    if not folder.is_dir():
        raise DataProblem(
            f"{folder} is a file; expected a folder with one folder of images a class."
        )
    files = _files_by_class(folder)
    paths = [path for group in files.values() for path in group]
    size, notes = _size(params["size"], paths)
    mode = "L" if params["mode"] == "grey" else "RGB"
    return Loaded(
        title=folder.name,
        form="image",
        inputs=np.stack([_picture(path, mode, size) for path in paths]),
        targets=np.repeat(np.arange(len(files)), [len(group) for group in files.values()]),
        classes=tuple(files),
        scale=(0.0, 1.0),
        notes=notes,
    )


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    try:
        folders = sorted(entry for entry in folder.iterdir() if entry.is_dir())
        files = {
            entry.name: sorted(
                path
                for path in entry.rglob("*")
                if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
            )
            for entry in folders
            if not entry.name.startswith(".")
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


def _size(given: Value, paths: list[Path]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return height and width: those given, else those most images have, within a limit."""
    if given is not None:
        return given if isinstance(given, tuple) else (given, given), ()
    sizes = Counter(_dimensions(path) for path in paths)
    (height, width), _ = sizes.most_common(1)[0]
    shrink = min(1.0, _LARGEST_AUTO / max(height, width))
    size = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    if len(sizes) == 1 and shrink == 1:
        return size, ()
    return size, (f"Images of {len(sizes)} sizes were scaled to {size[0]}×{size[1]} px.",)


def _dimensions(path: Path) -> tuple[int, int]:
    with _opened(path) as image:
        return image.height, image.width


def _picture(path: Path, mode: str, size: tuple[int, int]) -> NDArray[np.float32]:
    """Shapes: `[channels, height, width]`, 0 to 1."""
    with _opened(path) as image:
        try:
            pixels = image.convert(mode)
        except (OSError, ValueError, SyntaxError) as error:
            raise _broken(path, error) from None
    if (pixels.height, pixels.width) != size:
        pixels = pixels.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    array = np.asarray(pixels, dtype=np.float32) / np.float32(255)
    return array[None] if mode == "L" else array.transpose(2, 0, 1)


def _opened(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path)
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise _broken(path, error) from None


def _broken(path: Path, error: Exception) -> DataProblem:
    reason = "the format is not one that can be read" if "identify" in str(error) else str(error)
    return DataProblem(
        f"{path.parent.name}/{path.name} is not a whole image ({reason}). Replace or remove {path}."
    )


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
            Param("mode", "choice", "rgb", choices=("grey", "rgb"), help="One channel or three"),
            Param(
                "size",
                "int",
                None,
                optional=True,
                minimum=1,
                maximum=1024,
                size=2,
                unit="px",
                help="Height, width; empty: the size that most images have, up to 128",
            ),
        ),
    ),
    _load,
)
