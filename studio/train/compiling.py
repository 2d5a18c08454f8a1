"""`torch.compile`: faster forwards of the networks that train, where it works."""

from __future__ import annotations

import torch

from studio.train.checkpoint import State
from studio.train.stepper import Stepper


def compile_networks(stepper: Stepper) -> str:
    """Compile every network for the batches to come; return the sentence why not, or "".

    Steps are taken to see that it works, for every size of batch, and taken back. What taps and
    evaluates goes on with the networks as they are.
    """
    before = stepper.capture()
    compiled = stepper.conduct.compiled
    try:
        for role, network in stepper.networks.items():
            compiled[role] = torch.compile(network, dynamic=False)
        _try_each_size(stepper, before)
    except Exception as error:  # whatever a compiler raises, training can do without it
        compiled.clear()
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return (
            f"torch.compile failed ({first[:200]}), so the run goes on without it. "
            "Turn Compile off in the recipe to save the attempt."
        )
    finally:
        stepper.restore(before)
    return ""


def _try_each_size(stepper: Stepper, before: State) -> None:
    sizes = stepper.sizes
    for batch in sorted({sizes.index(size) for size in sizes}):
        stepper.restore(before)
        stepper.batch = batch
        with stepper.stream:
            stepper.feed.begin(stepper.epoch)
            stepper.take_step()
