"""The house keeps its plan: every import in every file is one that its room may have."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STUDIO = ROOT / "studio"

PURE = {"stdlib", "msgspec"}
ENGINE_SIDE = {"studio.graph", "studio.engine.protocol", "studio.engine.runs"}
TORCH = {"stdlib", "msgspec", "torch", "numpy", "safetensors"}

#: Room (longest prefix wins) → what it may import, by prefix. `stdlib` stands for all of it.
ROOMS: dict[str, set[str]] = {
    "studio": {"stdlib"},
    "studio.graph": PURE | {"studio.graph"},
    "studio.engine": PURE | {"numpy", "studio.graph", "studio.engine", "studio"},
    "studio.engine.service": TORCH
    | {"studio.graph", "studio.engine", "studio.layers", "studio.compile", "studio.data"}
    | {"studio.train", "studio.explain", "studio.extensions", "studio.paths", "studio"},
    "studio.layers": TORCH | {"studio.graph", "studio.layers"},
    "studio.compile": TORCH | {"onnx", "onnxruntime", "tqdm", "studio.graph", "studio.compile"},
    "studio.data": TORCH
    | {
        "PIL",
        "sklearn",
        "networkx",
        "pyarrow",
        "soundfile",
        "gymnasium",
        "studio.graph",
        "studio.data",
    },
    "studio.train": TORCH
    | ENGINE_SIDE
    | {"studio.compile", "studio.data", "studio.train", "studio"},
    "studio.explain": TORCH
    | ENGINE_SIDE
    | {"captum", "sklearn", "studio.compile", "studio.data", "studio.explain"},
    "studio.extensions": PURE | {"studio.graph", "studio.extensions"},
    "studio.settings": PURE | {"studio.graph"},
    "studio.paths": PURE | {"platformdirs"},
    "studio.session": PURE
    | ENGINE_SIDE
    | {"numpy", "studio.engine.client", "studio.extensions", "studio.settings", "studio.paths"}
    | {"studio.session"},
    "studio.api": PURE | {"studio.graph", "studio.extensions", "studio.api"},
    "studio.ui": PURE
    | {"numpy", "PySide6", "shiboken6", "studio.graph", "studio.session", "studio.ui"}
    | {"studio.engine.protocol", "studio.engine.runs", "studio.settings", "studio.paths", "studio"},
    "studio.app": {"*"},
    "studio.opening": {"*"},
    "studio.start": {"*"},
    "studio.cli": {"*"},
    "studio.__main__": {"*"},
    "plugins": {"stdlib", "torch", "numpy", "studio.api"},
}

NAMES_OF_NOTHING = {"utils", "helpers", "manager", "misc", "common"}


def files() -> list[Path]:
    found = [*STUDIO.rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    return [path for path in found if "_bundled" not in path.parts]


def module(path: Path) -> str:
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return dotted.removesuffix(".__init__")


def room(name: str) -> str:
    fitting = [key for key in ROOMS if name == key or name.startswith(key + ".")]
    return max(fitting, key=len)


def imports(path: Path) -> list[tuple[int, str]]:
    """Every import, wherever it stands: in functions, under TYPE_CHECKING, relative ones too."""
    found = []
    package = module(path) if path.name == "__init__.py" else module(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")
                base = ".".join(up[: len(up) - node.level + 1] + ([base] if base else []))
            if base == "studio" or (STUDIO.parent / base.replace(".", "/")).is_dir():
                found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, base))
    return found


def allowed(name: str, may: set[str]) -> bool:
    if "*" in may:
        return True
    if name.split(".")[0] in sys.stdlib_module_names or name == "__future__":
        return "stdlib" in may
    return any(
        name == key or (name.startswith(key + ".") and (key != "studio" or name.count(".") == 1))
        for key in may
    )


@pytest.mark.parametrize("path", files(), ids=module)
def test_imports_what_its_room_may(path: Path) -> None:
    name = module(path)
    may = ROOMS[room(name)]
    wrong = [
        f"line {line}: {name} may not import {target}"
        for line, target in imports(path)
        if not allowed(target, may)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", files(), ids=module)
def test_is_named_after_a_subject(path: Path) -> None:
    assert not NAMES_OF_NOTHING & set(path.with_suffix("").parts)


def test_reads_every_kind_of_import(tmp_path: Path) -> None:
    """The reader of imports is itself tested: a room's wall is only as good as its sensor."""
    sly = STUDIO / "graph" / "graph.py"
    text = (
        "def f():\n    import torch\nif TYPE_CHECKING:\n    from torch import nn\nfrom . import x\n"
    )
    tree = tmp_path / "sly.py"
    tree.write_text(text)
    found = [
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    ]
    assert found.count("torch") == 2
    assert not allowed("torch", ROOMS["studio.graph"])
    assert not allowed("torch.nn", ROOMS["studio.ui"])
    assert not allowed("PySide6.QtCore", ROOMS["studio.session"])
    assert all(allowed(target, ROOMS["studio.graph"]) for _, target in imports(sly))


def test_the_window_and_the_document_know_no_torch() -> None:
    for name in ("studio.graph", "studio.ui", "studio.session", "studio.engine"):
        assert not {"torch", "captum"} & ROOMS[name]
