"""Safe mode: what is typed reaches the window, and its engines run no foreign code."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio import cli, opening, paths
from studio.cli import window
from studio.engine import in_process, subprocess
from studio.engine import protocol as p
from studio.engine.client import Client, EngineRefused
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph import files
from studio.graph.builder import Net
from studio.graph.graph import PYTHON
from studio.graph.project import DataRef, Project
from studio.graph.trust import digests
from studio.paths import Paths


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("NEUROLOOM_HOME", str(tmp_path / "home"))
    return paths.find()


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


def touching(marker: Path) -> str:
    return f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n"


def project(marker: Path) -> Project:
    net = Net()
    x = net.add(
        PYTHON, net.input(), name="own", source=f"{touching(marker)}\ndef f(x):\n    return x\n"
    )
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=3))
    return net.project(DataRef("sklearn.iris"))


@pytest.mark.parametrize(
    ("words", "safe"), [([], False), (["--safe-mode"], True)], ids=["usual", "safe"]
)
@pytest.mark.parametrize("named", [False, True], ids=["alone", "with a file"])
def test_the_window_opens_as_it_was_asked_to(
    words: list[str],
    safe: bool,
    named: bool,
    here: Paths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "net.loom"
    file.touch()
    opened: list[tuple[Path | None, bool]] = []

    def note(file: Path | None, here: Paths, safe: bool = False) -> int:
        opened.append((file, safe))
        return 0

    monkeypatch.setattr(window, "open_window", note)
    assert cli.main([*words, *([str(file)] if named else [])]) == 0
    assert cli.main([*([str(file)] if named else []), *words]) == 0
    assert opened == [(file if named else None, safe)] * 2


@pytest.mark.parametrize(
    "words",
    [["check", "a.loom"], ["a.loom", "b.loom"], ["--version"]],
    ids=["a command", "two files", "an option"],
)
def test_safe_mode_is_the_windows_alone(
    words: list[str], here: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--safe-mode", *words]) == 2
    assert "opens the window" in capsys.readouterr().err


def test_no_code_of_a_project_runs_though_it_is_trusted(marker: Path, tmp_path: Path) -> None:
    drawn = project(marker)
    with in_process.connect(Service(Setup(safe=True))) as engine:
        engine.call(p.Trust(tuple(digests(drawn))))
        answer = engine.call(p.Infer(1, drawn))
        assert isinstance(answer, p.FactsAnswer)
        [problem] = answer.facts.networks["main"].problems
        assert "--safe-mode" in problem.message
        assert problem.needs == ""
        run = engine.call(p.Train(p.Job(drawn, str(tmp_path / "run"), live=False)))
        assert isinstance(run, p.RunSummary)
        assert "--safe-mode" in run.message
    assert not marker.exists()


def test_no_python_is_imported_though_it_is_agreed_to(marker: Path, tmp_path: Path) -> None:
    file = tmp_path / "foreign.py"
    file.write_text(touching(marker))
    with (
        in_process.connect(Service(Setup(safe=True))) as engine,
        pytest.raises(EngineRefused, match="without --safe-mode"),
    ):
        engine.call(p.Import(str(file), str(tmp_path), agreed=True))
    assert not marker.exists()


def test_the_persons_plugins_are_left_out_of_safe_engines(
    marker: Path, here: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.plugins.mkdir(parents=True)
    (here.plugins / "mine.py").write_text(touching(marker))
    setups: list[Setup] = []

    def spawn(setup: Setup) -> Client:
        setups.append(setup)
        return in_process.connect(Service(setup))

    monkeypatch.setattr(subprocess, "spawn", spawn)
    files.save(project(marker), here.plugins.parent / "net.loom")
    session = opening.make_session(here, safe=True)
    try:
        assert session.safe
        assert session.open(here.plugins.parent / "net.loom")
        session.start()
        assert not session.code.untrusted
    finally:
        session.close()
    assert setups
    assert all(one.safe and one.packs == (str(here.bundled_plugins),) for one in setups)
    assert not any(one.cache for one in setups)
    assert not marker.exists()
