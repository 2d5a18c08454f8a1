"""Where a run begins that another one came before: at its weights, or exactly where it stood."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from studio.engine.runs import is_continued
from studio.train.checkpoint import Weights, read_state, weights_of
from studio.train.course import Course
from studio.train.forking import take_over
from studio.train.options import TrainProblem


def begin_from(course: Course, path: Path) -> None:
    """Begin with the weights of another run, or where this one stood.

    Raises: TrainProblem, where the checkpoint does not fit.
    """
    if course.job.parent:
        _fork(course, path)
        return
    try:
        _go_on(course, path)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise TrainProblem(
            f"The run cannot go on from {path.name}: its state should be that of this network and "
            f"optimiser, but is not ({reason}). Fork from it: weights that fit are taken over."
        ) from None


def _fork(course: Course, path: Path) -> None:
    """Begin with the weights that fit, and a new course of everything else."""
    stepper = course.stepper
    if told := take_over(stepper.networks, path):
        course.telling.warn(told)
    if stepper.average is not None:
        stepper.average.restore(weights_of(stepper.networks))
    course.good.begin_anew()


def _go_on(course: Course, path: Path) -> None:
    """Begin where a checkpoint of the same job stands, as if the run had never stopped."""
    stepper, state = course.stepper, read_state(path)
    stepper.restore(state)
    course.ledger.resize(stepper.sizes)
    before = state.course
    course.ledger.restore(state.step, before.get("figures", {}))
    course.telling.begin_at(before.get("passed", 0))
    course.clock.before = before.get("seconds", 0.0)
    if is_continued(course.job):
        course.keeping.go_on()
    if "standing" in before:
        course.standing.restore(before["standing"], lambda step: _weights_beside(path, step))
    course.good.begin_anew()


def _weights_beside(path: Path, step: int) -> Weights | None:
    """Return the weights of another step of the same run, None where they are not there any more."""
    try:
        return load_file(path.with_name(f"{step}.safetensors"))
    except (OSError, SafetensorError):
        return None
