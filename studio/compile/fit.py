"""Whether a network's end suits what is learned: as many scores as classes, a score for every pixel."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from studio.compile import symbols
from studio.compile.outcome import Outcome, Trouble
from studio.compile.visit import Fault, Signal
from studio.compile.wording import sample
from studio.graph.answers import Answer
from studio.graph.facts import DataFacts, Dim
from studio.graph.formulas import FormulaError
from studio.graph.graph import INPUT, OUTPUT, Graph


def fed(data: DataFacts, answer: Answer | None) -> DataFacts:
    """Return the data as it enters a network that gets more ids than the data's own."""
    if answer is None or not answer.more_ids:
        return data
    low, high = data.value_range
    most = max(high, len(data.vocabulary) - 1)
    return replace(data, value_range=(low, most + answer.more_ids))


def ends(network: str, graph: Graph) -> list[Trouble]:
    """Return what a network lacks at its ends."""
    found = []
    if not graph.of_kind(INPUT):
        found.append(_at(network, "", "The network has no input. Add an Input node.", "no input"))
    if not graph.of_kind(OUTPUT):
        text = "The network has no output. Add an Output node behind its last layer."
        found.append(_at(network, "", text, "no output"))
    return found


def answer_fits(network: str, graph: Graph, outcome: Outcome, answer: Answer) -> list[Trouble]:
    """Return what keeps the network's answer from being learned from."""
    found = graph.of_kind(OUTPUT)
    if len(found) != 1 or found[0].name not in outcome.outputs:
        return []
    node, signal = found[0], outcome.outputs[found[0].name]
    shape = signal.kind.shape
    if fits(shape, answer.shape, outcome.sizes):
        return []
    came, advice = _came(signal, answer), _advice(shape, answer, outcome.sizes)
    text = f"{answer.need}, but the network ends in {came}. {advice}"
    return [_at(network, node.id, text, "answer")]


def fits(shape: tuple[Dim, ...], wanted: tuple[Dim, ...], sizes: Mapping[str, int]) -> bool:
    """Tell whether a shape is the wanted one; a name in `wanted` is any size."""
    return len(shape) == len(wanted) and all(
        _same(*pair, sizes) for pair in zip(shape, wanted, strict=True)
    )


def _same(dim: Dim, wanted: Dim, sizes: Mapping[str, int]) -> bool:
    if dim == wanted or (isinstance(wanted, str) and wanted != "N"):
        return True
    if isinstance(dim, int) or isinstance(wanted, str):
        return False
    try:
        return dim != "N" and symbols.worth(dim, sizes) == wanted
    except FormulaError:
        return False


def _came(signal: Signal, answer: Answer) -> str:
    shape = signal.kind.shape
    if not shape or shape[0] != "N":
        return f"{signal.kind.text or 'one number'}, which is not one answer per sample"
    if len(shape) == 2 and isinstance(shape[1], int):
        return f"{shape[1]} number{'' if shape[1] == 1 else 's'} per sample"
    return f"{sample(signal.kind)} per sample"


def _advice(shape: tuple[Dim, ...], answer: Answer, sizes: Mapping[str, int]) -> str:
    count, axis, rank = answer.count, answer.axis, len(answer.shape)
    gets = f"so that each {answer.each} gets {count} {answer.noun}"
    if rank == len(shape) and shape[0] == "N":
        free = tuple(f"d{place}" if place == axis else d for place, d in enumerate(answer.shape))
        if fits(shape, free, sizes):
            name = "out_features" if axis == rank - 1 else "out_channels"
            return f"Set {name} to {count}."
    wanted = "×".join(str(dim) for dim in answer.shape)
    if rank == 2:
        return f"End it in a Linear with {count} outputs, {gets}."
    if axis == rank - 1 and answer.compares != "numbers":
        return (
            f"End it in a Linear with {count} outputs along the last dimension, {gets}: {wanted}."
        )
    if axis == 1 and rank == 4 and answer.compares != "numbers":
        return f"End it in a Conv2d with {count} channels, {gets}: {wanted}."
    return f"Make it end in {wanted}."


def _at(network: str, node: str, text: str, reason: str) -> Trouble:
    return Trouble(network, node, node, Fault(text, reason, "x" if node else ""))
