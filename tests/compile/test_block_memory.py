"""What a block made of what arrived is remembered, and never differs from what a cold walk finds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from studio import compile
from studio.compile.cache import Cache
from studio.graph.builder import Net
from studio.graph.edits import EditRefused, SetBlock, SetConstants, SetFlag, SetParams
from studio.graph.facts import DataFacts
from studio.graph.params import Param
from studio.graph.project import Project
from studio.graph.spec import LayerSpec


def towers() -> Project:
    """Blocks in a block, repeated, with a parameter, a formula of a constant, and one over time."""
    net = Net()
    with net.block("Unit") as block:
        x = block.add("torch.nn.Conv2d", block.input(), name="conv", out_channels="=width",
                      kernel_size=3, padding=1)  # fmt: skip
        block.output(block.add("torch.nn.ReLU", x, name="relu"))
    with net.block("Pair") as block:
        x = block.input()
        for name in ("first", "second"):
            x = block.use("Unit", x, name=name)
        block.output(x)
    x = net.input()
    for name in ("a", "b", "c"):
        x = net.use("Pair", x, name=name)
    x = net.add("torch.nn.Flatten", x, name="flat")
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    project = net.project()
    project = SetBlock("Unit", params=(Param("width", "int", 4, minimum=1),)).apply(project)
    return SetConstants({"base": 3}).apply(project)


def by_name(project: Project, where: str, name: str) -> str:
    node = project.sheet(where).graph.named(name)
    assert node is not None
    return node.id


values = st.sampled_from([1, True, 1.0, 2, 5, "=base", "=base*2", "=nowhere", None, "soft", 0])
places = st.sampled_from(
    [
        ("main", "a", "repeat"),
        ("main", "b", "repeat"),
        ("main", "b", "share_weights"),
        ("main", "c", "gone"),
        ("main", "fc", "out_features"),
        ("block.Pair", "first", "width"),
        ("block.Pair", "second", "width"),
        ("block.Pair", "second", "repeat"),
        ("block.Unit", "conv", "out_channels"),
        ("block.Unit", "conv", "kernel_size"),
        ("block.Unit", "conv", "bias"),
        ("block.Unit", "relu", "inplace"),
    ]
)
flagged = st.tuples(
    st.sampled_from(
        [("main", "a"), ("main", "c"), ("block.Pair", "first"), ("block.Unit", "conv")]
    ),
    st.sampled_from(["frozen", "bypassed"]),
    st.booleans(),
)
steps = st.one_of(
    st.tuples(st.just("param"), places, values),
    st.tuples(st.just("flag"), flagged, st.none()),
    st.tuples(st.just("constant"), st.just("base"), st.sampled_from([1, 2, 2.5, True, None])),
    st.tuples(st.just("loop"), st.none(), st.none()),
    st.tuples(st.just("data"), st.booleans(), st.none()),
)


def changed(project: Project, step: tuple[object, ...]) -> Project:
    match step:
        case ("param", (str(where), str(name), str(param)), value):
            return SetParams(where, by_name(project, where, name), {param: value}).apply(project)  # type: ignore[dict-item]
        case ("flag", ((str(where), str(name)), str(flag), bool(on)), None):
            return SetFlag(where, (by_name(project, where, name),), flag, on).apply(project)
        case ("constant", str(name), value):
            return SetConstants({name: value}).apply(project)  # type: ignore[dict-item]
        case ("loop", None, None):  # a block that holds itself, as a foreign file may
            sheet = project.blocks["Unit"].sheet
            inner = replace(sheet.graph.named("relu"), kind="block.Pair")  # type: ignore[type-var]
            return project.with_sheet(
                "block.Unit", replace(sheet, graph=sheet.graph.with_node(inner))
            )
    return project


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=1, max_size=8))
def test_facts_with_a_memory_are_those_of_a_cold_walk(
    specs: dict[str, LayerSpec], digits: DataFacts, drawn: list[tuple[object, ...]]
) -> None:
    project, cache, nodes = towers(), Cache(), Cache()
    data: DataFacts | None = digits
    compile.infer(project, specs, data, 0, cache)
    for step in drawn:
        if step[0] == "data":
            data = digits if step[1] else None
        try:
            project = changed(project, step)
        except EditRefused:
            continue
        nodes.walks.clear()
        nodes.blocks.clear()  # PyTorch's own answers may stay: they are not what is looked at here
        warm = compile.infer(project, specs, data, 0, cache)
        cold = compile.infer(project, specs, data, 0, nodes)
        assert warm == cold
        assert compile.infer(project, specs, data, 0, cache) == cold


def test_instances_that_get_the_same_differ_by_their_settings(
    specs: dict[str, LayerSpec], digits: DataFacts
) -> None:
    cache, project = Cache(), towers()
    first = by_name(project, "block.Pair", "first")
    widths = []
    for width in (2, 5, 2):
        project = SetParams("block.Pair", first, {"width": width}).apply(project)
        facts = compile.infer(project, specs, digits, 0, cache).networks["main"]
        inside = f"{by_name(project, 'main', 'a')}/{first}"
        widths.append(facts.nodes[inside].outputs["out"].shape[1])
    assert widths == [2, 5, 2]


def test_a_second_look_opens_no_block_again(specs: dict[str, LayerSpec], digits: DataFacts) -> None:
    cache, project = Cache(), towers()
    before = compile.infer(project, specs, digits, 0, cache)
    asked, known = cache.asked, len(cache.blocks)
    fc = by_name(project, "main", "fc")
    project = SetParams("main", fc, {"bias": False}).apply(project)
    after = compile.infer(project, specs, digits, 0, cache)
    assert (cache.asked - asked, len(cache.blocks) - known) == (1, 0)
    inside = [path for path in before.networks["main"].nodes if "/" in path]
    assert len(inside) == 3 * 4 + 6 * 4
    for path in inside:
        assert after.networks["main"].nodes[path] is before.networks["main"].nodes[path], path
