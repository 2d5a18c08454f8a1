"""Predictions of a split, and replicas that they are made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file
from subjects import Cnn, Function, Mlp, Stop, data
from torch import nn

from studio import explain
from studio.data import Dataset
from studio.engine.protocol import Predict
from studio.graph.project import Project

ASK = Predict(project=Project())


def test_probabilities_of_a_whole_split_in_order() -> None:
    torch.manual_seed(0)
    samples = data("table", (6,), inputs=torch.rand(1200, 6))
    module, seen = Mlp().eval(), []
    found = explain.predict(ASK, module, samples, report=lambda *at: seen.append(at))
    with torch.no_grad():
        expected = torch.softmax(module(samples.validation.inputs), 1)
    assert found.outputs.shape == (600, 4)
    assert np.allclose(found.outputs, expected.numpy(), atol=1e-6)
    assert np.array_equal(found.targets, samples.validation.targets.numpy())
    assert seen == [(256, 600), (512, 600), (600, 600)]


def test_regression_gives_outputs_in_the_units_of_the_data() -> None:
    samples = data("table", (3,), classes=0)
    double = Function(lambda x: 2 * x[:, :2])
    plain = explain.predict(ASK, double.eval(), samples)
    assert np.allclose(plain.outputs, 2 * samples.validation.inputs[:, :2])
    scaled = replace(samples.facts, target_mean=(10.0, 20.0), target_std=(2.0, 3.0))
    found = explain.predict(ASK, double, Dataset(scaled, *_splits(samples)))
    assert np.allclose(found.outputs, plain.outputs * [2, 3] + [10, 20], atol=1e-5)
    assert np.allclose(found.targets, plain.targets * [2, 3] + [10, 20], atol=1e-5)


def _splits(samples: Dataset) -> tuple[object, object, object]:
    return samples.train, samples.validation, samples.test


def test_cancelling_stops_between_batches() -> None:
    samples = data("table", (6,), inputs=torch.rand(1200, 6))
    stop = Stop(1)
    with pytest.raises(explain.Cancelled):
        explain.predict(ASK, Mlp().eval(), samples, cancelled=stop)
    assert stop.calls == 2


def test_an_answer_that_is_not_a_number_gets_a_sentence() -> None:
    samples = data("table", (6,))
    inverse = Function(lambda x: 1 / (x - samples.validation.inputs[2]))
    with pytest.raises(
        explain.ExplainProblem, match="sample 2 with something that is not a finite"
    ):
        explain.predict(ASK, inverse.eval(), samples)


def test_a_split_without_samples_gets_a_sentence() -> None:
    with pytest.raises(explain.ExplainProblem, match="test split holds no samples"):
        explain.predict(replace(ASK, split="test"), Mlp().eval(), data("table", (6,)))


def _saved(module: nn.Module, path: Path) -> Path:
    save_file({k: v.contiguous() for k, v in module.state_dict().items()}, path)
    return path


def test_a_replica_has_the_weights_of_the_file_and_leaves_the_module_alone(tmp_path: Path) -> None:
    trained, fresh = Cnn(), Cnn().double().train()
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    twin = explain.replica(fresh, _saved(trained, tmp_path / "120.safetensors"))
    assert all(torch.equal(twin.state_dict()[k], v) for k, v in trained.state_dict().items())
    assert all(torch.equal(fresh.state_dict()[k], v) for k, v in before.items())
    assert fresh.training
    assert not any(part.training for part in twin.modules())
    assert {p.dtype for p in twin.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in twin.parameters())


def test_a_replica_without_a_file_keeps_the_modules_own_weights() -> None:
    module = Cnn().to(memory_format=torch.channels_last)
    twin = explain.replica(module)
    assert torch.equal(twin.conv2.weight, module.conv2.weight)
    assert twin.conv2.weight.is_contiguous()


def test_making_a_replica_draws_no_random_number(tmp_path: Path) -> None:
    module, path = Cnn(), _saved(Cnn(), tmp_path / "w.safetensors")
    state = torch.get_rng_state()
    explain.replica(module, path)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (Cnn(classes=7), "head.weight is 7×54 there and 4×54 here"),
        (Mlp(), "conv1.weight is missing there"),
        (nn.Sequential(Cnn(), nn.Linear(1, 1)), "and 11 more"),
    ],
)
def test_weights_of_another_network_get_a_sentence(
    tmp_path: Path, other: nn.Module, sentence: str
) -> None:
    with pytest.raises(explain.ExplainProblem) as caught:
        explain.replica(Cnn(), _saved(other, tmp_path / "w.safetensors"))
    assert "of another network" in str(caught.value)
    assert sentence in str(caught.value)
    assert "train again" in str(caught.value)


def test_an_unreadable_or_absent_file_gets_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(explain.ExplainProblem, match="There are no weights at"):
        explain.replica(Cnn(), path)
    _saved(Cnn(), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(explain.ExplainProblem, match=r"w\.safetensors cannot be read"):
        explain.replica(Cnn(), path)


def test_weights_that_are_not_numbers_get_a_sentence(tmp_path: Path) -> None:
    broken = Cnn()
    broken.conv2.bias.data[1] = torch.nan
    with pytest.raises(explain.ExplainProblem, match="weights of conv2 hold values"):
        explain.replica(Cnn(), _saved(broken, tmp_path / "w.safetensors"))
