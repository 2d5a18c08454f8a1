"""The Explain workspace: one private copy of the network, one sample, two tabs of answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QSplitter,
    QStackedWidget,
    QTabBar,
    QWidget,
)

from studio.engine import protocol as p
from studio.session import events as e
from studio.session.session import Session
from studio.ui import controls
from studio.ui.canvas.surgery_bar import SurgeryBar
from studio.ui.canvas.surgery_list import heal
from studio.ui.explain.attention import Attention
from studio.ui.explain.attribution import Attribution
from studio.ui.explain.figure import save_figure
from studio.ui.explain.samples import SampleBrowser
from studio.ui.explain.subject import Subject
from studio.ui.theme import Theme

#: Asks where to write a figure; "" when the person thought better of it.
AskPath = Callable[[QWidget], str]


class ExplainWorkspace(QWidget):
    """Sample browser at the left, Attribution and Attention beside it; works while training runs."""

    def __init__(
        self,
        session: Session,
        theme: Theme,
        parent: QWidget | None = None,
        ask_path: AskPath | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._theme = session, theme
        self._ask_path = ask_path or _ask_path
        self.subject = Subject(session, self)
        self.samples = SampleBrowser(theme, self.subject)
        self.attribution = Attribution(session, theme, self.subject)
        self.attention = Attention(session, theme, self.subject)
        self._assemble()
        self._add_actions()
        #: A sample that is explained when the predictions have come.
        self._sample_wanted: int | None = None
        self.subject.changed.connect(self._show_status)
        self.subject.changed.connect(self._choose_wanted)
        self.subject.refused.connect(self._on_refused)
        self.subject.working.connect(self._on_working)

    def _assemble(self) -> None:
        theme = self._theme
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.pages = QStackedWidget()
        for title, page in (("Attribution", self.attribution), ("Attention", self.attention)):
            self.tabs.addTab(title)
            self.pages.addWidget(page)
        self.tabs.currentChanged.connect(self.pages.setCurrentIndex)
        self.status = controls.label(theme, "", "3")
        self.weights = QComboBox()
        self.weights.setAccessibleName("Weights to explain")
        self.weights.setMinimumWidth(200)
        self.weights.activated.connect(lambda: self._refresh())
        self.refresh = controls.button(theme, "Refresh", icon="reset")
        self.refresh.setToolTip("Take the newest weights")
        self.refresh.clicked.connect(self._on_refresh)
        self.export = controls.button(theme, "Export figure", icon="export")
        self.export.setToolTip("Write the picture as PNG and its numbers as NPZ")
        self.export.clicked.connect(self._on_export)
        top = controls.surface("panel")
        top.setFixedHeight(36)
        line = controls.row(top)
        line.setContentsMargins(8, 0, 12, 0)
        line.addWidget(self.tabs)
        line.addSpacing(12)
        line.addWidget(self.status, 1)
        line.addWidget(controls.label(theme, "Weights", "3"))
        for widget in (self.weights, self.refresh, self.export):
            line.addWidget(widget)
        parts = QSplitter(Qt.Orientation.Horizontal)
        parts.setHandleWidth(1)
        parts.setChildrenCollapsible(False)
        parts.addWidget(self.samples)
        parts.addWidget(self.pages)
        parts.setStretchFactor(1, 1)
        parts.setSizes([296, 1304])
        column = controls.column(self)
        column.addWidget(top)
        column.addWidget(controls.rule())
        self.surgery = SurgeryBar(theme)
        self.surgery.healed.connect(lambda ended: heal(self._session, ended))
        column.addWidget(self.surgery)
        column.addWidget(parts, 1)

    def _add_actions(self) -> None:
        """What the Explain menu and the command palette offer."""
        for title, keys, then in (
            ("Next sample", "Right", lambda: self.samples.walk(1)),
            ("Previous sample", "Left", lambda: self.samples.walk(-1)),
            ("Maps over the image", "O", self.attribution.maps.toggle_over),
            ("Attribution", "", lambda: self.tabs.setCurrentIndex(0)),
            ("Attention", "", lambda: self.tabs.setCurrentIndex(1)),
            ("Take the newest weights", "", self._on_refresh),
            ("Export figure…", "", self._on_export),
        ):
            action = QAction(title, self)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, chosen=then: chosen())
            self.addAction(action)

    def show_sample(self, index: int) -> None:
        """Explain a validation sample, as soon as the predictions are there."""
        self._sample_wanted = index
        self._choose_wanted()

    def _choose_wanted(self) -> None:
        if self._sample_wanted is not None and self.subject.predictions is not None:
            self.subject.choose(self._sample_wanted)
            self._sample_wanted = None

    # -------------------------------------------------------------------------------------- weights

    def showEvent(self, event: object) -> None:
        if self.subject.stale:
            self._refresh()

    def _on_refresh(self) -> None:
        self.weights.setCurrentIndex(0)
        self._refresh()

    def _refresh(self) -> None:
        if self.isVisible():
            self.subject.refresh(self.weights.currentData())
        else:
            self.subject.stale = True

    def _fill_weights(self) -> None:
        """The newest weights first, then every checkpoint, the newest first."""
        chosen = self.weights.currentData()
        self.weights.clear()
        subject = self.subject
        step = Theme.number(subject.step)
        if subject.live:
            self.weights.addItem(f"live, step {step}", None)
        elif subject.weights and chosen is None:
            self.weights.addItem(f"newest, step {step}", None)
        elif self._session.history.checkpoints:
            self.weights.addItem("newest", None)
        else:
            self.weights.addItem("untrained", None)
        for saved in reversed(self._session.history.checkpoints):
            best = " · best" if saved.best else ""
            words = f"epoch {saved.epoch} · step {Theme.number(saved.step)}{best}"
            self.weights.addItem(words, saved)
            if chosen is not None and saved.path == chosen.path:
                self.weights.setCurrentIndex(self.weights.count() - 1)

    def _show_status(self) -> None:
        self._fill_weights()
        self.surgery.show_surgery(self.subject.project)
        step = Theme.number(self.subject.step)
        if self._session.training in ("running", "paused"):
            words = f"Explaining a private copy of step {step}: training is untouched"
        elif self.subject.weights:
            words = f"Explaining a private copy of step {step}"
        else:
            words = "Explaining untrained weights"
        self.status.setText(words)

    def _on_working(self, done: int, total: int) -> None:
        share = f" {100 * done // total} %" if total else ""
        self.status.setText(f"Reading the validation samples…{share}")

    def _on_refused(self, message: str) -> None:
        self._fill_weights()
        self.surgery.show_surgery(self.subject.project)
        self.status.setText(message)

    def on_event(self, event: e.SessionEvent) -> None:
        """Take fresh weights where what is explained has changed."""
        match event:
            case e.HistoryOpened() | e.DocumentOpened():
                self.weights.setCurrentIndex(0)
                self._stale()
            case e.TrainingChanged(state="ended"):
                self._stale()
            case e.DocumentChanged(before, after) if before.surgery != after.surgery:
                self._stale()
            case e.DocumentChanged() if not self._session.history.folder:
                self._stale()
            case e.CatalogChanged():
                self.attribution.show_methods()
                self.attention.show_catalog()
            case e.RunEvent(event=p.CheckpointSaved()):
                self._fill_weights()
            case _:
                pass

    def _stale(self) -> None:
        self.subject.stale = True
        if self.isVisible():
            self._refresh()

    # --------------------------------------------------------------------------------------- export

    def _on_export(self) -> None:
        path = self._ask_path(self)
        if not path:
            return
        try:
            written = save_figure(self.pages, self.numbers(), Path(path))
        except OSError as error:
            self.status.setText(f"The figure was not written: {error.strerror or error}.")
            return
        self.status.setText("Written: " + " and ".join(file.name for file in written))

    def numbers(self) -> dict[str, np.ndarray]:
        """Return the arrays that the picture shows."""
        subject = self.subject
        arrays: dict[str, np.ndarray] = {"step": np.asarray(subject.step)}
        if subject.sample >= 0 and subject.predictions is not None:
            arrays["index"] = np.asarray(subject.sample)
            arrays["outputs"] = subject.predictions.outputs[subject.sample]
            arrays["target"] = subject.predictions.targets[subject.sample]
            values = subject.values(subject.sample)
            if values is not None:
                arrays["sample"] = values
        for kind, found in self.attribution.maps.found.items():
            arrays[kind] = found.values
        if self.attention.maps is not None:
            for layer in self.attention.maps.layers:
                arrays[f"attention/{layer.name}"] = layer.weights
        return arrays


def _ask_path(parent: QWidget) -> str:
    return QFileDialog.getSaveFileName(parent, "Export figure", "figure.png", "Pictures (*.png)")[0]
