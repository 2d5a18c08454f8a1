"""An engine that answers by itself from a few tables, so that the real session runs without torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from studio.engine import protocol as p
from studio.graph.builder import Net
from studio.graph.catalog import Catalog, PackInfo
from studio.graph.facts import (
    DataFacts,
    NetworkFacts,
    NodeFacts,
    ProjectFacts,
    TensorType,
    TrainingMemory,
)
from studio.graph.params import Param
from studio.graph.problems import Fault, Problem
from studio.graph.project import Project
from studio.graph.spec import (
    ArchitectureSpec,
    ExporterSpec,
    LayerSpec,
    OptionSpec,
    Port,
    SourceSpec,
)
from studio.paths import Paths
from studio.session.session import Session

CONV, RELU, FLATTEN, LINEAR = (f"torch.nn.{n}" for n in ("Conv2d", "ReLU", "Flatten", "Linear"))


def layer(kind: str, category: str, *params: Param, **more: Any) -> LayerSpec:
    return LayerSpec(kind=kind, title=kind.split(".")[-1], category=category, params=params, **more)


def layers() -> dict[str, LayerSpec]:
    whole = Param("out_channels", "int", 8, minimum=1, maximum=4096, help="Filters")
    made = [
        layer(
            CONV,
            "conv",
            Param("in_channels", "int", inferred=True, minimum=1),
            whole,
            Param("kernel_size", "int", 3, size=2, minimum=1),
            Param("bias", "bool", True),
            Param("padding_mode", "choice", "zeros", choices=("zeros", "reflect")),
            doc="Slides small filters over the map.",
            formula="y = w · x",
        ),
        layer(RELU, "act", doc="Cuts what is below zero.", keeps_shape=True),
        layer(FLATTEN, "tensor", doc="One vector a sample."),
        layer(
            LINEAR,
            "dense",
            Param("in_features", "int", inferred=True, minimum=1),
            Param("out_features", "int", 10, minimum=1),
        ),
        *(layer(f"torch.nn.Pool{n}", "pool", doc="Makes maps smaller.") for n in range(6)),
        LayerSpec(kind="core.input", title="Input", category="io", inputs=()),
        LayerSpec(kind="core.output", title="Output", category="io", outputs=()),
        LayerSpec(kind="core.add", title="Add", category="tensor", inputs=(Port("a"), Port("b"))),
    ]
    return {spec.kind: spec for spec in made}


def catalog(**more: Any) -> Catalog:
    adam = OptionSpec(
        kind="torch.optim.AdamW", title="AdamW", params=(Param("lr", "float", 0.001, minimum=0.0),)
    )
    sgd = OptionSpec(
        kind="torch.optim.SGD",
        title="SGD",
        params=(Param("lr", "float", 0.1, minimum=0.0), Param("momentum", "float", 0.0)),
    )
    lenet = ArchitectureSpec(
        kind="vision.lenet5",
        title="LeNet-5",
        doc="Reads cheques.",
        paper="LeCun and others",
        year=1998,
        params=(Param("classes", "int", 10, minimum=2),),
    )
    sources = (
        SourceSpec(kind="sklearn.digits", title="Digits", doc="Handwritten", form="image"),
        SourceSpec(
            kind="files.csv",
            title="CSV table",
            form="table",
            params=(Param("path", "path", "", required=True),),
        ),
    )
    resize = OptionSpec(
        kind="core.resize", title="Resize", params=(Param("size", "int", 28, minimum=1, size=2),)
    )
    values: dict[str, Any] = {
        "layers": layers(),
        "architectures": {lenet.kind: lenet},
        "sources": {spec.kind: spec for spec in sources},
        "transforms": {resize.kind: resize},
        "learners": {"core.supervised": OptionSpec(kind="core.supervised", title="Supervised")},
        "optimizers": {adam.kind: adam, sgd.kind: sgd},
        "schedules": {"core.constant": OptionSpec(kind="core.constant", title="Constant")},
        "exporters": {
            "pytorch": ExporterSpec(kind="pytorch", title="PyTorch source", suffix=".py"),
            "safetensors": ExporterSpec(kind="safetensors", title="Weights", suffix=".safetensors"),
        },
        "losses": {"torch.nn.MSELoss": OptionSpec(kind="torch.nn.MSELoss", title="MSELoss")},
        "packs": (PackInfo("vision", title="Vision", offers=(lenet.kind,), bundled=True),),
    }
    return Catalog(**(values | more))


def network(channels: int = 6) -> Project:
    """Input → conv → ReLU → flatten → linear → output."""
    net = Net()
    x = net.input()
    x = net.add(CONV, x, name="conv1", out_channels=channels, kernel_size=5)
    x = net.add(RELU, x, name="act1")
    x = net.add(FLATTEN, x, name="flatten")
    x = net.add(LINEAR, x, name="fc1", out_features=10)
    net.output(x)
    return net.project()


def data_facts(**more: Any) -> DataFacts:
    values: dict[str, Any] = {
        "title": "Digits",
        "train": 1437,
        "validation": 360,
        "test": 0,
        "sample": TensorType((1, 8, 8)),
        "form": "image",
        "task": "classification",
        "classes": ("zero", "one"),
        "balance": (900, 897),
        "fingerprint": "abc",
        "bytes": 460_000,
    }
    return DataFacts(**(values | more))


def samples(request: p.GetSamples) -> p.SampleSet:
    """Grey pictures, every other one of the second class."""
    pixels = np.linspace(0, 1, len(request.indices) * 64, dtype=np.float32)
    targets = np.array([at % 2 for at in request.indices])
    return p.SampleSet("validation", request.indices, pixels.reshape(-1, 1, 8, 8), targets)


class FakeEngine:
    """Answers the workbench's quick requests at the next pump; the rest waits in `asked`."""

    def __init__(self, role: str, script: Script) -> None:
        self.role = role
        self.script = script
        self.asked: list[tuple[Any, Callable[..., None], Any, Any]] = []
        self.queue: list[Callable[[], None]] = []
        self.on_gone: Callable[[str], None] | None = None
        self.alive = True
        self.closed = False

    def ask(
        self,
        request: Any,
        on_answer: Any,
        on_refused: Any = None,
        on_event: Any = None,
        limit_s: float = 0,
    ) -> Any:
        self.asked.append((request, on_answer, on_refused, on_event))
        answer = self.script.answer(request)
        refused = isinstance(answer, p.Refused) and on_refused is not None
        tell = on_refused if refused else on_answer
        if answer is not None:
            self.queue.append(lambda: tell(answer))
        return _Ticket(len(self.asked))

    def event(self, body: p.Event) -> None:
        """Let the running job say something."""
        on_event = next(one[3] for one in self.asked if isinstance(one[0], p.Train))
        self.queue.append(lambda: on_event(body))

    def requests(self, kind: type) -> list[Any]:
        return [one[0] for one in self.asked if isinstance(one[0], kind)]

    def pump(self, budget_s: float = 0.0) -> int:
        queue, self.queue = self.queue, []
        for deliver in queue:
            deliver()
        return len(queue)

    def close(self) -> None:
        self.closed = True
        self.alive = False


