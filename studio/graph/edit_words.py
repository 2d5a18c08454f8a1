"""Edits in words: what a repair is going to do, before it is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from studio.graph.edits import (
    AddNodes,
    AnyEdit,
    Batch,
    Connect,
    Disconnect,
    EditRefused,
    Insert,
    MoveNodes,
    RemoveNodes,
    SetFlag,
    SetParams,
    SetRecipe,
    Swap,
)
from studio.graph.graph import Link, Node
from studio.graph.params import Value
from studio.graph.project import Project


def described(project: Project, edits: Iterable[AnyEdit]) -> tuple[str, ...]:
    """Return one phrase for each change, as `insert flatten (Flatten) before fc1`; moves are left out."""
    found: list[str] = []
    for edit in edits:
        parts = edit.edits if isinstance(edit, Batch) else (edit,)
        for part in parts:
            found += _phrases(project, part)
            try:
                project = part.apply(project)
            except (
                EditRefused,
                KeyError,
            ):  # the document has gone on; the rest is told as it was meant
                continue
    return tuple(found)


def _phrases(project: Project, edit: AnyEdit) -> list[str]:
    match edit:
        case MoveNodes():
            return []
        case Insert(where=where, node=node, link=wire):
            return [f"insert {_new(node)} before {_name(project, where, wire.target.node)}"]
        case AddNodes(nodes=nodes):
            return [f"add {_new(node)}" for node in nodes]
        case RemoveNodes(where=where, nodes=keys, heal=heal):
            names = ", ".join(_name(project, where, key) for key in keys)
            return [f"delete {names}" + (" and join its wires" if heal else "")]
        case Swap(where=where, node=key, kind=kind):
            return [f"make {_name(project, where, key)} a {kind.rsplit('.', 1)[-1]}"]
        case Connect(where=where, link=wire):
            return [f"wire {_wire(project, where, wire)}"]
        case Disconnect(where=where, links=wires):
            return [f"cut {_wire(project, where, wire)}" for wire in wires]
        case SetFlag(where=where, nodes=keys, flag=flag, on=on):
            verb = {"bypassed": "bypass", "frozen": "freeze"}.get(flag, flag)
            names = ", ".join(_name(project, where, key) for key in keys)
            return [f"{verb} {names}" if on else f"stop {_doing(verb)} {names}"]
        case SetParams(where=where, node=key, values=values, reset=reset):
            before = _params(project, where, key)
            name = _name(project, where, key)
            return [
                *(f"{name}: {_change(word, before, value)}" for word, value in values.items()),
                *(f"{name}: {word} as it starts" for word in reset),
            ]
        case SetRecipe(values=values):
            recipe = {word: getattr(project.recipe, word, None) for word in values}
            return [_change(word, recipe, value) for word, value in values.items()]
        case _:
            return [edit.title[:1].lower() + edit.title[1:]]


def _change(word: str, before: Mapping[str, Value], value: Value) -> str:
    old = before.get(word)
    words = word.replace("_", " ")
    return f"{words} {_shown(value)}" if old is None else f"{words} {_shown(old)} → {_shown(value)}"


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return "×".join(map(_shown, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).replace("-", "−") if isinstance(value, (int, float)) else str(value)


def _doing(verb: str) -> str:
    return {"freeze": "freezing"}.get(verb, f"{verb}ing")


def _new(node: Node) -> str:
    return f"{node.name} ({node.kind.rsplit('.', 1)[-1]})"


def _wire(project: Project, where: str, wire: Link) -> str:
    ends = (wire.source.node, wire.target.node)
    return " → ".join(_name(project, where, key) for key in ends)


def _name(project: Project, where: str, key: str) -> str:
    node = _node(project, where, key)
    return node.name if node else key


def _params(project: Project, where: str, key: str) -> Mapping[str, Value]:
    node = _node(project, where, key)
    return node.params if node else {}


def _node(project: Project, where: str, key: str) -> Node | None:
    try:
        return project.sheet(where).graph.nodes.get(key)
    except KeyError:
        return None
