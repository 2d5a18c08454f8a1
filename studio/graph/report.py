"""What became of each part of an import or an export, in a sentence a person can act on."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Fate = Literal["exact", "approximated", "missing"]


class ReportLine(Struct, frozen=True, omit_defaults=True):
    """One part and its fate; `path` is the id path of the node that it is about ("" for the whole)."""

    fate: Fate
    text: str
    path: str = ""
