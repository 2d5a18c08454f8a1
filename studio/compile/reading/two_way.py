"""A changed text → one edit of the drawing, or why not: nothing of the text is ever run."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from studio.compile.cache import Cache
from studio.compile.infer import infer
from studio.compile.reading import classes, matching
from studio.compile.reading.changes import Changed, Difference
from studio.compile.reading.classes import Class, Text
from studio.compile.reading.fresh import fresh, handing_on, keyed, with_blocks
from studio.compile.reading.misread import Misread
from studio.compile.reading.patterns import Argument, Patterns
from studio.compile.reading.statements import Run
from studio.compile.source import Source, Unfinished, source
from studio.graph.edits import AddBlocks, Batch, EditRefused, RemoveBlock, SimpleEdit
from studio.graph.facts import DataFacts, ProjectFacts
from studio.graph.graph import BLOCK, PYTHON
from studio.graph.layout import arrange
from studio.graph.params import Value
from studio.graph.project import Block, Project
from studio.graph.python_code import CodeError, python_spec, source_of
from studio.graph.spec import LayerSpec
from studio.graph.topology import block_spec

#: What an edit of the text is called in the Edit menu.
TITLE = "Edit code"


class Reading(Struct, frozen=True):
    """The edit that a text asks for (None for no change), or a sentence at a line (from 1)."""

    edit: Batch | None = None
    message: str = ""
    line: int = 0


@dataclass
class _Seen:
    """A class as it was written, the sheet that it is of, and the ids of its layers."""

    found: Class
    where: str
    ids: list[str] = field(default_factory=list)


class Reader:
    """Reads texts of one network against its drawing."""

    def __init__(
        self,
        project: Project,
        network: str,
        specs: Mapping[str, LayerSpec],
        data: DataFacts | None,
        cache: Cache | None = None,
        facts: ProjectFacts | None = None,
    ) -> None:
        self.project, self.network, self.specs = project, network, specs
        self._data, self._cache = data, cache
        self._patterns = Patterns(_with_own(specs, project))
        if facts is None:
            facts = infer(project, specs, data, cache=cache)
        self.written = source(project, network, specs, facts, tapped=False)

    def read(self, text: str) -> Reading:
        """Return what is to be done to the drawing so that it is what `text` says."""
        if text == self.written.text:
            return Reading()
        try:
            edits = self._edits(text)
        except Misread as why:
            return Reading(None, why.message, why.line)
        return Reading(Batch(TITLE, tuple(edits)) if edits else None)

    # ---------------------------------------------------------------------------------------- reading

    def _text(self, text: str, project: Project, written: Source) -> tuple[Text, dict[str, str]]:
        """Return a text's classes, and the blocks that those of `written` stand for."""
        blocks, main = _blocks(project, self.network, written)
        return self._parsed(classes.parsed(text), blocks, main, project), blocks

    def _parsed(
        self, tree: ast.Module, blocks: Mapping[str, str], main: str, project: Project
    ) -> Text:
        ports: Callable[[str], LayerSpec | None] = lambda name: block_spec(project, BLOCK + name)  # noqa: E731
        return classes.read(tree, blocks, main, self._patterns, self.specs, ports)

    def _seen(
        self, text: Text, project: Project, written: Source, blocks: Mapping[str, str]
    ) -> list[_Seen]:
        seen = []
        for name, found in text.classes.items():
            where = BLOCK + blocks[name] if name in blocks else self.network
            graph = project.sheet(where).graph
            seen.append(_Seen(found, where, matching.ids(found, graph, written.nodes)))
        return seen

    def _edits(self, text: str) -> list[SimpleEdit]:
        before, blocks = self._text(self.written.text, self.project, self.written)
        tree = classes.parsed(text)
        keyed(tree)
        typed = fresh(tree, self._known(), self.project)
        project = with_blocks(self.project, typed)
        main = next(name for name in before.classes if name not in blocks)
        after = self._parsed(tree, blocks | {name: name for name in typed}, main, project)
        self._compare_outside(before, after)
        changes: list[tuple[_Seen, Class, Changed]] = []
        begun = self._begun(typed, after, project, changes)
        for one in self._seen(before, self.project, self.written, blocks):
            new = after.classes.get(one.found.name)
            if new is None:
                self._gone(one, after)
                continue
            graph = self.project.sheet(one.where).graph
            ends = matching.outputs(one.found, graph)
            difference = Difference(project, one.where, self.specs, one.found, new, one.ids, ends)
            changes.append((one, new, difference.edits()))
        edits = [*begun, *_merged(changes)]
        if edits or any(changed.values for _, _, changed in changes):
            self._prove(edits, changes, _sizes(after, project))
        return edits

    def _known(self) -> set[str]:
        """Return the classes that are written already, or that layers bring with them."""
        texts = [self.written.text, *(spec.code.support for spec in self._patterns.specs)]
        return set(re.findall(r"^class (\w+)", "\n".join(texts), re.M))

    def _begun(
        self,
        typed: Mapping[str, Block],
        after: Text,
        project: Project,
        changes: list[tuple[_Seen, Class, Changed]],
    ) -> list[SimpleEdit]:
        """Return the edits that make blocks of the typed classes; what is in them joins `changes`.

        Raises: Misread.
        """
        for name, block in typed.items():
            new = after.classes[name]
            empty, known, ends = handing_on(name, block, new.line)
            where = BLOCK + name
            changed = Difference(project, where, self.specs, empty, new, known, ends).edits()
            try:
                project = Batch(TITLE, tuple(changed.edits)).apply(project)
            except EditRefused as why:
                raise Misread(new.line, str(why)) from None
            changed.edits = []  # they are in the block that is added
            changes.append((_Seen(empty, where), new, changed))
        if not typed:
            return []
        blocks = {name: _tidy(project.blocks[name], self.specs) for name in typed}
        old = [RemoveBlock(name) for name in typed if name in self.project.blocks]
        return [*old, AddBlocks(blocks)]

    def _gone(self, one: _Seen, after: Text) -> None:
        if one.where == self.network:
            raise Misread(1, f"The class {one.found.name} is the network itself and cannot go.")
        for other in after.classes.values():
            for made in other.made.values():
                if BLOCK + made.block == one.where:
                    raise Misread(
                        made.line,
                        f"{one.found.name} is used here, but its class is not there any more.",
                    )

    def _compare_outside(self, before: Text, after: Text) -> None:
        known = {dump for _, dump in before.outside}
        if all(dump in known for _, dump in after.outside):
            return
        for spec in self._patterns.specs:  # what a layer that is added brings with it
            if spec.code.support:
                known |= {ast.dump(part) for part in ast.parse(spec.code.support).body}
        for line, dump in after.outside:
            if dump not in known:
                raise Misread(line, "Only the classes of the network can be changed here. Code of your own goes into "
                              "a Python node.")  # fmt: skip

    # ---------------------------------------------------------------------------------------- proving

    def _prove(
        self,
        edits: list[SimpleEdit],
        changes: list[tuple[_Seen, Class, Changed]],
        sizes: Mapping[str, Mapping[str, list[Value]]],
    ) -> None:
        """Apply the edits aside, write the code again, and compare.

        `sizes` are what the classes are made with.

        Raises: Misread, where the drawing would not be what the text says.
        """
        first = min((new.line for _, new, changed in changes if changed.edits), default=1)
        lines = {
            key: run.line
            for _, new, changed in changes
            for run, key in zip(new.runs, changed.ids, strict=True)
        }
        try:
            project = Batch(TITLE, tuple(edits)).apply(self.project)
        except EditRefused as why:
            raise Misread(first, str(why)) from None
        facts = infer(project, self.specs, self._data, cache=self._cache)
        try:
            written = source(project, self.network, self.specs, facts, tapped=False)
        except Unfinished as why:
            problem = why.problems[0] if why.problems else None
            at = lines.get(problem.node.split("/")[-1], first) if problem else first
            raise Misread(at, problem.message if problem else str(why)) from None
        again, blocks = self._text(written.text, project, written)
        shown: dict[str, list[_Seen]] = {}
        for one in self._seen(again, project, written, blocks):
            shown.setdefault(one.where, []).append(one)
        for one, new, changed in changes:
            same = [seen for seen in shown.get(one.where, ()) if seen.found.name == new.name]
            for seen in (same or shown.get(one.where, []))[:1]:
                _compare(new, changed, seen, sizes.get(new.name, {}))


