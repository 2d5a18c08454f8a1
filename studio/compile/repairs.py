"""Repairs: changes that would help, each tried on the meta device before it is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from studio.compile import branches, joints, remedies
from studio.compile.case import Case, Remedy, result
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
    "unreadable": (remedies.flat, remedies.number),
    "range": (remedies.more_rows,),
    "layers": (remedies.more_layers,),
    "dimension": (remedies.dimension,),
    "params": (remedies.default,),
    "answer": (joints.answer_size, joints.answer_layer),
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
    found: list[tuple[int, Repair]] = []
    for number, remedy in enumerate(_remedies(case)):
        if number >= _TRIED or len(found) >= _OFFERED:
            break
        try:
            changed = project
            for edit in remedy.edits:
                changed = edit.apply(changed)
        except (EditRefused, KeyError):
            continue
        after = again(changed)
        if _helps(before, after, trouble) and (
            len(after.troubles) < len(before.troubles) or _keeps(remedy)
        ):
            shape = result(remedy, after, trouble)
            found.append((len(after.errors), Repair(remedy.title, remedy.edits, shape)))
    found.sort(key=lambda entry: entry[0])
    return tuple(repair for _, repair in found)


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
