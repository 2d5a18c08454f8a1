"""What wires run around is found as if every box were looked at."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.ui.canvas.routes import Box, Obstacles, Point

coordinates = st.integers(-700, 700).map(float)
sizes = st.integers(1, 600).map(float)
boxes = st.tuples(coordinates, coordinates, sizes, sizes).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
owners = st.sampled_from(["node", "other", ("a", 1), ("a", 2), ("b", 1)])
acts = st.lists(st.tuples(owners, st.lists(boxes, max_size=3)), max_size=12)


def runs_into(held: dict[object, list[Box]], a: Point, b: Point, source: str | None) -> bool:
    upright = a[0] == b[0]
    aside, above = (6.0, 0.0) if upright else (0.0, 6.0)
    left, right = min(a[0], b[0]) - aside, max(a[0], b[0]) + aside
    top, bottom = min(a[1], b[1]) - above, max(a[1], b[1]) + above
    return any(
        box[0] < right and left < box[2] and box[1] < bottom and top < box[3]
        for owner, found in held.items()
        if not (isinstance(owner, tuple) and owner[0] == source)
        for box in found
    )


@settings(max_examples=150, deadline=None)
@given(acts, coordinates, coordinates, sizes, st.booleans(), st.sampled_from(["a", "b", None]))
def test_a_line_runs_into_what_a_slow_look_finds(
    drawn: list[tuple[object, list[Box]]],
    x: float,
    y: float,
    length: float,
    upright: bool,
    source: str | None,
) -> None:
    obstacles, held = Obstacles(), {}
    a, b = (x, y), (x, y + length) if upright else (x + length, y)
    for owner, found in drawn:
        obstacles.put(owner, *found)
        held[owner] = found
        expected = runs_into(held, a, b, source)
        assert obstacles.blocks(a, b, source) == expected
        assert obstacles.clear_run((a, b), source, {}) != expected
    for owner in list(held):
        obstacles.drop(owner)
        del held[owner]
        assert obstacles.blocks(b, a, source) == runs_into(held, a, b, source)
