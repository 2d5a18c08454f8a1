"""One sample of the data, asked for once for each data set, to be shown on the data node."""

from __future__ import annotations

from collections.abc import Callable

from studio.engine import protocol as p
from studio.session.session import Session
from studio.ui.canvas.faces import Thumbnail
from studio.ui.canvas.knowledge import thumbnail_of


class Sampling:
    """Asks for a picture whenever the data is another; `show` gets it, None while there is none."""

    def __init__(self, session: Session, show: Callable[[Thumbnail | None], None]) -> None:
        self._session = session
        self._show = show
        self._asked = ""

    def forget(self) -> None:
        """Begin again: another project is open."""
        self._asked = ""

    def ask(self) -> None:
        """Ask for the picture of the present data, unless that is what was asked for."""
        session = self._session
        data = session.facts.data if session.facts else None
        fingerprint = data.fingerprint or data.title if data and data.form == "image" else ""
        if fingerprint == self._asked:
            return
        self._asked = fingerprint
        self._show(None)
        if not fingerprint:
            return

        def arrived(answer: p.Answer) -> None:
            if isinstance(answer, p.SampleSet) and self._asked == fingerprint:
                self._show(thumbnail_of(answer))

        request = p.GetSamples(session.document.project.data, "train", (0,))
        session.ask(request, arrived, lambda refused: None)
