"""Images with a mask each: which class every pixel belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.data.pictures import BROKEN, MODE_PARAM, SIZE_PARAM, ImageFile, decode, images_in
from studio.data.reading import SKIP_PARAM, Attempts, check_size
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.graph.facts import LEFT_OUT
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

#: A mask with more different values is a photograph, or was saved with a lossy format.
_MOST_VALUES = 256


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[n, channels, height, width]`, targets `[n, height, width]`."""
    folder = existing(params["path"], base, "A folder of images", "the folder of the images")
    if not folder.is_dir():
        raise DataProblem(f"{folder} is a file; expected a folder of images. Choose the folder.")
    images, masks = _pairs(folder, params["masks"], base)
    skip = bool(params["skip_unreadable"])
    found = decode([ImageFile.at(path) for path in images], params["mode"], params["size"], skip)
    size = (found.pixels.shape[2], found.pixels.shape[3])
    check_size(8 * len(found.kept) * size[0] * size[1], f"{len(found.kept)} masks of {size}")
    attempts = Attempts(skip)
    files = [ImageFile.at(masks[position]) for position in found.kept]
    read = [attempts.read(file.name, partial(_mask, file, size)) for file in files]
    notes = (*found.notes, *attempts.finish("masks"))
    whole = [at for at, mask in enumerate(read) if mask is not None]
    values = np.stack([mask for mask in read if mask is not None])
    names = [part.strip() for part in str(params["classes"]).split(",") if part.strip()]
    targets, classes = _classes(values, [files[at].name for at in whole], names, params["ignore"])
    return Loaded(
        title=folder.name,
        form="image",
        inputs=found.pixels[whole],
        targets=targets,
        task="segmentation",
        classes=classes,
        scale=(0.0, 1.0),
        notes=notes,
    )


def _pairs(folder: Path, masks: Value, base: Path) -> tuple[list[Path], list[Path]]:
    """Return the images and their masks, found by the same name before the suffix.

    Raises: DataProblem, counting the images that have none.
    """
    below = folder / "images"
    root = below if below.is_dir() else folder
    if masks:
        place = existing(masks, base, "A folder of masks", "the folder of the masks")
    else:
        places = (folder / "masks", folder.parent / "masks", folder)
        place = next(path for path in places if path.is_dir())
    beside = place == folder
    named = {
        _key(path, place).removesuffix("_mask"): path
        for path in images_in(place)
        if not beside or path.stem.endswith("_mask")
    }
    images = [path for path in images_in(root) if path not in named.values()]
    if not images:
        raise DataProblem(f"No images were found in {folder}. Choose the folder that holds them.")
    alone = [path for path in images if _key(path, root) not in named]
    if alone:
        shown = ", ".join(path.name for path in alone[:3]) + ("…" if len(alone) > 3 else "")
        raise DataProblem(
            f"{len(alone)} of {len(images)} images have no mask: {shown}. Expected "
            f"{alone[0].stem}.png in {place}, or {alone[0].stem}_mask.png beside the image. "
            "Choose the folder of the masks."
        )
    return images, [named[_key(path, root)] for path in images]


def _key(path: Path, root: Path) -> str:
    """Return what an image and its mask share: their way from the root, without the suffix."""
    return path.relative_to(root).with_suffix("").as_posix()


def _mask(file: ImageFile, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return a mask's own values at a size; a colour is one number. Shapes: `[height, width]`."""
    with file.open() as image:
        try:
            plain = image if image.mode in ("1", "L", "P", "I", "I;16") else image.convert("RGB")
            if plain.mode == "1":
                plain = plain.convert("L")
            if (plain.height, plain.width) != size:
                plain = plain.resize((size[1], size[0]), Image.Resampling.NEAREST)
            values = np.asarray(plain).astype(np.int64)
        except BROKEN as error:
            raise file.broken(error) from None
    if values.ndim == 3:
        values = (values[..., 0] << 16) + (values[..., 1] << 8) + values[..., 2] + (1 << 24)
    return values


def _classes(
    values: NDArray[np.int64], files: Sequence[str], names: Sequence[str], ignore: Value
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return class indices for the masks' values, in ascending order, and what they are called.

    Raises: DataProblem, naming the first mask whose values are not among the classes.
    """
    kinds = np.unique(values)
    if ignore is not None:
        kinds = kinds[kinds != ignore]
    if len(kinds) > _MOST_VALUES:
        raise DataProblem(
            f"The masks hold {len(kinds)} different values; expected at most {_MOST_VALUES}, one a "
            f"class. Is {files[0]} a photograph, or was it saved as JPEG? Save masks as PNG."
        )
    if names and len(kinds) != len(names):
        outside = kinds[(kinds < 0) | (kinds >= len(names))]
        if len(outside):
            first = int(np.flatnonzero((values == outside[0]).any(axis=(1, 2)))[0])
            raise DataProblem(
                f"{files[first]} holds {_value(int(outside[0]))}, which is outside the {len(names)} "
                f"classes that are named (0 to {len(names) - 1}). Name more classes, or let the value "
                "be ignored."
            )
        kinds = np.arange(len(names))
    if len(kinds) < 2:
        raise DataProblem(
            f"The masks hold {len(kinds)} classes; expected at least two, such as 0 for the background "
            "and 255 for the object. Choose other masks."
        )
    targets = np.searchsorted(kinds, values).astype(np.int64)
    if ignore is not None:
        targets[values == ignore] = LEFT_OUT
    usual = ("background", "object") if kinds.tolist() == [0, 255] else ()
    return targets, tuple(names) or usual or tuple(_value(int(kind)) for kind in kinds)


def _value(value: int) -> str:
    return f"#{value - (1 << 24):06x}" if value >= 1 << 24 else str(value)


IMAGE_MASKS = Source(
    SourceSpec(
        kind="files.image_masks",
        title="Images with masks",
        doc="Your own images, and for each a mask of the same name that says what every pixel shows.",
        form="image",
        params=(
            Param("path", "path", "", required=True, help="The folder of the images"),
            Param(
                "masks",
                "path",
                "",
                help="The folder of the masks; empty: masks inside or beside it, or NAME_mask.png",
            ),
            Param(
                "classes",
                "str",
                "",
                help="What the masks' values are called, the smallest first, separated by commas",
            ),
            Param(
                "ignore",
                "int",
                None,
                optional=True,
                minimum=0,
                maximum=65535,
                help="A value that stands for no class, such as 255",
            ),
            MODE_PARAM,
            SIZE_PARAM,
            SKIP_PARAM,
        ),
    ),
    _load,
)
