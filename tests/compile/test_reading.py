"""A text of a network is read back into its drawing: what is as before stays, what is new follows."""

from __future__ import annotations

import sys
from collections.abc import Callable

import hypothesis
import pytest
from blocks_drawn import lstm, resnet
from hypothesis import given, settings
from msgspec.structs import replace
from test_any_graph import CACHE, SPECS, projects

from studio import compile
from studio.compile.reading.matching import sheet_of
from studio.compile.reading.two_way import TITLE
from studio.graph.builder import Net
from studio.graph.edits import Batch, SetConstants, SetParams
from studio.graph.formulas import is_formula
from studio.graph.graph import Graph, Node
from studio.graph.project import Project


def drawn() -> Project:
    """A small network with every way of writing a layer: attributes, functions, a branch."""
    net = Net()
    x = net.input("x", shape=(1, 28, 28))
    x = net.add("torch.nn.Conv2d", x, name="conv1", out_channels=6, kernel_size=5, padding=2)
    x = net.chain(x, "torch.nn.ReLU")
    x = net.add("torch.nn.MaxPool2d", x, name="pool", kernel_size=2)
    x = net.add("torch.nn.Conv2d", x, name="conv2", out_channels=16, kernel_size=5)
    x = net.add("core.add", x, net.add("torch.nn.Tanh", x, name="tanh"), name="sum")
    x = net.add("core.flatten", x, name="flat")
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    return net.project()


def empty() -> Project:
    net = Net()
    net.output(net.input("x", shape=(1, 28, 28)))
    return net.project()


def reader(project: Project) -> compile.Reader:
    return compile.Reader(project, "main", SPECS, None, CACHE)


def changed(project: Project, *swaps: tuple[str, str]) -> compile.Reading:
    """Read the project's code with pieces of it replaced."""
    known = reader(project)
    text = known.written.text
    for old, new in swaps:
        assert old in text, f"{old!r} is not in:\n{text}"
        text = text.replace(old, new, 1)
    return known.read(text)


def follows(project: Project, *swaps: tuple[str, str]) -> Project:
    """Return the project with the change of its code taken over."""
    read = changed(project, *swaps)
    assert read.edit is not None, f"line {read.line}: {read.message}"
    assert read.edit.title == TITLE
    return read.edit.apply(project)


def node(project: Project, name: str, where: str = "main") -> Node:
    found = project.sheet(where).graph.named(name)
    assert found is not None, name
    return found


DRAWN: dict[str, Callable[[], Project]] = {
    "layers": drawn,
    "resnet18": lambda: resnet(side=64),
    "lstm": lstm,
}


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_the_code_of_a_drawing_asks_for_nothing(name: str) -> None:
    known = reader(DRAWN[name]())
    for text in (known.written.text, known.written.text + "\n# a remark\n"):
        assert known.read(text) == compile.Reading()


