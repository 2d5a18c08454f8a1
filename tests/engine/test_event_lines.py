"""Events survive as lines, also with figures that broke."""

from __future__ import annotations

import math

from studio.engine import event_lines
from studio.engine import protocol as p


def test_a_broken_figure_costs_no_event() -> None:
    stat = p.LayerStat(math.nan, 1.0, 0.0, grad=math.inf, low=-1.0, high=1.0)
    sound = p.LayerStat(0.5, 1.0, 0.0)
    event = p.LayerStats(7, {"fc1": stat, "act": sound}, {"fc1:out": math.nan})
    (again,) = event_lines.decode([event_lines.encode(event)])
    assert isinstance(again, p.LayerStats)
    assert math.isnan(again.nodes["fc1"].mean)
    assert again.nodes["fc1"].grad is not None
    assert not math.isfinite(again.nodes["fc1"].grad)
    assert again.nodes["act"] == sound
    assert math.isnan(again.flows["fc1:out"])


def test_a_cut_or_foreign_line_is_left_out() -> None:
    whole = event_lines.encode(p.ControlApplied("paused", 3))
    lines = [
        whole,
        b'{"type": "Unheard"}\n',
        b'{"type": "ControlApplied", "action": 3}\n',
        whole[:-4],
    ]
    assert [event.step for event in event_lines.decode(lines)] == [3]  # type: ignore[union-attr]
