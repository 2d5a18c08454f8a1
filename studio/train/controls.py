"""How a running job is steered from another thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from studio.engine.protocol import Tried, Weights
from studio.graph.breakpoints import Breakpoint
from studio.graph.params import Value
from studio.graph.project import Project

Action = Literal[
    "pause",
    "resume",
    "step",
    "walk",
    "back",
    "stop",
    "set",
    "snapshot",
    "watch",
    "breakpoints",
    "try",
]


@dataclass(frozen=True)
class Trial:
    """A change to try for some steps from where the run stands."""

    changed: Project
    steps: int
    answer: Future[Tried]


@dataclass(frozen=True)
class Command:
    """One wish; the trainer grants it at the next batch boundary."""

    action: Action
    values: Mapping[str, Value] = field(default_factory=dict)
    rate_hz: float = 0.0
    answer: Future[Weights] | None = None
    breakpoints: tuple[Breakpoint, ...] = ()
    trial: Trial | None = None


class Controls:
    """Thread-safe: any thread wishes, the training thread takes the wishes at batch boundaries.

    `waiting` is read by the trainer at every step without a lock; it is True from the moment a wish
    is made.
    """

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._changed = threading.Condition()
        self._ended: str | None = None
        self.waiting = False

    def pause(self) -> None:
        """Stop after the current step, until resumed."""
        self._wish(Command("pause"))

    def resume(self) -> None:
        """Go on."""
        self._wish(Command("resume"))

    def step(self) -> None:
        """Take one step, then pause."""
        self._wish(Command("step"))

    def back(self) -> None:
        """Go back to before the last step, then pause."""
        self._wish(Command("back"))

    def pause_at(self, breakpoints: tuple[Breakpoint, ...]) -> None:
        """Pause at these breakpoints from now on, and at no others."""
        self._wish(Command("breakpoints", breakpoints=breakpoints))

    def walk(self) -> None:
        """While paused, show the next step node by node; it is not taken."""
        self._wish(Command("walk"))

    def stop(self) -> None:
        """End the run cleanly, with a checkpoint."""
        self._wish(Command("stop"))

    def set(self, values: Mapping[str, Value]) -> None:
        """Change optimiser settings (`lr`, `weight_decay`, `momentum`…) from the next step on."""
        self._wish(Command("set", dict(values)))

    def watch(self, rate_hz: float) -> None:
        """Choose how often a second statistics and pictures are taken; 0 turns them off."""
        self._wish(Command("watch", rate_hz=rate_hz))

    def snapshot(self) -> Future[Weights]:
        """Ask for the weights at the next batch boundary, as a file.

        The future fails with RuntimeError where the run is over or the file cannot be written.
        """
        answer: Future[Weights] = Future()
        self._wish(Command("snapshot", answer=answer))
        return answer

    def try_change(self, changed: Project, steps: int) -> Future[Tried]:
        """Ask what some steps with a change would come to, beside as many without it.

        The future fails with RuntimeError where the run is over or the change cannot be tried.
        """
        answer: Future[Tried] = Future()
        self._wish(Command("try", trial=Trial(changed, steps, answer)))
        return answer

    def take(self, timeout_s: float = 0.0) -> list[Command]:
        """Return the wishes made since the last call, waiting up to `timeout_s` for a first one."""
        with self._changed:
            if timeout_s > 0:
                self._changed.wait_for(lambda: bool(self._commands), timeout_s)
            taken = list(self._commands)
            self._commands.clear()
            self.waiting = False
        return taken

    def end(self, message: str) -> None:
        """Refuse what is still wished for, and every later snapshot, with `message`."""
        with self._changed:
            self._ended = message
            left = list(self._commands)
            self._commands.clear()
            self.waiting = False
        for command in left:
            self._refuse(command, message)

    def _wish(self, command: Command) -> None:
        with self._changed:
            ended = self._ended
            if ended is None:
                self._commands.append(command)
                self.waiting = True
                self._changed.notify()
        if ended is not None:
            self._refuse(command, ended)

    @staticmethod
    def _refuse(command: Command, message: str) -> None:
        waiting = (command.answer, command.trial.answer if command.trial else None)
        for answer in waiting:
            if answer is not None and answer.set_running_or_notify_cancel():
                answer.set_exception(RuntimeError(message))
