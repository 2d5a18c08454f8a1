"""`import`: a network from PyTorch code or another program's file, as a project, with a report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from studio.cli.ending import FINE, JobFailed, WrongUse
from studio.cli.headless import Headless, writing
from studio.cli.output import print_json
from studio.engine.protocol import Import, Imported
from studio.graph.edits import SetWeights
from studio.graph.project import Project
from studio.graph.topology import name_path
from studio.paths import Paths


def bring(given: argparse.Namespace, here: Paths) -> int:
    """Write the project of what comes in, its weights beside it, and print what became of each part."""
    path, name = _split(given.path)
    options = {"class": name, "input": given.input, "args": given.args}
    options = {key: text for key, text in options.items() if text}
    beside = given.output.with_suffix(".safetensors")
    # Anything else may be the dotted name of a module.
    if Path(path).suffix in (".py", ".pt2", ".onnx") and not Path(path).exists():
        raise WrongUse(f"There is no file {path}. Name one that is there, or an importable module.")
    with Headless(here) as studio:
        runs_code = Path(path).suffix in ("", ".py") or not Path(path).exists()
        agreed = given.yes or (runs_code and _agrees(path))
        place = str(Path(path).absolute()) if Path(path).exists() else path
        request = Import(place, str(here.weights), options=options, agreed=agreed)
        answer = studio.ask(request, Imported)
        studio.session.take_import(answer, Path(path).stem)
        if answer.weights:
            with writing(beside):
                beside.write_bytes(Path(answer.weights).read_bytes())
            studio.session.do(SetWeights(str(beside.resolve())))
        studio.session.save(given.output)
        studio.raise_errors()
    for line in answer.report:
        print(_line(answer.project, line.fate, line.text, line.path))
    if given.json:
        print_json({"report": msgspec.to_builtins(answer.report), "file": str(given.output)})
    else:
        print(f"{path} is in {given.output}.")
    if not answer.report:
        raise JobFailed("The engine gave no report.")
    return FINE


def _split(text: str) -> tuple[str, str]:
    """Return the path and the class of `path/file.py:Class`; a drive's colon is part of the path."""
    path, colon, name = text.rpartition(":")
    if colon and name.isidentifier() and len(path) > 1:
        return path, name
    return text, ""


def _agrees(path: str) -> bool:
    """Ask whether foreign code may run; without a terminal nobody can say so.

    Raises: WrongUse.
    """
    question = f"{path} is Python: importing it runs its code with your rights."
    if not sys.stdin.isatty():
        raise WrongUse(f"{question} Say --yes to agree.")
    return input(f"{question} Go on? [y/N] ").strip().lower() in ("y", "yes")


def _line(project: Project, fate: str, text: str, path: str) -> str:
    where = f"{name_path(project, 'main', path)}: " if path else ""
    return f"{fate}: {where}{text}"
