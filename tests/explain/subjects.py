"""Small networks with taps, data sets and projects to ask questions of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from studio.data import Dataset, Samples
from studio.explain.question import Tap
from studio.graph.facts import DataFacts, TensorType
from studio.graph.graph import Graph, Node
from studio.graph.project import Project, Sheet


def data(
    form: str,
    shape: tuple[int, ...],
    classes: int = 4,
    inputs: Tensor | None = None,
    targets: Tensor | None = None,
    features: tuple[str, ...] = (),
) -> Dataset:
    """A data set of noise, or of the given samples; without classes a regression on two outputs."""
    generator = torch.Generator().manual_seed(7)
    if inputs is None:
        inputs = torch.rand((12, *shape), generator=generator)
    if targets is None:
        targets = torch.arange(len(inputs)) % classes if classes else torch.rand(len(inputs), 2)
    half = len(inputs) // 2
    facts = DataFacts(
        title="noise",
        train=half,
        validation=len(inputs) - half,
        test=0,
        sample=TensorType(shape),
        form=form,
        task="classification" if classes else "regression",
        classes=tuple(str(number) for number in range(classes)),
        target_shape=() if classes else (2,),
        features=features,
    )
    return Dataset(
        facts,
        Samples(inputs[:half], targets[:half]),
        Samples(inputs[half:], targets[half:]),
        Samples(inputs[:0], targets[:0]),
    )


def project(**kinds: str) -> Project:
    """A project whose nodes have these kinds; `_` in an id separates it from its block's."""
    nodes = {name: Node(name, kind, name) for name, kind in kinds.items()}
    return Project(networks={"main": Sheet(Graph(nodes))})


class Tapped(nn.Module):
    """A network that writes its tapped forward once, as compiled ones do twice."""

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_tapped(x, lambda path, port, tensor: tensor)

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        raise NotImplementedError


class Cnn(Tapped):
    """8×8 images of three channels: two convolutions, one output a class."""

    def __init__(self, classes: int = 4, channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 5, 3, padding=1)
        self.conv2 = nn.Conv2d(5, 6, 3)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6 * 9, classes)

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        x = tap("input", "out", x)
        x = tap("act1", "out", torch.relu(tap("conv1", "out", self.conv1(x))))
        x = tap("act2", "out", torch.relu(tap("conv2", "out", self.conv2(x))))
        x = tap("pool", "out", nn.functional.max_pool2d(x, 2))
        x = tap("head", "out", self.head(self.drop(x.flatten(1))))
        return tap("output", "out", x)


CNN_PROJECT = project(
    input="core.input",
    conv1="torch.nn.Conv2d",
    act1="torch.nn.ReLU",
    conv2="torch.nn.Conv2d",
    act2="torch.nn.ReLU",
    pool="torch.nn.MaxPool2d",
    head="torch.nn.Linear",
    output="core.output",
)


class Mlp(Tapped):
    """A table of `inputs` values, one hidden layer, smooth."""

    def __init__(self, inputs: int = 6, classes: int = 4) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, 9)
        self.head = nn.Linear(9, classes)

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        x = torch.tanh(tap("hidden", "out", self.hidden(x.flatten(1))))
        return tap("head", "out", self.head(x))


MLP_PROJECT = project(hidden="torch.nn.Linear", head="torch.nn.Linear")


class Reader(Tapped):
    """Sequences of `features` values a step: a convolution over time, then an LSTM."""

    def __init__(self, features: int = 3, classes: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv1d(features, 5, 3)
        self.lstm = nn.LSTM(5, 6, batch_first=True)
        self.head = nn.Linear(6, classes)

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        x = tap("conv", "out", self.conv(x.transpose(1, 2)))
        out, _ = self.lstm(torch.relu(x).transpose(1, 2))
        return self.head(tap("lstm", "out", out)[:, -1])


READER_PROJECT = project(conv="torch.nn.Conv1d", lstm="torch.nn.LSTM", head="torch.nn.Linear")


class Attending(Tapped):
    """Two attention layers over tokens, behind `prefix` tokens of its own."""

    def __init__(
        self, tokens: Callable[[Tensor], Tensor], width: int, prefix: int = 0, classes: int = 4
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.prefix = nn.Parameter(torch.randn(1, prefix, width))
        self.attn1 = nn.MultiheadAttention(width, 2, batch_first=True)
        self.attn2 = nn.MultiheadAttention(width, 1, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        x = self.tokens(x)
        x = torch.cat([self.prefix.expand(len(x), -1, -1), x], 1)
        for path, layer in (("b1/attn", self.attn1), ("b2/attn", self.attn2)):
            y, weights = layer(x, x, x, average_attn_weights=False)
            tap(path, "weights", weights)
            x = x + tap(path, "out", y)
        return self.head(x.mean(1))


class Function(Tapped):
    """A formula over `[n, features]`, as a network with one output, or one column an output."""

    def __init__(self, formula: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.formula = formula

    def forward_tapped(self, x: Tensor, tap: Tap) -> Tensor:
        y = self.formula(x)
        return tap("formula", "out", y if y.dim() == 2 else y[:, None])


@dataclass
class Stop:
    """A cancel button that is pressed after some calls."""

    after: int = 0
    calls: int = field(default=0, init=False)

    def __call__(self) -> bool:
        self.calls += 1
        return self.calls > self.after
