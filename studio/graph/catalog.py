"""The catalogue: every spec by kind, as one value that travels and is cached."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from studio.graph.problems import Fault
from studio.graph.spec import (
    ArchitectureSpec,
    ExporterSpec,
    LayerSpec,
    MethodSpec,
    OptionSpec,
    SourceSpec,
    Spec,
)


class PackInfo(Struct, frozen=True, omit_defaults=True):
    """A pack as the Plugins panel shows it; read from `pack.toml` without running its code."""

    name: str
    title: str = ""
    version: str = ""
    api: int = 0
    licence: str = ""
    authors: tuple[str, ...] = ()
    doc: str = ""
    path: str = ""
    offers: tuple[str, ...] = ()
    bundled: bool = False


class Catalog(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Everything that can be put on the canvas or chosen in a form, by permanent kind."""

    layers: dict[str, LayerSpec] = field(default_factory=dict)
    architectures: dict[str, ArchitectureSpec] = field(default_factory=dict)
    sources: dict[str, SourceSpec] = field(default_factory=dict)
    transforms: dict[str, OptionSpec] = field(default_factory=dict)
    augmentations: dict[str, OptionSpec] = field(default_factory=dict)
    learners: dict[str, OptionSpec] = field(default_factory=dict)
    optimizers: dict[str, OptionSpec] = field(default_factory=dict)
    schedules: dict[str, OptionSpec] = field(default_factory=dict)
    losses: dict[str, OptionSpec] = field(default_factory=dict)
    methods: dict[str, MethodSpec] = field(default_factory=dict)
    exporters: dict[str, ExporterSpec] = field(default_factory=dict)
    packs: tuple[PackInfo, ...] = ()
    faults: tuple[Fault, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


class UnknownKind(LookupError):
    """A kind that is not in the catalogue, or an ending that fits several; the message says which."""


def find_kind(specs: Mapping[str, Spec], text: str, noun: str = "entry") -> str:
    """Return the kind that `text` names: the kind itself, or any unique ending of it.

    Raises: UnknownKind.
    """
    if text in specs:
        return text
    wanted = text.lower()
    exact = [kind for kind in specs if kind.lower().split(".")[-1] == wanted]
    hits = exact or [kind for kind in specs if kind.lower().endswith(wanted)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise UnknownKind(f"{text!r} fits several: {', '.join(sorted(hits))}. Name one of them.")
    raise UnknownKind(
        f"There is no {noun} named {text!r}. Known ones: {', '.join(sorted(specs)) or 'none'}."
    )
