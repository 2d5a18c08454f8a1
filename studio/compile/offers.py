"""Which layers fit into a gap: each is tried there with its default parameters, as PyTorch answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from studio.compile import own_code
from studio.compile.cache import Cache
from studio.compile.visit import Signal, Visited, visit
from studio.compile.walk import walk
from studio.graph.facts import TensorType
from studio.graph.formulas import is_formula
from studio.graph.graph import INPUT, OUTPUT, PYTHON, Graph, Node, link
from studio.graph.kinds import spec_of
from studio.graph.offers import Gap, Offer, entry, open_inputs
from studio.graph.project import Block, Project, Sheet
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec

#: What may lie before a gap of which only the taker is known: vectors, sequences, maps, ids.
_GUESSES = (
    TensorType(("N", 16)),
    TensorType(("N", 16, 16)),
    TensorType(("N", 16, 16, 16)),
    TensorType(("N", 16, 16, 16, 16)),
    TensorType(("N", 16), "int64"),
)


def offers(
    gap: Gap,
    specs: Mapping[str, LayerSpec],
    blocks: Mapping[str, Block],
    cache: Cache,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Offer]:
    """Return what each kind would do in a gap; kinds that were not tried are left out."""
    project = Project(blocks=dict(blocks))
    found: dict[str, Offer] = {}
    for spec in _candidates(specs, project):
        if cancelled():
            break
        offer = _offer(gap, spec, specs, project, cache)
        if offer is not None:
            found[spec.kind] = offer
    return found


def _candidates(specs: Mapping[str, LayerSpec], project: Project) -> Iterator[LayerSpec]:
    yield from specs.values()
    for name in project.blocks:
        spec = block_spec(project, f"block.{name}")
        if spec is not None:
            yield spec


def _offer(
    gap: Gap, spec: LayerSpec, specs: Mapping[str, LayerSpec], project: Project, cache: Cache
) -> Offer | None:
    if gap.arrives is not None:
        return _given(gap, gap.arrives, spec, specs, project, cache)
    if gap.taker is None or not spec.outputs or not spec.inputs:
        return None
    refusal: Offer | None = None
    for guess in _GUESSES:
        offer = _given(gap, guess, spec, specs, project, cache)
        if offer is not None and not offer.reason:
            return replace(offer, result=None)  # its shape is only a guess
        refusal = refusal or offer
    return refusal


def _given(
    gap: Gap,
    arrives: TensorType,
    spec: LayerSpec,
    specs: Mapping[str, LayerSpec],
    project: Project,
    cache: Cache,
) -> Offer | None:
    port = entry(spec, gap.type, len(arrives.shape))
    if port is None:
        return None
    rest = open_inputs(spec, port.name)
    # What is not wired yet is taken to be alike: operands mostly are.
    arrivals = tuple((name, Signal(arrives)) for name in (port.name, *rest))
    node = Node("new", spec.kind, "new")
    if spec.kind.startswith("block."):
        result, reason = _through_block(node, arrives, specs, project, cache)
    else:
        seen = visit(cache, spec, node, arrivals)
        result, reason = _first_output(seen), seen.fault.message if seen.fault else ""
    if not reason and gap.taker is not None and result is not None:
        reason = _refused(gap, result, specs, cache)
    return Offer(reason=reason) if reason else Offer(result, open=rest)


def _first_output(seen: Visited) -> TensorType | None:
    return seen.outputs[0][1].kind if seen.outputs else None


def _refused(gap: Gap, result: TensorType, specs: Mapping[str, LayerSpec], cache: Cache) -> str:
    """Return why the taker cannot use what the layer would give, "" where it can."""
    assert gap.taker is not None
    spec = spec_of(gap.taker, specs)
    if spec is None or not spec.code.lines:
        return ""
    if gap.taker.kind == PYTHON and own_code.unready(gap.taker, cache.consent):
        return ""  # told at that node
    params = {name: value for name, value in gap.taker.params.items() if not is_formula(value)}
    arrivals = {gap.port: Signal(result)} | {
        name: Signal(kind) for name, kind in gap.others.items() if name != gap.port
    }
    missing = [name for name in open_inputs(spec, gap.port) if name not in arrivals]
    arrivals |= {name: Signal(result) for name in missing}
    seen = visit(cache, spec, replace(gap.taker, params=params), tuple(arrivals.items()))
    return f"Then {seen.fault.message}" if seen.fault else ""


def _through_block(
    node: Node,
    arrives: TensorType,
    specs: Mapping[str, LayerSpec],
    project: Project,
    cache: Cache,
) -> tuple[TensorType | None, str]:
    """Return what a block gives, or what goes wrong in it, seen in a network of its own."""
    spec = block_spec(project, node.kind)
    if spec is None or not spec.outputs or "N" not in arrives.shape[:1]:
        return None, ""
    shape, dtype = arrives.shape[1:], arrives.dtype
    source = Node("in", INPUT, "in", {"shape": shape, "dtype": dtype})
    out = Node("out", OUTPUT, "out")
    links = [link("in", "out", node.id, port.name) for port in spec.inputs if not port.optional]
    links.append(link(node.id, spec.outputs[0].name, "out", "x"))
    graph = Graph({one.id: one for one in (source, node, out)}, tuple(links))
    tried = replace(project, networks={"try": Sheet(graph)})
    outcome = walk(tried, "try", specs, None, cache)
    if outcome.errors:
        return None, outcome.errors[0].fault.message
    facts = outcome.nodes.get(node.id)
    return (next(iter(facts.outputs.values()), None) if facts else None), ""
