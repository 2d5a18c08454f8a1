"""Python nodes: whether their code may be run, and what it said when it was."""

from __future__ import annotations

import ctypes
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from studio.compile import wording
from studio.compile.consent import Consent
from studio.compile.kept import Probed
from studio.graph.facts import TensorType
from studio.graph.graph import Node
from studio.graph.python_code import CodeError, signature, source_of
from studio.graph.spec import LayerSpec

#: What tracebacks call the text of a node.
FILE = "<python node>"
#: Seconds that a node's code may take for one sample without contents, and gets to end when told to.
LIMIT_S, GRACE_S = 8.0, 1.0


class Complaint(NamedTuple):
    """What is wrong with a node's code; `reason` as a fault's, `line` of its source (0: none)."""

    text: str
    reason: str
    line: int = 0


def unready(node: Node, consent: Consent) -> Complaint | None:
    """Return why a node's code cannot be run, None where it can."""
    source = source_of(node)
    try:
        signature(source)
    except CodeError as error:
        return Complaint(f"{node.name}, line {error.line}: {error.message}", "code", error.line)
    if "bypassed" in node.flags:
        return None
    why = consent.why_not(node.name, source)
    return Complaint(why, "trust" if consent.asks else "code") if why else None


def failed(
    node: Node, spec: LayerSpec, inputs: Mapping[str, tuple[TensorType, ...]], answer: Probed
) -> Complaint:
    """Return what went wrong in a node's code, in words."""
    came = " and ".join(wording.sample(kind) for kinds in inputs.values() for kind in kinds)
    at = f", line {answer.line}" if answer.line else ""
    text = f"{node.name}{at}, with {came or 'nothing'}: {_words(spec, answer)}"
    return Complaint(text, "code", answer.line)


def _words(spec: LayerSpec, answer: Probed) -> str:
    error, count = answer.error, len(spec.outputs)
    if " unpack" in error and not answer.line:
        return f"{count} tensors should come out, but it returns something else. {error}."
    return wording.clean(error)


def said(error: BaseException) -> Probed:
    """Return what an error in a node's code says, with the line of the code that it is about."""
    lines = [
        frame.lineno or 0
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == FILE
    ]
    line = lines[-1] if lines else getattr(error, "line", 0)
    words = str(error).strip()
    kind = type(error).__name__
    plain = isinstance(error, RuntimeError | Overdue) and words
    return Probed(error=words if plain else f"{kind} ({words})" if words else kind, line=line)


def misfit(spec: LayerSpec, scope: Mapping[str, Any]) -> str:
    """Return what is wrong with what came out of a node's code, "" where it is tensors."""
    for port in spec.outputs:
        value = scope.get(f"out_{port.name}")
        if isinstance(value, Tensor):
            continue
        what = type(value).__name__
        which = "it" if len(spec.outputs) == 1 else port.name
        tip = ""
        if isinstance(value, tuple | list) and len(spec.outputs) == 1:
            many = ", ".join("Tensor" for _ in value[:8])
            tip = f"; to give several, say -> tuple[{many}]"
        return f"a tensor should come out, but {which} is of type {what}{tip}"
    return ""


class Overdue(Exception):
    """Code that came to no end; `line` is where it was (0: not known)."""

    def __init__(self, line: int) -> None:
        super().__init__(f"it was still running after {LIMIT_S:g} s and was ended")
        self.line = line


class _End(BaseException):
    """Raised inside code that takes too long."""


def overseen(work: Callable[[], Probed]) -> Probed:
    """Return what `work` returns; code without an end is ended from within and told as an error.

    What does not even end then is left behind in its thread; whoever waits for this engine ends it.
    """
    done: list[Probed] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # whatever a person's code raises is an answer, exits too
            done.append(said(error))

    thread = threading.Thread(target=run, name="python-node", daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    if thread.is_alive():
        line = _line(thread)
        raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
        raise_in(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_End))
        thread.join(GRACE_S)
        return said(Overdue(line))
    return done[0]


def _line(thread: threading.Thread) -> int:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_filename != FILE:
        frame = frame.f_back
    return frame.f_lineno if frame is not None else 0
