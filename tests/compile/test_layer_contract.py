"""The contract of every layer in the catalogue: whoever registers a layer has it tested here.

Each layer is tried with what it needs, with everything that can be connected to it, and under each
parametrisation that it offers.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec
import pytest
import torch
from layer_examples import BATCH, EXAMPLES, Example, Feed, feed, ladder
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from studio import compile, layers
from studio.graph.builder import Net
from studio.graph.facts import NodeFacts, ProjectFacts
from studio.graph.graph import OUTPUT, PYTHON, Node, link
from studio.graph.params import check_params, with_defaults
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

SPECS = layers.builtin()
#: What has no code of its own (an input, a state, a point of a wire) is not a layer.
KINDS = sorted(kind for kind, spec in SPECS.items() if spec.code.lines)
CACHE = compile.Cache()


@dataclass(frozen=True)
class Case:
    """A layer, and how it is tried: with every input connected, or under a parametrisation."""

    kind: str
    whole: bool = False
    around: str = ""

    def __str__(self) -> str:
        return (
            self.kind
            + (", all inputs" if self.whole else "")
            + (self.around and f", {self.around}")
        )

    @property
    def spec(self) -> LayerSpec:
        return SPECS[self.kind]

    @property
    def params(self) -> dict[str, Any]:
        """What differs from the defaults."""
        own = EXAMPLES.get(self.kind, Example()).params
        return own | ({self.spec.code.around: self.around} if self.around else {})


def _cases() -> list[Case]:
    found = [Case(kind) for kind in KINDS]
    found += [Case(kind, True) for kind in KINDS if any(p.optional for p in SPECS[kind].inputs)]
    for kind in KINDS:
        around = SPECS[kind].param(SPECS[kind].code.around)
        found += [Case(kind, around=str(c)) for c in around.choices[1:]] if around else []
    return found


CASES = _cases()
every = pytest.mark.parametrize("case", CASES, ids=str)


def _draw(case: Case, sample: tuple[int, ...]) -> tuple[Project, list[Feed]]:
    """Draw inputs, the layer, and an output for each of its ports."""
    spec, net = case.spec, Net()
    links, feeds = [], []
    needed = [port for port in spec.inputs if case.whole or not port.optional] or spec.inputs
    for port in needed:
        for copy in range(2 if port.many else 1):
            feeds.append(feed(spec, port, sample))
            wire = feeds[-1].wire(net, f"in_{port.name}{copy}")
            links.append(link(wire.node, wire.port, "layer", port.name))
    if not needed:  # it makes something of nothing: the network is fed all the same
        feeds.append(Feed((8,), "float32"))
        net.output(feeds[-1].wire(net, "unused"), name="unused_out")
    net.add(case.kind, name="layer", **case.params)
    sheet = net.sheet()
    graph = sheet.graph
    for port in spec.outputs:
        end = Node(f"to_{port.name}", OUTPUT, f"to_{port.name}")
        graph = graph.with_node(end)
        links.append(link("layer", port.name, end.id, "x"))
    graph = msgspec.structs.replace(graph, links=(*graph.links, *links))
    return Project(networks={"main": msgspec.structs.replace(sheet, graph=graph)}), feeds


@cache
def drawn(case: Case) -> tuple[Project, ProjectFacts, tuple[Feed, ...]]:
    """Return a project in which the layer works, its facts, and what it is fed with."""
    said = ""
    for sample in ladder(case.spec):
        project, feeds = _draw(case, sample)
        facts = compile.infer(project, SPECS, None, cache=CACHE)
        if not facts.errors:
            return project, facts, tuple(feeds)
        said = facts.errors[0].message
    raise AssertionError(f"no input was found for {case}: {said}")


@cache
def _network(case: Case) -> type[nn.Module]:
    """Return the class that is written for the case."""
    project, facts, _ = drawn(case)
    scope: dict[str, Any] = {}
    exec(compile.source(project, "main", SPECS, facts).text, scope)
    network: type[nn.Module] = scope["Network"]
    return network


def _module(case: Case) -> nn.Module:
    torch.manual_seed(0)
    return _network(case)()


def _samples(case: Case) -> list[Tensor]:
    torch.manual_seed(1)
    return [feed.numbers() for feed in drawn(case)[2]]


def _facts(case: Case) -> NodeFacts:
    return drawn(case)[1].networks["main"].nodes["layer"]


def _tuple(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def _forward(case: Case, module: nn.Module, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Return what leaves the layer's ports."""
    torch.manual_seed(2)
    return _tuple(module(*inputs))[-len(case.spec.outputs) :]


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one, other) and one.dtype == other.dtype


