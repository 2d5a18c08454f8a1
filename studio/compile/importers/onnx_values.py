"""What every value of an ONNX model is: its sizes for any batch, and its numbers where they never change.

ONNX Runtime is asked twice, for two batches: a size that differs counts samples, and numbers that do not
depend on the input are those of the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from studio.compile.importers.checking import first_line
from studio.compile.importers.coming import Entry, ImportProblem

#: The batches that are tried, where the model takes any.
BATCHES = (2, 3)
#: A size that may vary, but is no batch, is this one here.
VARIED = 16
#: A tensor of more numbers than this is no part of a network that can be drawn and tried here.
LARGEST = 1 << 28
#: All tensors of a batch together.
ALL = 1 << 31

_DTYPES = {1: "float32", 7: "int64", 6: "int64", 9: "bool"}

#: How large a dimension is at either batch; both are the same where it is a plain number.
Size = tuple[int, int]
Sizes = tuple[Size, ...]


@dataclass
class Values:
    """Sizes by value, numbers of what is known, and the two batches that were tried.

    `varying` holds what follows from sizes alone but differs with the batch, as it is at either.
    """

    batches: Size
    sizes: dict[str, Sizes] = field(default_factory=dict)
    known: dict[str, np.ndarray] = field(default_factory=dict)
    varying: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def rank(self, value: str) -> int:
        """Return how many dimensions a value has."""
        return len(self.sizes[value])

    def whole(self, value: str) -> tuple[int, ...]:
        """Return a value's shape at the first of the two batches."""
        return tuple(size[0] for size in self.sizes[value])


def entries(graph: Any) -> tuple[list[Entry], int, list[str]]:
    """Return the inputs, the batch that the model is fixed to (0: any), and sizes that were chosen here.

    Raises: ImportProblem.
    """
    held = {one.name for one in graph.initializer}
    found: list[Entry] = []
    fixed, chosen = 0, []
    for given in graph.input:
        if given.name in held:
            continue
        kind = given.type.tensor_type
        dtype = _DTYPES.get(kind.elem_type)
        if not given.type.HasField("tensor_type") or dtype is None:
            raise ImportProblem(
                f"The input {given.name} is of a type that no network here takes. Inputs are float32, "
                "int64, int32 or bool: convert the model first."
            )
        shape = []
        for place, dim in enumerate(kind.shape.dim):
            if place == 0:
                fixed = max(fixed, dim.dim_value)
            elif dim.dim_value > 0:
                shape.append(dim.dim_value)
            else:
                shape.append(VARIED)
                name = dim.dim_param or f"dimension {place}"
                chosen.append(f"{name} of {given.name} may vary in the model; here it is {VARIED}")
        if not kind.shape.dim or not shape:
            raise ImportProblem(
                f"The input {given.name} has the shape {_told(kind)}, but inputs here have a batch and at "
                "least one dimension more. Add one to the model."
            )
        found.append(Entry(given.name, given.name, tuple(shape), dtype))
    if not found:
        raise ImportProblem("The model takes no input, so there is nothing to draw it from.")
    return found, fixed, chosen


def _told(kind: Any) -> str:
    return str(tuple(dim.dim_value or dim.dim_param or "?" for dim in kind.shape.dim))


def asked(model: Any, inputs: Sequence[Entry], fixed: int) -> Values:
    """Run the model for two batches (for its own where it is `fixed`) and return what every value is.

    Raises: ImportProblem.
    """
    batches = (fixed, fixed) if fixed else BATCHES
    _bounded(model, inputs, batches[1])
    free = _free(model.graph)
    first = dict(_run(model, inputs, batches[0], free))
    other = first if fixed else dict(_run(model, inputs, batches[1], free))
    values = Values(batches)
    for name, (shape, numbers) in first.items():
        again, others = other[name]
        if len(shape) != len(again):
            raise ImportProblem(f"The number of dimensions of {name} depends on the batch.")
        values.sizes[name] = tuple(zip(shape, again, strict=True))
        if numbers is None or others is None:
            continue
        if shape == again and np.array_equal(numbers, others, equal_nan=numbers.dtype.kind == "f"):
            values.known[name] = numbers
        else:
            values.varying[name] = (numbers, others)
    return values


