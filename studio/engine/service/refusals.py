"""Exceptions as words: what a person did, what the machine lacks, and what is our own fault."""

from __future__ import annotations

import re
import traceback

import torch

from studio.compile import StartProblem, Unfinished
from studio.compile.exporters import ExportProblem
from studio.compile.importers import ImportProblem
from studio.data import DataProblem
from studio.engine.protocol import Refused
from studio.engine.serving import failure
from studio.explain import Cancelled, ExplainProblem
from studio.extensions.load import PackFailed
from studio.graph.catalog import UnknownKind
from studio.graph.params import ParamError
from studio.train import TrainProblem

#: Exceptions whose message already is a sentence for the person.
_SENTENCES = (
    Unfinished,
    DataProblem,
    ExplainProblem,
    ExportProblem,
    ImportProblem,
    ParamError,
    StartProblem,
    TrainProblem,
    UnknownKind,
)
_NO_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|Unable to allocate", re.IGNORECASE
)


class NotHere(Exception):
    """A request that this engine cannot take now; the message is a sentence."""


def refusal(error: BaseException) -> Refused:
    """Return what is told when a request ended in `error`."""
    if isinstance(error, Cancelled):
        return Refused("Cancelled.", cancelled=True)
    if isinstance(error, PackFailed):
        return Refused(error.fault.message, fault=error.fault, details=error.fault.details)
    if isinstance(error, (*_SENTENCES, NotHere)):
        problems = getattr(error, "problems", ())
        return Refused(str(error.args[0]) if error.args else str(error), problems=tuple(problems))
    if _is_out_of_memory(error):
        return Refused(
            "This needs more memory than there is free. Choose a smaller batch, smaller data or a "
            "smaller network, or close other programs.",
            details="".join(traceback.format_exception(error)),
        )
    return failure(error)


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None
