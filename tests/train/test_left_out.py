"""A look that fails is said once and left out; the run goes on as if nobody had looked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hand_written import Case, Chain, epochs, mlp
from torch import Tensor

from studio.engine import protocol as p
from studio.engine.runs import MomentWriter
from studio.train.insight import Insights
from studio.train.left_out import LeftOut
from studio.train.looking import LAYERS, PREVIEW
from studio.train.probes import Probes
from studio.train.recording import INSIGHTS, Recorder
from studio.train.supervised import _Supervising


def broken(*args: object, **named: object) -> None:
    raise RuntimeError("einsum(): operands do not broadcast\nmore")


def warnings_of(events: list[p.Event]) -> list[str]:
    return [event.problem.message for event in events if isinstance(event, p.ProblemFound)]


LOOKS = [
    (INSIGHTS, Insights, "look"),
    (LAYERS, Probes, "_run"),
    (LAYERS, Probes, "_dead"),
    (PREVIEW, _Supervising, "preview"),
]


@pytest.mark.parametrize(
    ("name", "owner", "method"), LOOKS, ids=[f"{o.__name__}.{m}" for _, o, m in LOOKS]
)
def test_a_look_that_fails_is_said_once_and_the_run_goes_on(
    name: str, owner: type, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Case(tmp_path / "plain", mlp, epochs=4).run()
    monkeypatch.setattr(owner, method, broken)
    case = Case(tmp_path / "broken", mlp, epochs=4)
    case.controls.step()  # pauses look again
    case.controls.resume()
    events = case.run()
    assert isinstance(events[-1], p.Finished)
    told = [words for words in warnings_of(events) if "cannot be shown" in words]
    assert told == [
        f"{name} cannot be shown for the rest of this run "
        "(RuntimeError: einsum(): operands do not broadcast). Training goes on without."
    ]
    assert [e.metrics for e in epochs(events)] == [e.metrics for e in epochs(plain)]
    if name != LAYERS:
        assert any(isinstance(event, p.LayerStats) for event in events)


def test_a_network_that_cannot_be_looked_into_still_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tapped(self: Chain, x: Tensor, tap: object) -> Tensor:
        raise IndexError("nothing to gather")

    monkeypatch.setattr(Chain, "forward_tapped", tapped)
    case = Case(tmp_path, epochs=2)
    case.controls.watch(8.0)
    events = case.run()
    started = events[0]
    assert isinstance(started, p.Started)
    assert started.nodes == ()
    assert isinstance(events[-1], p.Finished)
    (told,) = [words for words in warnings_of(events) if "cannot be shown" in words]
    assert told.startswith(f"{LAYERS} cannot be shown")
    assert "IndexError: nothing to gather" in told
    assert not any(isinstance(event, p.LayerStats) for event in events)


def test_moments_are_kept_without_what_could_not_be_looked_at(tmp_path: Path) -> None:
    left_out = LeftOut()

    def never() -> Insights:
        raise RuntimeError("no")

    recorder = Recorder(never, MomentWriter(tmp_path), left_out=left_out)
    pictures = p.Pictures(1, {}, *(torch.zeros(0, 2).numpy(),) * 2, torch.zeros(0).numpy())
    insight = recorder.record(p.LayerStats(1, {}), pictures)
    assert (insight.kept, insight.filters, insight.embedding) == ((1,), {}, None)
    assert len(left_out.news(1)) == 1
    assert left_out.news(1) == []


def test_a_full_disk_is_not_left_out() -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        LeftOut().look("Moments", full, None)
