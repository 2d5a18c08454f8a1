"""What an engine is told when it is started."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Role = Literal["workbench", "job", "all"]


class Setup(Struct, frozen=True, omit_defaults=True):
    """Role and folders of an engine.

    A `workbench` answers everything but training, a `job` only training and its control, `all` does
    both, for the command line and tests. (In one process, explaining draws from the same random
    numbers as training: a run that shall repeat to the bit beside it has a `job` of its own.)
    `packs` are the folders that packs are read from, the bundled one first; `cache` holds the
    catalogue between starts ("" for none); `base` is where relative paths of data start; `datasets` holds the
    published data sets that have been fetched. A `safe` engine runs no code of projects and imports no Python,
    whatever it is asked.
    """

    role: Role = "all"
    packs: tuple[str, ...] = ()
    cache: str = ""
    base: str = ""
    datasets: str = ""
    safe: bool = False
