"""Tiny data sets of every task, each learned in seconds, and networks that can learn them."""

from __future__ import annotations

from pathlib import Path

import torch
from msgspec.structs import replace
from torch import Tensor, nn

from studio import compile, layers, train
from studio.data import Dataset, Samples
from studio.engine import protocol as p
from studio.graph.builder import Net, Wire
from studio.graph.facts import DataFacts, TensorType
from studio.graph.project import DataRef, Project, Recipe

SPECS = layers.builtin()
LETTERS = tuple("abcdefgh")


def dataset(
    task: str, form: str, samples: Samples, validation: int = 32, **more: object
) -> Dataset:
    """A data set whose last samples are for validation."""
    count = len(samples) - validation
    inputs = samples.inputs
    facts = DataFacts(
        title=f"tiny {task}",
        train=count,
        validation=validation,
        test=0,
        sample=_type(inputs),
        form=form,
        task=task,
        target_shape=tuple(samples.targets.shape[1:]),
        more={name: _type(tensor) for name, tensor in samples.more.items()},
        value_range=(float(inputs.min()), float(inputs.max())),
        **more,  # type: ignore[arg-type]
    )
    return Dataset(
        facts,
        samples.slice(0, count),
        samples.slice(count, len(samples)),
        samples.slice(len(samples), len(samples)),
    )


def _type(tensor: Tensor) -> TensorType:
    return TensorType(tuple(tensor.shape[1:]), str(tensor.dtype).removeprefix("torch."))


# -------------------------------------------------------------------------------------------- data


def labels() -> Dataset:
    """Which of three sums are positive."""
    x = torch.randn(160, 6, generator=_seeded())
    y = torch.stack([x[:, 0] + x[:, 1], x[:, 2] - x[:, 3], x[:, 4] + x[:, 5]], 1) > 0
    return dataset("multi-label", "table", Samples(x, y.float()), classes=("p", "q", "r"))


def masks() -> Dataset:
    """Bright squares on dark ground, and darker frames that are left out."""
    generator = _seeded()
    images = torch.rand(96, 1, 12, 12, generator=generator) * 0.3
    targets = torch.zeros(96, 12, 12, dtype=torch.int64)
    for k in range(96):
        row, column = (int(v) for v in torch.randint(1, 7, (2,), generator=generator))
        images[k, 0, row : row + 4, column : column + 4] += 0.6
        targets[k, row : row + 4, column : column + 4] = 1
    targets[:, 0] = -100
    return dataset(
        "segmentation",
        "image",
        Samples(images, targets),
        classes=("ground", "thing"),
        balance=(8, 1),
    )


def graph() -> Dataset:
    """Two communities; a node's own features say little, its neighbours' say which it is of."""
    generator = _seeded()
    nodes = 40
    group = torch.arange(nodes) % 2
    near = torch.rand(nodes, nodes, generator=generator)
    adjacency = (near < torch.where(group[:, None] == group[None], 0.4, 0.03)).float()
    adjacency = ((adjacency + adjacency.T) > 0).float().fill_diagonal_(0)
    features = torch.randn(nodes, 4, generator=generator)
    features[:, 0] += 1.2 * (2 * group - 1)
    seen = torch.arange(nodes) < 28
    targets = [torch.where(part, group, -100)[None] for part in (seen, ~seen)]
    inputs, more = features[None], {"adjacency": adjacency[None]}
    whole = Samples(inputs, targets[0], more)
    made = dataset("nodes", "graph", whole, validation=0, classes=("left", "right"))
    facts = replace(made.facts, validation=1)
    return Dataset(facts, whole, Samples(inputs, targets[1], more), whole.slice(1, 1))


def things() -> Dataset:
    """One or two bright shapes, upright or lying, with their boxes; every fifth picture is empty."""
    generator = _seeded()
    images = torch.rand(160, 1, 16, 16, generator=generator) * 0.1
    targets = torch.full((160, 2, 5), -1.0)
    for k in range(160):
        if k % 5 == 0:
            continue
        lying = int(torch.randint(0, 2, (), generator=generator))
        wide, tall = ((6, 3), (3, 6))[lying]
        row = int(torch.randint(0, 16 - tall, (), generator=generator))
        column = int(torch.randint(0, 16 - wide, (), generator=generator))
        images[k, 0, row : row + tall, column : column + wide] = 1.0
        box = [lying, (column + wide / 2) / 16, (row + tall / 2) / 16, wide / 16, tall / 16]
        targets[k, 0] = torch.tensor(box)
    return dataset("detection", "image", Samples(images, targets), classes=("lying", "upright"))


def text() -> Dataset:
    """Letters in their order, from any of them on: what comes next is sure."""
    start = torch.arange(128) % 8
    whole = (start[:, None] + torch.arange(9)) % 8
    return dataset(
        "tokens",
        "text",
        Samples(whole[:, :-1].contiguous(), whole[:, 1:].contiguous()),
        vocabulary=LETTERS,
        classes=LETTERS,
    )


