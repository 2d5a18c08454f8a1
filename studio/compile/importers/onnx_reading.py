"""An ONNX model's operators → calls of layers, with the names and modules that the file tells of."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.compile.importers.coming import Call, Entry, Frame, ImportProblem, Traced
from studio.compile.importers.holding import constant
from studio.compile.importers.onnx_values import Sizes, Values
from studio.compile.importers.operators import as_param, is_value
from studio.graph.graph import is_node_name, name_for
from studio.graph.params import Value
from studio.graph.report import ReportLine
from studio.graph.spec import LayerSpec

#: Modules of PyTorch that hold others: what they do is drawn, not the module itself.
_HOLDERS = ("MultiheadAttention", "Transformer", "Sequential", "ModuleList", "ModuleDict")


#: Names that exporters give to what they have worked out themselves.
_MADE_UP = re.compile(r"(val|const\w*|tmp)_?\d+$")


class Unlike(Exception):
    """An operator whose settings no layer here has; the message says which, for the middle of a sentence."""


@dataclass(frozen=True)
class Op:
    """One operator of the model: its type, name, attributes, and the values that come and go ("" for none)."""

    type: str
    name: str
    given: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    version: int
    frames: tuple[Frame, ...] = ()
    module: str = ""
    title: str = ""

    def input(self, place: int) -> str:
        """Return the value at a place, "" where there is none."""
        return self.inputs[place] if place < len(self.inputs) else ""

    @property
    def out(self) -> str:
        """The first value that it gives."""
        return self.outputs[0]


Rule = Callable[["Reader", Op], None]


class Reader:
    """Notes the calls that operators become; rules tell it which.

    `state` are the weights by the names that the network gives them.
    """

    def __init__(
        self, values: Values, specs: Mapping[str, LayerSpec], inputs: Sequence[Entry]
    ) -> None:
        self.values, self.specs = values, specs
        self.traced = Traced(entries=tuple(inputs))
        self.state: dict[str, Tensor] = {}
        self.uses: Counter[str] = Counter()
        self.makers: dict[str, Op] = {}
        self.readers: dict[str, list[Op]] = {}
        #: A recurrent layer's output as ONNX has it ("whole", "turned", "by time"), and the layer's own.
        self.special: dict[str, tuple[str, str]] = {}
        self._same: dict[str, str] = {}
        self._homes: dict[str, tuple[str, ...]] = {}
        self._taken: set[str] = set()
        self._nodes: dict[tuple[str, tuple[Frame, ...]], str] = {}
        #: Values that an operator before gives too.
        self.done: set[str] = set()

    # ----------------------------------------------------------------------------------- what is known

    def known(self, value: str) -> np.ndarray | None:
        """Return the numbers of a value that never changes."""
        return self.values.known.get(value) if value else None

    def numbers(self, op: Op, name: str, place: int) -> list[int] | None:
        """Return whole numbers that are an attribute in older models, an input in newer ones.

        Raises: Unlike.
        """
        if name in op.given:
            given = op.given[name]
            return [int(one) for one in (given if isinstance(given, (list, tuple)) else [given])]
        if not op.input(place):
            return None
        found = self.known(op.input(place))
        if found is None:
            raise Unlike(f"its {name} depends on the input")
        return [int(one) for one in np.ravel(found)]

    def scalar(self, value: str) -> float | None:
        """Return the number that a known value is, None where it is several or not known."""
        found = self.known(value)
        if found is None or found.size != 1 or found.dtype.kind not in "fiub":
            return None
        return float(found.reshape(-1)[0])

    def sizes(self, value: str) -> Sizes:
        """Return the sizes of a value at either batch."""
        return self.values.sizes[value]

    # ---------------------------------------------------------------------------------------- calls

    def put(
        self,
        op: Op,
        kind: str,
        feeds: Mapping[str, str | Sequence[str]],
        params: Mapping[str, Any] | None = None,
        gives: Mapping[str, str] | None = None,
        path: str = "",
        wish: str = "",
    ) -> None:
        """Note one layer. Without `gives` its first output is the operator's.

        Raises: Unlike, where the layer does not take a parameter.
        """
        spec = self.specs[kind]
        found: dict[str, Value] = {}
        for name, value in (params or {}).items():
            param = spec.param(name)
            stored = as_param(param, value) if param is not None else None
            if param is None or not is_value(stored):
                raise Unlike(f"its {name} would be {value}, which {spec.title} does not take")
            if stored != param.default or type(stored) is not type(param.default):
                found[name] = stored
        wires = {
            port: tuple(self.wire(op, v) for v in ([value] if isinstance(value, str) else value))
            for port, value in feeds.items()
        }
        if not path and op.module and kind.startswith("torch.nn."):
            path = op.module if op.title in ("", spec.title) else ""
        self.traced.calls.append(
            Call(
                kind,
                wires,
                gives or {spec.outputs[0].name: op.out},
                found,
                path,
                wish or name_for(kind, ()),
                op.frames,
                bool(path and any(name.startswith(f"{path}.") for name in self.state)),
            )
        )

    def chain(
        self, op: Op, value: str, steps: Sequence[tuple[str, Mapping[str, Any]]], out: str = ""
    ) -> None:
        """Note layers one behind the other, from `value` to the operator's output (or `out`)."""
        last = out or op.out
        if not steps:
            self.same(last, value)
        for number, (kind, params) in enumerate(steps):
            name = last if number == len(steps) - 1 else f"{last}#{number}"
            first = self.specs[kind]
            self.put(op, kind, {first.inputs[0].name: value}, params, {first.outputs[0].name: name})
            value = name

    def same(self, value: str, other: str) -> None:
        """Say that a value is another one."""
        self._same[value] = other

    def plain(self, value: str) -> str:
        """Return the value that a value is."""
        while value in self._same:
            value = self._same[value]
        return value

    def wire(self, op: Op, value: str) -> str:
        """Return a value that a node gives: numbers of the file become a node.

        Raises: Unlike.
        """
        value = self.plain(value)
        if value in self.values.varying:
            return self._for_each(op, value)
        numbers = self.known(value)
        if numbers is None:
            return value
        key = (value, op.frames)
        if key not in self._nodes:
            self._nodes[key] = f"{value}#{len(self._nodes)}"
            self._hold(value, numbers, self._nodes[key], op.frames)
        return self._nodes[key]

    def _for_each(self, op: Op, value: str) -> str:
        """Return a learned tensor that every sample gets a copy of, such as a class token.

        Raises: Unlike, where the number of samples is computed with otherwise.
        """
        maker = self.makers.get(value)
        numbers = (
            self.known(maker.input(0)) if maker is not None and maker.type == "Expand" else None
        )
        first = self.values.sizes[value][:1]
        if (
            maker is None
            or numbers is None
            or numbers.dtype.kind != "f"
            or numbers.ndim < 2
            or numbers.shape[0] != 1
            or first != (self.values.batches,)
        ):
            raise Unlike("it computes with the number of samples")
        if numbers.shape[1:] != self.values.whole(value)[1:]:
            raise Unlike("it repeats a tensor beyond the samples")
        source = maker.input(0)
        key = (value, ())
        if key not in self._nodes:
            self._nodes[key] = f"{value}#{len(self._nodes)}"
            path, _ = self.home(op, "core.parameter", source)
            self.state[path] = tensor_of(numbers)
            entry = self.traced.entries[0].value
            self.traced.calls.append(
                Call(
                    "core.parameter",
                    {"x": (entry,)},
                    {"out": self._nodes[key]},
                    {"shape": tuple(numbers.shape[1:])},
                    path,
                    learned=True,
                )
            )
        return self._nodes[key]

    def _hold(self, value: str, numbers: np.ndarray, name: str, frames: tuple[Frame, ...]) -> None:
        """Note the node that gives a tensor of the file: learned under its name, or a constant.

        Raises: Unlike.
        """
        tensor = tensor_of(numbers)
        named = value not in self.makers and is_node_name(value) and not _MADE_UP.match(value)
        if named and tensor.is_floating_point() and tensor.dim():
            inside = frames
            while inside and not value.startswith(f"{inside[-1].path}."):
                inside = inside[:-1]
            self.state[value] = tensor
            shape = tuple(tensor.shape)
            call = Call("core.tensor", {}, {"out": name}, {"shape": shape}, value, "", inside, True)
            self.traced.calls.append(call)
            return
        call, line = constant(tensor, name, frames)
        self.traced.calls.append(call)
        self.traced.constants[name] = tensor
        if line is not None:
            self.traced.lines.append(line)

    # ---------------------------------------------------------------------------------------- weights

    def home(self, op: Op, kind: str, *weights: str) -> tuple[str, bool]:
        """Return the path of the layer with these weights, and whether it has been called before."""
        key = tuple(weights)
        title = kind.removeprefix("torch.nn.")
        inner = f"{op.frames[-1].path}." if op.frames else ""
        wishes = [op.module] if op.module and op.title in ("", title) else []
        if kind == "core.parameter" and is_node_name(weights[0]):
            wishes.append(weights[0])
        stem = weights[0].removesuffix(".weight")
        if stem != weights[0] and is_node_name(stem):
            wishes.append(stem)
        for wish in wishes:
            if self._homes.setdefault(wish, key) == key:
                return wish, wish in self._taken or self._take(wish)
        number = 1
        while True:
            wish = f"{inner}{name_for(kind, ())}{number}"
            if wish not in self._homes or self._homes[wish] == key:
                self._homes[wish] = key
                return wish, wish in self._taken or self._take(wish)
            number += 1

    def _take(self, path: str) -> bool:
        self._taken.add(path)
        return False

    def weigh(self, path: str, **weights: np.ndarray | None) -> None:
        """Note the weights of a layer by the names it gives them."""
        for name, numbers in weights.items():
            if numbers is not None:
                self.state[f"{path}.{name}"] = tensor_of(numbers)

    def is_zero(self, value: str) -> bool:
        """Tell whether a value is nothing but zeros, however many samples there are."""
        known = self.known(value)
        parts = (known,) if known is not None else self.values.varying.get(value, ())
        return bool(parts) and not any(np.any(part) for part in parts)

    def say(self, text: str, value: str = "") -> None:
        """Tell something that is not exact."""
        self.traced.lines.append(ReportLine("approximated", text, f"%{value}" if value else ""))


