"""A recipe that cannot train says so before training, with a way out that helps."""

from __future__ import annotations

import pytest

from studio import train
from studio.graph.project import Project, Recipe


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(epochs=0), "epochs should be at least 1, but is 0"),
        (Recipe(epochs=-5), "epochs should be at least 1, but is -5"),
        (Recipe(batch_size=0), "batch size should be at least 1, but is 0"),
        (Recipe(threads=-4), "threads should be at least 0"),
        (Recipe(precision="fp8"), "fp32, bf16 or fp16, but is 'fp8'"),
        (Recipe(clip_norm=0.0), "clip norm should be above 0 or left empty, but is 0.0"),
        (Recipe(accumulate=0), "accumulate should be at least 1"),
        (Recipe(ema=1.0), "ema should be at least 0 and below 1"),
        (Recipe(patience=-1), "patience should be at least 0"),
        (Recipe(min_delta=float("nan")), "min delta should be at least 0, but is nan"),
        (Recipe(keep_every=-2), "keep every should be at least 0"),
        (Recipe(sampling="sorted"), "shuffled or balanced, but is 'sorted'"),
        (Recipe(groups={"conv1": {"lr": -1.0}}), "own settings of conv1"),
        (Recipe(groups={"a/b": {"speed": 1.0, "lr": 0.1}}), "no setting named 'speed'"),
        (Recipe(optimizer="torch.optim.LBFGS", accumulate=2), "does not go with accumulate"),
        (Recipe(optimizer="torch.optim.LBFGS", precision="fp16"), "with precision fp16"),
        (Recipe(optimizer="torch.optim.Magic"), "no optimiser named 'torch.optim.Magic'"),
        (Recipe(schedule="x.y"), "no schedule named 'x.y'"),
        (Recipe(loss="x.y"), "no loss named 'x.y'"),
        (Recipe(learner="x.y"), "no learner named 'x.y'"),
        (Recipe(device="cuda:99"), "'cuda:99' was asked for, but this machine has"),
        (Recipe(device="abacus"), "'abacus' was asked for"),
        (Recipe(optimizer_params={"lr": "fast"}), "lr needs a number"),
        (Recipe(optimizer_params={"lr": 0.1, "lrr": 1}), "no setting named 'lrr'"),
    ],
)
def test_a_wrong_recipe_is_told_with_a_repair_that_helps(recipe: Recipe, said: str) -> None:
    (problem,) = train.recipe_problems(recipe)
    assert said in problem.message
    assert problem.network == ""
    (repair,) = problem.repairs
    project = Project(recipe=recipe)
    for edit in repair.edits:
        project = edit.apply(project)
    assert train.recipe_problems(project.recipe) == ()


def test_what_is_right_in_the_options_stays() -> None:
    recipe = Recipe(optimizer_params={"lr": 0.1, "lrr": 1})
    edit = train.recipe_problems(recipe)[0].repairs[0].edits[0]
    assert edit.apply(Project(recipe=recipe)).recipe.optimizer_params == {"lr": 0.1}


def test_every_choice_of_the_catalogue_is_right() -> None:
    for kind in train.optimizers():
        assert train.recipe_problems(Recipe(optimizer=kind)) == ()
    for kind in train.losses():
        assert train.recipe_problems(Recipe(loss=kind)) == ()
