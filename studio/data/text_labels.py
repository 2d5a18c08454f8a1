"""Texts with a label each: a table of them, a file of lines a class, or a folder of files a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.csv_file import read_csv
from studio.data.reading import SKIP_PARAM, Attempts, check_size, read_text
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.data.table import Table, targets_of
from studio.data.tokens import (
    PADDING,
    TOKENS_PARAM,
    UNKNOWN,
    VOCABULARY_PARAM,
    Tokenizer,
    build_tokenizer,
)
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec

_TEXT_NAMES = ("text", "sentence", "review", "message", "content")
_LABEL_NAMES = ("label", "class", "category", "target", "sentiment")
#: Without a length, texts are cut after this many tokens.
_LONGEST_AUTO = 256

Texts = tuple[list[str], NDArray[np.int64], tuple[str, ...], tuple[str, ...]]


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs `[n, length]`, filled up with `<pad>` (0) at the end."""
    what = "a table of texts and labels, or a folder with one file or folder a class"
    path = existing(params["path"], base, "A table or folder of texts", what)
    if path.is_dir():
        texts, labels, classes, notes = _from_folder(path, bool(params["skip_unreadable"]))
    else:
        texts, labels, classes, notes = _from_table(
            read_csv(path), str(params["text"]), str(params["label"])
        )
    kind = str(params["tokens"])
    if params["lower"]:
        texts = [text.lower() for text in texts]
    if kind in ("words", "subwords"):  # a first word is then the same token as a later one
        texts = [" " + " ".join(text.split()) for text in texts]
    special = (PADDING, UNKNOWN)
    tokenizer = build_tokenizer(texts, kind, int(params["most_tokens"]), special)
    inputs, cut = _padded(texts, tokenizer, params["length"], path.name)
    if cut:
        notes = (*notes, f"{cut} texts are longer than {inputs.shape[1]} tokens and were cut.")
    return Loaded(
        title=path.name,
        form="text",
        inputs=inputs,
        targets=labels,
        classes=classes,
        vocabulary=tokenizer.vocabulary,
        notes=notes,
    )


def _padded(
    texts: Sequence[str], tokenizer: Tokenizer, wish: Value, name: str
) -> tuple[NDArray[np.int64], int]:
    """Return all texts at one length `[n, length]`, and how many had to be cut for it."""
    rows = tokenizer.encode_all(texts)
    length = int(wish or min(_LONGEST_AUTO, max(1, *(len(row) for row in rows))))
    check_size(8 * len(rows) * length, f"{name}, {len(rows)} texts of {length} tokens,")
    inputs = np.zeros((len(rows), length), dtype=np.int64)
    for into, row in zip(inputs, rows, strict=True):
        into[: len(row)] = row[:length]
    return inputs, sum(len(row) > length for row in rows)


def _from_table(table: Table, text: str, label: str) -> Texts:
    first = _column(table, text, _TEXT_NAMES, 0, "column of texts")
    second = _column(table, label, _LABEL_NAMES, len(table.names) - 1, "column of labels")
    if first == second:
        raise DataProblem(
            f"{table.file} would give texts and labels by the same column, {table.names[first]!r}. "
            "Name a column of texts and another one of labels."
        )
    texts = table.labels(first)
    targets, classes, _ = targets_of(table, [second], "classification")
    return texts, targets.astype(np.int64), classes, ()


def _column(table: Table, wish: str, usual: Sequence[str], other: int, what: str) -> int:
    if wish:
        return table.position(wish, what)
    lower = [name.lower() for name in table.names]
    return next((lower.index(name) for name in usual if name in lower), other)


def _from_folder(folder: Path, skip: bool) -> Texts:
    """Return the lines of `positive.txt`, `negative.txt`…, or the files of `positive/`, `negative/`…"""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        groups = {
            entry.name: files
            for entry in entries
            if entry.is_dir() and (files := sorted(entry.rglob("*.txt")))
        }
    except OSError as error:
        raise DataProblem(
            f"{folder} cannot be read ({error.strerror}). Choose a folder that you may open."
        ) from None
    lines = [entry for entry in entries if entry.suffix == ".txt" and entry.is_file()]
    classes = tuple(groups) if len(groups) > 1 else tuple(path.stem for path in lines)
    if len(classes) < 2:
        raise DataProblem(
            f"Fewer than two classes of text were found in {folder}: expected a text file a class "
            "(positive.txt, negative.txt; a line a sample) or a folder of .txt files a class. "
            "Choose the folder that holds them."
        )
    attempts = Attempts(skip)
    texts: list[str] = []
    labels: list[int] = []
    for number, paths in enumerate(groups.values() if len(groups) > 1 else [[p] for p in lines]):
        for path in paths:
            text = attempts.read(f"{path.parent.name}/{path.name}", partial(read_text, path))
            if text is None:
                continue
            samples = [text] if len(groups) > 1 else text.splitlines()
            found = [sample for sample in samples if sample.strip()]
            texts += found
            labels += [number] * len(found)
    notes = attempts.finish("text files")
    if len(set(labels)) < 2:
        raise DataProblem(
            f"The files in {folder} hold text for fewer than two of {', '.join(classes)}; expected at "
            "least one line a class. Fill the empty files, or choose another folder."
        )
    return texts, np.array(labels, dtype=np.int64), classes, notes


TEXT_LABELS = Source(
    SourceSpec(
        kind="files.text_labels",
        title="Texts with labels",
        doc="Your own texts: a CSV of texts and labels, or a folder with one text file (a line a sample) or one folder of files a class.",
        form="text",
        params=(
            Param("path", "path", "", required=True, help="A CSV or TSV, or a folder"),
            Param(
                "text", "str", "", help="Column of the texts; empty: text, sentence… or the first"
            ),
            Param(
                "label", "str", "", help="Column of the labels; empty: label, class… or the last"
            ),
            Param(
                "tokens",
                "choice",
                "words",
                choices=TOKENS_PARAM.choices,
                help=TOKENS_PARAM.help,
            ),
            Param(
                "length",
                "int",
                None,
                optional=True,
                minimum=1,
                maximum=8192,
                help=f"Tokens of a text, longer ones are cut; empty: the longest, up to {_LONGEST_AUTO}",
            ),
            Param("lower", "bool", True, help="Read capitals as small letters"),
            VOCABULARY_PARAM,
            SKIP_PARAM,
        ),
    ),
    _load,
)