def _bounded(model: Any, inputs: Sequence[Entry], batch: int) -> None:
    """Refuse sizes that would fill the memory, before anything is run.

    Raises: ImportProblem.
    """
    import onnx

    trial = onnx.ModelProto()
    trial.CopyFrom(model)
    shapes = {entry.value: (batch, *entry.shape) for entry in inputs}
    for given in trial.graph.input:
        for dim, size in zip(
            given.type.tensor_type.shape.dim, shapes.get(given.name, ()), strict=False
        ):
            dim.dim_value = size
    del trial.graph.value_info[:]
    try:
        known = onnx.shape_inference.infer_shapes(trial, data_prop=True)
    except Exception as error:  # what the inference raises is its own business
        raise ImportProblem(f"The shapes of the model do not fit: {first_line(error)}.") from None
    total = 0
    for info in (*known.graph.value_info, *known.graph.input, *known.graph.output):
        count = math.prod(dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim)
        total += count
        if count > LARGEST or total > ALL:
            raise ImportProblem(
                f"The model is too large to be tried here: {info.name} alone would hold {count:,} numbers "
                f"for {batch} samples. Give its inputs smaller sizes."
            )


def _free(graph: Any) -> set[str]:
    """Return the values that do not depend on what the input holds."""
    free = {one.name for one in graph.initializer}
    for node in graph.node:
        inner = any(attribute.HasField("g") for attribute in node.attribute)
        drawn = node.op_type.startswith(("Random", "Bernoulli", "Multinomial"))
        parts = [name for name in node.input if name]
        if node.op_type in ("Shape", "Size") or (
            not inner and not drawn and all(name in free for name in parts)
        ):
            free.update(node.output)
    return free


def _run(
    model: Any, inputs: Sequence[Entry], batch: int, free: set[str]
) -> Iterator[tuple[str, tuple[tuple[int, ...], np.ndarray | None]]]:
    """Yield the shape of every value, and the numbers of those that are `free`.

    Raises: ImportProblem.
    """
    import onnx

    trial = onnx.ModelProto()
    trial.CopyFrom(model)
    given = {entry.value for entry in inputs}
    names = [name for node in model.graph.node for name in node.output if name]
    del trial.graph.output[:]
    trial.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    for one in trial.graph.input:  # what is said of sizes must not stand against the batch tried
        if one.name in given:
            one.type.tensor_type.shape.dim[0].Clear()
    answers = answer(trial, samples(trial, inputs, batch))
    for name, value in zip(names, answers, strict=True):
        numbers = np.asarray(value)
        yield name, (numbers.shape, numbers if name in free else None)
    for one in model.graph.initializer:
        numbers = onnx.numpy_helper.to_array(one)
        yield one.name, (numbers.shape, numbers)
    for entry in inputs:
        yield entry.value, ((batch, *entry.shape), None)


def samples(model: Any, inputs: Sequence[Entry], batch: int) -> dict[str, np.ndarray]:
    """Return made-up samples in the types that the model asks for: small numbers, or ids 0 and 1."""
    import onnx

    draw = np.random.default_rng(0)
    types = {one.name: one.type.tensor_type.elem_type for one in model.graph.input}
    found = {}
    for entry in inputs:
        shape = (batch, *entry.shape)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(types[entry.value])
        numbers = draw.standard_normal(shape) if dtype.kind == "f" else draw.integers(0, 2, shape)
        found[entry.value] = numbers.astype(dtype)
    return found


def answer(model: Any, fed: Mapping[str, np.ndarray]) -> list[Any]:
    """Return every output of the model, by ONNX Runtime without its optimisations.

    Raises: ImportProblem.
    """
    return list(runtime(model).run(None, dict(fed)))


def runtime(model: Any) -> Any:
    """Return a session of ONNX Runtime on one thread.

    Raises: ImportProblem.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime has a dozen kinds of its own
        raise ImportProblem(f"ONNX Runtime cannot load the model: {first_line(error)}.") from None
    return _Answering(session)


class _Answering:
    """A session whose failures are sentences."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, names: Sequence[str] | None, fed: Mapping[str, np.ndarray]) -> list[Any]:
        """Return the outputs.

        Raises: ImportProblem.
        """
        try:
            return list(self._session.run(names, dict(fed)))
        except Exception as error:  # as above
            raise ImportProblem(
                f"ONNX Runtime cannot run the model: {first_line(error)}."
            ) from None
