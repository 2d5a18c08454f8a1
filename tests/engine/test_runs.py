"""Run folders: what was told is what is read, and nothing that happens to a folder makes reading fail."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from studio.engine import protocol as p
from studio.engine import runs
from studio.graph.files import write_atomically
from studio.graph.graph import Graph, Node
from studio.graph.problems import Problem
from studio.graph.project import Project, Sheet

PROJECT = Project(
    {"main": Sheet(Graph({"a": Node("a", "torch.nn.Linear", "fc", {"size": (3, 4)})}))}
)

EVENTS: tuple[p.Event, ...] = (
    p.Started(
        "f", "n", "cpu", 1, 2, 3, 4, 5, 6, "classification", ("a", "b"), ("x", "r/y"), 7, 8.5
    ),
    p.Progress(
        3,
        1,
        np.arange(1, 4),
        {"train_loss": np.array([2.3025851, 1e-7, 123456.7], dtype=np.float32)},
        1000.0,
        2.0,
        0.01,
    ),
    p.LayerStats(3, {"r/y": p.LayerStat(0.5, 1.0, 0.25, None, 0.5, 6, -1.0, 1.0, (1, 2, 3))}),
    p.EpochDone(1, 3, {"val_accuracy": 0.5, "val_loss": 2.0}, 1.5, np.array([[1, 2], [0, 3]])),
    p.EpochDone(2, 6, {"val_accuracy": 0.75, "val_loss": 2.5}, 3.0),
    p.ControlApplied("set", 6, {"lr": 0.1}),
    p.ProblemFound(6, Problem("Words.", node="r/y", severity="warning")),
    p.CheckpointSaved("path", 6, 2, True, 100),
)


def job(folder: Path) -> p.Job:
    return p.Job(PROJECT, str(folder), "My run", document="/somewhere/a.loom")


def write(folder: Path, *events: p.Event, end: p.RunSummary | None = None) -> None:
    writer = runs.RunWriter(job(folder), runs.Circumstances(device="cpu", threads=1, time=5.0))
    for event in events:
        writer.write(event)
    if end is None:
        writer.flush()
    else:
        writer.finish(end)
    writer.close()


def same(one: p.Event, other: p.Event) -> bool:
    hook = lambda array: array.tolist()  # noqa: E731
    return msgspec.json.encode(one, enc_hook=hook) == msgspec.json.encode(other, enc_hook=hook)


def test_events_come_back_as_they_were(tmp_path: Path) -> None:
    write(tmp_path / "run", *EVENTS)
    back = list(runs.read_events(tmp_path / "run"))
    assert len(back) == len(EVENTS)
    for told, read in zip(EVENTS, back, strict=True):
        if isinstance(told, p.Progress):
            assert isinstance(read, p.Progress)
            np.testing.assert_allclose(
                read.values["train_loss"], told.values["train_loss"], rtol=1e-6
            )
            assert read.values["train_loss"].dtype == np.float32
            assert read.steps.dtype == np.int64
            assert read.steps.tolist() == told.steps.tolist()
        else:
            assert same(told, read)


def test_arrays_that_are_not_numbers_survive(tmp_path: Path) -> None:
    values = np.array([1.0, np.nan, np.inf, 0.0], dtype=np.float32)
    write(tmp_path, p.Progress(4, 1, np.arange(1, 5), {"train_loss": values}, 1.0, 1.0))
    (back,) = runs.read_events(tmp_path)
    assert isinstance(back, p.Progress)
    assert np.isfinite(back.values["train_loss"]).tolist() == [True, False, False, True]


def test_only_the_latest_pictures_are_kept(tmp_path: Path) -> None:
    def pictures(step: int) -> p.Pictures:
        maps = {"r/y": np.full((2, 3, 3), step, np.uint8)}
        return p.Pictures(
            step, maps, np.zeros((4, 8, 8), np.uint8), np.ones((4, 2), np.float32), np.arange(4)
        )

    end = p.RunSummary(str(tmp_path), "finished", 1, 2, 1.0)
    write(tmp_path, pictures(1), EVENTS[0], pictures(2), end=end)
    assert len((tmp_path / runs.EVENTS).read_text().splitlines()) == 1
    first, last = runs.read_events(tmp_path)
    assert isinstance(first, p.Started)
    assert isinstance(last, p.Pictures)
    assert last.step == 2
    assert last.maps["r/y"].max() == 2
    assert last.inputs.dtype == np.uint8


def test_the_job_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "run")
    back = runs.read_job(tmp_path / "run")
    assert back == job(tmp_path / "run")
    around = runs.read_circumstances(tmp_path / "run")
    assert around is not None
    assert around.device == "cpu"


def test_a_list_shows_how_runs_ended(tmp_path: Path) -> None:
    summary = p.RunSummary("", "finished", 2, 6, 3.0, {"val_loss": 2.0}, {}, "")
    write(tmp_path / "b", *EVENTS, end=summary)
    write(tmp_path / "a", *EVENTS)
    by_name = {info.folder.name: info for info in runs.list_runs(tmp_path)}
    assert by_name["b"].status == "finished"
    assert by_name["b"].steps == 6
    assert by_name["a"].status == "interrupted"
    assert by_name["a"].last["val_accuracy"] == 0.75
    assert by_name["a"].best == {
        "val_accuracy": {"value": 0.75, "epoch": 2},
        "val_loss": {"value": 2.0, "epoch": 1},
    }
    assert by_name["a"].document == "/somewhere/a.loom"
    assert by_name["a"].size > 100


def test_a_run_is_running_as_long_as_its_writer_is(tmp_path: Path) -> None:
    writer = runs.RunWriter(job(tmp_path), runs.Circumstances())
    assert runs.read_info(tmp_path).status == "running"
    (tmp_path / runs.JOB).rename(tmp_path / "aside")
    with pytest.raises(BlockingIOError, match="at work there"):
        runs.RunWriter(job(tmp_path), runs.Circumstances())
    (tmp_path / "aside").rename(tmp_path / runs.JOB)
    writer.close()
    assert runs.read_info(tmp_path).status == "interrupted"


def test_a_folder_takes_one_run(tmp_path: Path) -> None:
    write(tmp_path, *EVENTS)
    with pytest.raises(FileExistsError, match="holds a run already"):
        write(tmp_path, *EVENTS)
    assert len(list(runs.read_events(tmp_path))) == len(EVENTS)


def test_a_run_that_was_killed_reads_as_interrupted_up_to_its_last_event(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from studio.engine import protocol as p, runs
from studio.graph.project import Project
writer = runs.RunWriter(p.Job(Project(), {str(tmp_path)!r}, "killed"), runs.Circumstances())
writer.write(p.EpochDone(1, 10, {{"val_loss": 0.5}}, 1.0))
writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert ended.returncode == -9
    info = runs.read_info(tmp_path)
    assert (info.status, info.steps, info.name) == ("interrupted", 10, "killed")
    assert [type(event).__name__ for event in runs.read_events(tmp_path)] == ["EpochDone"]


def test_a_cut_last_line_is_dropped_wherever_it_is_cut(tmp_path: Path) -> None:
    write(tmp_path, *EVENTS)
    path = tmp_path / runs.EVENTS
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        complete = sum(length >= sum(map(len, lines[: i + 1])) for i in range(len(lines)))
        assert len(list(runs.read_events(tmp_path))) == complete


@pytest.mark.parametrize("name", [runs.JOB, runs.STATUS, runs.EVENTS, runs.PICTURES])
@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[[[[", b"\xff\xfe\0", b"null\n", b"PK\x03\x04" + b"\0" * 30]
)
def test_foreign_files_are_faults_or_left_out(name: str, content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write(folder, *EVENTS, p.Finished(p.RunSummary("f", "finished", 2, 6, 1.0)))
    (folder / name).write_bytes(content)
    (info,) = runs.list_runs(tmp_path)
    events = list(runs.read_events(folder))
    if name == runs.JOB:
        assert info.fault is not None
        assert "job.json" in info.fault.message
        assert runs.read_job(folder) is None
        assert runs.read_circumstances(folder) is None
    else:
        assert info.fault is None
        assert info.status == ("interrupted" if name == runs.EVENTS else "finished")
    assert len(events) == (0 if name == runs.EVENTS else len(EVENTS) + 1)


def test_lines_of_another_version_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, EVENTS[0], EVENTS[-1])
    path = tmp_path / runs.EVENTS
    first, last = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + json.dumps({"type": "Dreamt", "step": 3}).encode() + b"\n" + last)
    assert [type(e).__name__ for e in runs.read_events(tmp_path)] == ["Started", "CheckpointSaved"]


def test_what_is_no_run_is_listed_with_its_fault(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "note.txt").write_text("hello")
    (info,) = runs.list_runs(tmp_path)
    assert info.status == "unknown"
    assert info.fault is not None
    assert "photos is not a run" in info.fault.message
    assert runs.list_runs(tmp_path / "nowhere") == ()
    assert list(runs.read_events(tmp_path / "nowhere")) == []
    assert runs.newest_weights(tmp_path / "nowhere") is None


def test_names_are_unique_and_harmless(tmp_path: Path) -> None:
    folders = [runs.new_run_folder(tmp_path, "../Lé Net/5") for _ in range(3)]
    assert len(set(folders)) == 3
    assert all(folder.parent == tmp_path and folder.is_dir() for folder in folders)
    assert runs.new_run_folder(tmp_path, "").name.endswith("-run")


def test_weights_are_found_by_step_and_by_merit(tmp_path: Path) -> None:
    for step, best in ((90, True), (1000, False), (200, False)):
        write_atomically(tmp_path / "checkpoints" / f"{step}.safetensors", b"w")
        about = json.dumps({"step": step, "best": best}).encode()
        write_atomically(tmp_path / "checkpoints" / f"{step}.json", about)
    (tmp_path / "checkpoints" / "1000.state.safetensors").write_bytes(b"s")
    newest, best_found = runs.newest_weights(tmp_path), runs.best_weights(tmp_path)
    assert newest is not None
    assert best_found is not None
    assert (newest.step, best_found.step) == (1000, 90)
    (tmp_path / "checkpoints" / "90.json").write_text("{")
    assert runs.best_weights(tmp_path) is None


def test_a_full_disk_is_said_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = runs.RunWriter(job(tmp_path), runs.Circumstances())
    writer.write(EVENTS[0])
    writer.flush()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    writer.write(EVENTS[3])
    with pytest.raises(OSError, match="No space left"):
        writer.finish(p.RunSummary(str(tmp_path), "finished", 1, 3, 1.0))
    writer.close()
    monkeypatch.undo()
    assert isinstance(next(runs.read_events(tmp_path)), p.Started)
    assert runs.read_info(tmp_path).status == "interrupted"


def test_a_run_of_a_later_version_says_so(tmp_path: Path) -> None:
    write(tmp_path, EVENTS[0])
    raw = json.loads((tmp_path / runs.JOB).read_text()) | {"format": runs.FORMAT + 1}
    (tmp_path / runs.JOB).write_text(json.dumps(raw))
    fault = runs.read_info(tmp_path).fault
    assert fault is not None
    assert "newer Neuroloom" in fault.message
    assert "Update" in fault.message
