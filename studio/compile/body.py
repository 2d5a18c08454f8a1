"""The statements of one class: a network's, or a block's for one pass through one instance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from studio.compile import sharing, template
from studio.compile.classes import Call, Drawn, Line, Making
from studio.compile.instance import ports_in, ports_out
from studio.compile.literals import literal
from studio.compile.naming import Step, Value, variables
from studio.compile.scan import is_whole
from studio.compile.template import Filling
from studio.compile.walk import live
from studio.graph.facts import NodeFacts
from studio.graph.formulas import FormulaError, is_formula
from studio.graph.graph import (
    BLOCK,
    INPUT,
    NEXT,
    OUTPUT,
    REROUTE,
    STATE,
    End,
    Graph,
    Link,
    Node,
    is_name,
)
from studio.graph.params import check_params, with_defaults
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec, order
from studio.graph.unfold import Names, is_shared, repeats, resolved

_NOWHERE = (INPUT, OUTPUT, STATE, NEXT, REROUTE)
#: What the code itself calls: no variable may hide it.
_CALLED = frozenset({"torch", "nn", "F", "math", "range", "zip", "enumerate", "tap", "self"})


class Unfinished(ValueError):
    """A network that cannot be written yet; `problems` say what has to be repaired first."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


@dataclass(frozen=True)
class Known:
    """What is known of a network that is to be written, and of the classes written so far."""

    project: Project
    specs: Mapping[str, LayerSpec]
    facts: Mapping[str, NodeFacts]
    errors: tuple[Problem, ...]
    #: The call that makes a block's module, by the beginning of the paths inside it.
    calls: dict[str, Call] = field(default_factory=dict)
    #: Names of classes and functions of the text.
    taken: set[str] = field(default_factory=set)

    def spec(self, kind: str) -> LayerSpec:
        """Return the spec of a layer or a block. It has facts, so it is known."""
        found = block_spec(self.project, kind) if kind.startswith(BLOCK) else self.specs.get(kind)
        if found is None:
            raise self.unfinished()
        return found

    def unfinished(self) -> Unfinished:
        """Return what to raise where something is missing."""
        why = (
            self.errors[0].message
            if self.errors
            else "Connect an input through layers to an output."
        )
        return Unfinished(f"The network cannot be written as code yet. {why}", self.errors)


class Sheet:
    """A graph with its formulas worked out, as far as code is concerned: what runs, and what feeds it.

    `inside` tells a block's from a network's, where nothing runs over time.
    """

    def __init__(
        self, known: Known, graph: Graph, prefix: str, names: Names, inside: bool = True
    ) -> None:
        self.known, self.prefix, self.raw, self.inside = known, prefix, graph, inside
        nodes = dict(graph.nodes)
        for key, node in graph.nodes.items():
            with suppress(FormulaError):  # a problem at that node, in the way only where it runs
                nodes[key] = resolved(node, names)
        for node in nodes.values():
            if not is_name(node.name):
                raise Unfinished(f"{node.name!r} cannot be a name in code. Rename the node.")
        self.graph = Graph(nodes, graph.links)
        keys, tangled = order(graph)
        if tangled:
            raise known.unfinished()
        needed = live(graph)
        self.running = [nodes[key] for key in keys if key in needed and self._runs(nodes[key])]
        self.keepers = sharing.keepers(graph, needed)
        broken = {problem.node for problem in known.errors}
        timed = [node for node in nodes.values() if inside and node.kind in (STATE, NEXT)]
        if any(prefix + node.id in broken for node in (*self.running, *timed)):
            raise known.unfinished()

    def _runs(self, node: Node) -> bool:
        if node.kind in _NOWHERE or "bypassed" in node.flags:
            return False
        return not node.kind.startswith(BLOCK) or repeats(node.params) > 0

    def makers(self) -> list[Node]:
        """Return the running nodes that make the module which they call; others borrow one of theirs."""
        return [node for node in self.running if node.id in self.keepers]

    def owner(self, node: Node) -> Node:
        """Return the node whose name the module of `node` has."""
        return self.graph.nodes[node.shares] if node.shares else node

    def origin(self, end: End) -> Value:
        """Return the value at an output port, followed through all that only hands on what it gets."""
        for _ in self.graph.nodes:
            wire = self._handed_on(end)
            if wire is None:
                break
            end = wire.source
        facts = self.known.facts.get(self.prefix + end.node)
        if facts is None or end.port not in facts.outputs:
            raise self.known.unfinished()
        return (end.node, end.port)

    def _handed_on(self, end: End) -> Link | None:
        node = self.graph.nodes[end.node]
        incoming = self.graph.incoming.get(node.id, ())
        if not incoming:
            return None
        if "bypassed" in node.flags or node.kind == REROUTE:
            return incoming[0]
        if node.kind.startswith(BLOCK) and repeats(node.params) == 0:
            spec = self.known.spec(node.kind)
            takes = dict(zip(ports_out(spec), ports_in(spec), strict=False))
            wires = self.graph.into(node.id, takes.get(end.port, ""))
            return wires[0] if wires else None
        return None


