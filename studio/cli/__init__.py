"""The command line: the same session as the window's, without one."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from studio import logs, paths
from studio.cli.arguments import COMMANDS, SAFE_MODE, build_parser
from studio.cli.ending import FAILED, FINE, INTERRUPTED, WRONG, JobFailed, WrongUse


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; without a command, open the window."""
    words = list(sys.argv[1:] if argv is None else argv)
    here = paths.find()
    logs.write_to(here.log)
    try:
        named = [word for word in words if word != SAFE_MODE]
        safe = len(named) < len(words)
        if not named or _is_project(named, safe):
            from studio.cli import window

            return window.open_window(Path(named[0]) if named else None, here, safe)
        return _run(build_parser().parse_args(words), here)
    except (WrongUse, JobFailed) as ending:
        print(f"neuroloom: {ending}", file=sys.stderr)
        return WRONG if isinstance(ending, WrongUse) else FAILED
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except PermissionError as error:
        print(
            f"neuroloom: {error.filename or 'A file'} may not be read or written by you "
            "(permission denied). Choose another place, or ask its owner for access.",
            file=sys.stderr,
        )
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        logging.getLogger("studio").exception("neuroloom %s", " ".join(words))
        print(
            f"neuroloom: This is a mistake in Neuroloom, not yours: {type(error).__name__}: {error}. "
            f"{here.log} says where.",
            file=sys.stderr,
        )
        return FAILED


def _is_project(words: Sequence[str], safe: bool) -> bool:
    """Whether the words are a file to open rather than a command."""
    first = words[0]
    command = first in COMMANDS or first.startswith("-")
    if safe and (command or len(words) > 1):
        raise WrongUse(
            f"{SAFE_MODE} opens the window, on a project file where one is named, not {' '.join(words)!r}. "
            "Commands run no code of a project without --trust."
        )
    if command:
        return False
    if len(words) == 1 and (first.endswith(".loom") or Path(first).exists()):
        return True
    raise WrongUse(
        f"There is no command or project file named {first!r}. "
        f"Commands: {', '.join(COMMANDS)}; neuroloom --help says more."
    )


def _run(given: argparse.Namespace, here: paths.Paths) -> int:
    """Run the command; its module is imported now, so that others cost nothing."""
    match given.command:
        case "new":
            from studio.cli import projects

            return projects.new(given, here)
        case "check":
            from studio.cli import projects

            return projects.check(given, here)
        case "export":
            from studio.cli import canvas_picture, projects

            picture = canvas_picture.wanted(given)
            return canvas_picture.export(given, here) if picture else projects.export(given, here)
        case "import-weights":
            from studio.cli import weighing

            return weighing.take(given, here)
        case "import":
            from studio.cli import importing

            return importing.bring(given, here)
        case "download":
            from studio.cli import downloading

            return downloading.download(given, here)
        case "list":
            from studio.cli import listing

            return listing.list_kinds(given, here)
        case "train":
            from studio.cli import training

            return training.train(given, here)
        case "explain":
            from studio.cli import explaining

            return explaining.explain(given, here)
        case "shot":
            from studio.cli import window

            return window.shot(given, here)
        case _:
            from studio.cli import doctor

            return doctor.report(given, here)
