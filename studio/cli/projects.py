"""`new`, `check` and `export`: a project from an architecture, its problems, its code."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from studio.cli.ending import FINE, JobFailed, WrongUse
from studio.cli.headless import Headless
from studio.cli.output import count, print_json
from studio.cli.settings_given import params_given, recipe_given
from studio.engine.protocol import DataAnswer, Export, Exported, GetData
from studio.engine.runs import newest_weights
from studio.graph.edits import SetData, SetRecipe
from studio.graph.facts import DataFacts, NodeFacts, ProjectFacts
from studio.graph.problems import Problem
from studio.graph.project import DataRef, Project, Recipe
from studio.graph.spec import ArchitectureSpec, SourceSpec
from studio.graph.topology import name_path
from studio.paths import Paths


def new(given: argparse.Namespace, here: Paths) -> int:
    """Draw an architecture, fit it to the data, and write the project."""
    with Headless(here) as studio:
        catalog = studio.session.catalog
        kind = studio.find(catalog.architectures, given.architecture, "architecture")
        spec = catalog.architectures[kind]
        own = {param.name for param in spec.params}
        mine = [pair for pair in given.set if pair[0] in own]
        others = [pair for pair in given.set if pair[0] not in own]
        params = params_given(spec.params, mine)
        project = studio.draw(kind, params)
        source = _source(studio, project.data, given.data)
        of_data, rest = _divided(others, source)
        data = _chosen(source, catalog.sources.get(project.data.kind), project.data, of_data)
        if data != project.data:
            facts = studio.ask(GetData(data), DataAnswer).facts
            if "classes" in own and "classes" not in params:
                studio.draw(kind, {**params, "classes": outputs_for(facts)})
            studio.session.do(SetData(data))
            if facts.task != studio.ask(GetData(project.data), DataAnswer).facts.task:
                # The loss that suits classes suits no measures: leave it to the learner.
                studio.session.do(SetRecipe({"loss": "", "loss_params": {}}))
        recipe = studio.session.document.project.recipe
        changes = recipe_given(recipe, catalog, rest)
        if changes:
            studio.session.do(SetRecipe(changes))
        studio.session.save(given.output)
        studio.raise_errors()
    print(_introduction(spec, given.output))
    return FINE


def _source(studio: Headless, before: DataRef, name: str) -> SourceSpec:
    sources = studio.session.catalog.sources
    kind = studio.find(sources, name, "data source") if name else before.kind
    if kind not in sources:
        raise JobFailed(f"There is no data source of kind {kind!r}. See neuroloom list data.")
    return sources[kind]


def _divided(
    pairs: list[tuple[str, str]], source: SourceSpec
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the settings of the data and those of the recipe, which a name of both means."""
    known = {param.name for param in source.params} - {*Recipe.__struct_fields__}
    mine = [pair for pair in pairs if pair[0] in known or pair[0].startswith("data.")]
    of_data = [(key.removeprefix("data."), text) for key, text in mine]
    return of_data, [pair for pair in pairs if pair not in mine]


def _chosen(
    source: SourceSpec, old: SourceSpec | None, before: DataRef, pairs: list[tuple[str, str]]
) -> DataRef:
    """Return the data that was asked for; its own paths are made absolute."""
    values = params_given(source.params, pairs)
    for param in source.params:
        if param.type == "path" and values.get(param.name):
            values[param.name] = str(Path(values[param.name]).absolute())
    if source.kind == before.kind:
        return replace(before, params={**before.params, **values})
    # Transforms suit the form of the samples: a table cannot be resized as an image can.
    keep = old is not None and old.form == source.form
    return DataRef(kind=source.kind, params=values, transforms=before.transforms if keep else ())


def outputs_for(facts: DataFacts) -> int:
    """Return how many outputs a network for this data needs: its classes, or its targets."""
    return len(facts.classes) or math.prod(facts.target_shape)


