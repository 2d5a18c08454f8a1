"""Hints: what works, but is surely not meant so. Each is a row of one table and gives its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from studio.compile import endings, structure
from studio.compile.advice import Advice
from studio.compile.case import Remedy
from studio.compile.outcome import Outcome, Trouble
from studio.compile.spots import Ground, Spot, grounds
from studio.compile.visit import Fault
from studio.graph.facts import DataFacts
from studio.graph.project import Project
from studio.graph.spec import LayerSpec


class Rule(NamedTuple):
    """Looks at nodes of some kinds; `once` gives one hint however often it is broken."""

    name: str
    kinds: frozenset[str]
    see: Callable[[Spot], Advice | None]
    once: bool = False


class Hint(NamedTuple):
    """A trouble of severity *hint*, whose reason is the rule's name, and changes that may help."""

    trouble: Trouble
    remedies: tuple[Remedy, ...]


RULES = (
    Rule("two activations", structure.ACTIVATIONS, structure.two_activations),
    Rule("two linears", frozenset(["torch.nn.Linear"]), structure.two_linears),
    Rule("two norms", structure.NORMS, structure.two_norms),
    Rule("bias before norm", structure.WEIGHTED, structure.bias_before_norm),
    Rule("same operands", structure.JOINS, structure.same_operands),
    Rule("unread input", structure.WINDOWS, structure.unread_input),
    Rule("large linear", frozenset(["torch.nn.Linear"]), structure.large_linear),
    Rule("saturating stack", structure.SATURATING, structure.saturating_stack),
    Rule("no effect", structure.RESHAPES, structure.no_effect),
    Rule("one number", structure.OVER_ONE, structure.over_one_number),
    Rule("dropout share", structure.DROPOUTS, structure.dropout_share),
    Rule("mixed samples", structure.SOFTMAX, structure.mixed_samples),
    Rule("softmax before loss", endings.SCORES, endings.before_cross_entropy),
    Rule("bounded answer", endings.SCORES, endings.before_regression),
    Rule("dropout at the end", structure.DROPOUTS, endings.dropout),
    Rule("argmax at the end", frozenset(["core.argmax"]), endings.argmax),
    Rule("batches of one", endings.BATCH_NORMS, endings.batches_of_one, once=True),
    Rule("nothing learns", endings.OUTPUTS, endings.nothing_learns, once=True),
)

_BY_KIND: Mapping[str, tuple[Rule, ...]] = {
    kind: tuple(rule for rule in RULES if kind in rule.kinds)
    for kind in sorted(frozenset().union(*(rule.kinds for rule in RULES)))
}


def look(
    project: Project,
    network: str,
    outcome: Outcome,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
) -> list[Hint]:
    """Return every hint about a network, in the order of its sheets and nodes."""
    found: list[Hint] = []
    told: set[str] = set()
    for ground in grounds(project, network, outcome, specs, data):
        for rule, hint in _on_sheet(ground):
            if rule.once and rule.name in told:
                continue
            told.add(rule.name)
            found.append(hint)
    return found


def _on_sheet(ground: Ground) -> Iterator[tuple[Rule, Hint]]:
    outgoing = ground.graph.outgoing
    for key, node in ground.graph.nodes.items():
        rules = _BY_KIND.get(node.kind)
        if not rules or (key not in outgoing and node.kind not in endings.OUTPUTS):
            continue
        spot = ground.spot(key)
        if spot is None or spot.idle or not (spot.facts.outputs or spot.facts.inputs):
            continue
        for rule in rules:
            advice = rule.see(spot)
            if advice is not None:
                fault = Fault(advice.message, rule.name)
                trouble = Trouble(ground.where, key, ground.prefix + key, fault, "hint")
                yield rule, Hint(trouble, advice.remedies)
