"""Runs are cleaned up oldest first, and never one that somebody still looks at or works in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.engine import protocol as p
from studio.engine import runs
from studio.engine.locks import Lock
from studio.engine.runs import Circumstances, RunWriter
from studio.graph.project import Project
from studio.session.space import GB, Space, clean_up, measure
from studio.session.stored import put_in_bin

WEIGHTS = 100_000


def stored(root: Path, name: str, time: float, document: str = "/a.loom") -> Path:
    folder = runs.new_run_folder(root, name)
    writer = RunWriter(
        p.Job(Project(), str(folder), name, document=document), Circumstances(time=time)
    )
    writer.finish(p.RunSummary(str(folder), "finished", 1, 10, 1.0))
    writer.close()
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "10.safetensors").write_bytes(os.urandom(WEIGHTS))
    return folder


def names(space: Space) -> list[str]:
    return [info.name for info in space.gone]


def budget(count: float) -> float:
    """A budget in which `count` of the runs fit."""
    return count * (WEIGHTS + 10_000) / GB


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    for number in range(5):
        stored(tmp_path, f"run{number}", time=number)
    space = measure(tmp_path, budget(3))
    assert space.over
    assert names(space) == ["run0", "run1"]
    clean_up(tmp_path, space)
    assert [info.name for info in runs.list_runs(tmp_path)] == ["run4", "run3", "run2"]
    assert measure(tmp_path, budget(3)).freed == 0
    assert not measure(tmp_path, budget(3)).over


def test_what_is_still_needed_stays_whatever_the_budget(tmp_path: Path) -> None:
    shown = stored(tmp_path, "shown", time=0)
    stored(tmp_path, "other", time=1, document="/b.loom")
    stored(tmp_path, "spare", time=2)
    stored(tmp_path, "newest", time=3)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("kept")
    going = runs.new_run_folder(tmp_path, "going")
    writer = RunWriter(p.Job(Project(), str(going), document="/a.loom"), Circumstances(time=-1))
    try:
        space = measure(tmp_path, 0.0, shown)
        assert names(space) == ["spare"]
        clean_up(tmp_path, space)
        assert going.exists()
    finally:
        writer.close()
    assert {info.name for info in runs.list_runs(tmp_path)} == {
        "shown",
        "other",
        "newest",
        "notes",
        going.name,
    }


def test_the_bin_counts_and_goes_first(tmp_path: Path) -> None:
    put_in_bin(stored(tmp_path, "deleted", time=0))
    stored(tmp_path, "old", time=1)
    stored(tmp_path, "new", time=2)
    space = measure(tmp_path, budget(2))
    assert space.over
    assert space.binned >= WEIGHTS
    assert names(space) == []
    clean_up(tmp_path, space)
    assert measure(tmp_path, budget(2)).binned == 0
    assert len(runs.list_runs(tmp_path)) == 2


def test_no_runs_take_no_space(tmp_path: Path) -> None:
    space = measure(tmp_path / "absent", 1.0)
    assert (space.used, space.binned, space.freed, space.over) == (0, 0, 0, False)
    clean_up(tmp_path / "absent", space)


def test_a_run_that_began_since_is_not_removed(tmp_path: Path) -> None:
    stored(tmp_path, "old", time=0)
    stored(tmp_path, "new", time=1)
    space = measure(tmp_path, 0.0)
    assert names(space) == ["old"]
    held = Lock(space.gone[0].folder / runs.LOCK)
    status = space.gone[0].folder / runs.STATUS
    status.write_bytes(status.read_bytes().replace(b'"finished"', b'"running"'))
    try:
        clean_up(tmp_path, space)
        assert space.gone[0].folder.exists()
    finally:
        held.release()


def test_what_cannot_be_removed_is_an_error_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(tmp_path, "old", time=0)
    stored(tmp_path, "new", time=1)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("studio.session.space.shutil.rmtree", refuse)
    with pytest.raises(PermissionError):
        clean_up(tmp_path, measure(tmp_path, 0.0))
