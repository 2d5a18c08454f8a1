"""One step, node by node: what flows forward and back with the batch that comes next."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio.engine import protocol as p
from studio.train.stepper import Stepper


def walk(stepper: Stepper) -> p.Walked:
    """Take the next step, look at every node on the way, and take the step back.

    The numbers are those that the step will have when it is taken: same weights, same batch, same
    random numbers.
    """
    before = stepper.capture()
    role = next(iter(stepper.networks))
    known = {node.path for node in stepper.nodes}
    forward: list[p.Walk] = []
    backward: list[p.Walk] = []

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        if path in known and tensor.is_floating_point() and tensor.numel():
            forward.append(_seen(path, port, tensor.detach()))
            if tensor.requires_grad:
                # On one tensor of one step that is taken back; nothing stays attached to the network.
                tensor.register_hook(  # type: ignore[no-untyped-call]
                    lambda grad: backward.append(_seen(path, port, grad))
                )
        return tensor

    stepper.conduct.taps[role] = tap
    try:
        with stepper.stream:
            stepper.take_step()
    finally:
        stepper.conduct.taps.clear()
        stepper.restore(before)
    return p.Walked(before.step, tuple(forward), tuple(backward))


def _seen(path: str, port: str, tensor: Tensor) -> p.Walk:
    values = tensor.float()
    std, mean = torch.std_mean(values, correction=0)
    low, high = torch.aminmax(values)
    figures = torch.stack([mean, std, low, high, torch.linalg.vector_norm(values)]).tolist()
    mean_v, std_v, low_v, high_v, norm = (v if math.isfinite(v) else math.nan for v in figures)
    return p.Walk(path, port, tuple(tensor.shape), mean_v, std_v, low_v, high_v, norm)
