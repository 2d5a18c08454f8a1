"""The catalogue between starts: the Library is there before torch is. No torch."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from importlib import metadata
from pathlib import Path

import msgspec

from studio import __version__
from studio.engine.protocol import PROTOCOL
from studio.engine.values import ProtocolError, opener
from studio.graph.catalog import Catalog

_open = opener(Catalog)


def read(folder: Path, packs_hash: str) -> Catalog | None:
    """Return the catalogue that was stored for these packs, this studio and this torch, if any.

    A file that cannot be read counts as none: the engine will tell everything anew.
    """
    try:
        raw = _file(folder, packs_hash).read_bytes()
        catalog: Catalog = _open(msgspec.msgpack.decode(raw, type=Catalog))
    except (OSError, msgspec.MsgspecError, ProtocolError, RecursionError, ValueError):
        return None
    return catalog


def write(folder: Path, packs_hash: str, catalog: Catalog) -> None:
    """Store a catalogue: aside, then in place, so that no reader meets half of it.

    Earlier ones go; a folder that cannot be written costs only the head start.
    """
    file = _file(folder, packs_hash)
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix="catalogue-", suffix=".part", dir=folder)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(msgspec.msgpack.encode(catalog))
            os.replace(aside, file)
        except OSError:
            Path(aside).unlink(missing_ok=True)
            raise
        for other in folder.glob("catalogue-*.msgpack"):
            if other != file:
                other.unlink(missing_ok=True)


def _file(folder: Path, packs_hash: str) -> Path:
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = "none"
    key = "\0".join([__version__, str(PROTOCOL), torch, packs_hash])
    digest = hashlib.sha256(key.encode()).hexdigest()
    return folder / f"catalogue-{digest[:32]}.msgpack"