class _Ticket:
    def __init__(self, number: int) -> None:
        self.id = number

    def cancel(self) -> None:
        pass


class Script:
    """What the engines say; tests change its fields."""

    def __init__(self) -> None:
        self.catalog = catalog()
        self.problems: tuple[Problem, ...] = ()
        self.project_problems: tuple[Problem, ...] = ()
        self.dismissed: tuple[Problem, ...] = ()
        self.memory: TrainingMemory | None = None
        self.data: DataFacts | None = data_facts()
        self.devices = {"cpu": "8 cores", "cuda:0": "RTX 4070, 12 GB"}
        self.source = p.SourceText("class Net:\n    self.conv1 = nn.Conv2d(1, 6, 5)\n")
        self.samples: Callable[[p.GetSamples], p.SampleSet | p.Refused] = samples
        self.engines: list[FakeEngine] = []

    def connect(self, role: str) -> FakeEngine:
        self.engines.append(FakeEngine(role, self))
        return self.engines[-1]

    def engine(self, role: str) -> FakeEngine:
        """The newest engine of a role."""
        return next(one for one in reversed(self.engines) if one.role == role)

    def answer(self, request: Any) -> Any:
        match request:
            case p.Ping():
                return p.Hello(p.PROTOCOL, {"torch": "2.13.0"}, self.devices, 1, 8)
            case p.GetCatalogue() | p.RescanPacks():
                return p.CatalogueAnswer(self.catalog)
            case p.Infer(revision=revision, project=project):
                return p.FactsAnswer(self.facts(project, revision))
            case p.GetSource():
                return self.source
            case p.PrepareImport():
                return p.Done()
            case p.GetSamples():
                return self.samples(request)
            case p.BuildArchitecture():
                return p.Drawn(network(channels=16))
        return None

    def facts(self, project: Project, revision: int) -> ProjectFacts:
        nodes = {}
        for key, node in project.sheet("main").graph.nodes.items():
            kind = TensorType(("N", 6, 4, 4))
            inferred = {"in_channels": 1} if node.kind == CONV else {}
            nodes[key] = NodeFacts({"x": kind}, {"out": kind}, inferred, 156, 5_000, 384, (5, 5))
        network = NetworkFacts(
            nodes, self.problems, 61_706, 833_000, 58_000, dismissed=self.dismissed
        )
        return ProjectFacts(
            revision, {"main": network}, self.data, self.project_problems, self.memory
        )


def node_id(session: Session, name: str) -> str:
    node = session.document.project.sheet("main").graph.named(name)
    assert node is not None
    return node.id


def settle(session: Session) -> None:
    """Deliver everything that the engines have to say."""
    for _ in range(6):
        session.pump()


def make_session(
    script: Script, here: Paths, project: Project | None = None, safe: bool = False
) -> Session:
    """A started session on a project."""
    session = Session(script.connect, here, safe=safe)  # type: ignore[arg-type]
    session.new(project or network())
    session.start()
    settle(session)
    return session


def fault(path: Path) -> Fault:
    return Fault("It has a syntax error.", "mine", str(path), 3, "Traceback …")
