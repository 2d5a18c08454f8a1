"""PyTorch's own answer: a node's code, run on the meta device, where tensors have shapes only."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from studio.compile import own_code, symbols, template
from studio.compile.cache import Cache
from studio.compile.cost import counter, sample_numbers, trainable, uncounted
from studio.compile.kept import Probed
from studio.compile.layer_code import Code, said
from studio.compile.saving import Saved, watched
from studio.compile.symbols import SAMPLES, Sizes
from studio.compile.template import Filling
from studio.graph.facts import TensorType
from studio.graph.graph import PYTHON
from studio.graph.params import Value
from studio.graph.spec import LayerSpec

Inputs = Mapping[str, tuple[TensorType, ...]]


def probe(
    cache: Cache,
    spec: LayerSpec,
    values: Mapping[str, Value],
    inputs: Inputs,
    sizes: tuple[tuple[str, int], ...] = (),
) -> Probed:
    """Return what PyTorch says about a layer with these parameters and inputs.

    `sizes` are the numbers that named dimensions count as in costs.

    Raises: NotLiteral.
    """
    if values.get(spec.code.around) == "orthogonal":
        # It changes neither shapes nor counts, and cannot be worked out without numbers.
        values = {**values, spec.code.around: template.PLAIN}
    names = {
        port: tuple(f"{port}_{number}" for number in range(len(types)))
        for port, types in inputs.items()
    }
    outputs = {port.name: f"out_{port.name}" for port in spec.outputs}
    filling = Filling("module", names, outputs, values)
    code = Code(
        spec, template.make(spec, values), tuple(template.statements(spec, filling, outputs)[0])
    )
    if spec.kind == PYTHON:
        return _own(cache, code, inputs, sizes)
    return _answer(cache, code, inputs, sizes, values)


def _own(cache: Cache, code: Code, inputs: Inputs, sizes: tuple[tuple[str, int], ...]) -> Probed:
    """Return what a person's own code does, where it may be run at all: watched, and asked anew at
    every start, since it may depend on anything."""
    why = cache.consent.why_not(code.spec.title, code.spec.code.support)
    if why:
        return Probed(error=why)
    question = code.question(*inputs.items(), sizes)
    again = Cache(consent=cache.consent)
    return cache.probe(
        question,
        lambda: own_code.overseen(lambda: _answer(again, code, inputs, sizes, {})),
        keep=False,
    )


def _answer(
    cache: Cache,
    code: Code,
    inputs: Inputs,
    sizes: tuple[tuple[str, int], ...],
    values: Mapping[str, Value],
) -> Probed:
    spec = code.spec
    small = _small(spec, values, inputs)
    if small is not None:
        port, kind = small
        answer = cache.probe(code.question(kind), lambda: _tried(cache, code, port, kind))
        if answer.error:
            return answer
        if answer.outputs:
            return _enlarged(answer, inputs[port][0], dict(sizes))
    named = symbols.names_in(
        dim for kinds in inputs.values() for kind in kinds for dim in kind.shape
    )
    if named:
        known = dict(sizes)
        asked = tuple((name, known.get(name, symbols.TYPICAL)) for name in named)
        return cache.probe(
            code.question(*inputs.items(), asked), lambda: _symbolic(cache, code, inputs, asked)
        )
    return cache.probe(code.question(*inputs.items()), lambda: _asked(cache, code, inputs))


class _Ran(NamedTuple):
    """What one run on the meta device gave: sizes and dtypes by port, and costs of one sample."""

    outputs: dict[str, tuple[tuple[int, ...], str]]
    parameters: int
    flops: int
    saved: dict[str, int]
    view: bool


def _asked(cache: Cache, code: Code, inputs: Inputs) -> Probed:
    """Return what a layer does on the meta device, `N` being the only name."""
    ran = _run(cache, code, inputs, {})
    if isinstance(ran, str):
        return Probed(error=ran)
    outputs = {
        port: TensorType(tuple(symbols.batches(number) for number in shape), dtype)
        for port, (shape, dtype) in ran.outputs.items()
    }
    return Probed(outputs, ran.parameters, ran.flops, saved=ran.saved, view=ran.view)


def _symbolic(
    cache: Cache, code: Code, inputs: Inputs, sizes: tuple[tuple[str, int], ...]
) -> Probed:
    """Return what a layer does with named dimensions: asked with several numbers for each name."""
    given = [dim for kinds in inputs.values() for kind in kinds for dim in kind.shape]
    names = [name for name, _ in sizes]
    answers: dict[tuple[int, ...], _Ran | str] = {}

    def at(point: Sizes) -> _Ran | str:
        key = tuple(point[name] for name in names)
        if key not in answers:
            answers[key] = _run(cache, code, inputs, point)
        return answers[key]

    for point in symbols.points(names):
        ran = at(point)
        if isinstance(ran, str):
            shown = {str(symbols.worth(dim, point)): dim for dim in given if isinstance(dim, str)}
            shown.pop(str(SAMPLES), None)
            worded = [shown.get(part, part) for part in re.split(r"(\d+)", ran)]
            return Probed(error="".join(map(str, worded)))
    first, real = at(symbols.stand_ins(names)), at(dict(sizes))
    assert not isinstance(first, str)  # it was among the points
    if isinstance(real, str):
        counts = " and ".join(f"{name} = {size}" for name, size in sizes)
        return Probed(error=f"{real} (with {counts})")
    outputs = {}
    for port, (shape, dtype) in first.outputs.items():
        dims = []
        for axis in range(len(shape)):

            def number(point: Sizes, port: str = port, axis: int = axis) -> int | None:
                ran = at(point)
                if isinstance(ran, str) or axis >= len(ran.outputs[port][0]):
                    return None
                return ran.outputs[port][0][axis]

            dim = symbols.expression(names, given, number)
            dims.append(symbols.batches(real.outputs[port][0][axis]) if dim is None else dim)
        outputs[port] = TensorType(tuple(dims), dtype)
    return Probed(outputs, real.parameters, real.flops, saved=real.saved, view=real.view)


def _run(cache: Cache, code: Code, inputs: Inputs, sizes: Sizes) -> _Ran | str:
    """Run a layer on the meta device, or return what PyTorch said against it.

    What depends on numbers (lengths, classes) has no answer there: it gets ones, on the processor, as
    two samples and as three, which tells the sizes that count samples from those that do not.
    """
    try:
        return _run_on("meta", cache, code, inputs, sizes)
    except NotImplementedError:
        pass
    try:
        two, three = (_run_on("cpu", cache, code, inputs, {**sizes, "N": n}) for n in (2, 3))
    except NotImplementedError as error:
        return code.told(error)
    if isinstance(two, str) or isinstance(three, str):
        return two if isinstance(two, str) else str(three)
    outputs = {}
    for port, (shape, dtype) in two.outputs.items():
        pairs = zip(shape, three.outputs[port][0], strict=True)
        outputs[port] = tuple(a if a == b else (b - a) * SAMPLES for a, b in pairs), dtype
    return two._replace(outputs=outputs)


def _run_on(device: str, cache: Cache, code: Code, inputs: Inputs, sizes: Sizes) -> _Ran | str:
    if code.own:
        with torch.device(device):  # what it makes itself lies where its inputs do
            return _ran(device, cache, code, inputs, sizes)
    return _ran(device, cache, code, inputs, sizes)


def _ran(device: str, cache: Cache, code: Code, inputs: Inputs, sizes: Sizes) -> _Ran | str:
    scope = code.scope(cache, device)
    if isinstance(scope, str):
        return scope
    module = scope["module"]
    steps = _steps(module, inputs, sizes)
    counted: list[float] = []
    try:
        for port, types in inputs.items():
            for number, kind in enumerate(types):
                shape = [symbols.worth(dim, sizes) for dim in kind.shape]
                if steps and port == "x":
                    shape[1] = 1
                given = _given(shape, kind.dtype, device)
                # What a loss compares with is not learned, and some losses say so.
                scope[f"{port}_{number}"] = given.detach() if port == "target" else given
        code.aside(scope)
        saved = watched(
            lambda: counted.append(code.run(scope, counter(code.spec, module))),
            scope,
            [f"out_{port.name}" for port in code.spec.outputs],
        )
    except NotImplementedError:
        raise
    except RuntimeError as error:
        if device == "meta" and "meta tensor" in str(error).lower():
            raise NotImplementedError from None  # it looked at a number
        return code.told(error)
    except Exception as error:  # anything PyTorch or a pack's code raises is an answer
        return code.told(error)
    wrong = own_code.misfit(code.spec, scope) if code.own else ""
    if wrong:
        return wrong
    outputs: dict[str, tuple[tuple[int, ...], str]] = {}
    for name in (port.name for port in code.spec.outputs):
        value = scope.get(f"out_{name}")
        if isinstance(value, Tensor):
            known = tuple(value.shape)
            if steps and name == "out":
                known = (known[0], steps, *known[2:])
            outputs[name] = known, str(value.dtype).removeprefix("torch.")
    many = max(steps, 1)
    samples = symbols.worth("N", sizes)
    held = {name: count * many // samples for name, count in _by_port(saved).items()}
    flops = round(counted[0] * many / samples)
    return _Ran(outputs, trainable(module), flops, held, saved.view)


def _given(shape: list[int], dtype: str, device: str) -> Tensor:
    """Return an input. It is no leaf, so that a layer may work in its place."""
    kind = getattr(torch, dtype)
    tensor = torch.ones(shape, dtype=kind, device=device)
    return tensor.requires_grad_().clone() if kind.is_floating_point else tensor


def _by_port(saved: Saved) -> dict[str, int]:
    """Return what is kept by port: `x`, `x[1]`, `out`, and "" for what is at none."""
    found: dict[str, int] = {}
    for name, count in saved.held.items():
        port = name.removeprefix("out_") if name.startswith("out_") else name
        if port == name and name:
            port, _, number = name.rpartition("_")
            port += f"[{number}]" if number != "0" else ""
        found[port] = found.get(port, 0) + count
    return found


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


def _tried(cache: Cache, code: Code, port: str, kind: TensorType) -> Probed:
    """Return what a layer does with a small input; no outputs where it does not keep its shape."""
    scope = code.scope(cache, "cpu")
    if isinstance(scope, str):
        return Probed(error=scope)
    module = scope["module"]
    shape = [2 if isinstance(dim, str) else dim for dim in kind.shape]
    given = torch.ones(shape, dtype=getattr(torch, kind.dtype))
    if given.is_floating_point():
        given = given.requires_grad_().clone()
    scope[f"{port}_0"] = given
    outs = [f"out_{port.name}" for port in code.spec.outputs]
    try:
        code.aside(scope)
        saved = watched(lambda: code.run(scope, uncounted), scope, outs, given.numel())
    except Exception as error:  # as above
        return Probed(error=said(error))
    values = {port.name: scope[f"out_{port.name}"] for port in code.spec.outputs}
    kept = all(list(value.shape) == shape for value in values.values())
    outputs = {
        name: TensorType(kind.shape, str(value.dtype).removeprefix("torch."))
        for name, value in values.items()
    }
    held = _by_port(saved)
    if isinstance(module, nn.modules.dropout._DropoutNd) and module.p:
        held[""] = held.get("", 0) + given.nbytes  # its mask, which evaluation does not draw
    return Probed(outputs if kept else {}, trainable(module), saved=held, view=saved.view)


def _enlarged(answer: Probed, kind: TensorType, sizes: Sizes) -> Probed:
    """Return what a try with a small input says about the real one."""
    (small,) = {out.shape for out in answer.outputs.values()}
    tried = math.prod(2 if isinstance(dim, str) else dim for dim in small)
    numbers = sample_numbers(kind, sizes)
    return Probed(
        {name: TensorType(kind.shape, out.dtype) for name, out in answer.outputs.items()},
        answer.parameters,
        saved={port: count * numbers // tried for port, count in answer.saved.items()},
        view=answer.view,
    )


def _steps(module: Any, inputs: Inputs, sizes: Sizes) -> int:
    """Return the length of a recurrent layer's sequence: one step is enough to see its shapes, and
    the meta device takes milliseconds for each."""
    if not isinstance(module, nn.RNNBase) or not module.batch_first or "x" not in inputs:
        return 0
    shape = inputs["x"][0].shape
    return symbols.worth(shape[1], sizes) if len(shape) == 3 and shape[1] != "N" else 0
