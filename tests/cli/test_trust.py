"""Commands refuse code that a file brings, unless they are told to trust it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio import cli
from studio.graph import files
from studio.graph.builder import Net
from studio.graph.graph import PYTHON
from studio.graph.project import DataRef, Recipe


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEUROLOOM_HOME", str(tmp_path / "home"))
    marker = tmp_path / "marker"
    code = f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n\ndef f(x):\n    return x * 2\n"
    net = Net()
    x = net.add(PYTHON, net.input(), name="twice", source=code)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=3))
    files.save(net.project(DataRef("sklearn.iris"), Recipe(epochs=1)), tmp_path / "net.loom")
    return tmp_path / "net.loom"


def test_without_trust_nothing_is_run_and_it_says_what_to_do(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(file.with_name("out"))
    for words in (["check"], ["train", "--out", out], ["export", "-o", out + ".py"]):
        assert cli.main([words[0], str(file), *words[1:]]) == 1
        said = capsys.readouterr().err
        assert "(in twice)" in said
        assert "--trust" in said
    assert not file.with_name("marker").exists()


def test_trust_is_for_one_command(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = file.with_name("run")
    assert cli.main(["train", str(file), "--trust", "--out", str(run)]) == 0
    assert file.with_name("marker").exists()
    assert len(json.loads((run / "job.json").read_text())["trusted"]) == 64
    assert cli.main(["check", str(file)]) == 1
    capsys.readouterr()
    picture = str(file.with_name("why.png"))
    words = ["explain", str(run), "--sample", "0", "--method", "saliency", "-o", picture]
    assert cli.main(words) == 1
    assert "--trust" in capsys.readouterr().err
    assert cli.main([*words, "--trust"]) == 0
