"""Graph → the text of a PyTorch module: what is shown is what runs and what is exported."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from studio.compile.body import Body
from studio.compile.classes import Line, grouped, write
from studio.compile.literals import literal
from studio.compile.own_text import Written, brings, written
from studio.compile.plan import Known, Sheet, Unfinished
from studio.graph.facts import NodeFacts, ProjectFacts
from studio.graph.graph import BLOCK, INPUT, OUTPUT, PYTHON, Graph
from studio.graph.project import Block, Project
from studio.graph.python_code import source_of
from studio.graph.spec import LayerSpec
from studio.graph.unfold import passes

__all__ = ["Source", "Unfinished", "source"]

_INSIDE = '''\
def inside(tap, *path):
    """Return `tap` for the nodes of a block: their paths begin with the block's."""
    start = "/".join(map(str, path))
    return lambda node, port, tensor: tap(f"{start}/{node}", port, tensor)
'''


class Source(Struct, frozen=True):
    """Code, and for each of its lines the id path of the node that it belongs to ("" for none).

    `own` are, for lines of a Python node's code, the lines of its own source that they were (from 1; 0 for others).
    """

    text: str
    nodes: tuple[str, ...]
    own: tuple[int, ...]


def source(
    project: Project,
    network: str,
    specs: Mapping[str, LayerSpec],
    facts: ProjectFacts,
    tapped: bool = True,
) -> Source:
    """Return the module's code. The network is its last class; only torch is needed to run it.

    `forward` is plain PyTorch; `forward_tapped` is the same with `tap(path, port, tensor)` at every
    output port, which returns the tensor to go on with. In a block that runs over time, a port is tapped
    at every step. Without `tapped` the text is what a person reads: the same without these twins.

    Raises: Unfinished.
    """
    if network not in project.networks or network not in facts.networks:
        raise Unfinished(
            f"There is no network named {network!r}. Known ones: {', '.join(project.networks)}."
        )
    known = facts.networks[network]
    errors = tuple(problem for problem in known.problems if problem.severity == "error")
    name = "Network" if network == "main" else _class_name(network)
    writer = _Writer(Known(project, specs, known.nodes, errors, tapped))
    body = writer.network(name, project.networks[network].graph)
    head = _head("\n".join(line for line, _ in body), tuple(writer.known.own.values()))
    everything = [*((line, "") for line in head), *body]
    return Source(
        text="\n".join(line for line, _ in everything) + "\n",
        nodes=tuple(path for _, path in everything),
        own=(*(0 for _ in head), *writer.own, *(0 for _ in body[len(writer.own) :])),
    )


def _head(text: str, own: Collection[Written]) -> list[str]:
    """Return the docstring and the imports of a file with this text; `own` is what Python nodes bring."""
    brought = sorted({line for one in own for line in one.imports})
    needs = ", and what it imports" if brought else " and nothing else"
    head = [f'"""A network drawn in Neuroloom. It needs PyTorch{needs}."""', ""]
    lines = [line for one in own for line in one.lines]
    if any(_speaks_of("math", line) for line in lines):
        head.append("import math")
    head += brought
    if _speaks_of("torch", text):
        head.append("import torch")
    if _speaks_of("F", text):
        head.append("import torch.nn.functional as F")
    head.append("from torch import Tensor, nn")
    if _speaks_of("parametrizations", text):
        head.append("from torch.nn.utils import parametrizations")
    return head


def _speaks_of(module: str, text: str) -> bool:
    """Tell whether a text uses a module; most texts do not even hold the letters, which is seen at once."""
    return f"{module}." in text and re.search(rf"\b{module}\.", text) is not None


class _Writer:
    def __init__(self, known: Known) -> None:
        self.known = known
        #: Which line of its node's source each line is, up to the last line of own code.
        self.own: list[int] = []

    def network(self, name: str, graph: Graph) -> list[Line]:
        """Return every line after the imports: supporting functions, blocks, the network."""
        known = self.known
        main = Sheet(known, graph, "", known.project.constants, inside=False)
        inner = list(self._opened(main))
        support = self._support([main, *(sheet for _, sheet in inner)])
        known.taken.update(
            {name, "Tensor"}, re.findall(r"^(?:def|class) (\w+)", "\n".join(support), re.M)
        )
        lines = self._own_code([main, *(sheet for _, sheet in inner)])
        for block in self._inner_first(dict.fromkeys(block for block, _ in inner)):
            lines += self._block(block, [sheet for used, sheet in inner if used == block])
        drawn = Body(known, main).drawn(_quoted_doc(_shapes(graph, known.facts)))
        lines += [("", ""), ("", ""), *write(name, [drawn]).lines]
        called = [*_called(support, lines)]
        self.own = [*(0 for _ in called), *self.own]
        return [*called, *lines]

    def _opened(self, sheet: Sheet) -> Iterator[tuple[str, Sheet]]:
        """Yield every module of a block that the network holds, by the block's name."""
        project = self.known.project
        for node in sheet.makers():
            if not node.kind.startswith(BLOCK):
                continue
            name = node.kind.removeprefix(BLOCK)
            block = project.blocks.get(name)
            if block is None:
                raise self.known.unfinished()
            for step, names in passes(project, block, node.params):
                prefix = f"{sheet.prefix}{node.id}/{step}/" if step else f"{sheet.prefix}{node.id}/"
                if not any(prefix + key in self.known.facts for key in block.sheet.graph.nodes):
                    raise self.known.unfinished()
                inner = Sheet(self.known, block.sheet.graph, prefix, names)
                yield name, inner
                yield from self._opened(inner)

    def _block(self, name: str, sheets: list[Sheet]) -> list[Line]:
        """Write the classes of a block, and note for each of its modules the call that makes it."""
        known = self.known
        block: Block = known.project.blocks[name]
        bodies = [Body(known, sheet).drawn(_quoted_doc(block.doc)) for sheet in sheets]
        lines: list[Line] = []
        for members in grouped(bodies):
            title, number = _class_name(name), 2
            while title in known.taken:
                title, number = f"{_class_name(name)}{number}", number + 1
            known.taken.add(title)
            wishes = [param.name for param in block.params]
            written = write(title, [bodies[member] for member in members], wishes)
            lines += [("", ""), ("", ""), *written.lines]
            for member, call in zip(members, written.calls, strict=True):
                known.calls[sheets[member].prefix] = call
        return lines

    def _inner_first(self, wanted: Mapping[str, None]) -> list[str]:
        """Return the blocks in an order in which a block comes after those that it holds."""
        found: dict[str, None] = {}
        seen: set[str] = set()

        def visit(name: str) -> None:
            if name in seen:
                return
            seen.add(name)
            for node in self.known.project.blocks[name].sheet.graph.nodes.values():
                inner = node.kind.removeprefix(BLOCK)
                if node.kind.startswith(BLOCK) and inner in wanted:
                    visit(inner)
            found[name] = None

        for name in wanted:
            visit(name)
        return list(found)

    def _own_code(self, sheets: list[Sheet]) -> list[Line]:
        """Return what Python nodes bring, each text once; its lines belong to the first node with it."""
        known = self.known
        lines: list[Line] = []
        imported: dict[str, str] = {}
        for sheet in sheets:
            for node in sheet.running:
                source = source_of(node)
                if node.kind != PYTHON or source in known.own:
                    continue
                for bound, line in brings(source).items():
                    if imported.setdefault(bound, line) != line:
                        raise Unfinished(
                            f"{node.name} imports {bound}, which means something else in another Python "
                            "node. Take another name in one of them."
                        )
                known.taken.update(imported)
                own = known.own[source] = written(source, known.taken)
                path = sheet.prefix + node.id
                lines += [("", ""), ("", ""), *((line, path) for line in own.lines)]
                self.own += [0, 0, *own.numbers]
        return lines

    def _support(self, sheets: list[Sheet]) -> list[str]:
        """Return the supporting functions that the layers call, each once."""
        found: dict[str, None] = {}
        for sheet in sheets:
            for node in sheet.running:
                if node.kind.startswith(BLOCK):
                    if self.known.tapped:
                        found[_INSIDE] = None
                elif node.kind != PYTHON and (support := self.known.spec(node).code.support):
                    found[support] = None
        return list(found)


def _called(support: Iterable[str], lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the supporting functions that the lines speak of, each below two empty lines."""
    functions = tuple(support)
    if not functions:
        return
    spoken = set(re.findall(r"\w+", "\n".join(text for text, _ in lines)))
    for text in functions:
        if spoken.intersection(re.findall(r"^(?:def|class) (\w+)", text, re.M)):
            yield from (("", ""), ("", ""), *((line, "") for line in text.rstrip().split("\n")))


def _shapes(graph: Graph, facts: Mapping[str, NodeFacts]) -> str:
    """Return what goes in and what comes out, for the docstring."""
    known = [(node, facts[node.id]) for node in graph.nodes.values() if node.id in facts]
    into = [f.outputs["out"].text for n, f in known if n.kind == INPUT and "out" in f.outputs]
    out = [f.inputs["x"].text for n, f in known if n.kind == OUTPUT and "x" in f.inputs]
    return f"{', '.join(into)} → {', '.join(out)}" if into and out else ""


def _quoted_doc(text: str) -> str:
    if not text:
        return ""
    if re.fullmatch(r'[^"\\\n\r]+', text) and text.isprintable():
        return f'"""{text}"""'
    return literal(text)


def _class_name(text: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() and name.isascii() else f"Block{name}"
