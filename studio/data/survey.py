"""Finding out what a file or a folder holds, and proposing how it is read.

Names and first bytes are looked at, and for a table its cells; nothing is decoded that a source would
have to decode, so that a folder of a million images is surveyed at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from studio.data import columns
from studio.data.audio import SUFFIXES as SOUNDS
from studio.data.csv_file import read_csv
from studio.data.parquet_file import read_parquet
from studio.data.pictures import SUFFIXES as PICTURES
from studio.data.reading import read_text
from studio.data.source import DataProblem
from studio.data.table import Table
from studio.graph.project import DataRef, Split
from studio.graph.survey import ColumnFacts, Proposal, Survey

#: Entries of a folder that are looked at to find out what it is.
_LOOKED_AT = 2000
#: Cells of a table that are looked at; more tell no more. They come from all over it: rows may be sorted.
_CELLS = 500_000
#: Rows that are shown.
_ROWS = 12
_TEXTS = frozenset([".txt", ".text", ".md"])
#: More text files than this in a folder are no classes.
_MOST_TEXT_CLASSES = 10
#: How a table is read, by its ending.
_TABLES: dict[str, Callable[[Path], Table]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
}


def survey(path: Path) -> Survey:
    """Return what is at `path` and how it may be read, the likeliest way first.

    Raises: DataProblem, where nothing is there or nothing of it is known.
    """
    if not path.exists():
        raise DataProblem(f"Nothing is at {path}. Choose a file or a folder that is there.")
    if path.suffix.lower() in _TABLES:
        return _table(path)
    try:
        place = _Place.of(path)
        found = [proposal for rule in _RULES for proposal in rule(place)]
    except OSError as error:
        raise DataProblem(
            f"{path} cannot be read ({error.strerror}). Choose a file or a folder you may open."
        ) from None
    if not found:
        raise DataProblem(
            f"{path.name} holds nothing that is known here. Expected {_KNOWN}. "
            "Choose another file or folder."
        )
    return Survey(str(path), tuple(found), count=len(place.names))


_KNOWN = (
    "a table (.csv, .tsv, .parquet), arrays (.npz, .npy), IDX or CIFAR files, text (.txt), a .tar of "
    "samples, or a folder that holds a folder of images, sounds or texts for each class, or nodes.csv "
    "and edges.csv"
)


@dataclass(frozen=True)
class _Place:
    """A file, or a folder with its first entries by name and what each of its folders holds most."""

    path: Path
    names: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> _Place:
        """Look at a path. Raises: OSError."""
        if not path.is_dir():
            return cls(path)
        names: list[str] = []
        folders: list[str] = []
        with os.scandir(path) as entries:
            for entry, _ in zip(entries, range(_LOOKED_AT), strict=False):
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else names).append(entry.name)
        return cls(path, tuple(sorted(names)), tuple(sorted(folders)))

    @property
    def suffix(self) -> str:
        """The file's suffix, in small letters; "" of a folder."""
        return "" if self.folders or self.names or self.path.is_dir() else self.path.suffix.lower()

    def holding(self, suffixes: frozenset[str]) -> list[str]:
        """Return the folders whose first files mostly have one of the suffixes."""
        found = []
        for folder in self.folders[:200]:
            inside = _Place.of(self.path / folder).names[:50]
            fitting = sum(Path(name).suffix.lower() in suffixes for name in inside)
            if inside and 2 * fitting > len(inside):
                found.append(folder)
        return found


def _proposal(
    title: str, why: str, kind: str, split: Split | None = None, **params: str
) -> Proposal:
    return Proposal(title, DataRef(kind, dict(params), split=split or Split()), why)


# ------------------------------------------------------------------------------------------ tables


def _table(path: Path) -> Survey:
    whole = _TABLES[path.suffix.lower()](path)
    table = whole.spread(_CELLS)
    found = columns.column_facts(table)
    target = columns.target_of(found)
    copies = columns.same_rows(table)
    remarks = columns.giveaways(table, target)
    if copies:
        looked = "rows" if table is whole else "rows that were looked at"
        remarks = (f"{copies} of {len(table)} {looked} are copies of earlier ones.", *remarks)
    rows = tuple(
        tuple(str(column[row])[:60] for column in whole.columns)
        for row in range(min(_ROWS, len(whole)))
    )
    return Survey(
        str(path), tuple(_readings(path, table, found, target)), len(whole), found, rows, remarks
    )


def _readings(
    path: Path, table: Table, found: tuple[ColumnFacts, ...], target: str
) -> Iterator[Proposal]:
    files = [
        one.name
        for one in found
        if one.examples and all(Path(name).suffix.lower() in PICTURES for name in one.examples)
    ]
    if files:
        yield _proposal(
            f"Images named in {files[0]!r}",
            "A column holds names of image files; the others say what each shows.",
            "files.image_table",
            path=str(path),
            file=files[0],
        )
    if path.stem == "nodes" and (path.parent / "edges.csv").exists():
        yield from _graph(_Place.of(path.parent))
    texts = [one.name for one in found if one.kind == "text"]
    labels = [one.name for one in found if one.kind == "category"]
    if texts and labels:
        label = target if target in labels else labels[-1]
        yield _proposal(
            f"Texts of {texts[0]!r}, labelled by {label!r}",
            "One column holds sentences, another one a few values.",
            "files.text_labels",
            path=str(path),
            text=texts[0],
            label=label,
        )
    times = columns.time_of(found)
    numbers = [one.name for one in found if one.kind == "number"]
    if times and len(found) <= 3 and len(numbers) == 1:
        yield _proposal(
            f"A series: {numbers[0]!r} over {times!r}",
            "A column of dates and one of numbers: what comes next is predicted from what came before.",
            "files.series",
            Split(by="time"),
            path=str(path),
        )
    if target:
        yield _plain_table(path, table, found, target, times)


