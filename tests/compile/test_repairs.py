"""Problems in words, and repairs that do what they promise."""

import msgspec
import pytest
import torch
from msgspec.structs import replace
from networks import chain, conv, lenet, linear, residual

from studio import compile
from studio.graph.builder import Net
from studio.graph.edits import (
    AddNodes,
    AnyEdit,
    Batch,
    Disconnect,
    Insert,
    RemoveNodes,
    SetFlag,
    SetParams,
)
from studio.graph.facts import DataFacts
from studio.graph.graph import Node, link
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

Specs = dict[str, LayerSpec]
END = ("torch.nn.Flatten", linear(out_features=10))


def problems(project: Project, specs: Specs, data: DataFacts | None) -> tuple[Problem, ...]:
    return compile.infer(project, specs, data).networks["main"].problems


def only(project: Project, specs: Specs, data: DataFacts | None) -> Problem:
    found = problems(project, specs, data)
    assert len(found) == 1, found
    return found[0]


def titles(problem: Problem) -> list[str]:
    return [repair.title for repair in problem.repairs]


def _two(first: dict[str, object], second: dict[str, object], kind: str = "core.add") -> Project:
    net = Net()
    x = net.input()
    a = net.add("torch.nn.Conv2d", x, name="a", **first)
    b = net.add("torch.nn.Conv2d", x, name="b", **second)
    x = net.add("torch.nn.Flatten", net.add(kind, a, b, name="join"))
    net.output(net.add("torch.nn.Linear", x, out_features=10))
    return net.project()


def _cut(project: Project, target: str) -> Project:
    graph = project.networks["main"].graph
    return Disconnect("main", graph.incoming[target]).apply(project)


def _wired(project: Project, *more: tuple[str, str, str, str]) -> Project:
    sheet = project.networks["main"]
    links = (*sheet.graph.links, *(link(*ends) for ends in more))
    return project.with_sheet("main", replace(sheet, graph=replace(sheet.graph, links=links)))


