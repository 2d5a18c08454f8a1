"""Leaving Neuroloom: a network as files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from studio.compile.exporters import code, programs, weights
from studio.compile.exporters.leaving import ExportProblem, Leaving
from studio.graph.report import ReportLine


class Format(NamedTuple):
    """A kind of file; `needs` are the modules that writing it takes, `extra` the extra that brings them."""

    title: str
    suffix: str
    doc: str
    write: Callable[[Leaving, Path], list[ReportLine]]
    needs: tuple[str, ...] = ()
    extra: str = ""


FORMATS: Mapping[str, Format] = {
    "pytorch": Format(
        "PyTorch source",
        ".py",
        "One readable module that needs PyTorch and nothing else; weights beside it where there are some.",
        code.write,
    ),
    "pt2": Format(
        "Exported program",
        ".pt2",
        "torch.export's graph with its weights, for any batch size; C++ and AOTInductor read it.",
        programs.write_pt2,
    ),
    "onnx": Format(
        "ONNX",
        ".onnx",
        "For other runtimes; its answers are compared with PyTorch's by ONNX Runtime before it is kept.",
        programs.write_onnx,
        ("onnx", "onnxscript", "onnxruntime"),
        "onnx",
    ),
    "safetensors": Format(
        "Weights",
        ".safetensors",
        "The state_dict under PyTorch's names, without code in it.",
        weights.write,
    ),
}


def export(kind: str, leaving: Leaving, path: Path) -> tuple[ReportLine, ...]:
    """Write a network to `path` and return what became of it; a failure leaves no half file.

    Raises: ExportProblem, OSError.
    """
    if kind not in FORMATS:
        raise ExportProblem(
            f"A network can be exported to {', '.join(FORMATS)}, but not to {kind!r}."
        )
    format = FORMATS[kind]
    lacking = [name for name in format.needs if find_spec(name) is None]
    if lacking:
        raise ExportProblem(
            f"{format.title} needs {' and '.join(lacking)}, which {'is' if len(lacking) == 1 else 'are'} "
            f'not installed. Install with: pip install "neuroloom[{format.extra}]".'
        )
    return tuple(format.write(leaving, path))


__all__ = ["FORMATS", "ExportProblem", "Format", "Leaving", "export"]
