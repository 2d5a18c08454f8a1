"""The same seed gives the same weights, whatever was asked of PyTorch before."""

from __future__ import annotations

import torch

from studio import compile, layers
from studio.compile import Cache
from studio.graph.builder import Net
from studio.graph.project import Project

SPECS = layers.builtin()


def lengths() -> Project:
    """A layer that looks at numbers is asked on the processor, where making it draws weights."""
    net = Net()
    x, many = net.input("x", shape=(6, 4)), net.input("lengths", shape=(1,), dtype="int64")
    y = net.add("torch.nn.LSTM", name="lstm", hidden_size=3, inputs={"x": x, "lengths": many})
    net.output(net.add("torch.nn.Linear", y, out_features=2))
    return net.project()


def test_what_was_asked_before_decides_no_weights() -> None:
    project, cache = lengths(), Cache()
    states = []
    for _ in range(2):  # the second time every shape is remembered
        torch.manual_seed(5)
        module = compile.build(project, "main", SPECS, None, cache)
        states.append((module.state_dict(), torch.rand(3)))
    (first, after), (second, again) = states
    assert cache.asked
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(after, again)
