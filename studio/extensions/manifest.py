"""`pack.toml`: what a pack says of itself, read and checked without running its code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from studio.graph.problems import Fault

#: The version of `studio.api` that this studio speaks. A pack names the one that it was written for.
API_VERSION = 1

MANIFEST = "pack.toml"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of `pack.toml`."""

    name: str
    version: str
    api: int
    licence: str
    authors: tuple[str, ...]
    doc: str
    title: str = ""


def read_manifest(file: Path, text: str) -> Manifest | Fault:
    """Return what `text`, the content of `file`, declares, or the fault that keeps the pack out."""

    def fault(message: str, line: int = 1) -> Fault:
        return Fault(message, pack=file.parent.name, file=str(file), line=line)

    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        last = max(1, len(text.splitlines()))  # where TOML ends too early
        return fault(f"{MANIFEST} is not valid TOML: {error}.", int(at[1]) if at else last)
    # First of all the version: a pack for another API may well have other fields.
    api = raw.get("api")
    if isinstance(api, int) and api != API_VERSION:
        newer = (
            "Update Neuroloom." if api > API_VERSION else "Look for a newer version of the pack."
        )
        return fault(
            f"This pack was written for version {api} of the plugin API; "
            f"this studio speaks version {API_VERSION}. {newer}",
            _line_of(text, "api"),
        )
    missing = [name for name in Manifest.__struct_fields__ if name != "title" and name not in raw]
    if missing:
        return fault(f"{MANIFEST} lacks {', '.join(missing)}. Add {_plural(missing)}.")
    try:
        manifest = msgspec.convert(raw, Manifest)
    except msgspec.ValidationError as error:
        named = re.search(r"(?:`\$\.|field `)(\w+)", str(error))
        return fault(f"{MANIFEST} is wrong: {error}.", _line_of(text, named[1] if named else ""))
    if not _NAME.match(manifest.name):
        return fault(
            "A pack's name is letters, digits, - and _, starting with a letter; "
            f"got {manifest.name!r}.",
            _line_of(text, "name"),
        )
    return manifest


def _plural(names: list[str]) -> str:
    return "this field" if len(names) == 1 else "these fields"


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if key and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return 1
