"""The picture that `explain` writes: the sample beside its signed map, symmetric about zero."""

from __future__ import annotations

import textwrap
from functools import partial

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

#: The light theme's tokens: text.1, text.2, line, and div.neg, div.zero, div.pos.
INK: Colour = (0x17, 0x1B, 0x21)
FAINT: Colour = (0x44, 0x4D, 0x59)
LINE: Colour = (0xC9, 0xCF, 0xD6)
NEGATIVE: Colour = (0x1F, 0x6D, 0xB8)
ZERO: Colour = (0xFF, 0xFF, 0xFF)
POSITIVE: Colour = (0xB9, 0x52, 0x0B)

PANEL = 360
GAP = 32
HEAD = 56
BAR = 14
LINE_HEIGHT = 20
MAX_BARS = 24
#: Fonts by name, with the file in which systems have them.
FONTS = {"DejaVu Sans": "DejaVuSans.ttf", "Arial": "arial.ttf", "Helvetica": "Helvetica.ttc"}
#: What Pillow's own font lacks.
PLAIN = str.maketrans({"×": "x", "−": "-", "–": "-", "√": "sqrt", "≥": ">="})


class Caption(Struct, frozen=True):
    """What is written in the picture. Plain text."""

    sample: str
    method: str
    lines: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


def draw(
    sample: NDArray[np.float32], values: NDArray[np.float32], caption: Caption, signed: bool = True
) -> Image.Image:
    """Return the picture. Blue speaks against, orange for; white is zero.

    Shapes: `sample` [channels, h, w], [steps, features] or [features]; `values` the map over it.
    """
    limit = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
    width = 2 * PANEL + 3 * GAP + BAR + 72
    words = [part for line in caption.lines for part in textwrap.wrap(line, 110)]
    height = HEAD + PANEL + GAP + LINE_HEIGHT * len(words) + GAP // 2
    image = Image.new("RGB", (width, height), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    write = partial(_write, pen)
    left, right = GAP, 2 * GAP + PANEL
    write((left, 20), caption.sample, 15, INK, PANEL)
    write((right, 20), caption.method, 15, INK, PANEL + BAR + 72)
    if values.ndim == 1:
        names = caption.features
        if len(names) != values.size:  # a transform has made other features of them
            names = tuple(f"x{number}" for number in range(values.size))
        # Both sides in one order, what counts most on top.
        shown = [int(at) for at in np.argsort(-np.abs(values), kind="stable")[:MAX_BARS]]
        _bars(pen, left, [(names[at], float(sample.reshape(-1)[at])) for at in shown], None)
        _bars(pen, right, [(names[at], float(values[at])) for at in shown], limit)
    else:
        _panel(image, pen, left, _gray(sample))
        _panel(image, pen, right, diverging(values.reshape(values.shape[-2:]) / limit))
    _scale(image, pen, right + PANEL + GAP // 2, limit, signed)
    for number, line in enumerate(words):
        write(
            (left, HEAD + PANEL + GAP // 2 + LINE_HEIGHT * number), line, 13, FAINT, width - 2 * GAP
        )
    return image


def diverging(t: NDArray[np.floating]) -> Pixels:
    """Return colours of −1…1: blue through white to orange. Shapes: [h, w] → [h, w, 3]."""
    t = np.clip(np.nan_to_num(t), -1.0, 1.0)[..., None]
    ends = np.where(t < 0, np.array(NEGATIVE), np.array(POSITIVE))
    colours = np.array(ZERO) + np.abs(t) * (ends - np.array(ZERO))
    pixels: Pixels = colours.round().astype(np.uint8)
    return pixels


def _gray(sample: NDArray[np.float32]) -> Pixels:
    """Return a sample as colours, its own range from black to white. RGB stays RGB."""
    planes = sample if sample.ndim == 3 else sample.reshape(1, *sample.shape[-2:])
    low, high = float(planes.min()), float(planes.max())
    scaled = ((planes - low) / ((high - low) or 1.0) * 255).round().astype(np.uint8)
    if scaled.shape[0] != 3:
        scaled = np.repeat(scaled.mean(axis=0, keepdims=True).astype(np.uint8), 3, axis=0)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0))


def _panel(image: Image.Image, pen: ImageDraw.ImageDraw, x: int, pixels: Pixels) -> None:
    """Put pixels, enlarged without smoothing, in the middle of a panel."""
    height, width = pixels.shape[:2]
    factor = PANEL / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    large = Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)
    corner = (x + (PANEL - size[0]) // 2, HEAD + (PANEL - size[1]) // 2)
    image.paste(large, corner)
    pen.rectangle(
        (corner[0] - 1, corner[1] - 1, corner[0] + size[0], corner[1] + size[1]), outline=LINE
    )


def _bars(
    pen: ImageDraw.ImageDraw, x: int, rows: list[tuple[str, float]], limit: float | None
) -> None:
    """Draw a table's row as bars from a middle line; coloured where they are a map."""
    reach = limit or max((abs(value) for _, value in rows), default=0.0) or 1.0
    label, row = PANEL * 2 // 5, PANEL / max(len(rows), 1)
    middle = x + label + (PANEL - label) // 2
    thick, size = min(row * 0.7, 24), 12 if row >= 14 else 9
    for number, (name, value) in enumerate(rows):
        top = HEAD + row * number
        end = middle + value / reach * (PANEL - label) / 2
        colour = FAINT if limit is None else POSITIVE if value >= 0 else NEGATIVE
        box = (min(middle, end), top + (row - thick) / 2, max(middle, end), top + (row + thick) / 2)
        pen.rectangle(box, fill=colour)
        _write(pen, (x, round(top + row / 2 - size * 0.6)), name, size, INK, label - 8)
    pen.line((middle, HEAD, middle, HEAD + PANEL), fill=LINE)


def _scale(
    image: Image.Image, pen: ImageDraw.ImageDraw, x: int, limit: float, signed: bool
) -> None:
    """Draw the colour scale with its ends and zero."""
    ramp = np.linspace(1.0, -1.0 if signed else 0.0, PANEL)[:, None].repeat(BAR, axis=1)
    image.paste(Image.fromarray(diverging(ramp)), (x, HEAD))
    pen.rectangle((x - 1, HEAD - 1, x + BAR, HEAD + PANEL), outline=LINE)
    marks = [(0.0, f"+{limit:.2g}"), (0.5, "0"), (1.0, f"-{limit:.2g}")]
    for share, text in marks if signed else [(0.0, f"{limit:.2g}"), (1.0, "0")]:
        _write(pen, (x + BAR + 6, round(HEAD + share * (PANEL - 12))), text, 12, FAINT, 60)


def _write(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, colour: Colour, width: int
) -> None:
    """Write one line, cut where it would not fit."""
    font = _font(size)
    line = " ".join(text.split())
    if font.getname()[0] not in FONTS:
        line = line.translate(PLAIN)
    while line and pen.textlength(line, font=font) > width:
        line = line[:-2] + "…"
    pen.text(at, line, font=font, fill=colour)


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return a font of the system, else the one that Pillow brings."""
    for file in FONTS.values():
        try:
            return ImageFont.truetype(file, size)
        except OSError:
            continue
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # a size was given
    return font
