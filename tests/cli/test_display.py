"""Without a display, or without a library of the system, one sentence says what to do."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio.cli import display

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libEGL.so.1", "libegl1"),
        ("libGL.so.1", "libgl1"),
        ("libxkbcommon.so.0", "libxkbcommon0"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libxcb-cursor.so.0", "libxcb-cursor0"),
    ],
)
def test_a_missing_library_is_named_with_its_package(library: str, package: str) -> None:
    said = display.library_problem(
        f"{library}: cannot open shared object file: No such file or directory"
    )
    assert library in said
    assert f"apt-get install {package}." in said


def test_an_unknown_library_is_named_too() -> None:
    said = display.library_problem("/usr/lib/libodd.so.7: cannot open shared object file: gone")
    assert "libodd.so.7" in said
    assert display.library_problem("undefined symbol: x") == ""


def test_an_import_that_fails_for_a_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(display.importlib, "import_module", fail)
    assert "libegl1" in display.qt_problem()


def test_a_missing_qt_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install" in display.qt_problem()


def test_no_display() -> None:
    said = display.display_problem({}, "linux")
    assert "QT_QPA_PLATFORM=offscreen" in said
    assert "xvfb" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("environment", "system"),
    [
        ({"QT_QPA_PLATFORM": "offscreen"}, "linux"),
        ({"QT_QPA_PLATFORM": "vnc:size=800x600"}, "linux"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux"),
        ({}, "darwin"),
        ({}, "win32"),
    ],
)
def test_where_a_window_can_open_nothing_is_said(environment: dict[str, str], system: str) -> None:
    assert display.display_problem(environment, system) == ""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 only")
def test_a_display_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_plugin_problem", lambda: "")
    said = display.display_problem({"DISPLAY": ":987"}, "linux")
    assert ":987" in said or "libxcb" in said


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 only")
def test_the_command_says_one_sentence_without_a_display(tmp_path: Path) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment["NEUROLOOM_HOME"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "studio"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("neuroloom: ")
    assert done.stderr.count("\n") == 1