def reversals() -> Dataset:
    """Three letters are to be said backwards; `^` begins and `$` ends the answer."""
    source = torch.randint(0, 4, (320, 3), generator=_seeded())
    begin, end = 4, 5
    answer = torch.cat([source.flip(1), torch.full((320, 1), end)], 1)
    told = torch.cat([torch.full((320, 1), begin), answer[:, :-1]], 1)
    padded = torch.cat([answer, torch.full((320, 1), -100)], 1)
    told = torch.cat([told, torch.full((320, 1), end)], 1)
    words = ("a", "b", "c", "d", "^", "$")
    return dataset(
        "tokens", "text", Samples(source, padded, {"target": told}), vocabulary=words, classes=words
    )


def pictures() -> Dataset:
    """Stripes that two numbers say all about."""
    phase = torch.rand(128, 1, 1, 1, generator=_seeded()) * 6.3
    across = torch.linspace(0, 6.3, 8)
    images = ((across + phase).sin() / 2 + 0.5).expand(128, 1, 8, 8).contiguous()
    return dataset(
        "classification", "image", Samples(images, torch.zeros(128).long()), classes=("a", "b")
    )


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


# ---------------------------------------------------------------------------------------- networks


def flat(outputs: int) -> Net:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), out_features=24)
    x = net.add("torch.nn.Linear", net.add("torch.nn.ReLU", x), name="last", out_features=outputs)
    net.output(x)
    return net


def pixelwise(classes: int) -> Net:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), out_channels=8, kernel_size=3, padding=1)
    x = net.add("torch.nn.ReLU", x)
    x = net.add("torch.nn.Conv2d", x, name="last", out_channels=classes, kernel_size=3, padding=1)
    net.output(x)
    return net


def convolved_graph(classes: int) -> Net:
    """Features and those of the neighbours, then a layer for every node."""
    net = Net()
    x, adjacency = net.input(), net.input("adjacency")
    near = net.add("core.matmul", adjacency, x)
    x = net.add("core.concat", x, near, dim=2)
    net.output(net.add("torch.nn.Linear", x, name="last", in_features=8, out_features=classes))
    return net


def grid(channels: int) -> Net:
    net = Net()
    x = net.input()
    for width in (16, 32):
        x = net.add("torch.nn.Conv2d", x, out_channels=width, kernel_size=3, padding=1)
        x = net.add("torch.nn.MaxPool2d", net.add("torch.nn.ReLU", x), kernel_size=2)
    x = net.add("torch.nn.Conv2d", x, out_channels=32, kernel_size=3, padding=1)
    x = net.add("torch.nn.ReLU", x)
    net.output(net.add("torch.nn.Conv2d", x, name="last", out_channels=channels, kernel_size=1))
    return net


def recurrent(ids: int, outputs: int, both: bool = False) -> Net:
    net = Net()
    x = net.add("torch.nn.Embedding", net.input(), num_embeddings=ids, embedding_dim=16)
    x = net.add("torch.nn.GRU", x, hidden_size=32, batch_first=True, bidirectional=both)
    net.output(_scored(net, x, 64 if both else 32, outputs))
    return net


def answering(ids: int) -> Net:
    """An encoder whose last state begins the decoder."""
    net = Net()
    x, target = net.input(), net.input("target")
    x = net.add("torch.nn.Embedding", x, num_embeddings=ids, embedding_dim=16)
    x = net.add("torch.nn.GRU", x, hidden_size=48, batch_first=True)
    y = net.add("torch.nn.Embedding", target, num_embeddings=ids, embedding_dim=16)
    y = net.add("torch.nn.GRU", y, inputs={"h0": x["hn"]}, hidden_size=48, batch_first=True)
    net.output(_scored(net, y, 48, ids))
    return net


def _scored(net: Net, x: Wire, features: int, outputs: int) -> Wire:
    return net.add("torch.nn.Linear", x, name="last", in_features=features, out_features=outputs)


def narrow() -> Net:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    x = net.add("torch.nn.ReLU", net.add("torch.nn.Linear", x, out_features=32))
    x = net.add("torch.nn.Linear", x, out_features=4)
    x = net.add("torch.nn.ReLU", net.add("torch.nn.Linear", x, out_features=32))
    x = net.add("torch.nn.Linear", x, name="last", out_features=64)
    net.output(net.add("core.reshape", x, shape=(1, 8, 8)))
    return net


# -------------------------------------------------------------------------------------------- runs


class Task:
    """A job of a tiny data set, with what it needs to run."""

    def __init__(self, folder: Path, dataset: Dataset, net: Net, **recipe: object) -> None:
        settings = {"epochs": 10, "batch_size": 16, "threads": 1, "device": "cpu"} | recipe
        self.dataset = dataset
        self.project = net.project(DataRef(), Recipe(**settings))  # type: ignore[arg-type]
        self.job = p.Job(self.project, str(folder / "run"), name="tiny", live=False)
        self.controls = train.Controls()

    def module_for(self, project: Project, role: str, facts: DataFacts) -> nn.Module:
        return compile.build(project, role, SPECS, facts)

    def run(self) -> list[p.Event]:
        return list(train.run(self.job, self.module_for, self.dataset, self.controls))

    def metrics(self) -> dict[str, float]:
        """Train, and return the last epoch's figures."""
        last = self.run()[-1]
        assert isinstance(last, p.Finished), last
        return last.summary.last

    def failed(self) -> str:
        """Train, and return why it could not."""
        last = self.run()[-1]
        assert isinstance(last, p.Failed), last
        return last.summary.message
