"""The maps, side by side: asked for one after the other, each shown as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from studio.engine import protocol as p
from studio.session.session import Session
from studio.ui import controls
from studio.ui.explain.methods import Methods
from studio.ui.explain.reading import LargeSample
from studio.ui.explain.subject import SPLIT, Subject, Ticket
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Panel
from studio.ui.views.signed_map import Line, SignedMap

#: Walking through samples with a held key asks for nothing until it pauses this long.
_SETTLE_MS = 60
#: Work that ends within this time shows no bar.
_PATIENCE_MS = 300
#: The side that a map may reach where few are shown.
_LARGEST = 420.0
#: Below this maps cannot be read.
_LEAST = 330


class Maps(Panel):
    """One map a method. Changing the sample or the weights cancels what is under way."""

    explained = Signal(object)

    def __init__(
        self,
        session: Session,
        theme: Theme,
        subject: Subject,
        methods: Methods,
        sample: LargeSample,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "Explanations", parent=parent)
        self._session, self._subject, self._methods, self._sample = (
            session,
            subject,
            methods,
            sample,
        )
        self._theme = theme
        self.setMinimumHeight(_LEAST)
        self._round = 0
        self._queue: list[str] = []
        self._ticket: Ticket | None = None
        self._under_way = ""
        self.maps: dict[str, SignedMap] = {}
        self.found: dict[str, p.Explanation] = {}
        self.remark.put("signed, zero is neutral, colours end at ± the 99th percentile of each map")
        self.beside = controls.chip(theme, "Side by side", checked=True)
        self.over = controls.chip(theme, "Over image")
        self.over.setToolTip("Lay each map over its sample (O)")
        self.stop = controls.button(theme, "Cancel", small=True)
        self.stop.clicked.connect(self.cancel)
        self.stop.hide()
        for button in (self.stop, self.beside, self.over):
            self.add_to_head(button)
        self.beside.clicked.connect(lambda: self.set_over(False))
        self.over.clicked.connect(lambda: self.set_over(True))
        holder = QWidget()
        holder.setProperty("surface", "")
        self._row = controls.row(holder, spacing=12)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(holder)
        self.body.setContentsMargins(16, 0, 16, 8)
        self.body.addWidget(self._area, 1)
        self._settle = _once(self, _SETTLE_MS, self._begin)
        self._patience = _once(self, _PATIENCE_MS, self._show_progress)
        subject.sample_changed.connect(lambda index: self.ask_all())
        subject.refused.connect(lambda message: self._on_no_subject())
        subject.sample_arrived.connect(self._on_sample)
        methods.methods_changed.connect(self._on_methods)
        methods.settings_changed.connect(self._on_settings)
        methods.question_changed.connect(self.ask_all)
        methods.method_chosen.connect(self._on_chosen)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._limit_height()

    def _limit_height(self) -> None:
        """Be no higher than maps as wide as these, side by side, and their words are."""
        count = max(1, len(self._methods.active()))
        side = (self.width() - 32 - self._row.spacing() * (count - 1)) / count
        side = min(max(side, SignedMap.LEAST), _LARGEST)
        words = SignedMap.WORDS + self.head.height() + 8
        self.setMaximumHeight(max(_LEAST, round(side + words)))

    # ---------------------------------------------------------------------------------------- asking

    def ask_all(self) -> None:
        """Explain the chosen sample anew by every active method."""
        self.cancel()
        self._arrange()
        self.found.clear()
        for made in self.maps.values():
            made.set_working()
        self._queue = list(self.maps)
        self._settle.start()

    def cancel(self) -> None:
        """Let what is under way go; maps already there stay."""
        self._round += 1
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        self._settle.stop()
        self._patience.stop()
        for kind in dict.fromkeys([self._under_way, *self._queue]):
            if kind in self.maps and self.maps[kind].state == "working":
                self.maps[kind].set_waiting("Cancelled. Choose a sample to explain it.")
        self._queue, self._under_way = [], ""
        self.stop.hide()

    def _begin(self) -> None:
        self._patience.start()
        self._next()

    def _next(self) -> None:
        self._under_way = ""
        subject = self._subject
        if not self._queue or subject.sample < 0 or subject.predictions is None:
            self.stop.hide()
            self._patience.stop()
            return
        kind = self._under_way = self._queue.pop(0)
        number = self._round
        question = self._methods.asked(subject.sample)
        request = p.Explain(
            subject.project,
            kind,
            subject.sample,
            SPLIT,
            subject.weights,
            self._methods.values(kind),
            question.target,
            question.against,
        )

        def answered(answer: p.Answer) -> None:
            if number == self._round and isinstance(answer, p.Explanation):
                self._ticket = None
                self._show_found(kind, answer)
                self._next()

        def refused(answer: p.Refused) -> None:
            if number == self._round:
                self._ticket = None
                if kind in self.maps:
                    self.maps[kind].set_refused(answer.message)
                self._next()

        def progress(event: p.Event) -> None:
            if number != self._round or not isinstance(event, p.Working) or not event.total:
                return
            if not self._patience.isActive() and kind in self.maps:
                self.maps[kind].set_working(event.done / event.total)

        self._ticket = self._session.ask(request, answered, refused, progress)

    # --------------------------------------------------------------------------------------- showing

    def set_over(self, on: bool) -> None:
        """Lay maps over the sample, or show them alone."""
        self.over.setChecked(on)
        self.beside.setChecked(not on)
        for made in self.maps.values():
            made.set_over(on)

    def toggle_over(self) -> None:
        """Change between over the image and side by side."""
        self.set_over(not self.over.isChecked())

    def _show_found(self, kind: str, found: p.Explanation) -> None:
        self.found[kind] = found
        view = self.maps.get(kind)
        if view is None:
            return
        facts = self._subject.facts
        features = facts.features if facts is not None else ()
        gap = Line("completeness", "not defined", quiet=True)
        if found.gap is not None:
            gap = Line("completeness", f"gap {percent(found.gap)}")
        total = Line("sum of the map", short(float(found.values.sum())), quiet=found.gap is None)
        time = Line("time", f"{1000 * found.seconds:.0f} ms", quiet=True)
        view.set_values(found.values, self._sample.image, features, (gap, total, time))
        view.set_remark(found.caption)
        if kind == self._methods.chosen:
            self._methods.show_notes(found.notes)
        self.explained.emit(found)

    def _show_progress(self) -> None:
        self.stop.show()
        if self._under_way in self.maps:
            self.maps[self._under_way].set_working(0.02, "working…")

    def _on_sample(self, index: int) -> None:
        if index == self._subject.sample:
            for made in self.maps.values():
                made.set_under(self._sample.image)

    def _on_no_subject(self) -> None:
        self.cancel()
        for made in self.maps.values():
            made.set_waiting()

    def _on_methods(self) -> None:
        missing = [kind for kind in self._methods.active() if kind not in self.maps]
        self._arrange()
        self._queue = [kind for kind in self._queue if kind in self.maps]
        for kind in missing:
            self.maps[kind].set_working()
            self._queue.append(kind)
        if missing and not self._under_way:
            self._settle.start()

    def _on_settings(self, kind: str) -> None:
        if kind not in self.maps:
            return
        if self._under_way == kind and self._ticket is not None:
            self._ticket.cancel()
            self._ticket, self._under_way = None, ""
            self._round += 1
        self._queue = [kind, *(other for other in self._queue if other != kind)]
        self.maps[kind].set_working()
        if not self._under_way:
            self._settle.start()

    def _on_chosen(self, kind: str) -> None:
        for name, made in self.maps.items():
            made.set_chosen(name == kind)
        if kind in self.found:
            self._methods.show_notes(self.found[kind].notes)

    def _arrange(self) -> None:
        self._limit_height()
        active = self._methods.active()
        for kind in [kind for kind in self.maps if kind not in active]:
            gone = self.maps.pop(kind)
            self.found.pop(kind, None)
            self._row.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for place, kind in enumerate(active):
            if kind not in self.maps:
                made = SignedMap(self._theme, kind, self._methods.spec(kind).title)
                made.set_over(self.over.isChecked())
                made.set_chosen(kind == self._methods.chosen)
                made.picked.connect(self._methods.choose)
                self.maps[kind] = made
                self._row.insertWidget(place, made, 1)
        self.maps = {kind: self.maps[kind] for kind in active}


def _once(parent: QWidget, after_ms: int, then: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(after_ms)
    timer.timeout.connect(then)
    return timer
