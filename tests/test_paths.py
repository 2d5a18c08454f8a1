"""Where things are: the clone, the installed package, and a home of one's own."""

from __future__ import annotations

from pathlib import Path

from studio import paths

ROOT = Path(__file__).resolve().parent.parent


def test_the_clone_uses_its_own_plugins_and_assets() -> None:
    here = paths.find({})
    assert here.bundled_plugins == ROOT / "plugins"
    assert here.assets == ROOT / "assets"
    assert here.starter.parent == ROOT / "assets"


def test_home_moves_everything_that_is_the_persons(tmp_path: Path) -> None:
    here = paths.find({paths.HOME_VARIABLE: str(tmp_path)})
    persons = [here.settings, here.plugins, here.runs, here.autosave, here.cache, here.log]
    assert all(place.is_relative_to(tmp_path) for place in persons)
    assert len(set(persons)) == len(persons)
    assert not list(tmp_path.iterdir()), "finding places must not create them"


def test_without_a_home_the_places_are_the_systems() -> None:
    here = paths.find({})
    assert "neuroloom" in str(here.settings).lower()
    assert here.settings.is_absolute()
    assert not here.runs.is_relative_to(ROOT)


def test_an_empty_home_is_no_home() -> None:
    assert paths.find({paths.HOME_VARIABLE: ""}) == paths.find({})


def test_the_studios_own_packs_come_first(tmp_path: Path) -> None:
    here = paths.find({paths.HOME_VARIABLE: str(tmp_path)})
    assert here.plugin_folders == (ROOT / "plugins", tmp_path / "plugins")


def test_an_installed_package_uses_what_it_carries(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "studio"
    (package / "_bundled" / "plugins").mkdir(parents=True)
    (package.parent / "plugins").mkdir()  # somebody else's, beside the package
    assert paths.shipped_with(package) == package / "_bundled"
