"""Settings survive: round trips, broken files, interrupted writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from studio import settings
from studio.settings import RECENT_LIMIT, Settings


def test_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "settings.json"
    chosen = Settings(
        theme="light", geometry="AdnQ", run_budget_gb=2.5, recent=("/a.loom",), panels={"x": "y"}
    )
    settings.save(file, chosen)
    assert settings.load(file) == (chosen, "")
    assert [entry.name for entry in file.parent.iterdir()] == ["settings.json"]


def test_a_missing_file_means_defaults(tmp_path: Path) -> None:
    assert settings.load(tmp_path / "settings.json") == (Settings(), "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe\x00",
        b'{"theme": "purple"}',
        b'{"run_budget_gb": -1}',
        b"[" * 100_000,
    ],
)
def test_a_broken_file_is_kept_aside(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(content)
    loaded, sentence = settings.load(file)
    assert loaded == Settings()
    assert str(file) in sentence
    assert "kept as" in sentence
    assert (tmp_path / "settings.broken.json").read_bytes() == content
    assert settings.load(file) == (Settings(), "")


def test_reading_moves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{")
    assert settings.read(file)[1]
    assert file.read_text() == "{"


def test_settings_of_a_newer_version_are_read_as_far_as_known(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"theme": "light", "holograms": True}))
    assert settings.load(file) == (Settings(theme="light"), "")


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.json"
    settings.save(file, Settings(theme="light"))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        settings.save(file, Settings(theme="dark"))
    assert settings.load(file)[0].theme == "light"
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]


def test_recent_projects_are_few_and_newest_first() -> None:
    chosen = Settings()
    for number in range(RECENT_LIMIT + 3):
        chosen = chosen.opened(Path(f"/p/{number}.loom"))
    chosen = chosen.opened(Path("/p/7.loom"))
    assert chosen.recent[0] == str(Path("/p/7.loom"))
    assert len(chosen.recent) == RECENT_LIMIT == len(set(chosen.recent))
    assert replace(chosen, recent=()).opened(Path("/a")).recent == (str(Path("/a")),)
