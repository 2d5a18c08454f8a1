"""Deterministic algorithms for a while: the same run gives the same bits, at the price of speed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

#: What cuBLAS needs to be told before it repeats itself.
#: Source: docs.nvidia.com/cuda/cublas, Results reproducibility.
_WORKSPACE, _SIZES = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"


@contextmanager
def repeatable() -> Iterator[None]:
    """Let torch refuse operations that do not repeat themselves; everything is put back afterwards."""
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    tuned, given = torch.backends.cudnn.benchmark, os.environ.get(_WORKSPACE)
    os.environ.setdefault(_WORKSPACE, _SIZES)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)
        torch.backends.cudnn.benchmark = tuned
        if given is None:
            os.environ.pop(_WORKSPACE, None)
