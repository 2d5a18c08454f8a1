"""What an engine keeps between requests: data sets and replicas, the latest few of each."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import torch
from msgspec.structs import replace
from torch import nn

from studio import compile, data, explain, train
from studio.data import Dataset
from studio.graph.facts import DataFacts
from studio.graph.project import DataRef, Project
from studio.graph.spec import LayerSpec

DATASETS = 3
REPLICAS = 4

T = TypeVar("T")


class Shelf:
    """Opens data and builds replicas, once for each that is asked for. Thread-safe."""

    def __init__(
        self,
        specs: Callable[[], Mapping[str, LayerSpec]],
        base: Path,
        kept: compile.Kept,
        consent: compile.Consent,
        datasets: Path | None = None,
    ) -> None:
        self._kept = kept
        self._consent = consent
        self._specs = specs
        self._base = base
        self._published = data.published_sources(datasets) if datasets else {}
        self._datasets: _Latest[Dataset] = _Latest(DATASETS)
        self._replicas: _Latest[nn.Module] = _Latest(REPLICAS)

    def dataset(self, ref: DataRef) -> Dataset:
        """Return the data; files that have changed since are read again.

        Raises: DataProblem.
        """
        ref = replace(ref, augment=())  # which changes batches, not the data
        key = (_digest(ref), *(_stamp(self._base / value) for value in _texts(ref)))
        return self._datasets.get(key, lambda: data.open(ref, self._base, self._published))

    def facts(self, project: Project) -> DataFacts:
        """Return what a project's networks see of its data.

        Raises: DataProblem.
        """
        return train.seen(project.recipe, self.dataset(project.data).facts)

    def module(self, project: Project, network: str, facts: DataFacts) -> nn.Module:
        """Return a module of a network as training would start with it: fresh, or with its start weights.

        Raises: Unfinished, StartProblem.
        """
        facts = train.seen(project.recipe, facts)
        module = compile.build(project, network, self._specs(), facts, self.cache())
        if project.weights and network == "main":
            compile.start_from(module, self._base / project.weights)
        return module

    def cache(self) -> compile.Cache:
        """Return a fresh cache: one is used by one thread at a time."""
        return compile.Cache(kept=self._kept, consent=self._consent)

    def subject(self, project: Project, weights: str) -> tuple[nn.Module, Dataset]:
        """Return what is explained: a replica with the weights of a file, and the data it reads.

        Raises: Unfinished, ExplainProblem, DataProblem.
        """
        dataset = self.dataset(project.data)
        explain.check_applies(project, dataset.facts)
        return self.replica(project, weights, dataset.facts), dataset

    def replica(self, project: Project, weights: str, facts: DataFacts) -> nn.Module:
        """Return the main network apart from the one that trains, with the weights of a file.

        Without a file it has those that training would start from.

        Raises: Unfinished, ExplainProblem.
        """
        seed = project.recipe.seed
        parts = (project.networks, project.blocks, project.constants, seed, facts)
        start = _stamp(self._base / project.weights) if project.weights else None
        key = (_digest(parts), _stamp(Path(weights)) if weights else start)

        def make() -> nn.Module:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return explain.replica(self.module(project, "main", facts), weights)

        return self._replicas.get(key, make)


class _Latest(Generic[T]):
    """The latest few things by key; a thing is made once, also when two threads want it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the thing at `key`, made if it is not there."""
        with self._lock:
            if key not in self._things:
                thing = make()
                self._things[key] = thing
                if len(self._things) > self._most:
                    self._things.popitem(last=False)
            self._things.move_to_end(key)
            return self._things[key]


def _digest(value: object) -> bytes:
    return hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=16).digest()


def _texts(ref: DataRef) -> list[str]:
    """The parameters that may name a file."""
    return [value for value in ref.params.values() if isinstance(value, str) and value]


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return (str(path), 0, 0)
    return (str(path), status.st_mtime_ns, status.st_size)
