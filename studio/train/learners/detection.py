"""Detection: which things are where, found by one look at a grid of cells."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as binary
from torch.nn.functional import cross_entropy

from studio.data import Samples
from studio.engine import protocol as p
from studio.graph.answers import Answer, Wanted
from studio.graph.facts import DataFacts
from studio.graph.params import Param, Value
from studio.graph.spec import OptionSpec
from studio.train.learner import Learning, Setup
from studio.train.learners.boxes import OfBoxes, kept, overlap
from studio.train.one_network import OneNetwork
from studio.train.options import TrainProblem, checked
from studio.train.pictured import pictured

#: Numbers of a box beside its classes: sureness, centre x and y, width and height.
_BOX = 5
#: Images in a preview, and how sure a box has to be to be drawn.
_SHOWN, _SURE = 8, 0.3


class Detection:
    """Each cell of a grid proposes boxes around things whose centre lies in it.

    The last layer's height and width are the grid; its channels hold, for every proposal one after the
    other, sureness, centre (within the cell), width and height (as shares of the image) and the classes.
    Source: Redmon et al. 2016, You Only Look Once, section 2, with cross entropy for sureness and class,
    as in Redmon & Farhadi 2018, section 2.
    """

    spec = OptionSpec(
        kind="core.detection",
        title="Detection",
        doc="What is where in pictures, as boxes. The network ends in a grid of cells: 5 + classes channels "
        "for each box that a cell may propose.",
        params=(
            Param("anchors", "int", 1, minimum=1, maximum=16, help="Boxes that each cell proposes"),
            Param("box_weight", "float", 5.0, minimum=0, help="How much place and size count"),
            Param("empty_weight", "float", 0.5, minimum=0, help="How much cells without a thing count"),
            Param("overlap", "float", 0.5, minimum=0.01, maximum=1, help="Boxes of a class that overlap more are one"),
        ),
    )  # fmt: skip
    roles = ("main",)

    def suits(self, facts: DataFacts) -> str:
        """Return why there are no boxes here."""
        if facts.task == "detection":
            return ""
        return (
            f"Detection learns boxes of things in pictures, but {facts.title} has {facts.task} as its "
            "task."
        )

    def wanted(self, facts: DataFacts, params: Mapping[str, Value]) -> Wanted:
        """Return a grid of any size whose cells hold their proposals."""
        anchors, classes = int(params["anchors"]), len(facts.classes)
        channels = anchors * (_BOX + classes)
        each = f"{anchors} box{'' if anchors == 1 else 'es'} of 5 + {classes} numbers"
        need = f"Each cell of a grid proposes {each}: {channels} channels"
        return {"main": Answer(("N", channels, "rows", "columns"), need, "boxes", "cell")}

    def score(self, facts: DataFacts) -> str:
        """Return the mean average precision, on validation where there is one."""
        return "val_map50" if facts.validation else "train_loss"

    def start(self, setup: Setup) -> Learning:
        """Begin a run.

        Raises: TrainProblem.
        """
        return _Detecting(setup)


class _Detecting(OneNetwork):
    def __init__(self, setup: Setup) -> None:
        settings = checked(Detection.spec, setup.recipe.learner_params, "learner")
        if setup.recipe.loss:
            raise TrainProblem(
                "Detection has a loss of its own (box, sureness and class), but "
                f"{setup.recipe.loss} was chosen. Leave the loss as the task needs it."
            )
        self._anchors = int(settings["anchors"])
        self._weights = float(settings["box_weight"]), float(settings["empty_weight"])
        self._limit = float(settings["overlap"])
        self._classes = len(setup.facts.classes)
        super().__init__(setup, OfBoxes(self._classes))

    def judged(self, outputs: Tensor) -> Tensor:
        return self.found(outputs)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of outputs `[n, anchors·(5 + classes), rows, columns]` and boxes `[n, m, 5]`.

        Nothing here waits for the device: places of the batch that hold no box count nothing.
        """
        cells = self._cells(outputs)
        count, rows, columns = len(cells), *outputs.shape[2:]
        sure, boxes = cells[..., 0], self._boxes(cells, rows, columns)
        there = targets[..., 0] >= 0
        column = (targets[..., 1] * columns).floor().long().clamp(0, columns - 1)
        row = (targets[..., 2] * rows).floor().long().clamp(0, rows - 1)
        cell = row * columns + column
        proposed = _at(boxes, cell)
        # Of a cell's proposals the one that lies best is responsible.
        best = overlap(proposed.detach(), targets[:, :, None, 1:]).argmax(2)
        picked = best[..., None, None]
        box = proposed.gather(2, picked.expand(-1, -1, 1, 4))[:, :, 0]
        scores = _at(cells[..., _BOX:], cell).gather(2, picked.expand(-1, -1, 1, self._classes))
        across, down = (box[..., :2] - targets[..., 1:3]).unbind(-1)
        near = (across * columns).square() + (down * rows).square()
        # Roots, so that the same error weighs more in a small box.
        sizes = box[..., 2:].sqrt() - targets[..., 3:].clamp(min=0).sqrt()
        placed = (near + sizes.square().sum(-1)) * there
        true = targets[..., 0].long().clamp(min=0)
        named = cross_entropy(scores[:, :, 0].flatten(0, 1), true.flatten(), reduction="none")
        # One place more takes what fills up, and is cut off again.
        full = torch.zeros(count, sure[0].numel() + 1, device=outputs.device)
        place = torch.where(there, cell * self._anchors + best, sure[0].numel())
        full = full.scatter(1, place, 1.0)[:, :-1]
        unsure = binary(sure.flatten(1), full, reduction="none")
        box_weight, empty_weight = self._weights
        weighed = unsure * torch.where(full > 0, 1.0, empty_weight)
        whole = box_weight * placed.sum() + (named * there.flatten()).sum() + weighed.sum()
        return whole / count

    def weight(self, targets: Tensor) -> int:
        return len(targets)

    def found(self, outputs: Tensor, most: int = 64) -> Tensor:
        """Return boxes `[n, ≤ most, 6]`: box, sureness, class (−1 fills up)."""
        cells = self._cells(outputs.float())
        boxes = self._boxes(cells, *outputs.shape[2:])
        share, classes = cells[..., _BOX:].softmax(-1).max(-1)
        sureness = cells[..., 0].sigmoid() * share
        return kept(boxes.flatten(1, 2), sureness.flatten(1), classes.flatten(1), most, self._limit)

    def present(self, outputs: Tensor) -> Tensor:
        return self.found(outputs, 16)

    def preview(self, samples: Samples) -> p.Preview:
        few, facts = samples.slice(0, _SHOWN), self.setup.facts
        found = self.found(self.setup.answer("main", few), 32)
        found[..., 5] = torch.where(found[..., 4] >= _SURE, found[..., 5], -1.0)
        return p.Preview(
            0,
            "boxes",
            "Found over true boxes",
            {
                "images": pictured(few.inputs, facts.value_range),
                "boxes": found.cpu().numpy(),
                "targets": few.targets.cpu().numpy(),
            },
            facts.classes,
        )

    def _cells(self, outputs: Tensor) -> Tensor:
        """Return outputs as `[n, cells, anchors, 5 + classes]`.

        Raises: TrainProblem.
        """
        each = _BOX + self._classes
        if outputs.ndim != 4 or outputs.shape[1] != self._anchors * each:
            shape = "×".join(["N", *map(str, outputs.shape[1:])])
            raise TrainProblem(
                f"The network gives {shape}, but detection needs N×{self._anchors * each}×rows×columns:"
                f" {self._anchors} × (5 + {self._classes}) channels. Make its last layer give that."
            )
        cells = outputs.flatten(2).transpose(1, 2)
        return cells.reshape(*cells.shape[:2], self._anchors, each)

    def _boxes(self, cells: Tensor, rows: int, columns: int) -> Tensor:
        """Return the boxes `[n, cells, anchors, 4]` that cells propose."""
        place = torch.arange(rows * columns, device=cells.device)
        x = ((place % columns)[:, None] + cells[..., 1].sigmoid()) / columns
        y = ((place // columns)[:, None] + cells[..., 2].sigmoid()) / rows
        return torch.cat([x[..., None], y[..., None], cells[..., 3:5].sigmoid()], -1)


def _at(values: Tensor, cell: Tensor) -> Tensor:
    """Return what `[n, cells, anchors, k]` has at cells `[n, m]`: `[n, m, anchors, k]`."""
    wide = cell[:, :, None, None].expand(-1, -1, *values.shape[2:])
    return values.gather(1, wide)
