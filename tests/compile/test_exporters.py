"""Every file that a network leaves as is run in another way than ours, and answers the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from studio import compile, layers
from studio.compile import exporters
from studio.compile.exporters import ExportProblem, Leaving
from studio.compile.exporters.leaving import difference
from studio.graph.builder import Net
from studio.graph.facts import TensorType
from studio.graph.project import Project

SPECS = layers.builtin()


def lenet() -> Project:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(shape=(1, 12, 12)), out_channels=4, kernel_size=3)
    x = net.chain(x, "torch.nn.BatchNorm2d", "torch.nn.ReLU", "torch.nn.Flatten")
    net.output(net.add("torch.nn.Linear", x, out_features=3))
    return net.project()


def residual() -> Project:
    net = Net()
    with net.block("Residual") as block:
        x = block.input()
        y = block.add("torch.nn.Linear", x, out_features=6)
        block.output(block.add("core.add", block.add("torch.nn.GELU", y), x))
    x = net.add("torch.nn.Linear", net.input(shape=(5,)), out_features=6)
    net.output(net.use("Residual", net.use("Residual", x, name="one"), name="two"))
    return net.project()


def recurrent() -> Project:
    net = Net()
    x = net.add("torch.nn.LSTM", net.input(shape=(7, 4)), hidden_size=5)
    net.output(net.add("torch.nn.Linear", x, out_features=2))
    return net.project()


def attention() -> Project:
    net = Net()
    x = net.input(shape=(6, 8))
    y = net.add("torch.nn.MultiheadAttention", x, x, x, num_heads=2)
    net.output(net.add("torch.nn.LayerNorm", net.add("core.add", x, y)))
    return net.project()


NETWORKS = {
    "attention": attention,
    "convolutions": lenet,
    "recurrent": recurrent,
    "residual blocks": residual,
}


def leaving(project: Project, trained: bool = True) -> Leaving:
    torch.manual_seed(3)
    facts = compile.infer(project, SPECS, None)
    source = compile.source(project, "main", SPECS, facts)
    module = compile.build(project, "main", SPECS, None).eval()
    kinds = [n.outputs["out"] for n in facts.networks["main"].nodes.values() if not n.inputs]
    return Leaving(module, source, tuple(kinds[:1]), trained)


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_a_program_answers_any_number_of_samples(name: str, kind: str, tmp_path: Path) -> None:
    subject = leaving(NETWORKS[name]())
    path = tmp_path / f"net.{kind}"
    report = exporters.export(kind, subject, path)
    assert [line.fate for line in report] == ["exact", "exact"], report
    (x,) = subject.samples(5, seed=9)
    with torch.no_grad():
        ours = subject.module(x)
    if kind == "pt2":
        with torch.no_grad():
            theirs = torch.export.load(path).module()(x)
    else:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        theirs = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
    assert difference(ours, theirs) < 1e-5
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_source_with_its_weights_answers_without_the_studio(name: str, tmp_path: Path) -> None:
    subject = leaving(NETWORKS[name]())
    exporters.export("pytorch", subject, tmp_path / "net.py")
    (x,) = subject.samples(3, seed=4)
    with torch.no_grad():
        torch.save((x, subject.module(x)), tmp_path / "case.pt")
    code = (
        "import sys, torch; sys.path.insert(0, '.'); import net;"
        "x, wanted = torch.load('case.pt', weights_only=True);"
        "model = net.Network().eval(); net.load_weights(model, 'net.safetensors');"
        "assert torch.allclose(model(x), wanted, rtol=0, atol=1e-6);"
        "assert not any(m.split('.')[0] in ('studio', 'safetensors') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-I", "net.py"], cwd=tmp_path, check=True, capture_output=True)


def test_weights_keep_pytorchs_names(tmp_path: Path) -> None:
    subject = leaving(residual(), trained=False)
    (line,) = exporters.export("safetensors", subject, tmp_path / "w.safetensors")
    assert "has not been trained" in line.text
    state = load_file(tmp_path / "w.safetensors")
    assert set(state) == set(subject.module.state_dict())
    assert "one.linear.weight" in state


class OneAtATime(torch.nn.Module):
    """Takes one sample, and no more."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] != 1:
            raise ValueError("one at a time")
        return x * 2


class Drawn(torch.nn.Module):
    """Goes a way that depends on its input's values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum().item() > 0 else -x


def strange(module: torch.nn.Module) -> Leaving:
    return Leaving(module, leaving(residual()).source, (TensorType(("N", 5)),))


def test_a_fixed_batch_is_said(tmp_path: Path) -> None:
    report = exporters.export("pt2", strange(OneAtATime()), tmp_path / "net.pt2")
    assert [line.fate for line in report] == ["approximated", "exact"]
    assert "one sample at a time" in report[0].text.lower()
    assert torch.equal(torch.export.load(tmp_path / "net.pt2").module()(torch.ones(1, 5)), 2 * torch.ones(1, 5))  # fmt: skip


@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_what_cannot_be_traced_leaves_a_sentence_and_no_file(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ExportProblem, match="cannot trace this network"):
        exporters.export(kind, strange(Drawn()), tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_a_program_that_answers_otherwise_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.compile.exporters import programs

    monkeypatch.setattr(programs, "difference", lambda ours, theirs: 0.5)
    with pytest.raises(ExportProblem, match="answers otherwise"):
        exporters.export("pt2", leaving(lenet()), tmp_path / "net.pt2")
    assert not list(tmp_path.iterdir())


def test_what_is_not_installed_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporters, "find_spec", lambda name: None)
    with pytest.raises(ExportProblem, match=r'pip install "neuroloom\[onnx\]"'):
        exporters.export("onnx", leaving(lenet()), tmp_path / "net.onnx")
