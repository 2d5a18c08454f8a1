"""`neuroloom import`: a project with its weights beside it, and nothing run that nobody agreed to."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from studio.cli import main
from studio.graph.files import load

Out = pytest.CaptureFixture[str]
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.fc = nn.Linear(4, classes)

    def forward(self, x):
        return self.fc(x)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "net.py"
    made.write_text(NET)
    return made


def test_a_module_becomes_a_project_with_its_weights_beside_it(
    file: Path, tmp_path: Path, capsys: Out
) -> None:
    out = tmp_path / "net.loom"
    words = ["import", f"{file}:Net", "--args", "[5]", "--input", "4", "--yes", "--json", "-o", out]
    assert main([str(word) for word in words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("exact: ")
    assert json.loads(lines[-1])["report"]
    project = load(out).project
    assert Path(project.weights) == out.with_suffix(".safetensors")
    assert load_file(project.weights)["fc.weight"].shape == (5, 4)


def test_python_is_not_run_without_a_yes(
    file: Path, tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody there to ask
    out = tmp_path / "net.loom"
    assert main(["import", str(file), "-o", str(out)]) == 2
    assert "--yes" in capsys.readouterr().err
    assert not out.exists()


def test_what_cannot_come_in_leaves_no_project(file: Path, tmp_path: Path, capsys: Out) -> None:
    file.write_text("x = 1\n")
    out = tmp_path / "net.loom"
    assert main(["import", str(file), "--yes", "-o", str(out)]) == 1
    assert "defines no class of nn.Module" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_is_not_there_is_missed_before_anything_is_agreed_to(
    tmp_path: Path, capsys: Out
) -> None:
    assert main(["import", str(tmp_path / "gone.py"), "-o", str(tmp_path / "a.loom")]) == 2
    assert "There is no file" in capsys.readouterr().err
