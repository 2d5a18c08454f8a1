"""Gradients that fade or burst on their way, and units that no longer answer."""

from __future__ import annotations

from studio.graph.bounds import BOUNDS
from studio.graph.edits import SetRecipe, SimpleEdit
from studio.session.diagnosis.finding import Case, Change, Finding, figure, stats

#: The first layers' gradient beside that of later ones, relative to their weights; and by itself.
_FADED, _FAINT = 1e-3, 1e-3
#: A gradient this many times its layer's weights, and at least this long, throws them about.
_BURST, _LONG = 10.0, 100.0
#: Shares of dead and of saturated units that are worth a look.
_DEAD, _SATURATED = 0.4, 0.6
#: How near its ends a squashing layer's output counts as saturated, as a share of its range.
_EDGE = 0.025

_SQUASHES = frozenset(["torch.nn.Sigmoid", "torch.nn.Tanh"])
RELU, LEAKY = "torch.nn.ReLU", "torch.nn.LeakyReLU"


def _pulls(case: Case) -> list[tuple[str, float, float]]:
    """Return path, gradient norm, and that norm beside the weights', of layers with weights, in order."""
    found = []
    for path, stat in stats(case):
        grads = case.lately(path, "grad")
        if len(grads) and stat.weight:
            grad = float(sorted(grads)[len(grads) // 2])
            found.append((path, grad, grad / stat.weight))
    return found


def vanishing(case: Case) -> Finding | None:
    """Hardly any gradient reaches the first layers."""
    pulls = _pulls(case)
    if len(pulls) < 3:
        return None
    half = len(pulls) // 2
    path, grad, pull = min(pulls[:half], key=lambda each: each[2])
    later = sorted(pulls[half:], key=lambda each: each[2])
    last = later[(len(later) - 1) // 2]
    if not pull < _FADED * last[2] or grad > _FAINT:
        return None
    name = case.name(path)
    edits: tuple[SimpleEdit, ...] = ()
    for squash in case.history.layers:
        place = case.place(squash)
        ends = case.ending()
        if place and place[1].kind in _SQUASHES and (ends is None or place[1].id != ends.id):
            edits += case.swapped(squash, RELU)
    change = Change("ReLU in the place of what squashes", edits) if edits else None
    advice = (
        "What squashes on the way (Sigmoid, Tanh) shrinks it at every layer: ReLU does not."
        if edits
        else "A normalisation between the layers, or a wire past some of them (residual), carries it on."
    )
    return Finding(
        "vanishing gradients",
        f"Hardly any gradient reaches {name}",
        f"Its weights are pulled {last[2] / max(pull, 1e-30):.0f} times less than those of "
        f"{case.name(last[0])}, so the first layers hardly learn. {advice}",
        (figure(f"gradient of {name}", grad), figure(f"of {case.name(last[0])}", last[1])),
        change,
        path,
    )


def exploding(case: Case) -> Finding | None:
    """A gradient is far longer than the weights that it changes."""
    long = [each for each in _pulls(case) if each[1] > _LONG and each[2] > _BURST]
    if not long:
        return None
    path, grad, pull = max(long, key=lambda each: each[2])
    change = None
    if case.project.recipe.clip_norm is None:
        change = Change("Clip the gradient at norm 1", (SetRecipe({"clip_norm": 1.0}),))
    return Finding(
        "exploding gradients",
        f"The gradient of {case.name(path)} is {grad:.3g} long",
        f"That is {pull:.0f} times its weights: one step throws them far away. Clipping the gradient "
        "keeps its direction and limits its length; inputs of very large values are a usual cause.",
        (figure("gradient norm", grad), figure("norm of the weights", grad / pull)),
        change,
        path,
    )


def dead(case: Case) -> Finding | None:
    """Many units of a layer answer nothing, whatever comes in."""
    found = []
    for path, stat in stats(case):
        shares = case.lately(path, "dead")
        if stat.units >= 4 and len(shares) and shares.min() >= _DEAD:
            found.append((float(shares[-1]), path, stat.units))
    if not found:
        return None
    share, path, units = max(found)
    place = case.place(path)
    edits = case.swapped(path, LEAKY) if place and place[1].kind == RELU else ()
    name = case.name(path)
    rest = len(found) - 1
    layers = "layer is" if rest == 1 else "layers are"
    more = f" {rest} more {layers} like it." if rest else ""
    return Finding(
        "dead units",
        f"{round(share * units)} of {units} units of {name} are dead",
        "They give 0 for every probed sample, so they get no gradient and learn nothing."
        f"{more} LeakyReLU lets a little through; a lower learning rate keeps units from dying.",
        (figure("dead", f"{share:.0%}"), figure("since step", str(_since(case, path)))),
        Change("LeakyReLU in its place", edits) if edits else None,
        path,
    )


def _since(case: Case, path: str) -> int:
    """Return the step from which on so many units were dead."""
    row, steps = (
        case.history.layer_series[path],
        case.history.layer_steps[-len(case.history.layer_series[path]) :],
    )
    since = steps[-1]
    for step, stat in zip(reversed(steps), reversed(row), strict=False):
        if stat.dead < _DEAD:
            break
        since = step
    return since


def saturated(case: Case) -> Finding | None:
    """A squashing layer answers with its ends only, where its slope is nothing."""
    ending = case.ending()
    for path, stat in stats(case):
        place = case.place(path)
        if place is None or place[1].kind not in _SQUASHES or not stat.histogram:
            continue
        if (ending is not None and place[1].id == ending.id) or not len(case.lately(path, "mean")):
            continue
        low, high = BOUNDS[place[1].kind]
        edge = _EDGE * (high - low)
        width = (stat.high - stat.low) / len(stat.histogram)
        middles = [stat.low + (k + 0.5) * width for k in range(len(stat.histogram))]
        ends = sum(
            count
            for middle, count in zip(middles, stat.histogram, strict=True)
            if not low + edge < middle < high - edge
        )
        share = ends / max(1, sum(stat.histogram))
        if share < _SATURATED:
            continue
        return Finding(
            "saturated units",
            f"{share:.0%} of what {case.name(path)} gives is at its ends",
            "There its slope is almost 0, so hardly any gradient passes. Smaller inputs (a "
            "normalisation before it, a lower learning rate) or ReLU in its place keep it moving.",
            (figure("outputs near an end", f"{share:.0%}"), figure("spread", stat.std)),
            Change("ReLU in its place", case.swapped(path, RELU)),
            path,
        )
    return None
