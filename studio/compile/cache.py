"""What was asked of PyTorch before: answers by question, so that an edit asks for little."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from msgspec.structs import replace

from studio.compile.consent import Consent
from studio.compile.kept import Kept, Probed
from studio.graph.graph import Graph
from studio.graph.project import Project

_Answer = TypeVar("_Answer")


class Memory(dict[Hashable, Any]):
    """Answers by question; past `limit` the older half is forgotten."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def recall(self, question: Hashable, work: Callable[[], _Answer]) -> _Answer:
        """Return the answer to `question`, from `work` where it was not asked before."""
        try:
            known: _Answer = self[question]
        except KeyError:
            answer = work()
            self.remember(question, answer)
            return answer
        return known

    def remember(self, question: Hashable, answer: object) -> None:
        """Keep the answer to a question."""
        self[question] = answer
        if len(self) > self.limit:
            for old in list(self)[: self.limit // 2]:
                del self[old]


class Cache:
    """Kept by the engine from one inference to the next; used by one thread at a time.

    `nodes` answers by kind, parameters and input types; `blocks` what a whole block made of what arrived,
    by its definition; `probes` PyTorch's own answers by code and input types; `modules` the layers that
    were asked; `walks` the last walk through each network; `asked` counts how often PyTorch was; `kept` holds probes of earlier starts; `consent` says
    which code of projects may be run.
    """

    def __init__(
        self,
        limit: int = 20_000,
        kept: Kept | None = None,
        consent: Consent | None = None,
    ) -> None:
        self.kept = kept or Kept()
        self.consent = consent or Consent()
        self.nodes = Memory(limit)
        self.blocks = Memory(2_000)
        self.probes = Memory(limit)
        self.modules = Memory(2_000)
        self.walks: dict[str, object] = {}
        self._last: dict[str, Graph] = {}
        self.specs: object = None
        self._consented = self.consent.state
        self.asked = 0

    def probe(self, question: Hashable, work: Callable[[], Probed], keep: bool = True) -> Probed:
        """Return PyTorch's answer to `question`, of this start or an earlier one, else from `work`.

        What is not to `keep` is forgotten at the end of this start. The work draws none of a run's random
        numbers: what is remembered must not decide which weights a seed gives.
        """

        def answer() -> Probed:
            known = self.kept.get(question) if keep else None
            if known is None:
                self.asked += 1
                with torch.random.fork_rng(devices=[]):
                    known = work()
                if keep:
                    self.kept.put(question, known)
            return known

        return self.probes.recall(question, answer)

    def use(self, specs: object) -> None:
        """Forget what was learned with another catalogue, or when other code was trusted."""
        if self._consented != self.consent.state:
            self._consented = self.consent.state
            self.blocks.clear()
            self.walks.clear()
        if specs is not self.specs and specs != self.specs:
            self.nodes.clear()
            self.blocks.clear()
            self.walks.clear()
            self.specs = specs

    def recognised(self, project: Project) -> Project:
        """Return an equal project that shares with the last one the parts that are the same in both."""
        networks = {}
        for name, sheet in project.networks.items():
            known = self._last.get(name)
            graph = sheet.graph.recognised(known) if known is not None else sheet.graph
            self._last[name] = graph
            networks[name] = replace(sheet, graph=graph)
        return replace(project, networks=networks)
