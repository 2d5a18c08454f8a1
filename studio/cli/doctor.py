"""`doctor`: what is installed, where things are, what is wrong and what to do about it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from msgspec import Struct

import studio
from studio import extensions, settings
from studio.cli.display import OFF_SCREEN, window_problem
from studio.cli.ending import FAILED, FINE
from studio.cli.output import print_json
from studio.paths import HOME_VARIABLE, Paths

#: What the studio stands on.
DISTRIBUTIONS = (
    "torch",
    "PySide6_Essentials",
    "numpy",
    "captum",
    "msgspec",
    "safetensors",
    "scikit-learn",
    "networkx",
    "pillow",
    "platformdirs",
)
#: Below this a run's checkpoints may not fit. Unit: bytes.
LITTLE_SPACE = 1 << 30


class Finding(Struct, frozen=True):
    """Something that is wrong, and what to do about it. `fatal` keeps a part from working."""

    message: str
    remedy: str = ""
    fatal: bool = False


class Report(Struct, frozen=True):
    """What `doctor --json` prints."""

    ok: bool
    neuroloom: str
    python: str
    system: str
    versions: dict[str, str]
    devices: dict[str, str]
    qt: dict[str, str]
    folders: dict[str, str]
    packs: tuple[str, ...]
    findings: tuple[Finding, ...]


def report(given: argparse.Namespace, here: Paths) -> int:
    """Print the report; the exit code tells whether something is fatally wrong."""
    told = examine(here)
    if given.json:
        print_json(told)
    else:
        print(as_text(told))
    return FINE if told.ok else FAILED


def examine(here: Paths) -> Report:
    """Return the report on this machine."""
    findings: list[Finding] = []
    versions = _versions(findings)
    devices = _devices(findings)
    problem = window_problem(os.environ)
    if problem:
        findings.append(Finding("No window can open.", problem))
    scan = extensions.scan(here.plugin_folders)
    for fault in scan.faults:
        where = f"{fault.file}, line {fault.line}" if fault.line else fault.file
        findings.append(Finding(f"A plugin has a fault: {fault.message}", where))
    if not any(info.bundled for info in scan.infos):
        findings.append(
            Finding(
                f"The studio's own plugins are missing from {here.bundled_plugins}.",
                "Install Neuroloom again.",
                fatal=True,
            )
        )
    _folders(here, findings)
    return Report(
        ok=not any(finding.fatal for finding in findings),
        neuroloom=studio.__version__,
        python=f"{platform.python_version()} ({sys.executable})",
        system=f"{platform.platform()}, {os.cpu_count()} cores",
        versions=versions,
        devices=devices,
        qt=_qt(problem),
        folders=_places(here),
        packs=tuple(info.name for info in scan.infos),
        findings=tuple(findings),
    )


def _versions(findings: list[Finding]) -> dict[str, str]:
    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
            if name != "PySide6_Essentials":
                findings.append(
                    Finding(
                        f"{name} is not installed.", f"python -m pip install {name}", fatal=True
                    )
                )
    if versions["PySide6_Essentials"].startswith("6.12.0") and sys.version_info < (3, 12):
        findings.append(
            Finding(
                "PySide6 6.12.0 crashes on Python 3.11.",
                'python -m pip install "pyside6-essentials>=6.10.1,<6.12"',
                fatal=True,
            )
        )
    return versions


def _devices(findings: list[Finding]) -> dict[str, str]:
    """Return what an engine says that it has; asking is the test that it starts."""
    try:
        from studio.engine import in_process
        from studio.engine.protocol import Hello, Ping
        from studio.engine.service import Service
        from studio.engine.setup import Setup

        client = in_process.connect(Service(Setup()))
        try:
            hello = client.call(Ping(), 60.0)
        finally:
            client.close()
    except Exception as error:
        findings.append(
            Finding(
                f"The engine does not start: {type(error).__name__}: {error}.",
                f"Install {'torch' if 'torch' in str(error) else 'Neuroloom'} again.",
                fatal=True,
            )
        )
        return {}
    return hello.devices if isinstance(hello, Hello) else {}


def _qt(problem: str) -> dict[str, str]:
    chosen = os.environ.get("QT_QPA_PLATFORM", "")
    return {
        "platform": chosen or "chosen by Qt",
        "display": os.environ.get("DISPLAY", "") or os.environ.get("WAYLAND_DISPLAY", "") or "none",
        "window": "off screen" if chosen in OFF_SCREEN else ("no" if problem else "yes"),
    }


def _places(here: Paths) -> dict[str, str]:
    return {name: str(getattr(here, name)) for name in here.__struct_fields__}


def _folders(here: Paths, findings: list[Finding]) -> None:
    remedy = f"Give yourself the right to write there, or set {HOME_VARIABLE} to a folder of yours."
    places = {here.settings.parent, here.runs, here.autosave, here.cache, here.log.parent}
    for folder in sorted(places):
        problem = _writing_problem(folder)
        if problem:
            findings.append(Finding(f"{folder} cannot be written: {problem}.", remedy, fatal=True))
    _, sentence = settings.read(here.settings)
    if sentence:
        findings.append(Finding(sentence, "They are reset at the next start."))
    space = _space(here.runs)
    if space is not None and space < LITTLE_SPACE:
        findings.append(
            Finding(
                f"Only {space / 2**20:.0f} MiB are free for runs in {here.runs}.",
                "Delete old runs, or make room.",
            )
        )


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or what exists above it."""
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    return folder


def _writing_problem(folder: Path) -> str:
    """Return why nothing can be written at or below `folder`, which need not exist yet."""
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _space(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(_nearest(folder)).free
    except OSError:
        return None


def as_text(told: Report) -> str:
    """Return the report for people."""
    lines = [f"Neuroloom {told.neuroloom}, Python {told.python}", told.system, ""]
    for title in ("versions", "devices", "qt", "folders"):
        table: dict[str, str] = getattr(told, title)
        lines.append(title.capitalize() if title != "qt" else "Qt")
        width = max((len(key) for key in table), default=0)
        lines += [f"  {key:<{width}}  {value}" for key, value in table.items()]
    lines += [f"Packs  {', '.join(told.packs) or 'none'}", ""]
    if not told.findings:
        return "\n".join([*lines, "Nothing is wrong."])
    for finding in told.findings:
        lines.append(f"{'✗' if finding.fatal else '!'} {finding.message}")
        lines += [f"  {finding.remedy}"] if finding.remedy else []
    return "\n".join(lines)
