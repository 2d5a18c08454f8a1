"""Running packs: each file afresh, and what it raises is a fault at its line."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from packs import NET, make_pack

from studio.extensions import overseen
from studio.extensions.load import PackFailed, load_packs
from studio.graph.catalog import UnknownKind
from studio.graph.params import ParamError


def test_draws_with_defaults_and_with_given_params(tmp_path: Path) -> None:
    make_pack(tmp_path)
    packs = load_packs([tmp_path])
    project = packs.draw("mine.net", {})
    linear = project.networks["main"].graph.named("linear")
    assert linear is not None
    assert linear.params == {"out_features": 8, "bias": True}
    assert project.data.kind == "sklearn.digits"
    assert project.recipe.epochs == 3
    linear = packs.draw("mine.net", {"width": 5}).networks["main"].graph.named("linear")
    assert linear is not None
    assert linear.params["out_features"] == 5


def test_the_same_params_draw_the_same_project(tmp_path: Path) -> None:
    make_pack(tmp_path)
    packs = load_packs([tmp_path])
    assert packs.draw("mine.net", {}) == packs.draw("mine.net", {})


def test_refuses_unknown_kinds_and_values(tmp_path: Path) -> None:
    make_pack(tmp_path)
    packs = load_packs([tmp_path])
    with pytest.raises(UnknownKind, match=r"mine\.net"):
        packs.draw("other.net", {})
    with pytest.raises(ParamError, match="from 1 to 64"):
        packs.draw("mine.net", {"width": 65})
    with pytest.raises(ParamError, match="no setting named"):
        packs.draw("mine.net", {"depth": 1})


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
        ("import json; json.loads('{')", "JSONDecodeError"),
    ],
)
def test_a_file_that_raises_is_a_fault_and_the_rest_goes_on(
    tmp_path: Path, line: str, words: str
) -> None:
    make_pack(tmp_path, source=NET.format(kind="mine.net") + f"\n\n{line}\n")
    make_pack(tmp_path, "second", "second.net")
    packs = load_packs([tmp_path])
    assert set(packs.architectures) == {"second.net"}
    (fault,) = packs.faults
    assert words in fault.message
    assert (Path(fault.file).name, fault.line, fault.pack) == ("net.py", 20, "mine")
    assert "Traceback" in fault.details
    offers = {info.name: info.offers for info in packs.infos}
    assert offers == {"mine": (), "second": ("second.net",)}


def test_an_architecture_that_raises_while_drawing_names_its_line(tmp_path: Path) -> None:
    source = NET.format(kind="mine.net").replace(
        "    x = net.add", "    net.use('Missing')\n    x = net.add"
    )
    make_pack(tmp_path, source=source)
    packs = load_packs([tmp_path])
    assert packs.faults == ()
    with pytest.raises(PackFailed, match="Missing") as failure:
        packs.draw("mine.net", {})
    assert failure.value.fault.line == 16


def test_a_file_is_run_afresh_each_time(tmp_path: Path) -> None:
    source = NET.format(kind="mine.net").replace("@arch", "count = [0]\n\n\n@arch")
    source = source.replace(
        "    x = net.add", "    count[0] += 1\n    assert count[0] == 1\n    x = net.add"
    )
    pack = make_pack(tmp_path, source=source)
    packs = load_packs([tmp_path])
    packs.draw("mine.net", {})
    packs.draw("mine.net", {})
    (pack / "net.py").write_text(source.replace("Flatten", "Identity"))
    drawn = packs.draw("mine.net", {})
    assert drawn.networks["main"].graph.of_kind("torch.nn.Identity")
    assert not [name for name in sys.modules if name.startswith("neuroloom_pack")]


def test_a_hidden_function_is_a_fault(tmp_path: Path) -> None:
    make_pack(tmp_path, source=NET.format(kind="mine.net") + "\n\nnet = 3\n")
    packs = load_packs([tmp_path])
    assert "no longer the function" in packs.faults[0].message


@pytest.mark.parametrize("loop", ["while True: pass", "while True: [].append(0)"])
def test_a_file_that_never_ends_is_a_fault_at_its_line_and_the_rest_goes_on(
    tmp_path: Path, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overseen, "LIMIT_S", 0.3)
    make_pack(tmp_path, source=NET.format(kind="mine.net") + f"\n\n{loop}\n")
    make_pack(tmp_path, "second", "second.net")
    packs = load_packs([tmp_path])
    assert set(packs.architectures) == {"second.net"}
    (fault,) = packs.faults
    assert "still running after 0.3 s" in fault.message
    assert "endless loop" in fault.message
    assert (Path(fault.file).name, fault.line) == ("net.py", 20)
    assert not [thread for thread in threading.enumerate() if thread.name == "pack"]


def test_a_drawing_that_never_ends_is_ended_and_names_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = NET.format(kind="mine.net").replace(
        "    x = net.add", "    while True: pass\n    x = net.add"
    )
    make_pack(tmp_path, source=source)
    packs = load_packs([tmp_path])
    monkeypatch.setattr(overseen, "LIMIT_S", 0.3)
    with pytest.raises(PackFailed, match="Net could not be drawn: it was still running") as failure:
        packs.draw("mine.net", {})
    assert failure.value.fault.line == 16
