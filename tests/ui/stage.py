"""A session that answers what a test says, and the events of a plausible run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from studio.engine import protocol as p
from studio.graph.breakpoints import Breakpoint
from studio.graph.builder import Net
from studio.graph.catalog import Catalog
from studio.graph.document import Document
from studio.graph.edits import Batch, SetRecipe
from studio.graph.facts import DataFacts, ProjectFacts, TensorType
from studio.graph.params import Param
from studio.graph.problems import Problem
from studio.graph.project import Project, Recipe
from studio.graph.spec import MethodSpec, OptionSpec
from studio.session import events as e
from studio.session.diagnosis import Change, Finding
from studio.session.history import History
from studio.session.watching import Trial

DIGITS = tuple("0123456789")


class Asked(NamedTuple):
    """One request that waits for the test's answer."""

    request: Any
    answer: Callable[[Any], None]
    refuse: Callable[[p.Refused], None] | None
    event: Callable[[Any], None] | None
    ticket: FakeTicket


class FakeTicket:
    def __init__(self) -> None:
        self.id = 0
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeWatching:
    """Findings and trials as a test says; what was asked for is written down."""

    def __init__(self, session: FakeSession) -> None:
        self._session = session
        self.found: tuple[Finding, ...] = ()
        self.trials: dict[str, Trial] = {}
        self.reason = ""
        self.tried: list[Finding] = []
        self.kept: list[Finding] = []
        self.ignored: list[Breakpoint] = []

    def findings(self) -> tuple[Finding, ...]:
        return self.found

    def trial(self, rule: str) -> Trial | None:
        return self.trials.get(rule)

    def no_trial(self, change: Change) -> str:
        return change.no_trial or self.reason

    def try_change(self, finding: Finding) -> None:
        self.tried.append(finding)

    def keep(self, finding: Finding) -> bool:
        self.kept.append(finding)
        return True

    def set_breakpoints(self, breakpoints: tuple[Breakpoint, ...]) -> bool:
        before = self._session.document.project
        edit = SetRecipe({"breakpoints": breakpoints})
        self._session.document.do(Batch("Change breakpoints", (edit,)))
        self._session.tell(e.DocumentChanged(before, self._session.document.project))
        return True

    def ignore(self, breakpoint: Breakpoint) -> None:
        self.ignored.append(breakpoint)


