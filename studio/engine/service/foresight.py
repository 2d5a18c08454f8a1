"""What is sure to fail once a run starts, told while there is still nothing to lose."""

from __future__ import annotations

from studio import compile, train
from studio.graph.facts import ProjectFacts, TrainingMemory
from studio.graph.problems import Problem
from studio.graph.project import Project, Recipe


class Foresight:
    """Looks at recipes and sizes; used by one thread at a time."""

    def __init__(self) -> None:
        self._seen: tuple[Recipe, tuple[Problem, ...]] = (Recipe(), ())
        self._devices: dict[str, tuple[str, int]] = {}

    def memory(self, project: Project, facts: ProjectFacts) -> TrainingMemory:
        """Return what training the project is estimated to take of its device."""
        recipe = project.recipe
        device, available = self._device(recipe.device)
        return compile.training_memory(
            facts.networks.values(),
            recipe.batch_size,
            train.optimizer_bytes(recipe),
            facts.data.bytes if facts.data else 0,
            device,
            available,
        )

    def _device(self, name: str) -> tuple[str, int]:
        if name not in self._devices:
            try:
                device = train.pick_device(name)
            except train.TrainProblem:  # told by the recipe
                return name, 0
            self._devices[name] = (str(device), train.device_memory(device))
        return self._devices[name]

    def problems(
        self, project: Project, facts: ProjectFacts, needed: TrainingMemory
    ) -> tuple[Problem, ...]:
        """Return what keeps the project from training, apart from its shapes and the data itself."""
        if not project.networks:
            words = "The project has no network. Draw an architecture from the Library."
            return (Problem(words, network=""),)
        if project.recipe != self._seen[0]:
            self._seen = (project.recipe, train.recipe_problems(project.recipe))
        suits = train.suit_problems(project.recipe, facts.data) if facts.data is not None else ()
        memory = compile.memory_bytes()
        sizes = [compile.too_large(name, found, memory) for name, found in facts.networks.items()]
        found = [problem for problem in sizes if problem is not None]
        if not found:
            tight = compile.does_not_fit(needed, project.recipe.batch_size, facts.networks)
            found += [tight] if tight is not None else []
        return (*self._seen[1], *train.role_problems(project), *suits, *found)