class Body:
    """The statements of one class."""

    def __init__(self, known: Known, sheet: Sheet) -> None:
        self.known, self.sheet, self.prefix = known, sheet, sheet.prefix
        graph = self.graph = sheet.graph
        self.inputs = graph.of_kind(INPUT)
        self.states = graph.of_kind(STATE) if sheet.inside else ()
        self.outputs = [node for node in graph.of_kind(OUTPUT) if graph.into(node.id, "x")]
        next_of = {node.params.get("state"): node for node in graph.of_kind(NEXT)}
        nexts = [next_of[state.name] for state in self.states if state.name in next_of]
        if (not self.outputs and not nexts) or len(nexts) < len(self.states):
            raise known.unfinished()
        self.steps = [self._step(node) for node in sheet.running]
        self.results = [self._value(node, "x") for node in (*self.outputs, *nexts)]
        self.last = (*self.outputs, *nexts)[-1].id
        taken = known.taken | _CALLED
        self.names, self.used = variables(
            (*self.inputs, *self.states), self.steps, self.results, taken
        )
        for step in self.steps:
            self.used.update((step.node.id, give) for _, give in self._chained(step.node))

    def drawn(self, doc: str) -> Drawn:
        """Return the body of the class."""
        makings = [self._making(node) for node in self.sheet.makers()]
        learned = [
            self._learned(node) for node in self.states if node.params.get("init") == "learned"
        ]
        methods = time_methods(self) if self.states else self._plain()
        return Drawn(doc, (*learned, *(one for one in makings if one is not None)), tuple(methods))

    def method(self, name: str, arguments: list[str], tapped: bool) -> list[Line]:
        """Return a method that runs every node once."""
        given = "".join(f", {argument}" for argument in arguments)
        end = ", tap" if tapped else ""
        lines = self._statements(tapped)
        return [
            (f"    def {name}(self{given}{end}):", ""),
            *((f"        {x}", p) for x, p in lines),
        ]

    def _plain(self) -> list[Line]:
        arguments = [self.names[node.id, "out"] for node in self.inputs]
        tapped = self.method("forward_tapped", arguments, True)
        return [*self.method("forward", arguments, False), ("", ""), *tapped]

    # --------------------------------------------------------------------------------------- __init__

    def _making(self, node: Node) -> Making | None:
        owner, path = self.sheet.owner(node), self.prefix + node.id
        frozen = self._freezes(owner) or self._freezes(node)
        if node.kind.startswith(BLOCK):
            single = repeats(node.params) == 1 or is_shared(node.params)
            start = f"{path}/"
            prefixes = [start] if single else [f"{start}{n}/" for n in range(repeats(node.params))]
            calls = tuple(self._hinted(node, self.known.calls[prefix]) for prefix in prefixes)
            return Making(owner.name, path, calls, not single, frozen)
        spec = self.known.spec(node.kind)
        if not spec.code.make:
            return None
        return Making(
            owner.name, path, (self._hinted(node, Call(spec.code.make, self._values(node), spec)),),
            False, frozen,
        )  # fmt: skip

    def _hinted(self, node: Node, call: Call) -> Call:
        """Return the call with the names that its arguments are worked out from."""
        raw = self.sheet.raw.nodes[node.id].params
        hints = {
            key: value[1:].strip()
            for key, value in raw.items()
            if is_formula(value) and key in call.values
        }
        return Call(call.name, call.values, call.layer, hints) if hints else call

    def _learned(self, state: Node) -> Making:
        sizes = ", ".join(map(str, self._shape(state)))
        frozen = "frozen" in state.flags
        text = f"nn.Parameter(torch.zeros(1, {sizes}))"
        return Making(state.name, self.prefix + state.id, text=text, frozen=frozen)

    def _shape(self, state: Node) -> tuple[int, ...]:
        kind = self.known.facts[self.prefix + state.id].outputs["out"]
        return tuple(int(dim) for dim in kind.shape[1:])

    def _freezes(self, node: Node) -> bool:
        if "frozen" not in node.flags:
            return False
        if node.kind.startswith(BLOCK):
            return True
        spec = self.known.spec(node.kind)
        learned = any(param.reads or param.name == "num_embeddings" for param in spec.params)
        return learned or spec.code.make.startswith("nn.Parameter")

    def _values(self, node: Node) -> dict[str, object]:
        spec = self.known.spec(node.kind)
        values = with_defaults(spec.params, check_params(spec.params, node.params))
        return values | self.known.facts[self.prefix + node.id].inferred

    # ------------------------------------------------------------------------------------- statements

    def _statements(self, tapped: bool) -> list[Line]:
        lines: list[Line] = []
        if tapped:
            for node in (*self.inputs, *self.states):
                name = self.names[node.id, "out"]
                lines.append((f"{name} = {_tap(node, 'out', name)}", self.prefix + node.id))
        for step in self.steps:
            block = step.node.kind.startswith(BLOCK)
            texts = self._block(step, tapped) if block else self._layer(step, tapped)
            lines += [(text, self.prefix + step.node.id) for text in texts]
        result = ", ".join(self.names[value] for value in self.results)
        return [*lines, (f"return {result}", self.prefix + self.last)]

    def _targets(self, step: Step, tapped: bool) -> dict[str, str]:
        return {
            port: self.names[step.node.id, port]
            if tapped or (step.node.id, port) in self.used
            else "_"
            for port in step.gives
        }

    def _layer(self, step: Step, tapped: bool) -> list[str]:
        node, spec, outputs = (
            step.node,
            self.known.spec(step.node.kind),
            self._targets(step, tapped),
        )
        attribute = f"self.{self.sheet.owner(node).name}"
        filling = Filling(attribute, self._inputs(node), outputs, self._values(node))
        wanted = [port for port in outputs if tapped or (node.id, port) in self.used]
        lines, ports = template.statements(spec, filling, wanted)
        if not tapped:
            return lines
        return [
            text
            for line, given in zip(lines, ports, strict=True)
            for text in _tapped(node, line, {port: outputs[port] for port in given})
        ]

    def _block(self, step: Step, tapped: bool) -> list[str]:
        """Return the call of a block's module: once, or in a loop that hands on what each pass gives."""
        node, outputs = step.node, self._targets(step, tapped)
        count, module = repeats(node.params), f"self.{self.sheet.owner(node).name}"
        target = ", ".join(outputs.values())
        if count == 1:
            line = f"{target} = {self._call(node, module, {}, tapped, '')}"
            return _tapped(node, line, outputs) if tapped else [line]
        chained = self._chained(node)
        begin = {take: outputs[give] for take, give in chained}
        fed = {take: self.names[self._value(node, take)] for take, _ in chained}
        moved = {name: fed[take] for take, name in begin.items() if name != fed[take]}
        lines = [f"{', '.join(moved)} = {', '.join(moved.values())}"] if moved else []
        if is_shared(node.params):
            lines.append(f"for _ in range({count}):")
            lines.append(f"    {target} = {self._call(node, module, begin, tapped, '')}")
        else:
            number, block = self._free("number"), self._free("block")
            what = f"{number}, {block} in enumerate({module})" if tapped else f"{block} in {module}"
            lines.append(f"for {what}:")
            lines.append(f"    {target} = {self._call(node, block, begin, tapped, number)}")
        return [*lines, *_tapped(node, "", outputs)] if tapped else lines

    def _call(
        self, node: Node, module: str, begin: Mapping[str, str], tapped: bool, number: str
    ) -> str:
        """Return the call of a block's module; `begin` are variables that stand in for what is wired."""
        arguments = []
        for port in self.known.spec(node.kind).inputs:
            if not port.optional:
                arguments.append(begin.get(port.name) or self.names[self._value(node, port.name)])
            elif self.graph.into(node.id, port.name):
                arguments.append(f"{port.name}={self.names[self._value(node, port.name)]}")
        if not tapped:
            return f"{module}({', '.join(arguments)})"
        inner = f"inside(tap, {_quoted(node.id)}{f', {number}' if number else ''})"
        over_time = any(port.optional for port in self.known.spec(node.kind).inputs)
        keyword = "tap=" if over_time else ""  # starts of states stand before it
        return f"{module}.forward_tapped({', '.join([*arguments, keyword + inner])})"

    def _free(self, wish: str) -> str:
        while wish in self.names.values() or wish in self.known.taken:
            wish += "_"
        return wish

    # ------------------------------------------------------------------------------------------- wires

    def _chained(self, node: Node) -> list[tuple[str, str]]:
        """Return the inputs of a repeated block and the outputs that feed them in the next pass."""
        if not node.kind.startswith(BLOCK) or repeats(node.params) < 2:
            return []
        spec = self.known.spec(node.kind)
        return list(zip(ports_in(spec), ports_out(spec), strict=False))

    def _value(self, node: Node, port: str) -> Value:
        wires = self.graph.into(node.id, port)
        if not wires:
            raise self.known.unfinished()
        return self.sheet.origin(wires[0].source)

    def _inputs(self, node: Node) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {}
        for wire in self.graph.incoming.get(node.id, ()):
            value = self.names[self.sheet.origin(wire.source)]
            names[wire.target.port] = (*names.get(wire.target.port, ()), value)
        return names

    def _step(self, node: Node) -> Step:
        facts = self.known.facts.get(self.prefix + node.id)
        if facts is None or not facts.outputs:
            raise self.known.unfinished()
        spec = self.known.spec(node.kind)
        wires = self.graph.incoming.get(node.id, ())
        reads = tuple(self.sheet.origin(wire.source) for wire in wires)
        if not node.kind.startswith(BLOCK):
            return Step(node, reads, tuple(port.name for port in spec.outputs))
        gives = tuple(port.name for port in spec.outputs if port.name in facts.outputs)
        fed = {take for take, _ in self._chained(node)}
        again = tuple(v for v, w in zip(reads, wires, strict=True) if w.target.port not in fed)
        return Step(node, reads, gives, again if fed else ())


