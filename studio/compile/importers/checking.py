"""Is what was drawn the same network? Its weights by their new names, its answers beside the module's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.compile.build import load
from studio.compile.exporters.leaving import difference
from studio.compile.importers.coming import TOLERANCE, Entry, Imported, ImportProblem, Traced
from studio.compile.importers.from_graph import Drawing, draw
from studio.compile.importers.tied import lies_at, untied
from studio.compile.infer import infer
from studio.compile.source import Unfinished, source
from studio.graph.graph import BLOCK, INPUT, OUTPUT
from studio.graph.project import Project
from studio.graph.report import ReportLine
from studio.graph.spec import LayerSpec
from studio.graph.topology import name_path

#: As many names of weights are told.
_NAMED = 5


def finished(
    traced: Traced,
    state: Mapping[str, Tensor],
    answer: Callable[..., Any] | None,
    specs: Mapping[str, LayerSpec],
    first: Sequence[ReportLine] = (),
    tolerance: float = TOLERANCE,
) -> Imported:
    """Return a traced network drawn, with its weights, once its answers are held against the original's.

    `state` are the weights by the original's names; `answer` is the original in evaluation mode.
    Raises: ImportProblem, where it would answer otherwise.
    """
    drawing = draw(traced, specs)
    weights = _carried(drawing, state, traced.constants)
    report = [*first, *drawing.report]
    if any(line.fate == "missing" for line in report):
        text = "Answers could not be compared: parts are missing."
        report.append(ReportLine("approximated", text))
        return Imported(drawing.project, weights, _ordered(report))
    wanted, again = _built(drawing.project, specs)
    there = {lies_at(state[name]) for name in wanted if name in state}
    lost = [name for name in state if name not in wanted and lies_at(state[name]) not in there]
    if lost:
        shown = ", ".join(lost[:_NAMED]) + (
            f" and {len(lost) - _NAMED} more" if lost[_NAMED:] else ""
        )
        text = f"Weights that the forward does not use, or uses under another name, stayed behind: {shown}."
        report.append(ReportLine("approximated", text))
    again.load_state_dict({name: weights[name] for name in wanted}, strict=True)
    report.append(_compared(answer, again, traced.entries, tolerance))
    kept = {name: weights[name] for name in wanted}
    for names in untied(state, kept):
        text = (
            f"{' and '.join(names)} are one tensor in the original; here each has a copy, which training lets "
            "part."
        )
        report.append(ReportLine("approximated", text))
    report += _exact(drawing, kept, {line.path for line in report})
    return Imported(drawing.project, kept, _ordered(report))


def _exact(drawing: Drawing, weights: Mapping[str, Tensor], told: set[str]) -> Iterator[ReportLine]:
    """Yield a line for each part of the network that came in as it was."""
    project = drawing.project
    numbers_of: Counter[str] = Counter()
    for name, value in weights.items():
        for start in _starts(name):
            numbers_of[start] += value.numel()
    for node in project.networks["main"].graph.nodes.values():
        inexact = any(path == node.id or path.startswith(f"{node.id}/") for path in told)
        if node.kind in (INPUT, OUTPUT) or inexact:
            continue
        title = node.kind.rpartition(".")[2]
        held = numbers_of.get(node.name)
        numbers = f", {held:,} numbers" if held is not None else ""
        what = "block " if node.kind.startswith(BLOCK) else ""
        yield ReportLine("exact", f"{node.name} is {what}{title}{numbers}.", node.id)


def _starts(name: str) -> Iterator[str]:
    """Yield a dotted name and the names of all that it is in."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _ordered(report: Sequence[ReportLine]) -> tuple[ReportLine, ...]:
    """Return the lines with what needs a person's eye first."""
    rank = {"missing": 0, "approximated": 1, "exact": 2}
    return tuple(sorted(report, key=lambda line: rank[line.fate]))


def _carried(
    drawing: Drawing, state: Mapping[str, Tensor], constants: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the weights by the names that the drawn network gives them."""
    found: dict[str, Tensor] = {}
    below: dict[str, list[str]] = {}
    for name in state:
        for start in _starts(name):
            below.setdefault(start, []).append(name)
    for dotted, place in drawing.paths.items():
        now = name_path(drawing.project, "main", place)
        if dotted.startswith("%"):
            if dotted[1:] in constants:
                found[now] = constants[dotted[1:]]
            continue
        for name in below.get(dotted, ()):
            found[now + name[len(dotted) :]] = state[name]
    return {name: value.detach().clone().contiguous() for name, value in found.items()}


def _built(project: Project, specs: Mapping[str, LayerSpec]) -> tuple[dict[str, Tensor], Any]:
    """Return the names of the drawn network's weights, and the network.

    Raises: ImportProblem.
    """
    try:
        facts = infer(project, specs, None)
        module = load(source(project, "main", specs, facts, tapped=False).text).eval()
    except Unfinished as error:
        raise ImportProblem(
            f"The network was traced, but cannot be drawn with the layers here: {error.args[0]}"
        ) from error
    return module.state_dict(), module


def _compared(
    answer: Callable[..., Any] | None,
    again: Callable[..., Any],
    entries: Sequence[Entry],
    tolerance: float,
) -> ReportLine:
    """Return how well the drawn network answers as the original does.

    Raises: ImportProblem.
    """
    assert answer is not None
    worst = 0.0
    with torch.no_grad():
        for seed, batch in ((0, 2), (1, 3)):
            inputs = samples(entries, batch, seed)
            try:
                theirs = answer(*inputs)
            except Exception as error:  # a forward may raise anything
                if seed == 0:
                    raise ImportProblem(
                        f"The module cannot answer {batch} samples: {first_line(error)}."
                    ) from error
                return ReportLine(
                    "approximated",
                    "The original takes only the batch that it was traced with, so answers were compared "
                    f"for that one: largest difference {worst:.1g}, relative.",
                )
            worst = max(worst, difference(leaves(again(*inputs)), leaves(theirs)))
    if not worst <= tolerance:
        raise ImportProblem(
            f"The drawn network would answer otherwise than the original (by {worst:.2g} of its largest "
            "output), so nothing was imported. Does its forward draw random numbers in evaluation mode?"
        )
    return ReportLine(
        "exact", f"Answers as the original does: largest difference {worst:.1g}, relative."
    )


def samples(entries: Sequence[Entry], batch: int, seed: int) -> tuple[Tensor, ...]:
    """Return made-up samples for each input: small numbers, or token ids 0 and 1."""
    draw_from = torch.Generator().manual_seed(seed)
    found = []
    for entry in entries:
        shape = (batch, *entry.shape)
        dtype = getattr(torch, entry.dtype)
        if dtype.is_floating_point:
            found.append(torch.randn(shape, generator=draw_from, dtype=dtype))
        else:
            found.append(torch.randint(0, 2, shape, generator=draw_from).to(dtype))
    return tuple(found)


def leaves(given: object) -> list[Tensor]:
    """Return every tensor of a forward's answer, however it is packed."""
    flat = torch.utils._pytree.tree_leaves(given)
    return [part for part in flat if isinstance(part, Tensor)]


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).strip()[:200].rstrip(".")
