"""What a network has to answer: the shape of its output, as the way of learning wants it, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from studio.graph.facts import DataFacts, Dim
from studio.graph.project import Recipe

Compared = Literal["classes", "labels", "numbers", "boxes"]

#: The learner that compares outputs with the data's targets.
SUPERVISED = "core.supervised"


class Answer(Struct, frozen=True, omit_defaults=True):
    """An output's `shape`, `N` in front; a name in it stands for any size.

    `need` is the sentence's first half: what the data has. `axis` is the dimension that the last layer
    decides, along which every `each` (sample, pixel, step) gets its numbers; `compares` tells what they are
    compared as. `more_ids` are ids that come in beside those of the data, as a mask does.
    """

    shape: tuple[Dim, ...]
    need: str
    compares: Compared = "numbers"
    each: str = "sample"
    axis: int = 1
    more_ids: int = 0

    @property
    def count(self) -> int:
        """How many numbers each of them gets."""
        size = self.shape[self.axis]
        return size if isinstance(size, int) else 1

    @property
    def noun(self) -> str:
        """What they are called."""
        return "scores" if self.compares in ("classes", "labels") else "numbers"


#: Answers by role.
Wanted = Mapping[str, Answer]
#: What a recipe's learner wants of its networks for some data.
Wants = Callable[[Recipe, DataFacts], Wanted]


def answer_to(data: DataFacts) -> Answer | None:
    """Return the answer that a task's own targets are compared with; None for tasks that name none."""
    count = len(data.classes)
    match data.task:
        case "classification":
            return Answer(("N", count), f"The data has {count} classes", "classes")
        case "multi-label":
            return Answer(("N", count), f"The data has {count} labels", "labels")
        case "segmentation":
            height, width = data.target_shape
            need = f"Each of {height}×{width} pixels is one of {count} classes"
            return Answer(("N", count, height, width), need, "classes", "pixel")
        case "nodes":
            (nodes,) = data.target_shape
            need = f"Each of {nodes} nodes is one of {count} classes"
            return Answer(("N", nodes, count), need, "classes", "node", axis=2)
        case "regression":
            shape = data.target_shape or (1,)
            plural = "" if shape == (1,) else "s"
            size = "×".join(map(str, shape))
            return Answer(("N", *shape), f"The data has {size} target{plural} per sample")
    return None


def usual(recipe: Recipe, data: DataFacts) -> Wanted:
    """Return what supervised learning wants of its one network; other learners say it themselves."""
    answer = answer_to(data) if recipe.learner == SUPERVISED else None
    return {} if answer is None else {"main": answer}
