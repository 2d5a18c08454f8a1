"""Project files: what goes in comes out, what is broken is explained, what is there stays there."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from strategies import illegal

from studio.graph import files
from studio.graph.breakpoints import Breakpoint
from studio.graph.builder import Net
from studio.graph.edits import (
    AddNodes,
    EditRefused,
    MakeBlock,
    RemoveNodes,
    RenameBlock,
    SetBlock,
    SetConstants,
    SetData,
    SetFrame,
    SetNote,
    SetParams,
    SetRecipe,
    SetSurgery,
)
from studio.graph.edits.instances import blocks_below
from studio.graph.graph import Node
from studio.graph.migrations import FORMAT
from studio.graph.params import Param, ParamError
from studio.graph.project import (
    DataRef,
    Frame,
    Handling,
    Note,
    Place,
    Project,
    Recipe,
    Split,
    Step,
)
from studio.graph.surgery import Intervention


def project() -> Project:
    net = Net()
    x = net.input()
    with net.block("Res", "keeps its shape") as inner:
        y = inner.input()
        z = inner.add("torch.nn.Conv2d", y, name="conv", out_channels=4, kernel_size=(3, 3))
        inner.output(inner.add("core.add", y, z))
    x = net.use("Res", x, name="res1")
    x = net.add("torch.nn.Linear", x, name="fc", out_features=10)
    net.output(x)
    return net.project()


def test_a_project_comes_back_equal_and_its_text_is_stable(tmp_path: Path) -> None:
    path = tmp_path / "a.loom"
    files.save(project(), path)
    assert files.load(path).project == project()
    assert files.dumps(files.load(path).project) == path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_keys_are_kept_and_written_back() -> None:
    raw = json.loads(files.dumps(project()))
    raw["later"] = {"a": [1, 2]}
    raw["recipe"]["later"] = 3
    raw["networks"]["main"]["later"] = 4
    raw["networks"]["main"]["nodes"][0]["later"] = "five"
    raw["blocks"]["Res"]["later"] = 6
    loaded = files.loads(json.dumps(raw)).project
    assert json.loads(files.dumps(loaded)) == raw


def everything() -> Project:
    """A project that uses every field that a file can hold."""
    built = SetConstants({"width": 4, "size": (2, 3)}).apply(project())
    params = (
        Param("wide", "int", 4, minimum=1),
        Param("size", "ints", (3, 3), choices=((1, 2), 3)),
        Param("formula", "int", "=width*2"),
    )
    built = SetBlock("Res", params, "a block").apply(built)
    two = Node("fc2", "torch.nn.Linear", "fc2", {"out_features": 10}, ("frozen",), shares="fc")
    point = Node("p", "core.reroute", "p")
    built = AddNodes("main", (two, point), {"p": Place(1.5, -2.0)}).apply(built)
    built = SetParams("main", "res1", {"wide": "=width", "repeat": 3}).apply(built)
    states = (Node("h", "core.state", "h"), Node("n", "core.next", "n", {"state": "h"}))
    built = AddNodes("block.Res", states).apply(built)
    built = SetFrame("main", "f", Frame("Head", ("fc", "fc2"), "conv")).apply(built)
    built = SetNote("block.Res", "n", Note("why", 3.0, 4.0)).apply(built)
    return SetSurgery((Intervention("main", "res1/conv", channel=2, amount=0.5),)).apply(built)


def test_every_field_comes_back_equal() -> None:
    assert files.loads(files.dumps(everything())).project == everything()


def test_places_and_frames_of_nodes_that_are_not_there_are_left_out() -> None:
    raw = json.loads(files.dumps(everything()))
    raw["networks"]["main"]["places"]["gone"] = [1, 2]
    raw["networks"]["main"]["frames"]["f"]["nodes"].append("gone")
    assert files.loads(json.dumps(raw)).project == everything()


def test_what_is_nested_too_deeply_is_refused_before_it_cannot_be_saved_again() -> None:
    raw = json.loads(files.dumps(project()))
    raw["later"] = json.loads("[" * 300 + "]" * 300)
    with pytest.raises(files.FileProblem, match="nested too deeply"):
        files.loads(json.dumps(raw), "x.loom")
    raw["later"] = json.loads("[" * 50 + "]" * 50)
    loaded = files.loads(json.dumps(raw)).project
    assert files.loads(files.dumps(loaded)).project == loaded


def test_blocks_that_hold_each_other_open_and_are_kept() -> None:
    raw = json.loads(files.dumps(project()))
    raw["blocks"]["Res"]["sheet"]["nodes"][1]["kind"] = "block.Res"
    ring = files.loads(json.dumps(raw)).project
    assert blocks_below(ring.blocks, ["Res"]) == {"Res"}
    assert json.loads(files.dumps(ring)) == raw
    for edit in (RenameBlock("Res", "Ring"), RemoveNodes("main", ("res1",), heal=True)):
        assert illegal(edit.apply(ring)) != ""  # still a ring, and no traceback
    with pytest.raises(EditRefused):
        MakeBlock("block.Res", ("x",), "Part", "p").apply(ring)


def test_a_newer_format_opens_for_reading_and_says_so() -> None:
    raw = json.loads(files.dumps(project())) | {"format": FORMAT + 1, "new": True}
    loaded = files.loads(json.dumps(raw), "x.loom")
    assert loaded.project.networks == project().networks
    assert "newer Neuroloom" in loaded.readonly
    raw["networks"] = [1, 2]
    with pytest.raises(files.FileProblem, match="Update Neuroloom"):
        files.loads(json.dumps(raw), "x.loom")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "should be JSON"),
        ("{", "line 1, column"),
        ("[1, 2]", "not a Neuroloom project"),
        ('{"format": 1}', "not a Neuroloom project"),
        ('{"format": "1", "networks": {}}', "not a Neuroloom project"),
        ('{"format": 0, "networks": {}}', "format is 0"),
        ('{"format": 1, "networks": {"main": {"nodes": [{"id": 1}]}}}', "not as expected"),
        ('{"format": 1, "networks": {"main": {"links": [["a", "out", "b", "x"]]}}}', "leads to"),
        ('{"format": 1, "networks": {"main": {"links": [["a"]]}}}', "not as expected"),
        ('{"format": 1, "networks": {}, "recipe": {"epochs": "many"}}', "not as expected"),
        ('{"format": 1, "networks": {}, "blocks": {"a b": {"sheet": {}}}}', "no identifier"),
        ('{"format": 1, "networks": {}, "blocks": {"A": {}}}', "not as expected"),
        ('{"format": 1, "networks": {}, "blocks": {"A": 3}}', "not as expected"),
        ('{"format": 1, "networks": {}, "blocks": {"A": {"sheet": {}, "params": 3}}}', "expected"),
        (
            '{"format": 1, "networks": {"main": {"nodes": [{"id": "a/b", "kind": "k", "name": "n"}]}}}',
            "path",
        ),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_and_foreign_text_is_explained(text: str, says: str) -> None:
    with pytest.raises(files.FileProblem, match=says):
        files.loads(text, "x.loom")


def test_a_file_cannot_name_a_node_into_code() -> None:
    raw = json.loads(files.dumps(project()))
    raw["networks"]["main"]["nodes"][0]["name"] = "x = __import__('os')"
    with pytest.raises(files.FileProblem, match="no identifier"):
        files.loads(json.dumps(raw))


def test_every_truncation_is_refused_or_equal() -> None:
    text = files.dumps(project())
    for cut in range(0, len(text) - 2, 97):
        with pytest.raises(files.FileProblem):
            files.loads(text[:cut])


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.loom"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(files.FileProblem, match="UTF-8"):
        files.load(path)
    with pytest.raises(files.FileProblem, match="cannot be read"):
        files.load(tmp_path / "none.loom")


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "a.loom"
    files.save(project(), path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, broken, full)
    with pytest.raises(files.FileProblem, match="no space left"):
        files.save(SetRecipe({"epochs": 3}).apply(project()), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_backups_roll(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, backups = tmp_path / "a.loom", tmp_path / "backups"
    for number in range(8):
        monkeypatch.setattr(files.time, "strftime", lambda _, n=number: f"2026010{n}-000000")
        files.save(SetRecipe({"epochs": number + 1}).apply(project()), path, backups)
    kept = sorted(backups.iterdir())
    assert len(kept) == files.BACKUPS
    assert files.load(kept[-1]).project.recipe.epochs == 7


def test_paths_beside_the_file_move_with_it(tmp_path: Path) -> None:
    inside, outside = tmp_path / "data" / "a.csv", "/elsewhere/b.csv"
    data = DataRef("files.csv", {"path": str(inside), "other": outside})
    path = tmp_path / "a.loom"
    files.save(SetData(data).apply(project()), path)
    assert '"./data/a.csv"' in path.read_text()
    moved = tmp_path / "moved"
    moved.mkdir()
    path.rename(moved / "a.loom")
    params = files.load(moved / "a.loom").project.data.params
    assert params == {"path": str(moved / "data" / "a.csv"), "other": outside}


def test_a_project_without_networks_opens_with_an_empty_sheet() -> None:
    raw = json.loads(files.dumps(project())) | {"networks": {}}
    assert files.loads(json.dumps(raw)).project.sheet("main").graph.nodes == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_what_lies_beyond_any_paper_is_placed_anew(bad: float) -> None:
    sheet = {
        "nodes": [{"id": "a", "kind": "torch.nn.ReLU", "name": "a"}],
        "places": {"a": [bad, 0]},
        "notes": {"n": {"text": "here", "x": bad, "width": bad}, "m": {"text": "there", "x": -40}},
    }
    read = files.read_sheet(sheet)
    assert not read.places  # the canvas lays it out
    assert read.notes == {"n": Note("here"), "m": Note("there", -40)}


def test_a_number_no_message_can_carry_still_opens_and_saves() -> None:
    node = {"id": "a", "kind": "torch.nn.Linear", "name": "a"}
    node |= {"params": {"out_features": 10**30, "bias": (10**400, -(10**400))}}
    text = json.dumps({"format": 1, "networks": {"main": {"nodes": [node]}}})
    project = files.loads(text).project
    params = project.networks["main"].graph.nodes["a"].params
    assert params == {"out_features": 1e30, "bias": (math.inf, -math.inf)}
    assert files.loads(files.dumps(project)).project == project
    with pytest.raises(ParamError, match="a whole number of at least 1, but got 1e\\+30"):
        Param("out_features", "int", minimum=1).check(1e30)
    with pytest.raises(ParamError, match="a whole number"):
        Param("out_features", "int").check(10**400)
    assert Param("rate", "float").check(10**400) == math.inf


def test_a_file_of_the_first_format_clips_the_gradient_as_it_did() -> None:
    raw = json.loads(files.dumps(project()))
    recipe = raw["recipe"] | {"learner_params": {"clip_norm": 2.5, "class_weights": "balanced"}}
    del recipe["clip_norm"]
    loaded = files.loads(json.dumps(raw | {"format": 1, "recipe": recipe}))
    assert loaded.readonly == ""
    assert loaded.project.recipe.clip_norm == 2.5
    assert loaded.project.recipe.learner_params == {"class_weights": "balanced"}


def test_own_settings_and_breakpoints_come_back_as_they_were() -> None:
    recipe = Recipe(
        groups={"conv1": {"lr": 1e-4, "betas": (0.8, 0.9)}},
        breakpoints=(Breakpoint("spike", 3.0, enabled=False),),
        ema=0.99,
    )
    data = DataRef(augment=(Step("flip", {"p": 0.5}),))
    made = replace(project(), recipe=recipe, data=data)
    assert files.loads(files.dumps(made)).project == made


def test_how_data_is_augmented_divided_and_handled_comes_back(tmp_path: Path) -> None:
    data = DataRef(
        augment=(Step("augment.affine", {"degrees": 20.0}), Step("mine.swirl", {"turns": (1, 2)})),
        split=Split(0.1, 0.2, by="groups"),
        handling=Handling(missing="fill", duplicates="drop", memory="stream", memory_gb=2.5),
    )
    path = tmp_path / "one.loom"
    files.save(replace(Project(), data=data), path)
    assert files.load(path).project.data == data
