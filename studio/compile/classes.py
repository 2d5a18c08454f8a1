"""Classes for blocks: instances that differ only in sizes are one class, with the sizes as arguments.

What varies between instances becomes an argument of `__init__`, named like the block's parameter that it
comes from; what does not stays a number in the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from studio.compile import template
from studio.compile.literals import literal
from studio.compile.template import Argument
from studio.graph.graph import is_name
from studio.graph.params import Value
from studio.graph.spec import LayerSpec

#: A line of text and the id path of the node that it belongs to.
Line = tuple[str, str]

#: Classes with more arguments than this are harder to read than classes of their own.
_ARGUMENTS = 8
_WIDTH = 96
#: What a formatter keeps on one line.
_LINE = 88


@dataclass(frozen=True)
class Call:
    """What makes a module: a layer of the catalogue, or a block's class, with its arguments by name.

    `hints` are the names that arguments come from: `=width` comes from `width`.
    """

    name: str
    values: Mapping[str, Value]
    layer: LayerSpec | None = None
    hints: Mapping[str, str] = field(default_factory=dict)

    @property
    def fixed(self) -> object:
        """What cannot become an argument."""
        written = self.layer is not None and "{" in self.layer.code.make
        around = self.layer and self.values.get(self.layer.code.around)
        return (self.name, around, self.plain if written else tuple(self.values))

    @property
    def open(self) -> bool:
        """Tell whether values may become arguments."""
        return self.layer is None or "{" not in self.layer.code.make

    @cached_property
    def plain(self) -> str:
        """The expression with its own values.

        Raises: NotLiteral.
        """
        return self.text(self.values)

    def text(self, values: Mapping[str, Value]) -> str:
        """Return the expression, with these values.

        Raises: NotLiteral.
        """
        if self.layer is not None:
            return template.make(self.layer, values)
        given = ", ".join(f"{name}={_shown(value)}" for name, value in values.items())
        return f"{self.name}({given})"


@dataclass(frozen=True)
class Making:
    """What `__init__` assigns to an attribute: one module, a list of them, or a text as it stands."""

    attribute: str
    path: str
    calls: tuple[Call, ...] = ()
    listed: bool = False
    frozen: bool = False
    text: str = ""

    @property
    def fixed(self) -> object:
        """What cannot become an argument."""
        parts = tuple(call.fixed for call in self.calls)
        return (self.attribute, self.listed, self.frozen, self.text, parts)

    def lines(self, made: Sequence[str]) -> list[Line]:
        """Return the assignment of what these expressions make, one for each call."""
        end = ".requires_grad_(False)" if self.frozen else ""
        start = f"{attribute_of(self.attribute)} = "
        if self.text:
            return [(f"{start}{self.text}{end}", self.path)]
        if not self.listed:
            return [(f"{start}{made[0]}{end}", self.path)]
        runs: list[list[str]] = []
        for text in made:
            if runs and runs[-1][0] == text:
                runs[-1].append(text)
            else:
                runs.append([text])
        if len(runs) == 1:
            return [
                (f"{start}nn.ModuleList([{made[0]} for _ in range({len(made)})]){end}", self.path)
            ]
        entries = [
            text
            for run in runs
            for text in (run if len(run) <= 2 else [f"*({run[0]} for _ in range({len(run)}))"])
        ]
        line = f"{start}nn.ModuleList([{', '.join(entries)}]){end}"
        if len(line) <= _WIDTH:
            return [(line, self.path)]
        rows = [(f"    {entry},", self.path) for entry in entries]
        return [(f"{start}nn.ModuleList([", self.path), *rows, (f"]){end}", self.path)]


@dataclass(frozen=True)
class Drawn:
    """The body of one instance's class: what it makes, and its methods."""

    doc: str
    makings: tuple[Making, ...]
    methods: tuple[Line, ...]

    @property
    def fixed(self) -> object:
        """What instances of one class have in common."""
        texts = tuple(text for text, _ in self.methods)
        return (self.doc, tuple(making.fixed for making in self.makings), texts)


@dataclass(frozen=True)
class Written:
    """A class's text, and for each of its instances the call that makes it."""

    lines: list[Line]
    calls: tuple[Call, ...]


def signature(
    name: str, arguments: Sequence[str], tapped: bool, results: int, tap: str = "tap"
) -> list[str]:
    """Return a method's first lines: it takes tensors, and gives one or several."""
    given = ["self", *arguments, *([tap] if tapped else [])]
    one = "Tensor" if results == 1 else f"tuple[{', '.join(['Tensor'] * results)}]"
    return _head(name, given, one)


def _head(name: str, arguments: Sequence[str], result: str) -> list[str]:
    """Return a method's first lines, broken where they would be longer than a line is."""
    line = f"    def {name}({', '.join(arguments)}) -> {result}:"
    if len(line) <= _LINE:
        return [line]
    whole = f"        {', '.join(arguments)}"
    rows = [whole] if len(whole) <= _LINE else [f"        {one}," for one in arguments]
    return [f"    def {name}(", *rows, f"    ) -> {result}:"]


def _type_of(values: Sequence[Value]) -> str:
    """Return the type of an argument that takes these values."""
    kinds = dict.fromkeys(_kind_of(value) for value in values)
    return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))