def _compare(new: Class, changed: Changed, seen: _Seen, sizes: Mapping[str, list[Value]]) -> None:
    """Hold what was written again against what was asked for.

    Raises: Misread.
    """
    runs = dict(zip(seen.ids, seen.found.runs, strict=True))
    for run, key in zip(new.runs, changed.ids, strict=True):
        line = run.made.line if run.made else run.line
        now = runs.get(key)
        if now is None:
            raise Misread(
                run.line,
                f"{run.attribute or run.target} would run nowhere: nothing leads from it to an output.",
            )
        if (run.times, run.shared) != (now.times, now.shared) and key in changed.values:
            raise Misread(line, f"{run.attribute} runs {now.times} times here, not {run.times}.")
        for name in sorted(changed.values.get(key, ())):
            pairs = [(run.values.get(name), now.values.get(name))]
            if run.made and run.made.passes and now.made:
                pairs = [
                    (asked.get(name), given.get(name))
                    for asked, given in zip(run.made.passes, now.made.passes, strict=False)
                ]
            for asked, given in pairs:
                if _is_within(asked, given, run, name, sizes):
                    continue
                if asked != given and not (asked is None and name not in run.values):
                    shown = getattr(given, "name", given)
                    raise Misread(line, f"{name} is {shown} here, and follows from the rest of the network. Write "
                                  f"{shown}, or change what it follows from.")  # fmt: skip