class FakeSession:
    """What the workspaces use of a session; engines are the test itself."""

    def __init__(self, project: Project | None = None) -> None:
        self.document = Document(project or network())
        self.catalog = catalogue()
        self.facts: ProjectFacts | None = ProjectFacts(1, {}, digits_facts())
        self.history = History()
        self.training = "idle"
        self.edited_since_run = False
        self.job: p.Job | None = None
        self.watching = FakeWatching(self)
        self.steered: list[str] = []
        self.runs_root = Path("runs")
        self.asked: list[Asked] = []
        self.live: list[dict[str, Any]] = []
        self.looked_at: list[int | None] = []
        self.edits: list[Any] = []
        self.trained = 0
        self.opened: list[Path] = []
        self.drawn: list[str] = []
        self.stored: list[Any] = []
        self.histories: dict[Path, History] = {}
        self.read: list[Path] = []
        self.weights_found = ("weights.safetensors", 0)
        self._listeners: list[Callable[[e.SessionEvent], None]] = []

    @property
    def subject(self) -> Project:
        return self.document.project

    def subscribe(self, listener: Callable[[e.SessionEvent], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, event: e.SessionEvent) -> None:
        for listener in tuple(self._listeners):
            listener(event)

    def begin(self, folder: str = "run-1") -> None:
        """A run begins."""
        self.history = History(folder)
        self.tell(e.HistoryOpened(folder))
        self.training = "running"
        self.tell(e.TrainingChanged("running"))

    def take(self, *events: p.Event) -> None:
        """The running job tells."""
        for event in events:
            self.history.take(event)
            self.tell(e.RunEvent(event))

    def show(self, history: History) -> None:
        """A stored run is opened."""
        self.history, self.training = history, "ended"
        self.tell(e.HistoryOpened(history.folder))
        self.tell(e.TrainingChanged("ended"))

    def ask(
        self, request: Any, on_answer: Any, on_refused: Any = None, on_event: Any = None
    ) -> FakeTicket:
        ticket = FakeTicket()
        self.asked.append(Asked(request, on_answer, on_refused, on_event, ticket))
        return ticket

    def waiting(self, kind: type) -> list[Asked]:
        """Requests of one kind that were not cancelled, oldest first."""
        return [a for a in self.asked if isinstance(a.request, kind) and not a.ticket.cancelled]

    def weights(self, on_ready: Callable[[str, int], None], on_refused: Any = None) -> None:
        on_ready(*self.weights_found)

    def look_at(self, step: int | None) -> None:
        self.looked_at.append(step)

    def set_live(self, values: dict[str, Any]) -> None:
        self.live.append(values)

    def resume(self) -> None:
        self.steered.append("resume")

    def step_back(self) -> None:
        self.steered.append("back")

    def do(self, edit: Any) -> bool:
        self.edits.append(edit)
        return True

    def train(self, name: str = "", live: bool = True) -> bool:
        self.trained += 1
        return True

    def can_train(self) -> str:
        return ""

    def step(self) -> None:
        self.steered.append("step")

    def walk(self) -> None:
        self.steered.append("walk")

    def can_continue(self, folder: Path) -> str:
        return f"{folder.name} has no checkpoint here."

    def draw(self, kind: str, params: dict[str, Any] | None = None) -> None:
        self.drawn.append(kind)

    def spec(self, node: Any) -> Any:
        return self.catalog.layers.get(node.kind)

    def stored_runs(self) -> tuple[Any, ...]:
        return tuple(self.stored)

    def stored_history(self, folder: Path) -> History:
        self.read.append(folder)
        return self.histories[folder]

    def delete_run(self, folder: Path) -> bool:
        self.stored = [run for run in self.stored if run.folder != folder]
        self.tell(e.RunsChanged())
        return True

    def open_run(self, folder: Path) -> bool:
        self.opened.append(folder)
        return True


def network() -> Project:
    """A small CNN."""
    net = Net()
    x = net.input()
    x = net.add("torch.nn.Conv2d", x, name="conv1", out_channels=6, kernel_size=5)
    x = net.add("torch.nn.ReLU", x, name="relu1")
    x = net.add("torch.nn.Flatten", x)
    x = net.add("torch.nn.Linear", x, name="fc1", out_features=64)
    x = net.add("torch.nn.ReLU", x, name="relu2")
    x = net.add("torch.nn.Linear", x, name="fc2", out_features=10)
    net.output(x)
    return net.project(recipe=Recipe(optimizer_params={"lr": 0.003}))


def path_of(project: Project, name: str) -> str:
    """The id of a node of the main network, by its name."""
    node = project.networks["main"].graph.named(name)
    assert node is not None
    return node.id


def digits_facts(task: str = "classification") -> DataFacts:
    return DataFacts(
        title="Digits",
        train=1437,
        validation=360,
        test=0,
        sample=TensorType((1, 8, 8)),
        form="image",
        task=task,
        classes=DIGITS if task == "classification" else (),
    )


def catalogue() -> Catalog:
    """Methods and one optimiser, as the engine would list them."""
    steps = Param("steps", "int", 64, minimum=2, maximum=1024, help="points on the path")
    methods = (
        MethodSpec(kind="core.saliency", title="Saliency"),
        MethodSpec(kind="core.input_x_gradient", title="Input × Gradient"),
        MethodSpec(kind="core.integrated_gradients", title="Integrated Gradients", params=(steps,)),
        MethodSpec(kind="core.grad_cam", title="Grad-CAM", needs=("conv",)),
        MethodSpec(kind="core.occlusion", title="Occlusion"),
    )
    params = (Param("lr", "float", 1e-3), Param("weight_decay", "float", 0.01))
    adam = OptionSpec(kind="torch.optim.AdamW", title="AdamW", params=params)
    return Catalog(methods={m.kind: m for m in methods}, optimizers={adam.kind: adam})


# ------------------------------------------------------------------------------------------- a run


def digit(rng: np.random.Generator, label: int, side: int = 28) -> np.ndarray:
    """A picture that is a little like a digit: uint8 `[side, side]`."""
    y, x = np.mgrid[0:side, 0:side] / side
    angle = label * 0.628
    wave = np.sin(9 * (x * np.cos(angle) + y * np.sin(angle)) + label)
    blob = np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) * 9)
    noise = rng.normal(0, 0.05, (side, side))
    return (np.clip(wave * blob + noise, 0, 1) * 255).astype(np.uint8)


def started(project: Project, *, epochs: int = 20, task: str = "classification") -> p.Started:
    nodes = tuple(
        node.id
        for node in project.networks["main"].graph.nodes.values()
        if not node.kind.startswith("core.")
    )
    return p.Started(
        folder="run-1",
        name="lenet",
        device="cpu",
        threads=1,
        epochs=epochs,
        steps_per_epoch=100,
        batch_size=64,
        train_samples=6400,
        validation_samples=360,
        task=task,
        classes=DIGITS if task == "classification" else (),
        nodes=nodes,
        parameters=61_706,
    )


