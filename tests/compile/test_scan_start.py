"""The block that a new scan begins as is PyTorch's simple recurrent layer."""

from __future__ import annotations

import torch
from msgspec.structs import replace
from torch import nn

from studio import compile
from studio.graph.builder import Net
from studio.graph.project import Project
from studio.graph.scan_start import scan_start
from studio.graph.spec import LayerSpec


def project(steps: int, features: int, hidden: int) -> Project:
    """A network of one such block."""
    net = Net()
    x = net.input(shape=(steps, features))
    net.output(net.add("block.Scan", x, name="cell", size=hidden))
    return replace(net.project(), blocks={"Scan": scan_start()})


def test_it_computes_what_pytorchs_layer_does(specs: dict[str, LayerSpec]) -> None:
    torch.manual_seed(0)
    module = compile.build(project(9, 5, 12), "main", specs, None)
    own = nn.RNN(5, 12, batch_first=True)
    with torch.no_grad():
        # One matrix over input and state beside each other, as the block has it.
        module.cell.mix.weight.copy_(torch.cat([own.weight_ih_l0, own.weight_hh_l0], dim=1))
        module.cell.mix.bias.copy_(own.bias_ih_l0 + own.bias_hh_l0)
    x = torch.randn(4, 9, 5)
    torch.testing.assert_close(module(x), own(x)[0], atol=1e-6, rtol=0)


def test_its_size_is_what_the_instance_sets(specs: dict[str, LayerSpec]) -> None:
    facts = compile.infer(project(9, 5, 12), specs, None).networks["main"]
    assert not facts.problems
    assert facts.nodes["cell"].outputs["out"].shape == ("N", 9, 12)
    assert facts.parameters == (5 + 12) * 12 + 12
