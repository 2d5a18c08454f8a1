"""Where a run is held: at a breakpoint's step, before a step that breaks numbers, one step back."""

from __future__ import annotations

import math
from collections.abc import Iterator

from studio.engine import protocol as p
from studio.graph.breakpoints import Breakpoint
from studio.graph.problems import Problem
from studio.train.course import Course
from studio.train.watch import Hit


def halt(course: Course, hit: Hit) -> Iterator[p.Event]:
    """Pause right after the step of a hit, which is gone back to where others followed it."""
    stepper, telling = course.stepper, course.telling
    if hit.step < stepper.step:
        stepper.replay(course.good.newest, hit.step)
        telling.drop_looks_after(hit.step)
    samples = _samples_of(course, hit.step)
    if stepper.at_epoch_end:
        with stepper.stream:
            done = course.end_epoch()
        course.watch.epoch(done)
    yield from telling.tell()
    yield p.BreakpointHit(hit.step, hit.breakpoint, hit.what, hit.value, hit.node, samples)
    yield from course.hold()


def halt_broken(course: Course, breakpoint: Breakpoint) -> Iterator[p.Event]:
    """Pause before the step that broke the numbers.

    Raises: Diverged, where that is too far back to go on from.
    """
    yield from course.telling.tell()
    stepper = course.stepper
    step = stepper.step
    found = stepper.trace_back(course.good.newest, step)
    if not course.ledger.reaches(stepper.step):
        raise found
    if stepper.step < step:
        yield course.telling.undo()
    samples = _samples_of(course, found.step)
    yield p.BreakpointHit(found.step, breakpoint, found.what, math.nan, found.node, samples)
    yield from course.hold()


def step_back(course: Course) -> Iterator[p.Event]:
    """Go back to before the last step, and pause."""
    stepper = course.stepper
    step = stepper.step - 1
    state = course.good.go_back(step) if course.ledger.reaches(step) else None
    if state is None:
        message = (
            f"There is no step back from step {step + 1}: a state to go back to is kept about "
            "every second, and anew where a setting changes. Go on, or train again."
        )
        yield p.ProblemFound(step + 1, Problem(message, severity="warning"))
        return
    stepper.replay(state, step)
    yield course.telling.undo()
    yield from course.hold()


def _samples_of(course: Course, step: int) -> tuple[int, ...]:
    """Return the training samples of a step that was just taken or comes next."""
    stepper = course.stepper
    # Counted back from here: batches may have had another size in earlier epochs.
    epoch, batch = stepper.epoch, stepper.batch - (stepper.step - step) - 1
    if batch < 0:
        epoch, batch = epoch - 1, batch + stepper.steps
    together = course.recipe.accumulate
    of_step = range(batch * together, min((batch + 1) * together, stepper.feed.steps))
    return tuple(at for part in of_step for at in stepper.feed.positions(epoch, part))