def tensor_of(numbers: np.ndarray) -> Tensor:
    """Return numbers as a tensor of a type that networks here hold.

    Raises: Unlike.
    """
    kinds = {"f": np.float32, "i": np.int64, "u": np.int64, "b": np.bool_}
    wanted = kinds.get(numbers.dtype.kind)
    if wanted is None:
        raise Unlike(f"it holds values of type {numbers.dtype}")
    return torch.from_numpy(np.array(numbers, dtype=wanted, order="C"))


# ---------------------------------------------------------------------------------------- the modules


def operators(graph: Any, version: int) -> list[Op]:
    """Return the model's operators in order, with the modules that each was written in."""
    import onnx

    found: list[Op] = []
    entered: Counter[str] = Counter()
    before: tuple[Frame, ...] = ()
    scopes = [_scopes(node) for node in graph.node]
    holders = {path for ways in scopes for path, _ in ways[:-1]}
    for node, ways in zip(graph.node, scopes, strict=True):
        given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        path, title = ways[-1] if ways else ("", "")
        single = title.startswith("torch.nn.") or (not title and path not in holders)
        module, title = (path, title.removeprefix("torch.nn.")) if single else ("", "")
        frames: tuple[Frame, ...] = ()
        for place, (inner, cls) in enumerate(ways[:-1] if single else ways):
            frame = before[place] if place < len(before) and before[:place] == frames else None
            if frame is None or frame.path != inner:
                entered[inner] += 1
                name = cls.removeprefix("torch.nn.") or inner.rpartition(".")[2]
                frame = Frame(inner, name, entered[inner] - 1)
            frames = (*frames, frame)
        before = frames
        found.append(
            Op(node.op_type, node.name, given, tuple(node.input), tuple(node.output), version,
               frames, module, title)
        )  # fmt: skip
    return found


