"""PyTorch's own answer: a node's code, run on the meta device, where tensors have shapes only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from msgspec import Struct, field
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from studio.compile import template
from studio.compile.cache import Cache
from studio.compile.template import Filling
from studio.graph.facts import Dim, TensorType
from studio.graph.params import Value
from studio.graph.spec import LayerSpec

#: Samples in a probe: a prime that no layer has as its size, so that `N` can be told from numbers.
SAMPLES = 100_003

Inputs = Mapping[str, tuple[TensorType, ...]]


class Probed(Struct, frozen=True):
    """What came out: types by port, trainable parameters and FLOPs of one sample; or an error.

    `made` tells whether the error came when data ran through the layer, not when it was built.
    """

    outputs: dict[str, TensorType] = field(default_factory=dict)
    parameters: int = 0
    flops: int = 0
    error: str = ""
    made: bool = False


def probe(cache: Cache, spec: LayerSpec, values: Mapping[str, Value], inputs: Inputs) -> Probed:
    """Return what PyTorch says about a layer with these parameters and inputs.

    Raises: NotLiteral.
    """
    names = {
        port: tuple(f"{port}_{number}" for number in range(len(types)))
        for port, types in inputs.items()
    }
    outputs = {port.name: f"out_{port.name}" for port in spec.outputs}
    attribute = template.make(spec, values)
    filling = Filling("module", names, outputs, values)
    statements = tuple(template.statements(spec, filling, outputs)[0])
    shapes = tuple((port, types) for port, types in inputs.items())
    alike = _alike(spec, shapes)

    def ask() -> Probed:
        cache.asked += 1
        return _run(cache, spec, attribute, statements, dict(alike))

    answer = cache.probes.recall((attribute, statements, spec.kind, alike), ask)
    if alike is not shapes and answer.outputs:
        whole = dict.fromkeys(answer.outputs, shapes[0][1][0])
        return Probed(whole, answer.parameters, answer.flops)
    return answer


def _alike(spec: LayerSpec, shapes: tuple[tuple[str, tuple[TensorType, ...]], ...]) -> Any:
    """Return the shapes that decide: a layer that keeps its shape cares only for the dimensions that
    its parameters read, so one probe answers for pictures of every size."""
    if not spec.keeps_shape or len(shapes) != 1 or len(shapes[0][1]) != 1:
        return shapes
    if any(param.type == "ints" for param in spec.params):
        return shapes
    port, (kind,) = shapes[0]
    reads = (param.reads for param in spec.params if param.reads)
    matters = {int(read[read.index("[") + 1 : -1]) % len(kind.shape) for read in reads}
    small = tuple(
        dim if axis in matters or axis == 0 or isinstance(dim, str) else min(dim, 2)
        for axis, dim in enumerate(kind.shape)
    )
    return ((port, (TensorType(small, kind.dtype),)),)


def _run(
    cache: Cache,
    spec: LayerSpec,
    attribute: str,
    statements: tuple[str, ...],
    inputs: dict[str, tuple[TensorType, ...]],
) -> Probed:
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math}
    if attribute:
        made = cache.modules.recall(attribute, lambda: _make(attribute, scope))
        if isinstance(made, str):
            return Probed(error=made)
        scope["module"] = made
    if spec.code.support:
        exec(compile(spec.code.support, "<layer>", "exec"), scope)
    module = scope.get("module")
    steps = _steps(module, inputs)
    for port, types in inputs.items():
        for number, kind in enumerate(types):
            shape = [size(dim) for dim in kind.shape]
            if steps and port == "x":
                shape[1] = 1
            dtype = getattr(torch, kind.dtype)
            scope[f"{port}_{number}"] = torch.empty(shape, dtype=dtype, device="meta")
    count = _counter(spec, module)
    try:
        with torch.no_grad():
            for aside in statements[:-1]:
                exec(compile(aside, "<layer>", "exec"), scope)
            main = compile(statements[-1] if statements else "", "<layer>", "exec")
            flops = count(lambda: exec(main, scope), scope)
    except Exception as error:  # anything PyTorch or a pack's code raises is an answer
        return Probed(error=_said(error), made=True)
    outputs: dict[str, TensorType] = {}
    for name in (port.name for port in spec.outputs):
        value = scope.get(f"out_{name}")
        if isinstance(value, Tensor):
            known = type_of(value)
            if steps and name == "out":
                known = TensorType((known.shape[0], steps, *known.shape[2:]), known.dtype)
            outputs[name] = known
    return Probed(outputs, trainable(module), round(flops * max(steps, 1) / SAMPLES))


_SAME_IN_EVALUATION = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)


def _make(attribute: str, scope: dict[str, Any]) -> Any:
    """Return the twin on the meta device, or what PyTorch said instead."""
    try:
        with torch.device("meta"):
            made = eval(compile(attribute, "<layer>", "eval"), dict(scope))
    except Exception as error:  # as above
        return _said(error)
    if isinstance(made, _SAME_IN_EVALUATION):
        made.eval()  # half the work on the meta device
    return made


def _said(error: Exception) -> str:
    return f"{error}".strip() or type(error).__name__


def _steps(module: Any, inputs: Mapping[str, tuple[TensorType, ...]]) -> int:
    """Return the length of a recurrent layer's sequence: one step is enough to see its shapes, and
    the meta device takes milliseconds for each."""
    if not isinstance(module, nn.RNNBase) or not module.batch_first or "x" not in inputs:
        return 0
    shape = inputs["x"][0].shape
    return shape[1] if len(shape) == 3 and isinstance(shape[1], int) else 0


# ------------------------------------------------------------------------------------------- types


def size(dim: Dim) -> int:
    """Return the number that stands for a dimension in a probe: `N` is `SAMPLES`, `4N` four times it."""
    if isinstance(dim, int):
        return dim
    return SAMPLES * int(dim.removesuffix("N") or 1)


def dimension(number: int) -> Dim:
    """Return the dimension that a probe's number stands for."""
    if number == 0 or number % SAMPLES:
        return number
    times = number // SAMPLES
    return "N" if times == 1 else f"{times}N"


