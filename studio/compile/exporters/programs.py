"""Programs for other runtimes: torch.export's and ONNX; each is run and compared before it is kept."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.compile.exporters.leaving import (
    TOLERANCE,
    ExportProblem,
    Leaving,
    difference,
    outputs_of,
    put,
)
from studio.graph.report import ReportLine

#: The batch that a program is traced with, and another one that it has to answer too.
TRACED, OTHER = 2, 3


def write_pt2(leaving: Leaving, path: Path) -> list[ReportLine]:
    """Write torch.export's program, for any batch size where the network allows it.

    Raises: ExportProblem, OSError.
    """
    with _quiet():
        program, lines = _traced(leaving)
        put(path, lambda aside: torch.export.save(program, aside))
        again = torch.export.load(path).module()
        return [*lines, _compared(leaving, again, path, _any_batch(lines))]


def write_onnx(leaving: Leaving, path: Path) -> list[ReportLine]:
    """Write ONNX by PyTorch's exporter, and compare its answers with ONNX Runtime's.

    Raises: ExportProblem, OSError.
    """
    import onnxruntime

    with _quiet():
        program, lines = _traced(leaving)
        try:
            made = torch.onnx.export(program, dynamo=True, optimize=True, verbose=False)
        except Exception as error:  # whatever an operator without a translation raises
            raise ExportProblem(
                f"PyTorch's ONNX exporter cannot translate this network: {_first_line(error)}. "
                "Export it as .pt2, or replace the layer."
            ) from error
        assert made is not None
        put(path, lambda aside: made.save(str(aside), external_data=False))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def answer(*inputs: Tensor) -> list[Tensor]:
        fed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return [torch.from_numpy(value) for value in session.run(None, fed)]

    return [*lines, _compared(leaving, answer, path, _any_batch(lines))]


def _traced(leaving: Leaving) -> tuple[torch.export.ExportedProgram, list[ReportLine]]:
    """Return the program and what is to be said of its batch.

    Raises: ExportProblem.
    """
    module: nn.Module = leaving.module.eval()
    inputs = leaving.samples(TRACED)
    batch = torch.export.Dim("batch", min=1)
    try:
        shapes = tuple({0: batch} for _ in inputs)
        return torch.export.export(module, inputs, dynamic_shapes=shapes), [
            ReportLine("exact", "Takes any number of samples at once.")
        ]
    except Exception as first:  # the tracer raises a dozen kinds; what it says is what counts
        inputs = leaving.samples(1)
        try:
            program = torch.export.export(module, inputs)
        except Exception as error:
            raise ExportProblem(
                f"PyTorch cannot trace this network: {_first_line(error)}. Export its source instead."
            ) from error
        return program, [
            ReportLine(
                "approximated",
                f"Takes one sample at a time: its batch is fixed ({_first_line(first)}).",
            )
        ]


def _any_batch(lines: list[ReportLine]) -> bool:
    return lines[0].fate == "exact"


def _compared(
    leaving: Leaving, again: Callable[..., Any], path: Path, any_batch: bool
) -> ReportLine:
    """Return how well the written file answers; one that answers otherwise is taken away.

    Raises: ExportProblem.
    """
    inputs = leaving.samples(OTHER if any_batch else 1, seed=1)
    with torch.no_grad():
        ours = outputs_of(leaving.module.eval()(*inputs))
        theirs = outputs_of(again(*inputs))
    off = difference(ours, theirs)
    if not off <= TOLERANCE:
        path.unlink(missing_ok=True)
        raise ExportProblem(
            f"The exported file answers otherwise than the network (by {off:.2g} of its largest "
            "output), so it was not kept. Export the source instead."
        )
    return ReportLine(
        "exact", f"Answers as the network does: largest difference {off:.1g}, relative."
    )


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:200].rstrip(".")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters print and warn about themselves; what matters is in the report.

    Their progress bars would leave a thread behind that watches over them for good.
    """
    with contextlib.suppress(ImportError):
        from tqdm import tqdm

        tqdm.monitor_interval = 0
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
