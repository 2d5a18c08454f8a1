"""Files of weights are read without running anything, and carried over by name, shape and type."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_exporters import SPECS, lenet, residual

from studio import compile
from studio.compile.importers import ImportProblem
from studio.compile.importers.weights import carried, listed, read_weights, told, weights_of

STATE = {"b.weight": torch.ones(2, 3), "a.bias": torch.zeros(2)}


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


def same(given: dict[str, torch.Tensor]) -> bool:
    return given.keys() == STATE.keys() and all(torch.equal(given[k], STATE[k]) for k in STATE)


@pytest.mark.parametrize("wrapped", ["", "model", "model_state_dict", "state_dict"])
def test_a_state_dict_is_found_where_programs_put_it(wrapped: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"epoch": 3, wrapped: STATE} if wrapped else STATE, path)
    given = read_weights(path)
    assert same(given)
    assert list(given) == list(STATE)


def test_safetensors_are_told_by_what_they_hold(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.bin")
    assert same(read_weights(tmp_path / "w.bin"))


def test_a_pickle_with_code_is_not_opened(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    for write in (torch.save, lambda what, where: where.write_bytes(pickle.dumps(what))):
        path = tmp_path / "w.pt"
        write({"w": Trap(trace)}, path)
        with pytest.raises(ImportProblem):
            read_weights(path)
        assert not trace.exists()


def test_a_whole_module_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "m.pt")
    with pytest.raises(ImportProblem, match=r"model\.state_dict\(\)"):
        read_weights(tmp_path / "m.pt")


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"\x80\x04N.", b"\xff" * 4096, (40).to_bytes(8, "little") + b"{" + b" " * 60],
    ids=["empty", "text", "none", "noise", "header"],
)
def test_files_that_hold_no_weights_are_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ImportProblem):
        read_weights(tmp_path / "w.pt")


def test_a_cut_file_is_told(tmp_path: Path) -> None:
    for path, write in ((tmp_path / "a.pth", torch.save), (tmp_path / "b.safetensors", save_file)):
        write(STATE, path)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(ImportProblem):
            read_weights(path)


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match="cannot be read"):
        read_weights(tmp_path / "gone.pt")


def test_weights_know_their_nodes() -> None:
    project = residual()
    module = compile.build(project, "main", SPECS, None)
    found = {one.name: one.path for one in weights_of(module, project, "main")}
    graph = project.networks["main"].graph
    names = {node.name: key for key, node in graph.nodes.items()}
    assert found["linear.weight"] == names["linear"]
    assert found["one.linear.weight"].split("/")[0] == names["one"]


def test_weights_are_carried_in_the_networks_own_types() -> None:
    module = compile.build(lenet(), "main", SPECS, None)
    given = {name: value.to(torch.float64) for name, value in module.state_dict().items()}
    found = carried(module, given, {name: name for name in given})
    assert all(torch.equal(found[name], value) for name, value in module.state_dict().items())
    assert all(found[name].dtype == value.dtype for name, value in module.state_dict().items())


def test_what_does_not_fit_is_refused() -> None:
    module = compile.build(lenet(), "main", SPECS, None)
    name = next(iter(module.state_dict()))
    good = module.state_dict()[name]
    with pytest.raises(ImportProblem, match="in the file and"):
        carried(module, {"w": good[:1]}, {name: "w"})
    with pytest.raises(ImportProblem, match="not finite"):
        carried(module, {"w": good * float("nan")}, {name: "w"})
    with pytest.raises(ImportProblem, match="There is no gone in the file"):
        carried(module, {"w": good}, {name: "gone"})
    with pytest.raises(ImportProblem, match="Nothing in the file matches"):
        carried(module, {"w": good}, {})


def test_the_report_tells_every_weight() -> None:
    project = lenet()
    module = compile.build(project, "main", SPECS, None)
    ours = weights_of(module, project, "main")
    first = ours[0]
    lines = list(
        told(ours, {"w": module.state_dict()[first.name], "rest": torch.ones(1)}, {first.name: "w"})
    )
    assert [line.fate for line in lines].count("missing") == len(ours) - 1
    assert lines[-1].text.endswith("from w.")
    assert any("1 tensors were not used: rest" in line.text for line in lines)
    assert all(line.path for line in lines if line.fate != "approximated")
    assert listed({"w": torch.ones(2, 3)})[0].size == "2×3"
