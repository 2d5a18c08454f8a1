"""Adding, renaming and removing networks; the last one and taken names are refused."""

from __future__ import annotations

import pytest

from studio.graph import files
from studio.graph.edits import AddNetwork, EditRefused, RemoveNetwork, RenameNetwork
from studio.graph.project import Project, Sheet
from studio.graph.surgery import Intervention

PAIR = Project(
    {"generator": Sheet(), "discriminator": Sheet()},
    surgery=(Intervention("generator", "n1", "out"), Intervention("discriminator", "n2", "out")),
)


def test_a_network_is_added_behind_the_others() -> None:
    after = AddNetwork("critic").apply(PAIR)
    assert list(after.networks) == ["generator", "discriminator", "critic"]
    assert (
        files.loads(files.dumps(after), "x.loom").project.networks.keys() == after.networks.keys()
    )


def test_a_new_name_keeps_place_and_surgery() -> None:
    after = RenameNetwork("generator", "painter").apply(PAIR)
    assert list(after.networks) == ["painter", "discriminator"]
    assert [one.network for one in after.surgery] == ["painter", "discriminator"]
    assert RenameNetwork("generator", "generator").apply(PAIR) == PAIR


def test_what_is_removed_takes_its_surgery_along() -> None:
    after = RemoveNetwork("generator").apply(PAIR)
    assert list(after.networks) == ["discriminator"]
    assert [one.network for one in after.surgery] == ["discriminator"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (AddNetwork("generator"), "already"),
        (AddNetwork("2nd"), "cannot be a network's name"),
        (AddNetwork("block.x"), "cannot be a network's name"),
        (RenameNetwork("generator", "discriminator"), "already"),
        (RenameNetwork("nobody", "x"), "no network named 'nobody'"),
        (RemoveNetwork("nobody"), "no network named 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused(edit: AddNetwork, said: str) -> None:
    with pytest.raises(EditRefused, match=said):
        edit.apply(PAIR)


def test_the_last_network_stays() -> None:
    with pytest.raises(EditRefused, match="only network"):
        RemoveNetwork("main").apply(Project())
