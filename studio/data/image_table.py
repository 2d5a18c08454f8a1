"""Images with their labels in a table: one class each, or several labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from studio.data.csv_file import read_csv
from studio.data.pictures import MODE_PARAM, SIZE_PARAM, ImageFile, decode
from studio.data.reading import SKIP_PARAM
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.data.table import targets_of
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[n, channels, height, width]`."""
    path = existing(params["path"], base, "A CSV file", "a table of images and labels")
    folder = path.parent
    if params["folder"]:
        folder = existing(params["folder"], base, "A folder", "the folder of the images")
    table = read_csv(path)
    file = table.position(str(params["file"]), "column of files") if params["file"] else 0
    if params["target"]:
        wanted = table.positions(str(params["target"]), "target")
    else:
        wanted = [index for index in range(len(table.names)) if index != file]
    if not wanted:
        raise DataProblem(
            f"{table.file} has one column; expected the images' files and at least one of labels. "
            "Add a column, or check the delimiter."
        )
    targets, classes, task = targets_of(table, wanted, str(params["task"]))
    names = table.labels(file)
    gone = [row for row, name in enumerate(names) if not (folder / name).is_file()]
    if gone and not params["skip_unreadable"]:
        raise DataProblem(
            f"{table.place(gone[0], file)}: there is no file {names[gone[0]]!r} in {folder}. "
            f"{len(gone)} of {len(names)} files are missing. Choose the folder that they are in, or "
            "switch on skip_unreadable."
        )
    files = [ImageFile(name, folder / name) for name in names]
    found = decode(files, params["mode"], params["size"], bool(params["skip_unreadable"]))
    return Loaded(
        title=path.name,
        form="image",
        inputs=found.pixels,
        targets=targets[found.kept],
        task=task,
        classes=classes,
        target_names=() if classes else tuple(table.names[index] for index in wanted),
        scale=(0.0, 1.0),
        notes=found.notes,
    )


IMAGE_TABLE = Source(
    SourceSpec(
        kind="files.image_table",
        title="Images with a table",
        doc="Your own images and a CSV that names each file and its class, labels or numbers.",
        form="image",
        params=(
            Param("path", "path", "", required=True, help="A CSV with one image a row"),
            Param("folder", "path", "", help="Where the images are; empty: beside the table"),
            Param("file", "str", "", help="Column of the images' names; empty: the first"),
            Param(
                "target",
                "str",
                "",
                help="What to predict: a column, or several separated by commas; empty: all others",
            ),
            Param(
                "task",
                "choice",
                "auto",
                choices=("auto", "classification", "multi-label", "regression"),
                help="multi-label: several columns of 0 and 1, or one with labels such as red|round",
            ),
            MODE_PARAM,
            SIZE_PARAM,
            SKIP_PARAM,
        ),
    ),
    _load,
)
