"""`train --resume`: a run goes on in its own folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio import paths
from studio.cli import main
from studio.engine import runs


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_a_run_goes_on_for_more_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    file, folder = tmp_path / "mlp.loom", tmp_path / "run"
    assert run("new", "mlp", "--set", "width=16", "-o", file) == 0
    assert run("train", file, "--epochs", 1, "--device", "cpu", "--out", folder) == 0
    assert run("train", "--resume", folder, "--epochs", 3, "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["status"], told["epochs"], told["run"]) == ("finished", 3, str(folder))
    assert runs.read_info(folder).epochs == 3

    assert run("train", "--resume", folder) == 1
    assert "All 3 epochs of run are done. Choose more epochs" in capsys.readouterr().err
    for wrong in ((), (file, "--resume", folder), ("--resume", folder, "--set", "lr=0.1")):
        assert run("train", *wrong) == 2
    assert run("train", "--resume", tmp_path) == 2
    assert "no run that can be read" in capsys.readouterr().err
