"""The sample that stands for *nothing there*."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.explain.question import Question
from studio.graph.params import Param

BASELINE = Param(
    "baseline",
    "choice",
    default="auto",
    choices=("auto", "black", "white", "mean", "zero"),
    help="What stands for nothing there. black, white: the least and the greatest value of the data; "
    "mean: the average training sample; auto: black for images, else mean.",
)


def baseline(question: Question, choice: str) -> tuple[Tensor, str]:
    """Return the baseline `[1, …]` for a sample, and the choice that `auto` stands for."""
    x = question.x
    if not x.is_floating_point():
        return torch.zeros_like(x), "zero"
    if choice == "auto":
        choice = "black" if question.facts.form == "image" else "mean"
    low, high = question.facts.value_range
    match choice:
        case "black":
            return torch.full_like(x, low), choice
        case "white":
            return torch.full_like(x, high), choice
        case "mean" if len(question.train):
            return question.train.float().mean(0, keepdim=True).to("cpu"), choice
    return torch.zeros_like(x), "zero"


def name_of(choice: str) -> str:
    """Return a baseline's name as it reads in a sentence."""
    return {"mean": "the mean sample", "zero": "zeros"}.get(choice, choice)
