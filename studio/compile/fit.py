"""Whether a network's end suits the data: as many scores as classes, as many numbers as targets."""

from __future__ import annotations

from studio.compile.visit import Fault, Signal
from studio.compile.walk import Outcome, Trouble
from studio.compile.wording import sample
from studio.graph.facts import DataFacts
from studio.graph.graph import INPUT, OUTPUT, Graph

#: The learner whose answers are compared with the data's targets.
SUPERVISED = "core.supervised"


def wanted(data: DataFacts) -> int:
    """Return how many numbers the network has to answer with for each sample."""
    if data.task == "classification":
        return len(data.classes)
    return data.target_shape[0] if data.target_shape else 1


def ends(network: str, graph: Graph) -> list[Trouble]:
    """Return what a network lacks at its ends."""
    found = []
    if not graph.of_kind(INPUT):
        found.append(_at(network, "", "The network has no input. Add an Input node.", "no input"))
    if not graph.of_kind(OUTPUT):
        text = "The network has no output. Add an Output node behind its last layer."
        found.append(_at(network, "", text, "no output"))
    return found


def answer_fits(network: str, graph: Graph, outcome: Outcome, data: DataFacts) -> list[Trouble]:
    """Return what keeps the network's answer from being compared with the data's targets."""
    found = graph.of_kind(OUTPUT)
    if len(found) != 1 or found[0].name not in outcome.outputs:
        return []
    node, signal = found[0], outcome.outputs[found[0].name]
    count = wanted(data)
    if signal.kind.shape == ("N", count):
        return []
    if data.task == "classification":
        need, noun = f"The data has {count} classes", "scores"
    else:
        plural = "" if count == 1 else "s"
        need, noun = f"The data has {count} target{plural} per sample", "numbers"
    text = f"{need}, but the network ends in {_came(signal)}. {_advice(signal, count, noun)}"
    return [_at(network, node.id, text, "answer")]


def _came(signal: Signal) -> str:
    shape = signal.kind.shape
    if not shape or shape[0] != "N":
        return f"{signal.kind.text or 'one number'}, which is not one answer per sample"
    if len(shape) == 2 and isinstance(shape[1], int):
        return f"{shape[1]} number{'' if shape[1] == 1 else 's'} per sample"
    return f"{sample(signal.kind)} per sample"


def _advice(signal: Signal, count: int, noun: str) -> str:
    shape = signal.kind.shape
    if len(shape) == 2 and shape[0] == "N":
        return f"Set out_features to {count}."
    return f"End it in a Linear with {count} outputs, so that each sample gets {count} {noun}."


def _at(network: str, node: str, text: str, reason: str) -> Trouble:
    return Trouble(network, node, node, Fault(text, reason, "x" if node else ""))
