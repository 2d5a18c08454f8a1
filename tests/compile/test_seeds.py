"""The same seed gives the same weights, whatever was asked of PyTorch before."""

from __future__ import annotations

import torch

from studio import compile, layers
from studio.compile import Cache
from studio.graph.builder import Net
from studio.graph.project import Project

SPECS = layers.builtin()


def dropping() -> Project:
    """Layers whose shapes are asked with numbers, on the processor: they draw while they are asked."""
    net = Net()
    x = net.add("torch.nn.Linear", net.input("x", shape=(4,)), out_features=5)
    x = net.chain(x, "torch.nn.Dropout", "torch.nn.RReLU")
    net.output(net.add("torch.nn.Linear", x, out_features=3))
    return net.project()


def test_what_was_asked_before_decides_no_weights() -> None:
    project, cache = dropping(), Cache()
    states = []
    for _ in range(2):  # the second time every shape is remembered
        torch.manual_seed(5)
        module = compile.build(project, "main", SPECS, None, cache)
        states.append((module.state_dict(), torch.rand(3)))
    (first, after), (second, again) = states
    assert cache.asked
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(after, again)
