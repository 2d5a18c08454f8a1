"""What a person has agreed to run: digests of code, kept among what is theirs, never in a project."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import msgspec
from msgspec import Struct, field

#: Agreements kept; the oldest go first.
MOST = 10_000


class Agreement(Struct, frozen=True, omit_defaults=True):
    """When code was agreed to, in seconds since 1970, and of which file."""

    time: float = 0.0
    file: str = ""


class _File(Struct, frozen=True):
    format: int = 1
    trusted: dict[str, Agreement] = field(default_factory=dict)


class TrustStore:
    """Digests of trusted code in a file; one that cannot be read trusts nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._agreed: dict[str, Agreement] = {}
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            self._agreed = msgspec.json.decode(file.read_bytes(), type=_File).trusted

    @property
    def digests(self) -> frozenset[str]:
        """All code that may be run."""
        return frozenset(self._agreed)

    def add(self, digests: Collection[str], file: str = "", keep: bool = True) -> None:
        """Trust code; without `keep` only until the end of this session.

        Raises: OSError, when it cannot be written down; it is trusted all the same.
        """
        fresh = {one: Agreement(time.time(), file) for one in digests if one not in self._agreed}
        if not fresh:
            return
        self._agreed = dict([*self._agreed.items(), *fresh.items()][-MOST:])
        if keep:
            self._write()

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix="trusted-", dir=self._file.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(msgspec.json.format(msgspec.json.encode(_File(1, self._agreed))))
            os.replace(aside, self._file)
        except OSError:
            Path(aside).unlink(missing_ok=True)
            raise
