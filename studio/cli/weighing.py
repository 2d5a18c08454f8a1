"""`import-weights`: a `state_dict` or safetensors file onto the network of a project, with a report."""

from __future__ import annotations

import argparse

import msgspec

from studio.cli.ending import FINE, JobFailed, WrongUse
from studio.cli.headless import Headless, writing
from studio.cli.output import print_json
from studio.engine.protocol import GetWeightNames, TakeWeights, WeightNames, WeightsTaken
from studio.graph.edits import SetWeights
from studio.graph.weight_match import Rename, matched
from studio.paths import Paths


def take(given: argparse.Namespace, here: Paths) -> int:
    """Match by name, by the rule that is given, by order and shape; write the project, its weights beside it."""
    if not given.weights.is_file():
        raise WrongUse(f"There is no file {given.weights}.")
    rename = Rename(*given.rename) if given.rename else Rename()
    output = given.output or given.file
    path = str(given.weights.resolve())
    with Headless(here) as studio:
        studio.open(given.file)
        project = studio.session.document.project
        known = studio.ask(GetWeightNames(project, path), WeightNames)
        table = matched(known.ours, known.theirs, rename)
        other = [row for row in table.rows if row.how == "shape"]
        if not table.pairs:
            raise JobFailed(
                f"Nothing in {given.weights.name} matches this network. Give a rule: "
                "--rename 'encoder.*' 'layers.*'."
            )
        answer = studio.ask(
            TakeWeights(project, path, str(here.weights), table.pairs), WeightsTaken
        )
        beside = output.with_suffix(".safetensors")
        if beside.resolve() == given.weights.resolve():
            beside = output.with_name(f"{output.stem}-start.safetensors")
        with writing(beside), open(answer.path, "rb") as source:
            beside.write_bytes(source.read())
        studio.session.do(SetWeights(str(beside.resolve())))
        studio.session.save(output)
        studio.raise_errors()
    if given.json:
        rows = [
            {"ours": row.ours.name, "theirs": row.theirs.name if row.theirs else "", "how": row.how}
            for row in table.rows
        ]
        print_json(
            {"rows": rows, "report": msgspec.to_builtins(answer.report), "file": str(output)}
        )
        return FINE
    for row in other:
        print(f"shape: {row.ours.name}: {row.told}")
    for line in answer.report:
        print(f"{line.fate}: {line.text}")
    print(f"{len(table.pairs)} of {len(table.rows)} weights are in {output}.")
    return FINE
