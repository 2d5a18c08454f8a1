"""One text to continue: windows of tokens, and the same windows one token further."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from studio.data.reading import check_size, read_bytes, read_text
from studio.data.source import DataProblem, Loaded, Source, existing
from studio.data.tokens import TOKENS_PARAM, VOCABULARY_PARAM, build_tokenizer
from studio.graph.params import Param, Value
from studio.graph.spec import SourceSpec


def _load(params: Mapping[str, Value], base: Path) -> Loaded:
    """Shapes: inputs and targets `[n, length]`, the targets one token further."""
    path = existing(params["path"], base, "A text file", "a file of plain text")
    kind, length = str(params["tokens"]), int(params["length"])
    stride = int(params["stride"] or length)
    if kind == "bytes":
        tokenizer = build_tokenizer((), kind, 0)
        tokens = np.frombuffer(read_bytes(path), np.uint8).astype(np.int64)
    else:
        text = read_text(path, "Save it as text in UTF-8, read it as bytes")
        tokenizer = build_tokenizer((text,), kind, int(params["most_tokens"]))
        tokens = tokenizer.encode(text)
    count = (len(tokens) - 1 - length) // stride + 1
    if count < 2:
        raise DataProblem(
            f"{path.name} has {len(tokens)} tokens; windows of {length} every {stride} need at least "
            f"{length + stride + 1}. Choose a longer text, or shorter windows."
        )
    check_size(16 * count * length, f"{path.name} in {count} windows of {length} tokens")
    windows = sliding_window_view(tokens, length + 1)[::stride][:count]
    return Loaded(
        title=path.name,
        form="text",
        inputs=windows[:, :-1].copy(),
        targets=windows[:, 1:].copy(),
        task="tokens",
        classes=tokenizer.vocabulary,
        vocabulary=tokenizer.vocabulary,
        times=np.arange(count, dtype=np.int64) * stride,
        notes=(
            f"{len(tokens)} tokens, {len(tokenizer.vocabulary)} different ones; "
            f"{count} windows of {length}.",
        ),
    )


TEXT = Source(
    SourceSpec(
        kind="files.text",
        title="Text to continue",
        doc="One long text, cut into windows: which token comes next? For recurrent networks and transformers.",
        form="text",
        params=(
            Param("path", "path", "", required=True, help="A file of plain text"),
            TOKENS_PARAM,
            Param("length", "int", 64, minimum=2, maximum=8192, help="Tokens of a window"),
            Param(
                "stride",
                "int",
                None,
                optional=True,
                minimum=1,
                maximum=100_000,
                help="Tokens from one window to the next; empty: as long as a window",
            ),
            VOCABULARY_PARAM,
        ),
    ),
    _load,
)
