"""`download`: a published data set, brought to this machine once."""

from __future__ import annotations

import argparse
import sys

from studio.cli.ending import FINE, WrongUse
from studio.cli.headless import Headless
from studio.engine.protocol import Done, Event, Fetch, Working
from studio.graph.catalog import UnknownKind, find_kind
from studio.paths import Paths


def download(given: argparse.Namespace, here: Paths) -> int:
    """Fetch a set, or go on with where that broke off; one that is there is left alone."""
    with Headless(here) as studio:
        remote = {
            kind: spec for kind, spec in studio.session.catalog.sources.items() if spec.download
        }
        try:
            kind = find_kind(remote, given.name, "download")
        except UnknownKind as error:
            raise WrongUse(str(error)) from None
        studio.ask(Fetch(kind), Done, _tell if sys.stderr.isatty() else None)
        print(f"{remote[kind].title} is in {here.datasets / kind.rpartition('.')[2]}.")
    return FINE


def _tell(event: Event) -> None:
    if isinstance(event, Working) and event.total:
        done, total = event.done / 1e6, event.total / 1e6
        print(f"\r{event.what:<40.40} {done:.1f} of {total:.1f} MB", end="", file=sys.stderr)
        if event.done == event.total:
            print(file=sys.stderr)
