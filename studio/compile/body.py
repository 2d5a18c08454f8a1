"""The statements of one class: a network's, or a block's for one pass through one instance."""

from __future__ import annotations

import re
from collections.abc import Mapping

from studio.compile import template
from studio.compile.classes import Call, Drawn, Line, Making, attribute_of, signature
from studio.compile.instance import ports_in, ports_out
from studio.compile.literals import literal
from studio.compile.loop import time_methods
from studio.compile.naming import Step, Value, variables
from studio.compile.plan import Known, Sheet
from studio.compile.template import CALLED, Filling
from studio.graph.formulas import is_formula
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, PYTHON, STATE, Node
from studio.graph.params import check_params, with_defaults
from studio.graph.unfold import is_shared, repeats


class Body:
    """The statements of one class."""

    def __init__(self, known: Known, sheet: Sheet) -> None:
        self.known, self.sheet, self.prefix = known, sheet, sheet.prefix
        self._calls: dict[str, Call] = {}
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
        taken = known.taken | CALLED
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
        head = signature(
            name, [f"{argument}: Tensor" for argument in arguments], tapped, len(self.results)
        )
        lines = self._statements(tapped)
        return [
            *((line, "") for line in head),
            *((f"        {x}", p) for x, p in lines),
        ]

    def _plain(self) -> list[Line]:
        arguments = [self.names[node.id, "out"] for node in self.inputs]
        plain = self.method("forward", arguments, False)
        if not self.known.tapped:
            return plain
        return [*plain, ("", ""), *self.method("forward_tapped", arguments, True)]

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
        spec = self.known.spec(node)
        if not spec.code.make:
            return None
        return Making(owner.name, path, (self._hinted(node, self._made(node)),), False, frozen)

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
        sizes = ", ".join(map(str, self.shape_of(state)))
        frozen = "frozen" in state.flags
        text = f"nn.Parameter(torch.zeros(1, {sizes}))"
        return Making(state.name, self.prefix + state.id, text=text, frozen=frozen)

    def shape_of(self, state: Node) -> tuple[int, ...]:
        """Return the shape of a state for one sample."""
        kind = self.known.facts[self.prefix + state.id].outputs["out"]
        return tuple(int(dim) for dim in kind.shape[1:])

    def _freezes(self, node: Node) -> bool:
        if "frozen" not in node.flags:
            return False
        if node.kind.startswith(BLOCK):
            return True
        spec = self.known.spec(node)
        learned = node.kind == PYTHON or any(
            param.reads or param.name == "num_embeddings" for param in spec.params
        )
        return learned or spec.code.make.startswith("nn.Parameter")

    def _made(self, node: Node) -> Call:
        """Return the layer of a node with its settings: checked, complete, and what is read off the wires."""
        made = self._calls.get(node.id)
        if made is not None:
            return made
        inferred = self.known.facts[self.prefix + node.id].inferred
        key = (node.kind, *node.params.items(), None, *inferred.items())
        known = self.known.layers.get(key)
        if known is None:
            spec = self.known.spec(node)
            values = with_defaults(spec.params, check_params(spec.params, node.params)) | inferred
            known = self.known.layers[key] = Call(spec.code.make, values, spec)
        self._calls[node.id] = known
        return known

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
            self.known.spec(step.node),
            self._targets(step, tapped),
        )
        attribute = attribute_of(self.sheet.owner(node).name)
        filling = Filling(attribute, self._inputs(node), outputs, self._made(node).values)
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
        count, module = repeats(node.params), attribute_of(self.sheet.owner(node).name)
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
        for port in self.known.spec(node).inputs:
            if not port.optional:
                arguments.append(begin.get(port.name) or self.names[self._value(node, port.name)])
            elif self.graph.into(node.id, port.name):
                arguments.append(f"{port.name}={self.names[self._value(node, port.name)]}")
        if not tapped:
            return f"{module}({', '.join(arguments)})"
        inner = f"inside(tap, {_quoted(node.id)}{f', {number}' if number else ''})"
        over_time = any(port.optional for port in self.known.spec(node).inputs)
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
        spec = self.known.spec(node)
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
        spec = self.known.spec(node)
        wires = self.graph.incoming.get(node.id, ())
        reads = tuple(self.sheet.origin(wire.source) for wire in wires)
        if not node.kind.startswith(BLOCK):
            return Step(node, reads, tuple(port.name for port in spec.outputs))
        gives = tuple(port.name for port in spec.outputs if port.name in facts.outputs)
        fed = {take for take, _ in self._chained(node)}
        again = tuple(v for v, w in zip(reads, wires, strict=True) if w.target.port not in fed)
        return Step(node, reads, gives, again if fed else ())


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
