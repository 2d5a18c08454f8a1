"""Which tensor of a file goes to which weight, by names and shapes alone."""

from __future__ import annotations

import pytest

from studio.graph.weight_match import Rename, Table, Weight, bare, matched, natural

OURS = (
    Weight("conv1.weight", (8, 3, 3, 3), "n1"),
    Weight("conv1.bias", (8,), "n1"),
    Weight("block.conv.weight", (8, 8, 3, 3), "n2/n1"),
    Weight("fc.weight", (10, 8), "n3"),
    Weight("fc.bias", (10,), "n3"),
)


def theirs(*names: str) -> tuple[Weight, ...]:
    """The same tensors under other names."""
    return tuple(Weight(name, one.shape) for name, one in zip(names, OURS, strict=True))


def hows(table: Table) -> list[str]:
    return [row.how for row in table.rows]


def test_equal_names_match_whatever_their_order() -> None:
    table = matched(OURS, tuple(reversed(theirs(*(one.name for one in OURS)))))
    assert table.pairs == {one.name: one.name for one in OURS}
    assert hows(table) == ["name"] * 5
    assert table.left == ()


@pytest.mark.parametrize("prefix", ["_orig_mod.", "model.", "module.", "module.model."])
def test_what_wrappers_put_in_front_is_taken_off(prefix: str) -> None:
    table = matched(OURS, theirs(*(prefix + one.name for one in OURS)))
    assert table.pairs == {one.name: prefix + one.name for one in OURS}
    assert hows(table) == ["prefix"] * 5


def test_a_longer_way_to_the_same_name_matches_by_its_ending() -> None:
    table = matched(OURS[:2], theirs(*(f"student.part.{one.name}" for one in OURS))[:2])
    assert hows(table) == ["suffix", "suffix"]


def test_a_rule_renames_with_one_part_kept() -> None:
    ours = tuple(Weight(f"layers.{n}.weight", (4, 4)) for n in range(3))
    given = tuple(Weight(f"encoder.{n}.weight", (4, 4)) for n in (2, 0, 1))
    table = matched(ours, given, Rename("encoder.*", "layers.*"))
    assert table.pairs == {f"layers.{n}.weight": f"encoder.{n}.weight" for n in range(3)}
    assert set(hows(table)) == {"renamed"}


def test_a_rule_is_text_not_a_pattern() -> None:
    assert Rename("a.b", "c")("axb.a.b") == "axb.c"
    assert Rename("(", "x")("a(b") == "axb"
    assert Rename("*.w", "*.*")("one.w") == "one.*"
    assert Rename("w", r"\1")("w") == r"\1"


def test_strange_names_match_by_order_and_shape() -> None:
    table = matched(OURS, theirs("a.weight", "a.bias", "b.weight", "c.weight", "c.bias"))
    assert hows(table) == ["order"] * 5
    assert table.pairs["block.conv.weight"] == "b.weight"


def test_another_shape_is_told_and_not_taken() -> None:
    given = (
        *theirs(*(one.name for one in OURS))[:3],
        Weight("fc.weight", (1000, 8)),
        Weight("fc.bias", (1000,)),
    )
    table = matched(OURS, given)
    assert hows(table)[3:] == ["shape", "shape"]
    assert table.rows[3].told == "another shape: 1000×8"
    assert "fc.weight" not in table.pairs


def test_missing_and_left_over_ones_are_told() -> None:
    table = matched(OURS, (*theirs(*(one.name for one in OURS))[:4], Weight("aux.scale", (7,))))
    assert [row.ours.name for row in table.rows if not row.taken] == ["fc.bias"]
    assert table.rows[4].told == "missing in the file"
    assert [one.name for one in table.left] == ["aux.scale"]


def test_a_choice_goes_before_everything() -> None:
    given = theirs(*(one.name for one in OURS))
    table = matched(
        OURS, (*given, Weight("other", (10,))), chosen={"fc.bias": "other", "conv1.bias": ""}
    )
    assert table.pairs["fc.bias"] == "other"
    assert "conv1.bias" not in table.pairs
    assert table.rows[1].told == "left out"


def test_a_choice_of_another_shape_is_not_taken() -> None:
    table = matched(OURS, (Weight("other", (3,)),), chosen={"fc.bias": "other"})
    assert table.rows[4].how == "shape"
    assert table.pairs == {}


def test_no_tensor_goes_to_two_weights() -> None:
    ours = tuple(Weight(f"layer{n}.weight", (4, 4)) for n in range(6))
    given = tuple(Weight(f"module.layer{n}.weight", (4, 4)) for n in (1, 3))
    taken = list(matched(ours, given).pairs.values())
    assert sorted(taken) == ["module.layer1.weight", "module.layer3.weight"]


def test_names_count_as_people_do() -> None:
    assert sorted(["l.10.w", "l.2.w", "l.w"], key=natural) == ["l.2.w", "l.10.w", "l.w"]
    assert bare("module.") == "module."
