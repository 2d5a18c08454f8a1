"""`list`: everything that can be named at the command line."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from studio.cli.ending import FINE, WrongUse
from studio.cli.headless import Headless
from studio.cli.output import print_json
from studio.graph.catalog import Catalog, PackInfo
from studio.graph.params import Param
from studio.graph.spec import Spec
from studio.paths import Paths


def list_kinds(given: argparse.Namespace, here: Paths) -> int:
    """Print what there is of one sort."""
    if given.coverage and given.what != "layers":
        raise WrongUse(f"--coverage is about layers; {given.what} have none. Leave it out.")
    with Headless(here) as studio:
        catalog = studio.session.catalog
    if given.coverage:
        from studio.cli import coverage  # it asks torch itself

        return coverage.show(tuple(catalog.layers), given.json)
    rows = entries(catalog, given.what)
    if given.json:
        print_json(rows)
        return FINE
    width = max((len(row["kind"]) for row in rows), default=0)
    for row in rows:
        print(f"{row['kind']:<{width}}  {row['title']}")
    for fault in catalog.faults if given.what in ("packs", "architectures") else ():
        print(f"fault: {fault.file}, line {fault.line}: {fault.message}")
    return FINE


def entries(catalog: Catalog, what: str) -> list[dict[str, Any]]:
    """Return one object for each thing, with at least `kind` and `title`."""
    if what == "packs":
        return [_pack(info) for info in catalog.packs]
    table: dict[str, Spec] = getattr(catalog, {"data": "sources"}.get(what, what))
    return [_entry(spec) for spec in table.values()]


def _entry(spec: Spec) -> dict[str, Any]:
    raw: dict[str, Any] = msgspec.to_builtins(spec)
    always = {"kind": spec.kind, "title": spec.title, "doc": spec.doc, "pack": spec.pack}
    return always | raw | {"params": [_param(param) for param in spec.params]}


def _param(param: Param) -> dict[str, Any]:
    raw: dict[str, Any] = msgspec.to_builtins(param)
    return {"default": msgspec.to_builtins(param.default)} | raw


def _pack(info: PackInfo) -> dict[str, Any]:
    raw: dict[str, Any] = msgspec.to_builtins(info)
    return {"kind": info.name, "title": info.title or info.name} | raw
