"""Two readings of one class, before and after: the edits that lead from the one to the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from studio.compile.reading.classes import Class
from studio.compile.reading.making import Values
from studio.compile.reading.matching import matched
from studio.compile.reading.misread import Misread
from studio.compile.reading.patterns import Argument
from studio.compile.reading.statements import Ref, Run
from studio.compile.splice import room_below
from studio.graph.edits import (
    AddNodes,
    Connect,
    Disconnect,
    MoveNodes,
    RemoveNodes,
    Rename,
    SetBlock,
    SetFlag,
    SetParams,
    SimpleEdit,
    Swap,
)
from studio.graph.geometry import WIDTH, snap
from studio.graph.graph import (
    BLOCK,
    INPUT,
    OUTPUT,
    PYTHON,
    SOURCE,
    End,
    Link,
    Names,
    Node,
    is_name,
    is_node_name,
    name_for,
    new_id,
)
from studio.graph.params import Value
from studio.graph.project import Place, Project, Sheet
from studio.graph.spec import LayerSpec

#: Names of variables that say nothing of their layer.
_SHORT = ("x", "out", "_")
#: Between a layer and an output that is put beside it.
COLUMN = 48.0


@dataclass
class Changed:
    """The edits of one sheet, the ids of the new text's layers, and what of each was changed."""

    edits: list[SimpleEdit] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    values: dict[str, set[str]] = field(default_factory=dict)


