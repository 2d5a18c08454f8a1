"""Whether a project has the networks that its way of learning asks for."""

from __future__ import annotations

from collections.abc import Mapping

from studio.graph.edits import AddNetwork, RenameNetwork, SetRecipe, SimpleEdit
from studio.graph.graph import INPUT, OUTPUT, Graph, Node
from studio.graph.problems import Problem, Repair
from studio.graph.project import Place, Project, Sheet
from studio.train.learner import Learner
from studio.train.learners import builtin_learners


def role_problems(
    project: Project, learners: Mapping[str, Learner] | None = None
) -> tuple[Problem, ...]:
    """Return a problem where networks are missing, with repairs that begin them."""
    learner = (learners or builtin_learners()).get(project.recipe.learner)
    if learner is None:
        return ()  # told by the recipe
    missing = [role for role in learner.roles if role not in project.networks]
    if not missing:
        return ()
    spare = [name for name in project.networks if name not in learner.roles]
    wanted = " and ".join(missing)
    plural = "networks" if len(missing) > 1 else "a network"
    message = (
        f"{learner.spec.title} learning needs {plural} named {wanted}, but the project has "
        f"{', '.join(project.networks)}."
    )
    repairs = [_begin(missing, [])]
    if spare:
        repairs.insert(0, _begin(missing[1:], [RenameNetwork(spare[0], missing[0])]))
    usual = builtin_learners()
    if set(next(iter(usual.values())).roles) <= project.networks.keys():
        kind, first = next(iter(usual.items()))
        values = {"learner": kind, "learner_params": {}}
        repairs.append(Repair(f"Learn by {first.spec.title}", (SetRecipe(values),)))
    return (Problem(message, network="", repairs=tuple(repairs)),)


def _begin(roles: list[str], before: list[SimpleEdit]) -> Repair:
    words = [edit.title for edit in before] + [f"add {role}" for role in roles]
    title = ", ".join(words)
    edits = (*before, *(AddNetwork(role, _beginning(role)) for role in roles))
    return Repair(title[0].upper() + title[1:], edits)


def _beginning(role: str) -> Sheet:
    """Return a sheet with the ends that a role has; what is between them is the person's."""
    name = "z" if role == "generator" else "x"
    ends = (Node("in1", INPUT, name), Node("out1", OUTPUT, "out"))
    places = {"in1": Place(0, 0), "out1": Place(0, 240)}
    return Sheet(Graph({node.id: node for node in ends}), places)
