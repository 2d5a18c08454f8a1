"""A newcomer builds famous networks in the real window, with the mouse alone or with keys alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hands import Keys, Mouse
from torch import nn

from studio import compile
from studio.graph import files
from studio.graph.facts import NetworkFacts
from studio.graph.graph import INPUT
from studio.graph.project import DataRef, Project

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
Sit = Callable[..., "Person"]
Hand = Mouse | Keys
HANDS = [pytest.param(Keys, id="keys"), pytest.param(Mouse, id="mouse")]


def known(me: Person) -> NetworkFacts:
    """What the engine has found out about the network, once it has."""
    me.until(lambda: me.session.settled)
    assert me.session.facts is not None
    return me.session.facts.networks["main"]


def shape(me: Person, node: str) -> tuple[object, ...]:
    """What a node gives."""
    facts = known(me)
    assert node in facts.nodes, facts.problems
    return facts.nodes[node].outputs["out"].shape


# ------------------------------------------------------------------------------------------ ResNet


def basic(hand: Hand, x: str) -> str:
    """Draw a residual block behind a node, and let its instances set its width."""
    conv1 = hand.add("conv2d", x)
    hand.set(conv1, "out_channels", "64")
    bn1 = hand.add("batchnorm2d", conv1)
    relu1 = hand.add("relu", bn1)
    conv2 = hand.add("conv2d", relu1)
    hand.set(conv2, "out_channels", "64")
    for conv in (conv1, conv2):
        hand.set(conv, "padding", "1")
        hand.switch(conv, "bias")
    bn2 = hand.add("batchnorm2d", conv2)
    total = hand.add("add", bn2)
    hand.wire(x, total, "b")
    relu2 = hand.add("relu", total)
    # Nothing of the cards that grew and shrank meanwhile is left on the screen.
    hand.settled()
    seen = hand.painted()
    hand.canvas.view.viewport().update()
    assert hand.painted() == seen
    block = hand.block((conv1, bn1, relu1, conv2, bn2, total, relu2), "Basic")
    hand.enter(block)
    hand.promote(conv1, "out_channels", "width")
    hand.set(conv2, "out_channels", "=width")
    hand.leave()
    return block


def halved(hand: Hand, block: str) -> None:
    """Make an instance of the residual block one that halves sides: its shortcut gets a convolution."""
    hand.detach(block, "Down")
    hand.enter(block)
    (start,) = hand.graph.of_kind(INPUT)
    (total,) = hand.graph.of_kind("core.add")
    first = hand.graph.of_kind("torch.nn.Conv2d")[0]
    hand.set(first.id, "stride", "2")
    short = hand.add("conv2d", start.id)
    for param, value in (("out_channels", "=width"), ("kernel_size", "1"), ("stride", "2")):
        hand.set(short, param, value)
    hand.switch(short, "bias")
    hand.wire(hand.add("batchnorm2d", short), total.id, "b")
    hand.leave()


@pytest.fixture
def thousand(tmp_path: Path) -> Path:
    """A project with nothing drawn, and small colour images of a thousand classes."""
    images = np.random.default_rng(0).integers(0, 256, (1000, 3, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x=images, y=np.arange(1000))
    project = Project(data=DataRef("files.numpy", {"path": str(tmp_path / "images.npz")}))
    files.save(project, tmp_path / "thousand.loom")
    return tmp_path / "thousand.loom"


@pytest.mark.parametrize("hand_of", HANDS)
def test_resnet_18(sit_down: Sit, thousand: Path, hand_of: type[Hand]) -> None:
    me = sit_down(thousand)
    hand = hand_of(me)
    hand.look()
    stem = hand.add("conv2d", hand.add("input"))
    for param, value in (
        *(("out_channels", "64"), ("kernel_size", "7"), ("stride", "2"), ("padding", "3")),
    ):
        hand.set(stem, param, value)
    hand.switch(stem, "bias")
    pool = hand.add("maxpool2d", hand.add("relu", hand.add("batchnorm2d", stem)))
    for param, value in (("kernel_size", "3"), ("stride", "2"), ("padding", "1")):
        hand.set(pool, param, value)
    last = basic(hand, pool)
    hand.set(last, "repeat", "2")
    stages = [last]
    for width in ("128", "256", "512"):
        last = hand.add("basic" if width == "128" else "down", last)
        if width == "128":
            halved(hand, last)
        hand.set(last, "width", width)
        last = hand.add("basic", last)
        hand.set(last, "width", width)
        stages.append(last)
    pool = hand.add("adaptiveavgpool2d", last)
    hand.set(pool, "output_size", "1")
    head = hand.add("linear", hand.add("flatten", pool))
    hand.set(head, "out_features", "1000")
    hand.add("output", head)

    assert [shape(me, one) for one in stages] == [
        ("N", 64, 8, 8),
        ("N", 128, 4, 4),
        ("N", 256, 2, 2),
        ("N", 512, 1, 1),
    ]
    assert known(me).parameters == 11_689_512  # as published, with a thousand classes
    assert me.session.can_train() == ""


# --------------------------------------------------------------------------------------- Inception


@pytest.mark.parametrize("hand_of", HANDS)
def test_inception(sit_down: Sit, hand_of: type[Hand]) -> None:
    me = sit_down()
    hand = hand_of(me)
    hand.begin()
    x = hand.add("input")
    ends = []
    for kernels in (("1",), ("1", "3"), ("1", "5")):
        last = x
        for kernel in kernels:
            last = hand.add("conv2d", last)
            hand.set(last, "out_channels", "16")
            hand.set(last, "kernel_size", kernel)
            if kernel != "1":
                hand.set(last, "padding", str(int(kernel) // 2))
        ends.append(last)
    pool = hand.add("maxpool2d", x)
    hand.set(pool, "kernel_size", "3")
    hand.set(pool, "stride", "1")
    hand.set(pool, "padding", "1")
    ends.append(hand.add("conv2d", pool))
    hand.set(ends[-1], "out_channels", "16")
    hand.set(ends[-1], "kernel_size", "1")
    joined = hand.add("concatenate", ends[0])
    for end in ends[1:]:
        hand.wire(end, joined, "x")
    assert shape(me, joined) == ("N", 64, 8, 8)

    inside = tuple(key for key in hand.graph.nodes if key != x)
    block = hand.block(inside, "Inception")
    hand.enter(block)
    hand.promote(ends[0], "out_channels", "width")
    for end in ends[1:]:
        hand.set(end, "out_channels", "=width")
    hand.leave()
    hand.set(block, "width", "8")
    hand.set(block, "repeat", "2")
    assert shape(me, block) == ("N", 32, 8, 8)
    flat = hand.add("flatten", block)
    head = hand.add("linear", flat)
    hand.set(head, "out_features", "10")
    hand.add("output", head)
    known(me)
    assert me.session.can_train() == ""


# ------------------------------------------------------------------------------------------- U-Net


@pytest.mark.parametrize("hand_of", HANDS)
def test_unet(sit_down: Sit, hand_of: type[Hand]) -> None:
    me = sit_down()
    hand = hand_of(me)
    hand.begin()
    x = hand.add("input")

    def conv(after: str, width: str) -> str:
        made = hand.add("conv2d", after)
        hand.set(made, "out_channels", width)
        hand.set(made, "padding", "1")
        return hand.add("relu", made)

    def up(after: str, width: str, skip: str) -> str:
        made = hand.add("convtranspose2d", after)
        hand.set(made, "out_channels", width)
        hand.set(made, "kernel_size", "2")
        hand.set(made, "stride", "2")
        joined = hand.add("concatenate", made)
        hand.wire(skip, joined, "x")
        return conv(joined, width)

    first = conv(x, "8")
    second = conv(hand.add("maxpool2d", first), "16")
    bottom = conv(hand.add("maxpool2d", second), "32")
    outer = up(up(bottom, "16", second), "8", first)
    last = hand.add("conv2d", outer)
    hand.set(last, "out_channels", "2")
    hand.set(last, "kernel_size", "1")
    hand.add("output", last)
    assert shape(me, bottom) == ("N", 32, 2, 2)
    assert shape(me, outer) == ("N", 8, 8, 8)
    assert shape(me, last) == ("N", 2, 8, 8)
    sizes = [(1, 8, 3), (8, 16, 3), (16, 32, 3), (32, 16, 2), (32, 16, 3), (16, 8, 2), (16, 8, 3)]
    weights = sum(before * width * side**2 + width for before, width, side in [*sizes, (8, 2, 1)])
    assert known(me).parameters == weights


# -------------------------------------------------------------------------------------------- LSTM


@pytest.mark.parametrize("hand_of", HANDS)
def test_an_lstm_by_scan(sit_down: Sit, hand_of: type[Hand]) -> None:
    me = sit_down()
    hand = hand_of(me)
    hand.begin()
    x = hand.add("input")
    flat = hand.add("flatten", x)
    hand.set(flat, "end_dim", "2")
    cell = hand.scan(flat, "Cell")
    hand.set(cell, "size", "16")
    hand.add("output", cell)
    hand.enter(cell)

    # It begins as the plainest cell: x and h joined, one Linear, Tanh. That Tanh is the candidate.
    by_name = {one.name: key for key, one in hand.graph.nodes.items()}
    join, tanh = by_name["join"], by_name["tanh"]
    gates, mixes = {}, {"g": by_name["mix"]}
    for gate in "ifo":
        mixes[gate] = hand.add("linear", join)
        hand.set(mixes[gate], "out_features", "=size")
        gates[gate] = hand.add("sigmoid", mixes[gate])
    state = hand.add_loose("state")
    hand.set(state, "shape", "=size")
    hand.rename(state, "c")
    fresh = hand.add("multiply", gates["i"])
    hand.wire(tanh, fresh, "b")
    kept = hand.add("multiply", gates["f"])
    hand.wire(state, kept, "b")
    summed = hand.add("add", fresh)
    hand.wire(kept, summed, "b")
    leaves = hand.add("next", summed)
    hand.set(leaves, "state", "c")
    bounded = hand.add("tanh", summed)
    shown = hand.add("multiply", gates["o"])
    hand.wire(bounded, shown, "b")
    hand.wire(shown, by_name["h_next"], "x")
    hand.wire(shown, by_name["out"], "x")
    names = {gate: hand.graph.nodes[key].name for gate, key in mixes.items()}
    hand.leave()
    assert shape(me, cell) == ("N", 8, 16)
    session = me.session
    assert session.facts is not None

    # What was drawn is PyTorch's own layer, to the last digits.
    data = session.facts.data
    drawn = compile.build(session.document.project, "main", session.catalog.layers, data)
    torch.manual_seed(0)
    own = nn.LSTM(8, 16, batch_first=True)
    inside = getattr(drawn, session.document.project.sheet("main").graph.nodes[cell].name)
    with torch.no_grad():
        for at, gate in enumerate("ifgo"):
            rows = slice(16 * at, 16 * at + 16)
            linear = getattr(inside, names[gate])
            linear.weight.copy_(torch.cat([own.weight_ih_l0[rows], own.weight_hh_l0[rows]], 1))
            linear.bias.copy_(own.bias_ih_l0[rows] + own.bias_hh_l0[rows])
        images_nchw = torch.randn(5, 1, 8, 8)
        answer, wanted = drawn(images_nchw), own(images_nchw[:, 0])[0]
    torch.testing.assert_close(answer, wanted, atol=1e-6, rtol=0)
