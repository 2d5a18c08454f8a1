"""How the step under way is to be taken: set by the stepper, followed by whatever takes part in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

#: What a tap is: `tap(path, port, tensor)` is given what leaves an output port, and returns it.
Tap = Callable[[str, str, Tensor], Tensor]


@dataclass
class Conduct:
    """One for a run. Of the batches that make a step together each has its `share` of the gradient.

    `compiled` are the networks' faster forwards by role; a network with a tap in `taps` answers
    through its tapped forward instead, which gives the same numbers. `scalers` are all those in use.
    """

    share: float = 1.0
    first: bool = True
    last: bool = True
    compiled: dict[str, Callable[..., Any]] = field(default_factory=dict)
    taps: dict[str, Tap] = field(default_factory=dict)
    scalers: list[torch.amp.GradScaler] = field(default_factory=list)
