"""What can be asked about: networks that give each sample one answer, from one input."""

from __future__ import annotations

from studio.explain.question import ExplainProblem
from studio.graph.answers import SUPERVISED
from studio.graph.facts import DataFacts
from studio.graph.graph import INPUT
from studio.graph.project import Project

#: Tasks whose networks answer at many places of a sample.
_MANY = {
    "segmentation": "every pixel",
    "detection": "every cell of a grid",
    "tokens": "every step",
    "nodes": "every node",
}


def check_applies(project: Project, facts: DataFacts) -> None:
    """See whether a project's main network gives one answer a sample.

    Raises: ExplainProblem, with what it does instead.
    """
    places = _MANY.get(facts.task)
    if places is not None:
        raise ExplainProblem(
            f"Explaining needs one answer a sample, but this network answers at {places}. "
            "The Train workspace shows what it answers."
        )
    if project.recipe.learner != SUPERVISED:
        raise ExplainProblem(
            "Explaining needs a class or a number for each sample, but this project learns "
            "in another way. The Train workspace shows what the network makes of samples."
        )
    sheet = project.networks.get("main")
    names = [node.name for node in sheet.graph.of_kind(INPUT)] if sheet else []
    if len(names) > 1:
        raise ExplainProblem(
            f"Explaining needs a network with one input, but this network has {len(names)}: "
            f"{', '.join(names)}. The Train workspace shows what it answers."
        )
