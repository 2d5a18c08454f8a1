"""Explanations of networks as the studio itself draws, compiles and feeds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import captum.attr
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from studio import compile, data, explain, layers
from studio.data import Dataset
from studio.engine.protocol import Explain, Explanation, GetAttention, Predict
from studio.graph.builder import Net
from studio.graph.project import DataRef, Project, Step


@dataclass(frozen=True)
class Drawn:
    project: Project
    dataset: Dataset
    module: nn.Module

    def ask(self, method: str, index: int = 3, **params: object) -> Explanation:
        request = Explain(project=self.project, method=method, index=index, params=params)
        return explain.explain(request, self.module, self.dataset)


def _drawn(net: Net, ref: DataRef) -> Drawn:
    project = net.project(data=ref)
    dataset = data.open(ref, Path())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = compile.build(project, "main", layers.builtin(), dataset.facts)
    return Drawn(project, dataset, explain.replica(module))


def _residual() -> Drawn:
    net = Net()
    with net.block("Residual") as block:
        x = block.input()
        y = block.add("torch.nn.Conv2d", x, name="conv", out_channels=4, kernel_size=3, padding=1)
        block.output(block.add("torch.nn.ReLU", block.add("core.add", x, y), name="act"))
    x = net.input()
    x = net.add("torch.nn.Conv2d", x, name="conv1", out_channels=4, kernel_size=3)
    x = net.use("Residual", net.add("torch.nn.ReLU", x), name="res1")
    x = net.add("torch.nn.Flatten", net.add("torch.nn.MaxPool2d", x, kernel_size=2))
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return _drawn(net, DataRef("sklearn.digits", transforms=(Step("core.resize", {"size": 14}),)))


def _transformer() -> Drawn:
    net = Net()
    with net.block("Encoder") as block:
        x = block.input()
        y = block.add("torch.nn.MultiheadAttention", x, x, x, name="attention", num_heads=2)
        block.output(block.add("core.add", x, y))
    x = net.input()
    x = net.add("torch.nn.Conv2d", x, name="patches", out_channels=8, kernel_size=2, stride=2)
    x = net.add("core.transpose", net.add("core.flatten", x, start_dim=2))
    x = net.add("core.class_token", x)
    for number in (1, 2):
        x = net.use("Encoder", x, name=f"encoder{number}")
    x = net.add("core.select", x, dim=1, index=0)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return _drawn(net, DataRef("sklearn.digits"))


def _reader() -> Drawn:
    net = Net()
    x = net.add("core.squeeze", net.input(), dim=1)
    y = net.add("torch.nn.LSTM", x, name="lstm", hidden_size=7, batch_first=True)
    x = net.add("core.select", y, dim=1, index=-1)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return _drawn(net, DataRef("sklearn.digits"))


def _table(kind: str, outputs: int) -> Drawn:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(), name="hidden", out_features=12)
    x = net.add("torch.nn.Tanh", x)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=outputs))
    return _drawn(net, DataRef(kind))


@pytest.fixture(scope="module")
def residual() -> Drawn:
    return _residual()


@pytest.fixture(scope="module")
def transformer() -> Drawn:
    return _transformer()


@pytest.mark.parametrize("method", sorted(explain.methods()))
def test_every_method_on_a_network_with_blocks(residual: Drawn, method: str) -> None:
    found = residual.ask(method)
    assert found.values.shape == (14, 14)
    assert found.values.any()


def test_grad_cam_reads_behind_the_shortcut_of_the_last_block(residual: Drawn) -> None:
    found = residual.ask("core.grad_cam")
    assert found.caption.startswith("res1")
    assert found.caption.endswith(", signed, 12×12")
    assert found.settings["layer"] != "res1/conv"
    x = residual.dataset.validation.inputs[3:4].clone().requires_grad_(True)
    layer = residual.module.get_submodule("res1.act")
    theirs = captum.attr.LayerGradCam(residual.module, layer).attribute(x, target=found.target)
    expected = captum.attr.LayerAttribution.interpolate(theirs, (14, 14), "bilinear")[0, 0]
    assert np.allclose(found.values, expected.detach().numpy(), atol=1e-5)


def test_grad_cam_takes_a_layer_by_its_name_in_code(residual: Drawn) -> None:
    inner = residual.ask("core.grad_cam", layer="res1.conv")
    assert inner.settings["layer"] == "res1/conv"
    assert inner.caption == "res1.conv, signed, 12×12"


def test_attention_of_every_encoder(transformer: Drawn) -> None:
    found = explain.attention(
        GetAttention(project=transformer.project, index=5), transformer.module, transformer.dataset
    )
    assert [layer.node for layer in found.layers] == ["encoder1/attention", "encoder2/attention"]
    assert [layer.name for layer in found.layers] == ["encoder1.attention", "encoder2.attention"]
    for layer in found.layers:
        assert layer.weights.shape == (2, 17, 17)
        assert np.allclose(layer.weights.sum(-1), 1, atol=1e-5)
        assert (layer.grid, layer.prefix) == ((4, 4), 1)
    assert found.tokens[:2] == ("class", "patch 1, 1")


def test_logits_are_the_same_to_the_bit_with_and_without_taps(transformer: Drawn) -> None:
    x = transformer.dataset.validation.inputs[:4]
    with torch.no_grad():
        plain = transformer.module(x)
        tapped = transformer.module.forward_tapped(x, lambda path, port, tensor: tensor)
    assert torch.equal(plain, tapped)


@pytest.mark.parametrize(
    "method",
    ["core.saliency", "core.input_x_gradient", "core.integrated_gradients", "core.occlusion"],
)
def test_images_read_row_by_row_and_tables(method: str) -> None:
    reader = _reader()
    assert reader.ask(method).values.shape == (8, 8)
    with pytest.raises(explain.ExplainProblem, match="needs a layer with feature maps"):
        reader.ask("core.grad_cam")
    iris = _table("sklearn.iris", 3)
    assert iris.ask(method).values.shape == (4,)
    diabetes = _table("sklearn.diabetes", 1)
    found = diabetes.ask(method)
    assert found.values.shape == (10,)
    assert found.target == 0


def test_predictions_agree_with_explanations(residual: Drawn) -> None:
    found = explain.predict(Predict(project=residual.project), residual.module, residual.dataset)
    assert found.outputs.shape == (residual.dataset.facts.validation, 10)
    assert np.allclose(found.outputs[3], residual.ask("core.saliency").outputs, atol=1e-6)


def test_a_checkpoint_of_another_graph_is_refused_by_name(
    residual: Drawn, transformer: Drawn, tmp_path: Path
) -> None:
    path = tmp_path / "64.safetensors"
    save_file(residual.module.state_dict(), path)
    assert explain.replica(residual.module, path) is not residual.module
    with pytest.raises(explain.ExplainProblem, match=r"64\.safetensors are of another network"):
        explain.replica(transformer.module, path)
