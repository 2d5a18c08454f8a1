"""PyTorch's answers between starts: its shape functions take a second to load, and seldom say anything new."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Hashable
from pathlib import Path

import msgspec
import torch

from studio.graph.facts import TensorType

#: Raised whenever a probe asks in another way.
ASKED = 2
#: Answers kept; the oldest go first.
MOST = 5_000


class Probed(msgspec.Struct, frozen=True):
    """What came out: types by port, trainable parameters and FLOPs of one sample; or an error.

    `saved` are the bytes of one sample that autograd keeps, by port ("" for what is at none); `view`
    says that the output is the very memory of an input; `line` is that of a node's own code which failed.
    """

    outputs: dict[str, TensorType] = msgspec.field(default_factory=dict)
    parameters: int = 0
    flops: int = 0
    error: str = ""
    saved: dict[str, int] = msgspec.field(default_factory=dict)
    view: bool = False
    line: int = 0


class Kept:
    """Answers by question, from a file of this PyTorch's. Without a folder nothing is kept.

    A file that cannot be read or written costs only the head start.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = folder / f"shapes-{ASKED}-{torch.__version__}.msgpack" if folder else None
        self._answers: dict[bytes, Probed] = {}
        self._fresh = False
        if self._file is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                raw = self._file.read_bytes()
                self._answers = msgspec.msgpack.decode(raw, type=dict[bytes, Probed])

    def get(self, question: Hashable) -> Probed | None:
        """Return what was answered in an earlier start."""
        return self._answers.get(_key(question)) if self._file else None

    def put(self, question: Hashable, answer: Probed) -> None:
        """Remember an answer."""
        if self._file is not None:
            self._answers[_key(question)] = answer
            self._fresh = True

    def save(self) -> None:
        """Write what is new: aside, then in place, so that no reader meets half of it."""
        if self._file is None or not self._fresh:
            return
        self._fresh = False
        newest = dict(list(self._answers.items())[-MOST:])
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(
                prefix="shapes-", suffix=".part", dir=self._file.parent
            )
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(msgspec.msgpack.encode(newest))
                os.replace(aside, self._file)
            except OSError:
                Path(aside).unlink(missing_ok=True)
                raise


def _key(question: Hashable) -> bytes:
    return msgspec.msgpack.encode(question)
