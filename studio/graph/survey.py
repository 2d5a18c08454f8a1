"""What a file or a folder seems to hold, before anything of it is trained on."""

from __future__ import annotations

from msgspec import Struct

from studio.graph.project import DataRef


class ColumnFacts(Struct, frozen=True, omit_defaults=True):
    """One column of a table. `kind` is number, category, text, date, identifier or constant.

    `missing` and `distinct` count cells; `low`, `high` and `mean` are of numbers; `examples` are its first
    different values; `remark` is a sentence about what is suspicious in it.
    """

    name: str
    kind: str
    missing: int = 0
    distinct: int = 0
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    examples: tuple[str, ...] = ()
    remark: str = ""


class Proposal(Struct, frozen=True, omit_defaults=True):
    """One way to read what is there: `title` names it, `why` says what speaks for it."""

    title: str
    data: DataRef
    why: str = ""


class Survey(Struct, frozen=True, omit_defaults=True):
    """What was found at a path: ways to read it, the best first, and for a table its columns and first rows."""

    path: str
    proposals: tuple[Proposal, ...] = ()
    count: int = 0
    columns: tuple[ColumnFacts, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()
