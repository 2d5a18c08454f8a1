"""Whatever a file holds, a person gets samples or a sentence: never another exception, never a hang."""

from __future__ import annotations

import io
import json
import tarfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio import data
from studio.graph.project import DataRef

ROUNDS = 24
KINDS = sorted(kind for kind in data.sources() if kind.startswith("files."))


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((6, 6, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def images(base: Path) -> DataRef:
    for number in range(8):
        place = base / "set" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(png(number * 20))
    return DataRef("files.image_folder", {"path": "set"})


def image_table(base: Path) -> DataRef:
    for number in range(8):
        (base / f"{number}.png").write_bytes(png(number * 20))
    rows = [f"{number}.png,{'ab'[number % 2]}" for number in range(8)]
    (base / "t.csv").write_text("\n".join(["file,kind", *rows]))
    return DataRef("files.image_table", {"path": "t.csv"})


def image_masks(base: Path) -> DataRef:
    for name in ("images", "masks"):
        (base / "set" / name).mkdir(parents=True)
    for number in range(4):
        (base / "set" / "images" / f"{number}.png").write_bytes(png(90))
        mask = np.zeros((6, 6), np.uint8)
        mask[2:4] = 255
        Image.fromarray(mask).save(base / "set" / "masks" / f"{number}.png")
    return DataRef("files.image_masks", {"path": "set"})


def idx(base: Path) -> DataRef:
    pixels = np.zeros((12, 4, 4), np.uint8)
    (base / "images").write_bytes(b"\0\0\x08\x03" + np.array([12, 4, 4], ">u4").tobytes() + pixels.tobytes())  # fmt: skip
    (base / "labels").write_bytes(b"\0\0\x08\x01" + np.array([12], ">u4").tobytes() + bytes(6) + bytes([1] * 6))  # fmt: skip
    return DataRef("files.idx", {"images": "images", "labels": "labels"})


def cifar(base: Path) -> DataRef:
    records = np.zeros((12, 3073), np.uint8)
    records[:, 0] = np.arange(12) % 10
    (base / "data_batch_1.bin").write_bytes(records.tobytes())
    return DataRef("files.cifar", {"path": "data_batch_1.bin"})


def tar(base: Path) -> DataRef:
    with tarfile.open(base / "t.tar.gz", "w:gz") as archive:
        for number in range(8):
            parts = {"png": png(number), "json": json.dumps({"label": number % 2}).encode()}
            for suffix, content in parts.items():
                member = tarfile.TarInfo(f"{number}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return DataRef("files.tar", {"path": "t.tar.gz"})


def table(base: Path) -> DataRef:
    rows = [f'{i},"{"red" if i % 2 else "blue"}",2024-01-{i + 1:02},{i % 3}' for i in range(24)]
    (base / "t.csv").write_text("\n".join(["size,colour,day,kind", *rows]))
    return DataRef("files.csv", {"path": "t.csv"})


def parquet(base: Path) -> DataRef:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as file

    columns = {"x": list(range(24)), "c": ["a", "b"] * 12, "y": [i % 3 for i in range(24)]}
    file.write_table(arrow.table(columns), base / "t.parquet")
    return DataRef("files.parquet", {"path": "t.parquet"})


def arrays(base: Path) -> DataRef:
    np.savez(base / "t.npz", x=np.ones((24, 3), np.float32), y=np.arange(24) % 2)
    return DataRef("files.numpy", {"path": "t.npz"})


def series(base: Path) -> DataRef:
    rows = [f"2024-01-{i + 1:02},{i}.5" for i in range(28)]
    (base / "t.csv").write_text("\n".join(["day,level", *rows]))
    return DataRef("files.series", {"path": "t.csv", "past": 3})


def text(base: Path) -> DataRef:
    (base / "t.txt").write_text("the naïve cat sat on the mat\n" * 9, encoding="utf-8")
    return DataRef("files.text", {"path": "t.txt", "length": 8, "tokens": "subwords"})


def text_labels(base: Path) -> DataRef:
    for name in ("bad", "good"):
        (base / "set").mkdir(exist_ok=True)
        (base / "set" / f"{name}.txt").write_text(f"a {name} film\n" * 8)
    return DataRef("files.text_labels", {"path": "set"})


def audio(base: Path) -> DataRef:
    for name in ("a", "b"):
        (base / "set" / name).mkdir(parents=True)
        with wave.open(str(base / "set" / name / "0.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 400, "NONE", ""))
            file.writeframes(bytes(800))
    return DataRef("files.audio", {"path": "set", "seconds": 0.05, "rate": 8000, "window": 64})


def graph(base: Path) -> DataRef:
    (base / "set").mkdir()
    rows = [f"{i},{i % 2},{i % 3} {3 + i % 4}" for i in range(12)]
    (base / "set" / "nodes.csv").write_text("\n".join(["id,label,words", *rows]))
    edges = [f"{i},{(i + 1) % 12}" for i in range(12)]
    (base / "set" / "edges.csv").write_text("\n".join(["source,target", *edges]))
    return DataRef("files.graph", {"nodes": "set"})


MAKERS: dict[str, Callable[[Path], DataRef]] = {
    "files.image_folder": images,
    "files.image_table": image_table,
    "files.image_masks": image_masks,
    "files.idx": idx,
    "files.cifar": cifar,
    "files.tar": tar,
    "files.csv": table,
    "files.parquet": parquet,
    "files.numpy": arrays,
    "files.series": series,
    "files.text": text,
    "files.text_labels": text_labels,
    "files.audio": audio,
    "files.graph": graph,
}


def spoiled(raw: bytes, draw: np.random.Generator) -> bytes:
    """Return a file cut short, with bytes changed, or with a stretch of it gone or repeated."""
    at = int(draw.integers(0, len(raw)))
    match int(draw.integers(0, 4)):
        case 0:
            return raw[:at]
        case 1:
            changed = np.frombuffer(raw, np.uint8).copy()
            places = draw.integers(0, len(raw), 1 + len(raw) // 200)
            changed[places] = draw.integers(0, 256, len(places))
            return changed.tobytes()
        case 2:
            return raw[:at] + raw[at + 7 :]
        case _:
            return raw[:at] + raw[at : at + 60] + raw[at:]


def outcome(ref: DataRef, base: Path) -> str:
    """Return what a person is told; "" where samples came."""
    try:
        dataset = data.open(ref, base)
    except data.DataProblem as problem:
        return str(problem)
    assert dataset.train.inputs.isfinite().all()
    assert len(dataset.train) == len(dataset.train.targets) > 0
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_files_give_samples_or_a_sentence(kind: str, tmp_path: Path) -> None:
    ref = MAKERS[kind](tmp_path)
    assert ref.kind == kind
    assert outcome(ref, tmp_path) == ""
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    draw = np.random.default_rng(0)
    told = []
    for _ in range(ROUNDS):
        path = files[int(draw.integers(len(files)))]
        raw = path.read_bytes()
        path.write_bytes(spoiled(raw, draw))
        told.append(outcome(ref, tmp_path))
        path.write_bytes(raw)
    assert outcome(ref, tmp_path) == ""
    for words in filter(None, told):
        assert words.endswith((".", "?")), words
        assert "Traceback" not in words
    assert any(told)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_or_a_folder_where_a_file_should_be(kind: str, tmp_path: Path) -> None:
    ref = MAKERS[kind](tmp_path)
    names = [name for name in ref.params if name in ("path", "images", "nodes")]
    (tmp_path / "empty").mkdir()
    (tmp_path / "zero").write_bytes(b"")
    for wrong in ("", "not/there", "empty", "zero", "a\0b", "x" * 300):
        said = outcome(DataRef(kind, ref.params | {names[0]: wrong}), tmp_path)
        assert said.endswith((".", "?")), said
