"""What the layer search offers: which kinds fit a place, what they give there, in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from studio.graph.connect import fits
from studio.graph.facts import TensorType
from studio.graph.graph import INPUT, REROUTE
from studio.graph.offers import Offer, entry, open_inputs
from studio.graph.spec import CATEGORIES, LayerSpec, Port
from studio.ui.palette import score

#: What mostly comes behind a layer of each category, the likeliest first.
_FOLLOWS: dict[str, tuple[str, ...]] = {
    "": ("conv", "dense", "act", "pool", "norm"),
    "io": ("conv", "tensor", "dense", "seq", "norm"),
    "conv": ("norm", "act", "pool", "conv", "tensor"),
    "norm": ("act", "conv", "attn", "pool", "dense"),
    "act": ("conv", "pool", "dense", "norm", "tensor"),
    "pool": ("conv", "tensor", "norm", "dense"),
    "tensor": ("dense", "act", "conv", "norm"),
    "dense": ("act", "norm", "dense", "io"),
    "seq": ("seq", "tensor", "dense", "norm"),
    "attn": ("norm", "tensor", "dense", "attn"),
}

#: Layers that most networks are made of, the most usual first: they come before their relatives.
_COMMON = {
    title: 9.0 - 0.2 * rank
    for rank, title in enumerate(
        """
        Conv2d Linear ReLU BatchNorm2d MaxPool2d Flatten GELU LayerNorm Add Embedding LSTM
        MultiheadAttention AdaptiveAvgPool2d Concat Conv1d BatchNorm1d Dropout GRU AvgPool2d SiLU Sigmoid
        Tanh ConvTranspose2d Upsample GroupNorm Output MaxPool1d Mean Softmax TransformerEncoderLayer
        """.split()  # noqa: SIM905
    )
}


@dataclass(frozen=True)
class Wish:
    """What the new layer is for.

    `feed` is the output whose wire it gets, with `tensor` flowing there where that is known, and
    `category` that of the layer before. `taker` is the input that its own wire leads to. `swapped` is
    the kind that it takes the place of. `first` says that nothing is drawn there yet.
    """

    words: str = "Add a layer…"
    feed: Port | None = None
    tensor: TensorType | None = None
    category: str = ""
    taker: Port | None = None
    swapped: str = ""
    first: bool = False


@dataclass(frozen=True)
class Entry:
    """One kind that is offered, what it would give, and why it does not fit ("" where it does).

    `mendable` says that it can be wired all the same: its node then tells what is missing, with repairs.
    `open` are inputs that need wires of their own before it works.
    """

    spec: LayerSpec
    result: str = ""
    reason: str = ""
    mendable: bool = False
    open: tuple[str, ...] = ()
    #: Tells it from another kind of the same title: `core`, `torch.nn`.
    family: str = ""


@dataclass(frozen=True)
class Known:
    """What helps to put entries in order: what the engine tried, and how often kinds are used here."""

    tried: Mapping[str, Offer] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)


def offers(specs: Mapping[str, LayerSpec], wish: Wish, known: Known | None = None) -> list[Entry]:
    """Return every kind, best first, with what it would give there or why it does not fit."""
    known = known or Known()
    entries = [
        _entry(spec, wish, known.tried.get(spec.kind))
        for spec in specs.values()
        if spec.kind not in (REROUTE, wish.swapped)
    ]
    titles = Counter(entry.spec.title for entry in entries)
    entries = [
        replace(one, family=one.spec.kind.rpartition(".")[0]) if titles[one.spec.title] > 1 else one
        for one in entries
    ]
    swapped = specs.get(wish.swapped)
    ranks = {key: n for n, key in enumerate(CATEGORIES)}
    follows = {key: n for n, key in enumerate(_FOLLOWS.get(wish.category, ()))}

    def worth(entry: Entry) -> tuple[float, int, str, bool]:
        spec = entry.spec
        points = 10.0 - 2 * follows.get(spec.category, 5)
        points += _COMMON.get(spec.title, 0.0) + min(3, known.used.get(spec.kind, 0))
        points += 20 * (swapped is not None and spec.category == swapped.category)
        points -= 12 * bool(entry.open)
        if spec.kind == INPUT:  # a drawing begins with one, and seldom has another
            points += 20 if wish.first else -20
        return -points, ranks.get(spec.category, len(ranks)), spec.title, not spec.reference

    return sorted(entries, key=worth)


def ranked(entries: Iterable[Entry], query: str) -> list[Entry]:
    """Return the entries that answer a query, best first; the words of a title count most."""
    if not query.strip():
        return list(entries)
    found = []
    for one in entries:
        words = (CATEGORIES.get(one.spec.category, ""), *one.spec.keywords)
        best = max(
            score(query, one.spec.title) * 2,
            *(score(query, word) for word in words if len(query) > 2),
            0,
        )
        if best:
            found.append((best, one))
    found.sort(key=lambda pair: -pair[0])
    return [one for _, one in found]


def _entry(spec: LayerSpec, wish: Wish, tried: Offer | None) -> Entry:
    reason = _type_reason(spec, wish)
    if reason:
        return Entry(spec, reason=reason)
    if tried is not None:
        words = tried.reason.split(". ")[0].rstrip(".").removeprefix(f"{spec.title} ")
        result = tried.result.text if tried.result else ""
        return Entry(spec, result, words, mendable=bool(words), open=tried.open)
    if wish.feed is None:
        return Entry(spec)
    rank = len(wish.tensor.shape) if wish.tensor else 0
    port = entry(spec, wish.feed.type, rank)
    assert port is not None  # its type fits
    if rank and port.ranks and rank not in port.ranks:
        needed = " or ".join(str(rank) for rank in port.ranks)
        reason = f"needs {needed} dimensions, this wire has {rank}"
        return Entry(spec, reason=reason, mendable=True)
    same = wish.tensor.text if spec.keeps_shape and wish.tensor else ""
    return Entry(spec, same, open=open_inputs(spec, port.name))


def _type_reason(spec: LayerSpec, wish: Wish) -> str:
    """Return why a kind cannot be wired there whatever the shapes are."""
    if wish.feed is not None:
        if not spec.inputs:
            return "has no input"
        if entry(spec, wish.feed.type) is None:
            return f"takes {spec.inputs[0].type}"
    if wish.taker is not None:
        if not spec.outputs:
            return "has no output"
        if not any(fits(port.type, wish.taker.type) for port in spec.outputs):
            return f"gives {spec.outputs[0].type}"
    return ""
