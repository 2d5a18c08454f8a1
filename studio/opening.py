"""A session with engines of its own, and the first project in it: what a window is opened on."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Literal

from studio import extensions
from studio.engine import catalogue_cache, subprocess
from studio.engine.client import Client
from studio.engine.setup import Setup
from studio.graph import files
from studio.paths import Paths
from studio.session.events import Noticed
from studio.session.session import Session
from studio.settings import Settings

log = logging.getLogger(__name__)


def make_session(here: Paths, safe: bool = False) -> Session:
    """Return a session whose engines are processes; the catalogue is the one of the last start.

    Where `safe`, engines run neither code of projects nor the person's plugins, and leave the caches of
    other starts alone.
    """
    folders = here.packs(safe)
    cache = "" if safe else str(here.cache)
    packs = tuple(str(folder) for folder in folders)

    def connect(role: str) -> Client:
        known: Literal["workbench", "job"] = "job" if role == "job" else "workbench"
        return subprocess.spawn(Setup(known, packs, cache, datasets=str(here.datasets), safe=safe))

    known_catalog = catalogue_cache.read(here.cache, extensions.scan(folders).hash)
    return Session(connect, here, known_catalog, safe=safe)


def open_first(session: Session, here: Paths, values: Settings, file: Path | None) -> list[Noticed]:
    """Open what was asked for, else the last project, else the starter.

    Returns what was told of it (a broken file, one that is open elsewhere): nobody may listen yet.
    """
    told: list[Noticed] = []
    stop = session.subscribe(
        lambda event: told.append(event) if isinstance(event, Noticed) else None
    )
    _open_first(session, here, values, file)
    stop()
    return told


def _open_first(session: Session, here: Paths, values: Settings, file: Path | None) -> None:
    recent = [Path(path) for path in values.recent[:1] if os.path.isfile(path)]
    for candidate in [file] if file else recent:
        if candidate is not None and session.open(candidate):
            return
    try:
        session.new(files.load(here.starter).project)
    except files.FileProblem as problem:
        log.error("The starter project cannot be opened: %s", problem)
        session.new()
