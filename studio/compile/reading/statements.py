"""The statements of a `forward`: which layers run, on what, and what comes out."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.compile.reading.making import Made, Makings, Values
from studio.compile.reading.misread import Misread, short
from studio.compile.reading.patterns import Found, Pattern, Patterns
from studio.graph.graph import BLOCK
from studio.graph.spec import LayerSpec

#: A value: the number of the layer that gives it, and its port.
Ref = tuple[int, str]

#: What a person may write for a layer of torch.nn without weights, and that layer.
_SPELT = {
    "relu": "ReLU", "relu6": "ReLU6", "gelu": "GELU", "silu": "SiLU", "elu": "ELU", "selu": "SELU",
    "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "mish": "Mish",
    "hardswish": "Hardswish", "hardsigmoid": "Hardsigmoid", "logsigmoid": "LogSigmoid",
    "leaky_relu": "LeakyReLU", "dropout": "Dropout", "max_pool2d": "MaxPool2d",
    "avg_pool2d": "AvgPool2d", "adaptive_avg_pool2d": "AdaptiveAvgPool2d",
}  # fmt: skip
_KNOWN = ("torch", "F", "nn", "math", "self", "float")
#: Functions that are also methods, and that are drawn as these.
_METHODS = frozenset({"flatten", "transpose", "squeeze", "unsqueeze", "permute", "mean", "sum"})


@dataclass
class Run:
    """One layer that runs: its kind, what it is set to, and what it reads at each port."""

    kind: str
    line: int
    spec: LayerSpec | None = None
    attribute: str = ""
    target: str = ""
    values: Values = field(default_factory=dict)
    inputs: dict[str, tuple[Ref, ...]] = field(default_factory=dict)
    made: Made | None = None
    times: int = 1
    shared: bool = False

    @property
    def frozen(self) -> bool:
        """Whether its weights stay as they are."""
        return self.made is not None and self.made.frozen


@dataclass
class _Half:
    """A further statement of a layer, which stands before the main one."""

    spec: LayerSpec
    attribute: str
    inputs: Mapping[str, tuple[Ref, ...]]
    targets: list[tuple[str, str]]
    line: int


class Statements:
    """Reads a method statement by statement, keeping what each variable holds."""

    def __init__(
        self,
        patterns: Patterns,
        made: Mapping[str, Made],
        ports: Callable[[str], LayerSpec | None],
        specs: Mapping[str, LayerSpec],
        runs: list[Run],
        variables: dict[str, Ref],
    ) -> None:
        self.runs, self.variables = runs, variables
        self._patterns, self._made, self._ports, self._specs = patterns, made, ports, specs
        self._halves: list[_Half] = []
        self._lifted = 0

    def read(self, body: list[ast.stmt]) -> tuple[list[Ref], int]:
        """Return what the method returns, and the line of that.

        Raises: Misread.
        """
        for number, statement in enumerate(body):
            if isinstance(statement, ast.Return):
                if number + 1 < len(body):
                    raise Misread(body[number + 1].lineno, "Nothing runs after the return.")
                if statement.value is None:
                    raise Misread(statement.lineno, "Return what the network answers.")
                parts = (
                    statement.value.elts
                    if isinstance(statement.value, ast.Tuple)
                    else [statement.value]
                )
                found = [self._value(part) for part in parts], statement.lineno
                if self._halves:
                    self._stray(self._halves[0])
                return found
            if isinstance(statement, ast.For):
                self._loop(statement)
            elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                self._assign(statement.targets[0], statement.value)
            elif isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                name = ast.Name(statement.target.id, ast.Load())
                whole = ast.BinOp(name, statement.op, statement.value)
                self._assign(statement.target, _at(whole, statement))
            elif isinstance(statement, (ast.If, ast.While, ast.Try, ast.With)):
                word = type(statement).__name__.lower()
                raise Misread(statement.lineno, f"A network has no `{word}`: every sample takes the "
                              "same way. Write layers, one below the other.")  # fmt: skip
            else:
                raise Misread(statement.lineno, f"{short(statement)} cannot be drawn. Give what a layer "
                              "computes to a variable: x = self.conv(x).")  # fmt: skip
        raise Misread(body[-1].lineno, "The method needs to end in a return.")

    # ------------------------------------------------------------------------------------- statements

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            if len(target.elts) != len(value.elts):
                raise Misread(target.lineno, "There are more names than values, or fewer.")
            for name, ref in zip(
                target.elts, [self._value(part) for part in value.elts], strict=True
            ):
                self._name(name, ref)
            return
        if isinstance(value, ast.Name):
            self._name(target, self._value(value))
            return
        self._run(value, target)

    def _name(self, target: ast.expr, ref: Ref) -> None:
        if not isinstance(target, ast.Name):
            raise Misread(target.lineno, f"A value needs a name of its own, not {short(target)}.")
        if target.id != "_":
            self.variables[target.id] = ref
            run = self.runs[ref[0]]
            run.target = run.target or target.id

    def _value(self, node: ast.expr) -> Ref:
        """Return the value of an expression; what is more than a name runs first."""
        if isinstance(node, ast.Name):
            if node.id not in self.variables:
                known = ", ".join(name for name in self.variables if not name.startswith("__"))
                raise Misread(node.lineno, f"{node.id} has no value yet here. Known: {known}.")
            return self.variables[node.id]
        return self._run(node, None)

    def _run(self, node: ast.expr, target: ast.expr | None) -> Ref:
        """Read an expression as the layer that it is.

        Raises: Misread.
        """
        attributes = self._attributes(node)
        if len(attributes) == 1:
            made = self._made[attributes[0]]
            if made.block:
                return self._block(made, node, target, 1)
            found = self._layer(node, made, target)
        else:
            found = self._free(node, target) if not attributes else None
        if found is not None:
            return found
        inner = self._inner(node)
        if inner is None:
            raise self._unknown(node, attributes)
        return self._run(inner, target)

    def _layer(self, node: ast.expr, made: Made, target: ast.expr | None) -> Ref | None:
        text, attribute = ast.unparse(node), _spelt(made.attribute)
        for spec, values in made.layers:
            for pattern in self._patterns.lines(spec):
                found = pattern.match(text, attribute)
                if found is not None:
                    return self._take(pattern, found, dict(values), made, node, target)
        return None

    def _free(self, node: ast.expr, target: ast.expr | None) -> Ref | None:
        text = ast.unparse(node)
        for pattern in self._patterns.meant(node):
            found = pattern.match(text)
            if found is not None:
                return self._take(pattern, found, {}, None, node, target)
        return self._function(node, target)

    def _function(self, node: ast.expr, target: ast.expr | None) -> Ref | None:
        """Read `F.relu(x)` and the like as the layer of that name."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        owner, name = ast.unparse(node.func.value), node.func.attr
        if (
            owner == "torch"
            and name in _METHODS
            and node.args
            and isinstance(node.args[0], ast.Name)
        ):
            method = ast.Attribute(node.args[0], name, ast.Load())
            call = ast.Call(method, node.args[1:], node.keywords)
            return self._free(_at(call, node), target)
        spec = self._specs.get(f"torch.nn.{_SPELT.get(name, '')}")
        arguments = list(node.args)
        if spec is None or (owner not in ("torch", "F") and owner not in self.variables):
            return None
        if owner not in ("torch", "F"):
            arguments.insert(0, node.func.value)
        if not arguments or not isinstance(arguments[0], ast.Name):
            return None
        keywords = [one for one in node.keywords if one.arg not in ("training", "inplace")]
        call = ast.Call(ast.parse(spec.code.make, mode="eval").body, arguments[1:], keywords)
        made = Makings(self._patterns, {}).read("", _at(call, node), frozenset())
        ref = self._value(arguments[0])
        port = spec.inputs[0].name
        return self._put(Run(spec.kind, node.lineno, spec, values=dict(made.layers[0][1]),
                             inputs={port: (ref,)}, made=made), spec, target)  # fmt: skip

    def _take(
        self,
        pattern: Pattern,
        found: Found,
        values: Values,
        made: Made | None,
        node: ast.expr,
        target: ast.expr | None,
    ) -> Ref:
        spec, attribute = pattern.spec, made.attribute if made else ""
        inputs = {
            port: tuple(self._value(_at(ast.Name(name, ast.Load()), node)) for name in names)
            for port, names in found.inputs.items()
        }
        if pattern.number:
            if target is None:
                raise Misread(node.lineno, f"Give {short(node)} a name on a line of its own.")
            half = _Half(spec, attribute, inputs, _targets(pattern.target, target), node.lineno)
            self._halves.append(half)
            self.variables |= {name: (-1, name) for _, name in half.targets if name != "_"}
            return (-1, "")
        run = Run(
            spec.kind, node.lineno, spec, attribute, "", values | dict(found.values), inputs, made
        )
        ref = self._put(run, spec, target, pattern.target)
        for half in [
            one for one in self._halves if one.spec is spec and one.attribute == attribute
        ]:
            if half.inputs == inputs:
                self._halves.remove(half)
                for port, name in half.targets:
                    if self.variables.get(name) == (-1, name):
                        self.variables[name] = (ref[0], port)
        return ref

    def _put(self, run: Run, spec: LayerSpec, target: ast.expr | None, pattern: str = "") -> Ref:
        self.runs.append(run)
        number = len(self.runs) - 1
        if target is None:
            if "," in pattern:
                raise Misread(
                    run.line, f"{spec.title} gives several values: name them on a line of its own."
                )
            return number, spec.outputs[0].name
        pattern = pattern or "{" + spec.outputs[0].name + "}"
        for port, name in _targets(pattern, target):
            if name != "_":
                self.variables[name] = (number, port)
                run.target = run.target or name
        return number, spec.outputs[0].name

    # ----------------------------------------------------------------------------------------- blocks

    def _block(self, made: Made, node: ast.expr, target: ast.expr | None, times: int) -> Ref:
        """Read the call of a block; `times` says how often, where its weights are the same each time."""
        spec = self._ports(made.block)
        if spec is None or not isinstance(node, ast.Call):
            raise Misread(node.lineno, f"{short(node)} is no call of the block {made.block}.")
        if any(not isinstance(part, ast.Name) for part in node.args):
            for place, part in enumerate(node.args):
                if not isinstance(part, ast.Name):
                    node.args[place] = self._lift(part)
        required = [port.name for port in spec.inputs if not port.optional]
        if len(node.args) != len(required):
            raise Misread(
                node.lineno, f"{made.block} takes {len(required)} values, not {len(node.args)}."
            )
        inputs: dict[str, tuple[Ref, ...]] = {
            name: (self._value(part),) for name, part in zip(required, node.args, strict=True)
        }
        for keyword in node.keywords:
            if spec.input(keyword.arg or "") is None:
                raise Misread(node.lineno, f"{made.block} has no input {keyword.arg}.")
            inputs[str(keyword.arg)] = (self._value(keyword.value),)
        if made.listed:
            times = len(made.passes)
        run = Run(BLOCK + made.block, node.lineno, spec, made.attribute, "", {}, inputs, made, times,
                  times > 1 and not made.listed)  # fmt: skip
        names = [port.name for port in spec.outputs]
        if target is not None and not isinstance(target, ast.Tuple):
            names = names[:1]
        pattern = ", ".join("{" + name + "}" for name in names)
        return self._put(run, spec, target, pattern if target is not None else "")

    def _loop(self, loop: ast.For) -> None:
        """Read the loop that runs a block several times."""
        wrong = Misread(loop.lineno, "Only a repeated block has a loop: `for block in self.stage: "
                        "x = block(x)`, or `for _ in range(3): x = self.stage(x)`.")  # fmt: skip
        inner = loop.body[0] if len(loop.body) == 1 and not loop.orelse else None
        if not isinstance(inner, ast.Assign) or not isinstance(loop.target, ast.Name):
            raise wrong
        call, over = inner.value, ast.unparse(loop.iter)
        if not isinstance(call, ast.Call):
            raise wrong
        times = re.fullmatch(r"range\((\d{1,4})\)", over)
        if times is not None:
            made = self._made.get(path_of(call.func))
            if made is None or not made.block or made.listed:
                raise wrong
            self._block(made, call, inner.targets[0], int(times[1]))
            return
        made = self._made.get(path_of(loop.iter))
        if made is None or not made.listed or ast.unparse(call.func) != loop.target.id:
            raise wrong
        self._block(made, call, inner.targets[0], 1)

    # ------------------------------------------------------------------------------------ expressions

    def _attributes(self, node: ast.expr) -> list[str]:
        """Return the attributes of `self` that an expression speaks of.

        Raises: Misread, for one that is not made.
        """
        found: dict[str, None] = {}

        def visit(part: ast.AST) -> None:
            path = path_of(part)
            if path:
                pieces = path.split(".")
                for count in range(len(pieces), 0, -1):
                    if (known := ".".join(pieces[:count])) in self._made:
                        found[known] = None
                        return
                raise Misread(node.lineno, f"self.{path} is not made in __init__. Add a line there: "
                              f"self.{path} = nn.ReLU().")  # fmt: skip
            for child in ast.iter_child_nodes(part):
                visit(child)

        visit(node)
        return list(found)

    def _inner(self, node: ast.expr) -> ast.expr | None:
        """Return the expression with the parts that are layers themselves run first; None for no part."""
        changed = False

        def lift(part: Any) -> Any:
            nonlocal changed
            if not isinstance(part, (ast.Call, ast.BinOp, ast.Subscript, ast.UnaryOp, ast.Compare)):
                return part
            if not any(isinstance(one, ast.Name) and one.id in (*self.variables, "self")
                       for one in ast.walk(part)):  # fmt: skip
                return part
            changed = True
            return self._lift(part)

        if isinstance(node, ast.Call):
            for place, part in enumerate(node.args):
                if isinstance(part, ast.List):
                    part.elts = [lift(one) for one in part.elts]
                else:
                    node.args[place] = lift(part)
            if isinstance(node.func, ast.Attribute) and not path_of(node.func):
                node.func.value = lift(node.func.value)
        elif isinstance(node, ast.BinOp):
            node.left, node.right = lift(node.left), lift(node.right)
        elif isinstance(node, ast.Subscript) and not path_of(node):
            node.value = lift(node.value)
        elif isinstance(node, ast.UnaryOp):
            node.operand = lift(node.operand)
        return node if changed else None

    def _lift(self, part: ast.expr) -> ast.expr:
        self._lifted += 1
        name = f"__{self._lifted}"
        self.variables[name] = self._run(part, None)
        lifted: ast.expr = _at(ast.Name(name, ast.Load()), part)
        return lifted

    def _unknown(self, node: ast.expr, attributes: list[str]) -> Misread:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id not in (*self.variables, *_KNOWN):
                return Misread(node.lineno, f"{part.id} is not known here, and has no value yet.")
        if len(attributes) == 1:
            lines = self._made[attributes[0]].layers
            wish = lines[0][0].code.lines[0] if lines else ""
            spelt = re.sub(r"[<>]|:\w+", "", wish).replace("{self}", _spelt(attributes[0]))
            wish = re.sub(r"[{}]", "", spelt)
            return Misread(node.lineno, f"{short(node)} is not how this layer is called: {wish}.")
        return Misread(node.lineno, f"No layer computes {short(node)}. Use what the Library lists, or a "
                       "Python node for code of your own.")  # fmt: skip

    def _stray(self, half: _Half) -> None:
        raise Misread(half.line, f"These weights belong to {half.spec.title}, which is not called.")


