"""An exported program's operators → calls of layers, with the modules that they were made in."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from studio.compile.importers.attributes import layer_of, ports_of, read
from studio.compile.importers.coming import Call, Entry, ImportProblem, Traced, Way
from studio.compile.importers.holding import constant, held
from studio.compile.importers.operators import Operators, Wire
from studio.compile.importers.pieces import Held, Made, Op, Piece, Zeros
from studio.compile.importers.rewriting import filled, rewritten
from studio.compile.importers.tied import Tied
from studio.compile.importers.traces import (
    idle,
    is_size,
    is_tensor,
    name_of,
    place_of,
    same_wire,
    shape_of,
    varies,
    way_of,
    works_in_place,
)
from studio.graph.report import ReportLine
from studio.graph.spec import LayerSpec

_DTYPES = ("float32", "int64", "bool")
#: Operators that hand on what they get.
_SAME = frozenset(["alias", "contiguous", "clone", "lift_fresh", "lift_fresh_copy", "detach_"])
#: Operators that only check something, or ask for a size.
_CHECKS = ("_assert", "sym_", "_local_scalar")


def read_program(
    program: ExportedProgram, specs: Mapping[str, LayerSpec], module: nn.Module | None = None
) -> Traced:
    """Return a program's calls; what has no layer here is said in a line and stands as a placeholder.

    With the `module` that was traced, its parts of `torch.nn` come in whole, by their attributes; a program
    alone has only their operators.
    Raises: ImportProblem.
    """
    return _Reader(program, specs, module).read()


class _Reader:
    def __init__(
        self, program: ExportedProgram, specs: Mapping[str, LayerSpec], module: nn.Module | None
    ) -> None:
        self.program, self.specs = program, specs
        self.operators = Operators(specs)
        self.modules = (
            dict(module.named_modules(remove_duplicate=False)) if module is not None else {}
        )
        self.tied = Tied(module)
        self.leaves: dict[str, tuple[LayerSpec, dict[str, Any]] | None] = {}
        self.traced = Traced()
        self.env: dict[fx.Node, Any] = {}
        self.newer: dict[str, str] = {}
        self.nodes_of: dict[tuple[str, Way], str] = {}
        self.batch: Any = None

    def read(self) -> Traced:
        nodes = list(self.program.graph.nodes)
        self.traced.entries = tuple(self._entries(nodes))
        ways = [way_of(node) for node in nodes]
        number = 0
        while number < len(nodes):
            leaf = self._leaf(ways[number]) if nodes[number].op == "call_function" else None
            if leaf is None:
                self._node(nodes[number], ways[number])
                number += 1
                continue
            depth, spec, params = leaf
            way, end = ways[number][: depth + 1], number
            while end < len(nodes) and ways[end][: depth + 1] == way:
                end += 1
            if self._whole(nodes[number:end], way, spec, params):
                number = end
            else:  # not as its layer would be called: its operators come in one by one
                self.leaves[way[-1].path] = None
        return self.traced

    # ---------------------------------------------------------------------------------------- inputs

    def _entries(self, nodes: Sequence[fx.Node]) -> Iterator[Entry]:
        inputs = {spec.arg.name: spec for spec in self.program.graph_signature.input_specs}
        for node in nodes:
            if node.op != "placeholder":
                continue
            spec, value = inputs[node.name], node.meta.get("val")
            if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
                assert isinstance(value, Tensor)
                kept = spec.kind == InputKind.PARAMETER or spec.persistent is not False
                if kept:
                    learned = spec.kind == InputKind.PARAMETER
                    self.env[node] = Held(str(spec.target), value, learned)
                else:
                    self.env[node] = self.program.constants[str(spec.target)]
            elif spec.kind == InputKind.CONSTANT_TENSOR:
                self.env[node] = self.program.constants[str(spec.target)]
            elif isinstance(value, Tensor):
                self.env[node] = Wire(node.name)
                if self.batch is None and value.dim():
                    self.batch = value.shape[0]
                yield _entry(node.name, value)
            else:
                self.env[node] = value

    # ----------------------------------------------------------------------------------------- whole

    def _leaf(self, way: Way) -> tuple[int, LayerSpec, dict[str, Any]] | None:
        """Return the outermost module around an operator that comes in as one layer, and its depth."""
        for depth, frame in enumerate(way):
            if frame.path not in self.leaves:
                module = self.modules.get(frame.path)
                spec = layer_of(module, self.specs) if module is not None else None
                params = read(module, spec) if module is not None and spec is not None else None
                found = spec is not None and params is not None
                self.leaves[frame.path] = (spec, params) if found else None  # type: ignore[assignment]
            known = self.leaves[frame.path]
            if known is not None:
                return depth, *known
        return None

    def _whole(
        self, nodes: Sequence[fx.Node], way: Way, spec: LayerSpec, params: dict[str, Any]
    ) -> bool:
        """Note a module as one call; False where its inputs or outputs are not those of its layer."""
        inside, path, frames = set(nodes), way[-1].path, way[:-1]
        given: list[Any] = []
        shapes: list[tuple[Any, ...]] = []
        for node in nodes:
            for source in node.all_input_nodes:
                value = self._latest(self.env.get(source))
                own = isinstance(value, Held) and self.tied.within(value.name, path) != ""
                fresh = not any(value is one or same_wire(value, one) for one in given)
                if source not in inside and not own and is_tensor(value) and fresh:
                    given.append(value)
                    shapes.append(shape_of(source))
        used = [node for node in nodes if any(user not in inside for user in node.users)]
        self.env |= {node: node.meta["val"] for node in used if is_size(node)}
        used = [node for node in used if not is_size(node)]
        places = [place_of(node) for node in used]
        needed = [port for port in spec.inputs if not port.optional]
        if len(set(places)) < len(places) or not len(needed) <= len(given) <= len(spec.inputs):
            return False
        if any(not 0 <= place < len(spec.outputs) for place in places):
            return False
        ports = ports_of(spec, shapes, self.batch)
        if ports is None:
            return False
        feeds = {}
        for port, value in zip(ports, given, strict=True):
            if port.type == "mask" and not isinstance(value, Wire):
                mask = self._mask(value, frames)
                if mask is None:
                    return False
                feeds[port.name] = (mask.value,)
            elif not isinstance(value, Zeros):
                feeds[port.name] = (self._wire(value, frames).value,)
            elif not port.optional:
                return False
        gives = {
            spec.outputs[place].name: node.name for place, node in zip(places, used, strict=True)
        }
        learned = bool(self.modules[path].state_dict())
        self.traced.calls.append(
            Call(
                spec.kind, feeds, gives, params, path, frames=frames, learned=learned,
                owner=self.tied.owner(path),
            )
        )  # fmt: skip
        for node in nodes:
            changed = node.args[0] if node.args else None
            if works_in_place(node) and isinstance(changed, fx.Node) and len(used) == 1:
                self._replace(self.env.get(changed), used[0].name)
        for node in used:
            self.env[node] = Wire(node.name)
        return True

    def _replace(self, value: Any, newer: str) -> None:
        """Work in place: who reads the value from now on reads the newer one."""
        if isinstance(value, Wire) and self._now(value.value) != newer:
            self.newer[self._now(value.value)] = newer

    # ------------------------------------------------------------------------------------- operators

    def _node(self, node: fx.Node, way: Way) -> None:
        if node.op == "output":
            flat = [part for part in pytree.tree_leaves(node.args[0]) if isinstance(part, fx.Node)]
            values = [self._read(part) for part in flat]
            wires = [self._wire(value, ()) for value in values if value is not None]
            self.traced.results = tuple(wire.value for wire in wires)
        elif node.op == "call_function":
            self.env[node] = self._called(node, way)

    def _called(self, node: fx.Node, way: Way) -> Any:
        """Return what an operator gives, once its layers are noted."""
        value = node.meta.get("val")
        if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool, int, float, bool)):
            return value
        if node.target is operator.getitem:
            source = self._read(node.args[0])
            place = node.args[1]
            assert isinstance(place, int)
            return source[place] if isinstance(source, list) else Wire(node.name)
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            raise ImportProblem(
                f"The forward chooses its way by the values of tensors ({name_of(node.target)}), which a "
                "graph cannot do. Move the choice out of forward."
            )
        name = schema.name.rpartition("::")[2]
        if name.startswith(_CHECKS):
            return None
        defaults = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
        names = [argument.name for argument in schema.arguments]
        raw = {**defaults, **dict(zip(names, node.args, strict=False)), **node.kwargs}
        given = {key: self._own(self._read(raw[key]), way) for key in names if key in raw}
        first = next(iter(given.values()), None)
        in_place, name = works_in_place(node), name.rstrip("_")
        if not any(varies(part) for part in pytree.tree_leaves(given)):
            words = {key: self._read(part) for key, part in node.kwargs.items()}
            return node.target(*self._read(node.args), **words)  # type: ignore[operator]
        if name in ("zeros", "new_zeros", "zeros_like"):
            return Zeros(tuple(value.shape)) if isinstance(value, Tensor) else None
        if name in _SAME or (name in ("to", "_to_copy", "type_as", "dropout") and idle(node, name)):
            return first
        shapes = {
            key: tuple(part.meta["val"].shape)
            for key, part in raw.items()
            if isinstance(part, fx.Node) and isinstance(part.meta.get("val"), Tensor)
        }
        entry = Wire(self._now(self.traced.entries[0].value))
        op = Op(name, given, node.name, value, shapes, self.batch, entry)
        made = rewritten(op, self.specs) or self._matched(op, defaults, way)
        for piece in made.pieces:
            self._put(piece, name, way)
        if in_place and isinstance(made.answer, Wire):
            self._replace(first, made.answer.value)
        return made.answer

    def _matched(self, op: Op, defaults: Mapping[str, Any], way: Way) -> Made:
        """Return the layer that is this operator word for word, else a placeholder."""
        given = {key: self._plugged(value, way) for key, value in op.given.items()}
        pieces: list[Piece] = []
        match = self.operators.match(op.name, given, defaults)
        if match is None and (made := filled(op)) is not None:
            given = {key: self._plugged(value, way) for key, value in made.answer.items()}
            match, pieces = self.operators.match(op.name, given, defaults), made.pieces
        if match is not None:
            feeds = {port: tuple(map(Wire, values)) for port, values in match.feeds.items()}
            piece = Piece(match.spec.kind, match.params, feeds, {match.output: op.result})
            return Made([*pieces, piece], Wire(op.result))
        where = f"in {way[-1].path}" if way else "of the network"
        text = f"{op.name} {where} has no layer here. It stands as a placeholder: put layers in its place."
        self.traced.lines.append(ReportLine("missing", text, f"%{op.result}"))
        wires = [part for part in pytree.tree_leaves(given) if isinstance(part, Wire)]
        ports = {f"x{number}" if number else "x": (wire,) for number, wire in enumerate(wires)}
        params = {
            key: value for key, value in given.items() if isinstance(value, (bool, int, float))
        }
        return Made(
            [Piece(f"torch.ops.aten.{op.name}", params, ports, {"out": op.result})], Wire(op.result)
        )

    def _put(self, piece: Piece, name: str, way: Way) -> None:
        """Note a layer; one that is all that a module of `torch.nn` does has the module's name."""
        path, frames = piece.path, way
        if not path and frames and f"torch.nn.{frames[-1].title}" == piece.kind:
            path = frames[-1].path
        if path and frames and frames[-1].path == path:
            frames = frames[:-1]
        feeds = {
            port: tuple(self._wire(value, frames).value for value in values)
            for port, values in piece.feeds.items()
        }
        wish = piece.wish or name.strip("_")
        self.traced.calls.append(
            Call(piece.kind, feeds, piece.gives, piece.params, path, wish, frames, piece.learned)
        )

    # ---------------------------------------------------------------------------------------- values

    def _read(self, part: Any) -> Any:
        """Return what an argument stands for."""
        if isinstance(part, fx.Node):
            value = self.env.get(part)
            return [*map(self._latest, value)] if isinstance(value, list) else self._latest(value)
        if isinstance(part, (list, tuple)):
            return [self._read(one) for one in part]
        return part

    def _mask(self, value: Any, way: Way) -> Wire | None:
        """Return what leaves a mask's positions out, as yes and no; None where it only weighs them."""
        real = self.program.state_dict.get(value.name) if isinstance(value, Held) else value
        if not isinstance(real, Tensor):
            return None
        if real.dtype == torch.bool:
            return self._wire(value, way)
        out = torch.isneginf(real)
        if not bool((out | (real == 0)).all()):
            return None
        if not isinstance(value, Held):
            return self._wire(out, way)
        mask = self._wire(value, way).value
        zero, answer = f"{mask}.zero", f"{mask}.lt"
        self._put(
            Piece(
                "core.constant", {"value": 0.0}, {"x": (Wire(mask),)}, {"out": zero}, wish="zero"
            ),
            "",
            way,
        )
        feeds = {"a": (Wire(mask),), "b": (Wire(zero),)}
        self._put(Piece("core.lt", {}, feeds, {"out": answer}, wish="left_out"), "", way)
        return Wire(answer)

    def _own(self, value: Any, way: Way) -> Any:
        """Return a tied weight by the name that it has in the module which uses it."""
        if not isinstance(value, Held) or not way:
            return value
        name = self.tied.within(value.name, way[-1].path)
        return Held(name, value.value, value.learned) if name else value

    def _latest(self, value: Any) -> Any:
        return Wire(self._now(value.value)) if isinstance(value, Wire) else value

    def _now(self, value: str) -> str:
        while value in self.newer:
            value = self.newer[value]
        return value

    def _plugged(self, value: Any, way: Way) -> Any:
        """Return an argument with weights and constants as what a node gives."""
        if isinstance(value, list):
            return [self._plugged(one, way) for one in value]
        if isinstance(value, Tensor) and not value.dim() and not value.is_complex():
            return value.item()
        return self._wire(value, way) if isinstance(value, (Held, Tensor)) else value

    def _wire(self, value: Any, way: Way) -> Wire:
        """Return a tensor as a value that a node gives: weights and constants become nodes."""
        if isinstance(value, Wire):
            return Wire(self._now(value.value))
        if isinstance(value, (bool, int, float)):
            value = torch.tensor(value)
        if isinstance(value, Held):
            while way and not value.name.startswith(f"{way[-1].path}."):
                way = way[:-1]
            name = f"{value.name}#{'/'.join(f'{f.path}@{f.number}' for f in way)}"
            if (value.name, way) not in self.nodes_of:
                self.nodes_of[value.name, way] = name
                self.traced.calls.append(held(value, name, way))
            return Wire(name)
        if isinstance(value, Tensor):
            name = f"constant#{len(self.traced.calls)}"
            call, line = constant(value, name, way)
            self.traced.calls.append(call)
            if line is not None:
                self.traced.constants[name] = value
                self.traced.lines.append(line)
            return Wire(name)
        raise ImportProblem(
            "The forward makes a tensor whose size is the number of samples, and there is no layer for "
            "that here. Make it from the input instead, as torch.zeros_like(x) does."
        )


def _entry(name: str, value: Tensor) -> Entry:
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype not in _DTYPES:
        raise ImportProblem(
            f"The input {name} is of type {dtype}, but inputs here are {', '.join(_DTYPES)}. "
            "Convert the module with .float() before it is imported."
        )
    shape = tuple(value.shape)[1:]
    if not shape or not all(isinstance(size, int) for size in shape):
        raise ImportProblem(
            f"The input {name} is {tuple(value.shape)}: only the first dimension, the batch, may vary, "
            "and there must be others. Export the program with fixed sizes."
        )
    return Entry(name, name, tuple(map(int, shape)), dtype)
