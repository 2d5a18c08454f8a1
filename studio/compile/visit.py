"""One node: parameters resolved against the wires, checked, and asked of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from studio.compile import field as receptive
from studio.compile import own_code, ranges, template, wording
from studio.compile.cache import Cache
from studio.compile.cost import sample_bytes
from studio.compile.field import Field
from studio.compile.literals import NotLiteral
from studio.compile.probe import probe
from studio.graph.facts import NodeFacts, TensorType
from studio.graph.graph import PYTHON, REROUTE, Node
from studio.graph.params import ParamError, Value, check_params, with_defaults
from studio.graph.spec import LayerSpec


class Signal(NamedTuple):
    """What a wire carries: a type, how much of the input each of its numbers sees, what its named
    dimensions count as in costs, and between which numbers they lie where the data tells."""

    kind: TensorType
    field: Field | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    range: ranges.Range | None = None


class Fault(NamedTuple):
    """What is wrong at one node; `reason` chooses the repairs that are tried, `line` is that of its code."""

    message: str
    reason: str
    port: str = ""
    param: str = ""
    line: int = 0


class Visited(Struct, frozen=True):
    """A node's facts, what leaves it, what is wrong with it, or what is doubtful though it works."""

    facts: NodeFacts = NodeFacts()
    outputs: tuple[tuple[str, Signal], ...] = ()
    fault: Fault | None = None
    remark: Fault | None = None


Arrivals = tuple[tuple[str, Signal], ...]


def visit(
    cache: Cache, spec: LayerSpec, node: Node, arrivals: Arrivals, frozen: bool = False
) -> Visited:
    """Return what the node makes of what arrives at its ports."""
    inputs: dict[str, tuple[TensorType, ...]] = {}
    for port, signal in arrivals:
        inputs[port] = (*inputs.get(port, ()), signal.kind)
    shown = _shown(inputs)
    try:
        given = check_params(spec.params, node.params)
    except ParamError as error:
        return Visited(NodeFacts(shown), fault=param_fault(spec, node, str(error)))
    fault = _ports(spec, node, inputs)
    if fault:
        return Visited(NodeFacts(shown), fault=fault)
    if "bypassed" in node.flags or node.kind == REROUTE:
        return passed(spec, arrivals, shown)
    values, inferred, fault = _resolved(spec, given, inputs)
    fault = fault or _mismatch(spec, given, inputs)
    if fault:
        return Visited(NodeFacts(shown), fault=fault)
    if not spec.code.lines:
        return Visited(NodeFacts(shown))
    reach = [signal.range for _, signal in arrivals]
    beyond = ranges.outside(spec, values, reach)
    if beyond:
        fault = Fault(beyond, "range", arrivals[0][0], "num_embeddings")
        return Visited(NodeFacts(shown), fault=fault)
    sizes = _sizes(arrivals)
    try:
        answer = probe(cache, spec, values, inputs, sizes)
    except NotLiteral as error:
        return Visited(NodeFacts(shown), fault=Fault(str(error), "params"))
    if answer.error and node.kind == PYTHON:
        complaint = own_code.failed(node, spec, inputs, answer)
        return Visited(NodeFacts(shown), fault=Fault(*complaint[:2], line=complaint.line))
    if answer.error:
        said = wording.torch_said(spec, values, inputs, answer.error)
        return Visited(NodeFacts(shown, inferred=inferred), fault=Fault(said.text, said.reason))
    first = arrivals[0][1] if arrivals else None
    signals = {
        port: Signal(
            kind,
            receptive.through(
                spec, values, [s.field for _, s in arrivals], first.kind if first else None, kind
            ),
            sizes,
            ranges.passed_on(spec, values, reach, first.kind if first else None),
        )
        for port, kind in answer.outputs.items()
    }
    lead = next(iter(signals.values()), None)
    facts = NodeFacts(
        inputs=shown,
        outputs=answer.outputs,
        inferred=inferred,
        parameters=0 if frozen or "frozen" in node.flags else answer.parameters,
        flops=answer.flops,
        activation_bytes=sample_bytes(lead.kind, sizes) if lead and not answer.view else 0,
        saved=answer.saved,
        view=answer.view,
        receptive_field=lead.field.seen if lead and lead.field else (),
    )
    return Visited(facts, tuple(signals.items()), remark=_remark(spec, values))


def _sizes(arrivals: Arrivals) -> tuple[tuple[str, int], ...]:
    """Return what the named dimensions of everything that arrives count as."""
    if not any(signal.sizes for _, signal in arrivals):
        return ()
    return tuple(sorted({pair for _, signal in arrivals for pair in signal.sizes}))


def _shown(inputs: Mapping[str, tuple[TensorType, ...]]) -> dict[str, TensorType]:
    """Types by port; a port with several wires numbers those after the first: `x`, `x[1]`."""
    return {
        port if number == 0 else f"{port}[{number}]": kind
        for port, kinds in inputs.items()
        for number, kind in enumerate(kinds)
    }


