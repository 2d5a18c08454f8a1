"""What a person has chosen, and how the window was left; one small JSON file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

RECENT_LIMIT = 12

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Settings as a value; change them with `msgspec.structs.replace`.

    `guides` lets nodes line up while dragged; `reduced_motion` lets nothing glide.
    `keys` are those that a person gave to actions, by the action's name; several are parted by ` | `.
    `geometry` and `panels` hold what Qt's `save…` methods return, as base64 text.
    Units: `run_budget_gb` in GB (10⁹ bytes) of all run folders together; `moments_mb` in MiB of what one
    run keeps to look back at (0: nothing).
    """

    theme: Literal["dark", "light"] = "dark"
    geometry: str = ""
    panels: dict[str, str] = field(default_factory=dict)
    recent: tuple[str, ...] = ()
    run_budget_gb: Positive = 5.0
    moments_mb: NotNegative = 64.0
    guides: bool = True
    reduced_motion: bool = False
    keys: dict[str, str] = field(default_factory=dict)

    def opened(self, project: Path) -> Settings:
        """Return the settings with `project` as the most recent one."""
        newest = str(project)
        others = (path for path in self.recent if path != newest)
        return replace(self, recent=(newest, *others)[:RECENT_LIMIT])


def read(file: Path) -> tuple[Settings, str]:
    """Return the settings in `file`, and a sentence on what is wrong with it ("": nothing).

    A missing file means defaults; so does one that cannot be understood.
    """
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return Settings(), ""
    except OSError as error:
        return Settings(), f"The settings in {file} cannot be read: {error.strerror}."
    try:
        return msgspec.json.decode(raw, type=Settings), ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Settings(), f"The settings in {file} are broken: {error}."


def load(file: Path) -> tuple[Settings, str]:
    """Read the settings at the start; a broken file is kept aside, so that nothing is lost.

    Returns the settings, and a sentence for the person ("" when all is well).
    """
    settings, problem = read(file)
    if not problem:
        return settings, ""
    aside = file.with_suffix(".broken.json")
    with contextlib.suppress(OSError):
        file.replace(aside)
        return settings, f"{problem} Using defaults; the broken file is kept as {aside}."
    return settings, f"{problem} Using defaults."


def save(file: Path, settings: Settings) -> None:
    """Write `settings` aside and put them in place, so that the file is always whole.

    Raises: OSError.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(settings, order="sorted"), indent=2)
    handle, aside = tempfile.mkstemp(prefix=file.name, suffix=".tmp", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, file)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