@every
def test_shapes_of_the_meta_device_are_the_real_ones(case: Case) -> None:
    real = _forward(case, _module(case), _samples(case))
    for value, (port, known) in zip(real, _facts(case).outputs.items(), strict=True):
        shape = tuple(BATCH if dim == "N" else dim for dim in known.shape)
        assert tuple(value.shape) == shape, port
        assert str(value.dtype) == f"torch.{known.dtype}"
    on_meta = _on_meta(case)
    assert on_meta is None or [out.shape for out in on_meta] == [out.shape for out in real]


def _on_meta(case: Case) -> tuple[Tensor, ...] | None:
    """Return what the written code gives on the meta device; None where it looks at numbers."""
    module = _module(case).to("meta")
    try:
        return _forward(case, module, [value.to("meta") for value in _samples(case)])
    except (NotImplementedError, RuntimeError) as error:
        if "meta" not in str(error).lower():
            raise
        return None


@every
def test_tapped_forward_is_the_same_to_the_bit_and_taps_every_port(case: Case) -> None:
    module, inputs, seen = _module(case), _samples(case), {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[path, port] = tensor
        return tensor

    plain = _forward(case, module, inputs)
    again = _module(case)  # a forward may change what the module remembers
    torch.manual_seed(2)
    tapped = _tuple(again.forward_tapped(*inputs, tap))[-len(plain) :]
    assert all(_same(a, b) for a, b in zip(plain, tapped, strict=True))
    assert {port for path, port in seen if path == "layer"} == {
        port.name for port in case.spec.outputs
    }


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.kind.startswith("torch.") and not case.whole], ids=str
)
def test_generated_code_is_pytorch_called_directly(case: Case) -> None:
    spec, module, inputs = case.spec, _module(case), _samples(case)
    arrived = _arrived(case, _module(case), inputs)
    values = with_defaults(spec.params, case.params) | _facts(case).inferred
    values.pop(spec.code.around, None)
    torch.manual_seed(0)
    own = _made(case, values)
    if isinstance(own, nn.Module):
        for name, value in own.state_dict().items():
            assert torch.equal(module.state_dict()[f"layer.{name}"], value)
    torch.manual_seed(2)
    direct = _leaves(_called(case, own, arrived, values))
    ours = _forward(case, _module(case), inputs)
    assert direct
    assert all(_same(a, b) for a, b in zip(ours, direct, strict=False))