def _kind_of(value: Value) -> str:
    if value is None:
        return "None"
    if not isinstance(value, (tuple, list)):
        return type(value).__name__
    inner = dict.fromkeys(_kind_of(part) for part in value)
    return f"tuple[{' | '.join(inner)}, ...]" if inner else "tuple[()]"


def attribute_of(name: str) -> str:
    """Return how code speaks of a node's module: `self.conv1`, `self.layers["0"]`."""
    if "." not in name and not name[0].isdecimal():
        return f"self.{name}"  # nearly all of them
    return "self" + "".join(
        f'["{part}"]' if part.isdecimal() else f".{part}" for part in name.split(".")
    )


def _lists(makings: Iterable[Making]) -> Iterator[tuple[str, str]]:
    """Yield the lists that modules are in, each before the first of its modules, by that module's name."""
    known = {making.attribute for making in makings}
    for making in makings:
        parts = making.attribute.split(".")
        for count in range(1, len(parts)):
            way = ".".join(parts[:count])
            if way not in known:
                known.add(way)
                yield making.attribute, f"{attribute_of(way)} = nn.ModuleDict()"


def write(name: str, drawn: Sequence[Drawn], wishes: Sequence[str] = ()) -> Written:
    """Return the class for instances that have everything `fixed` in common.

    `wishes` are the names of the block's parameters, which no other argument may take.
    """
    first = drawn[0]
    places = [
        (number, place, key)
        for number, making in enumerate(first.makings)
        for place, call in enumerate(making.calls)
        if call.open and len(drawn) > 1  # one instance alone differs from nothing
        for key in call.values
    ]
    columns: dict[tuple[int, int, str], tuple[Value, ...]] = {
        (number, place, key): tuple(one.makings[number].calls[place].values[key] for one in drawn)
        for number, place, key in places
    }
    varying: dict[tuple[str, ...], list[tuple[int, int, str]]] = {}
    for spot, values in columns.items():
        texts = tuple(literal(value) for value in values)
        if len(set(texts)) > 1:
            varying.setdefault(texts, []).append(spot)
    names = _names(first, list(varying.values()), set(wishes))
    argument = {
        spot: named for named, spots in zip(names, varying.values(), strict=True) for spot in spots
    }
    numbered = any(making.attribute[0].isdecimal() for making in first.makings)
    base = "nn.ModuleDict" if numbered else "nn.Module"
    lines: list[Line] = [(f"class {name}({base}):", "")]
    lists: dict[str, list[str]] = {}
    for attribute, text in _lists(first.makings):
        lists.setdefault(attribute, []).append(text)
    if first.doc:
        lines += [(f"    {first.doc}", ""), ("", "")]
    if first.makings:
        given = [
            f"{named}: {_type_of([columns[spots[0]][row] for row in range(len(drawn))])}"
            for named, spots in zip(names, varying.values(), strict=True)
        ]
        head = _head("__init__", ["self", *given], "None")
        lines += [*((line, "") for line in head), ("        super().__init__()", "")]
    for number, making in enumerate(first.makings):
        made = [
            call.text(
                {
                    key: Argument(argument[spot])
                    if (spot := (number, place, key)) in argument
                    else value
                    for key, value in call.values.items()
                }
            )
            if argument
            else call.plain
            for place, call in enumerate(making.calls)
        ]
        lines += [(f"        {text}", "") for text in lists.get(making.attribute, ())]
        lines += [(f"        {text}", path) for text, path in making.lines(made)]
    if first.makings:
        lines.append(("", ""))
    lines += first.methods
    calls = tuple(
        Call(
            name,
            {
                named: columns[spots[0]][row]
                for named, spots in zip(names, varying.values(), strict=True)
            },
        )
        for row in range(len(drawn))
    )
    return Written(lines, calls)


def grouped(drawn: Iterable[Drawn]) -> list[list[int]]:
    """Return the numbers of the instances that can be one class, group by group."""
    groups: dict[object, list[int]] = {}
    bodies = list(drawn)
    for number, body in enumerate(bodies):
        groups.setdefault(body.fixed, []).append(number)
    found: list[list[int]] = []
    for members in groups.values():
        if len(write("_", [bodies[number] for number in members]).calls[0].values) <= _ARGUMENTS:
            found.append(members)
            continue
        alike: dict[object, list[int]] = {}
        for number in members:
            values = repr([[c.values for c in making.calls] for making in bodies[number].makings])
            alike.setdefault(values, []).append(number)
        found += alike.values()
    return found


def _names(
    first: Drawn, groups: Sequence[Sequence[tuple[int, int, str]]], wishes: set[str]
) -> list[str]:
    """Return a name for each group of places that hold one argument."""
    found: list[str] = []
    for spots in groups:
        calls = [(first.makings[n], first.makings[n].calls[place], key) for n, place, key in spots]
        hinted = [call.hints[key] for _, call, key in calls if call.hints.get(key) in wishes]
        keys = [key for _, _, key in calls]
        making = calls[0][0]
        options = [
            *hinted,
            *(key for key in keys if key not in wishes),
            f"{making.attribute}_{keys[0]}",
        ]
        free = [name for name in options if name not in found and is_name(name)]
        name = free[0] if free else f"size{len(found)}"
        while name in found:
            name += "_"
        found.append(name)
    return found


def _shown(value: Value) -> str:
    return value.name if isinstance(value, Argument) else literal(value)
