"""Fetching published files: gone on with where it broke off, checked, and whole or not there at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from studio.data.source import DataProblem

#: Bytes read between two looks at whether somebody has cancelled.
_CHUNK = 1 << 16
_TIMEOUT_S = 20.0
#: What each read of a broken connection, a full disk or a missing network can raise.
_NETWORK = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)

#: Told how many bytes are there, of how many, and what is being done.
Tell = Callable[[int, int, str], None]


class Cancelled(Exception):
    """Somebody no longer wants it; what has come stays, to go on with later."""


@dataclass(frozen=True)
class Remote:
    """A file that others publish: where it may be had, its bytes, and the MD5 sum its makers give."""

    urls: tuple[str, ...]
    size: int
    md5: str

    @property
    def name(self) -> str:
        """The file's name, here as there."""
        return self.urls[0].rpartition("/")[2]


def missing(files: tuple[Remote, ...], folder: Path) -> tuple[Remote, ...]:
    """Return those of the files that are not in the folder yet."""
    return tuple(file for file in files if not (folder / file.name).is_file())


def fetch(
    files: tuple[Remote, ...], folder: Path, tell: Tell, cancelled: Callable[[], bool]
) -> None:
    """Bring files into a folder; those that are there are left alone.

    Raises: DataProblem (no network, no room, another file than announced), Cancelled.
    """
    total, before = sum(file.size for file in files), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            if not (folder / file.name).is_file():
                _bring(file, folder, _Report(tell, before, total, file.name), cancelled)
            before += file.size
    except OSError as error:
        raise DataProblem(
            f"{error.filename or folder} cannot be written ({error.strerror or error}). Free "
            f"{total >> 20} MiB or more there and download again; what has come is kept."
        ) from None
    tell(total, total, "")


@dataclass(frozen=True)
class _Report:
    tell: Tell
    before: int
    total: int
    name: str

    def __call__(self, done: int) -> None:
        self.tell(self.before + done, self.total, self.name)


def _bring(file: Remote, folder: Path, report: _Report, cancelled: Callable[[], bool]) -> None:
    """Raises: DataProblem, Cancelled, OSError."""
    part = folder / f"{file.name}.part"
    reasons = []
    for url in file.urls:
        try:
            _download(url, part, file, report, cancelled)
        except _NETWORK as error:
            reasons.append(f"{url}: {_words(error)}")
            continue
        if _md5(part) == file.md5:
            os.replace(part, folder / file.name)
            return
        part.unlink()  # going on with it would never make it right
        reasons.append(f"{url}: what came is not the published file (its MD5 sum differs)")
    raise DataProblem(
        f"{file.name} could not be downloaded. {'; '.join(reasons)}. Check the network connection and "
        f"download again: it goes on where it broke off. Or put the file into {folder} yourself."
    )


def _download(
    url: str, part: Path, file: Remote, report: _Report, cancelled: Callable[[], bool]
) -> None:
    """Go on with a part of a file until it has the announced size."""
    with part.open("ab") as kept:
        have = kept.tell()
        if have >= file.size:
            return
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            if have and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                kept.truncate(0)
                have = 0
            for chunk in _chunks(answer):
                if cancelled():
                    raise Cancelled
                wanted = chunk[: file.size - have]
                kept.write(wanted)
                have += len(wanted)
                report(have)
                if have == file.size:
                    break
    if have < file.size:
        raise http.client.IncompleteRead(b"", file.size - have)


def _chunks(answer: IO[bytes]) -> Iterator[bytes]:
    while chunk := answer.read(_CHUNK):
        yield chunk


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _words(error: Exception) -> str:
    match error:
        case urllib.error.HTTPError():
            return f"the server answered {error.code} ({error.reason})"
        case urllib.error.URLError():
            return f"no connection ({error.reason})"
        case http.client.IncompleteRead():
            return f"the connection broke off with {error.expected} bytes to come"
        case _:
            return str(error) or type(error).__name__
