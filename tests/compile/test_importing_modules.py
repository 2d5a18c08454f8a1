"""PyTorch written elsewhere comes in, answers the same, and leaves again under the same names."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from studio import compile, layers
from studio.compile.exporters.leaving import difference
from studio.compile.importers import Imported, ImportProblem
from studio.compile.importers.checking import leaves
from studio.compile.importers.module import import_module
from studio.compile.importers.program import import_program
from studio.compile.importers.sizes import MOST, one_for_all_sizes
from studio.graph.graph import Graph, Node
from studio.graph.project import Block, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.topology import name_path

FOREIGN = Path(__file__).parent / "foreign"
#: A file, its class, the constructor's arguments, and one sample's shape.
MODELS: Mapping[str, tuple[str, str, dict[str, Any], str]] = {
    "resnet18": ("resnet18", "ResNet18", {}, "3,32,32"),
    "unet": ("unet", "UNet", {}, "1,32,32"),
    "tagger": ("tagger", "Tagger", {}, "int:12"),
    "gpt": ("gpt", "GPT", {}, "int:16"),
    "gpt-masked": ("gpt", "GPT", {"flash": False, "layers": 2}, "int:16"),
    "vit": ("vit", "ViT", {}, "3,16,16"),
    "generator": ("generator", "Generator", {}, "16"),
    "inception": ("inception", "InceptionBlock", {}, "8,16,16"),
    "odd": ("odd", "Odd", {}, "6,8"),
    "twice": ("odd", "Twice", {}, "8"),
    "encoder": ("odd", "Encoder", {}, "5,12"),
    "pair": ("odd", "Pair", {}, "4;4"),
    "masked": ("shared", "Masked", {}, "int:6"),
    "sizes": ("sizes", "Sizes", {}, "3,16,16"),
}
#: Weights with several names.
SHARED: Mapping[str, tuple[str, str, dict[str, Any], str]] = {
    "tied": ("shared", "Tied", {}, "int:5"),
    "same": ("shared", "Same", {}, "8"),
    "stack": ("shared", "Stack", {}, "8"),
}
ALL = {**MODELS, **SHARED}


@pytest.fixture(scope="module")
def specs() -> Mapping[str, LayerSpec]:
    return layers.builtin()


@pytest.fixture(scope="module")
def imported(specs: Mapping[str, LayerSpec]) -> Any:
    known: dict[str, Imported] = {}

    def bring(name: str) -> Imported:
        if name not in known:
            file, title, arguments, shape = ALL[name]
            options = {"class": title, "input": shape, "args": compile_json(arguments)}
            known[name] = import_module(str(FOREIGN / f"{file}.py"), options, specs)
        return known[name]

    return bring


def compile_json(value: object) -> str:
    import json

    return json.dumps(value)


def original(name: str) -> nn.Module:
    file, title, arguments, _ = ALL[name]
    found = importlib.util.spec_from_file_location(f"foreign_{file}", FOREIGN / f"{file}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    torch.manual_seed(0)
    made: nn.Module = getattr(module, title)(**arguments)
    return made.eval()


def inputs_for(name: str, batch: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(7)
    found = []
    for text in ALL[name][3].split(";"):
        kind, _, sizes = text.rpartition(":")
        shape = (batch, *map(int, sizes.split(",")))
        ids = torch.randint(0, 2, shape, generator=draw)
        found.append(ids if kind else torch.randn(shape, generator=draw))
    return found


@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_is_exported_again_answers_the_same_under_the_same_names(
    name: str, imported: Any, specs: Mapping[str, LayerSpec]
) -> None:
    came, theirs = imported(name), original(name)
    facts = compile.infer(came.project, specs, None)
    text = compile.source(came.project, "main", specs, facts).text
    ours = compile.load(text).eval()
    assert sorted(ours.state_dict()) == sorted(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for batch in (1, 3):
        given = inputs_for(name, batch)
        with torch.no_grad():
            for one, other in zip(leaves(ours(*given)), leaves(theirs(*given)), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_weights_and_places_come_along(name: str, imported: Any) -> None:
    came, theirs = imported(name), original(name)
    for key, value in theirs.state_dict().items():
        assert torch.equal(came.weights[key], value)
    for sheet in (
        *came.project.networks.values(),
        *(b.sheet for b in came.project.blocks.values()),
    ):
        assert set(sheet.places) == set(sheet.graph.nodes)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_report_says_that_all_is_exact_and_where(name: str, imported: Any) -> None:
    came = imported(name)
    assert {line.fate for line in came.report} == {"exact"}
    placed = [line for line in came.report if line.path]
    assert placed
    for line in placed:
        assert line.text.startswith(name_path(came.project, "main", line.path))


def test_equal_modules_are_linked_instances_of_one_block(imported: Any) -> None:
    project = imported("gpt").project
    assert set(project.blocks) == {"Block", "CausalSelfAttention", "MLP"}
    (node,) = project.networks["main"].graph.of_kind("block.Block")
    assert node.name == "transformer.h"  # its weights are still called transformer.h.0 and so on
    assert node.params == {"repeat": 3}


def test_modules_of_other_sizes_are_instances_that_set_them(imported: Any) -> None:
    project = imported("sizes").project
    assert set(project.blocks) == {
        "ConvUnit",
        "Stage",
        "mlp1",
        "mlp2",
    }  # the last two differ in more
    unit = project.blocks["ConvUnit"]
    assert {param.name: param.default for param in unit.params} == {"out_channels": 8, "stride": 2}
    conv = unit.sheet.graph.named("conv")
    assert conv.params["out_channels"] == "=out_channels"
    assert conv.params["stride"] == "=stride"
    stage = project.blocks["Stage"]
    assert stage.sheet.graph.named("same").params == {"out_channels": "=out_channels", "stride": 1}
    stages = project.networks["main"].graph.of_kind("block.Stage")
    assert [node.params for node in stages] == [
        {"out_channels": 8, "p": 0.1},
        {"out_channels": 16, "p": 0.2},
        {"out_channels": 24, "p": 0.2},
    ]


def test_a_size_that_is_the_usual_one_is_a_size_as_well(imported: Any) -> None:
    """The bottleneck of this U-Net has the 32 filters that a convolution has by default."""
    project = imported("unet").project
    assert set(project.blocks) == {"DoubleConv", "conv"}
    widths = [
        node.params["out_channels"]
        for node in project.networks["main"].graph.of_kind("block.DoubleConv")
    ]
    assert widths == [8, 16, 32, 16, 8]


def test_blocks_that_would_need_many_settings_stay_apart() -> None:
    def drawn(step: int) -> Graph:
        nodes = [Node(f"n{number}", "torch.nn.Linear", f"fc{number}", {"out_features": number * step + step})
                 for number in range(1, MOST + 2)]  # fmt: skip
        return Graph({node.id: node for node in nodes}, ())

    blocks = {"Mixer": Block(Sheet(drawn(1))), "Mixer2": Block(Sheet(drawn(3)))}
    used = Graph({key: Node(key, f"block.{key}", key) for key in blocks}, ())
    graph, kept = one_for_all_sizes(used, blocks, dict.fromkeys(blocks, "Mixer"), {})
    assert (graph, kept) == (used, blocks)


def test_a_list_that_is_used_otherwise_stays_a_list(imported: Any) -> None:
    graph = imported("stack").project.networks["main"].graph
    nodes = {node.name: node for node in graph.of_kind("block.Feed")}
    assert nodes["layers"].params == {"repeat": 4}
    assert {"apart.0", "apart.1"} <= set(nodes)
    shared = [graph.nodes[node.shares].name for node in nodes.values() if node.shares]
    assert shared == ["apart.0"]
    assert set(imported("stack").weights) == set(original("stack").state_dict())


def test_tied_weights_are_shared_where_the_layers_are_equal(imported: Any) -> None:
    graph = imported("same").project.networks["main"].graph
    second = graph.named("second")
    assert second is not None
    assert graph.nodes[second.shares].name == "first"
    assert {line.fate for line in imported("same").report} == {"exact"}


def test_tied_weights_of_two_kinds_are_copies_and_the_report_says_so(imported: Any) -> None:
    came = imported("tied")
    assert torch.equal(came.weights["head.weight"], came.weights["embed.weight"])
    (line,) = [line for line in came.report if line.fate != "exact"]
    assert line.text.startswith("embed.weight and head.weight are one tensor in the original")


def test_parts_of_one_tensor_are_one_layer(imported: Any) -> None:
    assert imported("odd").project.networks["main"].graph.of_kind("core.split3")


def test_settings_are_read_back(imported: Any) -> None:
    project = imported("tagger").project
    lstm = project.networks["main"].graph.named("lstm")
    assert lstm is not None
    assert lstm.params["hidden_size"] == 10
    assert lstm.params["bidirectional"] is True
    assert lstm.params["num_layers"] == 2
    assert "input_size" not in lstm.params  # read off the wire


def test_a_module_called_twice_shares_its_weights(imported: Any) -> None:
    graph = imported("twice").project.networks["main"].graph
    sharing = [node for node in graph.nodes.values() if node.shares]
    assert [graph.nodes[node.shares].name for node in sharing] == ["fc"]


@pytest.mark.parametrize("name", ["generator", "inception", "resnet18", "unet"])
def test_an_exported_program_comes_in(
    name: str, specs: Mapping[str, LayerSpec], tmp_path: Path
) -> None:
    theirs = original(name)
    batch = torch.export.Dim("batch", min=1)
    given = tuple(inputs_for(name, 2))
    program = torch.export.export(theirs, given, dynamic_shapes=({0: batch},), strict=False)
    torch.export.save(program, tmp_path / "net.pt2")
    came = import_program(str(tmp_path / "net.pt2"), {}, specs)
    assert {line.fate for line in came.report} == {"exact"}
    untold = {key for key in theirs.state_dict() if "num_batches_tracked" not in key}
    assert untold <= set(came.weights)


# --------------------------------------------------------------------------------------- bad input

BAD = {
    "syntax": ("def f(:\n", {}, "is not Python that can be run"),
    "exit": ("import sys\nsys.exit(2)\n", {}, "ends the program"),
    "raises": ("x = 1 / 0\n", {}, "division by zero, bad.py line 1"),
    "nothing": ("x = 1\n", {}, "defines no class of nn.Module"),
    "arguments": (
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, width): super().__init__()\n",
        {},
        "missing a required argument: 'width'",
    ),
    "no json": (
        "from torch import nn\nclass Net(nn.Module):\n    pass\n",
        {"args": "[3,"},
        "arguments are JSON",
    ),
    "wrong class": (
        "from torch import nn\nclass Net(nn.Module):\n    pass\n",
        {"class": "Other"},
        "It has: Net",
    ),
    "two classes": (
        "from torch import nn\nclass A(nn.Module):\n    pass\nclass B(nn.Module):\n    pass\n",
        {},
        "several classes: A, B",
    ),
    "wrong shape": (
        "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self): super().__init__(3, 2)\n",
        {"input": "4"},
        "does not take samples of 4",
    ),
    "no shape": (
        "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self): super().__init__(3, 2)\n",
        {"input": "wide"},
        "Got 'wide'",
    ),
    "random": (
        "import torch\nfrom torch import nn\nclass Net(nn.Module):\n"
        "    def forward(self, x): return x + torch.rand_like(x)\n",
        {"input": "4"},
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(set(BAD) - {"random"}))
def test_what_cannot_come_in_is_one_sentence(
    case: str, specs: Mapping[str, LayerSpec], tmp_path: Path
) -> None:
    text, options, expected = BAD[case]
    file = tmp_path / "bad.py"
    file.write_text(text)
    with pytest.raises(ImportProblem) as problem:
        import_module(str(file), options, specs)
    assert expected in str(problem.value)
    assert "\n" not in str(problem.value)


def test_a_choice_by_values_leaves_the_layers_and_says_what_is_missing(
    specs: Mapping[str, LayerSpec], tmp_path: Path
) -> None:
    file = tmp_path / "branches.py"
    file.write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)\n"
        "    def forward(self, x):\n"
        "        x = self.a(x)\n"
        "        if x.sum() > 0:\n"
        "            return self.b(x)\n"
        "        return self.b(-x)\n"
    )
    came = import_module(str(file), {"input": "4"}, specs)
    assert {node.name for node in came.project.networks["main"].graph.nodes.values()} >= {"a", "b"}
    assert came.report[0].fate == "missing"
    assert "cannot be traced" in came.report[0].text
    assert set(came.weights) == {"a.weight", "a.bias", "b.weight", "b.bias"}


def test_no_program_is_said_so(specs: Mapping[str, LayerSpec], tmp_path: Path) -> None:
    file = tmp_path / "weights.pt2"
    torch.save({"weight": torch.zeros(2)}, file)
    with pytest.raises(ImportProblem, match="cannot be read as an exported program"):
        import_program(str(file), {}, specs)
    file.write_text("nothing")
    with pytest.raises(ImportProblem, match="is no exported program"):
        import_program(str(file), {}, specs)


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        ([1.0, float("nan")], [1.0, float("nan")], 0.0),
        ([1.0, float("nan")], [1.0, 2.0], float("inf")),
        ([float("inf"), 2.0], [float("inf"), 1.0], 0.5),
        ([float("inf")], [-float("inf")], float("inf")),
        ([], [], 0.0),
    ],
)
def test_answers_that_are_no_numbers_are_compared_too(
    ours: list[float], theirs: list[float], apart: float
) -> None:
    assert difference(torch.tensor(ours), torch.tensor(theirs)) == apart
