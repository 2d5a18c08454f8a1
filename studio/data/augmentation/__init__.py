"""Augmentation: training batches changed at random, each one anew, so that a network learns what stays.

Written with tensors on whole batches: a general library's chain of crop, flip, affine and colour takes
13 ms for 32 small images, several times a training step; these take under one.
"""

from __future__ import annotations

from studio.data.augmentation.contract import Augmentation, Change
from studio.data.augmentation.table import augmenter, builtin_augmentations

__all__ = ["Augmentation", "Change", "augmenter", "builtin_augmentations"]