def passed(spec: LayerSpec, arrivals: Arrivals, shown: dict[str, TensorType]) -> Visited:
    """Return what leaves a bypassed node or a point of a wire: its first input."""
    if not arrivals or not spec.outputs:
        return Visited(NodeFacts(shown))
    signal, port = arrivals[0][1], spec.outputs[0].name
    facts = NodeFacts(shown, {port: signal.kind}, view=True)
    return Visited(facts, ((port, signal),))


def param_fault(spec: LayerSpec, node: Node, message: str) -> Fault:
    """Return the fault at the first setting that the node's kind does not take."""
    for name, value in node.params.items():
        param = spec.param(name)
        if param is None:
            return Fault(message, "params", param=name)
        try:
            param.check(value)
        except ParamError as error:
            return Fault(str(error), "params", param=name)
    return Fault(message, "params")


def _ports(
    spec: LayerSpec, node: Node, inputs: Mapping[str, tuple[TensorType, ...]]
) -> Fault | None:
    for port in spec.inputs:
        if not port.optional and port.name not in inputs:
            return Fault(wording.unconnected(node, spec, port), "unconnected", port.name)
    for name in inputs:
        if spec.input(name) is None:
            known = ", ".join(port.name for port in spec.inputs) or "none"
            return Fault(
                f"{spec.title} has no input named {name!r}, but a wire leads there. "
                f"Its inputs: {known}.",
                "port",
                name,
            )
    read = template.inputs_of(spec, inputs)
    for name in inputs:
        if spec.code.lines and name not in read:
            free = [p.name for p in spec.inputs if p.optional and p.name not in inputs]
            others = [one for one in free if name in template.inputs_of(spec, (*inputs, one))]
            return Fault(
                f"{name} of {node.name} works only together with {' and '.join(others or free)}. "
                "Connect both or neither.",
                "port",
                name,
            )
    return None


def _resolved(
    spec: LayerSpec, given: Mapping[str, Value], inputs: Mapping[str, tuple[TensorType, ...]]
) -> tuple[dict[str, Value], dict[str, Value], Fault | None]:
    """Return all values, those read off the wires, and what keeps one from being read."""
    for port in spec.inputs:
        for kind in inputs.get(port.name, ()):
            fault = (
                wording.rank(spec, port, kind, given)
                or wording.dtype(spec, port, kind)
                or wording.dimension(spec, kind, given)
            )
            if fault:
                return {}, {}, Fault(fault.text, fault.reason, port.name, fault.param)
    values = with_defaults(spec.params, given)
    inferred: dict[str, Value] = {}
    for param in spec.params:
        if not param.inferred or values[param.name] is not None:
            continue
        size = read(param.reads, inputs)
        if size is None:
            port_name = param.reads.split("[")[0]
            came = inputs[port_name][0] if port_name in inputs else None
            text = wording.unreadable(spec, param, came)
            return {}, {}, Fault(text, "unreadable", port_name, param.name)
        inferred[param.name] = values[param.name] = size
    return values, inferred, None


def _mismatch(
    spec: LayerSpec, given: Mapping[str, Value], inputs: Mapping[str, tuple[TensorType, ...]]
) -> Fault | None:
    """What a person has set that the wire contradicts."""
    for param in spec.params:
        value = given.get(param.name)
        if not param.inferred or value is None:
            continue
        arrives = read(param.reads, inputs)
        last = value[-1] if isinstance(value, tuple) else value
        if arrives is not None and last != arrives:
            text = wording.contradicts(spec, param, value, arrives)
            return Fault(text, "override", param.reads.split("[")[0], param.name)
    if given.get("batch_first") is False and spec.category in ("seq", "attn"):
        text = f"{spec.title} gets the samples first, but batch_first is off. Turn batch_first on."
        return Fault(text, "params", param="batch_first")
    return None


def _remark(spec: LayerSpec, values: Mapping[str, Value]) -> Fault | None:
    """What PyTorch only warns about."""
    if values.get("num_layers") == 1 and values.get("dropout") and spec.category == "seq":
        text = f"The dropout of {spec.title} works between its layers, and it has one. Set num_layers to 2."
        return Fault(text, "layers")
    return None


def read(place: str, inputs: Mapping[str, tuple[TensorType, ...]]) -> int | None:
    """Return the size that `place` (`x[1]`) names, None where there is no such number."""
    port, _, axis = place.removesuffix("]").partition("[")
    kinds = inputs.get(port)
    if not kinds or not -len(kinds[0].shape) <= int(axis) < len(kinds[0].shape):
        return None
    size = kinds[0].shape[int(axis)]
    return size if isinstance(size, int) else None