class Difference:
    """Works out the edits of one sheet."""

    def __init__(
        self,
        project: Project,
        where: str,
        specs: Mapping[str, LayerSpec],
        before: Class,
        after: Class,
        known: Sequence[str],
        outputs: Sequence[str],
    ) -> None:
        self.project, self.where, self.specs = project, where, specs
        self.before, self.after = before, after
        self.sheet: Sheet = project.sheet(where)
        self.graph = self.sheet.graph
        self.known, self.outputs = list(known), list(outputs)
        self.pairs = matched(before, after)
        self.ids = [
            self.known[self.pairs[n]] if n in self.pairs else "" for n in range(len(after.runs))
        ]
        block = project.blocks.get(where.removeprefix(BLOCK)) if where.startswith(BLOCK) else None
        self.arguments = {param.name for param in block.params} if block else set()
        self.changed = Changed(ids=self.ids)
        self._ends_added: list[AddNodes] = []

    def edits(self) -> Changed:
        """Return what is to be done.

        Raises: Misread.
        """
        if self.before.doc != self.after.doc and self.where.startswith(BLOCK):
            self._do(SetBlock(self.where.removeprefix(BLOCK), doc=self.after.doc))
        if self.before.rest != self.after.rest or (
            self.after.rest and self.before.inputs != self.after.inputs
        ):
            raise Misread(self.after.line, "The loop over time is written from the block's states. Change its "
                          "step; states are added on the canvas.")  # fmt: skip
        names = Names(node.name for node in self.graph.nodes.values())
        fresh = self._fresh(names)
        kept = set(self.ids)
        gone = [key for key in self.known if key not in kept]
        cut, wires = self._wires({node.id for node in fresh})
        ends, more, lost = self._results(names)
        cut += ends
        if cut:
            self._do(Disconnect(self.where, tuple(dict.fromkeys(cut))))
        if gone or lost:
            self._do(RemoveNodes(self.where, (*gone, *lost)))
        for number, old in self.pairs.items():
            self._one(self.before.runs[old], self.after.runs[number], self.known[old])
        if fresh:
            places, moves = self._places(fresh)
            self._do(AddNodes(self.where, tuple(fresh), places))
            for move in moves:
                self._do(move)
        for edit in self._ends_added:
            self._do(edit)
        drawn = [*wires, *more]
        count = Counter(wire.target for wire in drawn)
        for wire in drawn:
            self._do(Connect(self.where, wire, many=count[wire.target] > 1))
        return self.changed

    def _do(self, edit: SimpleEdit) -> None:
        self.changed.edits.append(edit)

    # --------------------------------------------------------------------------------------- new layers

    def _fresh(self, names: Names) -> list[Node]:
        fresh: list[Node] = []
        owners = {
            run.attribute: self.graph.nodes[key].shares or key
            for run, key in zip(self.after.runs, self.ids, strict=True)
            if run.attribute and key
        }
        for number, run in enumerate(self.after.runs):
            if self.ids[number]:
                continue
            wish = run.attribute or (run.target if run.target not in _SHORT else "")
            shares = owners.get(run.attribute, "") if run.attribute else ""
            if (not run.attribute and not is_name(wish)) or shares:
                wish = name_for(run.kind, ())
            if run.attribute and not is_node_name(run.attribute):
                raise Misread(
                    run.line,
                    f"{run.attribute} cannot be the name of a layer: it means something in PyTorch.",
                )
            taken = not run.attribute or shares
            name = names.take(wish) if taken or run.kind == INPUT else wish
            key = new_id()
            params = self._params(run)
            if shares:
                params = (
                    dict(self.graph.nodes[shares].params) if shares in self.graph.nodes else params
                )
            flags = ("frozen",) if run.frozen else ()
            fresh.append(Node(key, run.kind, name, params, flags, shares))
            if run.attribute and not shares:
                owners[run.attribute] = key
            self.ids[number] = key
            self.changed.values[key] = set(run.values) | {k for one in _passes(run) for k in one}
        return fresh

    def _params(self, run: Run) -> dict[str, Value]:
        if run.kind.startswith(BLOCK):
            return self._instance(run, set().union(*_passes(run)) if _passes(run) else set())
        params: dict[str, Value] = {}
        for name, value in run.values.items():
            param = run.spec.param(name) if run.spec else None
            if param is not None and not param.inferred and not _same(value, param.default):
                params[name] = self._written(value, run, name)
        if run.kind == PYTHON and run.spec is not None:
            params[SOURCE] = run.spec.code.support
        return params

    def _instance(self, run: Run, names: set[str]) -> dict[str, Value]:
        """Return these parameters of a block's instance, and how often it runs."""
        assert run.spec is not None
        params: dict[str, Value] = {}
        for name in names:
            if run.spec.param(name) is None:
                continue  # follows from what arrives: compared afterwards
            given = [one[name] for one in _passes(run) if name in one]
            params[name] = self._written(given[0], run, name)
        if run.times != 1:
            params["repeat"] = run.times
        if run.shared:
            params["share_weights"] = True
        return params

    def _written(self, value: Value, run: Run, name: str) -> Value:
        if isinstance(value, Argument):
            if value.name not in self.arguments:
                raise Misread(run.made.line if run.made else run.line, f"{name} cannot be {value.name} here: that is "
                              "no parameter of the block. Add it in the block's settings first.")  # fmt: skip
            return f"={value.name}"
        return value

    # ------------------------------------------------------------------------------------ known layers

    def _one(self, old: Run, new: Run, key: str) -> None:
        node = self.graph.nodes[key]
        line = new.made.line if new.made else new.line
        if old.kind == INPUT:
            if old.target != new.target:
                self._rename(key, new.target, line)
            return
        if old.attribute != new.attribute and not node.shares:
            self._rename(key, new.attribute, line)
        elif (
            not old.attribute
            and new.target not in (old.target, *_SHORT)
            and (is_name(new.target) and self.graph.named(new.target) is None)
        ):
            self._rename(key, new.target, line)
        if old.kind != new.kind:
            assert new.spec is not None
            self._do(Swap.to(self.where, node, old.spec, new.spec, self._params(new)))
            self.changed.values[key] = set(new.values)
            return
        if old.frozen != new.frozen:
            self._do(SetFlag(self.where, (key,), "frozen", new.frozen))
        values: dict[str, Value] = {}
        touched: set[str] = set()
        if new.kind.startswith(BLOCK):
            touched = _touched(_passes(old), _passes(new))
            values = self._instance(new, touched)
            values.pop("repeat", None), values.pop("share_weights", None)
            if (old.times, old.shared) != (new.times, new.shared):
                values |= {"repeat": new.times, "share_weights": new.shared}
        else:
            for name in {**old.values, **new.values}:
                if _same(old.values.get(name), new.values.get(name)):
                    continue
                touched.add(name)
                param = new.spec.param(name) if new.spec else None
                if param is not None and (not param.inferred or name in node.params):
                    values[name] = self._written(new.values.get(name, param.default), new, name)
        if touched:
            self.changed.values[key] = touched
        if values:
            self._do(SetParams(self.where, node.shares or key, values))

    def _rename(self, key: str, name: str, line: int) -> None:
        if not is_node_name(name):
            raise Misread(line, f"{name} cannot be a name here: it means something in PyTorch.")
        self._do(Rename(self.where, key, name))

    # ------------------------------------------------------------------------------------------- wires

    def _wires(self, fresh: set[str]) -> tuple[list[Link], list[Link]]:
        """Return the wires that are cut and those that are drawn."""
        cut: list[Link] = []
        drawn: list[Link] = []
        for number, run in enumerate(self.after.runs):
            key, old = self.ids[number], self.pairs.get(number)
            before = self.before.runs[old].inputs if old is not None else {}
            swapped = old is not None and self.before.runs[old].kind != run.kind
            for port in {**before, **run.inputs}:
                was = self._ends(before.get(port, ()), self.known)
                now = self._ends(run.inputs.get(port, ()), self.ids)
                if was == now and not (swapped and key in fresh):
                    continue
                if key in self.graph.nodes:
                    cut += self.graph.into(key, port)
                drawn += [Link(end, End(key, port)) for end in now]
        return cut, drawn

    def _ends(self, refs: Sequence[Ref], keys: Sequence[str]) -> list[End]:
        return [End(keys[number], port) for number, port in refs]

    def _results(self, names: Names) -> tuple[list[Link], list[Link], list[str]]:
        """Return for the results: wires cut, wires drawn, outputs that go. New ones are added."""
        was = self._ends(self.before.results, self.known)
        now = self._ends(self.after.results, self.ids)
        cut: list[Link] = []
        drawn: list[Link] = []
        lost: list[str] = []
        if self.after.rest and len(was) != len(now):
            raise Misread(self.after.result_line, "A step returns its outputs and the next value of each state; "
                          "add outputs and states on the canvas.")  # fmt: skip
        whole = len(was) == len(now)
        codes = [("replace", 0, len(was), 0, len(now))] if whole else SequenceMatcher(
            None, was, now, autojunk=False).get_opcodes()  # fmt: skip
        for tag, a, b, c, d in codes:
            if tag == "equal":
                continue
            for step in range(max(b - a, d - c)):
                old = self.outputs[a + step] if a + step < b else ""
                new = now[c + step] if c + step < d else None
                if old and new == was[a + step]:
                    continue
                if old and new is None:
                    lost.append(old)
                    continue
                if old:
                    cut += self.graph.into(old, "x")
                else:
                    node = Node(new_id(), OUTPUT, names.take("out"))
                    assert new is not None
                    self._ends_added.append(AddNodes(self.where, (node,), self._beside(node, new)))
                    old = node.id
                assert new is not None
                drawn.append(Link(new, End(old, "x")))
        return cut, drawn, lost

    def _beside(self, node: Node, source: End) -> dict[str, Place]:
        """Return a place for an output: below what it shows, and beside what is there."""
        places, _ = room_below(self.where, self.sheet, source.node, (node,), self.specs, True)
        return {key: Place(snap(at.x + WIDTH + COLUMN), at.y) for key, at in places.items()}

    # ------------------------------------------------------------------------------------------ places

    def _places(self, fresh: list[Node]) -> tuple[dict[str, Place], list[SimpleEdit]]:
        """Return places for new nodes near what they are wired to, and who makes room."""
        places: dict[str, Place] = {}
        moves: list[SimpleEdit] = []
        rest = {node.id: node for node in fresh}
        chain: list[Node] = []
        for number, key in enumerate(self.ids):
            if key in rest:
                chain.append(rest.pop(key))
                nearby = self._place_after(number)
                if number + 1 < len(self.ids) and self.ids[number + 1] in rest:
                    continue
                first = self.ids.index(chain[0].id)
                before = self._place_after(first)
                reader = nearby[1] or before[1]
                if reader:
                    found, more = room_below(
                        self.where, self.sheet, reader, tuple(chain), self.specs
                    )
                    moves += (edit for edit in more if isinstance(edit, MoveNodes))
                else:
                    found, _ = room_below(
                        self.where, self.sheet, before[0], tuple(chain), self.specs, True
                    )
                places |= found
                chain = []
        return places, moves

    def _place_after(self, number: int) -> tuple[str, str]:
        """Return the placed node that a layer reads, and the placed one that reads it."""
        run = self.after.runs[number]
        feeds = [self.ids[ref[0]] for refs in run.inputs.values() for ref in refs]
        read = next((key for key in feeds if key in self.sheet.places), "")
        readers = [
            self.ids[other]
            for other, one in enumerate(self.after.runs)
            if any(ref[0] == number for refs in one.inputs.values() for ref in refs)
        ]
        readers += [
            key
            for key, ref in zip(self.outputs, self.after.results, strict=False)
            if ref[0] == number
        ]
        return read, next((key for key in readers if key in self.sheet.places), "")


def _passes(run: Run) -> tuple[Values, ...]:
    return run.made.passes if run.made else ()


def _touched(old: Sequence[Values], new: Sequence[Values]) -> set[str]:
    """Return the arguments of a block's passes that are other than before."""
    found: set[str] = set()
    for number, one in enumerate(new):
        other = old[number] if number < len(old) else (old[-1] if old else {})
        found |= {
            n for n in {**one, **other} if number < len(old) and not _same(one.get(n), other.get(n))
        }
    return found


def _same(one: Value, other: Value) -> bool:
    return (type(one), one) == (type(other), other)
