"""What steps do to real samples: before and after transforms, and several draws of an augmentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec.structs import replace
from PySide6.QtWidgets import QWidget

from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.session.session import Session
from studio.ui.controls import button, column, label, row
from studio.ui.data_samples import SampleGrid
from studio.ui.theme import Theme

#: Samples in a row of the grid; draws fill two rows, the first of them the sample itself.
_ROW, _DRAWS = 5, 9


class TransformPreview(QWidget):
    """A few samples as the source gives them, and below them the same ones as a network gets them."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._wanted: object = None
        layout = column(self, spacing=2)
        layout.addWidget(label(theme, "Before", tone="3", role="caption"))
        self.before = SampleGrid(theme)
        layout.addWidget(self.before)
        layout.addWidget(label(theme, "After", tone="3", role="caption"))
        self.after = SampleGrid(theme)
        layout.addWidget(self.after)
        self.hide()

    def show_data(self, facts: DataFacts | None) -> None:
        """Show the project's samples, where it has transforms and these can be used."""
        ref = self._session.document.project.data
        if facts is None or not ref.transforms:
            self._wanted = None
            self.hide()
            return
        if self._wanted == ref:
            return
        self._wanted = ref
        indices = tuple(range(min(_ROW, facts.train)))
        plain = replace(ref, transforms=(), augment=())

        def take(grid: SampleGrid) -> Callable[[p.Answer], None]:
            def taken(answer: p.Answer) -> None:
                if isinstance(answer, p.SampleSet) and self._wanted == ref:
                    grid.show_samples(answer, _as_they_are(facts, answer.inputs))
                    self.setVisible(True)

            return taken

        for data, grid in ((plain, self.before), (ref, self.after)):
            request = p.GetSamples(data, "train", indices)
            # Samples that cannot be had are explained by the data's own problem.
            self._session.ask(request, take(grid), lambda refused: None)


class AugmentPreview(QWidget):
    """One training sample as it is, and as the next batches might see it."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._facts: DataFacts | None = None
        self._wanted: object = None
        self._sample, self._seed = 0, 1
        layout = column(self, spacing=4)
        self.problem = label(theme, tone="error", role="caption", wrap=True)
        layout.addWidget(self.problem)
        self._drawn = QWidget()
        layout.addWidget(self._drawn)
        layout = column(self._drawn, spacing=4)
        layout.addWidget(
            label(theme, "One sample, then as it may be seen", tone="3", role="caption", wrap=True)
        )
        self.grid = SampleGrid(theme)
        layout.addWidget(self.grid)
        line = row(spacing=6)
        self.again = button(theme, "Draw again", icon="reset", small=True)
        self.again.clicked.connect(self._on_again)
        line.addWidget(self.again)
        self.other = button(theme, "Other sample", icon="chevron-right", small=True)
        self.other.clicked.connect(self._on_other)
        line.addWidget(self.other)
        line.addStretch(1)
        layout.addLayout(line)
        self.hide()

    def show_data(self, facts: DataFacts | None) -> None:
        """Show draws of the project's augmentations, where it has some."""
        self._facts = facts
        if facts is None or not self._session.document.project.data.augment:
            self._wanted = None
            self.hide()
            return
        self._sample %= max(1, facts.train)
        self._ask()

    def _on_again(self) -> None:
        self._seed += 1
        self._ask()

    def _on_other(self) -> None:
        if self._facts is not None:
            self._sample = (self._sample + 1) % max(1, self._facts.train)
            self._ask()

    def _ask(self) -> None:
        ref, facts = self._session.document.project.data, self._facts
        wanted = (ref, self._sample, self._seed)
        if facts is None or self._wanted == wanted:
            return
        self._wanted = wanted

        def take_plain(plain: p.Answer) -> None:
            def take(drawn: p.Answer) -> None:
                if not isinstance(plain, p.SampleSet) or not isinstance(drawn, p.SampleSet):
                    return
                if self._wanted == wanted:
                    self.grid.show_samples(_together(plain, drawn, facts), facts)
                    self._show("")

            request = p.GetSamples(ref, "train", (self._sample,) * _DRAWS, self._seed)
            self._session.ask(request, take, self._on_refused)

        self._session.ask(p.GetSamples(ref, "train", (self._sample,)), take_plain, self._on_refused)

    def _on_refused(self, refused: p.Refused) -> None:
        self._wanted = None
        self._show(refused.message)

    def _show(self, problem: str) -> None:
        """Show the draws, or why there are none."""
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self._drawn.setVisible(not problem)
        self.show()


def _together(plain: p.SampleSet, drawn: p.SampleSet, facts: DataFacts) -> p.SampleSet:
    """Return the sample itself, then its draws, their targets in the draws' form."""
    targets = plain.targets
    if facts.classes and targets.ndim < drawn.targets.ndim:
        targets = np.eye(len(facts.classes), dtype=np.float32)[targets]
    return p.SampleSet(
        plain.split,
        plain.indices + drawn.indices,
        np.concatenate([plain.inputs, drawn.inputs]),
        np.concatenate([targets, drawn.targets]),
    )


def _as_they_are(facts: DataFacts, inputs: np.ndarray) -> DataFacts:
    """Return the facts with the range of these samples, which need not be that of all of them."""
    low, high = float(np.min(inputs)), float(np.max(inputs))
    return replace(facts, value_range=(low, high if high > low else low + 1))
