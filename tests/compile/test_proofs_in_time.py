"""Facts are there at once; what there was no time to prove is told, and nothing else differs."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace
from networks import chain, conv, linear

from studio import compile
from studio.compile.cache import Cache
from studio.graph.facts import DataFacts, ProjectFacts
from studio.graph.project import Project
from studio.graph.spec import LayerSpec


def doubtful() -> Project:
    """Four hints with proved answers: every convolution has a bias that its norm takes away."""
    layers = [conv(out_channels=4, kernel_size=3), "torch.nn.BatchNorm2d"] * 4
    return chain(*layers, "torch.nn.Flatten", linear(out_features=10))


def broken() -> Project:
    """One error with several proved repairs."""
    return chain(conv(out_channels=4, kernel_size=3), linear(out_features=10))


def bare(facts: ProjectFacts) -> ProjectFacts:
    networks = {
        name: replace(one, problems=tuple(replace(p, repairs=()) for p in one.problems))
        for name, one in facts.networks.items()
    }
    return replace(facts, networks=networks, unproved=False)


@pytest.mark.parametrize("project", [doubtful(), broken()], ids=["hints", "error"])
def test_without_time_there_are_facts_and_problems_but_no_repairs(
    project: Project, specs: dict[str, LayerSpec], digits: DataFacts
) -> None:
    whole = compile.infer(project, specs, digits)
    hurried = compile.infer(project, specs, digits, enough=lambda: True)
    assert not whole.unproved
    assert any(problem.repairs for problem in whole.networks["main"].problems)
    assert hurried.unproved
    assert hurried == replace(bare(whole), unproved=True)


def test_what_there_is_time_for_is_proved(specs: dict[str, LayerSpec], digits: DataFacts) -> None:
    looks = itertools.count()
    facts = compile.infer(doubtful(), specs, digits, enough=lambda: next(looks) >= 2)
    assert [bool(one.repairs) for one in facts.networks["main"].problems] == [
        True,
        True,
        False,
        False,
    ]
    assert facts.unproved


def test_the_same_cache_then_proves_the_rest(
    specs: dict[str, LayerSpec], digits: DataFacts
) -> None:
    cache = Cache()
    compile.infer(doubtful(), specs, digits, 0, cache, lambda: True)
    assert compile.infer(doubtful(), specs, digits, 0, cache) == compile.infer(
        doubtful(), specs, digits
    )


def test_what_works_has_nothing_left_to_prove(
    specs: dict[str, LayerSpec], digits: DataFacts
) -> None:
    project = chain("torch.nn.Flatten", linear(out_features=10))
    assert not compile.infer(project, specs, digits, enough=lambda: True).unproved
