"""Graph → the text of a PyTorch module: what is shown is what runs and what is exported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from studio.compile import template
from studio.compile.literals import literal
from studio.compile.naming import Step, Value, variables
from studio.compile.template import Filling
from studio.compile.walk import live
from studio.graph.facts import NodeFacts, ProjectFacts
from studio.graph.graph import BLOCK, INPUT, OUTPUT, End, Graph, Node, is_name
from studio.graph.params import check_params, with_defaults
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec, order

#: A line of text and the id path of the node that it belongs to.
Line = tuple[str, str]

_INSIDE = '''\
def inside(tap, path):
    """Return `tap` for the nodes of a block: their paths begin with the block's."""
    return lambda node, port, tensor: tap(f"{path}/{node}", port, tensor)
'''


class Source(Struct, frozen=True):
    """Code, and for each of its lines the id path of the node that it belongs to ("" for none)."""

    text: str
    nodes: tuple[str, ...]


class Unfinished(ValueError):
    """A network that cannot be written yet; `problems` say what has to be repaired first."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


def source(
    project: Project, network: str, specs: Mapping[str, LayerSpec], facts: ProjectFacts
) -> Source:
    """Return the module's code. The network is its last class; only torch is needed to run it.

    `forward` is plain PyTorch; `forward_tapped` is the same with `tap(path, port, tensor)` at every
    output port, which returns the tensor to go on with.

    Raises: Unfinished.
    """
    if network not in project.networks or network not in facts.networks:
        raise Unfinished(
            f"There is no network named {network!r}. Known ones: {', '.join(project.networks)}."
        )
    known = facts.networks[network]
    errors = tuple(problem for problem in known.problems if problem.severity == "error")
    writer = _Writer(project, specs, known.nodes, errors)
    name = "Network" if network == "main" else _class_name(network)
    body = writer.network(name, project.networks[network].graph)
    text = "\n".join(line for line, _ in body)
    head = ['"""A network drawn in Neuroloom. It needs PyTorch and nothing else."""', ""]
    if re.search(r"\btorch\.", text):
        head.append("import torch")
    if re.search(r"\bF\.", text):
        head.append("import torch.nn.functional as F")
    head.append("from torch import nn")
    everything = [*((line, "") for line in head), *body]
    return Source(
        text="\n".join(line for line, _ in everything) + "\n",
        nodes=tuple(path for _, path in everything),
    )


@dataclass
class _Writer:
    project: Project
    specs: Mapping[str, LayerSpec]
    facts: Mapping[str, NodeFacts]
    errors: tuple[Problem, ...]
    classes: dict[str, str] = field(default_factory=dict)
    written: list[Line] = field(default_factory=list)
    support: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def network(self, name: str, graph: Graph) -> list[Line]:
        """Return every line after the imports: supporting functions, blocks, the network."""
        self.names.add(name)
        own = self._class(name, graph, "", self._shapes(graph))
        lines: list[Line] = []
        for text in self.support:
            lines += [("", ""), ("", ""), *((line, "") for line in text.rstrip().split("\n"))]
        return [*lines, *self.written, ("", ""), ("", ""), *own]

    def _shapes(self, graph: Graph) -> str:
        """Return what goes in and what comes out, for the docstring."""
        into = [self.facts[n.id].outputs["out"].text for n in graph.of_kind(INPUT) if n.id in self.facts
                and "out" in self.facts[n.id].outputs]  # fmt: skip
        out = [self.facts[n.id].inputs["x"].text for n in graph.of_kind(OUTPUT) if n.id in self.facts
               and "x" in self.facts[n.id].inputs]  # fmt: skip
        return f"{', '.join(into)} → {', '.join(out)}" if into and out else ""

    def _block(self, node: Node, prefix: str) -> str:
        """Return the class of a block's instance; instances that come out alike share one."""
        block = self.project.blocks[node.kind.removeprefix(BLOCK)]
        wish = _class_name(node.kind.removeprefix(BLOCK))
        body = self._class("{}", block.sheet.graph, f"{prefix}{node.id}/", block.doc)
        text = "\n".join(line for line, _ in body[1:])
        if text not in self.classes:
            name, number = wish, 2
            while name in self.names:
                name, number = f"{wish}{number}", number + 1
            self.names.add(name)
            self.classes[text] = name
            self.written += [("", ""), ("", ""), (f"class {name}(nn.Module):", ""), *body[1:]]
        return self.classes[text]

    def _class(self, name: str, graph: Graph, prefix: str, doc: str) -> list[Line]:
        writing = _Body(self, graph, prefix)
        lines: list[Line] = [(f"class {name}(nn.Module):", "")]
        if doc:
            lines += [(f"    {_docstring(doc)}", ""), ("", "")]
        made = writing.init()
        if made:
            lines += [("    def __init__(self):", ""), ("        super().__init__()", "")]
            lines += [(f"        {line}", path) for line, path in made]
            lines.append(("", ""))
        given = "".join(f", {name}" for name in writing.arguments())
        lines.append((f"    def forward(self{given}):", ""))
        lines += [(f"        {line}", path) for line, path in writing.forward(tapped=False)]
        lines += [("", ""), (f"    def forward_tapped(self{given}, tap):", "")]
        lines += [(f"        {line}", path) for line, path in writing.forward(tapped=True)]
        return lines

    def need(self, support: str) -> None:
        """Have the source of a supporting function in the text, once."""
        if support and support not in self.support:
            self.support.append(support)
            self.names.update(re.findall(r"^(?:def|class) (\w+)", support, re.M))


class _Body:
    """The statements of one class."""

    def __init__(self, writer: _Writer, graph: Graph, prefix: str) -> None:
        self.writer, self.graph, self.prefix = writer, graph, prefix
        needed = live(graph)
        self.nodes = [graph.nodes[key] for key in order(graph)[0] if key in needed]
        for node in graph.nodes.values():
            if not is_name(node.name):
                raise Unfinished(f"{node.name!r} cannot be a name in code. Rename the node.")
        self.inputs = graph.of_kind(INPUT)
        self.outputs = [node for node in graph.of_kind(OUTPUT) if graph.into(node.id, "x")]
        if not self.outputs or len(order(graph)[1]):
            raise self._unfinished()
        self.steps = [self._step(node) for node in self.nodes if self._runs(node)]
        self.results = [self._source(graph.into(node.id, "x")[0].source) for node in self.outputs]
        for step in self.steps:
            if not step.node.kind.startswith(BLOCK):
                writer.need(self._spec(step.node).code.support)
        if any(step.node.kind.startswith(BLOCK) for step in self.steps):
            writer.need(_INSIDE)
        self.kinds = {step.node.id: self._made(step.node) for step in self.steps}
        self.names, self.used = variables(self.inputs, self.steps, self.results, writer.names)

    def arguments(self) -> list[str]:
        """Return the names of `forward`'s arguments."""
        return [self.names[node.id, "out"] for node in self.inputs]

    def init(self) -> list[Line]:
        """Return what `__init__` assigns."""
        lines = []
        for step in self.steps:
            made = self.kinds[step.node.id]
            if made:
                frozen = ".requires_grad_(False)" if self._freezes(step.node) else ""
                lines.append(
                    (f"self.{step.node.name} = {made}{frozen}", self.prefix + step.node.id)
                )
        return lines

    def forward(self, tapped: bool) -> list[Line]:
        """Return the statements of `forward`, or of `forward_tapped`."""
        lines: list[Line] = []
        if tapped:
            for node in self.inputs:
                name = self.names[node.id, "out"]
                lines.append((f"{name} = {_tap(node, 'out', name)}", self.prefix + node.id))
        for step in self.steps:
            lines += [(line, self.prefix + step.node.id) for line in self._statements(step, tapped)]
        result = ", ".join(self.names[value] for value in self.results)
        return [*lines, (f"return {result}", self.prefix + self.outputs[-1].id)]

    # ------------------------------------------------------------------------------------ statements

    def _statements(self, step: Step, tapped: bool) -> list[str]:
        node = step.node
        outputs = {
            port: self.names[node.id, port] if tapped or (node.id, port) in self.used else "_"
            for port in step.gives
        }
        if node.kind.startswith(BLOCK):
            lines = [self._call(step, outputs, tapped)]
            ports = [tuple(step.gives)]
        else:
            spec = self._spec(node)
            filling = Filling(f"self.{node.name}", self._inputs(node), outputs, self._values(node))
            wanted = [port for port in outputs if tapped or (node.id, port) in self.used]
            lines, ports = template.statements(spec, filling, wanted)
        if not tapped:
            return lines
        found = []
        for line, given in zip(lines, ports, strict=True):
            name, _, value = line.partition(" = ")
            if len(given) == 1 and name == outputs[given[0]]:
                found.append(f"{name} = {_tap(node, given[0], value)}")
            else:
                found.append(line)
                found += [f"{outputs[p]} = {_tap(node, p, outputs[p])}" for p in given]
        return found

    def _call(self, step: Step, outputs: Mapping[str, str], tapped: bool) -> str:
        arguments = [self.names[value] for value in step.reads]
        method = f"self.{step.node.name}"
        if tapped:
            method += ".forward_tapped"
            arguments.append(f"inside(tap, {_quoted(step.node.id)})")
        return f"{', '.join(outputs.values())} = {method}({', '.join(arguments)})"

    def _inputs(self, node: Node) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {}
        for wire in self.graph.incoming.get(node.id, ()):
            value = self.names[self._source(wire.source)]
            names[wire.target.port] = (*names.get(wire.target.port, ()), value)
        return names

    # ----------------------------------------------------------------------------------------- nodes

    def _runs(self, node: Node) -> bool:
        return node.kind not in (INPUT, OUTPUT) and "bypassed" not in node.flags

    def _step(self, node: Node) -> Step:
        facts = self.writer.facts.get(self.prefix + node.id)
        if facts is None or not facts.outputs:
            raise self._unfinished()
        if node.kind.startswith(BLOCK):
            spec = block_spec(self.writer.project, node.kind)
            assert spec is not None  # it has facts
            wires = [self.graph.into(node.id, port.name)[0] for port in spec.inputs]
            gives = tuple(port.name for port in spec.outputs if port.name in facts.outputs)
        else:
            wires = list(self.graph.incoming.get(node.id, ()))
            gives = tuple(port.name for port in self._spec(node).outputs)
        return Step(node, tuple(self._source(wire.source) for wire in wires), gives)

    def _source(self, end: End) -> Value:
        """Return the value at an output port; a bypassed node hands on what it gets first."""
        node = self.graph.nodes[end.node]
        if "bypassed" in node.flags and self.graph.incoming.get(node.id):
            return self._source(self.graph.incoming[node.id][0].source)
        facts = self.writer.facts.get(self.prefix + node.id)
        if facts is None or end.port not in facts.outputs:
            raise self._unfinished()
        return (end.node, end.port)

    def _made(self, node: Node) -> str:
        if node.kind.startswith(BLOCK):
            return f"{self.writer._block(node, self.prefix)}()"
        return template.make(self._spec(node), self._values(node))

    def _values(self, node: Node) -> dict[str, object]:
        spec = self._spec(node)
        values = with_defaults(spec.params, check_params(spec.params, node.params))
        return values | self.writer.facts[self.prefix + node.id].inferred

    def _spec(self, node: Node) -> LayerSpec:
        return self.writer.specs[node.kind]

    def _freezes(self, node: Node) -> bool:
        if "frozen" not in node.flags:
            return False
        if node.kind.startswith(BLOCK):
            return True
        spec = self._spec(node)
        learned = any(param.reads or param.name == "num_embeddings" for param in spec.params)
        return learned or spec.code.make.startswith("nn.Parameter")

    def _unfinished(self) -> Unfinished:
        errors = self.writer.errors
        why = errors[0].message if errors else "Connect an input through layers to an output."
        return Unfinished(f"The network cannot be written as code yet. {why}", errors)


def _tap(node: Node, port: str, value: str) -> str:
    return f"tap({_quoted(node.id)}, {_quoted(port)}, {value})"


def _quoted(text: str) -> str:
    """Return a text's literal, in double quotes where it is plain."""
    return f'"{text}"' if re.fullmatch(r"[A-Za-z0-9_ .-]*", text) else literal(text)


def _docstring(text: str) -> str:
    if re.fullmatch(r'[^"\\\n\r]+', text) and text.isprintable():
        return f'"""{text}"""'
    return literal(text)


def _class_name(text: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() and name.isascii() else f"Block{name}"