def progress(first: int, count: int, *, seed: int = 0, task: str = "classification") -> p.Progress:
    """Per-step values of steps `first + 1` … `first + count`."""
    rng = np.random.default_rng(seed + first)
    steps = np.arange(first + 1, first + count + 1)
    loss = 2.2 * np.exp(-steps / 120) + 0.02
    values = {
        "train_loss": (loss * np.exp(rng.normal(0, 0.5, count))).astype(np.float32),
        "lr": np.full(count, 0.003, np.float32) * (1 - steps / 2000).astype(np.float32),
    }
    if task == "classification":
        right = np.clip(1 - loss / 3 + rng.normal(0, 0.02, count), 0, 1)
        values["train_accuracy"] = right.astype(np.float32)
    last = int(steps[-1])
    rate = 41_000 + 900 * float(rng.normal())
    return p.Progress(last, 1 + last // 100, steps, values, rate, 38.0, 0.013)


def epoch_done(epoch: int, *, seed: int = 0, task: str = "classification") -> p.EpochDone:
    rng = np.random.default_rng(seed + epoch)
    loss = 1.6 * np.exp(-epoch / 1.6) + 0.03 + 0.01 * float(rng.random())
    if task == "regression":
        metrics = {"val_loss": loss, "val_r2": 1 - loss / 2, "val_mae": loss * 40}
        return p.EpochDone(epoch, epoch * 100, metrics, 1.2)
    confusion = np.diag(rng.integers(28, 40, 10))
    for true, read in rng.integers(0, 10, (14, 2)):
        if true != read:
            confusion[true, read] += 1
    metrics = {"val_loss": loss, "val_accuracy": 1 - loss / 8}
    return p.EpochDone(epoch, epoch * 100, metrics, 1.2, confusion)


def layer_stats(project: Project, step: int) -> p.LayerStats:
    rng = np.random.default_rng(step)
    nodes = {}
    for k, node in enumerate(started(project).nodes):
        weighted = project.networks["main"].graph.nodes[node].kind.endswith(("2d", "Linear"))
        centre = 0.0 if weighted else 1.0
        spread = 1 + k / 3 + step / 900
        bins = np.linspace(-6, 6, 48)
        counts = 4000 * np.exp(-(((bins - centre) / spread) ** 2)) + 40 * rng.random(48)
        grad = float(np.exp(rng.normal(-2 - k / 3, 0.4)) * (1 + 4 * np.exp(-step / 60)))
        nodes[node] = p.LayerStat(
            mean=centre,
            std=spread,
            zero=0.0 if weighted else 0.4,
            grad=grad if weighted else None,
            low=-6.0,
            high=6.0,
            histogram=tuple(int(c) for c in counts),
        )
    return p.LayerStats(step, nodes)


def pictures(step: int, *, count: int = 24, wrong: tuple[int, ...] = (6, 17)) -> p.Pictures:
    rng = np.random.default_rng(5)
    targets = rng.integers(0, 10, count)
    inputs = np.stack([digit(rng, int(t)) for t in targets])
    outputs = np.full((count, 10), 0.01, np.float32)
    for k, target in enumerate(targets):
        outputs[k, (target + 1) % 10 if k in wrong else target] = 0.9
    return p.Pictures(step, {}, inputs, outputs, targets)


def dead_units(project: Project) -> p.ProblemFound:
    message = (
        "27 of 64 ReLU units after fc1 are dead. They give 0 for all 256 probe samples, so they "
        "get no gradient and learn nothing. Lower the learning rate, or use LeakyReLU."
    )
    node = path_of(project, "relu2")
    return p.ProblemFound(400, Problem(message, node=node, severity="warning"))


def whole_run(project: Project, epochs: int = 7) -> Iterator[p.Event]:
    """A run up to `epochs` of 20 epochs, not yet ended."""
    yield started(project)
    for epoch in range(1, epochs + 1):
        for part in range(4):
            yield progress((epoch - 1) * 100 + part * 25, 25)
            yield layer_stats(project, (epoch - 1) * 100 + (part + 1) * 25)
        yield epoch_done(epoch)
        yield pictures(epoch * 100)
        yield p.CheckpointSaved(f"{epoch * 100}.safetensors", epoch * 100, epoch)
    yield p.ControlApplied("set", 350, {"lr": 0.001})
    yield dead_units(project)
