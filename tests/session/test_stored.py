from __future__ import annotations

from pathlib import Path

from studio.engine import protocol as p
from studio.engine import runs
from studio.engine.runs import Circumstances, RunWriter
from studio.graph.project import Project, Recipe
from studio.session.stored import put_in_bin, read_history, read_stored


def write_run(root: Path, name: str) -> Path:
    folder = runs.new_run_folder(root, name)
    project = Project(recipe=Recipe(optimizer_params={"lr": 0.01}))
    writer = RunWriter(p.Job(project, str(folder), name), Circumstances())
    writer.write(
        p.Started(str(folder), name, "cpu", 1, 2, 10, 32, 320, 80, "classification", parameters=42)
    )
    writer.write(p.EpochDone(1, 10, {"val_loss": 0.5, "val_accuracy": 0.8}, 1.0))
    summary = p.RunSummary(str(folder), "finished", 1, 10, 1.0)
    writer.write(p.Finished(summary))
    writer.finish(summary)
    writer.close()
    return folder


def test_a_stored_run_says_what_it_was_made_of(tmp_path: Path) -> None:
    write_run(tmp_path, "first")
    (info,) = runs.list_runs(tmp_path)
    stored = read_stored(info)
    assert stored.parameters == 42
    assert stored.setting("lr") == 0.01
    assert stored.setting("momentum") is None
    history = read_history(info)
    assert history.metric("val_accuracy")[1].tolist() == [0.8]
    assert history.status == "finished"


def test_a_folder_that_is_no_run_is_listed_without_settings(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    stored = read_stored(runs.list_runs(tmp_path)[0])
    assert stored.recipe is None
    assert stored.setting("lr") is None


def test_the_bin_keeps_deleted_runs_apart_and_whole(tmp_path: Path) -> None:
    first = write_run(tmp_path, "same")
    gone = put_in_bin(first)
    assert runs.list_runs(tmp_path) == ()
    assert runs.read_job(gone) is not None
    first.mkdir()
    assert put_in_bin(first) != gone
