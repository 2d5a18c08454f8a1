"""The batch size that fits into memory, measured: batches are tried, not computed."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable

import torch
from msgspec.structs import replace

from studio.data import Dataset
from studio.engine import protocol as p
from studio.train.diagnose import is_out_of_memory
from studio.train.learner import Learner
from studio.train.stepper import ModuleFor, Stepper

#: Between the size that fits and the one that does not, so many sizes more are tried.
_FINER = 4


def free(error: BaseException, device: torch.device) -> None:
    """Let go of what an error holds of the run that it ended."""
    traceback.clear_frames(error.__traceback__)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def largest_batch(too_large: int, fits: Callable[[int], bool]) -> int:
    """Return a batch size below `too_large` that fits, close to the largest; 0 where none does."""
    low, high = too_large // 2, too_large
    while low and not fits(low):
        low, high = low // 2, low
    for _ in range(_FINER if low else 0):
        middle = (low + high) // 2
        if middle - low < max(1, low // 8):
            break
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def measured_batch(
    job: p.Job, module_for: ModuleFor, dataset: Dataset, learner: Learner, device: torch.device
) -> int:
    """Return a batch size with which steps of this job go through on the device; 0 where none does."""

    def fits(size: int) -> bool:
        recipe = replace(job.project.recipe, batch_size=size, compile=False)
        try:
            stepper = Stepper(
                replace(job.project, recipe=recipe), module_for, dataset, learner, device
            )
            with stepper.stream:
                for _ in range(min(2, stepper.steps)):  # the first one makes the optimiser's state
                    stepper.take_step()
                stepper.learning.evaluate(stepper.train_part)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            free(error, device)
            return False
        del stepper
        return True

    try:
        return largest_batch(min(job.project.recipe.batch_size, len(dataset.train)), fits)
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
