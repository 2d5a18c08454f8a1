"""Which layers fit a gap: tried on the meta device, so that what is offered works."""

from __future__ import annotations

from studio import compile
from studio.compile.offers import offers
from studio.graph.builder import Net
from studio.graph.facts import TensorType
from studio.graph.graph import INPUT, Node
from studio.graph.offers import Gap
from studio.graph.project import Block
from studio.graph.spec import LayerSpec

MAP = TensorType(("N", 32, 13, 13))


def test_a_layer_behind_a_map_says_what_it_gives_or_why_not(specs: dict[str, LayerSpec]) -> None:
    found = offers(Gap(MAP), specs, {}, compile.Cache())
    pooled = found["torch.nn.MaxPool2d"].result
    assert pooled is not None
    assert pooled.text == "N×32×6×6"
    assert found["torch.nn.Linear"].reason.startswith("Linear needs one flat vector")
    assert "torch.nn.Embedding" not in found
    assert INPUT not in found


def test_operands_that_are_still_open_are_named(specs: dict[str, LayerSpec]) -> None:
    found = offers(Gap(MAP), specs, {}, compile.Cache())
    assert found["core.add"].open == ("b",)
    assert not found["core.add"].reason
    assert found["torch.nn.ReLU"].open == ()


def test_in_a_wire_the_node_behind_must_take_the_result(specs: dict[str, LayerSpec]) -> None:
    conv = Node("c", "torch.nn.Conv2d", "conv2", {"kernel_size": 8})
    found = offers(Gap(MAP, taker=conv, port="x"), specs, {}, compile.Cache())
    assert not found["torch.nn.ReLU"].reason
    assert found["torch.nn.Flatten"].reason.startswith("Then Conv2d needs an image")
    assert found["torch.nn.MaxPool2d"].reason  # the window of 8 no longer fits into 6
    other = {"b": MAP}
    add = Node("a", "core.add", "add")
    found = offers(Gap(MAP, taker=add, port="a", others=other), specs, {}, compile.Cache())
    assert found["torch.nn.MaxPool2d"].reason
    assert not found["torch.nn.BatchNorm2d"].reason


def test_before_a_port_a_layer_must_be_able_to_feed_it(specs: dict[str, LayerSpec]) -> None:
    lstm = Node("r", "torch.nn.LSTM", "lstm")
    found = offers(Gap(taker=lstm, port="x"), specs, {}, compile.Cache())
    assert not found["torch.nn.LayerNorm"].reason
    assert found["torch.nn.Conv2d"].reason
    assert found["torch.nn.LayerNorm"].result is None


def test_a_block_is_tried_whole(specs: dict[str, LayerSpec]) -> None:
    net = Net()
    net.output(net.add("torch.nn.Conv2d", net.input(), out_channels=8, kernel_size=3))
    blocks = {"Stage": Block(net.project().networks["main"])}
    cache = compile.Cache()
    result = offers(Gap(MAP), specs, blocks, cache)["block.Stage"].result
    assert result is not None
    assert result.text == "N×8×11×11"
    flat = offers(Gap(TensorType(("N", 9))), specs, blocks, cache)["block.Stage"]
    assert "image" in flat.reason


def test_a_search_that_was_closed_stops(specs: dict[str, LayerSpec]) -> None:
    assert offers(Gap(MAP), specs, {}, compile.Cache(), lambda: True) == {}
