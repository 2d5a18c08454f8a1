"""What can be typed, and what is said of what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

import studio
from studio.cli import main
from studio.cli.arguments import COMMANDS, build_parser
from studio.cli.ending import WrongUse


def test_every_command_of_the_manual_is_understood() -> None:
    parse = build_parser().parse_args
    new = parse(["new", "lenet5", "--data", "digits", "--set", "classes=3", "-o", "a.loom"])
    assert (new.architecture, new.data, new.output) == ("lenet5", "digits", Path("a.loom"))
    assert new.set == [("classes", "3")]
    words = ["train", "a.loom", "--epochs", "3", "--seed", "0", "--device", "cpu", "--out", "r"]
    train = parse([*words, "--set", "lr=0.1", "--set", "batch_size=8", "--json"])
    assert (train.epochs, train.seed, train.device, train.out) == (3, 0, "cpu", Path("r"))
    assert train.set == [("lr", "0.1"), ("batch_size", "8")]
    assert parse(["check", "a.loom", "--json"]).json
    explain = parse(["explain", "r", "--sample", "4", "--method", "saliency", "-o", "a.png"])
    assert (explain.sample, explain.target, explain.split) == (4, None, "validation")
    assert parse(["export", "a.loom", "--to", "pytorch", "-o", "a.py"]).to == "pytorch"
    assert parse(["list", "layers", "--json"]).what == "layers"
    shot = parse(["shot", "a.loom", "--workspace", "train", "--size", "800x600", "-o", "a.png"])
    assert (shot.size, shot.theme) == ((800, 600), "dark")
    assert parse(["doctor"]).command in COMMANDS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "FILE --resume is required"),
        (["train", "a.loom", "--epochs", "0"], "at least 1"),
        (["train", "a.loom", "--epochs", "many"], "'many'"),
        (["train", "a.loom", "--set", "lr"], "KEY=VALUE"),
        (["train", "a.loom", "--set", "=3"], "KEY=VALUE"),
        (["explain", "r", "--sample", "-1", "--method", "x", "-o", "a"], "expected"),
        (["list", "unicorns"], "unicorns"),
        (["shot", "a", "--workspace", "build", "--size", "big", "-o", "a"], "1600x1000"),
        (["new", "lenet5"], "-o"),
    ],
)
def test_wrong_use_is_one_sentence(words: list[str], said: str) -> None:
    with pytest.raises(WrongUse) as wrong:
        build_parser().parse_args(words)
    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROLOOM_HOME", str(tmp_path / "home"))


def test_wrong_use_ends_with_2_and_says_so_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("neuroloom: ")
    assert err.count("\n") == 1


def test_an_unknown_command_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian", "a.loom"]) == 2
    err = capsys.readouterr().err
    assert "'trian'" in err
    assert all(command in err for command in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"Neuroloom {studio.__version__}"


def test_a_mistake_of_ours_is_said_to_be_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from studio.cli import doctor

    def broken(*_: object) -> int:
        raise RuntimeError("the roof is on fire")

    monkeypatch.setattr(doctor, "report", broken)
    assert main(["doctor"]) == 1
    err = capsys.readouterr().err
    assert "mistake in Neuroloom" in err
    assert "Traceback" not in err
    log = tmp_path / "home" / "logs" / "neuroloom.log"
    assert "the roof is on fire" in log.read_text()
