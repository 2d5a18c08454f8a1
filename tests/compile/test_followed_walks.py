"""A walk follows the one before: only what an edit changes is looked at again."""

from __future__ import annotations

from dataclasses import replace as dataclass_replace

import pytest
from msgspec.structs import replace

from studio import compile
from studio.compile import Cache
from studio.compile.walk import walk
from studio.graph.builder import Net
from studio.graph.edits import SetFlag, SetParams
from studio.graph.facts import DataFacts
from studio.graph.graph import Graph
from studio.graph.params import Value
from studio.graph.project import Project
from studio.graph.spec import LayerSpec


def line() -> Project:
    """Draw three convolutions, the second of them bypassed by a wire, and a head."""
    net = Net()
    first = net.add("torch.nn.Conv2d", net.input(), name="first", out_channels=4, kernel_size=3)
    second = net.add(
        "torch.nn.Conv2d", first, name="second", out_channels=4, kernel_size=3, padding=1
    )
    both = net.add("core.add", first, second, name="both")
    x = net.add("torch.nn.Conv2d", both, name="third", out_channels=8, kernel_size=3)
    net.output(net.add("torch.nn.Linear", net.add("torch.nn.Flatten", x), out_features=10))
    return net.project()


def copied(project: Project) -> Project:
    """Return an equal project of which nothing is the same object, as one that came as bytes."""
    graph = project.networks["main"].graph
    again = Graph({key: replace(node) for key, node in graph.nodes.items()}, tuple(graph.links))
    return project.with_sheet("main", replace(project.networks["main"], graph=again))


@pytest.mark.parametrize(
    ("name", "values", "kept"),
    [
        ("second", {"bias": False}, ["first", "both", "third", "flatten", "linear"]),
        ("third", {"out_channels": 5}, ["first", "second", "both"]),
        ("first", {"padding": 1}, []),
    ],
)
def test_what_an_edit_leaves_alone_is_not_visited_again(
    specs: dict[str, LayerSpec],
    digits: DataFacts,
    name: str,
    values: dict[str, Value],
    kept: list[str],
) -> None:
    cache, project = Cache(), line()
    before = walk(project, "main", specs, digits, cache, kept=True)
    cache.nodes.clear()  # whoever visits a node again makes facts of it anew
    graph = project.networks["main"].graph
    edit = SetParams("main", graph.named(name).id, values)  # type: ignore[union-attr]
    after = walk(edit.apply(project), "main", specs, digits, cache)
    same = {graph.nodes[key].name for key in graph.nodes if after.nodes[key] is before.nodes[key]}
    assert same >= set(kept)
    assert name not in same
    cold = walk(edit.apply(project), "main", specs, digits, Cache())
    assert after == dataclass_replace(cold, saved={})


def test_a_walk_of_the_same_drawing_from_elsewhere_visits_nothing(
    specs: dict[str, LayerSpec], digits: DataFacts
) -> None:
    cache, project = Cache(), line()
    first = compile.infer(project, specs, digits, 0, cache).networks["main"]
    cache.nodes.clear()
    second = compile.infer(copied(project), specs, digits, 0, cache).networks["main"]
    assert second == first
    assert all(second.nodes[key] is facts for key, facts in first.nodes.items())


def test_a_node_that_stops_working_takes_the_facts_behind_it_with_it(
    specs: dict[str, LayerSpec], digits: DataFacts
) -> None:
    cache, project = Cache(), line()
    compile.infer(project, specs, digits, 0, cache)
    third = project.networks["main"].graph.named("third")
    assert third is not None
    broken = SetParams("main", third.id, {"kernel_size": 99}).apply(project)
    facts = compile.infer(broken, specs, digits, 0, cache).networks["main"]
    assert [problem.node for problem in facts.problems] == [third.id]
    assert not facts.nodes[third.id].outputs
    mended = compile.infer(project, specs, digits, 0, cache)
    assert mended == compile.infer(project, specs, digits, 0, Cache())


def test_a_flag_is_more_than_a_setting(specs: dict[str, LayerSpec], digits: DataFacts) -> None:
    cache, project = Cache(), line()
    compile.infer(project, specs, digits, 0, cache)
    second = project.networks["main"].graph.named("second")
    assert second is not None
    frozen = SetFlag("main", (second.id,), "frozen", True).apply(project)
    warm = compile.infer(frozen, specs, digits, 0, cache)
    assert warm == compile.infer(frozen, specs, digits, 0, Cache())


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), ((1,), (True,))])
def test_numbers_of_two_types_are_recognised_as_two(old: Value, new: Value) -> None:
    net = Net()
    net.add("torch.nn.Conv2d", net.input(), name="conv", groups=old)
    graph = net.graph()
    conv = graph.named("conv")
    assert conv is not None
    other = graph.with_node(replace(conv, params={"groups": new}))
    found = other.recognised(graph).nodes[conv.id]
    assert repr(found.params["groups"]) == repr(new)


def test_equal_graphs_are_recognised_part_by_part() -> None:
    graph = line().networks["main"].graph
    worked = graph.incoming
    found = copied(line()).networks["main"].graph
    again = found.recognised(found)
    assert again == found
    assert again.links is found.links
    same = Graph({key: replace(node) for key, node in graph.nodes.items()}, tuple(graph.links))
    same = same.recognised(graph)
    assert all(node is graph.nodes[key] for key, node in same.nodes.items())
    assert same.incoming is worked
