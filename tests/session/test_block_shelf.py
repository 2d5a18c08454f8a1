"""The person's own blocks: saved whole, used anywhere, and bad files told as what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.graph.builder import Net
from studio.graph.document import Document
from studio.graph.edits import Connect, SetConstants, SetParams
from studio.graph.graph import link
from studio.graph.project import Place, Project
from studio.session import events as e
from studio.session.block_shelf import BlockShelf


def nested() -> Project:
    """A block made of another, one of whose layers reads a constant."""
    net = Net()
    with net.block("Inner") as inner:
        inner.output(inner.add("torch.nn.Linear", inner.input(), name="fc", out_features=4))
    with net.block("Outer", "twice") as outer:
        outer.output(outer.use("Inner", outer.use("Inner", outer.input(), name="a"), name="b"))
    net.output(net.use("Outer", net.input(), name="whole"))
    project = SetConstants({"width": 8, "unread": 3}).apply(net.project())
    return SetParams("block.Inner", "fc", {"out_features": "=width"}).apply(project)


@pytest.fixture
def told() -> list[e.SessionEvent]:
    return []


@pytest.fixture
def shelf(tmp_path: Path, told: list[e.SessionEvent]) -> BlockShelf:
    return BlockShelf(tmp_path / "blocks", told.append)


def test_a_saved_block_comes_into_another_project_with_all_that_it_needs(
    shelf: BlockShelf, told: list[e.SessionEvent]
) -> None:
    assert shelf.stored() == ()
    assert shelf.keep(nested(), "Outer")
    assert told == [e.BlocksChanged()]
    (saved,) = shelf.stored()
    assert (saved.name, saved.fault) == ("Outer", None)
    assert saved.block == nested().blocks["Outer"]
    document = Document()
    edit = shelf.use(document.project, "main", "Outer", Place(40.0, 80.0))
    assert edit is not None
    document.do(edit)
    after = document.project
    assert after.blocks == nested().blocks
    assert after.constants == {"width": 8}
    (node,) = after.sheet("main").graph.nodes.values()
    assert (node.kind, node.name) == ("block.Outer", "outer")
    assert after.sheet("main").places[node.id] == Place(40.0, 80.0)
    document.undo()
    assert document.project == Project()


def test_a_block_that_the_project_has_otherwise_comes_beside_it(shelf: BlockShelf) -> None:
    shelf.keep(nested(), "Outer")
    changed = SetParams("block.Inner", "fc", {"out_features": 5}).apply(nested())
    edit = shelf.use(changed, "main", "Outer", Place(0, 0))
    assert edit is not None
    after = edit.apply(changed)
    assert set(after.blocks) == {"Inner", "Outer", "Inner2", "Outer2"}
    assert after.blocks["Inner"] == changed.blocks["Inner"]
    kinds = {node.kind for node in after.blocks["Outer2"].sheet.graph.nodes.values()}
    assert "block.Inner2" in kinds
    assert "block.Inner" not in kinds
    again = shelf.use(after, "main", "Outer", Place(0, 0))
    assert again is not None
    assert set(again.apply(after).blocks) == set(after.blocks)


def test_saving_again_replaces_only_when_asked(
    shelf: BlockShelf, told: list[e.SessionEvent]
) -> None:
    shelf.keep(nested(), "Inner")
    project = Connect("block.Inner", link("x", "out", "out", "x")).apply(nested())
    assert not shelf.keep(project, "Inner")
    assert isinstance(told[-1], e.Noticed)
    assert "saved already" in told[-1].text
    assert shelf.stored()[0].block == nested().blocks["Inner"]
    assert shelf.keep(project, "Inner", replacing=True)
    assert shelf.stored()[0].block == project.blocks["Inner"]
    assert not shelf.keep(project, "Nobody")


def test_a_deleted_block_lies_in_the_bin(shelf: BlockShelf, tmp_path: Path) -> None:
    shelf.keep(nested(), "Inner")
    assert shelf.remove("Inner")
    assert shelf.stored() == ()
    assert (tmp_path / "blocks" / ".bin" / "Inner.loom").exists()
    assert not shelf.remove("Inner")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("Empty", b"", "holds no graph"),
        ("Bytes", b"\x89PNG\xff\xfe", "should be text"),
        ("Deep", b'{"loom": "fragment", "nodes": ' + b"[" * 900 + b"]" * 900 + b"}", "no graph"),
        ("Other", b'{"loom": "fragment", "nodes": [{"id": "a", "kind": "k", "name": "x"}]}', "one"),
        ("Torn", b'{"loom": "fragment", "nodes": [{"id": "a"}]}', "not as expected"),
        (
            "Lone",
            b'{"loom": "fragment", "nodes": [{"id": "a", "kind": "block.Lone", "name": "x"}]}',
            "does not bring along",
        ),
        ("a b", b"{}", "not named after a block"),
    ],
)
def test_a_bad_file_is_a_fault_beside_the_good_ones(
    shelf: BlockShelf,
    told: list[e.SessionEvent],
    tmp_path: Path,
    name: str,
    content: bytes,
    says: str,
) -> None:
    shelf.keep(nested(), "Inner")
    (tmp_path / "blocks" / f"{name}.loom").write_bytes(content)
    faults = {one.name: one.fault for one in shelf.stored()}
    assert faults.pop("Inner") is None
    (fault,) = faults.values()
    assert fault is not None
    assert says in fault.message
    assert shelf.use(Project(), "main", name, Place(0, 0)) is None
    assert told[-1] == e.Noticed(fault.message, "warning")


def test_a_block_that_holds_itself_is_refused_by_the_project(
    shelf: BlockShelf, tmp_path: Path
) -> None:
    shelf.keep(nested(), "Outer")
    file = tmp_path / "blocks" / "Outer.loom"
    file.write_text(file.read_text().replace('"kind": "torch.nn.Linear"', '"kind": "block.Outer"'))
    edit = shelf.use(Project(), "main", "Outer", Place(0, 0))
    assert edit is not None
    with pytest.raises(ValueError, match="without end"):
        edit.apply(Project())


def test_what_another_window_saves_is_noticed(
    shelf: BlockShelf, told: list[e.SessionEvent], tmp_path: Path
) -> None:
    BlockShelf(tmp_path / "blocks", lambda event: None).keep(nested(), "Inner")
    shelf.look()
    shelf.look()
    assert told == [e.BlocksChanged()]
    assert [one.name for one in shelf.stored()] == ["Inner"]


def test_a_folder_that_cannot_be_written_is_told(
    told: list[e.SessionEvent], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = BlockShelf(tmp_path / "file", told.append)
    assert not shelf.keep(nested(), "Inner")
    assert isinstance(told[0], e.Noticed)
    assert "not saved" in told[0].text
