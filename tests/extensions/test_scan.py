"""Packs are listed without running them, and each way to be broken is a fault with its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packs import MANIFEST, NET, make_pack

from studio.extensions import fingerprint, scan
from studio.extensions.read import read_source
from studio.extensions.scan import MAX_BYTES
from studio.graph.params import Param


def only_fault(folder: Path) -> tuple[str, str, int]:
    found = scan([folder])
    assert len(found.faults) == 1, found.faults
    fault = found.faults[0]
    return fault.message, Path(fault.file).name, fault.line


def test_metadata_is_read_off_the_source(tmp_path: Path) -> None:
    make_pack(tmp_path)
    found = scan([tmp_path])
    spec = found.architectures["mine.net"]
    assert found.faults == ()
    assert (spec.title, spec.doc, spec.pack) == ("Net", "Why it mattered.", "mine")
    assert spec.recipe == {"epochs": 3}
    assert spec.params == (
        Param("width", "int", 8, minimum=1, maximum=64, help="Units."),
        Param("rate", "float", 0.1, maximum=0.5),
        Param("act", "choice", "ReLU", choices=("ReLU", "Tanh")),
        Param("bias", "bool", True),
    )
    assert found.infos[0].offers == ("mine.net",)
    assert found.infos[0].authors == ("A. Person",)


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    source = f"open({str(trace)!r}, 'w').close()\n" + NET.format(kind="mine.net")
    make_pack(tmp_path / "packs", source=source)
    assert "mine.net" in scan([tmp_path / "packs"]).architectures
    assert not trace.exists()


def test_scanning_needs_neither_torch_nor_qt(tmp_path: Path) -> None:
    make_pack(tmp_path)
    code = (
        "import sys, pathlib; from studio import extensions, api, paths, settings;"
        "found = extensions.scan([pathlib.Path(sys.argv[1])]);"
        "assert found.architectures;"
        "assert not {'torch', 'PySide6', 'captum'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=root)


def test_a_lone_file_is_a_pack_of_its_own(tmp_path: Path) -> None:
    text = '"""My idea."""\n' + NET.format(kind="mine.idea")
    (tmp_path / "idea.py").write_text(text, encoding="utf-8")
    found = scan([tmp_path])
    assert found.infos[0].name == "idea"
    assert found.infos[0].doc == "My idea."
    assert found.architectures["mine.idea"].pack == "idea"


def test_a_missing_folder_has_no_packs(tmp_path: Path) -> None:
    found = scan([tmp_path / "nowhere"])
    assert (found.architectures, found.faults) == ({}, ())


def test_only_the_first_folder_is_bundled(tmp_path: Path) -> None:
    make_pack(tmp_path / "own", "own", "own.net")
    make_pack(tmp_path / "user", "mine", "mine.net")
    found = scan([tmp_path / "own", tmp_path / "user"])
    assert {info.name: info.bundled for info in found.infos} == {"own": True, "mine": False}


BROKEN = {
    "syntax": ("x = 1\ndef net(:\n", "Python cannot read this", 2),
    "nul": ("x = 1\0\n", "Python cannot read this", 1),
    "deep": ("x = " + "(" * 5000 + ")" * 5000, "Python cannot read this", 1),
    "nothing": ("x = 1\n", "offers nothing", 1),
    "bad kind": (NET.format(kind="Net"), "A kind is namespaced", 6),
    "reserved kind": (NET.format(kind="core.net"), "A kind is namespaced", 6),
    "computed": (NET.replace('"Net"', '"N" * 3').format(kind="a.b"), "must be written out", 6),
    "unknown word": (NET.replace("title=", "name=").format(kind="a.b"), "is wrong", 6),
    "recipe": (NET.replace("epochs", "eras").format(kind="a.b"), "no field named eras", 6),
    "recipe type": (NET.replace(": 3", ": 'x'").format(kind="a.b"), "is wrong", 6),
    "no default": (
        NET.replace("bias: bool = True", "*, bias: bool").format(kind="a.b"),
        "default",
        12,
    ),
    "no type": (
        NET.replace("bias: bool = True", "bias=True").format(kind="a.b"),
        "needs a type",
        12,
    ),
    "odd type": (NET.replace("bias: bool", "bias: dict").format(kind="a.b"), "Got dict", 12),
    "bad default": (NET.replace("= 8", "= 80").format(kind="a.b"), "default does not fit", 9),
    "bad limit": (
        NET.replace("Int(1, 64)", "Int(1, 2, 3)").format(kind="a.b"),
        "limits are wrong",
        9,
    ),
    "limit type": (NET.replace("Int(1, 64)", "Int('a')").format(kind="a.b"), "limits are wrong", 9),
    "no choice": (NET.replace('"ReLU", "Tanh"', "").format(kind="a.b"), "limits are wrong", 11),
    "huge": (NET.replace("= 8", "= " + "9" * 400).format(kind="a.b"), "default does not fit", 9),
    "long sum": (NET.replace("= 8", "= " + "+1" * 3000).format(kind="a.b"), "Python cannot", 1),
    "wrong limit": (NET.replace("Int(1, 64)", "Float(1)").format(kind="a.b"), "cannot limit", 9),
    "stars": (
        NET.replace("bias: bool = True", "**more: int").format(kind="a.b"),
        "may not take *",
        7,
    ),
}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    start=st.integers(0, len(NET)),
    length=st.integers(0, 30),
    inserted=st.text(max_size=8)
    | st.sampled_from(["(", "[", "**", "{}", "None", "...", "lambda: 0"]),
)
def test_no_text_whatever_breaks_the_reader(start: int, length: int, inserted: str) -> None:
    text = NET.format(kind="a.b")
    offers, faults = read_source("net.py", text[:start] + inserted + text[start + length :], "p")
    assert offers or faults
    assert all(fault.line >= 1 for fault in faults)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_fault_with_its_line(tmp_path: Path, name: str) -> None:
    source, words, line = BROKEN[name]
    make_pack(tmp_path, source=source)
    message, file, at = only_fault(tmp_path)
    assert words in message
    assert (file, at) == ("net.py", line)


def test_one_broken_file_leaves_the_others(tmp_path: Path) -> None:
    pack = make_pack(tmp_path)
    (pack / "broken.py").write_text("def")
    make_pack(tmp_path, "second", "second.net")
    found = scan([tmp_path])
    assert set(found.architectures) == {"mine.net", "second.net"}
    assert len(found.faults) == 1


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("name = \n", "not valid TOML", 1),
        ('name = "x"\nversion = [\n', "not valid TOML", 2),
        ('name = "mine"\napi = 1\n', "lacks version, licence, authors, doc", 1),
        (MANIFEST.format(name="mine", api=2), "version 2 of the plugin API", 3),
        (MANIFEST.format(name="mine", api=0), "version 0 of the plugin API", 3),
        (MANIFEST.format(name="mine", api="true"), "is wrong", 3),
        (MANIFEST.format(name="a b", api=1), "A pack's name", 1),
        (MANIFEST.format(name="mine", api=1) + "colour = 3\n", "is wrong", 7),
        (MANIFEST.replace('["A. Person"]', '"me"').format(name="mine", api=1), "authors", 5),
    ],
)
def test_a_broken_manifest_keeps_the_pack_out(
    tmp_path: Path, text: str, words: str, line: int
) -> None:
    (make_pack(tmp_path) / "pack.toml").write_text(text)
    message, file, at = only_fault(tmp_path)
    assert words in message
    assert (file, at) == ("pack.toml", line)
    assert scan([tmp_path]).architectures == {}


def test_a_pack_without_a_manifest_says_so(tmp_path: Path) -> None:
    (make_pack(tmp_path) / "pack.toml").unlink()
    assert "no pack.toml" in only_fault(tmp_path)[0]


def test_the_first_to_take_a_kind_keeps_it(tmp_path: Path) -> None:
    make_pack(tmp_path / "a", "first", "same.kind")
    make_pack(tmp_path / "b", "second", "same.kind")
    found = scan([tmp_path / "a", tmp_path / "b"])
    assert found.architectures["same.kind"].pack == "first"
    assert found.faults[0].pack == "second"
    assert "same.kind" in found.faults[0].message
    assert found.faults[0].line == 6


def test_the_first_to_take_a_name_keeps_it(tmp_path: Path) -> None:
    make_pack(tmp_path / "a", "same", "one.kind")
    make_pack(tmp_path / "b", "same", "other.kind")
    found = scan([tmp_path / "a", tmp_path / "b"])
    assert set(found.architectures) == {"one.kind"}
    assert "already there" in found.faults[0].message


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (make_pack(tmp_path) / "net.py").write_bytes(b"x = 1\ny = '\xff'\n")
    assert only_fault(tmp_path) == ("This file is not UTF-8 text. Save it as UTF-8.", "net.py", 2)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (make_pack(tmp_path) / "net.py").write_bytes(b"#" * (MAX_BYTES + 1))
    assert "larger than" in only_fault(tmp_path)[0]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text(NET.format(kind="secret.net"))
    pack = make_pack(tmp_path / "packs")
    (pack / "net.py").unlink()
    (pack / "net.py").symlink_to(secret)
    assert "link to outside" in only_fault(tmp_path / "packs")[0]
    (pack / "net.py").unlink()
    (pack / "net.py").symlink_to(pack / "net.py")
    assert "cannot be read" in only_fault(tmp_path / "packs")[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_a_pipe_does_not_hang_the_scan(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "trap.py")
    assert "ordinary file" in only_fault(tmp_path)[0]


def test_a_dropped_file_changes_the_fingerprint_and_is_in_the_next_scan(tmp_path: Path) -> None:
    folders = [tmp_path]
    make_pack(tmp_path)
    seen, hashed = fingerprint(folders), scan(folders).hash
    assert (fingerprint(folders), scan(folders).hash) == (seen, hashed)
    (tmp_path / "dropped.py").write_text(NET.format(kind="dropped.net"))
    assert fingerprint(folders) != seen
    again = scan(folders)
    assert again.hash != hashed
    assert "dropped.net" in again.architectures
    seen = fingerprint(folders)
    (tmp_path / "mine" / "second.py").write_text(NET.format(kind="mine.second"))
    assert fingerprint(folders) != seen
    seen = fingerprint(folders)
    (tmp_path / "dropped.py").unlink()
    assert fingerprint(folders) != seen
    assert "dropped.net" not in scan(folders).architectures


def test_caches_and_hidden_files_are_no_packs(tmp_path: Path) -> None:
    make_pack(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.py").write_text("x")
    (tmp_path / ".hidden.py").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    found = scan([tmp_path])
    assert (len(found.infos), found.faults) == (1, ())
