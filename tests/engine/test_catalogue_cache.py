"""The stored catalogue: the same again, for the same packs only, and never a reason to stumble."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.engine import catalogue_cache
from studio.graph.catalog import Catalog, PackInfo
from studio.graph.params import Param
from studio.graph.problems import Fault
from studio.graph.spec import ArchitectureSpec, LayerSpec, Port

CATALOG = Catalog(
    layers={
        "torch.nn.Conv2d": LayerSpec(
            kind="torch.nn.Conv2d",
            title="Conv2d",
            category="conv",
            params=(
                Param("kernel_size", "int", (3, 3), size=2, minimum=1),
                Param("padding_mode", "choice", "zeros", choices=("zeros", "reflect")),
            ),
            inputs=(Port("x", many=True),),
        )
    },
    architectures={
        "vision.lenet5": ArchitectureSpec(
            kind="vision.lenet5", title="LeNet-5", recipe={"optimizer_params": {"lr": 0.002}}
        )
    },
    packs=(PackInfo("vision", offers=("vision.lenet5",)),),
    faults=(Fault("it raised", "mine", "/x.py", 3),),
    versions={"torch": "2.13.0"},
)


def test_comes_back_equal_with_tuples(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    catalogue_cache.write(folder, "packs", CATALOG)
    assert catalogue_cache.read(folder, "packs") == CATALOG


def test_other_packs_are_another_catalogue_and_the_old_one_goes(tmp_path: Path) -> None:
    catalogue_cache.write(tmp_path, "packs", CATALOG)
    assert catalogue_cache.read(tmp_path, "other") is None
    catalogue_cache.write(tmp_path, "other", Catalog())
    assert catalogue_cache.read(tmp_path, "packs") is None
    assert catalogue_cache.read(tmp_path, "other") == Catalog()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("versions", [("torch", "9.9.9"), ("studio", "9.9.9")])
def test_another_torch_or_studio_is_another_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: tuple[str, str]
) -> None:
    catalogue_cache.write(tmp_path, "packs", CATALOG)
    what, version = versions
    if what == "torch":
        monkeypatch.setattr(catalogue_cache.metadata, "version", lambda name: version)
    else:
        monkeypatch.setattr(catalogue_cache, "__version__", version)
    assert catalogue_cache.read(tmp_path, "packs") is None


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "folder"])
def test_a_damaged_file_counts_as_none(tmp_path: Path, damage: str) -> None:
    catalogue_cache.write(tmp_path, "packs", CATALOG)
    (file,) = tmp_path.iterdir()
    match damage:
        case "cut":
            file.write_bytes(file.read_bytes()[:-20])
        case "empty":
            file.write_bytes(b"")
        case "noise":
            file.write_bytes(b"\x91" * 5000)
        case "folder":
            file.unlink()
            file.mkdir()
    assert catalogue_cache.read(tmp_path, "packs") is None


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    catalogue_cache.write(tmp_path / "file" / "cache", "packs", CATALOG)
    assert catalogue_cache.read(tmp_path / "file" / "cache", "packs") is None
