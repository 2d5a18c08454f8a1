"""Breakpoints: what makes a run pause and show the layer, the batch and the step where it happened."""

from __future__ import annotations

from msgspec import Struct

#: What is watched for.
NOT_FINITE, GRADIENT, DEAD, SPIKE, WHEN = "not_finite", "gradient", "dead", "spike", "when"
KINDS = (NOT_FINITE, GRADIENT, DEAD, SPIKE, WHEN)


class Breakpoint(Struct, frozen=True, omit_defaults=True):
    """One thing to pause at.

    `not_finite`: the loss, a weight or a gradient is no number. `gradient`: a gradient norm is above
    `limit`. `dead`: a larger share of units than `limit` answers nothing. `spike`: the loss is above
    `limit` times its running median. `when`: the condition `text` over the recorded quantities holds.
    `node` is the id path of the layer that is watched, "" for any.
    """

    kind: str
    limit: float = 0.0
    node: str = ""
    text: str = ""
    enabled: bool = True
