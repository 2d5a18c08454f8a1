"""An installed wheel in an empty folder behaves as the clone does: it brings plugins and assets."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROBE = """
from pathlib import Path
import studio
from studio import extensions, paths

here = paths.find()
package = Path(studio.__file__).parent
assert here.bundled_plugins == package / "_bundled" / "plugins", here.bundled_plugins
assert here.assets.is_dir() and list(here.assets.glob("icons/*.svg")), here.assets
found = extensions.scan(here.plugin_folders)
assert not found.faults, found.faults
print(*sorted(found.architectures))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as an installer does."""
    wheels = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = wheels.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    site = folder / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def test_an_installed_wheel_lists_what_the_clone_does(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    own = {"basics.mlp", "vision.lenet5", "sequence.lstm_classifier"}
    assert own <= set(done.stdout.split())


def test_the_wheel_carries_the_licence_and_the_command(installed: Path) -> None:
    (info,) = installed.glob("neuroloom-*.dist-info")
    assert "Apache License" in next(info.rglob("LICENSE")).read_text()
    assert "neuroloom = studio.__main__:main" in (info / "entry_points.txt").read_text()


def test_the_wheel_carries_no_tests_and_no_caches(installed: Path) -> None:
    names = [path.relative_to(installed) for path in installed.rglob("*")]
    assert not [name for name in names if "__pycache__" in name.parts or name.parts[0] == "tests"]


def test_the_wheel_carries_every_module(installed: Path) -> None:
    ours = {path.relative_to(ROOT) for path in (ROOT / "studio").rglob("*.py")}
    assert not [path for path in ours if not (installed / path).exists()]
