"""Arrays → pictures, without a Python loop over pixels."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from studio.ui.theme import Theme


def gray_image(values: np.ndarray) -> QImage:
    """Return `values` as a grey picture; floats are stretched from their lowest to their highest.

    Shapes: `[h, w]`, `[1, h, w]`, or colour as `[3, h, w]`; uint8 is taken as it is.
    """
    values = np.asarray(values)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.dtype != np.uint8:
        values = _stretched(values)
    if values.ndim == 3:
        return rgb_image(np.moveaxis(values[:3], 0, -1))
    values = np.ascontiguousarray(values)
    height, width = values.shape
    return QImage(values.data, width, height, width, QImage.Format.Format_Grayscale8).copy()


def rgb_image(colours: np.ndarray) -> QImage:
    """Return uint8 `[h, w, 3]` as a picture."""
    colours = np.ascontiguousarray(colours, dtype=np.uint8)
    height, width, _ = colours.shape
    return QImage(colours.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def sequential_image(theme: Theme, values: np.ndarray, low: float, high: float) -> QImage:
    """Return `[h, w]` in the sequential map; what is not a number takes the lowest colour."""
    span = high - low
    share = (np.nan_to_num(values, nan=low) - low) / span if span > 0 else np.zeros(values.shape)
    return rgb_image(theme.sequential(np.clip(share, 0.0, 1.0)))


def diverging_image(theme: Theme, values: np.ndarray, limit: float) -> QImage:
    """Return `[h, w]` in the diverging map, symmetric about zero: ±`limit` are its ends."""
    share = np.nan_to_num(values) / limit if limit > 0 else np.zeros(values.shape)
    return rgb_image(theme.diverging(np.clip(share, -1.0, 1.0)))


def symmetric_limit(values: np.ndarray, percentile: float = 99.0) -> float:
    """Return the percentile of |values| over the entries that are not zero (0 where all are)."""
    size = np.abs(values[np.isfinite(values)])
    size = size[size > 0]
    return float(np.percentile(size, percentile)) if size.size else 0.0


def _stretched(values: np.ndarray) -> np.ndarray:
    finite = np.nan_to_num(np.asarray(values, dtype=np.float32))
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    if finite.size and low == 0.0:
        low = float(finite.min())
    span = high - low
    if span <= 0:
        return np.zeros(finite.shape, dtype=np.uint8)
    return ((finite - low) * (255.0 / span)).astype(np.uint8)
