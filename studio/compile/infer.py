"""A project's facts: shapes, cost and problems, asked of PyTorch only where something changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from studio.compile.cache import Cache
from studio.compile.fit import answer_fits, ends, fed
from studio.compile.hints import look
from studio.compile.repairs import hint_repairs, repairs
from studio.compile.walk import Outcome, Trouble, walk
from studio.graph.answers import Wants, usual
from studio.graph.facts import DataFacts, NetworkFacts, ProjectFacts
from studio.graph.problems import Problem, Repair
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

#: Troubles for which repairs are looked for; the rest are told without.
_REPAIRED = 8


def infer(
    project: Project,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    revision: int = 0,
    cache: Cache | None = None,
    enough: Callable[[], bool] = lambda: False,
    wants: Wants = usual,
) -> ProjectFacts:
    """Return what is known about every network of a project.

    Nodes behind one that cannot work have no facts; their turn comes when it is repaired. With the
    `cache` of the last inference, PyTorch is asked only about what changed and what lies behind it.
    Repairs are proved until `enough` says that the facts are wanted now; `unproved` tells of it. `wants`
    says what the recipe's learner wants the networks to answer.
    """
    cache = cache if cache is not None else Cache()
    cache.use(specs)
    project = cache.recognised(project)
    proofs = _Proofs(enough)
    return ProjectFacts(
        revision=revision,
        networks={
            name: _network(project, name, specs, data, cache, proofs, wants)
            for name in sorted(project.networks)
        },
        data=data,
        unproved=proofs.left,
    )


class _Enough(Exception):
    """The facts are wanted now, without the repairs that have not been proved yet."""


class _Proofs:
    """Offers repairs as long as there is time; `left` tells that there was not enough of it."""

    def __init__(self, enough: Callable[[], bool]) -> None:
        self._enough = enough
        self.left = False

    def check(self) -> None:
        """Go on with a proof, or give it up.

        Raises: _Enough.
        """
        if self._enough():
            raise _Enough

    def of(self, offers: Callable[[], tuple[Repair, ...]]) -> tuple[Repair, ...]:
        """Return what is offered; nothing where there is no time to prove it."""
        try:
            return offers()
        except _Enough:
            self.left = True
            return ()


def examine(
    project: Project,
    network: str,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    cache: Cache,
    kept: bool = False,
    wants: Wants = usual,
) -> Outcome:
    """Return a walk's outcome with what its ends lack or answer wrongly; the next may follow a `kept` one."""
    answer = wants(project.recipe, data).get(network) if data is not None else None
    shown = fed(data, answer) if data is not None else None
    outcome = walk(project, network, specs, shown, cache, kept)
    outcome.answer = answer
    graph = project.networks[network].graph
    outcome.troubles.extend(ends(network, graph))
    if answer is not None:
        outcome.troubles.extend(answer_fits(network, graph, outcome, answer))
    return outcome


def _network(
    project: Project,
    network: str,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    cache: Cache,
    proofs: _Proofs,
    wants: Wants,
) -> NetworkFacts:
    outcome = examine(project, network, specs, data, cache, kept=True, wants=wants)

    def again(changed: Project) -> Outcome:
        proofs.check()
        return examine(changed, network, specs, data, cache, wants=wants)

    problems: list[Problem] = []
    dismissed: list[Problem] = []
    for number, trouble in enumerate(outcome.troubles):
        offered: tuple[Repair, ...] = ()
        unwanted = trouble.severity == "hint" and _is_dismissed(project, trouble)
        if number < _REPAIRED and not unwanted:
            offered = proofs.of(
                partial(repairs, project, network, trouble, outcome, specs, data, again)
            )
        (dismissed if unwanted else problems).append(_problem(network, trouble, offered))
    for number, hint in enumerate(look(project, network, outcome, specs, data)):
        offered, unwanted = (), _is_dismissed(project, hint.trouble)
        if number < _REPAIRED and not unwanted:
            offered = proofs.of(
                partial(hint_repairs, project, network, hint, outcome, specs, data, again)
            )
        (dismissed if unwanted else problems).append(_problem(network, hint.trouble, offered))
    return NetworkFacts(
        nodes=outcome.nodes,
        problems=tuple(problems),
        dismissed=tuple(dismissed),
        parameters=outcome.parameters,
        flops=outcome.flops,
        activation_bytes=outcome.activation_bytes,
        saved_bytes=sum(outcome.saved.values()),
        sizes=outcome.sizes,
    )


def _is_dismissed(project: Project, hint: Trouble) -> bool:
    node = project.sheet(hint.where).graph.nodes.get(hint.node)
    return node is not None and hint.fault.reason in node.dismissed


def _problem(network: str, trouble: Trouble, offered: tuple[Repair, ...]) -> Problem:
    return Problem(
        message=trouble.fault.message,
        network=network,
        node=trouble.path,
        port=trouble.fault.port,
        severity=trouble.severity,
        repairs=offered,
        rule=trouble.fault.reason if trouble.severity == "hint" else "",
        line=trouble.fault.line,
        needs="trust" if trouble.fault.reason == "trust" else "",
    )
