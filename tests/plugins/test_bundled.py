"""The bundled architectures: each is what its paper says, and one press on Train works well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from studio import compile, data, layers, paths, train
from studio.cli import main
from studio.engine.runs import is_low_best
from studio.extensions.load import Packs, load_packs
from studio.graph import files
from studio.graph.facts import ProjectFacts
from studio.graph.project import Project
from studio.graph.topology import name_path

ROOT = Path(__file__).resolve().parents[2]


class Known(NamedTuple):
    """Trainable parameters, counted by hand from the layers' sizes, and what its best weights reach."""

    parameters: int
    bar: float
    metric: str = "val_accuracy"
    data: str = "sklearn.digits"


KNOWN = {
    "acting.policy": Known(450, 400.0, "val_mean_return", "worlds.gymnasium"),
    "basics.mlp": Known(26_122, 0.96),
    "generative.diffusion": Known(299_584, 0.35, "val_loss"),
    "generative.gan": Known(17_922 + 17_025, 0.5, "val_frechet_distance", "generated.gaussians"),
    "sequence.lstm_classifier": Known(19_594, 0.96),
    "vision.lenet5": Known(61_706, 0.97),
    "vision.resnet_small": Known(24_378, 0.98),
    "vision.vit_small": Known(26_762, 0.96),
}


@pytest.fixture(scope="module")
def packs() -> Packs:
    return load_packs([ROOT / "plugins"])


def facts_of(project: Project) -> ProjectFacts:
    facts = train.seen(project.recipe, data.open(project.data, ROOT).facts)
    return compile.infer(project, layers.builtin(), facts, 1, compile.Cache(), wants=train.wanted)


def test_what_ships_has_no_fault(packs: Packs) -> None:
    assert packs.faults == ()
    assert set(packs.architectures) == set(KNOWN)
    for info in packs.infos:
        assert info.licence == "Apache-2.0"
        assert info.doc


@pytest.mark.parametrize("kind", KNOWN)
def test_it_says_where_it_comes_from_and_why_it_mattered(packs: Packs, kind: str) -> None:
    spec = packs.architectures[kind]
    assert spec.paper
    assert 1943 < spec.year < 2026
    assert spec.doc.endswith(".")
    assert spec.doc.count(". ") == 0, "one sentence"
    assert spec.data == KNOWN[kind].data
    assert all(param.help for param in spec.params)


@pytest.mark.parametrize("kind", KNOWN)
def test_it_builds_without_a_problem(packs: Packs, kind: str) -> None:
    project = packs.draw(kind, {})
    facts = facts_of(project)
    assert facts.problems == ()
    assert not train.role_problems(project)
    assert all(network.problems == () for network in facts.networks.values())
    parameters = sum(network.parameters for network in facts.networks.values())
    assert parameters == KNOWN[kind].parameters
    assert packs.architectures[kind].published_parameters in (0, parameters)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("basics.mlp", {"depth": 0, "dropout": 0.0}),
        ("basics.mlp", {"depth": 5, "activation": "Tanh", "classes": 3}),
        ("vision.lenet5", {"activation": "GELU"}),
        ("vision.resnet_small", {"width": 4}),
        ("sequence.lstm_classifier", {"layers": 2, "hidden": 8}),
        ("vision.vit_small", {"patch": 4, "heads": 2, "features": 16, "depth": 1}),
    ],
)
def test_its_settings_change_what_is_drawn(
    packs: Packs, kind: str, params: dict[str, object]
) -> None:
    project = packs.draw(kind, params)
    assert project != packs.draw(kind, {})
    facts = facts_of(project)
    errors = [problem.message for problem in facts.errors if "class" not in problem.message]
    assert not errors


def test_lenet_is_the_papers(packs: Packs) -> None:
    project = packs.draw("vision.lenet5", {})
    nodes = facts_of(project).networks["main"].nodes
    shapes = {name_path(project, "main", path): facts.outputs for path, facts in nodes.items()}
    assert shapes["conv1"]["out"].shape == ("N", 6, 28, 28)
    assert shapes["pool1"]["out"].shape == ("N", 6, 14, 14)
    assert shapes["conv2"]["out"].shape == ("N", 16, 10, 10)
    assert shapes["pool2"]["out"].shape == ("N", 16, 5, 5)
    assert [shapes[name]["out"].shape[1] for name in ("fc1", "fc2", "fc3")] == [120, 84, 10]


def test_blocks_keep_the_papers_names_in_the_state_dict(packs: Packs) -> None:
    project = packs.draw("vision.resnet_small", {})
    dataset = data.open(project.data, ROOT)
    keys = compile.build(project, "main", layers.builtin(), dataset.facts).state_dict().keys()
    assert {"conv1.weight", "bn1.weight", "res1.conv1.weight", "res2.bn2.bias"} <= keys
    assert "res3.conv_shortcut.weight" in keys


def test_a_transformer_of_the_wrong_width_is_refused_in_a_sentence(packs: Packs) -> None:
    from studio.extensions.load import PackFailed

    with pytest.raises(PackFailed, match="multiple of heads") as failure:
        packs.draw("vision.vit_small", {"features": 30})
    assert Path(failure.value.fault.file).name == "vit_small.py"


@pytest.mark.parametrize("kind", KNOWN)
def test_one_press_on_train_works_well(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.loom"
    assert main(["new", kind, "-o", str(file)]) == 0
    capsys.readouterr()
    assert main(["train", str(file), "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    known = KNOWN[kind]
    if known.metric == "val_accuracy":
        assert told["last"][known.metric] >= known.bar
        return
    sign = -1 if is_low_best(known.metric) else 1
    assert sign * told["best"][known.metric] >= sign * known.bar


def test_the_starter_project_is_the_drawn_lenet(packs: Packs) -> None:
    starter = files.load(paths.find().starter)
    assert starter.readonly == ""
    assert starter.project == packs.draw("vision.lenet5", {})
