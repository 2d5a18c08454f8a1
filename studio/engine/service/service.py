"""A table of requests, and what is done for each."""

from __future__ import annotations

import gc
import math
import os
import platform
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import nn

from studio import __version__, compile, data, explain, layers, train
from studio.data import DataProblem, Dataset
from studio.engine import catalogue_cache
from studio.engine import protocol as p
from studio.engine.lanes import Do, Lane, Work
from studio.engine.service import exporting, importing, weighing
from studio.engine.service.augmenting import augmented
from studio.engine.service.foreign import Spare
from studio.engine.service.foresight import Foresight
from studio.engine.service.refusals import NotHere, refusal
from studio.engine.service.shelf import Shelf
from studio.engine.service.training import Run, Training
from studio.engine.serving import Respond
from studio.engine.setup import Setup
from studio.extensions.load import Packs, load_packs
from studio.graph.builder import Net
from studio.graph.catalog import Catalog
from studio.graph.facts import DataFacts, ProjectFacts
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.spec import LayerSpec, SourceSpec

_JOB = (p.Train, p.Control, p.Snapshot, p.Watch, p.TryChange)


class Service:
    """Everything that needs torch, for one client.

    Quick requests (they share the cache of shapes) and slow ones have a thread each; a job has its own; steering and cancelling are
    done at once.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._lock = threading.RLock()
        self._layers: dict[str, LayerSpec] | None = None
        self._packs: Packs | None = None
        self._kept = compile.Kept(Path(setup.cache) if setup.cache else None)
        self._consent = compile.Consent(safe=setup.safe)
        self._cache = compile.Cache(kept=self._kept, consent=self._consent)
        self._datasets = Path(setup.datasets) if setup.datasets else None
        self._shelf = Shelf(
            self._specs, Path(setup.base), self._kept, self._consent, self._datasets
        )
        self._inferred = False
        self._known: tuple[Project, DataFacts | None, ProjectFacts] | None = None
        self._foresight = Foresight()
        self._training = Training()
        self._readers = Spare()
        self._quick = Lane("quick", refusal)
        self._slow = Lane("slow", refusal)
        self._network = Lane("network", refusal)
        self._table: dict[type, tuple[Lane, Do]] = {
            p.GetCatalogue: (self._quick, self._catalogue),
            p.RescanPacks: (self._quick, self._rescan),
            p.Infer: (self._quick, self._infer),
            p.GetOffers: (self._quick, self._offers),
            p.BuildArchitecture: (self._quick, self._draw),
            p.GetSource: (self._quick, self._source),
            p.ReadSource: (self._quick, self._read_source),
            p.GetData: (self._quick, self._data),
            p.LookAt: (self._quick, self._look_at),
            p.Fetch: (self._network, self._fetch),
            p.GetSamples: (self._quick, self._samples),
            p.Predict: (self._slow, self._predict),
            p.Explain: (self._slow, self._explain),
            p.GetAttention: (self._slow, self._attention),
            p.Peek: (self._slow, self._peek),
            p.TryChange: (self._slow, self._try_change),
            p.Embed: (self._slow, self._embed),
            p.Export: (self._slow, self._export),
            p.Import: (self._slow, self._import),
            p.PrepareImport: (self._quick, self._prepare_import),
            p.GetOutline: (self._quick, self._outline),
            p.GetWeightNames: (self._slow, self._weight_names),
            p.TakeWeights: (self._slow, self._take_weights),
        }
        self._warm = threading.Event()
        if setup.role == "job":
            self._quick.put(Work(0, p.Ping(), lambda body: self._warm.set()), self._warm_up)
        else:
            self._warm.set()

    # ------------------------------------------------------------------------------ as a handler

    def take(self, ask: p.Ask, respond: Respond) -> None:
        """Begin with a request."""
        work = Work(ask.id, ask.body, respond)
        try:
            self._check_role(ask.body)
            match ask.body:
                case p.Ping():
                    respond(self._hello())
                case p.Trust(digests=digests, held=held):
                    self._consent.give(digests, held)
                    self._known = None
                    respond(p.Done())
                case p.Train():
                    self._training.start(work, self._job(ask.body.job))
                case p.Control():
                    respond(self._training.control(ask.body))
                case p.Watch():
                    respond(self._training.watch(ask.body.rate_hz))
                case p.Snapshot():
                    self._training.snapshot(respond)
                case p.TryChange() if self._training.running:
                    self._training.try_change(ask.body, respond)
                case _:
                    lane, do = self._table[type(ask.body)]
                    lane.put(work, do, newest_only=isinstance(ask.body, p.Infer))
        except NotHere as error:
            respond(refusal(error))

    def cancel(self, number: int) -> None:
        """Give up a request."""
        self._quick.cancel(number)
        self._slow.cancel(number)
        self._network.cancel(number)
        self._training.cancel(number)

    def close(self) -> None:
        """Stop the job, drop what waits, end every thread."""
        self._training.close()
        self._quick.close()
        self._slow.close()
        self._network.close()
        self._kept.save()

    @property
    def at_work(self) -> bool:
        """Whether a run is under way, whose last checkpoint has to be written."""
        return self._training.running

    def _check_role(self, request: p.Request) -> None:
        role = self._setup.role
        if isinstance(request, p.Ping | p.Trust) or role == "all":
            return
        if isinstance(request, _JOB) != (role == "job"):
            what = "trains and does nothing else" if role == "job" else "does not train"
            raise NotHere(f"This engine {what}, but was asked for {type(request).__name__}.")

    # -------------------------------------------------------------------------------- what exists

    def _hello(self) -> p.Hello:
        return p.Hello(
            protocol=p.PROTOCOL,
            versions=_versions(),
            devices=train.devices(),
            pid=os.getpid(),
            cores=train.cores(),
        )

    def _specs(self) -> Mapping[str, LayerSpec]:
        with self._lock:
            if self._layers is None:
                self._layers = layers.builtin()
            return self._layers

    def _loaded_packs(self) -> Packs:
        with self._lock:
            if self._packs is None:
                self._packs = load_packs([Path(folder) for folder in self._setup.packs])
            return self._packs

    def _catalogue(self, work: Work) -> p.CatalogueAnswer:
        packs = self._loaded_packs()
        catalog = Catalog(
            layers=dict(self._specs()),
            architectures=packs.architectures,
            sources=self._sources(),
            transforms=data.transforms(),
            augmentations=data.augmentations(),
            learners=train.learner_specs(),
            optimizers=train.optimizers(),
            schedules=train.schedules(),
            losses=train.losses(),
            methods=explain.methods(),
            exporters=exporting.specs(),
            packs=packs.infos,
            faults=packs.faults,
            versions=_versions(),
        )
        if self._setup.cache:
            catalogue_cache.write(Path(self._setup.cache), packs.hash, catalog)
        return p.CatalogueAnswer(catalog)

    def _sources(self) -> dict[str, SourceSpec]:
        published = data.published_sources(self._datasets) if self._datasets else {}
        return data.sources() | {kind: source.spec for kind, source in published.items()}

    def _look_at(self, work: Work) -> p.Surveyed:
        request = work.request
        assert isinstance(request, p.LookAt)
        return p.Surveyed(data.survey(Path(request.path)))

    def _fetch(self, work: Work) -> p.Done:
        request = work.request
        assert isinstance(request, p.Fetch)
        if self._datasets is None:
            raise NotHere("This engine was started without a folder for data sets.")
        wanted = data.published_set(request.kind)
        folder = self._datasets / wanted.name
        data.fetch(wanted.files, folder, work.report, work.cancelled)
        return p.Done()

    def _rescan(self, work: Work) -> p.CatalogueAnswer:
        with self._lock:
            self._packs = None
        return self._catalogue(work)

    # --------------------------------------------------------------------------- about a document

    def _infer(self, work: Work) -> p.FactsAnswer:
        request = work.request
        assert isinstance(request, p.Infer)
        facts: DataFacts | None = None
        wrong: tuple[Problem, ...] = ()
        try:
            facts = self._shelf.facts(request.project)
            data.augmenter(request.project.data.augment, facts)
        except DataProblem as error:
            wrong = (Problem(str(error), network=""),)
        until = math.inf if request.proofs_s is None else time.monotonic() + request.proofs_s
        found = compile.infer(
            request.project,
            self._specs(),
            facts,
            request.revision,
            self._cache,
            lambda: work.cancelled() or time.monotonic() > until,
            train.wanted,
        )
        if not self._inferred:
            self._inferred = True  # what the first project needed is what the next start needs
            self._kept.save()
            gc.freeze()  # PyTorch lives as long as the process: no collection need look through it
        self._known = (request.project, facts, found)
        memory = self._foresight.memory(request.project, found)
        told = self._foresight.problems(request.project, found, memory)
        problems = (*wrong, *told, *found.problems)
        return p.FactsAnswer(msgspec.structs.replace(found, problems=problems, memory=memory))

    def _offers(self, work: Work) -> p.Offers:
        request = work.request
        assert isinstance(request, p.GetOffers)
        found = compile.offers(
            request.gap, self._specs(), request.blocks, self._cache, work.cancelled
        )
        return p.Offers(found)

    def _draw(self, work: Work) -> p.Drawn:
        request = work.request
        assert isinstance(request, p.BuildArchitecture)
        return p.Drawn(self._loaded_packs().draw(request.kind, request.params))

    def _facts(self, project: Project, data: DataFacts | None) -> ProjectFacts:
        """Return what is known of a project: what was told last, where it was this one's."""
        known = self._known
        if known is not None and known[1] == data and known[0] == project:
            return known[2]
        return compile.infer(project, self._specs(), data, 0, self._cache, wants=train.wanted)

    def _source(self, work: Work) -> p.SourceText:
        request = work.request
        assert isinstance(request, p.GetSource)
        facts = self._shelf.facts(request.project)
        found = self._facts(request.project, facts)
        written = compile.source(
            request.project, request.network, self._specs(), found, request.tapped
        )
        return p.SourceText(written.text, written.nodes)

    def _read_source(self, work: Work) -> p.SourceRead:
        request = work.request
        assert isinstance(request, p.ReadSource)
        facts = self._shelf.facts(request.project)
        found = self._facts(request.project, facts)
        reader = compile.Reader(
            request.project, request.network, self._specs(), facts, self._cache, found
        )
        read = reader.read(request.text)
        return p.SourceRead(read.edit, read.message, read.line)

    def _export(self, work: Work) -> p.Exported:
        request = work.request
        assert isinstance(request, p.Export)
        known = exporting.specs()
        if request.to not in known:
            raise NotHere(
                f"Networks can be exported to {', '.join(known)}, not to {request.to[:40]!r}."
            )
        return exporting.export(self._shelf, self._specs(), request)

    def _import(self, work: Work) -> p.Imported:
        request = work.request
        assert isinstance(request, p.Import)
        return importing.bring(request, work.cancelled, self._readers.take, self._setup.safe)

    def _prepare_import(self, work: Work) -> p.Done:
        request = work.request
        assert isinstance(request, p.PrepareImport)
        self._readers.keep(request.wanted)
        return p.Done()

    def _outline(self, work: Work) -> p.Outline:
        request = work.request
        assert isinstance(request, p.GetOutline)
        return importing.outlined(request)

    def _weight_names(self, work: Work) -> p.WeightNames:
        request = work.request
        assert isinstance(request, p.GetWeightNames)
        return weighing.names(self._shelf, request)

    def _take_weights(self, work: Work) -> p.WeightsTaken:
        request = work.request
        assert isinstance(request, p.TakeWeights)
        return weighing.take(self._shelf, request)

    # ------------------------------------------------------------------------------- about samples

    def _data(self, work: Work) -> p.DataAnswer:
        request = work.request
        assert isinstance(request, p.GetData)
        return p.DataAnswer(self._shelf.dataset(request.data).facts)

    def _samples(self, work: Work) -> p.SampleSet:
        request = work.request
        assert isinstance(request, p.GetSamples)
        dataset = self._shelf.dataset(request.data)
        samples = dataset.at(request.split, request.indices)
        if request.augmented:
            samples = augmented(dataset, request)
        return p.SampleSet(
            request.split,
            request.indices,
            samples.inputs.numpy().astype(np.float32, copy=False),
            samples.targets.numpy(),
        )

    # --------------------------------------------------------------------------- about what it sees

    def _predict(self, work: Work) -> p.Predictions:
        request = work.request
        assert isinstance(request, p.Predict)
        module, dataset = self._subject(request.project, request.weights)
        return explain.predict(request, module, dataset, work.cancelled, work.report)

    def _explain(self, work: Work) -> p.Explanation:
        request = work.request
        assert isinstance(request, p.Explain)
        module, dataset = self._subject(request.project, request.weights)
        return explain.explain(request, module, dataset, work.cancelled, work.report)

    def _attention(self, work: Work) -> p.AttentionMaps:
        request = work.request
        assert isinstance(request, p.GetAttention)
        module, dataset = self._subject(request.project, request.weights)
        return explain.attention(request, module, dataset)

    def _peek(self, work: Work) -> p.Peeked:
        request = work.request
        assert isinstance(request, p.Peek)
        module, dataset = self._shelf.subject(request.project, request.weights)
        return explain.peek(request, module, dataset, work.cancelled)

    def _embed(self, work: Work) -> p.Embedded:
        request = work.request
        assert isinstance(request, p.Embed)
        return explain.neighbours(request, work.cancelled, work.report)

    def _subject(self, project: Project, weights: str) -> tuple[nn.Module, Dataset]:
        """Return the replica that is asked about, as the project's surgery has it, and its data."""
        module, dataset = self._shelf.subject(project, weights)
        return explain.operated(module, project, dataset), dataset

    # ----------------------------------------------------------------------------------- the job

    def _warm_up(self, work: Work) -> p.Answer:
        """Take one training step of next to nothing: PyTorch loads much only when first needed."""
        net = Net()
        x = net.add("torch.nn.Flatten", net.input())
        net.output(net.add("torch.nn.Linear", x, out_features=10))
        project = net.project()
        dataset = self._shelf.dataset(project.data)
        with torch.random.fork_rng(devices=[]):
            module = self._shelf.module(project, "main", dataset.facts)
        optimizer = torch.optim.AdamW(module.parameters())
        few = dataset.train.slice(0, 8)
        torch.nn.functional.cross_entropy(module(few.inputs), few.targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return p.Done()

    def _try_change(self, work: Work) -> p.Tried:
        request = work.request
        assert isinstance(request, p.TryChange)
        dataset = self._shelf.dataset(request.project.data)
        learner = train.builtin_learners()[request.project.recipe.learner]
        return train.compare_stored(request, self._shelf.module, dataset, learner, work.cancelled)

    def _job(self, job: p.Job) -> Run:
        def run(controls: train.Controls) -> Iterator[p.Event]:
            dataset = self._shelf.dataset(job.project.data)
            self._warm.wait()  # it draws from the same random numbers
            return train.run(job, self._shelf.module, dataset, controls)

        return run


def _versions() -> dict[str, str]:
    return {
        "neuroloom": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }
