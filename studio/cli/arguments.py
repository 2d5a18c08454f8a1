"""What can be typed after `neuroloom`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NoReturn

import studio
from studio.cli.ending import WrongUse

SAFE_MODE = "--safe-mode"
COMMANDS = (
    "new",
    "check",
    "train",
    "explain",
    "export",
    "import",
    "import-weights",
    "download",
    "list",
    "shot",
    "doctor",
)
LISTS = (
    "layers",
    "architectures",
    "data",
    "transforms",
    "methods",
    "learners",
    "optimizers",
    "schedules",
    "losses",
    "exporters",
    "packs",
)
WORKSPACES = ("build", "train", "explain", "runs")


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = _Parser(
        prog="neuroloom",
        description="Draw networks, train them live, see why they answer as they do. "
        "Without a command, or with a project file, the window opens.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"Neuroloom {studio.__version__}")
    parser.add_argument(
        SAFE_MODE,
        action="store_true",
        help="open the window, on a project file where one follows, without running code of projects "
        "or plugins of your own",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    new = commands.add_parser("new", help="draw an architecture into a project file")
    new.add_argument("architecture", metavar="ARCHITECTURE", help="a kind, or its ending: lenet5")
    new.add_argument("--data", metavar="NAME", default="", help="a data source: digits, iris…")
    _add_set(new, "a setting of the architecture, the data (path=FILE) or the recipe")
    _add_out(new, "FILE", "the project file to write")

    check = commands.add_parser("check", help="say what keeps a project from training")
    check.add_argument("file", metavar="FILE", type=Path)
    _add_trust(check)
    _add_json(check)

    train = commands.add_parser("train", help="train a project into a run folder")
    subject = train.add_mutually_exclusive_group(required=True)
    subject.add_argument("file", metavar="FILE", type=Path, nargs="?", help="the project to train")
    subject.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with this run exactly where it stands, up to --epochs where that is more",
    )
    _add_trust(train)
    train.add_argument("--epochs", type=_at_least(1), metavar="N")
    train.add_argument("--seed", type=_at_least(0), metavar="S")
    train.add_argument("--device", metavar="D", help="auto, cpu, cuda:0…, mps")
    train.add_argument("--out", type=Path, metavar="RUN", help="the run's folder, new or empty")
    _add_set(train, "a field of the recipe, such as lr=0.001 or batch_size=128")
    _add_json(train)

    explain = commands.add_parser("explain", help="draw why a run's network answers as it does")
    explain.add_argument("run", metavar="RUN", type=Path, help="a run's folder")
    _add_trust(explain)
    explain.add_argument("--sample", type=_at_least(0), metavar="I", required=True)
    explain.add_argument("--method", metavar="M", required=True, help="such as saliency, grad_cam")
    explain.add_argument("--split", choices=("train", "validation", "test"), default="validation")
    explain.add_argument("--target", metavar="T", help="a class, by name or number")
    explain.add_argument("--against", metavar="A", help="a class to set against it")
    _add_set(explain, "a setting of the method")
    _add_out(explain, "PNG", "the picture to write")
    _add_json(explain)

    export = commands.add_parser("export", help="leave with plain PyTorch code, or with a picture")
    export.add_argument("file", metavar="FILE", type=Path)
    _add_trust(export)
    kinds = export.add_mutually_exclusive_group()
    kinds.add_argument(
        "--to",
        metavar="KIND",
        help="pytorch (the usual), script, pt2, onnx, safetensors: see neuroloom list exporters",
    )
    kinds.add_argument("--format", choices=("svg", "pdf", "png"), help="a picture of the canvas")
    export.add_argument("--network", default="main", help="of code: which network")
    export.add_argument("--run", type=Path, metavar="RUN", help="of code: with this run's weights")
    picture = export.add_argument_group("of pictures")
    picture.add_argument("--sheet", default="main", metavar="NAME", help="a network or a block")
    picture.add_argument(
        "--select", default="", metavar="NAMES", help="only these nodes: conv1,fc1"
    )
    picture.add_argument("--theme", choices=("dark", "light"), default="light")
    picture.add_argument("--transparent", action="store_true", help="without a background")
    picture.add_argument("--scale", type=int, choices=(1, 2, 3, 4), default=2, help="PNG only")
    picture.add_argument("--title", default="", help="kept in the file, not drawn")
    picture.add_argument("--caption", default="", help="kept in the file, not drawn")
    _add_out(export, "OUT", "the file to write: .py for code, .svg, .pdf or .png for a picture")

    importing = commands.add_parser("import", help="bring a network in from PyTorch code or a file")
    importing.add_argument(
        "path",
        metavar="PATH",
        help="a Python file or dotted name, with :Class where several; .pt2; .onnx",
    )
    importing.add_argument(
        "--input",
        default="",
        metavar="SHAPE",
        help="one sample's shape: 3,32,32, or int:16 for ids",
    )
    importing.add_argument(
        "--args",
        default="",
        metavar="JSON",
        help='the constructor\'s arguments: [3, 10] or {"n": 3}',
    )
    importing.add_argument(
        "--yes", action="store_true", help="agree that foreign Python runs with your rights"
    )
    _add_out(importing, "FILE", "the project file to write; the weights are put beside it")
    _add_json(importing)

    weighing = commands.add_parser(
        "import-weights", help="let a network start from a state_dict or safetensors file"
    )
    weighing.add_argument("file", metavar="FILE", type=Path, help="the project")
    weighing.add_argument("weights", metavar="WEIGHTS", type=Path, help=".safetensors, .pt or .pth")
    weighing.add_argument(
        "--rename", nargs=2, metavar=("FIND", "PUT"), default=None,
        help="read names of the file otherwise; * is any one part of a name",
    )  # fmt: skip
    weighing.add_argument(
        "-o",
        dest="output",
        metavar="OUT",
        type=Path,
        help="the project file to write; FILE if left out",
    )
    _add_json(weighing)

    downloading = commands.add_parser("download", help="bring a published data set here")
    downloading.add_argument("name", metavar="NAME", help="mnist, fashion_mnist, cifar10")

    listing = commands.add_parser("list", help="list what there is")
    listing.add_argument("what", metavar="WHAT", choices=LISTS, help=", ".join(LISTS))
    listing.add_argument(
        "--coverage",
        action="store_true",
        help="layers: how much of torch.nn there is, and why not the rest",
    )
    _add_json(listing)

    shot = commands.add_parser("shot", help="a picture of the window, taken off screen")
    shot.add_argument("file", metavar="FILE", type=Path)
    shot.add_argument("--workspace", choices=WORKSPACES, required=True)
    shot.add_argument("--theme", choices=("dark", "light"), default="dark")
    shot.add_argument("--size", type=_size, default=(1600, 1000), metavar="WxH")
    _add_out(shot, "PNG", "the picture to write")

    doctor = commands.add_parser("doctor", help="say what is installed and what is wrong")
    _add_json(doctor)
    return parser


def _add_set(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--set", action="append", default=[], type=_pair, metavar="KEY=VALUE", help=what
    )


def _add_trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run Python code that the file brings, this time; it can do whatever you can",
    )


def _add_out(parser: argparse.ArgumentParser, metavar: str, what: str) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar=metavar, help=what)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON as the last line")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, such as lr=0.001, but got {text!r}")
    return key.strip(), value


class _at_least:
    """A whole number from `minimum` on."""

    def __init__(self, minimum: int) -> None:
        self.minimum = minimum

    def __call__(self, text: str) -> int:
        if not text.isdecimal() or int(text) < self.minimum:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at least {self.minimum}, but got {text!r}"
            )
        return int(text)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{3,5})[x×](\d{3,5})", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"expected a width and a height in pixels, such as 1600x1000, but got {text!r}"
        )
    return int(match[1]), int(match[2])
