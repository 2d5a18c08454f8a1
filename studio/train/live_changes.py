"""What a person may change of a run under way, from its next step or epoch on."""

from __future__ import annotations

import math
from collections.abc import Mapping

from studio.graph.params import Value
from studio.train.options import TrainProblem
from studio.train.stepper import Stepper

#: A node that values are meant for stands under this name beside them.
NODE = "node"


def apply(stepper: Stepper, values: Mapping[str, Value]) -> tuple[dict[str, Value], list[str]]:
    """Change settings; return those that were changed, and a sentence for each that was not.

    `frozen` and `p` are those of a `node`; `batch_size` counts from the next epoch on; all else is
    an optimiser's number, for all weights.
    """
    applied: dict[str, Value] = {}
    wrong: list[str] = []
    rest = dict(values)
    node = rest.pop(NODE, None)
    for name, value in rest.items():
        try:
            _set(stepper, name, value, node)
        except TrainProblem as error:
            wrong.append(str(error))
        else:
            applied[name] = value
    return ({NODE: node} | applied if applied and node is not None else applied), wrong


def _set(stepper: Stepper, name: str, value: Value, node: Value) -> None:
    groups = [group for opt in stepper.optimizers for group in opt.param_groups]
    numbers = [key for key in groups[0] if is_number(groups[0][key]) and key != "initial_lr"]
    if isinstance(node, str):
        _set_node(stepper, name, value, node)
    elif name == "batch_size" and isinstance(value, int) and not isinstance(value, bool):
        stepper.set_batch_size(value)
    elif name not in numbers or not is_number(value) or not 0 <= value < math.inf:
        raise TrainProblem(
            f"{name} was to be set to {value!r} while training. Settings that can change are "
            f"{', '.join(numbers)}, to a number of at least 0, batch_size, and a node's frozen and p."
        )
    elif name == "lr":
        stepper.set_lr(float(value))
    else:
        for group in groups:
            if name in group:
                group[name] = type(group[name])(value)


def _set_node(stepper: Stepper, name: str, value: Value, node: str) -> None:
    if name == "frozen" and isinstance(value, bool):
        stepper.steering.freeze(node, value)
    elif name == "p" and is_number(value):
        stepper.steering.drop(node, float(value))
    else:
        raise TrainProblem(
            f"{name} of {node} was to be set to {value!r} while training. A node can be frozen "
            "(true or false), and a dropout's p can change (0 to 1)."
        )


def is_number(value: object) -> bool:
    """Tell whether a value is a number that a person can set."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