def _scopes(node: Any) -> list[tuple[str, str]]:
    """Return the paths and classes of the modules that an operator was written in, the outermost first.

    PyTorch's exporter says so in the metadata, its older one in the name (`/layer1/layer1.0/conv1/Conv`).
    """
    meta = {one.key.rpartition(".")[2]: one.value for one in node.metadata_props}
    try:
        scopes = ast.literal_eval(meta.get("name_scopes", "[]"))
        classes = ast.literal_eval(meta.get("class_hierarchy", "[]"))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        scopes = classes = []
    found: list[tuple[str, str]] = []
    if isinstance(scopes, list) and isinstance(classes, list) and scopes[:1] == [""]:
        for path, cls in list(zip(scopes, classes, strict=False))[1:-1]:
            title = str(cls).rpartition(".")[2]
            leaf = str(cls).startswith("torch.nn.") and not title.startswith(_HOLDERS)
            if not is_node_name(str(path)):
                return []
            found.append((str(path), f"torch.nn.{title}" if leaf else title))
    elif node.name.startswith("/"):
        path = ""
        for part in node.name.split("/")[1:-1]:
            head, _, last = path.rpartition(".")
            inside = part.startswith(f"{last}.") and last
            path = (
                f"{head}.{part}"
                if inside and head
                else part
                if inside or not path
                else f"{path}.{part}"
            )
            if not is_node_name(path):
                return []
            found.append((path, ""))
    return found


def unknown(problem: str, op: Op) -> ImportProblem:
    """Return the sentence for an operator that cannot come in."""
    name = f" {op.name}" if op.name else ""
    return ImportProblem(
        f"The operator {op.type}{name} cannot come in: {problem}. Nothing was imported."
    )
