"""From an architecture to an explanation, and back to plain PyTorch, at the command line."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio import paths
from studio.cli import main
from studio.engine.protocol import Progress
from studio.graph import files

Out = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]


def run(*words: object) -> int:
    return main([str(word) for word in words])


def last_json(out: Out) -> Any:
    return json.loads(out.readouterr().out.splitlines()[-1])


@pytest.fixture
def mlp(tmp_path: Path, capsys: Out) -> Path:
    file = tmp_path / "mlp.loom"
    assert run("new", "mlp", "--set", "width=16", "--set", "epochs=2", "-o", file) == 0
    assert "neuroloom train" in capsys.readouterr().out
    return file


@pytest.fixture(scope="module")
def lenet_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lenet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.HOME_VARIABLE, str(folder / "home"))
        assert run("new", "lenet5", "--data", "digits", "-o", folder / "lenet.loom") == 0
        words = ("--epochs", 1, "--device", "cpu", "--out", folder / "run")
        assert run("train", folder / "lenet.loom", *words) == 0
    return folder / "run"


def test_new_takes_settings_of_everything(tmp_path: Path) -> None:
    file = tmp_path / "a.loom"
    settings = ("width=16", "batch_size=8", "optimizer=sgd", "momentum=0.9")
    words = [part for setting in settings for part in ("--set", setting)]
    assert run("new", "basics.mlp", *words, "-o", file) == 0
    project = files.load(file).project
    linear = project.networks["main"].graph.named("fc1")
    assert linear is not None
    assert linear.params["out_features"] == 16
    assert project.recipe.batch_size == 8
    assert project.recipe.optimizer == "torch.optim.SGD"
    assert project.recipe.optimizer_params == {"momentum": 0.9}


@pytest.mark.parametrize(("source", "outputs"), [("iris", 3), ("diabetes", 1)])
def test_new_fits_the_outputs_to_the_data(
    tmp_path: Path, capsys: Out, source: str, outputs: int
) -> None:
    file = tmp_path / "a.loom"
    assert run("new", "mlp", "--data", source, "-o", file) == 0
    capsys.readouterr()
    assert run("check", file, "--json") == 0
    told = last_json(capsys)
    assert told["ok"]
    assert told["shapes"]["main"]["head"]["out"] == ["N", outputs]


def test_check_tells_shapes_and_cost(mlp: Path, capsys: Out) -> None:
    assert run("check", mlp, "--json") == 0
    told = last_json(capsys)
    assert told["ok"] is True
    assert told["problems"] == []
    assert told["parameters"] == 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10
    assert told["flops"] >= 2 * (64 * 16 + 16 * 16 + 16 * 10)
    assert told["shapes"]["main"]["fc1"] == {"out": ["N", 16]}


def test_check_tells_what_is_doubtful_in_the_data(mlp: Path, tmp_path: Path, capsys: Out) -> None:
    rows = "".join(f"{n % 5},7,{'ab'[n % 2]}\n" for n in range(60))
    (tmp_path / "t.csv").write_text("size,same,kind\n" + rows)
    file = str(tmp_path / "t.loom")
    assert main(["new", "mlp", "--data", "files.csv", "--set", f"path={tmp_path / 't.csv'}", "-o", file]) == 0  # fmt: skip
    capsys.readouterr()
    main(["check", file])
    assert "data: 1 of the features never change" in capsys.readouterr().out


def test_check_names_the_problem_and_its_repairs(mlp: Path, capsys: Out) -> None:
    raw = json.loads(mlp.read_text())
    fc2 = next(node for node in raw["networks"]["main"]["nodes"] if node["name"] == "fc2")
    fc2["params"]["in_features"] = 99
    mlp.write_text(json.dumps(raw))
    assert run("check", mlp, "--json") == 1
    out, err = capsys.readouterr()
    (problem,) = json.loads(out.splitlines()[-1])["problems"]
    assert problem["node"] == "fc2"
    assert problem["repairs"]
    assert "1 problem" in err
    assert run("train", mlp) == 1
    assert "cannot be trained" in capsys.readouterr().err


def test_train_prints_the_promised_object(mlp: Path, tmp_path: Path, capsys: Out) -> None:
    out = tmp_path / "run"
    assert (
        run("train", mlp, "--epochs", 2, "--seed", 3, "--device", "cpu", "--out", out, "--json")
        == 0
    )
    captured = capsys.readouterr()
    told = json.loads(captured.out.splitlines()[-1])
    assert Path(told["run"]) == out
    assert told["epochs"] == 2
    assert told["seconds"] > 0
    assert told["steps_per_s"] > 0
    assert {"train_loss", "val_loss", "val_accuracy"} <= set(told["last"])
    assert told["best"]["epoch"] in (1, 2)
    assert told["best"]["val_accuracy"] >= told["last"]["val_accuracy"]
    assert "epoch 2/2" in captured.err
    assert list((out / "checkpoints").glob("*.safetensors"))


def test_the_same_seed_gives_the_same_figures(mlp: Path, capsys: Out) -> None:
    figures = []
    for seed in (3, 3, 4):
        assert run("train", mlp, "--seed", seed, "--device", "cpu", "--json") == 0
        figures.append(last_json(capsys)["last"])
    assert figures[0] == figures[1]
    assert figures[0]["train_loss"] != figures[2]["train_loss"]


def test_training_leaves_the_project_and_nothing_to_recover(mlp: Path, capsys: Out) -> None:
    before = mlp.read_bytes()
    assert run("train", mlp, "--epochs", 1, "--set", "lr=0.1", "--device", "cpu") == 0
    assert mlp.read_bytes() == before
    autosave = paths.find().autosave
    assert not list(autosave.glob("*.loom"))
    assert len(list(paths.find().runs.iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--device", "cuda:99"), "no device 'cuda:99'"),
        (("--set", "speed=3"), "no setting named 'speed'"),
        (("--out", "."), "not empty"),
    ],
)
def test_wrong_use_of_train(mlp: Path, capsys: Out, words: tuple[str, ...], said: str) -> None:
    assert run("train", mlp, *words) == 2
    assert said in capsys.readouterr().err


def test_new_on_data_with_as_many_classes_as_before(tmp_path: Path) -> None:
    """The network is then drawn as it was, which must not be waited for as a change."""
    images = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (40, 8, 8))
    (tmp_path / "images").write_bytes(images + bytes(40 * 64))
    labels = b"\x00\x00\x08\x01" + (40).to_bytes(4, "big")
    (tmp_path / "labels").write_bytes(labels + bytes(range(10)) * 4)
    file = tmp_path / "a.loom"
    words = [f"data.images={tmp_path / 'images'}", f"labels={tmp_path / 'labels'}"]
    assert run("new", "mlp", "--data", "idx", "--set", words[0], "--set", words[1], "-o", file) == 0
    assert run("check", file) == 0


def test_a_file_of_a_later_version_is_used_with_a_warning(mlp: Path, capsys: Out) -> None:
    raw = json.loads(mlp.read_text()) | {"format": 99}
    mlp.write_text(json.dumps(raw))
    assert run("check", mlp) == 0
    assert "newer Neuroloom" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": 0}, "batch size should be at least 1"),
        ({"optimizer": "torch.optim.Magic"}, "no optimiser named"),
        ({"device": "cuda:99"}, "this machine has"),
    ],
)
def test_check_tells_a_recipe_that_cannot_train_and_train_makes_no_run(
    mlp: Path, capsys: Out, change: dict[str, Any], said: str
) -> None:
    raw = json.loads(mlp.read_text())
    raw["recipe"] |= change
    mlp.write_text(json.dumps(raw))
    assert run("check", mlp, "--json") == 1
    told = last_json(capsys)
    assert told["ok"] is False
    assert said in told["problems"][0]["message"]
    assert told["problems"][0]["repairs"]
    assert run("train", mlp) == 1
    assert said in capsys.readouterr().err
    assert not paths.find().runs.exists()


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_folder_without_permission_is_told_in_a_sentence(
    tmp_path: Path, capsys: Out, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "locked" / "a.loom"
    look = Path.exists

    def exists(self: Path) -> bool:
        if self == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return look(self)

    monkeypatch.setattr(Path, "exists", exists)
    assert run(command, file) == 1
    err = capsys.readouterr().err
    assert f"{file} may not be read or written by you" in err
    assert "mistake in Neuroloom" not in err


@pytest.mark.parametrize("command", ["check", "train"])
def test_a_file_that_is_not_there_and_one_that_is_broken(
    tmp_path: Path, capsys: Out, command: str
) -> None:
    assert run(command, tmp_path / "no.loom") == 2
    (tmp_path / "bad.loom").write_text("{")
    assert run(command, tmp_path / "bad.loom") == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_a_loss_that_is_no_number_fails_with_a_sentence(mlp: Path, capsys: Out) -> None:
    settings = ("--set", "optimizer=sgd", "--set", "lr=1e38")
    assert run("train", mlp, *settings, "--device", "cpu", "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["status"] == "failed"
    last = err.splitlines()[-1]
    assert last.startswith("neuroloom: ")
    assert "step" in last


def test_commands_need_no_window_library(mlp: Path, tmp_path: Path) -> None:
    """As where PySide6 is not installed."""
    code = (
        "import sys; sys.modules['PySide6'] = sys.modules['pyqtgraph'] = None;"
        "from studio.cli import main;"
        "assert main(['check', sys.argv[1]]) == 0;"
        "assert main(['train', sys.argv[1], '--epochs', '1', '--device', 'cpu']) == 0;"
        "sys.exit(main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(mlp)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "needs PySide6, which is not installed" in done.stderr.splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="signals differ there")
def test_ctrl_c_stops_with_a_checkpoint(
    mlp: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.cli.progress import Teller

    take = Teller.take

    def interrupt(self: Teller, event: Any) -> None:
        take(self, event)
        if isinstance(event, Progress) and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    sent: list[bool] = []
    monkeypatch.setattr(Teller, "take", interrupt)
    before = signal.getsignal(signal.SIGINT)
    assert run("train", mlp, "--epochs", 100_000, "--device", "cpu", "--json") == 130
    told = last_json(capsys)
    assert told["status"] == "stopped"
    assert list(Path(told["run"], "checkpoints").glob("*.safetensors"))
    assert signal.getsignal(signal.SIGINT) is before


def test_explain_draws_a_picture(lenet_run: Path, tmp_path: Path, capsys: Out) -> None:
    png = tmp_path / "why.png"
    words = ("--sample", 3, "--method", "integrated_gradients", "-o", png, "--json")
    assert run("explain", lenet_run, *words) == 0
    told = last_json(capsys)
    assert told["method"] == "core.integrated_gradients"
    assert told["gap"] is not None
    assert len(told["outputs"]) == 10
    with Image.open(png) as image:
        colours = np.asarray(image.convert("RGB")).astype(int)
    blue, orange = colours[..., 2] - colours[..., 0], colours[..., 0] - colours[..., 2]
    assert (blue > 100).sum() > 100
    assert (orange > 100).sum() > 100


def test_explain_against_another_class(lenet_run: Path, tmp_path: Path, capsys: Out) -> None:
    png = tmp_path / "why.png"
    words = ("--sample", 3, "--method", "saliency", "--target", "4", "--against", 9, "-o", png)
    assert run("explain", lenet_run, *words) == 0
    assert "rather than 9" in capsys.readouterr().out


def test_explain_tells_measures_in_their_own_unit(tmp_path: Path, capsys: Out) -> None:
    file, png = tmp_path / "diabetes.loom", tmp_path / "why.png"
    assert run("new", "mlp", "--data", "diabetes", "--set", "epochs=1", "-o", file) == 0
    assert run("train", file, "--device", "cpu", "--out", tmp_path / "run") == 0
    capsys.readouterr()
    assert run("explain", tmp_path / "run", "--sample", 3, "--method", "saliency", "-o", png) == 0
    said = re.search(r"true (\S+), answered", capsys.readouterr().out)
    assert said is not None
    assert 25 <= float(said[1]) <= 346, "the range of the real measure"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sample", 100_000, "--method", "saliency"), "samples, 0 to"),
        (("--sample", 0, "--method", "tea_leaves"), "no method named"),
        (("--sample", 0, "--method", "saliency", "--target", "eleven"), "no class 'eleven'"),
        (("--sample", 0, "--method", "saliency", "--set", "x=1"), "no setting named"),
    ],
)
def test_wrong_use_of_explain(
    lenet_run: Path, tmp_path: Path, capsys: Out, words: tuple[object, ...], said: str
) -> None:
    assert run("explain", lenet_run, *words, "-o", tmp_path / "a.png") == 2
    assert said in capsys.readouterr().err
    assert run("explain", tmp_path, *words, "-o", tmp_path / "a.png") == 2


def test_export_runs_with_nothing_but_pytorch(mlp: Path, tmp_path: Path) -> None:
    file = tmp_path / "plain" / "mlp.py"
    assert run("export", mlp, "--to", "pytorch", "-o", file) == 1
    file.parent.mkdir()
    assert run("export", mlp, "--to", "pytorch", "-o", file) == 0
    code = (
        "import sys, torch, mlp;"
        "net = [t for t in vars(mlp).values() if isinstance(t, type) and issubclass(t, torch.nn.Module)][-1]();"
        "assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 10);"
        "assert 'studio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=file.parent)


@pytest.mark.parametrize(
    "what", ["layers", "architectures", "data", "methods", "optimizers", "packs"]
)
def test_list(what: str, capsys: Out) -> None:
    assert run("list", what, "--json") == 0
    rows = last_json(capsys)
    assert rows
    assert all(row["kind"] and row["title"] for row in rows)
    assert len({row["kind"] for row in rows}) == len(rows)


def test_a_dropped_file_can_be_used_at_once_and_a_broken_one_is_named(
    tmp_path: Path, capsys: Out
) -> None:
    folder = paths.find().plugins
    folder.mkdir(parents=True)
    text = (ROOT / "plugins" / "basics" / "mlp.py").read_text().replace("basics.mlp", "my.idea")
    (folder / "idea.py").write_text(text)
    (folder / "broken.py").write_text("def")
    assert run("new", "my.idea", "-o", tmp_path / "a.loom") == 0
    capsys.readouterr()
    assert run("list", "architectures") == 0
    out = capsys.readouterr().out
    assert "my.idea" in out
    assert "broken.py, line 1" in out


def test_doctor_reports_this_machine(capsys: Out) -> None:
    assert run("doctor", "--json") == 0
    told = last_json(capsys)
    assert told["ok"] is True
    assert told["versions"]["torch"].startswith("2.")
    assert "cpu" in told["devices"]
    assert set(told["packs"]) >= {"basics", "vision", "sequence"}
    assert Path(told["folders"]["runs"]) == paths.find().runs
    assert not paths.find().runs.exists(), "looking must not leave traces"


def test_doctor_names_what_is_wrong(capsys: Out) -> None:
    here = paths.find()
    here.plugins.mkdir(parents=True)
    (here.plugins / "broken.py").write_text("def")
    here.settings.write_text("{")
    assert run("doctor") == 0
    out = capsys.readouterr().out
    assert "broken.py, line 1" in out
    assert "settings" in out
    assert here.settings.read_text() == "{"
