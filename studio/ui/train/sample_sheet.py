"""Validation samples as a sheet of pictures with what was read in each; a click explains one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QWidget

from studio.engine import protocol as p
from studio.session.judging import SPLIT, Judged
from studio.session.session import Session
from studio.ui import controls
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Remark
from studio.ui.views.tiles import SampleGrid, Tile, sample_image


class SampleSheet(SampleGrid):
    """A grid that fetches its pictures. `picked` carries the sample that was clicked."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self._session = session
        self._look_of = theme
        self._of: object = None
        self.wanted.connect(self._fetch)

    def sizeHint(self) -> QSize:
        return QSize(296, 160)

    def show_samples(self, samples: Sequence[int], tile: Callable[[int], Tile]) -> None:
        """Show these samples of the shown run's data."""
        data = self._session.subject.data
        if data != self._of:
            self._of = data
            self.forget_pictures()
        self.choose(-1, tell=False)
        self.set_samples(samples, tile)

    def _fetch(self, samples: tuple[int, ...]) -> None:
        data = self._of

        def came(answer: p.Answer) -> None:
            if isinstance(answer, p.SampleSet) and data == self._of:
                for index, values in zip(answer.indices, answer.inputs, strict=True):
                    self.set_picture(index, sample_image(self._look_of, values))

        request = p.GetSamples(self._session.subject.data, SPLIT, samples)
        self._session.ask(request, came, lambda refused: self.drop_asked(samples))


class CellSamples(QFrame):
    """A popup with the samples of one cell of the confusion table."""

    sample_wanted = Signal(int)

    def __init__(self, session: Session, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("surface", "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Samples of a cell")
        self.title = controls.label(theme, "", weight=600)
        self.remark = Remark(theme)
        self.sheet = SampleSheet(session, theme)
        self.sheet.picked.connect(self._on_picked)
        column = controls.column(self, margins=12, spacing=6)
        column.addWidget(self.title)
        column.addWidget(self.remark)
        column.addWidget(self.sheet, 1)
        self.resize(344, 236)

    def open_at(self, at: QPoint) -> None:
        """Show the popup left of and above a place, within the screen."""
        screen = self.screen().availableGeometry()
        left = min(max(at.x() - self.width(), screen.left()), screen.right() - self.width())
        top = min(max(at.y() - self.height() // 2, screen.top()), screen.bottom() - self.height())
        self.move(left, top)
        self.show()
        self.sheet.setFocus()

    def say(self, title: str, message: str) -> None:
        """Show a sentence while there are no samples, or because there are none."""
        self.title.setText(title)
        self.remark.put("")
        self.sheet.empty_text = message
        self.sheet.show_samples((), lambda index: Tile(""))

    def show_cell(self, title: str, judged: Judged, true: int, read: int) -> None:
        """Show the samples of class `true` that were read as `read`, the surest first."""
        outputs, targets = judged.predictions.outputs, judged.predictions.targets
        sure = outputs.max(1)
        found = np.flatnonzero((targets == true) & (outputs.argmax(1) == read))
        found = found[np.argsort(-sure[found], kind="stable")]
        step = Theme.number(judged.step)
        if not found.size:
            self.say(title, f"No sample with the weights of step {step}.")
            return
        self.title.setText(title)
        count = Theme.number(len(found))
        samples = "1 sample" if len(found) == 1 else f"{count} samples"
        self.remark.put(f"{samples} at step {step}, and how sure; a click explains")
        self.sheet.show_samples(
            found.tolist(),
            lambda k: Tile(percent(float(sure[k]), 0), "", read != true, f"{title}, {k}"),
        )

    def _on_picked(self, index: int) -> None:
        self.hide()
        self.sample_wanted.emit(index)


def worded(
    judged: Judged, losses: np.ndarray, task: str, names: Sequence[str]
) -> Callable[[int], Tile]:
    """Return what words a sample: what was read, what is true, and how much that cost."""
    outputs, targets = judged.predictions.outputs, judged.predictions.targets

    def name(k: int) -> str:
        return names[k] if 0 <= k < len(names) else str(k)

    def tile(k: int) -> Tile:
        cost = f"loss {short(float(losses[k]))}"
        if task == "classification":
            read, true = int(outputs[k].argmax()), int(targets[k])
            sure = percent(float(outputs[k].max()), 0)
            remark = f"not {name(true)}" if read != true else ""
            tip = f"read as {name(read)}, {sure} sure; it is {name(true)}; {cost}"
            return Tile(name(read), remark, read != true, tip)
        if task == "multi-label":
            wrong = int(((outputs[k] >= 0.5) != (targets[k] >= 0.5)).sum())
            return Tile(f"{wrong} wrong" if wrong else "right", "", wrong > 0, cost)
        read_value = short(float(outputs[k].reshape(-1)[0]))
        true_value = short(float(np.reshape(targets[k], -1)[0]))
        return Tile(
            read_value, f"/ {true_value}", False, f"{read_value}, true {true_value}; {cost}"
        )

    return tile
