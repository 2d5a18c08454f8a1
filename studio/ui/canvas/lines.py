"""The words on a card: its title, and the settings worth a line."""

from __future__ import annotations

from contextlib import suppress

from msgspec.structs import replace

from studio.graph.facts import DataFacts, NodeFacts
from studio.graph.formulas import FormulaError, evaluate, is_formula
from studio.graph.graph import BLOCK, INPUT, NEXT, OUTPUT, PYTHON, STATE, Node
from studio.graph.params import Value, with_defaults
from studio.graph.spec import LayerSpec
from studio.graph.unfold import REPEAT, SHARE_WEIGHTS, Names
from studio.ui.theme import MINUS


def worked_out(node: Node, names: Names) -> Node:
    """Return the node with what its formulas give; one that gives nothing stays as it is written."""
    written = {name: text for name, text in node.params.items() if is_formula(text)}
    if not written or node.kind == PYTHON:
        return node
    params = dict(node.params)
    for name, text in written.items():
        with suppress(FormulaError):  # a problem of the node's own tells of it
            params[name] = evaluate(text, names)
    return replace(node, params=params)


def formula_lines(node: Node, names: Names) -> list[str]:
    """Return each formula of a node with what it gives here: `out_channels =width*2 → 64`."""
    shown = worked_out(node, names)
    if shown is node:
        return []
    return [
        f"{name} {text} → {_value(name, shown.params[name], '')}"
        for name, text in node.params.items()
        if is_formula(text) and shown.params[name] != text
    ]


def title_and_line(
    node: Node,
    spec: LayerSpec | None,
    facts: NodeFacts | None,
    data: DataFacts | None,
    top: bool,
    layers: int,
) -> tuple[str, str]:
    """Return what a node is called, and its settings.

    `data` is what comes into a network, `top` whether the sheet is one; `layers` are a block's.
    """
    if node.kind == INPUT:
        if top and data:
            return _data_title(data), _data_line(data)
        return ("Data" if top else "Input", node.name)
    if node.kind == OUTPUT:
        return "Output", node.name if not top else ""
    if node.kind in (STATE, NEXT):
        title = spec.title if spec else node.kind.rsplit(".", 1)[-1].title()
        return title, (summary(node, spec, facts) if spec else "") or node.name
    if spec is None:
        return node.kind.rsplit(".", 1)[-1], f"pack missing: {node.kind}"
    if node.kind.startswith(BLOCK):
        count = f"{layers} layer{'' if layers == 1 else 's'}"
        settings = summary(node, spec, facts)
        return spec.title, f"{node.name} · {settings or count}"
    return spec.title, summary(node, spec, facts)


def _data_title(data: DataFacts) -> str:
    """Return the name of the data; of pictures also their size, as they come after all transforms."""
    shape = data.sample.shape
    if data.form != "image" or len(shape) < 2:
        return data.title
    return f"{data.title} {shape[-2]}×{shape[-1]}"


def _data_line(data: DataFacts) -> str:
    shape = data.sample.shape
    if data.form == "image":
        first = {1: "grey", 3: "colour"}.get(shape[0] if len(shape) == 3 else 1, "image")  # type: ignore[arg-type]
    elif data.form == "sequence":
        first = f"{shape[0]} steps" if shape else "sequence"
    else:
        count = len(data.features) or (shape[-1] if shape else 0)
        first = f"{count} features"
    what = f"{len(data.classes)} classes" if data.classes else data.task
    return f"{first} · {what}"


#: Parameters that a card tells by marks, not by words.
_MARKED = (REPEAT, SHARE_WEIGHTS)
#: Parameters that need no name, and what stands before or after others.
_BARE = ("out_channels", "kernel_size", "output_size", "size")
_AFTER = {
    "out_features": "outputs",
    "hidden_size": "hidden",
    "num_layers": "layers",
    "num_heads": "heads",
    "nhead": "heads",
    "embed_dim": "wide",
    "d_model": "wide",
}
_BEFORE = {"padding": "pad", "negative_slope": "slope", "normalized_shape": "over"}


def summary(node: Node, spec: LayerSpec, facts: NodeFacts | None) -> str:
    """Return the parameters worth a line: `32 · 3×3 · stride 1 · pad 0`."""
    values = with_defaults(spec.params, node.params)
    if facts:
        values |= {key: value for key, value in facts.inferred.items() if values.get(key) is None}
    parts = []
    for name in spec.summary:
        param = spec.param(name)
        value = values.get(name)
        if param is None or param in _MARKED or value is False:
            continue
        if value is None and not param.required:
            continue
        if value is True:
            parts.append(name.replace("_", " "))
            continue
        text = "?" if value is None else _value(name, value, spec.kind)
        if name in _AFTER:
            noun = _AFTER[name]
            text = f"{text} {noun.removesuffix('s') if value == 1 else noun}"
        elif name not in _BARE:
            text = f"{_BEFORE.get(name, name.replace('_', ' '))} {text}"
        parts.append(text)
    return " · ".join(parts)


def _value(name: str, value: Value, kind: str) -> str:
    if isinstance(value, tuple):
        return "×".join(str(part) for part in value)
    if name in ("kernel_size", "output_size") and kind[-2:] in ("2d", "3d"):
        return "×".join([str(value)] * int(kind[-2]))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace("-", MINUS) if isinstance(value, (int, float)) else text
