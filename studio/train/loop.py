"""A run, as a generator of events: it can be paused, stepped, changed, asked for weights and stopped."""

from __future__ import annotations

import contextlib
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping

import torch
from msgspec.structs import replace
from torch import nn

import studio
from studio.compile import Origin, raised_at
from studio.data import DataProblem, Dataset
from studio.engine import protocol as p
from studio.engine.runs import Circumstances, RunWriter
from studio.graph.edits import SetRecipe
from studio.graph.facts import DataFacts
from studio.graph.problems import Problem, Repair
from studio.graph.project import Project
from studio.train.controls import Controls
from studio.train.devices import cores, pick_device, pick_threads
from studio.train.diagnose import Diverged, is_out_of_memory, sentence
from studio.train.fitting import free, measured_batch
from studio.train.learner import Learner
from studio.train.learners import builtin_learners
from studio.train.options import TrainProblem
from studio.train.paths import node_paths
from studio.train.recipes import recipe_problems
from studio.train.repeatable import repeatable
from studio.train.suiting import suit_problems
from studio.train.targets import check_targets
from studio.train.trainer import Trainer

ModuleFor = Callable[[Project, str, DataFacts], nn.Module]


def run(
    job: p.Job,
    module_for: ModuleFor,
    dataset: Dataset,
    controls: Controls,
    learners: Mapping[str, Learner] | None = None,
) -> Iterator[p.Event]:
    """Train, yielding events; the last one is Finished, Stopped or Failed.

    `module_for(project, role, facts)` builds a network with `forward` and `forward_tapped`. The run's
    folder gets every event before it is yielded. Closing the generator ends the run where it stands.
    """
    recipe = job.project.recipe
    known = builtin_learners() | dict(learners or {})
    threads_before = torch.get_num_threads()
    writer: RunWriter | None = None
    trainer: Trainer | None = None
    chosen, device = torch.device("cpu"), "the device"
    try:
        threads = pick_threads(recipe.threads)
        torch.set_num_threads(threads)
        chosen = pick_device(recipe.device)
        device = str(chosen)
        writer = RunWriter(job, _circumstances(job, dataset.facts, device, threads))
        for problem in recipe_problems(recipe, known):
            raise TrainProblem(problem.message)
        for problem in suit_problems(recipe, dataset.facts, known):
            raise TrainProblem(problem.message)
        check_targets(dataset)
        with repeatable() if recipe.deterministic else contextlib.nullcontext():
            trainer = Trainer(job, module_for, dataset, controls, known[recipe.learner], chosen)
            for event in trainer.events():
                _record(writer, event)
                yield event
    except Exception as error:
        told = list(_ending(error, job, trainer, device))
        if is_out_of_memory(error):
            trainer = None  # what fits is measured with the memory that the run had
            free(error, chosen)
            told = _with_a_size_that_fits(
                told,
                lambda: measured_batch(job, module_for, dataset, known[recipe.learner], chosen),
            )
        for event in told:
            if writer is not None:
                with contextlib.suppress(OSError):  # a full disk must not hide why the run ended
                    _record(writer, event)
            yield event
    finally:
        if trainer is not None:
            trainer.close()
        controls.end("The run is over. Its checkpoints hold its weights.")
        if writer is not None:
            writer.close()
        torch.set_num_threads(threads_before)


def _record(writer: RunWriter, event: p.Event) -> None:
    writer.write(event)
    if isinstance(event, (p.Finished, p.Stopped, p.Failed)):
        writer.finish(event.summary)


def _ending(
    error: Exception, job: p.Job, trainer: Trainer | None, device: str
) -> Iterator[p.Event]:
    """Yield what an error leaves to say: the weights that were saved from it, and why it ended."""
    step, kept = 0, ""
    details = traceback.format_exc()
    if trainer is not None:
        step = trainer.step
        yield from trainer.salvage()
        newest = trainer.newest
        kept = f"The weights of step {newest} are kept." if newest is not None else ""
    plain = isinstance(error, (TrainProblem, DataProblem, Diverged))
    origin = None if plain or is_out_of_memory(error) else raised_at(error)
    where = _named(origin, job.project) if origin is not None else ""
    message = sentence(error, step, job.project.recipe.batch_size, device, kept, where)
    if isinstance(error, Diverged):
        yield p.ProblemFound(error.step, Problem(str(error), node=error.node, rule="diverged"))
    elif origin is not None:
        problem = Problem(message, origin.network, origin.path, rule="raised", line=origin.line)
        yield p.ProblemFound(step, problem)
    if trainer is not None:
        summary = trainer.summary("failed", message)
    else:
        summary = p.RunSummary(job.folder, "failed", 0, 0, 0.0, message=message)
    yield p.Failed(summary, "" if plain else details)


def _named(origin: Origin, project: Project) -> str:
    """Return the node that an error is from as a person knows it, and the line of its own code."""
    names = {node.path: node.dotted for node in node_paths(project, origin.network)}
    line = f" (line {origin.line} of its code)" if origin.line else ""
    return f"{names.get(origin.path, origin.path)}{line}"


def _with_a_size_that_fits(told: list[p.Event], measure: Callable[[], int]) -> list[p.Event]:
    """Return how a run ended for want of memory, with the batch size that was measured to fit."""
    try:
        size = measure()
    except Exception:  # what ended the run is the one to tell; without memory much can go wrong
        size = 0
    *before, last = told
    if not size or not isinstance(last, p.Failed):
        return told
    summary = last.summary
    message = f"{summary.message} Batches of {size} samples fit: that was tried."
    repair = Repair(f"Train with batches of {size}", (SetRecipe({"batch_size": size}),))
    problem = Problem(message, network="", repairs=(repair,))
    return [
        *before,
        p.ProblemFound(summary.steps, problem),
        replace(last, summary=replace(summary, message=message)),
    ]


def _circumstances(job: p.Job, facts: DataFacts, device: str, threads: int) -> Circumstances:
    return Circumstances(
        device=device,
        threads=threads,
        seed=job.project.recipe.seed,
        versions={
            "neuroloom": studio.__version__,
            "torch": str(torch.__version__),
            "python": sys.version.split()[0],
        },
        machine={
            "system": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": str(cores()),
        },
        data=facts,
        time=time.time(),
    )
