"""Repairs: changes that would help, each tried on the meta device before it is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from studio.compile import branches, joints, remedies
from studio.compile.case import Case, Remedy, result
from studio.compile.hints import Hint, look
from studio.compile.walk import Outcome, Trouble
from studio.graph.edits import Disconnect, EditRefused, RemoveNodes
from studio.graph.facts import DataFacts
from studio.graph.problems import Repair
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

#: Repairs offered for one problem, and changes tried to find them.
_OFFERED, _TRIED = 3, 10

_BY_REASON: Mapping[str, tuple[Callable[[Case], Iterator[Remedy]], ...]] = {
    "rank": (remedies.flat, remedies.image, remedies.sequence, remedies.kin),
    "dtype": (remedies.cast,),
    "override": (remedies.read_again, remedies.producer_size),
    "window": (remedies.smaller_window, remedies.more_padding),
    "combine": (branches.same_channels, branches.projection, branches.same_size),
    "heads": (remedies.heads,),
    "groups": (remedies.groups,),
    "reshape": (remedies.arrangement,),
    "unconnected": (joints.connection, joints.first_input, joints.removal),
    "unreadable": (remedies.flat, remedies.pooled, remedies.number),
    "range": (remedies.more_rows,),
    "layers": (remedies.more_layers,),
    "dimension": (remedies.dimension,),
    "params": (remedies.default,),
    "answer": (joints.answer_size, joints.answer_layer),
    "idle": (joints.removal,),
    "no input": (joints.new_input,),
    "no output": (joints.new_output,),
    "unknown": (joints.removal,),
    "torch": (remedies.flat,),
    "port": (joints.cut,),
    "cycle": (joints.cut_back,),
}

#: Reasons for which leaving the node out may do.
_SKIPPABLE = ("rank", "window", "torch", "heads", "groups", "reshape", "override")


def repairs(
    project: Project,
    network: str,
    trouble: Trouble,
    before: Outcome,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    again: Callable[[Project], Outcome],
) -> tuple[Repair, ...]:
    """Return the changes that were proved to help with `trouble`, best first.

    A change is proved when, with it, PyTorch accepts the node and no node that worked is broken.
    """
    case = Case(project, network, trouble, before, specs, data)

    def helps(changed: Project, after: Outcome, remedy: Remedy) -> bool:
        fewer = len(after.troubles) < len(before.troubles)
        return _helps(before, after, trouble) and (fewer or _keeps(remedy))

    return _proved(case, _remedies(case), again, helps)


def hint_repairs(
    project: Project,
    network: str,
    hint: Hint,
    before: Outcome,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    again: Callable[[Project], Outcome],
) -> tuple[Repair, ...]:
    """Return the changes that were proved to answer a hint: it is gone, and nothing is broken."""
    case = Case(project, network, hint.trouble, before, specs, data)
    rule = hint.trouble.fault.reason

    def helps(changed: Project, after: Outcome, remedy: Remedy) -> bool:
        if not _helps(before, after, hint.trouble):
            return False
        where, path = hint.trouble.where, hint.trouble.path
        left = look(changed, network, after, specs, data, (where, path))
        return not any(one.trouble.fault.reason == rule for one in left)

    return _proved(case, hint.remedies, again, helps)


def _proved(
    case: Case,
    remedies: Iterable[Remedy],
    again: Callable[[Project], Outcome],
    helps: Callable[[Project, Outcome, Remedy], bool],
) -> tuple[Repair, ...]:
    """Return the changes that help when tried: those that leave the fewest errors first, and among
    these the most usual ones, deletions last."""
    found: list[tuple[int, bool, Repair]] = []
    for number, remedy in enumerate(remedies):
        if number >= _TRIED or len(found) >= _OFFERED:
            break
        try:
            changed = case.project
            for edit in remedy.edits:
                changed = edit.apply(changed)
        except (EditRefused, KeyError):
            continue
        after = again(changed)
        if helps(changed, after, remedy):
            repair = Repair(
                remedy.title,
                remedy.edits,
                result(remedy, after, case.trouble),
                left=len(after.errors),
                parameters=after.parameters - case.outcome.parameters,
            )
            found.append((repair.left, not _keeps(remedy), repair))
    found.sort(key=lambda entry: entry[:2])
    return tuple(repair for *_, repair in found)


def _remedies(case: Case) -> Iterator[Remedy]:
    yield from joints.unbypass(case)
    for remedy in _BY_REASON.get(case.trouble.fault.reason, ()):
        yield from remedy(case)
    if case.trouble.fault.reason in _SKIPPABLE:
        yield from joints.bypass(case)


def _helps(before: Outcome, after: Outcome, trouble: Trouble) -> bool:
    if trouble.severity == "error":
        same = [t for t in after.troubles if t.path == trouble.path and t.severity != "hint"]
        if same:
            return False
    worked = {path for path, facts in before.nodes.items() if facts.outputs}
    failed = {t.path for t in before.errors}
    return not any(t.path in worked and t.path not in failed for t in after.errors)


def _keeps(remedy: Remedy) -> bool:
    """Tell whether a change keeps every node; one that only deletes must leave fewer troubles."""
    return not all(isinstance(edit, (RemoveNodes, Disconnect)) for edit in remedy.edits)
