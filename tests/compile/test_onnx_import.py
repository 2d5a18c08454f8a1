"""ONNX models become graphs that answer as ONNX Runtime does; what cannot come in is told in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networks
import numpy as np
import onnx
import pytest
import torch
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper
from test_exporters import NETWORKS, SPECS, leaving

from studio import compile
from studio.compile import exporters
from studio.compile.importers import DOORS, Imported, ImportProblem
from studio.extensions.load import load_packs
from studio.graph.graph import INPUT
from studio.graph.project import Project

DRAW = np.random.default_rng(4)
PACKS = load_packs([Path(__file__).resolve().parents[2] / "plugins"])
#: What one sample of a pack's data looks like.
ROWS = {"acting.policy": (4,), "sequence.lstm_classifier": (8, 8), "basics.mlp": (1, 8, 8)}
DRAWN = {
    "lenet": networks.lenet,
    "residual": networks.residual,
    "inception": networks.inception,
    "recurrent": networks.recurrent,
    "gru": lambda: networks.recurrent("torch.nn.GRU"),
    "transformer": networks.transformer,
}


def bring(path: Path) -> Imported:
    return DOORS["onnx"].bring(str(path), {}, SPECS)


def sized(project: Project, shape: tuple[int, ...]) -> Project:
    """A project that knows its input's shape without data."""
    sheet = project.networks["main"]
    (entry,) = sheet.graph.of_kind(INPUT)
    nodes = {**sheet.graph.nodes, entry.id: replace(entry, params={"shape": shape})}
    graph = replace(sheet.graph, nodes=nodes)
    return replace(project, networks={"main": replace(sheet, graph=graph)})


def again(path: Path, project: Project) -> Imported:
    """Export a project and bring it in; its answers are compared on the way by the importer."""
    subject = leaving(project)
    exporters.export("onnx", subject, path)
    found = bring(path)
    ours = compile.build(found.project, "main", SPECS, None).eval()
    ours.load_state_dict(found.weights)
    (x,) = subject.samples(4, seed=5)
    with torch.no_grad():
        assert torch.allclose(ours(x), subject.module(x), atol=1e-5)
    return found


def kinds(found: Imported) -> list[str]:
    graph = found.project.networks["main"].graph
    return [node.kind for node in graph.nodes.values()]


def model(
    path: Path,
    nodes: list[Any],
    weights: dict[str, np.ndarray],
    shape: tuple[int | str, ...],
    out: tuple[int | str | None, ...],
    dtype: int = TensorProto.FLOAT,
    opset: int = 20,
    gives: int = TensorProto.FLOAT,
) -> Path:
    """Write a model by hand: input `x`, output `y`."""
    graph = helper.make_graph(
        nodes,
        "hand",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [helper.make_tensor_value_info("y", gives, out)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    path.write_bytes(made.SerializeToString())
    return path


def numbers(*shape: int) -> np.ndarray:
    return DRAW.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


# ------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_our_own_exports_come_back(name: str, tmp_path: Path) -> None:
    found = again(tmp_path / "net.onnx", NETWORKS[name]())
    assert {line.fate for line in found.report} == {"exact"}, found.report


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_drawn_networks_come_back(name: str, tmp_path: Path) -> None:
    again(tmp_path / "net.onnx", sized(DRAWN[name](), (1, 28, 28)))


def plain(kind: str) -> bool:
    """Whether an architecture is one network with one input, as a file in ONNX is tried here."""
    networks = PACKS.draw(kind, {}).networks
    return set(networks) == {"main"} and len(networks["main"].graph.of_kind("core.input")) == 1


@pytest.mark.parametrize("kind", sorted(filter(plain, PACKS.offers)))
def test_bundled_packs_come_back(kind: str, tmp_path: Path) -> None:
    shape = ROWS.get(kind, (1, 28, 28))
    again(tmp_path / "net.onnx", sized(PACKS.draw(kind, {}), shape))


def test_blocks_and_names_come_back(tmp_path: Path) -> None:
    found = again(tmp_path / "net.onnx", NETWORKS["residual blocks"]())
    assert sorted(found.weights) == sorted(
        f"{way}linear.{part}" for way in ("", "one.", "two.") for part in ("weight", "bias")
    )
    assert kinds(found).count("block.Residual") == 2


# ---------------------------------------------------------------------------------------- by hand


def test_gemm_is_a_linear_with_its_factors_in_the_weights(tmp_path: Path) -> None:
    weight, bias = numbers(3, 4), numbers(3)
    node = helper.make_node(
        "Gemm", ["x", "fc.weight", "fc.bias"], ["y"], transB=1, alpha=2.0, beta=0.5
    )
    path = model(
        tmp_path / "g.onnx", [node], {"fc.weight": weight, "fc.bias": bias}, ("N", 4), ("N", 3)
    )
    found = bring(path)
    assert torch.equal(found.weights["fc.weight"], torch.from_numpy(2 * weight))
    assert torch.equal(found.weights["fc.bias"], torch.from_numpy(0.5 * bias))


def test_a_matrix_that_is_not_turned_is_turned(tmp_path: Path) -> None:
    weight = numbers(4, 3)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["y"]),
    ]
    found = bring(
        model(tmp_path / "m.onnx", nodes, {"w": weight, "b": numbers(3)}, ("N", 4), ("N", 3))
    )
    assert kinds(found) == ["core.input", "torch.nn.Linear", "core.output"]
    assert any(torch.equal(v, torch.from_numpy(weight.T)) for v in found.weights.values())


