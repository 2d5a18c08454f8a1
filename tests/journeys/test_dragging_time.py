"""The Time line, dragged by mouse: every panel shows the step that the handle stands at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage

from studio.graph.edits import SetRecipe
from studio.ui.views.numbers import short

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
TRAIN = 1


def test_time_is_dragged_back_and_forth(sit_down: Callable[..., Person], tmp_path: Path) -> None:
    me = sit_down()
    session = me.session
    me.keys("ctrl+2")
    me.until(lambda: me.window.current == TRAIN)
    train = me.window.workspace(TRAIN)
    session.do(SetRecipe({"epochs": 20}))
    me.until(lambda: session.settled and not session.can_train(), 30)
    me.press(me.window.toolbar.main)
    me.until(lambda: session.training == "ended", 120)
    history, scrubber = session.history, train.scrubber
    assert len(history.moments) > 2
    me.rest(0.5)
    first, last = history.moments[0], history.moments[-1]
    for tabs in (train._seen, train._tabs):
        if tabs.indexOf(train.filters) >= 0:
            tabs.setCurrentWidget(train.filters)
    conv = next(iter(history.insight.filters))
    train.show_layer(conv)
    me.rest(0.5)

    looks = (train.predictions.strip, train.filters.view, train.canvas.canvas, train.curves)

    def seen() -> list[QImage]:
        """What a person sees of predictions, filters, previews on nodes, and curves."""
        return [one.grab().toImage() for one in looks]

    live = seen()
    early = history.moments[1]

    # Drag the handle from now to an early moment.
    def at(step: int) -> QPoint:
        return scrubber.mapToGlobal(QPoint(round(scrubber._x(step)), 62))

    me.drag(at(last), at(early))
    me.until(lambda: history.at == early and scrubber.shown == early, 20)
    me.rest(0.5)
    stored = history.moment
    assert stored is not None
    assert stored.step == early
    me.picture(tmp_path / "back.png")
    back = seen()
    assert all(one != other for one, other in zip(live, back, strict=True))
    # Each panel shows that step's own values.
    wrong = int((stored.pictures.outputs.argmax(1) != stored.pictures.targets).sum())
    assert train.predictions.count.text() == f"{24 - wrong} right, {wrong} wrong"
    assert train.canvas.remark.text() == f"as it was at step {early}"
    kept = train.canvas.canvas.living.store
    assert np.array_equal(kept.maps[conv], stored.pictures.maps[conv])
    limit = short(stored.insight.limits[conv])
    assert train.filters.remark.text() == f"weights of ±{limit}"
    assert {plot._held for plot in train.curves.plots} == {train.curves._place(early)}

    # By keys: one moment back, on to the end, and live again.
    me.keys("Left")
    me.until(lambda: history.at == first, 20)
    me.keys("Right")
    me.until(lambda: history.at == early, 20)
    me.keys("End")
    me.until(lambda: history.at is None and scrubber.shown is None, 20)
    me.rest(0.5)
    assert train.canvas.remark.text() == "live on the probe image"
    assert {plot._held for plot in train.curves.plots} == {None}
    strip, filters, *_ = seen()
    assert (strip, filters) == (live[0], live[1])
