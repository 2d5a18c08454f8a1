"""Between which values a layer's outputs lie, where its function says so."""

from __future__ import annotations

import math
from collections.abc import Mapping

#: Lowest and highest that a kind of layer can give.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "torch.nn.Softmax": (0.0, 1.0),
    "core.softmax": (0.0, 1.0),
    "torch.nn.LogSoftmax": (-math.inf, 0.0),
    "torch.nn.LogSigmoid": (-math.inf, 0.0),
    "torch.nn.Sigmoid": (0.0, 1.0),
    "torch.nn.Hardsigmoid": (0.0, 1.0),
    "torch.nn.Tanh": (-1.0, 1.0),
    "torch.nn.Hardtanh": (-1.0, 1.0),
    "torch.nn.Softsign": (-1.0, 1.0),
    "torch.nn.ReLU": (0.0, math.inf),
    "torch.nn.ReLU6": (0.0, 6.0),
    "torch.nn.Softplus": (0.0, math.inf),
}