def time_methods(body: Body) -> list[Line]:
    """Return the methods of a block that runs over time: one step, and the loop."""
    names, graph = body.names, body.graph
    inputs = [names[node.id, "out"] for node in body.inputs]
    states = [names[node.id, "out"] for node in body.states]
    sliced = [name for node, name in zip(body.inputs, inputs, strict=True) if not is_whole(node)]
    taken = {*inputs, *states, *body.known.taken, *_CALLED}

    def free(wish: str) -> str:
        while wish in taken:
            wish += "_"
        taken.add(wish)
        return wish

    now = {name: free(f"{name}_t") for name in sliced}
    outs = [free(node.name) for node in body.outputs]
    lists = [free(f"{name}s") for name in outs]
    first = next(node for node in body.inputs if not is_whole(node))
    kind = body.known.facts[body.prefix + first.id].outputs["out"]
    given = ", ".join([*inputs, *(f"{state}=None" for state in states)])
    loop = (
        f"for {now[sliced[0]]} in {sliced[0]}.unbind(1):"
        if len(sliced) == 1
        else f"for {', '.join(now.values())} in zip({', '.join(f'{name}.unbind(1)' for name in sliced)}):"
    )
    ends = [*(f"torch.stack({name}, dim=1)" for name in lists), *states]
    start = [
        line
        for node, name in zip(body.states, states, strict=True)
        for line in (
            f"if {name} is None:",
            f"    {name} = {_start(body, node, sliced[0], kind.dtype)}",
        )
    ]
    lines = [*body.method("step", [*inputs, *states], False), ("", "")]

    def forward(tapped: bool) -> list[Line]:
        arguments = [now.get(name, name) for name in inputs] + states + (["tap"] if tapped else [])
        call = f"self.{'step_tapped' if tapped else 'step'}({', '.join(arguments)})"
        texts = [
            *start,
            *([f"{', '.join(lists)} = {', '.join('[]' for _ in lists)}"] if lists else []),
            loop,
            f"    {', '.join([*outs, *states])} = {call}",
            *(f"    {place}.append({out})" for place, out in zip(lists, outs, strict=True)),
            f"return {', '.join(ends)}",
        ]
        name = "forward_tapped" if tapped else "forward"
        head = f"    def {name}(self, {given}{', tap=None' if tapped else ''}):"
        doc = f"Run `step` along dimension 1 of {' and '.join(sliced)}."
        about = [] if tapped else [(f'        """{doc}"""', "")]
        return [(head, ""), *about, *((f"        {text}", "") for text in texts)]

    lines += [
        *forward(False),
        ("", ""),
        *body.method("step_tapped", [*inputs, *states], True),
        ("", ""),
    ]
    assert graph.of_kind(NEXT)  # a body without one is unfinished
    return [*lines, *forward(True)]