def _targets(pattern: str, target: ast.expr) -> list[tuple[str, str]]:
    """Return the ports of a template's left side with the names that stand there."""
    wanted = ast.parse(re.sub(r"[{}]", "", pattern), mode="eval").body

    def pairs(port: ast.expr, name: ast.expr) -> list[tuple[str, str]]:
        if isinstance(name, ast.Name) and (name.id == "_" or isinstance(port, ast.Name)):
            return [(port.id, name.id)] if isinstance(port, ast.Name) else []
        both = isinstance(port, ast.Tuple) and isinstance(name, ast.Tuple)
        if not both or len(port.elts) != len(name.elts):  # type: ignore[attr-defined]
            shown = ast.unparse(wanted).strip("()") if isinstance(wanted, ast.Tuple) else "one name"
            raise Misread(target.lineno, f"What comes out here is {shown}; got {short(target)}.")
        return [
            pair
            for one, other in zip(port.elts, name.elts, strict=True)  # type: ignore[attr-defined]
            for pair in pairs(one, other)
        ]

    return pairs(wanted, target)


def path_of(node: ast.AST) -> str:
    """Return the way from `self` to an attribute: `layers.0`; "" for anything else."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if not isinstance(node.slice.value, str):
                return ""
            parts.append(node.slice.value)
            node = node.value
        else:
            break
    known = isinstance(node, ast.Name) and node.id == "self" and bool(parts)
    return ".".join(reversed(parts)) if known else ""


def _spelt(attribute: str) -> str:
    """Return an attribute as `ast` writes it."""
    return "self" + "".join(
        f"['{part}']" if part.isdecimal() else f".{part}" for part in attribute.split(".")
    )


def _at(node: Any, at: ast.AST) -> Any:
    return ast.fix_missing_locations(ast.copy_location(node, at))
