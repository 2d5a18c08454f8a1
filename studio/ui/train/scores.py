"""What figures of a run are called, and which one stands beside the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from studio.session.history import History
from studio.ui.views.numbers import hundredths, percent, short


class Score(NamedTuple):
    """A figure: its name without prefix, its title, and its unit."""

    name: str
    title: str
    unit: str = ""

    @property
    def form(self) -> Callable[[float], str]:
        """How a value is written."""
        return percent if self.unit == "%" else short

    @property
    def form_tick(self) -> Callable[[float], str]:
        """How a value is written at an axis."""
        return hundredths if self.unit == "%" else short


LOSS = Score("loss", "Loss")
_SCORES = (
    Score("exact", "Answers right to the end", "%"),
    Score("mean_iou", "Mean intersection over union", "%"),
    Score("map50", "Mean average precision at 0.5", "%"),
    Score("f1_macro", "F1, mean of the labels", "%"),
    Score("f1_micro", "F1 of all labels", "%"),
    Score("accuracy", "Accuracy", "%"),
    Score("psnr", "Signal to noise", "dB"),
    Score("r2", "R²", "1 is perfect"),
    Score("mae", "Mean absolute error"),
    Score("frechet_distance", "Fréchet distance", "0 is alike"),
    Score("mean_return", "Mean return", "of an episode"),
    Score("perplexity", "Perplexity", "1 is perfect"),
)
#: Figures with words of their own that are never shown unasked.
_OTHERS = (
    Score("subset_accuracy", "Samples with all labels right", "%"),
    Score("told_apart", "Real told from made up", "%"),
    Score("discriminator_loss", "Loss of the discriminator"),
    Score("score_real", "Score of real samples"),
    Score("score_made_up", "Score of made-up samples"),
    Score("entropy", "Entropy", "how undecided"),
)
_NAMED = {score.name: score for score in (LOSS, *_SCORES, *_OTHERS)}

#: The score that is waited for before any came, by task, where the way of learning names none.
_USUAL = {
    "classification": "accuracy",
    "regression": "r2",
    "segmentation": "mean_iou",
    "detection": "map50",
    "multi-label": "f1_macro",
}


def named(name: str) -> Score:
    """Return a figure by its name; one without words of its own is called by its name."""
    return _NAMED.get(name) or Score(name, name.replace("_", " ").capitalize())


def main_score(history: History) -> Score:
    """Return the figure that stands beside the loss; the loss itself where there is none other.

    It is what the way of learning goes by, else the best known one among those measured.
    """
    started = history.started
    if started is None:
        return named("accuracy")
    own = started.score.removeprefix("train_").removeprefix("val_")
    if own and own != "loss":
        return named(own)
    measured = history.series()
    for score in _SCORES:
        if score.name in measured:
            return score
    if own and started.task != "regression":
        return LOSS
    return named(_USUAL.get(started.task, "loss"))
