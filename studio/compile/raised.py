"""Which node an error comes from that generated code raised, and which line of a person's own code."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from torch import nn

from studio.compile.source import Source

#: The name by which generated code keeps, among its globals, what it was drawn as.
DRAWN = "__drawn__"


@dataclass(frozen=True)
class Drawn:
    """What generated code was written from."""

    network: str
    source: Source


@dataclass(frozen=True)
class Origin:
    """The node by its id path, and the line of its own code (0: it is not of such code)."""

    network: str
    path: str
    line: int = 0


def raised_at(error: BaseException) -> Origin | None:
    """Return the innermost node that was computing when an error was raised, None where none was.

    A class that several instances of a block share has the paths of one of them; from the outermost call
    inwards, each call adds the node that it is in.
    """
    network, path, line = "", "", 0
    holder: object = None
    for frame, number in traceback.walk_tb(error.__traceback__):
        drawn = frame.f_globals.get(DRAWN)
        if not isinstance(drawn, Drawn):
            continue
        if drawn.network != network:
            network, path, line, holder = drawn.network, "", 0, None
        own, at = drawn.source.own[number - 1], drawn.source.nodes[number - 1]
        if own:
            line = own
        elif at:
            module = frame.f_locals.get("self")
            path, line = (f"{path}/{_innermost(at, holder, module)}" if path else at), 0
            holder = module
    return Origin(network, path, line) if path else None


def _innermost(path: str, holder: object, module: object) -> str:
    """Return the last node of a path, after the number of its block's repetition where it has one.

    Which one it is of `holder`, the module that called this `module`, only the modules themselves tell.
    """
    *before, last = path.split("/")
    if not before or not before[-1].isdigit() or not isinstance(holder, nn.Module):
        return last
    names = (name for name, inner in holder.named_modules() if inner is module)
    return f"{next(names, path).rpartition('.')[2]}/{last}"
