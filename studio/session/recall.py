"""Looking back: stored moments of the shown run, read beside the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from studio.engine import protocol as p
from studio.engine import runs
from studio.session import events as e
from studio.session.history import History


class Recall:
    """Shows the run of `history` as it was at one of its moments. Of several wishes the newest counts."""

    def __init__(
        self, history: Callable[[], History], tell: Callable[[e.SessionEvent], None]
    ) -> None:
        self._history, self._tell = history, tell
        self._pool: ThreadPoolExecutor | None = None
        self._reading: Future[p.Moment | None] | None = None
        self._read_of: tuple[str, int] = ("", 0)
        self._wish: tuple[str, int] | None = None

    def look_at(self, step: int | None) -> None:
        """Show the moment nearest to `step` as soon as it is read; None shows the run as it is now."""
        history = self._history()
        self._wish = None
        if step is not None and history.moments:
            nearest = min(history.moments, key=lambda kept: abs(kept - step))
            if history.at != nearest:
                self._wish = (history.folder, nearest)
                self._read()
        elif history.moment is not None:
            history.moment = None
            self._tell(e.MomentChanged(None))

    def pump(self) -> None:
        """Show what has been read meanwhile."""
        reading = self._reading
        if reading is None or not reading.done():
            return
        self._reading = None
        if self._read_of == self._wish:
            self._wish = None
            self._show(reading.result(), *self._read_of)
        self._read()

    def close(self) -> None:
        """End the thread."""
        self._wish = None
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _read(self) -> None:
        if self._wish is None or self._reading is not None:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "moments")
        folder, step = self._read_of = self._wish
        self._reading = self._pool.submit(runs.read_moment, Path(folder), step)

    def _show(self, moment: p.Moment | None, folder: str, step: int) -> None:
        history = self._history()
        if history.folder != folder:
            return
        if moment is not None:
            history.moment = moment
            self._tell(e.MomentChanged(moment.step))
        elif step not in history.moments:
            self.look_at(step)  # every other moment went meanwhile: one of its neighbours is there
        else:
            history.moments = tuple(kept for kept in history.moments if kept != step)
            self._tell(
                e.Noticed(
                    f"What was looked at in step {step} cannot be read: its file is cut or foreign. "
                    "The other moments of this run are as they were.",
                    "warning",
                )
            )
            self._tell(e.MomentChanged(history.at))
