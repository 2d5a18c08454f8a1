"""What is learned by heart, and how far validation figures can be trusted."""

from __future__ import annotations

import math

import numpy as np
from msgspec.structs import replace

from studio.graph.edits import SetData, SetParams, SetRecipe, SimpleEdit
from studio.session.diagnosis.finding import NETWORK, Case, Change, Finding, figure

#: Epochs since the best validation loss, and how much worse it has become since.
_PAST, _WORSE = 4, 1.25
#: The training loss since then, and beside the validation loss.
_STILL_FALLING, _APART = 0.75, 2.0
#: Validation samples below which one of them is worth seeing.
_ENOUGH = 100
#: How the data's own warning says it.
_SHARED = "samples are in training too"
_DROPOUTS = tuple(f"torch.nn.Dropout{kind}" for kind in ("", "1d", "2d", "3d"))


def over_fitting(case: Case) -> Finding | None:
    """The training loss falls on while the validation loss rises."""
    train, val = case.metric("train_loss"), case.metric("val_loss")
    if case.plays or len(val) < _PAST + 2 or len(train) != len(val) or not np.isfinite(val).all():
        return None
    best = int(val.argmin())
    recent = float(np.median(val[-3:]))
    if len(val) - 1 - best < _PAST or recent < _WORSE * val[best]:
        return None
    if train[-1] > _STILL_FALLING * train[best] or recent < _APART * train[-1]:
        return None
    seen = (
        figure("best validation loss", f"{val[best]:.4g}, epoch {best + 1}"),
        figure("now", float(val[-1])),
        figure("training loss now", float(train[-1])),
    )
    return Finding(
        "over-fitting",
        f"Validation has become worse since epoch {best + 1}",
        "The network learns its training samples by heart: their loss still falls, that of samples it "
        "has not seen rises. The best weights are kept. More data, augmentation, dropout, weight decay "
        "or a smaller network help; training longer does not.",
        seen,
        _tamer(case),
        curve="val_loss",
    )


def _tamer(case: Case) -> Change:
    """Return more dropout where there is some, else more weight decay."""
    edits: list[SimpleEdit] = []
    for node in case.graph.nodes.values():
        share = node.params.get("p", 0.5)
        if node.kind in _DROPOUTS and isinstance(share, int | float) and share < 0.5:
            edits.append(SetParams(NETWORK, node.id, {"p": 0.5}))
    if edits:
        return Change("Dropout of 0.5", tuple(edits))
    params = case.project.recipe.optimizer_params
    now = params.get("weight_decay", 0.01)
    more = max(0.1, 10 * now) if isinstance(now, int | float) else 0.1
    return Change(
        f"Weight decay {more:g}",
        (SetRecipe({"optimizer_params": params | {"weight_decay": more}}),),
    )


def noisy_validation(case: Case) -> Finding | None:
    """So few samples validate that chance moves the figures more than learning does."""
    started, accuracy = case.history.started, case.metric("val_accuracy")
    if started is None or not 0 < started.validation_samples < _ENOUGH or len(accuracy) < 3:
        return None
    count = started.validation_samples
    share = float(np.clip(np.median(accuracy[-3:]), 0.5 / count, 1 - 0.5 / count))
    error = 1.96 * math.sqrt(share * (1 - share) / count)
    if error < 0.03:
        return None
    split = case.project.data.split
    larger = min(0.4, max(0.3, 2 * split.validation))
    change = Change(
        f"Validate on {larger:.0%} of the samples",
        (SetData(replace(case.project.data, split=replace(split, validation=larger))),),
        "Another division has other validation samples: figures before and after do not compare.",
    )
    return Finding(
        "noisy validation",
        f"{count} validation samples say little",
        f"With so few, an accuracy of {share:.0%} may as well be {max(0.0, share - error):.0%} or "
        f"{min(1.0, share + error):.0%}: one sample more or less moves it by {1 / count:.1%}. Differences "
        "below that are chance.",
        (figure("validation samples", str(count)), figure("margin", f"± {error:.1%}")),
        change if larger > split.validation else None,
        curve="val_accuracy",
        severity="hint",
    )


def leak(case: Case) -> Finding | None:
    """Samples that validate were trained on as well."""
    if case.data is None:
        return None
    told = next((text for text in case.data.warnings if _SHARED in text), "")
    if not told or not case.history.epochs:
        return None
    handling = replace(case.project.data.handling, duplicates="drop")
    seen = [figure("validation samples", str(case.data.validation))]
    accuracy = case.metric("val_accuracy")
    if len(accuracy):
        seen.append(figure("validation accuracy", f"{accuracy[-1]:.1%}"))
    return Finding(
        "leak between splits",
        "Some samples both train and validate",
        f"{told} Validation looks better than it is, because the network has seen these samples.",
        tuple(seen),
        Change(
            "Drop duplicates",
            (SetData(replace(case.project.data, handling=handling)),),
            "Without the duplicates other samples validate: figures before and after do not compare.",
        ),
        curve="val_accuracy" if len(accuracy) else "val_loss",
    )