BROKEN = {
    "flat": chain(conv(out_channels=64, kernel_size=24), linear(out_features=10)),
    "classes": chain("torch.nn.Flatten", linear(out_features=7)),
    "picture at the end": chain(conv(out_channels=8, kernel_size=3)),
    "override": chain(conv(name="one", out_channels=8, kernel_size=3),
                      conv(name="two", in_channels=5, out_channels=4, kernel_size=3), *END),
    "window": chain(conv(name="wide", out_channels=8, kernel_size=30), *END),
    "pool": chain(("torch.nn.MaxPool2d", {"kernel_size": 64}), *END),
    "sequence": chain(("torch.nn.LSTM", {"hidden_size": 8}),
                      ("core.select", {"dim": 1, "index": -1}), linear(out_features=10)),
    "heads": chain(("core.squeeze", {"dim": 1}), ("torch.nn.MultiheadAttention", {"num_heads": 5}),
                   ("core.mean", {"dim": (1,)}), linear(out_features=10)),
    "channels": _two({"out_channels": 8, "kernel_size": 1}, {"out_channels": 4, "kernel_size": 1}),
    "sizes": _two({"out_channels": 8, "kernel_size": 3}, {"out_channels": 8, "kernel_size": 5}),
    "concat": _two({"out_channels": 8, "kernel_size": 3}, {"out_channels": 2, "kernel_size": 5},
                   "core.concat"),
    "stride": _two({"out_channels": 8, "kernel_size": 1, "stride": 2},
                   {"out_channels": 4, "kernel_size": 1}),
    "norm": chain("torch.nn.Flatten", "torch.nn.BatchNorm2d", linear(out_features=10)),
    "ids": chain("torch.nn.Flatten", ("torch.nn.Embedding", {"embedding_dim": 2}), *END),
    "limit": chain("torch.nn.Flatten", linear(name="small", out_features=-3), linear(out_features=10)),
    "unknown setting": chain("torch.nn.Flatten", linear(out_features=10, colour=3)),
    "arrangement": chain("torch.nn.Flatten", ("core.reshape", {"shape": (3, 8, 8)}),
                         "torch.nn.Flatten", linear(out_features=10)),
    "groups": chain(conv(out_channels=8, kernel_size=3),
                    conv(out_channels=9, kernel_size=3, groups=3), *END),
    "batch": chain(("core.squeeze", {"dim": 1}),
                   ("torch.nn.LSTM", {"hidden_size": 8, "batch_first": False}),
                   ("core.select", {"dim": 1, "index": -1}), linear(out_features=10)),
    "dimension": chain(*END, ("torch.nn.Softmax", {"dim": 3})),
    "no output": chain(*END, output=False),
    "no input": RemoveNodes("main", ("x",)).apply(chain(*END)),
    "cut": _cut(chain("torch.nn.Flatten", linear(name="fc", out_features=10)), "fc"),
    "unknown kind": chain(("some.pack.Layer", {"name": "mystery"}), *END),
    "cycle": _wired(chain("torch.nn.Flatten", linear(name="fc", out_features=10)),
                    ("fc", "out", "flatten", "x")),
    "dropout": chain(("core.squeeze", {"dim": 1}), ("torch.nn.GRU", {"hidden_size": 8, "dropout": 0.5}),
                     ("core.select", {"dim": 1, "index": -1}), linear(out_features=10)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_repairs_do_what_they_promise(name: str, specs: Specs, digits: DataFacts) -> None:
    project = BROKEN[name]
    found = problems(project, specs, digits)
    assert found
    problem = next((p for p in found if p.repairs), None)
    assert problem is not None or name == "unknown kind", [p.message for p in found]
    errors = [p for p in found if p.severity == "error"]
    for repair in problem.repairs if problem else ():
        edit: AnyEdit = Batch(repair.title, tuple(repair.edits))
        mended = edit.apply(project)
        again = compile.infer(mended, specs, digits).networks["main"]
        left = [p for p in again.problems if p.severity == "error"]
        assert problem.message not in [p.message for p in left]
        assert len(left) <= len(errors)
        shapes = [kind.text for f in again.nodes.values()
                  for kind in (*f.outputs.values(), *f.inputs.values())]  # fmt: skip
        assert not repair.result or repair.result in shapes
        if not left:
            module = compile.build(mended, "main", specs, digits)
            assert module(torch.rand(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize(
    "name", sorted(set(BROKEN) - {"no input", "unknown kind", "cycle", "concat", "cut"})
)
def test_first_repair_mends_the_whole_network(name: str, specs: Specs, digits: DataFacts) -> None:
    project = BROKEN[name]
    repair = problems(project, specs, digits)[0].repairs[0]
    mended = Batch(repair.title, tuple(repair.edits)).apply(project)
    module = compile.build(mended, "main", specs, digits)
    assert module(torch.rand(2, 1, 28, 28)).shape == (2, 10)
    assert not compile.infer(mended, specs, digits).errors


def test_linear_on_a_picture_says_what_the_card_shows(specs: Specs, digits: DataFacts) -> None:
    problem = only(BROKEN["flat"], specs, digits)
    assert problem.message == "Linear needs one flat vector per sample, but gets 64×5×5."
    assert (problem.node, problem.port, problem.severity) == ("linear", "x", "error")
    assert [(r.title, r.result) for r in problem.repairs[:2]] == [
        ("Insert Flatten", "N×1600"),
        ("Average-pool", "N×64"),
    ]


def test_inserted_nodes_get_room(specs: Specs, digits: DataFacts) -> None:
    project = BROKEN["flat"]
    repair = only(project, specs, digits).repairs[0]
    mended = Batch(repair.title, tuple(repair.edits)).apply(project)
    before, after = (p.networks["main"].places for p in (project, mended))
    assert after["flatten"] == before["linear"]
    assert after["linear"].y > before["linear"].y
    assert len(set(after.values())) == len(after)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("classes", "The data has 10 classes, but the network ends in 7 numbers per sample. Set out_features to 10."),
        ("override", "Conv2d is set to in_channels 5, but gets 8 channels."),
        ("window", "Conv2d has a window of 30, which does not fit into 1×28×28. Choose a smaller kernel_size or more padding."),
        ("channels", "Add needs two tensors of one shape, but gets 8×28×28 and 4×28×28."),
        ("concat", "Concatenate needs tensors of the same sizes except in dimension 1, but gets 8×26×26 and 2×24×24."),
        ("norm", "BatchNorm2d needs an image per sample (channels × height × width), but gets 784 numbers."),
        ("ids", "Embedding needs whole numbers (ids), but gets float32."),
        ("limit", "out_features needs a whole number from 1 to 1048576, but got -3."),
        ("cycle", "flatten leads back into itself. Cut one of the wires: data flows one way."),
        ("no output", "The network has no output. Add an Output node behind its last layer."),
        ("unknown kind", "What some.pack.Layer is, is not known here. Install the pack that it is from; its settings and wires are kept."),
    ],
)  # fmt: skip
def test_messages_say_what_is_needed_and_what_came(
    name: str, message: str, specs: Specs, digits: DataFacts
) -> None:
    assert message in [problem.message for problem in problems(BROKEN[name], specs, digits)]


def test_data_of_another_form_is_named(specs: Specs, table: DataFacts) -> None:
    project = chain(conv(out_channels=4, kernel_size=3), "torch.nn.Flatten", linear(out_features=1))
    problem = only(project, specs, table)
    assert problem.message == (
        "Conv2d needs an image per sample (channels × height × width), but the data gives 8 numbers."
    )


def test_regression_wants_as_many_numbers_as_targets(specs: Specs, table: DataFacts) -> None:
    problem = only(chain(linear(name="fc", out_features=4)), specs, table)
    assert problem.message == (
        "The data has 1 target per sample, but the network ends in 4 numbers per sample. "
        "Set out_features to 1."
    )
    assert titles(problem)[0] == "Set out_features of fc to 1"


def test_other_learners_answer_to_themselves(specs: Specs, digits: DataFacts) -> None:
    project = chain("torch.nn.Flatten", linear(out_features=7))
    other = replace(project, recipe=replace(project.recipe, learner="some.autoencoder"))
    assert problems(other, specs, digits) == ()


def test_one_mistake_is_one_problem(specs: Specs, digits: DataFacts) -> None:
    layers = [conv(out_channels=4, kernel_size=60), *["torch.nn.ReLU"] * 5, *END]
    found = compile.infer(chain(*layers), specs, digits).networks["main"]
    assert len(found.problems) == 1
    assert "relu" not in found.nodes, "nothing is known behind a node that cannot work"


def test_a_stray_node_warns_and_hinders_nothing(specs: Specs, digits: DataFacts) -> None:
    project = AddNodes("main", (Node("n1", "torch.nn.Conv2d", "stray"),)).apply(lenet())
    problem = only(project, specs, digits)
    assert (problem.severity, problem.node) == ("warning", "n1")
    assert titles(problem) == ["Delete stray"]
    assert compile.build(project, "main", specs, digits) is not None


def test_a_branch_that_leads_nowhere_is_hinted_at(specs: Specs, digits: DataFacts) -> None:
    project = AddNodes(
        "main", (Node("n1", "torch.nn.ReLU", "idle"),), links=(link("conv1", "out", "n1", "x"),)
    ).apply(lenet())
    problem = only(project, specs, digits)
    assert (problem.severity, problem.rule) == ("hint", "idle")
    assert titles(problem) == ["Delete idle"]


def test_problems_inside_blocks_are_repaired_in_the_block(specs: Specs, digits: DataFacts) -> None:
    project = SetParams("block.ResBlock", "conv1", {"kernel_size": 5}).apply(residual())
    found = problems(project, specs, digits)
    assert found[0].node == "res1/add"
    repair = found[0].repairs[0]
    assert repair.title == "Set padding of conv1 to 2"
    mended = Batch(repair.title, tuple(repair.edits)).apply(project)
    assert problems(mended, specs, digits) == ()


def test_a_block_that_contains_itself_is_told(specs: Specs, digits: DataFacts) -> None:
    project = residual()
    block = project.blocks["ResBlock"]
    node = replace(block.sheet.graph.nodes["relu"], kind="block.ResBlock")
    sheet = replace(block.sheet, graph=block.sheet.graph.with_node(node))
    project = project.with_sheet("block.ResBlock", sheet)
    assert "contains itself" in problems(project, specs, digits)[0].message


def test_blocks_too_deep_in_one_another_are_called_that(specs: Specs, digits: DataFacts) -> None:
    net = Net()
    for depth in range(20):
        with net.block(f"Level{depth}") as block:
            x = block.input()
            x = block.use(f"Level{depth - 1}", x, name="inner") if depth else x
            block.output(block.add("torch.nn.ReLU", x))
    net.output(net.use("Level19", net.input(), name="top"))
    (problem,) = (one for one in problems(net.project(), specs, digits) if one.severity == "error")
    assert "16 deep in one another" in problem.message
    assert "itself" not in problem.message


def test_bypassing_a_needed_layer_can_be_taken_back(specs: Specs, digits: DataFacts) -> None:
    project = SetFlag("main", ("flatten",), "bypassed", True).apply(lenet())
    problem = only(project, specs, digits)
    assert problem.node == "fc1"
    assert titles(problem)[0] == "Stop bypassing flatten"


def test_states_need_each_other(specs: Specs) -> None:
    net = Net()
    one = net.add("torch.nn.LSTM", net.input("x", shape=(5, 8)), name="one", hidden_size=6)
    two = net.add("torch.nn.LSTM", name="two", hidden_size=6, inputs={"x": one, "h0": one["hn"]})
    net.output(two)
    problem = only(net.project(), specs, None)
    assert problem.message.startswith("h0 of two works only together with c0.")
    assert titles(problem) == ["Cut the wire"]


def test_pytorchs_own_words_where_no_rule_fits(specs: Specs, digits: DataFacts) -> None:
    project = chain("torch.nn.Flatten", ("core.permute", {"dims": (2, 1)}), linear(out_features=10))
    problem = only(project, specs, digits)
    assert problem.message.startswith("Permute cannot work with 784 numbers: ")
    assert "100003" not in problem.message
    assert "\n" not in problem.message


def test_repairs_travel_and_are_the_same_each_time(specs: Specs, digits: DataFacts) -> None:
    project = BROKEN["flat"]
    one, two = problems(project, specs, digits), problems(project, specs, digits)
    assert one == two
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=tuple[Problem, ...]) == one
    assert isinstance(one[0].repairs[0].edits[0], Insert)


def test_unfinished_networks_say_why_there_is_no_code(specs: Specs, digits: DataFacts) -> None:
    with pytest.raises(compile.Unfinished, match="needs one flat vector") as caught:
        compile.build(BROKEN["flat"], "main", specs, digits)
    assert caught.value.problems[0].node == "linear"
