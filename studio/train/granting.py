"""What a person wishes of a run under way, granted between two steps."""

from __future__ import annotations

import time
from collections.abc import Iterator

from studio.engine import protocol as p
from studio.graph.params import Value
from studio.graph.problems import Problem
from studio.train import live_changes
from studio.train.controls import Command, Trial
from studio.train.course import Course
from studio.train.halting import step_back
from studio.train.trial import compare
from studio.train.walking import walk

#: Seconds that a run that is held waits for a wish before it looks around.
_WAIT_S = 0.5


def obey(course: Course) -> Iterator[p.Event]:
    """Grant what is wished for; while paused, wait for a wish. The run's clock stands still."""
    start = time.perf_counter()
    commands = course.controls.take(_WAIT_S if course.wishes.paused else 0.0)
    course.clock.leave_out(time.perf_counter() - start)
    for command in commands:
        yield from _grant(course, command)


def _grant(course: Course, command: Command) -> Iterator[p.Event]:
    wishes, step = course.wishes, course.stepper.step
    match command.action:
        case "pause":
            if not wishes.paused:
                yield from course.hold()
        case "resume":
            if wishes.paused:
                wishes.paused = False
                yield p.ControlApplied("resumed", step)
        case "step":
            wishes.paused = wishes.single = True
        case "stop":
            wishes.stopping = True
        case "walk":
            if wishes.paused and not course.done:
                yield walk(course.stepper)
        case "set":
            yield from _change(course, dict(command.values))
        case "back":
            yield from step_back(course)
        case "breakpoints":
            course.watch.set(command.breakpoints)
            course.looking.need(course.watch.rate_hz)
        case "watch":
            course.looking.wish(command.rate_hz, course.watch.rate_hz)
            if wishes.paused:
                yield from course.looking.now()
        case "snapshot":
            if command.answer is not None:
                course.keeping.answer(command.answer, course.answering)
        case "try":
            if command.trial is not None:
                _try(course, command.trial)


def _change(course: Course, values: dict[str, Value]) -> Iterator[p.Event]:
    """Change settings of the run."""
    step = course.stepper.step
    applied, wrong = live_changes.apply(course.stepper, values)
    for sentence in wrong:
        yield p.ProblemFound(step, Problem(sentence, severity="warning"))
    later = {name: applied.pop(name) for name in ("batch_size",) if name in applied}
    if later:  # the epoch that it begins with says when it has come into force
        yield p.ControlApplied("asked", step, later)
    if applied:
        course.good.setting_changed()
        yield p.ControlApplied("set", step, applied)


def _try(course: Course, trial: Trial) -> None:
    """Try a change from here; the clock of the run stands still meanwhile."""
    if not trial.answer.set_running_or_notify_cancel():
        return
    started, state = time.perf_counter(), course.stepper.capture()
    try:
        tried = compare(
            course.fresh,
            course.job.project,
            trial.changed,
            state,
            trial.steps,
            lambda: course.controls.waiting,
        )
    except Exception as error:  # a changed network may fail in any way, and the run goes on
        trial.answer.set_exception(
            RuntimeError(f"The change could not be tried: {error} The run is as it was.")
        )
    else:
        trial.answer.set_result(tried)
    course.clock.leave_out(time.perf_counter() - started)
