"""Whether a window can open here, and what to do where it cannot. Asked before Qt, which would abort."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path

#: Shared library → Debian package, for what Qt's own wheels leave to the system.
PACKAGES: Mapping[str, str] = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libOpenGL.so.0": "libopengl0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
}
#: Qt platforms that need no display.
OFF_SCREEN = ("offscreen", "minimal", "vnc", "linuxfb", "eglfs")
HEADLESS = "train FILE, check FILE and the other commands need no display"


def window_problem(environment: Mapping[str, str], system: str = sys.platform) -> str:
    """Return nothing, or one sentence that says why no window can open and what to do."""
    return qt_problem() or display_problem(environment, system)


def qt_problem(what: str = "The window") -> str:
    """Return why Qt, which `what` needs, cannot be imported, or nothing."""
    if importlib.util.find_spec("PySide6") is None:
        return (
            f"{what} needs PySide6, which is not installed: python -m pip install "
            f'"pyside6-essentials>=6.10.1,<6.12" (neuroloom {HEADLESS}).'
        )
    for module in ("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets", "PySide6.QtSvg"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            return library_problem(str(error)) or f"{module} cannot be imported: {error}."
    return ""


def library_problem(text: str) -> str:
    """Return the sentence for the loader's complaint in `text`, or nothing where it is not one."""
    found = re.search(r"(\S+\.so[.\d]*)\S*: cannot open shared object file", text)
    if found is None:
        return ""
    library = Path(found[1]).name
    package = PACKAGES.get(library)
    if package is None:
        return (
            f"Qt needs the system library {library}, which is missing; on Debian and Ubuntu, "
            f"apt-file search {library} names its package."
        )
    return (
        f"Qt needs the system library {library}, which is missing; install its package: "
        f"sudo apt-get install {package}."
    )


def display_problem(environment: Mapping[str, str], system: str = sys.platform) -> str:
    """Return why no display can be used, or nothing."""
    platform = environment.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if not system.startswith("linux") or platform in OFF_SCREEN:
        return ""
    display, wayland = environment.get("DISPLAY", ""), environment.get("WAYLAND_DISPLAY", "")
    if not display and not wayland:
        return (
            "There is no display for the window: start from a desktop, or under xvfb-run, or with "
            f"QT_QPA_PLATFORM=offscreen set (neuroloom {HEADLESS})."
        )
    if platform == "wayland" or (wayland and platform != "xcb"):
        return ""
    return _plugin_problem() or _server_problem(display)


def _plugin_problem() -> str:
    """Return which library Qt's X11 plugin lacks, or nothing."""
    spec = importlib.util.find_spec("PySide6")
    if spec is None or spec.origin is None:
        return ""
    plugin = Path(spec.origin).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    if not plugin.exists():
        return ""
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        return library_problem(str(error)) or f"Qt's X11 plugin cannot be loaded: {error}."
    return ""


def _server_problem(display: str) -> str:
    """Return that the X server at `display` does not answer, or nothing."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return library_problem("libxcb.so.1: cannot open shared object file")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    broken = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if not broken:
        return ""
    return (
        f"The display {display} (DISPLAY) does not answer: start from a desktop, or under xvfb-run, "
        f"or with QT_QPA_PLATFORM=offscreen set (neuroloom {HEADLESS})."
    )
