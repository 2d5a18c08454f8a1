"""Leaving Neuroloom: a network as files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from studio.compile.exporters import code, programs, weights
from studio.compile.exporters.leaving import ExportProblem, Leaving
from studio.graph.report import ReportLine
from studio.graph.spec import ExporterSpec


class Exporter(NamedTuple):
    """A kind of file; `needs` are the modules that writing it takes, `extra` the extra that brings them."""

    title: str
    suffix: str
    doc: str
    write: Callable[[Leaving, Path], list[ReportLine]]
    needs: tuple[str, ...] = ()
    extra: str = ""

    @property
    def missing(self) -> str:
        """What is not installed, and how to install it; "" where nothing is missing."""
        lacking = [name for name in self.needs if find_spec(name) is None]
        if not lacking:
            return ""
        return (
            f"{self.title} needs {' and '.join(lacking)}, which {'is' if len(lacking) == 1 else 'are'} "
            f'not installed. Install with: pip install "neuroloom[{self.extra}]".'
        )

    def spec(self, kind: str) -> ExporterSpec:
        """Return how the catalogue lists it."""
        return ExporterSpec(
            kind=kind, title=self.title, doc=self.doc, suffix=self.suffix, missing=self.missing
        )


EXPORTERS: Mapping[str, Exporter] = {
    "pytorch": Exporter(
        "PyTorch source",
        ".py",
        "One readable module that needs PyTorch and nothing else; trained weights beside it.",
        code.write,
    ),
    "pt2": Exporter(
        "Exported program",
        ".pt2",
        "torch.export's graph with its weights, for any batch size; C++ and AOTInductor read it.",
        programs.write_pt2,
    ),
    "onnx": Exporter(
        "ONNX",
        ".onnx",
        "For other runtimes; kept only if ONNX Runtime answers as PyTorch does.",
        programs.write_onnx,
        ("onnx", "onnxscript", "onnxruntime"),
        "onnx",
    ),
    "safetensors": Exporter(
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
    exporter = EXPORTERS[kind]
    if exporter.missing:
        raise ExportProblem(exporter.missing)
    return tuple(exporter.write(leaving, path))


__all__ = ["EXPORTERS", "ExportProblem", "Exporter", "Leaving", "export"]
