"""An ONNX file, with its weights: every operator that is a layer here, held against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.compile.importers.checking import finished, first_line
from studio.compile.importers.coming import Entry, Imported, ImportProblem
from studio.compile.importers.onnx_reading import Op, Reader, Unlike, operators, unknown
from studio.compile.importers.onnx_rules import RULES
from studio.compile.importers.onnx_values import asked, entries, runtime
from studio.graph.report import ReportLine
from studio.graph.spec import LayerSpec

#: Answers of ONNX Runtime's own arithmetic may differ by this much, relative to the largest output.
TOLERANCE = 1e-5
#: A file is one message, which cannot be larger.
LARGEST_BYTES = 2**31 - 1
MOST_OPERATORS = 20_000
_DOMAINS = ("", "ai.onnx")
_NAMED = 5


def import_onnx(path: str, options: Mapping[str, str], specs: Mapping[str, LayerSpec]) -> Imported:
    """Return the network of an ONNX file.

    Raises: ImportProblem.
    """
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ImportProblem(
            f"Reading ONNX needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            'not installed. Install with: pip install "neuroloom[onnx]".'
        )
    model = _loaded(Path(path))
    version = max((one.version for one in model.opset_import if one.domain in _DOMAINS), default=1)
    inputs, fixed, chosen = entries(model.graph)
    values = asked(model, inputs, fixed)
    read = Reader(values, specs, inputs)
    _read(read, operators(model.graph, version))
    read.traced.results = tuple(read.plain(one.name) for one in model.graph.output)
    lines = [ReportLine("approximated", f"{one[0].upper()}{one[1:]}.") for one in chosen]
    if fixed:
        samples = "one sample" if fixed == 1 else f"{fixed} samples"
        text = f"The model takes exactly {samples} at a time; here any number can be tried."
        lines.append(ReportLine("approximated", text))
    return finished(
        read.traced, read.state, _answering(model, inputs, fixed), specs, lines, TOLERANCE
    )


# ------------------------------------------------------------------------------------------ the file


def _loaded(path: Path) -> Any:
    """Return the model with everything that belongs to it in memory, and its own functions written out.

    Raises: ImportProblem.
    """
    import onnx
    import onnx.inliner

    try:
        size = path.stat().st_size
        model = onnx.load(str(path), load_external_data=False) if size <= LARGEST_BYTES else None
    except OSError as error:
        raise ImportProblem(f"{path} cannot be read ({error.strerror or error}).") from None
    except Exception as error:  # protobuf's own kind, or what a broken message raises
        raise ImportProblem(
            f"{path.name} is no whole ONNX file ({first_line(error)}). Export it, or download it, again."
        ) from None
    if model is None:
        raise ImportProblem(f"{path.name} is larger than 2 GiB, which no ONNX file can be.")
    _outside(model, path)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(model)
    except Exception as error:  # the checker's own kind, or what a broken message raises
        raise ImportProblem(f"{path.name} is no valid ONNX model: {first_line(error)}.") from None
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    if len(model.graph.node) > MOST_OPERATORS:
        raise ImportProblem(
            f"{path.name} has {len(model.graph.node):,} operators, and {MOST_OPERATORS:,} can be drawn."
        )
    return model


def _outside(model: Any, path: Path) -> None:
    """Refuse weights in files that are not the model's own.

    Raises: ImportProblem.
    """
    from onnx.external_data_helper import uses_external_data

    home = path.resolve().parent
    total = 0
    graphs = [model.graph, *model.functions]
    for tensor in (one for graph in graphs for one in _tensors(graph)):
        if not uses_external_data(tensor):
            continue
        given = {entry.key: entry.value for entry in tensor.external_data}
        place = given.get("location", "")
        file = (home / place).resolve()
        if Path(place).is_absolute() or home not in file.parents:
            raise ImportProblem(
                f"{path.name} keeps weights in {place}, outside its own folder. Only files beside the "
                "model are read: put it there, and export the model again."
            )
        if not file.is_file():
            raise ImportProblem(
                f"{path.name} keeps weights in {place}, which is not beside it. Put that file there."
            )
        total = max(total, file.stat().st_size)
        if total > LARGEST_BYTES:
            raise ImportProblem(f"{place} is larger than 2 GiB, which cannot be tried here.")


def _tensors(graph: Any) -> Iterator[Any]:
    yield from getattr(graph, "initializer", ())
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _tensors(inner)


# -------------------------------------------------------------------------------------- the operators


def _read(read: Reader, ops: Sequence[Op]) -> None:
    """Note the layers of every operator whose answer depends on the input.

    Raises: ImportProblem.
    """
    settled = read.values.known.keys() | read.values.varying.keys()
    needed = [op for op in ops if not all(name in settled for name in op.outputs if name)]
    strange = sorted({op.type for op in needed} - RULES.keys())
    if strange:
        shown = ", ".join(strange[:_NAMED]) + (
            f" and {len(strange) - _NAMED} more" if strange[_NAMED:] else ""
        )
        are = "is an operator" if len(strange) == 1 else "are operators"
        raise ImportProblem(f"{shown} {are} that no layer here computes, so nothing was imported.")
    read.makers = {value: op for op in ops for value in op.outputs if value}
    for op in needed:
        for value in op.inputs:
            read.uses[value] += 1
            if not read.readers.get(value) or read.readers[value][-1] is not op:
                read.readers.setdefault(value, []).append(op)
    for op in needed:
        if op.out in read.done:
            continue
        try:
            RULES[op.type](read, op)
        except Unlike as problem:
            raise unknown(str(problem), op) from None
        except (KeyError, IndexError, ValueError, TypeError) as error:
            what = f"its settings are not those of the standard ({first_line(error)})"
            raise unknown(what, op) from error


def _answering(model: Any, inputs: Sequence[Entry], fixed: int) -> Any:
    """Return the model as a function of tensors; one that is fixed to a batch is asked batch by batch."""
    import onnx

    session = runtime(model)
    types = {
        one.name: onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)
        for one in model.graph.input
    }

    def answer(*given: Tensor) -> list[Tensor]:
        count = given[0].shape[0]
        step = fixed or count
        parts: list[list[np.ndarray]] = []
        for start in range(0, count, step):
            fed = {}
            for entry, tensor in zip(inputs, given, strict=True):
                part = tensor[start : start + step].numpy()
                lack = step - part.shape[0]
                part = np.concatenate([part, np.repeat(part[-1:], lack, axis=0)]) if lack else part
                fed[entry.value] = part.astype(types[entry.value])
            parts.append([value[: min(step, count - start)] for value in session.run(None, fed)])
        whole = [np.concatenate(values) for values in zip(*parts, strict=True)]
        return [torch.from_numpy(np.ascontiguousarray(value)) for value in whole]

    return answer
