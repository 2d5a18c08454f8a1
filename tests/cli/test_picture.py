"""The explanation's picture: blue against, orange for, zero in the middle."""

from __future__ import annotations

import numpy as np
import pytest

from studio.cli.picture import HEAD, NEGATIVE, POSITIVE, ZERO, Caption, diverging, draw

CAPTION = Caption(
    "Digits, validation 4", "Saliency: 7", ("true 7, 7 with 99 %",), ("length", "width")
)


def colours_of(image: object) -> set[tuple[int, int, int]]:
    return {tuple(int(c) for c in pixel) for pixel in np.asarray(image).reshape(-1, 3)}


def test_colours_are_symmetric_about_zero() -> None:
    ends = diverging(np.array([[-1.0, 0.0, 1.0, -7.0, np.nan]]))[0]
    assert [tuple(pixel) for pixel in ends] == [NEGATIVE, ZERO, POSITIVE, NEGATIVE, ZERO]
    low, high = diverging(np.array([[-0.5, 0.5]]))[0].astype(int)
    assert np.abs((np.array(ZERO) - low) * 2 - (np.array(ZERO) - NEGATIVE)).max() <= 1
    assert np.abs((np.array(ZERO) - high) * 2 - (np.array(ZERO) - POSITIVE)).max() <= 1


def test_the_largest_magnitude_sets_both_limits() -> None:
    values = np.array([[0.0, 0.0], [-2.0, 1.0]], dtype=np.float32)
    colours = colours_of(
        draw(np.zeros((1, 2, 2), np.float32), values, CAPTION).crop((0, HEAD, 800, 400))
    )
    assert NEGATIVE in colours
    half = tuple(int(c) for c in diverging(np.array([[0.5]]))[0, 0])
    assert half in colours


@pytest.mark.parametrize(
    ("sample", "values"),
    [
        ((1, 8, 8), (8, 8)),
        ((3, 20, 10), (20, 10)),
        ((8, 8), (8, 8)),
        ((1, 1, 1), (1, 1)),
        ((4,), (4,)),
        ((300,), (300,)),
    ],
)
def test_every_form_of_sample_is_drawn(sample: tuple[int, ...], values: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    image = draw(
        rng.normal(size=sample).astype(np.float32),
        rng.normal(size=values).astype(np.float32),
        CAPTION,
    )
    assert image.width > image.height > 300
    found = colours_of(image)
    assert len(found) > 10


def test_a_map_of_nothing_is_drawn() -> None:
    blank = draw(np.zeros((1, 4, 4), np.float32), np.full((4, 4), np.nan, np.float32), CAPTION)
    assert len(colours_of(blank)) > 2  # caption and scale are there, whatever the map holds
    row = draw(np.zeros(4, np.float32), np.zeros(4, np.float32), CAPTION, signed=False)
    assert len(colours_of(row)) > 2


def test_long_words_stay_inside() -> None:
    long = Caption("x" * 500, "y" * 500, ("z " * 400,))
    image = draw(np.zeros((1, 4, 4), np.float32), np.ones((4, 4), np.float32), long)
    edge = np.asarray(image)[:, -4:]
    assert (edge == 255).all()
