"""A training script that repeats a run without Neuroloom: PyTorch, the module's text, a data file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from studio.compile.exporters.code import with_reader
from studio.compile.exporters.leaving import Leaving, put, put_text
from studio.data import Dataset
from studio.graph.params import Value
from studio.graph.project import Project, Recipe
from studio.graph.report import ReportLine
from studio.train.devices import pick_threads
from studio.train.losses import PREFIX as LOSS
from studio.train.losses import balanced, losses
from studio.train.optim import optimizer_class, optimizers
from studio.train.options import TrainProblem, checked
from studio.train.schedules import Span, schedule_class, scheduler_arguments, schedules
from studio.train.supervised import Supervised

_INDEX = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss")
_NHWC = ".contiguous(memory_format=torch.channels_last)"


def write_script(
    leaving: Leaving, project: Project, dataset: Dataset, path: Path
) -> list[ReportLine]:
    """Write a script at `path`, and beside it the samples as they enter the network.

    Raises: TrainProblem, where the recipe does what a plain loop cannot repeat; OSError.
    """
    beside = path.with_suffix(".data.safetensors")
    text = with_reader(leaving.source.text, "math")
    script = _Script(text, project, dataset, beside.name, pick_threads(project.recipe.threads))
    whole = text + "\n".join(script.lines())
    tensors = {
        f"{name}.{part}": getattr(dataset.split(name), part).contiguous()
        for name in ("train", "validation", "test")
        for part in ("inputs", "targets")
    }
    put(beside, lambda aside: save_file(tensors, aside))
    put_text(path, whole)
    return [
        ReportLine(
            "exact", f"{path.name}: module and training loop, with the figures of a run here."
        ),
        ReportLine(
            "exact", f"{beside.name}: {len(dataset.train)} samples to train on, and the rest."
        ),
    ]


#: Fields of the recipe that a plain loop does not follow.
_BEYOND = ("accumulate", "ema", "patience", "groups")


class _Script:
    """What of a recipe goes where in the loop."""

    def __init__(
        self, text: str, project: Project, dataset: Dataset, data: str, threads: int
    ) -> None:
        recipe = self.recipe = project.recipe
        self.facts = dataset.facts
        self.data, self.threads = data, threads
        if recipe.learner != Supervised.spec.kind:
            raise TrainProblem(
                f"A script repeats supervised training, but this project learns by {recipe.learner}. "
                "Export the network's source instead."
            )
        if self.facts.task not in ("classification", "regression"):
            raise TrainProblem(
                "A script repeats classification and regression, but this data's task is "
                f"{self.facts.task}. Export the network's source instead."
            )
        if self.facts.more:
            raise TrainProblem(
                "A script feeds a network one input, but this data has more: "
                f"{', '.join(self.facts.more)}. Export the network's source instead."
            )
        beyond = (
            (bool(project.data.augment), "augments its data"),
            (dataset.streamed is not None, "streams data that does not fit into memory"),
            (recipe.sampling != "shuffled", f"draws samples {recipe.sampling}"),
        )
        for does, what in beyond:
            if does:
                raise TrainProblem(
                    f"A script has all samples in memory, shuffled, as they are, but this project {what}. "
                    "Change that, or export the network's source."
                )
        if recipe.optimizer.endswith(("LBFGS", "Muon")):
            raise TrainProblem(
                f"{recipe.optimizer} needs a loop of its own, which a script does not have yet. "
                "Choose another optimiser, or export the network's source."
            )
        unlike = [name for name in _BEYOND if getattr(recipe, name) != getattr(Recipe(), name)]
        if unlike or recipe.precision == "fp16":
            names = ", ".join(unlike or ["precision fp16"]).replace("_", " ")
            raise TrainProblem(
                f"A script is a plain loop, which has no {names}. Set it back in the recipe, or export "
                "the network's source."
            )
        self.settings = checked(Supervised.spec, recipe.learner_params, "learner")
        self.network = re.findall(r"^class (\w+)\(nn\.Module\)", text, re.M)[-1]
        self.classes = len(self.facts.classes)
        usual = "CrossEntropyLoss" if self.classes else "MSELoss"
        self.loss = recipe.loss.removeprefix(LOSS) or usual
        self.nhwc = _NHWC if dataset.train.inputs.ndim == 4 and "nn.Conv2d(" in text else ""
        count = self.facts.train
        self.batch = min(recipe.batch_size, count)
        alone = count % self.batch == 1 and count > 1  # BatchNorm cannot train on one sample
        self.used = count - 1 if alone else count
        self.steps = -(-self.used // self.batch)

    def lines(self) -> Iterator[str]:
        """Yield the script's lines after the module."""
        recipe, span = self.recipe, Span(self.recipe.epochs, self.recipe.epochs * self.steps)
        made, after_step, after_epoch = self._schedule(span)
        yield from (
            "",
            "",
            "def main() -> None:",
            '    """Train as the run did: the same samples, order and seed, and so the same figures."""',
            f"    torch.set_num_threads({self.threads})",
            f"    data = read_tensors({_text(self.data)})",
            '    inputs, targets = data["train.inputs"], data["train.targets"]',
            f"    torch.manual_seed({recipe.seed})",
            f"    model = {self.network}()"
            + (".to(memory_format=torch.channels_last)" if self.nhwc else ""),
            f"    criterion = {self._criterion()}",
            "    parameters = [p for p in model.parameters() if p.requires_grad]",
            f"    optimizer = {self._optimizer()}",
            *made,
            f"    for epoch in range({recipe.epochs}):",
            "        model.train()",
            "        shuffle = torch.Generator()",
            f"        shuffle.manual_seed(({recipe.seed} * 1_000_003 + epoch) % 2**63)",
            f"        order = torch.randperm(len(targets), generator=shuffle)[:{self.used}]",
            f"        for batch in order.split({self.batch}):",
            "            optimizer.zero_grad()",
            *self._forward("            ", f"inputs[batch]{self.nhwc}", "targets[batch]"),
            "            loss.backward()",
        )
        if recipe.clip_norm is not None:
            yield f"            nn.utils.clip_grad_norm_(parameters, {recipe.clip_norm!r})"
        yield "            optimizer.step()"
        yield from after_step
        yield '        figures = evaluate(model, criterion, data, "validation")'
        yield '        print(f"epoch {epoch + 1}", figures)'
        yield from after_epoch
        yield from self._evaluation()

    def _forward(self, indent: str, inputs: str, targets: str) -> Iterator[str]:
        """Yield the lines that give `outputs` and `loss`."""
        if self.recipe.precision == "bf16":
            yield f'{indent}with torch.autocast("cpu", torch.bfloat16):'
            yield f"{indent}    outputs = model({inputs})"
            yield f"{indent}outputs = outputs.float()"
        else:
            yield f"{indent}outputs = model({inputs})"
        yield f"{indent}loss = criterion({self._compared(targets)})"

    def _compared(self, targets: str) -> str:
        """Return the loss' arguments."""
        if not self.classes:
            return f"outputs.reshape({targets}.shape), {targets}"
        if self.loss in _INDEX:
            return f"outputs, {targets}"
        return f"outputs, nn.functional.one_hot({targets}, {self.classes}).float()"

    def _evaluation(self) -> Iterator[str]:
        size = max(256, self.recipe.batch_size)
        yield from (
            "",
            "",
            "@torch.no_grad()",
            "def evaluate(model: nn.Module, criterion: nn.Module, data: dict, split: str) -> dict:",
            '    """Return the figures of a split."""',
            "    model.eval()",
            f'    inputs, targets = data[f"{{split}}.inputs"]{self.nhwc}, data[f"{{split}}.targets"]',
            "    total, right = 0.0, 0",
            f"    for x, y in zip(inputs.split({size}), targets.split({size}), strict=True):",
            *self._forward("        ", "x", "y"),
            "        total += loss.item() * len(y)",
        )
        figures = '{"loss": total / len(targets)'
        if self.classes:
            yield "        right += (outputs.argmax(1) == y).sum().item()"
            figures += ', "accuracy": right / len(targets)'
        yield f"    return {figures}}} if len(targets) else {{}}"
        yield from ("", "", 'if __name__ == "__main__":', "    main()", "")

    # ------------------------------------------------------------------------------- what is made

    def _criterion(self) -> str:
        given = checked(losses()[LOSS + self.loss], self.recipe.loss_params, "loss")
        arguments = _arguments(getattr(torch.nn, self.loss), given)
        if self.settings["class_weights"] == "balanced" and self.loss in _INDEX:
            weights = balanced(self.facts, torch.device("cpu")).tolist()
            arguments.append(f"weight=torch.tensor({weights})")
        return f"nn.{self.loss}({', '.join(arguments)})"

    def _optimizer(self) -> str:
        kind = self.recipe.optimizer
        cls = optimizer_class(kind)
        given = checked(optimizers()[kind], self.recipe.optimizer_params, "optimiser")
        arguments = _arguments(cls, given)
        if "fused" in inspect.signature(cls).parameters:
            arguments.append("fused=True")
        return f"torch.optim.{cls.__name__}({', '.join(['parameters', *arguments])})"

    def _schedule(self, span: Span) -> tuple[list[str], list[str], list[str]]:
        """Return the lines that make the schedule, and those after a step and after an epoch."""
        kind = self.recipe.schedule
        given = checked(schedules()[kind], self.recipe.schedule_params, "schedule")
        cls = schedule_class(kind)
        if cls is None:
            return self._curve(span, float(given["warmup"]), float(given.get("floor", 1.0)))
        kind = self.recipe.optimizer
        group = checked(optimizers()[kind], self.recipe.optimizer_params, "optimiser")
        found = scheduler_arguments(given, group, span)
        made = f"torch.optim.lr_scheduler.{cls.__name__}"
        lines = [f"    schedule = {made}({', '.join(['optimizer', *_arguments(cls, found)])})"]
        if cls.__name__ in ("OneCycleLR", "CyclicLR"):
            return lines, ["            schedule.step()"], []
        watched = 'figures["loss"]' if cls.__name__ == "ReduceLROnPlateau" else ""
        return lines, [], [f"        schedule.step({watched})"]

    def _curve(
        self, span: Span, warmup: float, floor: float
    ) -> tuple[list[str], list[str], list[str]]:
        """Warm-up, then half a cosine down to `floor`: the studio's own schedule, written out."""
        warm = round(warmup * span.steps)
        if not warm and floor == 1:
            return [], [], []
        lines = [
            '    base, step = optimizer.param_groups[0]["lr"], 0',
            "",
            "    def share() -> float:",
        ]
        if warm:
            lines += [f"        if step < {warm}:", f"            return (step + 1) / {warm}"]
        lines += [
            f"        way = min(1.0, (step - {warm}) / {max(1, span.steps - warm)})",
            f"        return {floor!r} + {1 - floor!r} * (1 + math.cos(math.pi * way)) / 2",
            "",
            '    optimizer.param_groups[0]["lr"] = base * share()',
        ]
        after = [
            "            step += 1",
            '            optimizer.param_groups[0]["lr"] = base * share()',
        ]
        return lines, after, []


def _arguments(cls: type, values: Mapping[str, Value]) -> list[str]:
    """Return `name=value` for what differs from the class's own default."""
    known = inspect.signature(cls).parameters
    return [
        f"{name}={value!r}"
        for name, value in values.items()
        if name in known and value != known[name].default
    ]


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
