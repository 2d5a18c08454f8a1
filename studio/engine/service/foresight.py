"""What is sure to fail once a run starts, told while there is still nothing to lose."""

from __future__ import annotations

from studio import compile, train
from studio.graph.facts import ProjectFacts
from studio.graph.problems import Problem
from studio.graph.project import Project, Recipe


class Foresight:
    """Looks at recipes and sizes; used by one thread at a time."""

    def __init__(self) -> None:
        self._seen: tuple[Recipe, tuple[Problem, ...]] = (Recipe(), ())

    def problems(self, project: Project, facts: ProjectFacts) -> tuple[Problem, ...]:
        """Return what keeps the project from training, apart from its shapes and data."""
        if not project.networks:
            words = "The project has no network. Draw an architecture from the Library."
            return (Problem(words, network=""),)
        if project.recipe != self._seen[0]:
            self._seen = (project.recipe, train.recipe_problems(project.recipe))
        memory = compile.memory_bytes()
        sizes = [compile.too_large(name, found, memory) for name, found in facts.networks.items()]
        return (*self._seen[1], *(problem for problem in sizes if problem is not None))