def type_of(tensor: Tensor) -> TensorType:
    """Return a probe tensor's type."""
    shape = tuple(dimension(number) for number in tensor.shape)
    return TensorType(shape, str(tensor.dtype).removeprefix("torch."))


def sample_bytes(kind: TensorType) -> int:
    """Return the bytes of one sample of this type."""
    wide = getattr(torch, kind.dtype).itemsize
    numbers = math.prod(size(dim) for dim in kind.shape)
    return int(numbers * wide // SAMPLES) if "N" in str(kind.shape) else int(numbers * wide)


# -------------------------------------------------------------------------------------------- cost


def trainable(module: Any) -> int:
    """Return how many numbers of a module or parameter are learned."""
    if isinstance(module, nn.Parameter):
        return module.numel()
    if isinstance(module, nn.Module):
        return sum(p.numel() for p in module.parameters() if p.requires_grad)
    return 0


Count = Callable[[Callable[[], None], Mapping[str, Any]], float]


def _counter(spec: LayerSpec, module: Any) -> Count:
    """Return how to count a layer's FLOPs: by its weight, by PyTorch's counter, or not at all."""
    if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
        return _by_weight(module)
    multiplies = "@" in "".join(spec.code.lines) or "F." in "".join(spec.code.lines)
    if multiplies or (isinstance(module, nn.Module) and spec.category in ("dense", "seq", "attn")):
        return _by_counter
    return lambda work, scope: work() or 0.0  # type: ignore[func-returns-value]


def _by_weight(module: nn.Linear | nn.modules.conv._ConvNd) -> Count:
    """Every weight meets every place of the output (of the input, where transposed) once."""

    def count(work: Callable[[], None], scope: Mapping[str, Any]) -> float:
        work()
        if isinstance(module, nn.Linear):
            places: int = scope["out_out"].numel() // module.out_features
        else:
            seen = scope["x_0" if module.transposed else "out_out"]
            places = seen.numel() // seen.shape[1]
        return 2.0 * module.weight.numel() * float(places)

    return count


def _by_counter(work: Callable[[], None], scope: Mapping[str, Any]) -> float:
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