@settings(max_examples=120, deadline=None, derandomize=True,
          suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip
@given(projects())
def test_the_code_of_whatever_is_drawn_asks_for_nothing(project: Project) -> None:
    try:
        known = reader(project)
    except compile.Unfinished:
        return
    assert known.read(known.written.text + "\n") == compile.Reading()


def test_a_network_is_drawn_from_its_code_alone() -> None:
    text = reader(drawn()).written.text
    project, read = empty(), reader(empty()).read(text)
    assert read.edit is not None, read.message
    project = read.edit.apply(project)
    assert reader(project).written.text == text
    assert set(project.sheet("main").places) >= {
        n.id for n in project.sheet("main").graph.nodes.values()
    }


def test_a_number_in_the_code_is_a_setting() -> None:
    before = drawn()
    after = follows(before, ("nn.Conv2d(6, 16, 5)", "nn.Conv2d(6, 64, 5, stride=(2, 1))"))
    assert node(after, "conv2").params["out_channels"] == 64
    assert node(after, "conv2").params["stride"] == (2, 1)
    assert after.sheet("main").places == before.sheet("main").places
    assert "nn.Linear(3200, 10)" in reader(after).written.text  # what follows from it follows


def test_a_line_that_is_added_is_a_layer_in_its_place() -> None:
    before = drawn()
    after = follows(
        before,
        ("        self.pool =", "        self.bn = nn.BatchNorm2d(6)\n        self.pool ="),
        ("        x = self.pool(x)", "        x = self.bn(x)\n        x = self.pool(x)"),
    )
    graph, places = after.sheet("main").graph, after.sheet("main").places
    bn = node(after, "bn")
    assert bn.kind == "torch.nn.BatchNorm2d"
    assert not bn.params
    assert [link.source.node for link in graph.into(bn.id, "x")] == [node(after, "relu").id]
    assert places[node(after, "relu").id].y < places[bn.id].y < places[node(after, "pool").id].y


def test_lines_that_are_taken_out_are_layers_that_go() -> None:
    after = follows(
        drawn(), ("        self.relu = nn.ReLU()\n", ""), ("        x = self.relu(x)\n", "")
    )
    graph = after.sheet("main").graph
    assert graph.named("relu") is None
    source = graph.into(node(after, "pool").id, "x")[0].source.node
    assert source == node(after, "conv1").id


def test_another_name_in_the_code_is_another_name_of_the_same_node() -> None:
    before = drawn()
    after = follows(before, ("self.conv1 =", "self.stem ="), ("self.conv1(x)", "self.stem(x)"))
    assert node(after, "stem") == replace(node(before, "conv1"), name="stem")


def test_two_lines_that_change_places_change_the_wires() -> None:
    after = follows(drawn(), ("x = self.relu(x)\n        x = self.pool(x)",
                              "x = self.pool(x)\n        x = self.relu(x)"))  # fmt: skip
    source = after.sheet("main").graph.into(node(after, "relu").id, "x")[0].source.node
    assert source == node(after, "pool").id


def test_another_layer_of_the_same_name_keeps_the_node() -> None:
    before = drawn()
    after = follows(before, ("self.relu = nn.ReLU()", "self.relu = nn.LeakyReLU(0.2)"))
    assert node(after, "relu").id == node(before, "relu").id
    assert node(after, "relu").kind == "torch.nn.LeakyReLU"
    assert node(after, "relu").params == {"negative_slope": 0.2}


def test_functions_calls_in_calls_and_further_outputs_can_be_written() -> None:
    after = follows(
        drawn(),
        ("        x = x.flatten(1)\n        x = self.fc(x)\n        return x",
         "        y = torch.cat([x, F.gelu(x)], 1)\n        return self.fc(torch.flatten(y, 1)), y"),
    )  # fmt: skip
    text = reader(after).written.text
    assert "torch.cat([sum, x], dim=1)" in text
    assert "nn.GELU()" in text
    assert len(after.sheet("main").graph.of_kind("core.output")) == 2


def test_calling_a_layer_again_uses_its_weights_again() -> None:
    after = follows(drawn(), ("x = self.relu(x)", "x = self.relu(x)\n        x = self.relu(x)"))
    again = [one for one in after.sheet("main").graph.nodes.values() if one.shares]
    assert [one.shares for one in again] == [node(after, "relu").id]


def test_weights_are_held_where_the_code_says_so() -> None:
    text = "self.conv1 = nn.Conv2d(1, 6, 5, padding=2)"
    after = follows(drawn(), (text, f"{text}.requires_grad_(False)"))
    assert node(after, "conv1").flags == ("frozen",)


def test_a_formula_stays_until_its_number_is_another() -> None:
    project = drawn()
    project = SetConstants({"width": 8}).apply(project)
    key = node(project, "conv2").id
    project = SetParams("main", key, {"out_channels": "=width*2"}).apply(project)
    same = follows(project, ("self.relu =", "self.act ="), ("self.relu(x)", "self.act(x)"))
    assert is_formula(node(same, "conv2").params["out_channels"])
    other = follows(project, ("nn.Conv2d(6, 16, 5)", "nn.Conv2d(6, 20, 5)"))
    assert node(other, "conv2").params["out_channels"] == 20


def test_a_block_is_changed_in_its_class_and_repeated_by_its_list() -> None:
    before = resnet(side=64)
    after = follows(
        before, ("[Residual(width=64) for _ in range(2)]", "[Residual(width=64) for _ in range(4)]")
    )
    assert node(after, "layer1").params["repeat"] == 4
    after = follows(before, ("self.relu2 = nn.ReLU()", "self.relu2 = nn.SiLU()"))
    assert node(after, "relu2", "block.Residual").kind == "torch.nn.SiLU"
    assert reader(after).written.text.count("nn.SiLU()") == 2  # both classes of the block follow


def test_the_step_of_a_block_over_time_can_be_changed() -> None:
    after = follows(lstm(), ("self.g = nn.Tanh()", "self.g = nn.ReLU()"))
    assert node(after, "g", "block.Cell").kind == "torch.nn.ReLU"


FAULTS: dict[str, tuple[tuple[str, str], str, str]] = {
    "another size than arrives": (("nn.Linear(1600, 10)", "nn.Linear(64, 10)"), "self.fc =", "1600"),
    "no Python": (("x = self.relu(x)", "x = self.relu(x"), "self.relu(x", "not Python"),
    "unknown function": (("x = self.relu(x)", "x = torch.frob(x)"), "frob", "No layer computes"),
    "unknown name": (("x = self.relu(x)", "x = frob(x)"), "frob", "not known"),
    "a loop": (("x = self.relu(x)", "while True:\n            x = self.relu(x)"), "while", "no `while`"),
    "a loop without a block": (
        ("x = self.relu(x)", "for i in range(3):\n            x = self.relu(x)"), "for i", "repeated block"),
    "a condition": (("x = self.relu(x)", "if x.sum() > 0:\n            x = self.relu(x)"), "if x", "no `if`"),
    "used before it is there": (("x = self.relu(x)", "x = self.relu(late)"), "late", "no value yet"),
    "code outside": (("class Network", "print(1)\n\n\nclass Network"), "print", "Python node"),
    "not made": (("x = self.relu(x)", "x = self.rely(x)"), "self.rely", "not made in __init__"),
    "made and not called": (("self.fc =", "self.more = nn.ReLU()\n        self.fc ="), "self.more", "never calls it"),
    "computed and not used": (("x = self.relu(x)", "y = self.relu(x)"), "y = self.relu", "never used"),
    "no such setting": (("padding=2", "paddin=2"), "paddin", "Is it padding?"),
    "a value out of range": (("padding=2", "padding=-2"), "padding=-2", "-2"),
    "no number": (("padding=2", "padding=abs(-2)"), "abs", "needs to be a number"),
    "no such layer": (("nn.ReLU()", "nn.Rely()"), "nn.Rely", "no layer that can be drawn"),
    "a name of PyTorch's": (("self.relu =", "self.train ="), "self.relu(x)", "not made"),
    "no return": (("        return x\n", ""), "self.fc(x)", "end in a return"),
    "behind the return": (("return x", "return x\n        x = 1"), "x = 1", "Nothing runs"),
    "several names for one value": (("x = self.relu(x)", "x, y = self.relu(x)"), "x, y", "comes out"),
    "an import in a method": (("x = self.relu(x)", "import os\n        x = self.relu(x)"), "import os", "cannot be drawn"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_what_cannot_be_drawn_is_said_at_its_line_and_changes_nothing(name: str) -> None:
    (old, new), at, words = FAULTS[name]
    read = changed(drawn(), (old, new))
    text = reader(drawn()).written.text.replace(old, new, 1)
    assert read.edit is None
    assert words in read.message
    assert at in text.splitlines()[read.line - 1], (read.line, read.message)


def test_a_network_that_would_not_work_is_not_taken() -> None:
    read = changed(drawn(), ("nn.Conv2d(6, 16, 5)", "nn.Conv2d(6, 16, 50)"))
    assert read.edit is None
    assert read.message
    assert read.line


def test_nothing_of_the_text_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    read = changed(drawn(), ("nn.ReLU()", "nn.ReLU(__import__('sys').modules.clear())"))
    assert read.edit is None
    assert "sys" in sys.modules


def test_layers_that_are_not_in_the_code_stay() -> None:
    before = drawn()
    sheet = before.sheet("main")
    lone = Node("lone", "torch.nn.Linear", "lone", {"out_features": 3})
    nodes = sheet.graph.nodes | {"lone": lone}
    key = node(before, "tanh").id
    nodes[key] = replace(nodes[key], flags=("bypassed",))
    before = before.with_sheet("main", replace(sheet, graph=Graph(nodes, sheet.graph.links)))
    after = follows(before, ("nn.Conv2d(6, 16, 5)", "nn.Conv2d(6, 32, 5)"))
    assert node(after, "lone") == lone
    assert node(after, "tanh").flags == ("bypassed",)


def test_a_change_of_the_code_is_one_step() -> None:
    read = changed(drawn(), ("nn.Conv2d(6, 16, 5)", "nn.Conv2d(6, 32, 5)"))
    assert isinstance(read.edit, Batch)


def test_each_class_is_of_the_sheet_that_it_was_written_from() -> None:
    project = resnet(side=64)
    written = reader(project).written
    line = written.text.splitlines().index(
        "        self.conv = nn.Conv2d(in_channels, width, 1, stride=2, bias=False)"
    )
    assert sheet_of(project, "main", written.nodes[line]) == "block.Projection"
