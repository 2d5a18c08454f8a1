"""Moments on disk: what was looked at is what is read, in bounded space, whatever a file claims to be."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from studio.engine import protocol as p
from studio.engine.runs import MomentWriter, moment_steps, read_moment
from studio.engine.runs.moments import MOST, decoded, encoded


def moment(step: int, side: int = 4) -> p.Moment:
    """Everything that a moment may hold, a little of each."""
    draw = np.random.default_rng(step)
    stats = {"conv": p.LayerStat(0.5, float("nan"), 0.25, histogram=(1, 2), update=1e-3)}
    pictures = p.Pictures(
        step,
        {"conv": draw.integers(0, 255, (2, side, side), dtype=np.uint8)},
        draw.integers(0, 255, (3, side, side), dtype=np.uint8),
        draw.random((3, 10)).astype(np.float32),
        np.array([1, 2, 3]),
    )
    embedding = p.Embedding(
        draw.random((5, 2)).astype(np.float16),
        (0.7, 0.2),
        "validation",
        np.arange(5),
        np.arange(5) % 2,
        np.arange(5) % 2,
        "fc",
    )
    surface = p.Surface(
        draw.random((6, 6, 2)).astype(np.float16),
        (-1.0, 1.0, -2.0, 2.0),
        draw.random((4, 2)).astype(np.float32),
        np.array([0, 1, 0, 1]),
    )
    filters = {"conv": draw.integers(0, 255, (2, 3, 3), dtype=np.uint8)}
    insight = p.Insight(step, filters, {"conv": 0.5}, embedding, surface)
    return p.Moment(step, p.LayerStats(step, stats, {"conv:out": 1.5}), pictures, insight)


def same(one: object, other: object) -> bool:
    """Equality that looks into arrays, and takes not-a-number for itself."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)  # type: ignore[arg-type]
    if isinstance(one, msgspec.Struct):
        names = one.__struct_fields__
        return type(one) is type(other) and all(
            same(getattr(one, name), getattr(other, name)) for name in names
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other or (one != one and other != other)


def test_what_was_looked_at_is_read_again(tmp_path: Path) -> None:
    writer = MomentWriter(tmp_path)
    for step in (3, 40):
        writer.keep(moment(step))
    assert writer.steps == moment_steps(tmp_path) == (3, 40)
    read = read_moment(tmp_path, 40)
    assert same(read, moment(40))
    assert not same(read, moment(3))
    assert read_moment(tmp_path, 41) is None


def test_moments_are_few_and_even_however_long_the_run(tmp_path: Path) -> None:
    writer = MomentWriter(tmp_path)
    for step in range(1, 20_000, 7):
        if writer.wants(step):
            writer.keep(p.Moment(step))
    steps = np.array(writer.steps)
    assert moment_steps(tmp_path) == writer.steps
    assert MOST // 2 <= len(steps) <= MOST
    gaps = np.diff(steps)
    assert gaps.max() <= 2 * gaps.min() + 14
    assert steps[-1] > 19_000


def test_moments_stay_within_their_budget(tmp_path: Path) -> None:
    size = len(encoded(moment(1, 64)))
    writer = MomentWriter(tmp_path, budget=10 * size)
    for step in range(1, 60):
        writer.keep(moment(step, 64))
        stored = sum(path.stat().st_size for path in (tmp_path / "moments").iterdir())
        assert stored <= 10 * size
    assert 5 <= len(writer.steps) <= 10
    assert writer.steps[-1] == 59
    assert not MomentWriter(tmp_path / "none", 0).wants(1)
    small = MomentWriter(tmp_path / "small", budget=2 * size)
    small.keep(moment(1, 64))
    assert small.steps == ()


def test_a_run_that_goes_on_keeps_its_moments(tmp_path: Path) -> None:
    first = MomentWriter(tmp_path)
    for step in (10, 20, 30):
        first.keep(p.Moment(step))
    again = MomentWriter(tmp_path)
    assert again.steps == (10, 20, 30)
    assert not again.wants(35)
    assert again.wants(40)


def test_a_run_that_goes_back_leaves_no_moments_of_the_course_it_left(tmp_path: Path) -> None:
    first = MomentWriter(tmp_path)
    for step in (10, 20, 30, 40):
        first.keep(p.Moment(step))
    again = MomentWriter(tmp_path)
    assert again.wants(21)  # it goes on from a checkpoint of step 20
    again.keep(p.Moment(21))
    assert again.steps == moment_steps(tmp_path) == (10, 20, 21)
    assert not again.wants(22)


def _renamed(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """An archive in which every file was changed, or left out."""
    into = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(into, "w") as new:
        for name in old.namelist():
            changed = change(name, old.read(name))
            if changed is not None:
                new.writestr(name, changed)
    return into.getvalue()


def _npy(array: np.ndarray, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


class Bomb:
    """Unpickled, it would leave a file behind."""

    def __reduce__(self) -> object:
        return (open, ("bomb", "w"))


def _claims(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    padded = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + bytes(64)


WHOLE = encoded(moment(7))

HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "cut": WHOLE[: len(WHOLE) // 2],
    "cut at its end": WHOLE[:-30],
    "no archive": b"\x93NUMPY" + bytes(100),
    "another step": encoded(moment(8)),
    "no head": _renamed(WHOLE, lambda name, raw: None if name == "moment.npy" else raw),
    "arrays missing": _renamed(WHOLE, lambda name, raw: raw if name == "moment.npy" else None),
    "pickled arrays": _renamed(
        WHOLE,
        lambda name, raw: raw if name == "moment.npy" else _npy(np.array([Bomb()]), pickled=True),
    ),
    "a pickled head": _renamed(
        WHOLE,
        lambda name, raw: _npy(np.array([Bomb()]), True) if name == "moment.npy" else raw,
    ),
    "huge shapes": _renamed(
        WHOLE, lambda name, raw: raw if name == "moment.npy" else _claims("(1000000000, 100000)")
    ),
    "negative shapes": _renamed(
        WHOLE, lambda name, raw: raw if name == "moment.npy" else _claims("(-1, -8)")
    ),
    "other shapes": _renamed(
        WHOLE, lambda name, raw: raw if name == "moment.npy" else _npy(np.zeros(3))
    ),
    "words": _renamed(
        WHOLE, lambda name, raw: raw if name == "moment.npy" else _npy(np.array(["a"]))
    ),
    "a foreign head": _renamed(
        WHOLE,
        lambda name, raw: (
            _npy(np.frombuffer(b"\x81\xa4step\xa1x", np.uint8)) if name == "moment.npy" else raw
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_what_is_no_moment_is_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moments").mkdir()
    (tmp_path / "moments" / "7.npz").write_bytes(HOSTILE[name])
    assert read_moment(tmp_path, 7) is None
    assert not (tmp_path / "bomb").exists()


def test_an_archive_that_unpacks_to_too_much_is_left_alone(tmp_path: Path) -> None:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("moment.npy", bytes(300 << 20))
    with pytest.raises(ValueError, match="larger than any moment"):
        decoded(into.getvalue())


def test_foreign_files_are_no_moments(tmp_path: Path) -> None:
    folder = tmp_path / "moments"
    folder.mkdir()
    for name in ("12.npz", "x.npz", "-3.npz", "9.txt", ".13.npz.part", "٣.npz", "1" * 40 + ".npz"):
        (folder / name).write_bytes(b"")
    assert moment_steps(tmp_path) == (12,)
    assert moment_steps(tmp_path / "nothing") == ()


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_moments import moment
from studio.engine.runs import MomentWriter
writer = MomentWriter(Path({folder!r}))
print("ready", flush=True)
for step in range(1, 100_000):
    writer.keep(moment(step, 64))
"""


def test_a_writer_that_is_killed_leaves_whole_moments(tmp_path: Path) -> None:
    text = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    root = Path(__file__).resolve().parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", text],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert writer.stdout is not None
    with writer.stdout:
        assert writer.stdout.readline() == b"ready\n"
        while len(moment_steps(tmp_path)) < 20:
            assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    steps = moment_steps(tmp_path)
    assert len(steps) >= 20
    for step in steps:
        assert same(read_moment(tmp_path, step), moment(step, 64))
