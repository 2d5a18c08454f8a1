"""Foreign files are read in a process of their own: whatever they do, the engine goes on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from studio import compile, layers
from studio.compile.importers import ImportProblem
from studio.engine import protocol as p
from studio.engine.service import importing
from studio.engine.service.foreign import Child, Spare
from studio.explain import Cancelled
from studio.graph.edits import SetNetworks, SetWeights
from studio.graph.files import load, save
from studio.graph.project import Project

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))

    def forward(self, x):
        return self.layers(x)
"""


def ask(tmp_path: Path, text: str, **more: object) -> p.Import:
    file = tmp_path / "net.py"
    file.write_text(text)
    request = p.Import(str(file), str(tmp_path / "weights"), agreed=True)
    return replace(request, **more)


def never() -> bool:
    return False


def test_a_network_and_its_weights_come_in(tmp_path: Path) -> None:
    came = importing.bring(ask(tmp_path, NET, options={"input": "4"}), never)
    weights = load_file(came.weights)
    assert set(weights) == {f"layers.{n}.{part}" for n in (0, 2) for part in ("weight", "bias")}
    assert all(line.fate == "exact" for line in came.report)
    again = importing.bring(ask(tmp_path, NET, options={"input": "4"}), never)
    assert again.weights == came.weights  # equal weights are kept once


def test_nothing_runs_unless_a_person_agreed(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    text = f"open({str(mark)!r}, 'w').close()\n"
    with pytest.raises(ImportProblem, match="Agree to that"):
        importing.bring(ask(tmp_path, text, agreed=False), never)
    assert not mark.exists()


ENDINGS: Mapping[str, tuple[str, str]] = {
    "dies": ("import os\nos._exit(7)\n", r"ended by itself \(code 7\)"),
    "exits": ("import sys\nsys.exit(1)\n", "ends the program"),
    "loops": ("while True: pass\n", "was not read after 3 s"),
}


@pytest.mark.parametrize("case", sorted(ENDINGS))
def test_whatever_the_file_does_is_one_sentence(case: str, tmp_path: Path) -> None:
    text, expected = ENDINGS[case]
    limit = 3.0 if case == "loops" else 120.0
    with pytest.raises(ImportProblem, match=expected):
        importing.bring(ask(tmp_path, text, limit_s=limit), never)
    assert not (tmp_path / "weights").exists()


def test_cancelling_ends_the_process(tmp_path: Path) -> None:
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(Cancelled):
        importing.bring(ask(tmp_path, "while True: pass\n"), given_up.is_set)


def test_pickles_in_a_program_are_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Bad:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(mark), "w"))

    file = tmp_path / "net.pt2"
    torch.save(Bad(), file)
    with pytest.raises(ImportProblem, match="cannot be read as an exported program"):
        importing.bring(p.Import(str(file), str(tmp_path / "weights")), never)
    assert not mark.exists()


def test_classes_are_read_off_the_text(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(NET + "\nraise RuntimeError('this runs')\n")
    found = importing.outlined(p.GetOutline(str(file))).classes
    assert [(one.name, one.arguments, one.required, one.shape) for one in found] == [
        ("Net", ("width",), 0, "4")
    ]
    file.write_text("def f(:")
    with pytest.raises(ImportProblem, match="line 1"):
        importing.outlined(p.GetOutline(str(file)))


def test_training_would_start_from_the_weights_that_came_in(tmp_path: Path) -> None:
    came = importing.bring(ask(tmp_path, NET, options={"input": "4"}), never)
    specs = layers.builtin()
    module = compile.build(came.project, "main", specs, None)
    compile.start_from(module, Path(came.weights))
    for name, value in load_file(came.weights).items():
        assert torch.equal(module.state_dict()[name], value)
    with pytest.raises(compile.StartProblem, match="it is not there"):
        compile.start_from(module, tmp_path / "gone.safetensors")


def test_weights_belong_to_the_document(tmp_path: Path) -> None:
    weights = tmp_path / "net.safetensors"
    project = SetWeights(str(weights)).apply(Project())
    file = tmp_path / "net.loom"
    save(project, file)
    assert '"./net.safetensors"' in file.read_text()  # the two can be moved together
    assert load(file).project.weights == str(weights)
    drawn = SetNetworks(project.networks).apply(project)
    assert drawn.weights == ""  # other networks do not start from them


def test_a_process_that_is_ready_reads_the_next_file(tmp_path: Path) -> None:
    spare = Spare()
    spare.keep(True)
    child = spare.take()
    assert child.alive
    came = importing.bring(ask(tmp_path, NET, options={"input": "4"}), never, lambda: child)
    assert Path(came.weights).exists()
    assert not child.alive
    assert not child.place.exists()


def test_only_what_is_wanted_stays_ready() -> None:
    spare = Spare()
    spare.keep(True)
    spare.keep(True)  # the same one
    with spare.take() as child, spare.take() as other:
        assert child.alive
        assert other is not child
    spare.keep(True)
    spare.keep(False)
    with spare.take() as another:
        assert another.alive


def test_nobody_left_to_ask_ends_the_process() -> None:
    with Child() as child:
        assert child.process.stdin is not None
        child.process.stdin.close()  # as when the engine dies
        assert child.process.wait(60) == 0
