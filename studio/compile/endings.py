"""Hints about how a network ends, and about what its training can do at all."""

from __future__ import annotations

import math

from studio.compile.advice import Advice, without
from studio.compile.case import Remedy
from studio.compile.spots import Ground, Spot
from studio.graph.bounds import BOUNDS
from studio.graph.edits import SetFlag, SetRecipe
from studio.graph.graph import OUTPUT

OUTPUTS: frozenset[str] = frozenset([OUTPUT])
BATCH_NORMS: frozenset[str] = frozenset(f"torch.nn.BatchNorm{count}d" for count in (1, 2, 3))
_CROSS_ENTROPY = ("", "torch.nn.CrossEntropyLoss")
_BINARY_CROSS_ENTROPY = ("", "torch.nn.BCEWithLogitsLoss")

SCORES: frozenset[str] = frozenset(BOUNDS)


def answers(ground: Ground) -> bool:
    """Tell whether outputs of a sheet are compared with the data's targets."""
    return ground.answers


def is_alone(ground: Ground) -> bool:
    """Tell whether a batch is one sample."""
    return ground.project.recipe.batch_size == 1


def before_cross_entropy(spot: Spot) -> Advice | None:
    """Scores that the cross-entropy takes for logits were squeezed before."""
    answer, recipe = spot.ground.outcome.answer, spot.ground.project.recipe
    if not spot.ends or answer is None or answer.compares != "classes":
        return None
    if recipe.loss not in _CROSS_ENTROPY or answer.count < 2:
        return None
    title, name, others = spot.spec.title, spot.name, answer.count - 1
    low, high = BOUNDS[spot.node.kind]
    if spot.node.kind == "torch.nn.LogSoftmax":
        text = f"{name} is not needed: the cross-entropy takes the log-softmax itself, and again changes nothing."
    elif math.isfinite(low) and math.isfinite(high):
        most = 1 / (1 + others * math.exp(low - high))
        text = (
            f"{name} squeezes the scores, though the cross-entropy takes a softmax itself: behind {title} the "
            f"surest answer counts as {most:.0%} at most, so the loss cannot come near 0."
        )
    else:
        side = "below" if low == 0 else "above"
        text = (
            f"{name} cuts off scores {side} 0 that the cross-entropy needs: where it cuts all of them, the "
            "classes look alike and no gradient flows."
        )
    return Advice(text, (without(spot),))


def before_labels(spot: Spot) -> Advice | None:
    """Scores that the binary cross-entropy takes for logits were squeezed before."""
    answer, recipe = spot.ground.outcome.answer, spot.ground.project.recipe
    if not spot.ends or answer is None or answer.compares != "labels":
        return None
    if recipe.loss not in _BINARY_CROSS_ENTROPY:
        return None
    low, _ = BOUNDS[spot.node.kind]
    side = "all labels get at least one half" if low == 0 else "no label can be sure"
    text = (
        f"{spot.name} squeezes the scores, though the binary cross-entropy takes a sigmoid itself: "
        f"{side}, so the loss cannot come near 0."
    )
    return Advice(text, (without(spot),))


def before_regression(spot: Spot) -> Advice | None:
    """An answer that cannot reach the targets, which are standardised around 0."""
    data, answer = spot.ground.data, spot.ground.outcome.answer
    if not spot.ends or data is None or answer is None or answer.compares != "numbers":
        return None
    if data.task != "regression" or not data.target_mean:
        return None
    low, high = BOUNDS[spot.node.kind]
    if low == 0:
        limit = "below 0"
    else:
        limit = "above 0" if high == 0 else f"beyond {high:g}"
    text = (
        f"{spot.name} gives nothing {limit}, but the targets are standardised: their mean is 0 and many lie "
        "there. End in the Linear itself."
    )
    return Advice(text, (without(spot),))


def dropout(spot: Spot) -> Advice | None:
    """Dropout behind the last layer."""
    share = spot.value("p")
    if not spot.ends or not isinstance(share, float) or not 0 < share < 1:
        return None
    text = (
        f"{spot.name} is the last layer: in training {share:.0%} of the answers themselves are set to 0 before "
        "the loss sees them. Dropout belongs before the last layer with weights."
    )
    return Advice(text, (without(spot),))


def argmax(spot: Spot) -> Advice | None:
    """An answer through which no gradient flows."""
    if not spot.ends:
        return None
    text = (
        f"{spot.name} hands no gradient back, so nothing before it can learn. Give the scores themselves to the "
        "output; the largest is found where accuracy is counted."
    )
    return Advice(text, (without(spot),))


def batches_of_one(spot: Spot) -> Advice:
    """Batch norm over a batch of one sample."""
    alone = spot.given is not None and len(spot.given.shape) == 2
    end = "which PyTorch refuses" if alone else "which differ from those that it is tested with"
    text = (
        f"{spot.name} takes mean and spread over the batch, and the batch size is 1: it would see one "
        f"sample's only, {end}. Use larger batches, or a GroupNorm."
    )
    edit = SetRecipe({"batch_size": 32})
    return Advice(text, (Remedy("Set batch_size to 32", (edit,), spot.node.id),))


def nothing_learns(spot: Spot) -> Advice | None:
    """A network without a parameter that training may change."""
    ground = spot.ground
    if ground.outcome.parameters or ground.outcome.errors:
        return None
    frozen = tuple(key for key, node in ground.graph.nodes.items() if "frozen" in node.flags)
    if not frozen:
        text = "No layer of the network has parameters, so training changes nothing. Add a Linear before the output."
        return Advice(text)
    names = ", ".join(ground.graph.nodes[key].name for key in frozen[:3])
    text = (
        f"Everything that could learn is frozen ({names}{' …' if len(frozen) > 3 else ''}), so training changes "
        "nothing. Unfreeze at least the last layer."
    )
    last, every = (frozen[-1],), frozen
    remedies = [Remedy(f"Unfreeze {ground.graph.nodes[last[0]].name}", _thaw(spot, last), last[0])]
    if len(every) > 1:
        remedies.append(Remedy("Unfreeze all", _thaw(spot, every), last[0]))
    return Advice(text, tuple(remedies))


def _thaw(spot: Spot, keys: tuple[str, ...]) -> tuple[SetFlag, ...]:
    return (SetFlag(spot.ground.where, keys, "frozen", False),)
