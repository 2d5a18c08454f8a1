"""The sample browser: filter, order, walk."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from studio.ui import controls
from studio.ui.explain.subject import Subject
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Flow, Panel
from studio.ui.views.tiles import SampleGrid, Tile, sample_image

ORDERS = ("in order", "most sure", "least sure")
REGRESSION_ORDERS = ("in order", "most wrong", "least wrong")


class SampleBrowser(Panel):
    """Chips that filter, one combo that orders, and the grid. Choosing goes to the subject."""

    def __init__(self, theme: Theme, subject: Subject, parent: QWidget | None = None) -> None:
        super().__init__(theme, "Samples", parent=parent)
        self._theme, self._subject = theme, subject
        self.setMinimumWidth(220)
        self.order = QComboBox()
        self.order.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.order.setAccessibleName("Order of the samples")
        self.order.activated.connect(lambda: self._show())
        self.add_to_head(self.order)
        self.filters = {
            "all": controls.chip(theme, "All", checked=True),
            "wrong": controls.chip(theme, "Wrong"),
            "unsure": controls.chip(theme, "Least sure"),
        }
        chips = Flow(spacing=6)
        for name, made in self.filters.items():
            made.clicked.connect(lambda _=False, chosen=name: self.set_filter(chosen))
            chips.addWidget(made)
        self.body.addLayout(chips)
        self._class_row = QWidget()
        self._class_chips = Flow(spacing=4)
        line = controls.row(self._class_row)
        line.addWidget(controls.label(theme, "class", "3"), 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(self._class_chips, 1)
        self.body.addWidget(self._class_row)
        self.classes: list[QPushButton] = []
        self._names: tuple[str, ...] = ()
        self._task = ""
        self._filter = "all"

        self.grid = SampleGrid(theme)
        self.grid.empty_text = "Reading the validation samples…"
        self.grid.picked.connect(subject.choose)
        self.grid.wanted.connect(subject.fetch)
        self.body.addWidget(self.grid, 1)
        self.foot = controls.label(theme, "", "2", "caption", wrap=True)
        self.body.addWidget(self.foot)
        self._span = (0.0, 0.0)

        subject.changed.connect(self._on_changed)
        subject.refused.connect(self._on_refused)
        subject.working.connect(self._on_working)
        subject.sample_arrived.connect(self._on_arrived)
        subject.sample_changed.connect(lambda index: self.grid.choose(index, tell=False))
        subject.sample_changed.connect(lambda index: self._show_foot())

    # --------------------------------------------------------------------------------------- choices

    def set_filter(self, name: str) -> None:
        """Show all samples, those read wrongly, or the least sure first."""
        self._filter = name
        for key, made in self.filters.items():
            made.setChecked(key == name)
        unsure = 2 if self._subject.is_classification else 1
        self.order.setCurrentIndex({"all": 0, "wrong": 1, "unsure": unsure}[name])
        self._narrow()

    def _narrow(self) -> None:
        """Show what fits the person's choice, and look at the first of it where the present one does not."""
        self._show()
        if self.grid.order and self._subject.sample not in self.grid.order:
            self._subject.choose(self.grid.order[0])

    def walk(self, by: int) -> None:
        """Choose the next or the previous sample."""
        self.grid.walk(by)

    # ------------------------------------------------------------------------------------- the subject

    def _on_working(self, done: int, total: int) -> None:
        if not self._subject.count:
            self.grid.empty_text = "Reading the validation samples…"
            self.grid.viewport().update()

    def _on_refused(self, message: str) -> None:
        self.grid.empty_text = message
        self.grid.set_samples((), self._tile)
        self.remark.put("")

    def _on_changed(self) -> None:
        subject = self._subject
        assert subject.facts is not None
        self._build_classes(subject.facts.classes if subject.is_classification else ())
        if subject.facts.task != self._task:
            self._task = subject.facts.task
            self.order.clear()
            self.order.addItems(ORDERS if subject.is_classification else REGRESSION_ORDERS)
        self.filters["wrong"].setVisible(subject.is_classification)
        self.filters["unsure"].setText(
            "Least sure" if subject.is_classification else "Largest error"
        )
        if not subject.is_classification and self._filter == "wrong":
            self._filter = "all"
        self.remark.put(f"{Theme.number(subject.count)} validation")
        if subject.is_classification:
            self.filters["wrong"].setText(f"Wrong {Theme.number(int(self._wrong().sum()))}")
        self._show()
        if subject.sample < 0 and self.grid.order:
            self._subject.choose(self.grid.order[0])
        self._show_foot()

    def _build_classes(self, names: tuple[str, ...]) -> None:
        if names == self._names:
            return
        self._names = names
        for old in self.classes:
            self._class_chips.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.classes = []
        for name in names[:40]:
            made = controls.chip(self._theme, name)
            made.clicked.connect(lambda: self._narrow())
            self._class_chips.addWidget(made)
            self.classes.append(made)
        self._class_row.setVisible(bool(names))

    def _on_arrived(self, index: int) -> None:
        values = self._subject.values(index)
        if values is not None:
            facts = self._subject.facts
            low, high = facts.value_range if facts is not None else (0.0, 0.0)
            self.grid.set_picture(index, sample_image(self._theme, values, low, high))

    # ----------------------------------------------------------------------------------------- showing

    def _wrong(self) -> np.ndarray:
        predictions = self._subject.predictions
        assert predictions is not None
        read = np.argmax(predictions.outputs, axis=1)
        return np.asarray(read != predictions.targets.astype(np.int64))

    def _sureness(self) -> np.ndarray:
        """The probability of what was read; of a regression the negative error."""
        predictions = self._subject.predictions
        assert predictions is not None
        if self._subject.is_classification:
            return np.asarray(predictions.outputs.max(axis=1))
        count = len(predictions.targets)
        error = predictions.outputs.reshape(count, -1) - predictions.targets.reshape(count, -1)
        return np.asarray(-np.abs(error).max(axis=1))

    def _show(self) -> None:
        subject = self._subject
        if subject.predictions is None:
            return
        keep = np.ones(subject.count, dtype=bool)
        if self._filter == "wrong":
            keep &= self._wrong()
        chosen = [k for k, made in enumerate(self.classes) if made.isChecked()]
        if chosen:
            keep &= np.isin(subject.predictions.targets.astype(np.int64), chosen)
        indices = np.flatnonzero(keep)
        order = self.order.currentIndex()
        if order > 0:
            sure = self._sureness()[indices]
            first_sure = (order == 1) == subject.is_classification
            indices = indices[np.argsort(-sure if first_sure else sure, kind="stable")]
        self.grid.empty_text = (
            "No sample is read wrongly." if self._filter == "wrong" else "No sample fits."
        )
        self.grid.set_samples([int(k) for k in indices], self._tile)

    def _tile(self, index: int) -> Tile:
        subject = self._subject
        predictions = subject.predictions
        if predictions is None:
            return Tile("")
        if not subject.is_classification:
            read = float(np.ravel(predictions.outputs[index])[0])
            true = float(np.ravel(predictions.targets[index])[0])
            return Tile(short(read), f"/ {short(true)}", tip=f"{short(read)}, truly {short(true)}")
        read, true = subject.read(index), subject.true(index)
        share = float(predictions.outputs[index][read])
        name = subject.class_name
        tip = f"read as {name(read)} ({percent(share)}), truly {name(true)}"
        if read != true:
            return Tile(name(read), f"not {name(true)}", wrong=True, tip=tip)
        return Tile(name(read), percent(share, 0), tip=tip)

    def _show_foot(self) -> None:
        subject = self._subject
        if subject.sample < 0 or subject.predictions is None or subject.sample >= subject.count:
            self.foot.setText("")
            return
        tile = self._tile(subject.sample)
        self.foot.setText(f"Sample {Theme.number(subject.sample)}: {tile.tip}")
