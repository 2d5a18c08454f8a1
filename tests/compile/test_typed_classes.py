"""Classes and rows of layers that are typed into the code become blocks and nodes, or a sentence says why not."""

from __future__ import annotations

import pytest
import torch
from test_any_graph import CACHE, SPECS
from test_reading import changed, drawn, empty, follows, node, reader

from studio import compile
from studio.graph.graph import INPUT, OUTPUT
from studio.graph.project import Project

RESIDUAL = '''\
class Residual(nn.Module):
    """Adds what it makes of its input to it."""

    def __init__(self, width: int = 6):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, x):
        y = self.act(self.conv(x))
        return x + y


'''
DEFINED = ("class Network", f"{RESIDUAL}class Network")
MADE = ("        self.pool =", "        self.res = Residual(6)\n        self.pool =")
CALLED = ("        x = self.pool(x)", "        x = self.res(x)\n        x = self.pool(x)")
RELU = ("self.relu = nn.ReLU()", "x = self.relu(x)")


def with_block() -> Project:
    return follows(drawn(), DEFINED, MADE, CALLED)


def weights(project: Project) -> dict[str, tuple[int, ...]]:
    module = compile.build(project, "main", SPECS, None, CACHE)
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def test_a_class_that_is_typed_and_used_is_a_block_with_an_instance() -> None:
    project = with_block()
    block = project.blocks["Residual"]
    assert block.doc == "Adds what it makes of its input to it."
    assert [(one.name, one.type, one.default) for one in block.params] == [("width", "int", 6)]
    graph = block.sheet.graph
    assert [one.name for one in graph.of_kind(INPUT)] == ["x"]
    assert [one.name for one in graph.of_kind(OUTPUT)] == ["out"]
    assert node(project, "conv", "block.Residual").params["out_channels"] == "=width"
    assert set(block.sheet.places) == set(graph.nodes)
    places = project.sheet("main").places
    res = node(project, "res")
    assert (
        places[node(project, "relu").id].y < places[res.id].y < places[node(project, "pool").id].y
    )
    assert weights(project)["res.conv.weight"] == (6, 6, 3, 3)
    known = reader(project)
    assert known.read(f"{known.written.text}\n") == compile.Reading()


def test_it_computes_what_the_class_says() -> None:
    project = with_block()
    module = compile.build(project, "main", SPECS, None, CACHE).eval()
    block, x = module.get_submodule("res"), torch.randn(2, 6, 5, 5)
    wanted = x + torch.relu(block.get_submodule("conv")(x))
    assert torch.equal(block(x), wanted)


def test_its_body_is_changed_in_the_class_and_undone_as_one_step() -> None:
    project = with_block()
    after = follows(project, ("self.act = nn.ReLU()", "self.act = nn.SiLU()"))
    assert node(after, "act", "block.Residual").kind == "torch.nn.SiLU"
    assert node(after, "act", "block.Residual").id == node(project, "act", "block.Residual").id
    read = changed(drawn(), DEFINED, MADE, CALLED)
    assert read.edit is not None
    assert read.edit.title == "Edit code"


def test_instances_of_several_sizes_set_its_parameter() -> None:
    text = RESIDUAL.replace(
        "nn.Conv2d(width, width, 3, padding=1)", "nn.Conv2d(6, width, 3, padding=1)"
    )
    text = text.replace("return x + y", "return y")
    after = follows(
        drawn(),
        ("class Network", f"{text}class Network"),
        ("        self.pool =", "        self.a = Residual(width=12)\n        self.b = Residual()\n"
         "        self.pool ="),
        ("        x = self.pool(x)", "        y = self.a(x)\n        x = self.b(x)\n"
         "        x = torch.cat([x, y], 1)\n        x = self.pool(x)"),
    )  # fmt: skip
    assert node(after, "a").params == {"width": 12}
    assert node(after, "b").params == {}
    shapes = weights(after)
    assert (shapes["a.conv.weight"][0], shapes["b.conv.weight"][0]) == (12, 6)


def test_classes_within_classes_several_values_and_a_list() -> None:
    outer = (
        "class Both(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.rows = nn.ModuleList([Residual(6) for _ in range(2)])\n\n"
        "    def forward(self, x, y):\n        for row in self.rows:\n            x = row(x)\n"
        "        return x, x + y\n\n\n"
    )
    after = follows(
        drawn(),
        ("class Network", f"{outer}{RESIDUAL}class Network"),
        ("        self.pool =", "        self.both = Both()\n        self.pool ="),
        (
            "        x = self.pool(x)",
            "        x, y = self.both(x, x)\n        x = self.pool(x + y)",
        ),
    )
    assert node(after, "rows", "block.Both").params["repeat"] == 2
    assert len(after.blocks["Both"].sheet.graph.of_kind(OUTPUT)) == 2
    assert "both.rows.1.conv.weight" in weights(after)


def test_a_block_that_nothing_uses_any_more_may_be_typed_anew() -> None:
    project = with_block()
    without = follows(
        project, ("        self.res = Residual()\n", ""), ("        x = self.res(x)\n", "")
    )
    assert "Residual" not in reader(without).written.text
    again = follows(
        without, ("class Network", f"{RESIDUAL.replace('ReLU', 'GELU')}class Network"), MADE, CALLED
    )
    assert node(again, "act", "block.Residual").kind == "torch.nn.GELU"


