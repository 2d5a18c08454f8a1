"""Why a network answers as it does: attributions, predictions and attention, on a replica.

`explain`, `predict` and `attention` read a module and leave it as it was: no hook, no gradient, no
mode, no weight and no state of a random generator changes, also when they fail or are cancelled.
"""

from __future__ import annotations

from studio.explain.applies import check_applies
from studio.explain.attention_maps import attention
from studio.explain.attributions import explain, methods
from studio.explain.interventions import operated
from studio.explain.neighbours import neighbours
from studio.explain.peek import peek
from studio.explain.predictions import predict
from studio.explain.question import Cancelled, ExplainProblem
from studio.explain.replicas import replica

__all__ = [
    "Cancelled",
    "ExplainProblem",
    "attention",
    "check_applies",
    "explain",
    "methods",
    "neighbours",
    "operated",
    "peek",
    "predict",
    "replica",
]