def test_a_convolution_keeps_groups_and_strides(tmp_path: Path) -> None:
    node = helper.make_node(
        "Conv",
        ["x", "conv.weight"],
        ["y"],
        group=2,
        pads=[1, 2, 1, 2],
        strides=[2, 1],
        dilations=[1, 2],
    )
    path = model(
        tmp_path / "c.onnx",
        [node],
        {"conv.weight": numbers(6, 2, 3, 3)},
        ("N", 4, 9, 9),
        ("N", 6, 5, 9),
    )
    found = bring(path)
    (conv,) = found.project.networks["main"].graph.of_kind("torch.nn.Conv2d")
    assert conv.params["groups"] == 2
    assert conv.params["padding"] == (1, 2)
    assert conv.params["bias"] is False
    assert conv.params["stride"] == (2, 1)


@pytest.mark.parametrize("auto", ["SAME_LOWER", "SAME_UPPER"])
def test_an_uneven_border_is_a_layer_of_its_own(auto: str, tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad=auto, strides=[2, 2])
    path = model(
        tmp_path / "c.onnx", [node], {"w": numbers(2, 1, 3, 3)}, ("N", 1, 8, 8), ("N", 2, 4, 4)
    )
    assert kinds(bring(path)) == [
        "core.input",
        "torch.nn.ZeroPad2d",
        "torch.nn.Conv2d",
        "core.output",
    ]


@pytest.mark.parametrize("title", ["GRU", "LSTM"])
@pytest.mark.parametrize("direction", ["bidirectional", "forward"])
def test_recurrent_layers_have_their_gates_in_order(
    title: str, direction: str, tmp_path: Path
) -> None:
    gates, ways = {"GRU": 3, "LSTM": 4}[title], 1 + (direction == "bidirectional")
    weights = {
        "w": numbers(ways, gates * 5, 3),
        "r": numbers(ways, gates * 5, 5),
        "b": numbers(ways, gates * 10),
    }
    extra = {"linear_before_reset": 1} if title == "GRU" else {}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node(title, ["t", "w", "r", "b"], ["rows", "last"], hidden_size=5,
                         direction=direction, **extra),
        helper.make_node("Transpose", ["rows"], ["y"], perm=[2, 0, 1, 3]),
    ]  # fmt: skip
    path = model(tmp_path / "r.onnx", nodes, weights, ("N", 6, 3), ("N", 6, ways, 5))
    found = bring(path)
    (layer,) = found.project.networks["main"].graph.of_kind(f"torch.nn.{title}")
    assert layer.params.get("bidirectional", False) == (ways == 2)


def test_a_reshape_with_a_constant_merges_and_takes_apart(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["s"], value=numpy_helper.from_array(ints(-1, 2, 3, 4))),
        helper.make_node("Reshape", ["x", "s"], ["four"]),
        helper.make_node("Transpose", ["four"], ["turned"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["turned", "flat"], ["y"]),
    ]
    path = model(tmp_path / "r.onnx", nodes, {"flat": ints(0, 3, 8)}, ("N", 6, 4), ("N", 3, 8))
    assert {line.fate for line in bring(path).report} == {"exact"}


def test_a_shape_that_is_worked_out_from_the_batch_is_followed(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["size"], start=0, end=1),
        helper.make_node("Concat", ["size", "rest"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    path = model(tmp_path / "s.onnx", nodes, {"rest": ints(12)}, ("N", 3, 4), ("N", 12))
    assert kinds(bring(path)) == ["core.input", "core.flatten", "core.output"]


def test_embeddings_read_token_ids(tmp_path: Path) -> None:
    node = helper.make_node("Gather", ["words.weight", "x"], ["y"], axis=0)
    path = model(
        tmp_path / "e.onnx",
        [node],
        {"words.weight": numbers(7, 3)},
        ("N", 5),
        ("N", 5, 3),
        TensorProto.INT64,
    )
    found = bring(path)
    assert "torch.nn.Embedding" in kinds(found)
    assert list(found.weights) == ["words.weight"]


_ONE = [
    ("Clip", {}, {"low": np.float32(-1), "high": np.float32(1)}),
    ("Elu", {"alpha": 0.7}, {}),
    ("Erf", {}, {}),
    ("HardSwish", {}, {}),
    ("LeakyRelu", {"alpha": 0.3}, {}),
    ("LogSoftmax", {"axis": 1}, {}),
    ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, {}),
    ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}, {}),
    ("GlobalAveragePool", {}, {}),
    ("PRelu", {}, {"slope": DRAW.random((3, 1, 1)).astype(np.float32)}),
    ("Pow", {}, {"two": np.float32(2)}),
    ("ReduceMean", {"keepdims": 0}, {"axes": ints(2, 3)}),
    ("Resize", {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor"},
     {"": None, "scales": np.array([1, 1, 2, 2], np.float32)}),
    ("Slice", {}, {"starts": ints(1), "ends": ints(-1), "axes": ints(2)}),
    ("Softmax", {"axis": 1}, {}),
    ("Tile", {}, {"times": ints(1, 1, 2, 1)}),
    ("Transpose", {"perm": [0, 3, 1, 2]}, {}),
]  # fmt: skip