def _introduction(spec: ArchitectureSpec, file: Path) -> str:
    paper = f"\n{spec.paper} ({spec.year})." if spec.paper else ""
    return f"{spec.title} is in {file}. {spec.doc}{paper}\nTrain it: neuroloom train {file}"


def check(given: argparse.Namespace, here: Paths) -> int:
    """Say what keeps a project from training, and its shapes and cost."""
    with Headless(here) as studio:
        studio.open(given.file, given.trust)
        facts = studio.facts()
        project = studio.session.document.project
    told = as_json(project, facts)
    for problem in _problems(facts):
        print(_line(project, problem))
    for doubt in facts.data.warnings if facts.data else ():
        print(f"data: {doubt}")
    if given.json:
        print_json(told)
    else:
        print(
            f"{count(told['parameters'])} parameters, {count(told['flops'])} operations a sample."
        )
    if facts.errors:
        number = len(facts.errors)
        noun = "problem keeps" if number == 1 else "problems keep"
        raise JobFailed(f"{number} {noun} {given.file} from training.")
    if not given.json:
        print("Ready to train.")
    return FINE


def as_json(project: Project, facts: ProjectFacts) -> dict[str, Any]:
    """Return what `check --json` prints."""
    return {
        "ok": not facts.errors,
        "problems": [
            {
                "node": name_path(project, problem.network, problem.node) if problem.node else "",
                "port": problem.port,
                "message": problem.message,
                "severity": problem.severity,
                "network": problem.network,
                "repairs": [repair.title for repair in problem.repairs],
            }
            for problem in _problems(facts)
        ],
        "doubts": list(facts.data.warnings) if facts.data else [],
        "parameters": sum(network.parameters for network in facts.networks.values()),
        "flops": sum(network.flops for network in facts.networks.values()),
        "shapes": {
            name: {
                name_path(project, name, path): _shapes(node)
                for path, node in network.nodes.items()
            }
            for name, network in facts.networks.items()
        },
    }


def _problems(facts: ProjectFacts) -> list[Problem]:
    inner = [problem for network in facts.networks.values() for problem in network.problems]
    return [*facts.problems, *inner]


def _shapes(node: NodeFacts) -> dict[str, list[int | str]]:
    return {port: list(type_.shape) for port, type_ in node.outputs.items()}


def _line(project: Project, problem: Problem) -> str:
    where = name_path(project, problem.network, problem.node) if problem.node else "project"
    repairs = "".join(f"\n    repair: {repair.title}" for repair in problem.repairs)
    return f"{problem.severity}: {where}: {problem.message}{repairs}"


def export(given: argparse.Namespace, here: Paths) -> int:
    """Write a network as a file for other programs; without a wish, by the file's ending."""
    with Headless(here) as studio:
        studio.open(given.file, given.trust)
        project = studio.session.document.project
        if given.network not in project.networks:
            known = ", ".join(project.networks)
            raise WrongUse(
                f"{given.file} has no network named {given.network!r}. It has: {known}. Choose one with --network."
            )
        exporters = studio.session.catalog.exporters
        endings = {spec.suffix: kind for kind, spec in reversed(exporters.items())}
        to = given.to or endings.get(given.output.suffix.lower(), "pytorch")
        kind = studio.find(exporters, to, "exporter")
        if exporters[kind].missing:
            raise JobFailed(exporters[kind].missing)
        request = Export(
            project, kind, str(given.output.absolute()), given.network, _weights(given.run)
        )
        answer = studio.ask(request, Exported)
    for line in answer.report:
        print(line.text if line.fate == "exact" else f"{line.fate}: {line.text}")
    return FINE


def _weights(run: Path | None) -> str:
    """Return the newest weights of a run, "" where none is asked for."""
    if run is None:
        return ""
    found = newest_weights(run)
    if found is None:
        raise WrongUse(f"{run} holds no weights. Name the folder of a run that has a checkpoint.")
    return str(found.path.absolute())