def _plain_table(
    path: Path, table: Table, found: tuple[ColumnFacts, ...], target: str, times: str
) -> Proposal:
    group = columns.group_of([one for one in found if one.name != target], len(table))
    useless = ("identifier", "constant", "text")
    ignored = [one.name for one in found if one.kind in useless and one.name not in (target, group)]
    chosen = {"path": str(path), "target": target}
    if ignored:
        chosen["ignore"] = ", ".join(ignored)
    if any(one.missing for one in found if one.name not in ignored):
        chosen["missing"] = "skip"
    split = Split()
    why = "Classes are divided evenly." if _kind(found, target) == "category" else ""
    if group:
        chosen["group"], split = group, Split(by="groups")
        why = f"Rows of one {group!r} stay together, so that none is learnt by heart."
    elif times:
        chosen["time"], split = times, Split(by="time")
        why = "What comes later is predicted from what came before."
    kind = "files.parquet" if path.suffix.lower() == ".parquet" else "files.csv"
    return _proposal(f"A table that predicts {target!r}", why, kind, split, **chosen)


def _kind(found: tuple[ColumnFacts, ...], name: str) -> str:
    return next((one.kind for one in found if one.name == name), "")


# ------------------------------------------------------------------------------ files and folders


def _arrays(place: _Place) -> Iterator[Proposal]:
    if place.suffix in (".npz", ".npy"):
        yield _proposal("NumPy arrays", "", "files.numpy", path=str(place.path))


def _idx(place: _Place) -> Iterator[Proposal]:
    inside = [place.path / name for name in place.names] if place.path.is_dir() else [place.path]
    for path in inside:
        if "idx3" in path.name or ("images" in path.name and "idx" in path.name):
            why = "Named as MNIST names its images; the labels lie beside them."
            yield _proposal(f"Images of {path.name}", why, "files.idx", images=str(path))


def _cifar(place: _Place) -> Iterator[Proposal]:
    batches = [name for name in place.names if name.endswith(".bin")]
    known = {"test_batch.bin", "data_batch_1.bin", "train.bin", "test.bin"}
    archive = place.path.name.startswith("cifar-1") and place.path.name.endswith(".tar.gz")
    if archive or known & {*batches, place.path.name}:
        why = "Named as CIFAR's binary version names its parts."
        yield _proposal("CIFAR photographs", why, "files.cifar", path=str(place.path))


def _tars(place: _Place) -> Iterator[Proposal]:
    inside = [name for name in place.names if name.endswith(".tar")]
    if place.suffix == ".tar" or inside:
        why = "Samples whose parts share a name: 000.png, 000.cls."
        yield _proposal("Samples in tar files", why, "files.tar", path=str(place.path))


def _graph(place: _Place) -> Iterator[Proposal]:
    if all((place.path / name).is_file() for name in ("nodes.csv", "edges.csv")):
        why = "A table of nodes and one of edges: which class does each node belong to?"
        nodes = str(place.path / "nodes.csv")
        yield _proposal("A graph of nodes and edges", why, "files.graph", nodes=nodes)


def _text(place: _Place) -> Iterator[Proposal]:
    if place.suffix in _TEXTS:
        lines = read_text(place.path).splitlines()
        why = f"{len(lines):,} lines of plain text: what comes next is predicted.".replace(
            ",", "\u202f"
        )
        yield _proposal("Text to continue", why, "files.text", path=str(place.path))


def _texts(place: _Place) -> Iterator[Proposal]:
    classes = place.holding(_TEXTS)
    files = [name for name in place.names if Path(name).suffix.lower() in _TEXTS]
    named = classes if len(classes) > 1 else [Path(name).stem for name in files]
    if len(classes) > 1 or (len(files) > 1 and len(files) <= _MOST_TEXT_CLASSES):
        what = "folder" if len(classes) > 1 else "file"
        yield _proposal(
            f"Texts in {len(named)} classes",
            f"One {what} a class: {_some(named)}.",
            "files.text_labels",
            path=str(place.path),
        )


def _sounds(place: _Place) -> Iterator[Proposal]:
    classes = place.holding(SOUNDS)
    if len(classes) > 1:
        why = f"One folder a class: {_some(classes)}."
        path = str(place.path)
        yield _proposal(f"Sounds in {len(classes)} classes", why, "files.audio", path=path)


def _masks(place: _Place) -> Iterator[Proposal]:
    masks = [name for name in place.folders if name.lower() in ("masks", "mask", "labels")]
    images = [name for name in place.folders if name.lower() in ("images", "image", "imgs")]
    beside = any(Path(name).stem.endswith("_mask") for name in place.names)
    if (masks and images) or beside:
        why = "Beside each image there is a mask of its name: which class every pixel belongs to."
        folder = place.path / images[0] if images else place.path
        yield _proposal("Images with masks", why, "files.image_masks", path=str(folder))


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + ("…" if len(names) > 5 else "")


def _folders_of_images(place: _Place) -> Iterator[Proposal]:
    classes = place.holding(PICTURES)
    if len(classes) > 1:
        yield _proposal(
            f"Images in {len(classes)} classes",
            f"One folder a class: {_some(classes)}.",
            "files.image_folder",
            path=str(place.path),
        )


_RULES: tuple[Callable[[_Place], Iterator[Proposal]], ...] = (
    _graph,
    _masks,
    _idx,
    _arrays,
    _cifar,
    _tars,
    _text,
    _folders_of_images,
    _sounds,
    _texts,
)
