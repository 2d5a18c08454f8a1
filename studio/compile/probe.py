"""PyTorch's own answer: a node's code, run on the meta device, where tensors have shapes only."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from studio.compile import template
from studio.compile.cache import Cache
from studio.compile.kept import Probed
from studio.compile.template import Filling
from studio.graph.facts import Dim, TensorType
from studio.graph.params import Value
from studio.graph.spec import LayerSpec

#: Samples in a probe: a prime that no layer has as its size, so that `N` can be told from numbers.
SAMPLES = 100_003

Inputs = Mapping[str, tuple[TensorType, ...]]

#: Runs a statement and returns its FLOPs; the mapping holds the tensors by variable.
Count = Callable[[Callable[[], None], Mapping[str, Any]], float]


def probe(cache: Cache, spec: LayerSpec, values: Mapping[str, Value], inputs: Inputs) -> Probed:
    """Return what PyTorch says about a layer with these parameters and inputs.

    Raises: NotLiteral.
    """
    names = {
        port: tuple(f"{port}_{number}" for number in range(len(types)))
        for port, types in inputs.items()
    }
    outputs = {port.name: f"out_{port.name}" for port in spec.outputs}
    filling = Filling("module", names, outputs, values)
    code = _Code(
        spec, template.make(spec, values), tuple(template.statements(spec, filling, outputs)[0])
    )
    small = _small(spec, values, inputs)
    if small is not None:
        port, kind = small
        answer = cache.probe(code.question(kind), lambda: _tried(cache, code, port, kind))
        if answer.error:
            return answer
        if answer.outputs:
            shape = inputs[port][0].shape
            whole = {name: TensorType(shape, out.dtype) for name, out in answer.outputs.items()}
            return Probed(whole, answer.parameters)
    return cache.probe(code.question(*inputs.items()), lambda: _asked(cache, code, inputs))


@dataclass(frozen=True)
class _Code:
    """A layer's code: what makes its attribute, and the statements, the main one last."""

    spec: LayerSpec
    attribute: str
    statements: tuple[str, ...]

    def question(self, *inputs: Hashable) -> Hashable:
        """Return all that an answer depends on, beside PyTorch itself."""
        return (self.spec.kind, self.spec.code.support, self.attribute, self.statements, inputs)

    def scope(self, cache: Cache, device: str) -> dict[str, Any] | str:
        """Return the names that the statements need, or what PyTorch said against the layer."""
        scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math, "module": None}
        if self.attribute:
            question = (self.attribute, device)
            made = cache.modules.recall(question, lambda: _make(self.attribute, scope, device))
            if isinstance(made, str):
                return made
            scope["module"] = made
        if self.spec.code.support:
            exec(compile(self.spec.code.support, "<layer>", "exec"), scope)
        return scope

    def run(self, scope: dict[str, Any], count: Count) -> float:
        """Run the statements and return the FLOPs of the main one."""
        for aside in self.statements[:-1]:
            exec(compile(aside, "<layer>", "exec"), scope)
        main = compile(self.statements[-1], "<layer>", "exec")
        return count(lambda: exec(main, scope), scope)


def _asked(cache: Cache, code: _Code, inputs: Inputs) -> Probed:
    """Return what a layer does on the meta device."""
    scope = code.scope(cache, "meta")
    if isinstance(scope, str):
        return Probed(error=scope)
    module = scope["module"]
    steps = _steps(module, inputs)
    for port, types in inputs.items():
        for number, kind in enumerate(types):
            shape = [size(dim) for dim in kind.shape]
            if steps and port == "x":
                shape[1] = 1
            dtype = getattr(torch, kind.dtype)
            scope[f"{port}_{number}"] = torch.empty(shape, dtype=dtype, device="meta")
    try:
        with torch.no_grad():
            flops = code.run(scope, _counter(code.spec, module))
    except Exception as error:  # anything PyTorch or a pack's code raises is an answer
        return Probed(error=_said(error))
    outputs: dict[str, TensorType] = {}
    for name in (port.name for port in code.spec.outputs):
        value = scope.get(f"out_{name}")
        if isinstance(value, Tensor):
            known = type_of(value)
            if steps and name == "out":
                known = TensorType((known.shape[0], steps, *known.shape[2:]), known.dtype)
            outputs[name] = known
    return Probed(outputs, trainable(module), round(flops * max(steps, 1) / SAMPLES))


def _small(
    spec: LayerSpec, values: Mapping[str, Value], inputs: Inputs
) -> tuple[str, TensorType] | None:
    """Return a small input that tells as much as the real one, None where there is none.

    A layer that keeps its shape cares only for the dimensions that its parameters read, so one try
    with two pixels answers for pictures of every size, and on the processor sooner than elsewhere.
    """
    kinds = [kind for types in inputs.values() for kind in types]
    if not spec.keeps_shape or len(kinds) != 1 or kinds[0].shape[:1] != ("N",):
        return None
    shape = kinds[0].shape
    matters = set()
    for param in spec.params:
        if isinstance(values.get(param.name), tuple):
            return None
        if param.reads:
            matters.add(int(param.reads.partition("[")[2][:-1]) % len(shape))
    small = tuple(
        dim if axis in matters or isinstance(dim, str) else min(dim, 2)
        for axis, dim in enumerate(shape)
    )
    return next(iter(inputs)), TensorType(small, kinds[0].dtype)


def _tried(cache: Cache, code: _Code, port: str, kind: TensorType) -> Probed:
    """Return what a layer does with a small input; no outputs where it does not keep its shape."""
    scope = code.scope(cache, "cpu")
    if isinstance(scope, str):
        return Probed(error=scope)
    module = scope["module"]
    shape = [2 if isinstance(dim, str) else dim for dim in kind.shape]
    scope[f"{port}_0"] = torch.ones(shape, dtype=getattr(torch, kind.dtype))
    try:
        with torch.no_grad():
            code.run(scope, _uncounted)
    except Exception as error:  # as above
        return Probed(error=_said(error))
    values = {port.name: scope[f"out_{port.name}"] for port in code.spec.outputs}
    kept = all(list(value.shape) == shape for value in values.values())
    outputs = {
        name: TensorType(kind.shape, str(value.dtype).removeprefix("torch."))
        for name, value in values.items()
    }
    return Probed(outputs if kept else {}, trainable(module))


def _make(attribute: str, scope: dict[str, Any], device: str) -> Any:
    """Return the layer, or what PyTorch said instead. In evaluation mode it draws no random numbers."""
    try:
        with torch.device(device):
            made = eval(compile(attribute, "<layer>", "eval"), dict(scope))
    except Exception as error:  # as above
        return _said(error)
    if device == "cpu" and isinstance(made, nn.Module):
        made.eval()
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


def _counter(spec: LayerSpec, module: Any) -> Count:
    """Return how to count a layer's FLOPs: by its weight, by PyTorch's counter, or not at all."""
    if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
        return _by_weight(module)
    multiplies = "@" in "".join(spec.code.lines) or "F." in "".join(spec.code.lines)
    if multiplies or (isinstance(module, nn.Module) and spec.category in ("dense", "seq", "attn")):
        return _by_counter
    return _uncounted


def _uncounted(work: Callable[[], None], scope: Mapping[str, Any]) -> float:
    work()
    return 0.0


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
