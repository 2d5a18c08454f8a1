"""Scanning the plugin folders: what is there, what it offers, what is wrong. Runs no code of a pack."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from studio.extensions.manifest import API_VERSION, MANIFEST, read_manifest
from studio.extensions.read import Offer, read_source, title_of
from studio.graph.catalog import PackInfo
from studio.graph.problems import Fault
from studio.graph.spec import ArchitectureSpec

MAX_BYTES = 1 << 20
MAX_ENTRIES = 1000


class Scan(Struct, frozen=True):
    """The packs of some folders; `hash` changes with any byte of them."""

    offers: dict[str, Offer] = field(default_factory=dict)
    infos: tuple[PackInfo, ...] = ()
    faults: tuple[Fault, ...] = ()
    hash: str = ""

    @property
    def architectures(self) -> dict[str, ArchitectureSpec]:
        """Every architecture by kind."""
        return {kind: offer.spec for kind, offer in self.offers.items()}


def scan(folders: Sequence[Path]) -> Scan:
    """Return what the packs in `folders` offer.

    The first folder is the studio's own. Where a pack's name or a kind is taken, the earlier one
    stays and the later one is a fault.
    """
    scanner = _Scanner()
    for number, folder in enumerate(folders):
        for entry in _entries(folder, scanner.faults):
            if entry.is_dir():
                scanner.pack(entry, folder, bundled=number == 0)
            else:
                scanner.lone_file(entry, folder, bundled=number == 0)
    return Scan(
        scanner.offers, tuple(scanner.infos), tuple(scanner.faults), scanner.digest.hexdigest()
    )


def fingerprint(folders: Sequence[Path]) -> str:
    """Return a text that changes when a file of a pack does; cheap, it looks at no content."""
    digest = hashlib.sha256()
    for folder in folders:
        for entry in _entries(folder, []):
            for file in [entry, *(_sources(entry) if entry.is_dir() else ())]:
                try:
                    status = file.stat()
                except OSError:
                    continue
                digest.update(f"{file}\0{status.st_mtime_ns}\0{status.st_size}\n".encode())
    return digest.hexdigest()


class _Scanner:
    """Gathers offers, infos and faults over all folders."""

    def __init__(self) -> None:
        self.offers: dict[str, Offer] = {}
        self.infos: list[PackInfo] = []
        self.faults: list[Fault] = []
        self.digest = hashlib.sha256()
        self._owners: dict[str, str] = {}

    def pack(self, folder: Path, root: Path, bundled: bool) -> None:
        """Take in a folder with `pack.toml` and one file a thing."""
        file = folder / MANIFEST
        sources = [source for source in _sources(folder) if source != file]
        if not file.exists() and not file.is_symlink():
            if sources:
                self._fault(
                    f"This folder has Python files but no {MANIFEST}. Add one with name, version, "
                    "api, licence, authors and doc, or put a lone .py beside the folder.",
                    folder.name,
                    folder,
                )
            return
        text = self._read(file, root, folder.name)
        if text is None:
            return
        manifest = read_manifest(file, text)
        if isinstance(manifest, Fault):
            self.faults.append(manifest)
            return
        info = PackInfo(
            name=manifest.name,
            title=manifest.title or manifest.name,
            version=manifest.version,
            api=manifest.api,
            licence=manifest.licence,
            authors=manifest.authors,
            doc=manifest.doc,
            path=str(folder),
            bundled=bundled,
        )
        texts = [(source, self._read(source, root, manifest.name)) for source in sources]
        self._take(info, file, [(source, text) for source, text in texts if text is not None])

    def lone_file(self, file: Path, root: Path, bundled: bool) -> None:
        """Take in a `.py` that is a pack of its own, named after its file."""
        text = self._read(file, root, file.stem)
        if text is not None:
            info = PackInfo(
                name=file.stem,
                title=file.stem,
                api=API_VERSION,
                doc=title_of(text),
                path=str(file),
                bundled=bundled,
            )
            self._take(info, file, [(file, text)])

    def _take(self, info: PackInfo, file: Path, sources: list[tuple[Path, str]]) -> None:
        owner = self._owners.setdefault(info.name, info.path)
        if owner != info.path:
            self._fault(
                f"A pack named {info.name!r} is already there, in {owner}. Rename one of them.",
                info.name,
                file,
            )
            return
        kinds = []
        for source, text in sources:
            offers, faults = read_source(str(source), text, info.name)
            self.faults.extend(faults)
            for offer in offers:
                kind = offer.spec.kind
                earlier = self.offers.setdefault(kind, offer)
                if earlier is offer:
                    kinds.append(kind)
                else:
                    self._fault(
                        f"The kind {kind!r} is taken by {earlier.file}, line {earlier.line}. "
                        "Give this one another kind.",
                        info.name,
                        source,
                        offer.line,
                    )
        self.infos.append(replace(info, offers=tuple(kinds)))

    def _read(self, file: Path, root: Path, pack: str) -> str | None:
        """Return the text of `file`, or None after noting the fault."""
        try:
            if not file.resolve(strict=True).is_relative_to(root.resolve()):
                self._fault("This is a link to outside the plugin folder; copy it in.", pack, file)
            elif not file.is_file():
                self._fault("This is not an ordinary file.", pack, file)
            elif file.stat().st_size > MAX_BYTES:
                self._fault("This file is larger than 1 MiB, too large for a plugin.", pack, file)
            else:
                content = file.read_bytes()
                self.digest.update(f"{file}\0{len(content)}\0".encode() + content)
                return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            self._fault("This file is not UTF-8 text. Save it as UTF-8.", pack, file, line)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
            reason = error.strerror if isinstance(error, OSError) else "it links to itself"
            self._fault(f"This file cannot be read: {reason}.", pack, file)
        return None

    def _fault(self, message: str, pack: str, file: Path, line: int = 1) -> None:
        self.digest.update(message.encode())
        self.faults.append(Fault(message, pack, str(file), line))


def _entries(folder: Path, faults: list[Fault]) -> Iterator[Path]:
    """Yield packs and lone files of a plugin folder in a fixed order; a missing folder has none."""
    try:
        found = sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    except FileNotFoundError:
        return
    except OSError as error:
        faults.append(
            Fault(f"The plugin folder cannot be read: {error.strerror}.", "", str(folder))
        )
        return
    if len(found) > MAX_ENTRIES:
        message = (
            f"The plugin folder has {len(found)} entries; only the first {MAX_ENTRIES} are read."
        )
        faults.append(Fault(message, "", str(folder)))
    yield from (entry for entry in found[:MAX_ENTRIES] if entry.suffix == ".py" or entry.is_dir())


def _sources(folder: Path) -> list[Path]:
    """Return the manifest and the Python files of a pack's folder."""
    try:
        found = sorted(file for file in folder.iterdir() if not file.name.startswith((".", "_")))
    except OSError:
        return []
    return [file for file in found if file.suffix == ".py" or file.name == MANIFEST][:MAX_ENTRIES]
