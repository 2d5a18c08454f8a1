"""A published data set that is not here yet: how large it is, and a button that fetches it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QProgressBar, QWidget

from studio.engine import protocol as p
from studio.graph.spec import SourceSpec
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, set_property
from studio.ui.theme import Theme


class DownloadRow(QWidget):
    """Fetches the set of a source; hidden where there is nothing to fetch. `done` is called when it is here."""

    def __init__(self, session: Session, theme: Theme, done: Callable[[], None]) -> None:
        super().__init__()
        self._session, self._done = session, done
        self._spec: SourceSpec | None = None
        self._cancel: Callable[[], None] | None = None
        self.said = label(theme, tone="2", role="caption", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Download")
        self.start = button(theme, "Download", look="primary", small=True)
        self.start.clicked.connect(self._on_start)
        self.stop = button(theme, "Cancel", small=True)
        self.stop.setToolTip("What has come is kept: a later download goes on from there.")
        self.stop.clicked.connect(self._on_stop)
        layout = column(self, spacing=6)
        layout.addWidget(self.said)
        layout.addWidget(self.bar)
        buttons = row()
        buttons.addWidget(self.start)
        buttons.addWidget(self.stop)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        self.hide()

    def show_source(self, spec: SourceSpec | None, here: bool) -> None:
        """Offer the source's set unless it is here; a download under way goes on unseen."""
        if self._cancel is not None and spec is not self._spec:
            return
        self._spec = spec
        wanted = spec is not None and spec.download > 0 and not here
        if wanted and self._cancel is None:
            assert spec is not None
            self._show_idle(
                f"{spec.title} is fetched once ({spec.download / 1e6:.1f} MB) and kept for every project."
            )
        self.setVisible(wanted or self._cancel is not None)

    def _show_idle(self, text: str, tone: str = "2") -> None:
        self.said.setText(text)
        set_property(self.said, "tone", tone)
        self.bar.hide()
        self.stop.hide()
        self.start.show()

    def _on_start(self) -> None:
        spec = self._spec
        assert spec is not None
        self.said.setText(f"{spec.title}: connecting…")
        set_property(self.said, "tone", "2")
        self.bar.setRange(0, 0)
        self.bar.show()
        self.start.hide()
        self.stop.show()

        def told(event: p.Event) -> None:
            if isinstance(event, p.Working) and event.total:
                self.bar.setRange(0, event.total >> 10)
                self.bar.setValue(event.done >> 10)
                self.said.setText(
                    f"{event.done / 1e6:.1f} of {event.total / 1e6:.1f} MB  {event.what}"
                )

        def came(answer: p.Answer) -> None:
            self._cancel = None
            self.hide()
            self._done()

        def refused(answer: p.Refused) -> None:
            self._cancel = None
            if answer.cancelled:
                self._show_idle("Cancelled. Download again to go on where it stopped.")
            else:
                self._show_idle(answer.message, "error")

        self._cancel = self._session.ask(p.Fetch(spec.kind), came, refused, told).cancel

    def _on_stop(self) -> None:
        if self._cancel is not None:
            self._cancel()
