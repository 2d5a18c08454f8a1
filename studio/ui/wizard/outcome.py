"""What a way of reading data makes of it: samples, classes, division, doubts."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.engine import protocol as p
from studio.graph.facts import DataFacts
from studio.graph.project import DataRef
from studio.session.session import Session
from studio.ui.controls import column, label, set_property
from studio.ui.data_report import ClassBars, SplitBar
from studio.ui.data_samples import SampleGrid
from studio.ui.theme import Theme

_SAMPLES = 10


class Outcome(QWidget):
    """Asks what becomes of a `DataRef` and shows it; `settled` tells that it is known, or that it failed.

    `facts` is None until then, and where it failed.
    """

    settled = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        self._wanted: DataRef | None = None
        self.facts: DataFacts | None = None
        layout = column(self, spacing=8)
        self.words = label(theme, tone="2", wrap=True)
        layout.addWidget(self.words)
        self.samples = SampleGrid(theme)
        layout.addWidget(self.samples)
        self.parts = SplitBar(theme)
        layout.addWidget(self.parts)
        self.classes = ClassBars(theme)
        layout.addWidget(self.classes)
        self.doubts = label(theme, tone="warn", role="caption", wrap=True)
        layout.addWidget(self.doubts)
        layout.addStretch(1)
        self.show_nothing()

    def show_nothing(self) -> None:
        """Nothing is chosen."""
        self._wanted = self.facts = None
        self._say("")
        self._show_parts(None)

    def forget(self) -> None:
        """Take no more answers: this widget is about to go."""
        self._wanted = None

    def show_data(self, data: DataRef) -> None:
        """Have data read, and show what came; an older answer is dropped."""
        if data == self._wanted:
            return
        self._wanted, self.facts = data, None
        self._say("The data is being read…")

        def came(answer: p.Answer) -> None:
            if self._wanted is data and isinstance(answer, p.DataAnswer):
                self._take(data, answer.facts)

        def refused(answer: p.Refused) -> None:
            if self._wanted is data:
                self._say(answer.message, "error")
                self._show_parts(None)
                self.settled.emit()

        self._session.ask(p.GetData(data), came, refused)

    def _take(self, data: DataRef, facts: DataFacts) -> None:
        self.facts = facts
        shape = "×".join(str(size) for size in facts.sample.shape)
        count = self._theme.number(facts.train + facts.validation + facts.test)
        answers = f"{len(facts.classes)} classes" if facts.classes else "numbers"
        self._say(f"{count} samples of {shape} · {facts.task}, {answers}")
        self._show_parts(facts)
        split = "validation" if facts.validation else "train"
        indices = tuple(range(min(_SAMPLES, facts.validation or facts.train)))

        def show(answer: p.Answer) -> None:
            if self._wanted is data and isinstance(answer, p.SampleSet):
                self.samples.show_samples(answer, facts)
                self.samples.show()

        self._session.ask(p.GetSamples(data, split, indices), show, lambda refused: None)
        self.settled.emit()

    def _show_parts(self, facts: DataFacts | None) -> None:
        self.samples.hide()
        self.parts.setVisible(facts is not None)
        self.classes.setVisible(facts is not None and bool(facts.balance))
        self.doubts.setVisible(facts is not None and bool(facts.warnings))
        if facts is not None:
            self.parts.show_counts(facts.train, facts.validation, facts.test)
            self.classes.show_classes(facts.classes, facts.balance)
            self.doubts.setText("\n".join(facts.warnings))

    def _say(self, text: str, tone: str = "2") -> None:
        self.words.setText(text)
        set_property(self.words, "tone", tone)
