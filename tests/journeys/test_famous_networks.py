"""A newcomer builds famous networks in the real window, with the mouse alone or with keys alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from hands import Keys, Mouse
from torch import nn

from studio import compile
from studio.graph.facts import NetworkFacts

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
Sit = Callable[..., "Person"]


def known(me: Person) -> NetworkFacts:
    """What the engine has found out about the network, once it has."""
    me.until(lambda: me.session.settled)
    assert me.session.facts is not None
    return me.session.facts.networks["main"]


def shape(me: Person, node: str) -> tuple[object, ...]:
    """What a node gives."""
    return known(me).nodes[node].outputs["out"].shape


# ------------------------------------------------------------------------------------------ ResNet


def residual(hand: Mouse, x: str) -> str:
    """Draw a residual block behind a node, and let its instances set width and stride."""
    conv1 = hand.add("conv2d", x)
    hand.set(conv1, "out_channels", "64")
    hand.set(conv1, "padding", "1")
    bn1 = hand.add("batchnorm2d", conv1)
    relu1 = hand.add("relu", bn1)
    conv2 = hand.add("conv2d", relu1)
    hand.set(conv2, "out_channels", "64")
    hand.set(conv2, "padding", "1")
    bn2 = hand.add("batchnorm2d", conv2)
    total = hand.add("add", bn2)
    relu2 = hand.add("relu", total)
    short = hand.add("conv2d", x)
    hand.set(short, "kernel_size", "1")
    bn3 = hand.add("batchnorm2d", short)
    hand.wire(bn3, total, "b")
    # Nothing of the cards that grew and shrank meanwhile is left on the screen.
    hand.settled()
    seen = hand.painted()
    hand.canvas.view.viewport().update()
    assert hand.painted() == seen
    inside = (conv1, bn1, relu1, conv2, bn2, total, relu2, short, bn3)
    block = hand.block(inside, "Residual")
    hand.enter(block)
    hand.promote(conv1, "out_channels", "width")
    hand.promote(conv1, "stride", "stride")
    hand.set(conv2, "out_channels", "=width")
    hand.set(short, "out_channels", "=width")
    hand.set(short, "stride", "=stride")
    hand.leave()
    return block


class Residual(nn.Module):
    """The same block, written."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            *(nn.Conv2d(before, width, 3, stride, 1), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width)),
        )
        self.short = nn.Sequential(nn.Conv2d(before, width, 1, stride), nn.BatchNorm2d(width))


def test_resnet_18_with_the_mouse(sit_down: Sit) -> None:
    me = sit_down()
    hand = Mouse(me)
    hand.begin()
    x = hand.add("input")
    last = residual(hand, x)
    hand.set(last, "repeat", "2")
    known(me)
    stages = [last]
    for width in ("128", "256", "512"):
        for stride in ("2", "1"):
            last = hand.add("residual", last)
            hand.set(last, "width", width)
            if stride != "1":
                hand.set(last, "stride", stride)
        stages.append(last)
    pool = hand.add("adaptiveavgpool2d", last)
    hand.set(pool, "output_size", "1")
    flat = hand.add("flatten", pool)
    head = hand.add("linear", flat)
    hand.set(head, "out_features", "10")
    hand.add("output", head)

    assert [shape(me, one) for one in stages] == [
        ("N", 64, 8, 8),
        ("N", 128, 4, 4),
        ("N", 256, 2, 2),
        ("N", 512, 1, 1),
    ]
    written = nn.Sequential(
        *(Residual(1, 64, 1), Residual(64, 64, 1)),
        *(Residual(64, 128, 2), Residual(128, 128, 1)),
        *(Residual(128, 256, 2), Residual(256, 256, 1)),
        *(Residual(256, 512, 2), Residual(512, 512, 1)),
        nn.Linear(512, 10),
    )
    assert known(me).parameters == sum(one.numel() for one in written.parameters())
    assert me.session.can_train() == ""


# --------------------------------------------------------------------------------------- Inception


def test_inception_with_keys(sit_down: Sit) -> None:
    me = sit_down()
    hand = Keys(me)
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


def test_unet_with_the_mouse(sit_down: Sit) -> None:
    me = sit_down()
    hand = Mouse(me)
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


def test_an_lstm_by_scan_with_keys(sit_down: Sit) -> None:
    me = sit_down()
    hand = Keys(me)
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
