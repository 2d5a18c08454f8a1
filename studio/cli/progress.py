"""A run, told calmly: one line that changes on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from studio.cli.output import count, metric, metrics
from studio.engine.protocol import (
    EpochDone,
    Event,
    Failed,
    Finished,
    ProblemFound,
    Progress,
    Started,
    Stopped,
)

REDRAW_S = 0.25
BAR = 16


class Teller:
    """Tells the events of a run on `stream`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._started: Started | None = None
        self._drawn = 0.0
        self._line = ""

    def take(self, event: Event) -> None:
        """Tell one event."""
        match event:
            case Started():
                self._started = event
                self.say(
                    f"{event.name}: {count(event.parameters)} parameters, "
                    f"{count(event.train_samples)} samples, {event.device}, "
                    f"{event.threads} thread{'s' if event.threads != 1 else ''}, "
                    f"{event.epochs} epoch{'s' if event.epochs != 1 else ''}"
                )
            case Progress():
                self._progress(event)
            case EpochDone():
                self.say(f"epoch {event.epoch}{self._of}: {metrics(event.metrics)}")
            case ProblemFound():
                self.say(f"step {event.step}: {event.problem.message}")
            case Finished() | Stopped() | Failed():
                self._clear()
            case _:
                pass

    def say(self, text: str) -> None:
        """Print a line of its own."""
        self._clear()
        print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._clear()

    @property
    def _of(self) -> str:
        return f"/{self._started.epochs}" if self._started else ""

    def _progress(self, event: Progress) -> None:
        now = time.monotonic()
        if not self._terminal or self._started is None or now - self._drawn < REDRAW_S:
            return
        self._drawn = now
        total = self._started.epochs * self._started.steps_per_epoch
        full = round(BAR * min(event.step / total, 1.0)) if total else 0
        words = [f"epoch {event.epoch}{self._of}", "━" * full + "╌" * (BAR - full)]
        words += [
            f"{name.removeprefix('train_')} {metric(name, float(values[-1]))}"
            for name, values in event.values.items()
            if name.startswith("train_") and len(values)
        ]
        words += [f"{event.samples_per_s:,.0f} samples/s", f"{_duration(event.eta_s)} left"]
        self._draw("  ".join(words))

    def _draw(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._line = line[:width]
        self._stream.write("\r\x1b[2K" + self._line)
        self._stream.flush()

    def _clear(self) -> None:
        if self._line:
            self._line = ""
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
