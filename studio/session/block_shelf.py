"""The person's own blocks, on a shelf beside all projects: one file a block, which can also be pasted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from studio.graph import files
from studio.graph.edits import Batch
from studio.graph.fragments import (
    MOST_CHARACTERS,
    Fragment,
    NotAGraph,
    cut_out,
    from_text,
    paste,
    to_text,
)
from studio.graph.graph import BLOCK, Graph, Node, is_name, name_for
from studio.graph.problems import Fault
from studio.graph.project import Block, Place, Project, Sheet
from studio.session import events as e
from studio.session.stored import put_in_bin

SUFFIX = ".loom"


class Shelved(Struct, frozen=True):
    """A saved block. `fragment` is one instance of it with all that it is made of.

    Where the file cannot be used there is none, and `fault` says why.
    """

    name: str
    file: Path
    fragment: Fragment | None = None
    fault: Fault | None = None

    @property
    def block(self) -> Block | None:
        """The block itself."""
        return self.fragment.blocks[self.name] if self.fragment is not None else None


class BlockShelf:
    """Keeps blocks in a folder; `tell` hears when what lies there changed, and why something failed."""

    def __init__(self, folder: Path, tell: Callable[[e.SessionEvent], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._seen = self._signature()
        self._read: tuple[object, tuple[Shelved, ...]] | None = None

    def stored(self) -> tuple[Shelved, ...]:
        """Return what lies on the shelf, by name; files that cannot be used are among it."""
        signature = self._signature()
        if self._read is None or self._read[0] != signature:
            names = sorted(signature, key=lambda entry: entry[0].lower())
            self._read = signature, tuple(_read(self._folder / name) for name, *_ in names)
        return self._read[1]

    def named(self, name: str) -> Shelved | None:
        """Return a saved block, or None."""
        return next((one for one in self.stored() if one.name == name), None)

    def keep(self, project: Project, name: str, replacing: bool = False) -> bool:
        """Save a block of the project with those that it is made of; tells why where that fails.

        One that is there under this name stays, unless it is to be replaced.
        """
        if name not in project.blocks:
            self._say(f"There is no block named {name!r} any more.")
            return False
        file = self._folder / f"{name}{SUFFIX}"
        if file.exists() and not replacing:
            self._say(f"A block named {name} is saved already. Replace it, or rename this one.")
            return False
        node = Node("n1", BLOCK + name, name_for(BLOCK + name, ()))
        sheet = Sheet(Graph({node.id: node}), {node.id: Place(0.0, 0.0)})
        alone = replace(project, networks={"main": sheet})
        text = to_text(cut_out(alone, "main", (node.id,)))
        try:
            files.write_atomically(file, text.encode())
        except OSError as error:
            reason = error.strerror or str(error)
            self._say(f"{name} was not saved to {self._folder}: {reason}. Free some space there.")
            return False
        self._changed()
        return True

    def remove(self, name: str) -> bool:
        """Put a saved block into the bin beside the others; projects that use it keep it."""
        try:
            put_in_bin(self._folder / f"{name}{SUFFIX}")
        except OSError as error:
            self._say(f"{name} was not deleted: {error.strerror or error}.")
            return False
        self._changed()
        return True

    def use(self, project: Project, where: str, name: str, at: Place) -> Batch | None:
        """Return the edit that puts an instance of a saved block on a sheet; tells why it cannot."""
        found = self.named(name)
        if found is None or found.fragment is None:
            fault = found.fault if found is not None else None
            self._say(fault.message if fault else f"There is no saved block named {name} any more.")
            return None
        return paste(project, where, found.fragment.renewed(at.x, at.y), "Add")

    def look(self) -> None:
        """Tell when another window, or the person, changed what lies in the folder."""
        if self._signature() != self._seen:
            self._changed()

    def _changed(self) -> None:
        self._seen = self._signature()
        self._tell(e.BlocksChanged())

    def _say(self, text: str) -> None:
        self._tell(e.Noticed(text, "warning"))

    def _signature(self) -> frozenset[tuple[str, int, int]]:
        """Return the files that lie there, with what tells that one was written anew."""
        found = set()
        try:
            for file in self._folder.iterdir():
                if file.suffix == SUFFIX and not file.name.startswith(".") and file.is_file():
                    stat = file.stat()
                    found.add((file.name, stat.st_mtime_ns, stat.st_size))
        except OSError:  # no folder, no blocks; one that went while we looked is seen next time
            return frozenset(found)
        return frozenset(found)


def _read(file: Path) -> Shelved:
    name = file.stem
    try:
        if not is_name(name):
            raise NotAGraph(
                f"{file.name} is not named after a block: letters, digits and underscores."
            )
        if file.stat().st_size > MOST_CHARACTERS:
            raise NotAGraph(f"{file.name} is larger than a block can be.")
        fragment = from_text(file.read_text(encoding="utf-8"), file.name)
        if [node.kind for node in fragment.nodes] != [BLOCK + name]:
            raise NotAGraph(
                f"{file.name} should hold one instance of the block {name}, but holds something else. "
                "Save the block again, or delete the file."
            )
    except (NotAGraph, OSError, UnicodeDecodeError) as error:
        reason = str(error)
        if isinstance(error, UnicodeDecodeError):
            reason = f"{file.name} should be text, but holds other bytes. Delete the file."
        elif isinstance(error, OSError):
            reason = f"{file.name} cannot be read: {error.strerror or error}."
        return Shelved(name, file, fault=Fault(reason, file=str(file)))
    return Shelved(name, file, fragment)