def _is_within(
    asked: Value, given: Value, run: Run, name: str, sizes: Mapping[str, list[Value]]
) -> bool:
    """Tell whether a setting of a block is right though its class is not written with it.

    A block with the same settings everywhere is written with its numbers in the class.
    """
    if run.kind.startswith(BLOCK):
        return given is None and run.spec is not None and run.spec.param(name) is not None
    if not isinstance(asked, Argument) or isinstance(given, Argument):
        return False
    values = sizes.get(asked.name, [])
    return given in values or any(isinstance(value, Argument) for value in values)


def _sizes(text: Text, project: Project) -> dict[str, dict[str, list[Value]]]:
    """Return what each class is made with, by parameter; what it is made without has its default."""
    found: dict[str, dict[str, list[Value]]] = {}
    for one in text.classes.values():
        for made in one.made.values():
            block = project.blocks.get(made.block) if made.block else None
            for given in made.passes if block is not None else ():
                assert block is not None
                for param in block.params:
                    values = found.setdefault(made.block, {}).setdefault(param.name, [])
                    values.append(given.get(param.name, param.default))
    return {name: found.get(one.block, {}) for name, one in text.classes.items()}


def _tidy(block: Block, specs: Mapping[str, LayerSpec]) -> Block:
    graph = block.sheet.graph
    return replace(block, sheet=replace(block.sheet, places=arrange(graph, specs, inside=True)))


def _merged(changes: list[tuple[_Seen, Class, Changed]]) -> list[SimpleEdit]:
    """Return the edits of all sheets, each block's once.

    Raises: Misread.
    """
    edits: list[SimpleEdit] = []
    done: dict[str, tuple[str, list[SimpleEdit]]] = {}
    for one, new, changed in changes:
        if not changed.edits:
            continue
        if one.where in done and done[one.where][1] != changed.edits:
            raise Misread(new.line, f"{new.name} and {done[one.where][0]} are written from one block. Change one of "
                          "them; the other follows.")  # fmt: skip
        if one.where not in done:
            done[one.where] = (new.name, changed.edits)
            edits += changed.edits
    return edits


def _blocks(project: Project, network: str, written: Source) -> tuple[dict[str, str], str]:
    """Return the blocks that classes of a written text stand for, and the network's class."""
    lines = written.text.splitlines()
    blocks: dict[str, str] = {}
    name = main = ""
    for line, path in zip(lines, written.nodes, strict=False):
        if line.startswith("class "):
            name = line[6:].partition("(")[0]
        elif line and not line.startswith((" ", ")")):
            name = ""
        elif path and name and name != main and name not in blocks:
            where = matching.sheet_of(project, network, path)
            if where == network:
                main = name
            else:
                blocks[name] = where.removeprefix(BLOCK)
    return blocks, main


def _with_own(specs: Mapping[str, LayerSpec], project: Project) -> dict[str, LayerSpec]:
    """Return the catalogue with the layers whose code the project's Python nodes hold."""
    found = dict(specs)
    sheets = [*project.networks.values(), *(block.sheet for block in project.blocks.values())]
    for sheet in sheets:
        for node in sheet.graph.of_kind(PYTHON):
            try:
                found[f"{PYTHON} {source_of(node)}"] = python_spec(source_of(node))
            except CodeError:
                continue
    return found
