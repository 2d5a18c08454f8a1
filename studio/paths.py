"""Where things are: what ships with the studio, and what belongs to the person."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from msgspec import Struct

HOME_VARIABLE = "NEUROLOOM_HOME"


class Paths(Struct, frozen=True):
    """Every place on disk that the studio uses; found once, passed in. Nothing is created here.

    `bundled_plugins` and `assets` ship with the studio; all the others are the person's.
    """

    bundled_plugins: Path
    assets: Path
    settings: Path
    plugins: Path
    blocks: Path
    runs: Path
    autosave: Path
    cache: Path
    log: Path

    @property
    def plugin_folders(self) -> tuple[Path, ...]:
        """The folders that are scanned for packs, the studio's own first."""
        return (self.bundled_plugins, self.plugins)

    def packs(self, safe: bool) -> tuple[Path, ...]:
        """The folders that packs are run from; where `safe`, only the studio's own."""
        return self.plugin_folders[:1] if safe else self.plugin_folders

    @property
    def weights(self) -> Path:
        """Where weights are kept that came in with networks."""
        return self.runs.parent / "weights"

    @property
    def datasets(self) -> Path:
        """Where published data sets are kept once they have been fetched."""
        return self.runs.parent / "datasets"

    @property
    def backups(self) -> Path:
        """Where what a project was before each of its last saves is kept."""
        return self.autosave / "backups"

    @property
    def trusted(self) -> Path:
        """Where it is kept which code of projects the person has agreed to run."""
        return self.settings.with_name("trusted.json")

    @property
    def starter(self) -> Path:
        """The project that the first start opens."""
        return self.assets / "starter.loom"


def find(environment: Mapping[str, str] = os.environ) -> Paths:
    """Return the places for this machine; `NEUROLOOM_HOME` moves everything that is the person's."""
    shipped = shipped_with(Path(__file__).resolve().parent)
    home = environment.get(HOME_VARIABLE, "")
    if home:
        config = data = Path(home).expanduser().absolute()
        cache, logs = data / "cache", data / "logs"
    else:
        dirs = platformdirs.PlatformDirs("neuroloom", appauthor=False)
        config, data = dirs.user_config_path, dirs.user_data_path
        cache, logs = dirs.user_cache_path, dirs.user_log_path
    return Paths(
        bundled_plugins=shipped / "plugins",
        assets=shipped / "assets",
        settings=config / "settings.json",
        plugins=data / "plugins",
        blocks=data / "blocks",
        runs=data / "runs",
        autosave=data / "autosave",
        cache=cache,
        log=logs / "neuroloom.log",
    )


def shipped_with(package: Path) -> Path:
    """Return the folder that holds `plugins/` and `assets/`: the clone, else inside the package.

    A `plugins` folder that merely lies beside an installed package (site-packages) is not the clone's.
    """
    clone = package.parent
    if (clone / "plugins").is_dir() and (clone / "pyproject.toml").is_file():
        return clone
    return package / "_bundled"
