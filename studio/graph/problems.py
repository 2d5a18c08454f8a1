"""Faults are values: a person's mistake is a `Problem`, a broken plugin a `Fault`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from studio.graph.edits import AnyEdit

Severity = Literal["error", "warning", "hint"]


class Repair(Struct, frozen=True, omit_defaults=True):
    """A change that was checked to help: `result` is what it leads to, a shape or a size of memory;
    `left` counts the errors that remain, `parameters` how many more there are to learn."""

    title: str
    edits: tuple[AnyEdit, ...] = ()
    result: str = ""
    left: int = 0
    parameters: int = 0


class Problem(Struct, frozen=True, omit_defaults=True):
    """What cannot work, in words, at a node and port, with repairs (best first).

    `node` is an id path: `conv1`, or `res1/conv1` inside a block. `rule` names the rule that a hint is
    from, by which it can be dismissed. `line` is that of the node's own code; `needs` is what a person has to
    give before more can be known.
    """

    message: str
    network: str = "main"
    node: str = ""
    port: str = ""
    severity: Severity = "error"
    repairs: tuple[Repair, ...] = ()
    rule: str = ""
    line: int = 0
    needs: Literal["", "trust"] = ""


class Fault(Struct, frozen=True, omit_defaults=True):
    """What is broken in a pack, a file or an engine, and where."""

    message: str
    pack: str = ""
    file: str = ""
    line: int = 0
    details: str = ""
