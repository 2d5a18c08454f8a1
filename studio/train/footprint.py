"""What an optimiser remembers of each parameter.

A first step would tell as much, but makes PyTorch load for seconds; a test holds this table against it.
"""

from __future__ import annotations

from studio.graph.project import Recipe
from studio.train.optim import PREFIX

#: Numbers kept for each parameter, by optimiser.
_AVERAGES = {
    "ASGD": 1,
    "Adadelta": 2,
    "Adafactor": 0,
    "Adagrad": 1,
    "Adam": 2,
    "AdamW": 2,
    "Adamax": 2,
    "LBFGS": 2,
    "Muon": 1,
    "NAdam": 2,
    "RAdam": 2,
    "RMSprop": 1,
    "Rprop": 2,
    "SGD": 0,
}
#: L-BFGS keeps as many pairs of steps and gradients as its history is long.
_HISTORY = 100


def optimizer_bytes(recipe: Recipe) -> int:
    """Return the bytes that the recipe's optimiser keeps beside each parameter and its gradient."""
    name, given = recipe.optimizer.removeprefix(PREFIX), recipe.optimizer_params
    numbers = _AVERAGES.get(name, 2)
    if name in ("SGD", "RMSprop") and given.get("momentum"):
        numbers += 1
    numbers += sum(given.get(option) is True for option in ("amsgrad", "centered"))
    if name == "LBFGS":
        history = given.get("history_size", _HISTORY)
        numbers += 2 * history if isinstance(history, int) else 2 * _HISTORY
    return 4 * numbers
