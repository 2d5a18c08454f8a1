"""Breakpoints: what makes a run pause and show the layer, the batch and the step where it happened."""

from __future__ import annotations

from msgspec import Struct

from studio.graph.conditions import Condition
from studio.graph.formulas import FormulaError

#: What is watched for.
NOT_FINITE, GRADIENT, DEAD, SPIKE, WHEN = "not_finite", "gradient", "dead", "spike", "when"


class Breakpoint(Struct, frozen=True, omit_defaults=True):
    """One thing to pause at.

    `not_finite`: the loss, a weight or a gradient is no number. `gradient`: the norm of the gradient that
    a step follows is above `limit`. `dead`: a larger share of units than `limit` answers nothing.
    `spike`: the loss is above `limit` times its running median. `when`: the condition `text` over the
    recorded quantities holds.
    `node` is the id path of the layer that is watched, "" for any.
    """

    kind: str
    limit: float = 0.0
    node: str = ""
    text: str = ""
    enabled: bool = True


#: A breakpoint of each kind with limits that are worth a look.
USUAL: dict[str, Breakpoint] = {
    NOT_FINITE: Breakpoint(NOT_FINITE),
    GRADIENT: Breakpoint(GRADIENT, 100.0),
    DEAD: Breakpoint(DEAD, 0.5),
    SPIKE: Breakpoint(SPIKE, 5.0),
    WHEN: Breakpoint(WHEN, text="val_accuracy > 0.95"),
}

#: Layers whose units can die: they answer 0 to all that lies below their threshold.
CAN_DIE = frozenset(["torch.nn.ReLU", "torch.nn.ReLU6", "torch.nn.Threshold", "torch.nn.Hardtanh"])
#: Kinds that may watch one layer only.
OF_A_LAYER = (GRADIENT, DEAD)


def words(breakpoint: Breakpoint, layer: str = "") -> str:
    """Return what it pauses at, in words; `layer` is the name of the layer that is watched."""
    match breakpoint.kind:
        case "not_finite":
            return "Loss, weight or gradient is no number"
        case "gradient":
            of = f"Gradient of {layer}" if layer else "Gradient norm"
            return f"{of} above {breakpoint.limit:g}"
        case "dead":
            of = layer or "any layer"
            return f"More than {breakpoint.limit:.0%} of the units of {of} dead"
        case "spike":
            return f"Loss above {breakpoint.limit:g} × its running median"
        case "when":
            return breakpoint.text
    return f"{breakpoint.kind} (from another version)"


def fault(breakpoint: Breakpoint) -> str:
    """Return nothing, or the sentence why a breakpoint cannot be watched for."""
    match breakpoint.kind:
        case "not_finite":
            return ""
        case "gradient" if not 0 < breakpoint.limit < float("inf"):
            return f"A gradient norm to pause at is above 0, but got {breakpoint.limit:g}."
        case "dead" if not 0 <= breakpoint.limit < 1:
            return f"A share of dead units is between 0 and 1, but got {breakpoint.limit:g}."
        case "spike" if not 1 < breakpoint.limit < float("inf"):
            return f"A spike is more than once the median, but got {breakpoint.limit:g} times."
        case "gradient" | "dead" | "spike":
            return ""
        case "when":
            try:
                Condition(breakpoint.text)
            except FormulaError as error:
                return str(error)
            return ""
    return f"This version knows no breakpoint of the kind {breakpoint.kind!r}. It is kept as it is."
