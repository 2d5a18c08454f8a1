"""Projects on disk: `*.loom`, UTF-8 JSON with a format number, sorted keys, one node an entry.

Nothing that a file contains is evaluated. What this version does not know is kept and written back.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from studio.graph.graph import End, Graph, Link, Node, is_name, is_node_name, link
from studio.graph.migrations import FORMAT, migrate
from studio.graph.params import as_value
from studio.graph.project import Block, DataRef, Note, Project, Recipe, Sheet, Step

#: A project file larger than this is refused; 10,000 nodes take about 3 MB.
MAX_BYTES = 64 * 1024 * 1024
#: Values within values beyond this are no project.
DEPTH = 64
#: Nothing is drawn farther out than this, in scene pixels; what a file puts there is placed anew.
PAPER = 1e7
BACKUPS = 5

T = TypeVar("T", bound=Struct)


class FileProblem(Exception):
    """A file that cannot be read or written; the message is a sentence for the person."""


class Loaded(Struct, frozen=True):
    """A project from disk; `readonly` says why it must not be written back, or nothing."""

    project: Project
    readonly: str = ""


# ------------------------------------------------------------------------------------ text ↔ value


def dumps(project: Project, base: Path | None = None) -> str:
    """Return the file's text. Paths inside `base` become relative to it."""
    return json.dumps(_to_raw(project, base), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def loads(text: str, name: str = "The text", base: Path | None = None) -> Loaded:
    """Return the project in `text`; relative paths are resolved against `base`.

    Raises: FileProblem.
    """
    try:
        raw = json.loads(text)
        check_depth(raw)
    except json.JSONDecodeError as error:
        raise FileProblem(
            f"{name} should be JSON, but breaks off or goes wrong at line {error.lineno}, "
            f"column {error.colno}. Open a copy of it that is whole."
        ) from None
    except RecursionError:
        raise FileProblem(f"{name} is nested too deeply to be a project.") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("format"), int) or "networks" not in raw:
        raise FileProblem(
            f"{name} is JSON, but not a Neuroloom project: it has no 'format' number and 'networks'. "
            "Open a file that Neuroloom saved (*.loom)."
        )
    newer = raw["format"] > FORMAT
    try:
        project = _from_raw(raw if newer else migrate(raw), base)
    except (msgspec.ValidationError, TypeError, ValueError, KeyError, AttributeError) as error:
        if newer:
            raise FileProblem(
                f"{name} was written by a newer Neuroloom (format {raw['format']}, this one reads up "
                f"to {FORMAT}) in a way that this version cannot show. Update Neuroloom to open it."
            ) from None
        raise FileProblem(
            f"{name} is a project, but a part of it is not as expected: {error}."
        ) from None
    readonly = ""
    if newer:
        readonly = (
            f"{name} was written by a newer Neuroloom (format {raw['format']}, this one writes "
            f"{FORMAT}). It is open for reading; save a copy under another name to change it."
        )
    return Loaded(project, readonly)


