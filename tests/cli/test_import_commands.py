"""ONNX files and weights come in at the command line, and leave again as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.cli import main
from studio.graph import files

Out = pytest.CaptureFixture[str]


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def mlp(tmp_path: Path, capsys: Out) -> Path:
    file = tmp_path / "mlp.loom"
    assert run("new", "mlp", "--set", "width=16", "--data", "digits", "-o", file) == 0
    capsys.readouterr()
    return file


@pytest.fixture
def weights(mlp: Path, tmp_path: Path, capsys: Out) -> Path:
    """The network's own weights, under a wrapper's names."""
    plain = tmp_path / "plain.safetensors"
    assert run("export", mlp, "--to", "safetensors", "-o", plain) == 0
    capsys.readouterr()
    wrapped = {f"module.{name}": value + 1 for name, value in load_file(plain).items()}
    torch.save({"state_dict": wrapped}, tmp_path / "w.pth")
    return tmp_path / "w.pth"


def test_an_onnx_file_comes_in_with_its_weights(mlp: Path, tmp_path: Path, capsys: Out) -> None:
    model, project = tmp_path / "m.onnx", tmp_path / "again.loom"
    assert run("export", mlp, "--to", "onnx", "-o", model) == 0
    assert run("import", model, "-o", project) == 0
    assert "Answers as the original does" in capsys.readouterr().out
    assert files.load(project).project.weights
    assert load_file(project.with_suffix(".safetensors"))


def test_weights_go_onto_a_project(mlp: Path, weights: Path, tmp_path: Path, capsys: Out) -> None:
    out = tmp_path / "tuned.loom"
    assert run("import-weights", mlp, weights, "-o", out, "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {row["how"] for row in told["rows"]} == {"prefix"}
    assert {line["fate"] for line in told["report"]} == {"exact"}
    started = load_file(files.load(out).project.weights)
    theirs = torch.load(weights, weights_only=True)["state_dict"]
    assert all(torch.equal(value, theirs[f"module.{name}"]) for name, value in started.items())
    assert files.load(mlp).project.weights == ""


def test_a_rule_for_names_is_followed(mlp: Path, weights: Path, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)["state_dict"]
    other = {name.replace("module.", "old_"): value for name, value in state.items()}
    save_file(other, tmp_path / "o.safetensors")
    words = ("--rename", "old_", "", "-o", tmp_path / "t.loom")
    assert run("import-weights", mlp, tmp_path / "o.safetensors", *words) == 0


@pytest.mark.parametrize("content", [b"", b"\x80\x04N."])
def test_no_weights_are_one_sentence(
    content: bytes, mlp: Path, tmp_path: Path, capsys: Out
) -> None:
    before = mlp.read_bytes()
    (tmp_path / "x.pt").write_bytes(content)
    assert run("import-weights", mlp, tmp_path / "x.pt") == 1
    assert "is no file of weights" in capsys.readouterr().err
    assert mlp.read_bytes() == before


def test_weights_of_another_network_change_nothing(mlp: Path, tmp_path: Path, capsys: Out) -> None:
    before = mlp.read_bytes()
    save_file({"a.weight": torch.ones(3, 3)}, tmp_path / "o.safetensors")
    assert run("import-weights", mlp, tmp_path / "o.safetensors") == 1
    assert "Nothing in o.safetensors matches" in capsys.readouterr().err
    assert mlp.read_bytes() == before
