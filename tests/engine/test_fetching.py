"""An engine brings published data here, tells how far it is, and reads it from then on."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from studio.data import download
from studio.data import published as sets
from studio.engine import in_process
from studio.engine import protocol as p
from studio.engine.client import EngineRefused
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.project import DataRef


def test_a_set_is_fetched_once_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    there.mkdir()
    mnist = sets.published_set("published.mnist")
    files = []
    for file in mnist.files:
        source = there / file.name
        source.write_bytes(b"x")
        files.append(download.Remote((source.as_uri(),), 1, hashlib.md5(b"x").hexdigest()))
    small = replace(mnist, files=tuple(files))
    monkeypatch.setattr(sets, "PUBLISHED", (small,))
    setup = Setup(datasets=str(tmp_path / "sets"))
    with in_process.connect(Service(setup)) as client:
        assert small.kind in client.call(p.GetCatalogue()).catalog.sources  # type: ignore[union-attr]
        with pytest.raises(EngineRefused, match="neuroloom download mnist"):
            client.call(p.GetData(DataRef(small.kind)))
        assert client.call(p.Fetch(small.kind)) == p.Done()
        assert not sets.missing(small.files, tmp_path / "sets" / "mnist")
        with pytest.raises(EngineRefused, match="Choose one of"):
            client.call(p.Fetch("published.nothing"))
        # It is here now; what is in it is looked at.
        with pytest.raises(EngineRefused, match="not an IDX file"):
            client.call(p.GetData(DataRef(small.kind)))


def test_an_engine_without_a_folder_says_so() -> None:
    with (
        in_process.connect(Service(Setup())) as client,
        pytest.raises(EngineRefused, match="without a folder for data sets"),
    ):
        client.call(p.Fetch("published.mnist"))