def _arrived(case: Case, module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """Return what arrives at the layer's ports, behind whatever lies on the way."""
    seen: dict[tuple[str, str], Tensor] = {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[path, port] = tensor
        return tensor

    module.forward_tapped(*inputs, tap)
    graph = drawn(case)[0].networks["main"].graph
    return [seen[w.source.node, w.source.port] for w in graph.incoming["layer"]]


def _made(case: Case, values: dict[str, Any]) -> Callable[..., Any]:
    """Return PyTorch's own module, or its function."""
    if not case.kind.startswith("torch.nn.") or case.kind.startswith("torch.nn.functional."):
        return attrgetter(case.kind.removeprefix("torch."))(torch)
    name = case.kind.rsplit(".", 1)[-1]
    if name in ("TransformerEncoder", "TransformerDecoder"):
        count, _ = values.pop("num_layers"), values.pop("norm")
        return getattr(nn, name)(getattr(nn, f"{name}Layer")(**values), count)
    made = getattr(nn, name)(**values)
    return getattr(parametrizations, case.around)(made) if case.around else made


#: Functions and layers that are called in a way that their ports do not tell.
_CALLS: dict[str, Callable[..., Any]] = {
    "torch.nn.CTCLoss": lambda f, p, t, n, m, **_: f(p.transpose(0, 1), t, n, m),
    "torch.nn.MultiheadAttention": lambda f, q, **_: f(q, q, q, need_weights=False)[0],
    "torch.einsum": lambda f, *x, equation: f(equation, *x),
    "torch.nn.functional.one_hot": lambda f, x, num_classes: f(x, num_classes).float(),
    "torch.nn.functional.affine_grid": lambda f, x, size, **rest: f(x, [len(x), *size], **rest),
    **dict.fromkeys(
        ("torch.gather", "torch.scatter", "torch.scatter_add", "torch.index_select"),
        lambda f, x, *rest, dim: f(x, dim, *rest),
    ),
    "torch.scatter_reduce": lambda f, x, i, src, dim, reduce, **rest: f(
        x, dim, i, src, reduce, **rest
    ),
    "torch.index_add": lambda f, x, i, source, dim, **rest: f(x, dim, i, source, **rest),
}


def _called(
    case: Case, function: Callable[..., Any], arrived: list[Tensor], values: dict[str, Any]
) -> Any:
    given = {} if isinstance(function, nn.Module) else values
    given = {name: value for name, value in given.items() if value is not None}
    if case.kind in _CALLS:
        return _CALLS[case.kind](function, *arrived, **given)
    return function(*arrived, **given)


def _leaves(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [leaf for part in value for leaf in _leaves(part)]


@every
def test_gradients_are_finite_and_parameters_counted(case: Case) -> None:
    module, inputs = _module(case), _samples(case)
    for value, name in zip(inputs, inspect.signature(module.forward).parameters, strict=True):
        if value.is_floating_point() and "target" not in name:
            value.requires_grad_()
    outputs = _forward(case, module, inputs)
    _backward(outputs)
    given = [p.grad for p in module.parameters()] + [x.grad for x in inputs]
    assert all(grad.isfinite().all() for grad in given if grad is not None)
    assert _facts(case).parameters == sum(p.numel() for p in module.parameters())


def _backward(outputs: tuple[Tensor, ...]) -> None:
    """Check that everything is finite, and go back through it."""
    assert all(out.isfinite().all() for out in outputs)
    learned = [torch.view_as_real(o.resolve_conj()) if o.is_complex() else o for o in outputs]
    learned = [out for out in learned if out.requires_grad]
    if learned:
        sum(out.float().sum() for out in learned).backward()  # type: ignore[union-attr]


#: What PyTorch itself cannot do under autocast, since it mixes two types without a word.
_FLOAT32_ONLY = ("torch.nn.AdaptiveLogSoftmaxWithLoss", "torch.nn.Bilinear, orthogonal")


@every
def test_works_in_bfloat16_autocast(case: Case) -> None:
    module, inputs = _module(case), _samples(case)
    if str(case) in _FLOAT32_ONLY:
        with (
            torch.autocast("cpu", dtype=torch.bfloat16),
            pytest.raises(RuntimeError, match="dtype"),
        ):
            _forward(case, module, inputs)
        return
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = _forward(case, module, inputs)
    _backward(outputs)
    real = _forward(case, _module(case), inputs)
    assert [out.shape for out in outputs] == [out.shape for out in real]


@every
def test_parameters_survive_the_file_and_defaults_are_what_they_say(case: Case) -> None:
    spec, (project, facts, _) = case.spec, drawn(case)
    given = with_defaults(spec.params, case.params)
    stored = msgspec.json.decode(msgspec.json.encode(given))
    checked = check_params(spec.params, stored)
    assert checked == given
    sheet = project.networks["main"]
    node = msgspec.structs.replace(sheet.graph.nodes["layer"], params=checked)
    spelled = project.with_sheet(
        "main", msgspec.structs.replace(sheet, graph=sheet.graph.with_node(node))
    )
    again = compile.infer(spelled, SPECS, None, cache=CACHE)
    assert again.networks["main"].nodes == facts.networks["main"].nodes
    assert (
        compile.source(spelled, "main", SPECS, again).text
        == compile.source(project, "main", SPECS, facts).text
    )
    state = _module(case).state_dict()  # tensors: what safetensors holds, and nothing for pickle
    assert all(type(value) is Tensor and value.layout is torch.strided for value in state.values())


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if any(param.inferred for param in SPECS[kind].params)]
)
def test_sizes_are_read_off_the_wires(kind: str) -> None:
    case, spec = Case(kind), SPECS[kind]
    facts = _facts(case)
    for param in spec.params:
        if param.inferred:
            port, _, axis = param.reads.removesuffix("]").partition("[")
            assert facts.inferred[param.name] == facts.inputs[port].shape[int(axis)] == 8


@pytest.mark.parametrize("kind", KINDS)
def test_spec_speaks(kind: str) -> None:
    spec: LayerSpec = SPECS[kind]
    assert spec.title
    assert spec.doc.endswith(".")
    assert spec.formula or not spec.inputs or "learn" in spec.doc or kind == PYTHON
    assert not any(sign in spec.doc + spec.formula for sign in ("\\", ":math:", "``"))
    assert all(spec.param(name) for name in spec.summary)
    names = [p.name for p in (*spec.params, *spec.inputs, *spec.outputs)]
    assert len(names) == len(set(names))
    if kind.startswith("torch.nn.") and inspect.isclass(
        made := operator.attrgetter(kind[6:])(torch)
    ):
        known = inspect.signature(made).parameters
        own = spec.code.make == kind.removeprefix("torch.") and "args" not in known
        told = {p.name for p in spec.params} - {spec.code.around}
        assert not own or told <= set(known)
