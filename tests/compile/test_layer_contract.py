"""The contract of every layer in the catalogue: none of these tests names a layer that it is for."""

from __future__ import annotations

import inspect
from functools import lru_cache

import msgspec
import pytest
import torch
from torch import Tensor, nn

from studio import compile, layers
from studio.graph.builder import Net
from studio.graph.facts import NodeFacts, ProjectFacts
from studio.graph.graph import INPUT, OUTPUT, Node, link
from studio.graph.params import check_params, with_defaults
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

SPECS = layers.builtin()
#: What has no code of its own (an input, a state, a point of a wire) is not a layer.
KINDS = sorted(kind for kind, spec in SPECS.items() if spec.code.lines)
BATCH = 3

#: Samples that the ladder does not find: a layer's input has to have just this shape.
ODD: dict[str, tuple[int, ...]] = {"torch.nn.Fold": (8, 16)}

LADDER = ((8,), (8, 8), (8, 8, 8), (8, 8, 8, 8))


def _draw(kind: str, sample: tuple[int, ...]) -> Project:
    """Draw inputs, the layer, and an output for each of its ports."""
    spec, net = SPECS[kind], Net()
    links = []
    needed = [port for port in spec.inputs if not port.optional] or spec.inputs
    for port in needed:
        for copy in range(2 if port.many else 1):
            dtype = "int64" if port.type == "int" else "float32"
            wire = net.input(f"in_{port.name}{copy}", shape=sample, dtype=dtype)
            links.append((wire.node, port.name))
    net.add(kind, name="layer")
    sheet = net.sheet()
    graph = sheet.graph
    wires = tuple(link(source, "out", "layer", port) for source, port in links)
    for port in spec.outputs:
        end = Node(f"to_{port.name}", OUTPUT, f"to_{port.name}")
        graph = graph.with_node(end)
        wires = (*wires, link("layer", port.name, end.id, "x"))
    return Project(
        networks={
            "main": msgspec.structs.replace(
                sheet, graph=msgspec.structs.replace(graph, links=wires)
            )
        }
    )


CACHE = compile.Cache()


@lru_cache
def drawn(kind: str) -> tuple[Project, ProjectFacts]:
    """Return a project in which the layer works, and its facts."""
    port = SPECS[kind].inputs[0]
    ladder = [s for s in LADDER if not port.ranks or len(s) + 1 in port.ranks]
    said = ""
    for sample in [ODD[kind]] if kind in ODD else ladder:
        project = _draw(kind, sample)
        facts = compile.infer(project, SPECS, None, cache=CACHE)
        if not facts.errors:
            return project, facts
        said = facts.errors[0].message
    raise AssertionError(f"no input was found for {kind}: {said}")


def _module(kind: str) -> nn.Module:
    torch.manual_seed(0)
    return compile.build(drawn(kind)[0], "main", SPECS, None, cache=CACHE)


def _samples(kind: str) -> list[Tensor]:
    project, _ = drawn(kind)
    torch.manual_seed(1)
    found = []
    for node in project.networks["main"].graph.of_kind(INPUT):
        shape = (BATCH, *node.params["shape"])
        whole = node.params["dtype"] == "int64"
        found.append(torch.randint(0, 8, shape) if whole else torch.rand(shape) * 0.8 + 0.1)
    return found


def _facts(kind: str) -> NodeFacts:
    return drawn(kind)[1].networks["main"].nodes["layer"]


def _tuple(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def _forward(module: nn.Module, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    torch.manual_seed(2)
    return _tuple(module(*inputs))


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_the_meta_device_are_the_real_ones(kind: str) -> None:
    real = _forward(_module(kind), _samples(kind))
    for value, (port, known) in zip(real, _facts(kind).outputs.items(), strict=True):
        shape = tuple(BATCH if dim == "N" else dim for dim in known.shape)
        assert tuple(value.shape) == shape, port
        assert str(value.dtype) == f"torch.{known.dtype}"


@pytest.mark.parametrize("kind", KINDS)
def test_tapped_forward_is_the_same_to_the_bit_and_taps_every_port(kind: str) -> None:
    module, inputs, seen = _module(kind), _samples(kind), {}

    def tap(path: str, port: str, tensor: Tensor) -> Tensor:
        seen[path, port] = tensor
        return tensor

    plain = _forward(module, inputs)
    torch.manual_seed(2)
    tapped = _tuple(module.forward_tapped(*inputs, tap))
    assert all(torch.equal(a, b) for a, b in zip(plain, tapped, strict=True))
    assert {port for path, port in seen if path == "layer"} == {p.name for p in SPECS[kind].outputs}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("torch.nn.")])
def test_generated_code_is_the_module_called_directly(kind: str) -> None:
    module, inputs, spec = _module(kind), _samples(kind), SPECS[kind]
    values = with_defaults(spec.params, {}) | _facts(kind).inferred
    torch.manual_seed(0)
    own = getattr(nn, kind.rsplit(".", 1)[-1])(**values)
    for name, value in own.state_dict().items():
        assert torch.equal(module.state_dict()[f"layer.{name}"], value)
    torch.manual_seed(2)
    if kind == "torch.nn.MultiheadAttention":
        direct = own(*inputs * 3, need_weights=False)[:1]
    else:
        direct = _leaves(own(*inputs))
    ours = _forward(module, inputs)
    assert all(torch.equal(a, b) for a, b in zip(ours, direct, strict=False))


def _leaves(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [leaf for part in value for leaf in _leaves(part)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_and_parameters_counted(kind: str) -> None:
    module, inputs = _module(kind), _samples(kind)
    for value in inputs:
        if value.is_floating_point():
            value.requires_grad_()
    outputs = [out for out in _forward(module, inputs) if out.requires_grad]
    assert all(out.isfinite().all() for out in outputs)
    if outputs:
        sum(out.sum() for out in outputs).backward()
    given = [p.grad for p in module.parameters()] + [x.grad for x in inputs]
    assert all(grad.isfinite().all() for grad in given if grad is not None)
    assert _facts(kind).parameters == sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_survive_the_file_and_defaults_are_what_they_say(kind: str) -> None:
    spec, (project, facts) = SPECS[kind], drawn(kind)
    given = with_defaults(spec.params, {})
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


@pytest.mark.parametrize("kind", KINDS)
def test_spec_speaks(kind: str) -> None:
    spec: LayerSpec = SPECS[kind]
    assert spec.title
    assert spec.doc.endswith(".")
    assert not any(sign in spec.doc + spec.formula for sign in ("\\", ":math:", "``"))
    assert all(spec.param(name) for name in spec.summary)
    names = [p.name for p in (*spec.params, *spec.inputs)]
    assert len(names) == len(set(names))
    if kind.startswith("torch.nn."):
        known = inspect.signature(getattr(nn, kind.rsplit(".", 1)[-1])).parameters
        variadic = "args" in known
        assert variadic or {p.name for p in spec.params} <= set(known)
