"""`explain`: one sample, one method, one picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from studio.cli.ending import FINE, JobFailed, WrongUse
from studio.cli.headless import Headless, writing
from studio.cli.output import print_json
from studio.cli.picture import Caption, draw
from studio.cli.settings_given import params_given
from studio.engine.protocol import DataAnswer, Explain, Explanation, GetData, GetSamples, SampleSet
from studio.graph.facts import DataFacts
from studio.paths import Paths


def explain(given: argparse.Namespace, here: Paths) -> int:
    """Draw the sample beside the map of what spoke for and against the answer."""
    with Headless(here) as studio:
        session = studio.session
        session.open_run(_folder(given.run, here))
        studio.raise_errors()
        studio.check_trust(str(given.run), given.trust)
        project = session.subject
        kind = studio.find(session.catalog.methods, given.method, "method")
        method = session.catalog.methods[kind]
        params = params_given(method.params, given.set)
        facts = studio.ask(GetData(project.data), DataAnswer).facts
        _check_sample(given.sample, given.split, facts)
        weights = _weights(studio)
        samples = studio.ask(GetSamples(project.data, given.split, (given.sample,)), SampleSet)
        request = Explain(
            project,
            kind,
            given.sample,
            given.split,
            weights,
            params,
            _class(given.target, facts),
            _class(given.against, facts),
        )
        answer = studio.ask(request, Explanation)
    caption = _caption(method.title, given, facts, answer, samples)
    with writing(given.output):
        draw(samples.inputs[0], answer.values, caption, method.signed).save(given.output, "PNG")
    if given.json:
        print_json(
            {
                "output": str(given.output),
                "method": kind,
                "target": answer.target,
                "against": answer.against,
                "gap": answer.gap,
                "outputs": answer.outputs.ravel().tolist(),
                "seconds": round(answer.seconds, 3),
            }
        )
    else:
        print(f"{given.output}: {'; '.join(caption.lines)}")
    return FINE


def _folder(run: Path, here: Paths) -> Path:
    """Return the run's folder: a path, or the name of one among the runs.

    Raises: WrongUse.
    """
    for folder in (run, here.runs / run):
        if (folder / "job.json").is_file():
            return folder.resolve()
    raise WrongUse(f"{run} is not a run's folder: no job.json in it, nor among {here.runs}.")


def _weights(studio: Headless) -> str:
    found: list[str] = []
    studio.session.weights(lambda path, step: found.append(path))
    if not found or not found[0]:
        raise JobFailed("This run kept no weights, so there is nothing to explain. Train it again.")
    return found[0]


def _check_sample(index: int, split: str, facts: DataFacts) -> None:
    size = {"train": facts.train, "validation": facts.validation, "test": facts.test}[split]
    if index >= size:
        raise WrongUse(f"The {split} split has {size} samples, 0 to {size - 1}; got {index}.")


def _class(text: str | None, facts: DataFacts) -> int | None:
    """Return the index of a class or output given by name or number.

    Raises: WrongUse.
    """
    if text is None:
        return None
    names = facts.classes or facts.target_names
    if text in names:
        return names.index(text)
    if text.isdecimal() and int(text) < max(len(names), 1):
        return int(text)
    raise WrongUse(f"There is no class {text!r}; there is {', '.join(names) or '0'}.")


def _caption(
    title: str,
    given: argparse.Namespace,
    facts: DataFacts,
    answer: Explanation,
    samples: SampleSet,
) -> Caption:
    names = facts.classes or facts.target_names
    name = names[answer.target] if answer.target < len(names) else str(answer.target)
    lines = []
    if facts.classes:
        truth = facts.classes[int(samples.targets.ravel()[0])]
        lines.append(f"true {truth}, {name} with {float(answer.outputs[answer.target]):.1%}")
    else:
        value = float(samples.targets.reshape(-1)[answer.target])
        if facts.target_std:  # the network learned it standardised; people read it in its own unit
            value = value * facts.target_std[answer.target] + facts.target_mean[answer.target]
        said = float(answer.outputs.reshape(-1)[answer.target])
        lines.append(f"{name}: true {value:.4g}, answered {said:.4g}")
    if answer.against is not None:
        lines.append(f"explained: {name} rather than {names[answer.against]}")
    if answer.gap is not None:
        lines.append(f"completeness gap {answer.gap:.2%}")
    return Caption(
        sample=f"{facts.title}, {given.split} {given.sample}",
        method=f"{title}: {name}",
        lines=(*lines, *answer.notes),
        features=facts.features,
    )