@pytest.mark.parametrize("case", _ONE, ids=[case[0] for case in _ONE])
def test_single_operators_answer_alike(
    case: tuple[str, dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    name, attributes, others = case
    node = helper.make_node(
        name, ["x", *([""] if "" in others else []), *[k for k in others if k]], ["y"], **attributes
    )
    weights = {key: np.asarray(value) for key, value in others.items() if key}
    path = model(
        tmp_path / "o.onnx",
        [node],
        weights,
        ("N", 3, 5, 5),
        (None,) * (2 if name == "ReduceMean" else 4),
    )
    assert any("Answers as the original" in line.text for line in bring(path).report)


def test_a_model_for_one_sample_comes_in_for_any_number(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    found = bring(model(tmp_path / "f.onnx", [node], {}, (1, 3), (1, 3)))
    assert any("exactly one sample" in line.text for line in found.report)


# ----------------------------------------------------------------------------------------- hostile


def test_unknown_operators_are_named_at_once(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["a"]),
        helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
        helper.make_node("Det", ["x"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    path = model(tmp_path / "u.onnx", nodes, {}, ("N", 1, 1), (None, None))
    with pytest.raises(ImportProblem, match="Det, NonZero are operators"):
        bring(path)


def test_settings_that_no_layer_has_are_told(tmp_path: Path) -> None:
    node = helper.make_node("HardSigmoid", ["x"], ["y"], alpha=0.3)
    path = model(tmp_path / "h.onnx", [node], {}, ("N", 3), ("N", 3))
    with pytest.raises(ImportProblem, match=r"slope is 0\.3"):
        bring(path)


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/hostname"])
def test_weights_outside_the_folder_are_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 64)
    home = tmp_path / "home"
    home.mkdir()
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    path = model(home / "m.onnx", [node], {"w": numbers(4, 4)}, ("N", 4), ("N", 4))
    _externally(path, place)
    with pytest.raises(ImportProblem, match="outside its own folder"):
        bring(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 64)
    home = tmp_path / "home"
    home.mkdir()
    (home / "w.bin").symlink_to(tmp_path / "secret.bin")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    path = model(home / "m.onnx", [node], {"w": numbers(4, 4)}, ("N", 4), ("N", 4))
    _externally(path, "w.bin")
    with pytest.raises(ImportProblem, match="outside its own folder"):
        bring(path)


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    weight = numbers(4, 4)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    path = model(tmp_path / "m.onnx", [node], {"w": weight}, ("N", 4), ("N", 4))
    (tmp_path / "w.bin").write_bytes(weight.tobytes())
    _externally(path, "w.bin")
    (found,) = bring(path).weights.values()
    assert torch.equal(found, torch.from_numpy(weight.T))


def _externally(path: Path, place: str) -> None:
    made = onnx.load(str(path))
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    path.write_bytes(made.SerializeToString())


def test_huge_shapes_are_refused_before_anything_is_run(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    path = model(tmp_path / "h.onnx", [node], {}, ("N", 1 << 20, 1 << 20), ("N", 1 << 20, 1 << 20))
    with pytest.raises(ImportProblem, match="too large"):
        bring(path)


def test_cycles_and_cut_files_are_told(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Identity", ["b"], ["y"]),
    ]
    path = model(tmp_path / "c.onnx", nodes, {}, ("N", 3), ("N", 3))
    with pytest.raises(ImportProblem, match="no valid ONNX model"):
        bring(path)
    whole = model(
        tmp_path / "w.onnx", [helper.make_node("Relu", ["x"], ["y"])], {}, ("N", 3), ("N", 3)
    )
    whole.write_bytes(whole.read_bytes()[:-9])
    with pytest.raises(ImportProblem, match="ONNX"):
        bring(whole)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x80\x04\x95" * 40])
def test_files_that_are_no_models_are_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ImportProblem):
        bring(path)


def test_types_that_no_network_takes_are_told(tmp_path: Path) -> None:
    path = model(
        tmp_path / "d.onnx", [helper.make_node("Relu", ["x"], ["y"])], {}, ("N", 3), ("N", 3),
        TensorProto.DOUBLE, gives=TensorProto.DOUBLE,
    )  # fmt: skip
    with pytest.raises(ImportProblem, match="of a type that no network here takes"):
        bring(path)