def _start(body: Body, state: Node, source: str, dtype: str) -> str:
    """Return what a state is before the first step: the same for every sample."""
    shape = body._shape(state)
    sizes = ", ".join(map(str, shape))
    if state.params.get("init") == "learned":
        return f"self.{state.name}.expand({source}.shape[0], {', '.join('-1' for _ in shape)})"
    if dtype.startswith(("float", "bfloat")):
        return f"{source}.new_zeros({source}.shape[0], {sizes})"
    return f"torch.zeros({source}.shape[0], {sizes}, device={source}.device)"


def _tapped(node: Node, line: str, outputs: Mapping[str, str]) -> list[str]:
    """Return a statement with a tap at every output that it gives; "" stands for one further up."""
    name, _, value = line.partition(" = ")
    if len(outputs) == 1 and line and name == next(iter(outputs.values())):
        return [f"{name} = {_tap(node, next(iter(outputs)), value)}"]
    taps = [f"{name} = {_tap(node, port, name)}" for port, name in outputs.items()]
    return [line, *taps] if line else taps


def _tap(node: Node, port: str, value: str) -> str:
    return f"tap({_quoted(node.id)}, {_quoted(port)}, {value})"


def _quoted(text: str) -> str:
    """Return a text's literal, in double quotes where it is plain."""
    return f'"{text}"' if re.fullmatch(r"[A-Za-z0-9_ .-]*", text) else literal(text)
