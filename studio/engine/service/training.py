"""The one job of an engine: a thread that runs it, and the door to steer it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from studio import train
from studio.engine.lanes import Work
from studio.engine.protocol import (
    Control,
    Done,
    Event,
    Failed,
    Finished,
    Refused,
    RunSummary,
    Stopped,
    Tried,
    TryChange,
    Weights,
)
from studio.engine.service.refusals import NotHere, refusal
from studio.engine.serving import Respond

Run = Callable[[train.Controls], Iterator[Event]]


class Training:
    """Runs one job at a time; everything else is answered at once, also while it computes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: tuple[int, train.Controls] | None = None
        self._thread: threading.Thread | None = None

    def start(self, work: Work, run: Run) -> None:
        """Begin with a job; its events and its summary go to whoever asked.

        Raises: NotHere, when another job is running.
        """
        with self._lock:
            if self._job is not None:
                raise NotHere("This engine is training already. Stop that run first.")
            controls = train.Controls()
            self._job = (work.number, controls)
            self._thread = threading.Thread(
                target=self._run, args=(work, run, controls), name="engine-training", daemon=True
            )
            self._thread.start()

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    def control(self, request: Control) -> Done:
        """Pass a wish on to the job.

        Raises: NotHere, when no job is running.
        """
        controls = self._running()
        match request.action:
            case "pause":
                controls.pause()
            case "resume":
                controls.resume()
            case "step":
                controls.step()
            case "back":
                controls.back()
            case "watch":
                controls.pause_at(request.breakpoints)
            case "walk":
                controls.walk()
            case "stop":
                controls.stop()
            case "set":
                controls.set(request.values)
        return Done()

    def watch(self, rate_hz: float) -> Done:
        """Choose how often the job shows its inside.

        Raises: NotHere.
        """
        self._running().watch(rate_hz)
        return Done()

    def snapshot(self, respond: Respond) -> None:
        """Answer with the weights once the job has reached a batch boundary.

        Raises: NotHere.
        """

        def answer(weights: Future[Weights]) -> None:
            error = weights.exception()
            respond(weights.result() if error is None else Refused(str(error)))

        self._running().snapshot().add_done_callback(answer)

    def try_change(self, request: TryChange, respond: Respond) -> None:
        """Answer with what a change comes to, tried at the job's next batch boundary.

        Raises: NotHere.
        """

        def answer(tried: Future[Tried]) -> None:
            error = tried.exception()
            respond(tried.result() if error is None else Refused(str(error)))

        self._running().try_change(request.changed, request.steps).add_done_callback(answer)

    def cancel(self, number: int) -> None:
        """Stop the job, if it is the one with this id."""
        with self._lock:
            if self._job is not None and self._job[0] == number:
                self._job[1].stop()

    def close(self) -> None:
        """Stop the job cleanly and wait for its end."""
        with self._lock:
            thread = self._thread
            if self._job is not None:
                self._job[1].stop()
        if thread is not None:
            thread.join()

    def _running(self) -> train.Controls:
        with self._lock:
            if self._job is None:
                raise NotHere("Nothing is being trained at the moment. Press Train first.")
            return self._job[1]

    def _run(self, work: Work, run: Run, controls: train.Controls) -> None:
        answer: RunSummary | Refused = Refused("The run ended without a word.")
        try:
            for event in run(controls):
                work.respond(event)
                if isinstance(event, Finished | Stopped | Failed):
                    answer = event.summary
        except BaseException as error:  # also a plugin that calls sys.exit
            answer = refusal(error)
        with self._lock:
            self._job = None
        controls.end("The run is over.")
        work.respond(answer)
