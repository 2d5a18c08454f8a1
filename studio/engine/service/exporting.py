"""Networks on their way out: what each kind of file is given, and who writes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from studio import compile
from studio.compile import exporters
from studio.compile.exporters import ExportProblem, Leaving
from studio.engine import protocol as p
from studio.engine.service.shelf import Shelf
from studio.graph.graph import INPUT
from studio.graph.spec import ExporterSpec, LayerSpec
from studio.train.script import write_script

SCRIPT = ExporterSpec(
    kind="script",
    title="Training script",
    doc="Module, samples and training loop: repeats a run's figures with PyTorch alone.",
    suffix=".py",
)


def specs() -> dict[str, ExporterSpec]:
    """Return every kind of file, the usual one first."""
    programs = {kind: made.spec(kind) for kind, made in exporters.EXPORTERS.items()}
    return {"pytorch": programs.pop("pytorch"), "script": SCRIPT, **programs}


def export(shelf: Shelf, layers: Mapping[str, LayerSpec], request: p.Export) -> p.Exported:
    """Write the file that is asked for.

    Raises: ExportProblem, Unfinished, DataProblem, ExplainProblem, TrainProblem.
    """
    project, network, path = request.project, request.network, Path(request.path)
    dataset = shelf.dataset(project.data)
    facts = compile.infer(project, layers, shelf.facts(project), cache=shelf.cache())
    source = compile.source(project, network, layers, facts)
    if network == "main":
        module = shelf.replica(project, request.weights, dataset.facts)
    else:
        module = shelf.module(project, network, dataset.facts).eval()
    known = facts.networks[network].nodes
    inputs = project.networks[network].graph.of_kind(INPUT)
    kinds = tuple(known[node.id].outputs["out"] for node in inputs)
    leaving = Leaving(module, source, kinds, trained=bool(request.weights))
    try:
        if request.to == SCRIPT.kind:
            lines = tuple(write_script(leaving, project, dataset, path))
        else:
            lines = exporters.export(request.to, leaving, path)
    except OSError as error:
        raise ExportProblem(
            f"{path} cannot be written ({error.strerror}). Choose another place, or free some space."
        ) from None
    return p.Exported(str(path), lines)
