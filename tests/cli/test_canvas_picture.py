"""`export` of pictures: formats, sheets, nodes by name, and what is said where it cannot be."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from studio.cli import main
from studio.graph import files
from studio.graph.graph import Graph, Node, link
from studio.graph.project import Block, Project, Sheet

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROLOOM_HOME", str(tmp_path / "home"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A network of a block and a Linear; the block holds one layer."""
    inner = {
        "i": Node("i", "core.input", "x"),
        "f": Node("f", "torch.nn.Flatten", "flat"),
        "o": Node("o", "core.output", "y"),
    }
    block = Block(Sheet(Graph(inner, (link("i", "out", "f", "x"), link("f", "out", "o", "x")))))
    nodes = {
        "in": Node("in", "core.input", "input"),
        "b": Node("b", "block.front", "front"),
        "fc": Node("fc", "torch.nn.Linear", "fc", {"out_features": 10}),
        "out": Node("out", "core.output", "output"),
    }
    links = (link("in", "out", "b", "x"), link("b", "y", "fc", "x"), link("fc", "out", "out", "x"))
    project = Project({"main": Sheet(Graph(nodes, links))}, blocks={"front": block})
    path = tmp_path / "small.loom"
    files.save(project, path)
    return path


def texts(path: Path) -> list[str]:
    return ["".join(one.itertext()) for one in ElementTree.parse(path).iter(f"{SVG}text")]


def test_a_sheet_becomes_an_svg_with_words_shapes_and_a_caption(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.svg"
    assert main(["export", str(file), "--format", "svg", "-o", str(out)]) == 0
    found = texts(out)
    assert {"Linear", "fc", "front", "10 outputs"} <= set(found)
    assert "650" in found, "the count of parameters, which only the engine knows"
    tree = ElementTree.parse(out).getroot()
    assert tree.findtext(f"{SVG}title") == "small"
    assert "4 nodes, 650 parameters" in str(tree.findtext(f"{SVG}desc"))


def test_a_block_is_a_sheet_too_seen_through_its_instance(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "block.svg"
    assert main(["export", str(file), "--sheet", "front", "-o", str(out)]) == 0
    assert "Flatten" in texts(out)
    assert "64" in texts(out), "the shape behind the layer, in this instance"
    assert ElementTree.parse(out).getroot().findtext(f"{SVG}title") == "small: front"


def test_only_the_nodes_that_are_named(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "part.svg"
    words = ["export", str(file), "--select", "fc, output", "--theme", "dark", "-o", str(out)]
    assert main(words) == 0
    assert "Linear" in texts(out)
    assert "front" not in texts(out)
    assert ElementTree.parse(out).getroot().findtext(f"{SVG}desc") == "2 nodes"


@pytest.mark.parametrize(("format", "magic"), [("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_other_formats(format: str, magic: bytes, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture"
    assert main(["export", str(file), "--format", format, "-o", str(out)]) == 0
    assert out.read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sheet", "generator"], "no sheet named 'generator'. It has: main, front."),
        (["--select", "fc,conv9"], "no node named 'conv9'"),
    ],
)
def test_what_is_not_there_is_named(
    words: list[str],
    said: str,
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.svg"
    assert main(["export", str(file), *words, "-o", str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_who_asks_for_code_gets_code_whatever_the_ending(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    assert main(["export", str(file), "--to", "pytorch", "-o", str(out)]) == 0
    assert "from torch import Tensor, nn" in out.read_text()


def test_without_qt_it_says_what_to_install(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "PySide6" else found(name)
    )
    out = tmp_path / "out.pdf"
    assert main(["export", str(file), "-o", str(out)]) == 1
    said = capsys.readouterr().err
    assert "A picture of the canvas needs PySide6" in said
    assert "pip install" in said
    assert not out.exists()


def test_a_place_that_takes_no_files_is_a_sentence_and_leaves_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    out = tmp_path / "taken" / "out.png"
    assert main(["export", str(file), "-o", str(out)]) == 1
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert "choose another place" in said
    assert (tmp_path / "taken").read_text() == "a file"
