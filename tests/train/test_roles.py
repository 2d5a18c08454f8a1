"""A project that lacks a network is told which, with repairs that begin it."""

from __future__ import annotations

from studio import train
from studio.graph.edits import AnyEdit
from studio.graph.graph import INPUT, OUTPUT
from studio.graph.project import Project, Recipe, Sheet

DUEL = Recipe(learner="core.adversarial")


def applied(project: Project, edits: tuple[AnyEdit, ...]) -> Project:
    for edit in edits:
        project = edit.apply(project)
    return project


def test_nothing_is_said_where_the_roles_are_there() -> None:
    pair = Project({"generator": Sheet(), "discriminator": Sheet()}, recipe=DUEL)
    assert train.role_problems(pair) == ()
    assert train.role_problems(Project()) == ()
    assert train.role_problems(Project(recipe=Recipe(learner="nobody.knows"))) == ()


def test_missing_networks_are_begun_and_others_renamed() -> None:
    project = Project(recipe=DUEL)
    (problem,) = train.role_problems(project)
    assert "needs networks named discriminator and generator, but the project has main" in problem.message  # fmt: skip
    renamed, added, back = (applied(project, repair.edits) for repair in problem.repairs)
    assert list(renamed.networks) == ["discriminator", "generator"]
    assert set(added.networks) == {"main", "discriminator", "generator"}
    assert back.recipe.learner == "core.supervised"
    for after in (renamed, added, back):
        assert train.role_problems(after) == ()
    graph = added.networks["generator"].graph
    assert [node.name for node in graph.of_kind(INPUT)] == ["z"]
    assert len(graph.of_kind(OUTPUT)) == 1


def test_one_missing_network_is_named_alone() -> None:
    project = Project({"generator": Sheet()}, recipe=DUEL)
    (problem,) = train.role_problems(project)
    assert "needs a network named discriminator" in problem.message
    assert list(applied(project, problem.repairs[0].edits).networks) == ["generator", "discriminator"]  # fmt: skip


def test_the_catalogue_tells_the_roles() -> None:
    specs = train.learner_specs()
    assert specs["core.adversarial"].roles == ("discriminator", "generator")
    assert specs["core.supervised"].roles == ("main",)