def test_a_whole_text_with_classes_draws_an_empty_project() -> None:
    text = reader(with_block()).written.text
    read = reader(empty()).read(text)
    assert read.edit is not None, read.message
    assert reader(read.edit.apply(empty())).written.text == text


ROWS = {
    "a row": ("nn.Sequential(nn.Conv2d(6, 6, 1), nn.GELU())", "x = self.body(x)", ["body.0", "body.1"]),
    "a row in a row": (
        "nn.Sequential(nn.Conv2d(6, 6, 1), nn.Sequential(nn.BatchNorm2d(6), nn.GELU()))",
        "x = self.body(x)", ["body.0", "body.1.0", "body.1.1"]),
    "names": (
        "nn.Sequential(OrderedDict([('conv', nn.Conv2d(6, 6, 1)), ('act', nn.GELU())]))",
        "x = self.body(x)", ["body.conv", "body.act"]),
    "parts by number": (
        "nn.Sequential(nn.Conv2d(6, 6, 1), nn.GELU())", "x = self.body[-1](self.body[0](x))",
        ["body.0", "body.1"]),
    "a list": (
        "nn.ModuleList([nn.Conv2d(6, 6, 1), nn.GELU()])",
        "for layer in self.body:\n            x = layer(x)", ["body.0", "body.1"]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ROWS))
def test_rows_of_layers_are_nodes_with_pytorchs_names(name: str) -> None:
    made, called, names = ROWS[name]
    after = follows(drawn(), (RELU[0], f"self.body = {made}"), (RELU[1], called))
    graph = after.sheet("main").graph
    order = [one.name for one in graph.nodes.values() if one.name.startswith("body")]
    assert sorted(order) == sorted(names)
    weight = "body.conv.weight" if name == "names" else "body.0.weight"
    assert weights(after)[weight] == (6, 6, 1, 1)
    last = graph.into(node(after, "pool").id, "x")[0].source.node
    assert last == node(after, names[-1]).id


def test_a_row_that_is_held_holds_each_of_its_layers() -> None:
    made = "self.body = nn.Sequential(nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 1)).requires_grad_(False)"
    after = follows(drawn(), (RELU[0], made), (RELU[1], "x = self.body(x)"))
    assert all(node(after, f"body.{number}").flags == ("frozen",) for number in (0, 1))


BODY = "        self.conv = nn.Conv2d(width, width, 3, padding=1)\n"
FAULTS: dict[str, tuple[tuple[tuple[str, str], ...], str, str]] = {
    "not used": ((DEFINED,), "class Residual", "self.residual = Residual()"),
    "no module": (
        (("class Network", RESIDUAL.replace("(nn.Module)", "") + "class Network"), MADE, CALLED),
        "class Residual", "`class Residual(nn.Module):`"),
    "no forward": (
        (("class Network", RESIDUAL.replace("forward", "backward") + "class Network"), MADE, CALLED),
        "class Residual", "no forward that takes a value"),
    "a setting without a value": (
        (("class Network", RESIDUAL.replace("width: int = 6", "width") + "class Network"),
         (MADE[0], MADE[1].replace("(6)", "()")), CALLED),
        "def __init__(self, width)", "Give width a value"),
    "arithmetic": (
        (("class Network", RESIDUAL.replace("width, width", "width * 2, width") + "class Network"), MADE, CALLED),
        "width * 2", "got width * 2"),
    "a size that does not fit": (
        (DEFINED, (MADE[0], MADE[1].replace("(6)", "(7)")), CALLED), "x + y", "one shape"),
    "inside itself": (
        (("class Network", RESIDUAL.replace("nn.ReLU()", "Residual()") + "class Network"), MADE, CALLED),
        "class Residual", "without end"),
    "no layers": (((RELU[0], "self.body = nn.Sequential()"), (RELU[1], "x = self.body(x)")),
                  "nn.Sequential()", "has no layers"),
    "layers by a star": (
        ((RELU[0], "self.body = nn.Sequential(*[nn.ReLU() for _ in range(3)])"), (RELU[1], "x = self.body(x)")),
        "nn.Sequential", "one by one"),
    "two values into a row": (
        ((RELU[0], "self.body = nn.Sequential(nn.ReLU(), nn.GELU())"), (RELU[1], "x = self.body(x, x)")),
        "self.body(x, x)", "takes one value"),
    "a part that is not there": (
        ((RELU[0], "self.body = nn.Sequential(nn.ReLU())"), (RELU[1], "x = self.body[3](x)")),
        "self.body[3]", "the layers 0 to 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_what_is_expected_is_said_at_the_line(name: str) -> None:
    swaps, at, words = FAULTS[name]
    read = changed(drawn(), *swaps)
    text = reader(drawn()).written.text
    for old, new in swaps:
        text = text.replace(old, new, 1)
    assert read.edit is None
    assert words in read.message
    assert at in text.splitlines()[read.line - 1], (read.line, read.message)


def test_a_block_of_another_network_keeps_its_name() -> None:
    project = with_block()
    other = drawn()
    project = project.with_sheet("main", other.sheet("main"))
    second = project.with_sheet("second", with_block().sheet("main"))
    read = changed(second, DEFINED, MADE, CALLED)
    assert read.edit is None
    assert "used elsewhere" in read.message