def check_depth(raw: Any) -> None:
    """See that what JSON gave can be written again: Python's writer goes less deep than its reader.

    Raises: RecursionError.
    """
    level = [raw]
    for _ in range(DEPTH):
        level = [
            part
            for value in level
            if isinstance(value, (dict, list))
            for part in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise RecursionError


def _to_raw(project: Project, base: Path | None) -> dict[str, Any]:
    raw = _flat(project)
    raw["format"] = FORMAT
    raw["networks"] = {name: sheet_raw(sheet) for name, sheet in project.networks.items()}
    raw["blocks"] = {name: block_raw(block) for name, block in project.blocks.items()}
    raw["data"] = _whole(project.data)
    raw["recipe"] = _whole(project.recipe)
    if base is not None:
        params = {key: _relative(value, base) for key, value in project.data.params.items()}
        raw["data"]["params"] = params
        if project.weights:
            raw["weights"] = _relative(project.weights, base)
    return raw


def block_raw(block: Block) -> dict[str, Any]:
    """Return a block as builtins."""
    return _flat(block) | {"sheet": sheet_raw(block.sheet)}


def sheet_raw(sheet: Sheet) -> dict[str, Any]:
    """Return a sheet as builtins: a node an entry, wires as four words."""
    raw = _flat(sheet)
    del raw["graph"]
    raw["nodes"] = [_flat(node) for node in sheet.graph.nodes.values()]
    raw["links"] = [[*_end(wire.source), *_end(wire.target)] for wire in sheet.graph.links]
    return raw


def _end(end: End) -> tuple[str, str]:
    return end.node, end.port


def _flat(value: Struct) -> dict[str, Any]:
    """A struct as builtins, with the keys that an earlier reading did not know back in place."""
    raw: dict[str, Any] = msgspec.to_builtins(value)
    extra = raw.pop("extra", {})
    return {**extra, **raw}


def _whole(value: Struct) -> dict[str, Any]:
    """As `_flat`, with defaults spelled out: a file keeps its meaning when a default changes."""
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    raw: dict[str, Any] = msgspec.to_builtins(fields)
    return {**raw.pop("extra"), **raw}


def _from_raw(raw: Mapping[str, Any], base: Path | None) -> Project:
    known = {key: value for key, value in raw.items() if key != "format"}
    networks = {str(name): read_sheet(sheet) for name, sheet in known.pop("networks").items()}
    networks = networks or {"main": Sheet()}  # there is always a sheet to draw on
    blocks = {name: read_block(block, name) for name, block in known.pop("blocks", {}).items()}
    data = _read(known.pop("data", {}), DataRef)
    params = {key: _absolute(as_value(value), base) for key, value in data.params.items()}
    transforms, augment = (_steps(steps) for steps in (data.transforms, data.augment))
    recipe = _read(known.pop("recipe", {}), Recipe)
    project = _read(known, Project)
    return replace(
        project,
        networks=networks,
        blocks=blocks,
        data=replace(data, params=params, transforms=transforms, augment=augment),
        recipe=replace(
            recipe,
            learner_params=_values(recipe.learner_params),
            optimizer_params=_values(recipe.optimizer_params),
            schedule_params=_values(recipe.schedule_params),
            loss_params=_values(recipe.loss_params),
            groups={path: _values(own) for path, own in recipe.groups.items()},
        ),
        constants=_values(project.constants),
        weights=_absolute(project.weights, base),
    )


def read_block(raw: Mapping[str, Any], name: str) -> Block:
    """Return the block in `raw`.

    Raises: ValueError and what conversion raises, saying what is not as expected.
    """
    if not is_name(name):
        raise ValueError(f"a block is named {name!r}, which is no identifier")
    block = _read({**raw, "sheet": {}}, Block)
    params = tuple(
        replace(param, default=as_value(param.default), choices=as_value(param.choices))
        for param in block.params
    )
    return replace(block, sheet=read_sheet(raw["sheet"]), params=params)


def read_sheet(raw: Mapping[str, Any]) -> Sheet:
    """Return the sheet in `raw`; places and frames of nodes that it has not are left out.

    Raises: ValueError and what conversion raises, saying what is not as expected.
    """
    rest = dict(raw)
    nodes = [_read(node, Node) for node in rest.pop("nodes", [])]
    links = tuple(_read_link(wire) for wire in rest.pop("links", []))
    graph = Graph({n.id: replace(n, params=_values(n.params)) for n in nodes}, links)
    if len(graph.nodes) != len(nodes):
        raise ValueError("two nodes have the same id")
    names = [node.name for node in nodes]
    if len(set(names)) != len(names):
        raise ValueError("two nodes have the same name")
    for node in nodes:
        if not is_node_name(node.name):
            raise ValueError(f"a node is named {node.name!r}, which is no identifier")
        if not node.id or "/" in node.id:
            raise ValueError(f"a node has the id {node.id!r}, which cannot stand in a path")
    for wire in links:
        for end in (wire.source, wire.target):
            if end.node not in graph.nodes:
                raise ValueError(f"a wire leads to {end.node!r}, which is no node of its sheet")
    sheet = _read(rest, Sheet)
    places = {
        key: place
        for key, place in sheet.places.items()
        if key in graph.nodes and _on_paper(place.x, place.y)
    }
    frames = {
        key: replace(frame, nodes=tuple(node for node in frame.nodes if node in graph.nodes))
        for key, frame in sheet.frames.items()
    }
    notes = {key: _kept_on_paper(note) for key, note in sheet.notes.items()}
    return replace(sheet, graph=graph, places=places, frames=frames, notes=notes)


def _on_paper(*lengths: float) -> bool:
    """Tell whether these are lengths that can be drawn: JSON's reader takes NaN and infinity too."""
    return all(abs(length) <= PAPER for length in lengths)


def _kept_on_paper(note: Note) -> Note:
    if not _on_paper(note.x, note.y):
        note = replace(note, x=0.0, y=0.0)
    if not 0 < note.width <= PAPER:
        note = replace(note, width=Note("").width)
    return note


def _read_link(raw: Any) -> Link:
    source, source_port, target, target_port = raw
    if not all(isinstance(part, str) for part in raw):
        raise ValueError(f"a wire is written as {raw!r}")
    return link(source, source_port, target, target_port)


def _read(raw: Any, kind: type[T]) -> T:
    """Convert, with keys that `kind` does not know kept in its `extra`."""
    known = set(kind.__struct_encode_fields__) - {"extra"}
    extra = {key: value for key, value in raw.items() if key not in known}
    rest = {key: value for key, value in raw.items() if key in known}
    return msgspec.convert(rest | {"extra": extra}, kind)


def _values(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: as_value(value) for key, value in raw.items()}


def _steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    return tuple(Step(step.kind, _values(step.params)) for step in steps)


def _relative(value: Any, base: Path) -> Any:
    if isinstance(value, str) and os.path.isabs(value):
        with contextlib.suppress(ValueError):
            inside = Path(value).relative_to(base)
            return "./" + inside.as_posix()
    return value


def _absolute(value: Any, base: Path | None) -> Any:
    if base is not None and isinstance(value, str) and value.startswith(("./", "../")):
        return os.path.normpath(base / value)
    return value


# -------------------------------------------------------------------------------------------- disk


def load(path: Path, backups: Path | None = None) -> Loaded:
    """Read a project.

    Raises: FileProblem, with what was expected, what was found and what to do; the newest one of
    its `backups` is named.
    """
    try:
        return _load(path)
    except FileProblem as problem:
        kept = _backups(path, backups)[-1:] if backups is not None else []
        hint = f" What it was before its last save is kept in {kept[0]}." if kept else ""
        raise FileProblem(f"{problem}{hint}") from None


def _load(path: Path) -> Loaded:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileProblem(f"{path.name} is larger than 64 MB, which no project is.")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FileProblem(
            f"{path.name} should be text (UTF-8 JSON), but holds other bytes. "
            "Open a file that Neuroloom saved (*.loom)."
        ) from None
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {_reason(error)}.") from None
    return loads(text, path.name, path.resolve().parent)


def save(project: Project, path: Path, backups: Path | None = None) -> None:
    """Write a project aside, flush it to the disk, then put it in place; the old one becomes a backup.

    Raises: FileProblem; the file that was there is untouched then.
    """
    text = dumps(project, path.resolve().parent)
    try:
        if backups is not None and path.exists():
            _keep_backup(path, backups)
        write_atomically(path, text.encode())
    except OSError as error:
        raise FileProblem(
            f"{path.name} could not be saved: {_reason(error)}. What was there is unharmed. "
            "Free some space or save to another folder."
        ) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment it is either the old one or the new one.

    Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists():
            os.chmod(aside, path.stat().st_mode & 0o777)
        else:
            os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise


def _keep_backup(path: Path, backups: Path) -> None:
    backups.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    write_atomically(backups / f"{path.stem}-{stamp}.loom", path.read_bytes())
    for old in _backups(path, backups)[:-BACKUPS]:
        old.unlink(missing_ok=True)


def _backups(path: Path, backups: Path) -> list[Path]:
    """Return what is kept of a file, the newest last."""
    stamp = "[0-9]" * 8 + "-" + "[0-9]" * 6
    return sorted(backups.glob(f"{glob.escape(path.stem)}-{stamp}.loom"))


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
