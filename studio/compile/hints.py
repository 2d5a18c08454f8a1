"""Hints: what works, but is surely not meant so. Each is a row of one table and gives its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from studio.compile import endings, structure
from studio.compile.advice import Advice
from studio.compile.case import Remedy
from studio.compile.outcome import Outcome, Trouble
from studio.compile.spots import Ground, Spot, grounds
from studio.compile.visit import Fault
from studio.graph.facts import DataFacts
from studio.graph.graph import Node
from studio.graph.project import Project
from studio.graph.spec import LayerSpec


class Rule(NamedTuple):
    """Looks at nodes of some kinds: at those only that come `behind` a node of one of these kinds, have one
    of these `ahead`, or were given the parameter `given`, where it says so. `matters` tells on which sheets;
    `once` gives one hint however often it is broken."""

    name: str
    kinds: frozenset[str]
    see: Callable[[Spot], Advice | None]
    behind: frozenset[str] = frozenset()
    ahead: frozenset[str] = frozenset()
    given: str = ""
    matters: Callable[[Ground], bool] = lambda ground: True
    once: bool = False

    def may_see(self, node: Node, before: Node | None, after: Node | None) -> bool:
        """Tell from the next nodes' kinds whether it is worth a look; most nodes are passed over here."""
        if self.given and self.given not in node.params:
            return False
        return (not self.behind or (before is not None and before.kind in self.behind)) and (
            not self.ahead or (after is not None and after.kind in self.ahead)
        )


class Hint(NamedTuple):
    """A trouble of severity *hint*, whose reason is the rule's name, and changes that may help."""

    trouble: Trouble
    remedies: tuple[Remedy, ...]


LINEAR = frozenset(["torch.nn.Linear"])

RULES = (
    Rule(
        "two activations", structure.ACTIVATIONS, structure.two_activations, structure.ACTIVATIONS
    ),
    Rule("two linears", LINEAR, structure.two_linears, LINEAR),
    Rule("two norms", structure.NORMS, structure.two_norms, structure.NORMS),
    Rule(
        "bias before norm", structure.WEIGHTED, structure.bias_before_norm, ahead=structure.CENTRING
    ),
    Rule("same operands", structure.JOINS, structure.same_operands),
    Rule("unread input", structure.WINDOWS, structure.unread_input, given="stride"),
    Rule("large linear", LINEAR, structure.large_linear, structure.FLATTENING),
    Rule("saturating stack", structure.SATURATING, structure.saturating_stack),
    Rule("no effect", structure.RESHAPES, structure.no_effect),
    Rule("one number", structure.OVER_ONE, structure.over_one_number),
    Rule("dropout share", structure.DROPOUTS, structure.dropout_share, given="p"),
    Rule("mixed samples", structure.SOFTMAX, structure.mixed_samples),
    Rule(
        "softmax before loss", endings.SCORES, endings.before_cross_entropy, ahead=endings.OUTPUTS
    ),
    Rule(
        "squeezed labels",
        endings.SCORES,
        endings.before_labels,
        ahead=endings.OUTPUTS,
        matters=endings.answers,
    ),
    Rule(
        "bounded answer",
        endings.SCORES,
        endings.before_regression,
        ahead=endings.OUTPUTS,
        matters=endings.answers,
    ),
    Rule(
        "dropout at the end",
        structure.DROPOUTS,
        endings.dropout,
        ahead=endings.OUTPUTS,
        matters=endings.answers,
    ),
    Rule(
        "argmax at the end",
        frozenset(["core.argmax"]),
        endings.argmax,
        ahead=endings.OUTPUTS,
        matters=endings.answers,
    ),
    Rule(
        "batches of one",
        endings.BATCH_NORMS,
        endings.batches_of_one,
        matters=endings.is_alone,
        once=True,
    ),
    Rule(
        "nothing learns",
        endings.OUTPUTS,
        endings.nothing_learns,
        matters=endings.answers,
        once=True,
    ),
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
    only: tuple[str, str] | None = None,
) -> list[Hint]:
    """Return every hint about a network, in the order of its sheets and nodes.

    `only` names a sheet and the path of the one node on it that is looked at.
    """
    found: list[Hint] = []
    told: set[str] = set()
    for ground in grounds(project, network, outcome, specs, data):
        keys: Iterable[str] = ground.graph.nodes
        if only is not None:
            key = only[1].removeprefix(ground.prefix)
            keys = (key,) if ground.where == only[0] and key in ground.graph.nodes else ()
        for rule, hint in _on_sheet(ground, keys):
            if rule.once and rule.name in told:
                continue
            told.add(rule.name)
            found.append(hint)
    return found


def _on_sheet(ground: Ground, keys: Iterable[str]) -> Iterator[tuple[Rule, Hint]]:
    graph = ground.graph
    unwanted = [rule for rule in RULES if not rule.matters(ground)]
    by_kind = {
        kind: [rule for rule in rules if rule not in unwanted] for kind, rules in _BY_KIND.items()
    }
    for key in keys:
        node = graph.nodes[key]
        rules = by_kind.get(node.kind)
        if not rules:
            continue
        before, after = ground.before(key), ground.after(key)
        likely = [rule for rule in rules if rule.may_see(node, before, after)]
        spot = ground.spot(key) if likely and (after or node.kind in endings.OUTPUTS) else None
        if spot is None or spot.idle or not (spot.facts.outputs or spot.facts.inputs):
            continue
        for rule in likely:
            advice = rule.see(spot)
            if advice is not None:
                fault = Fault(advice.message, rule.name)
                trouble = Trouble(ground.where, key, ground.prefix + key, fault, "hint")
                yield rule, Hint(trouble, advice.remedies)
