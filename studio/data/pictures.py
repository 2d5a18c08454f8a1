"""Image files as arrays: of one size, within bounds, the broken ones named."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.data.reading import Attempts, check_size
from studio.data.source import DataProblem, Unreadable, unread
from studio.graph.params import Param, Value

SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"]
)
#: Images whose size is looked at before they are listed.
_LOOKED_AT = 1000
#: Without a size, nothing is loaded larger than this; a network for more wants a size of its own.
_LARGEST_AUTO = 128
#: What Pillow raises for files that are not what they say.
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)

MODE_PARAM = Param("mode", "choice", "rgb", choices=("grey", "rgb"), help="One channel or three")
#: Pillow's name of each mode, and its channels.
_MODES: Mapping[Value, tuple[str, int]] = {"grey": ("L", 1), "rgb": ("RGB", 3)}
SIZE_PARAM = Param(
    "size",
    "int",
    None,
    optional=True,
    minimum=1,
    maximum=1024,
    size=2,
    unit="px",
    help="Height, width; empty: the size that most images have, up to 128",
)


@dataclass(frozen=True)
class ImageFile:
    """An image that is not decoded yet: what it is called, and its path or its bytes."""

    name: str
    where: Path | bytes

    @classmethod
    def at(cls, path: Path) -> ImageFile:
        """Return the image at `path`, called by its folder and its own name."""
        return cls(f"{path.parent.name}/{path.name}", path)

    def open(self) -> Image.Image:
        """Return the picture, its pixels not yet read. Raises: DataProblem."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                return Image.open(
                    self.where if isinstance(self.where, Path) else BytesIO(self.where)
                )
        except BROKEN as error:
            raise self.broken(error) from None

    def size(self) -> tuple[int, int]:
        """Return height and width. Raises: DataProblem."""
        with self.open() as image:
            return image.height, image.width

    def pixels(self, mode: str, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the picture at a size; the mode is Pillow's: `L` or `RGB`.

        Shapes: `[channels, height, width]`, 0 to 1.
        Raises: DataProblem.
        """
        with self.open() as image:
            try:
                pixels = image.convert(mode)
            except BROKEN as error:
                raise self.broken(error) from None
        if (pixels.height, pixels.width) != size:
            pixels = pixels.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        array = np.asarray(pixels, dtype=np.float32) / np.float32(255)
        return array[None] if mode == "L" else array.transpose(2, 0, 1)

    def broken(self, error: Exception) -> DataProblem:
        """Return the sentence about a file that is no whole image, or is gone."""
        if isinstance(error, FileNotFoundError):
            return DataProblem(
                f"{self.name} is not there any more. Put it back, and go on from the last checkpoint."
            )
        unknown = "identify" in str(error)
        reason = "the format is not one that can be read" if unknown else str(error)
        which = self.where if isinstance(self.where, Path) else "it"
        return Unreadable(
            f"{self.name} is not a whole image ({reason}). Replace or remove {which}."
        )


@dataclass(frozen=True)
class Decoded:
    """Images of one size. Shapes: `pixels` `[kept, channels, height, width]`, 0 to 1; `kept` `[kept]`."""

    pixels: NDArray[np.float32]
    kept: NDArray[np.int64]
    notes: tuple[str, ...]


def common_size(
    files: Sequence[ImageFile], wish: Value, attempts: Attempts
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return height and width: those wished for, else those most images have, within a limit."""
    if wish is not None:
        return wish if isinstance(wish, tuple) else (wish, wish), ()
    found = (attempts.read(file.name, file.size) for file in files)
    sizes = Counter(size for size in found if size is not None)
    if not sizes:
        attempts.finish("images")
    (height, width), _ = sizes.most_common(1)[0]
    shrink = min(1.0, _LARGEST_AUTO / max(height, width))
    size = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    if len(sizes) == 1 and shrink == 1:
        return size, ()
    return size, (f"Images of {len(sizes)} sizes were scaled to {size[0]}×{size[1]} px.",)


@dataclass(frozen=True)
class OnDisk:
    """Images that are decoded one by one: `inputs` only stand for their shape, `read` gives one's pixels."""

    inputs: NDArray[np.float32]
    read: Callable[[int], NDArray[np.float32]]
    notes: tuple[str, ...]


def on_disk(count: int, image: Callable[[int], ImageFile], params: Mapping[str, Value]) -> OnDisk:
    """Return `count` images to be decoded when they are needed, at one size; `image` gives each.

    Raises: DataProblem.
    """
    # Of very many images some tell the size of most.
    some = [image(position) for position in range(0, count, max(1, count // _LOOKED_AT))]
    size, notes = common_size(some, params["size"], Attempts(skip=True))
    name, channels = _MODES[params["mode"]]
    return OnDisk(
        unread((count, channels, *size)),
        lambda position: image(position).pixels(name, size),
        notes,
    )


def decode(files: Sequence[ImageFile], mode: Value, wish: Value, skip: bool) -> Decoded:
    """Return all images at one size; those that cannot be read stop it, or are left out with `skip`.

    Raises: DataProblem, naming and counting what cannot be read, or when all is too large.
    """
    size, notes = common_size(files, wish, Attempts(skip=True))
    name, channels = _MODES[mode]
    what = f"{len(files)} images of {channels}×{size[0]}×{size[1]}"
    check_size(4 * len(files) * channels * size[0] * size[1], what)
    pixels = np.empty((len(files), channels, *size), dtype=np.float32)
    attempts = Attempts(skip)
    kept: list[int] = []
    for position, file in enumerate(files):
        image = attempts.read(file.name, partial(file.pixels, name, size))
        if image is not None:
            pixels[len(kept)] = image
            kept.append(position)
    notes = (*notes, *attempts.finish("images"))
    return Decoded(pixels[: len(kept)], np.array(kept, dtype=np.int64), notes)


def images_in(folder: Path) -> list[Path]:
    """Return the image files below a folder, hidden ones left out, in the order of their paths."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
