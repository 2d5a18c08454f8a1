"""Hints speak up where something surely is not meant so, and keep quiet where it may be."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from networks import chain, conv, lenet, linear, residual, transformer

from studio import compile, data, layers, train
from studio.compile.hints import RULES
from studio.extensions.load import load_packs
from studio.graph import files
from studio.graph.builder import Net
from studio.graph.edits import Batch, Dismiss, SetFlag, SetParams, SetRecipe
from studio.graph.facts import DataFacts, TensorType
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

ROOT = Path(__file__).resolve().parents[2]
Specs = dict[str, LayerSpec]
END = ("torch.nn.Flatten", linear(name="fc", out_features=10))


def hints(project: Project, specs: Specs, facts: DataFacts | None) -> list[Problem]:
    networks = compile.infer(project, specs, facts, wants=train.wanted).networks.values()
    found = [problem for network in networks for problem in network.problems]
    return [problem for problem in found if problem.severity == "hint"]


def _joined(kind: str, between: str = "", **params: object) -> Project:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    other = net.add(between, x, **params) if between else x
    net.output(net.add("torch.nn.Linear", net.add(kind, x, other, name="join"), out_features=10))
    return net.project()


def _alone(project: Project) -> Project:
    return SetRecipe({"batch_size": 1}).apply(project)


SIGMOIDS = [
    layer
    for number in range(5)
    for layer in (linear(out_features=16), ("torch.nn.Sigmoid", {"name": f"s{number}"}))
]

#: By rule: what breaks it, the node that it is told at, and the nearest thing that does not.
CASES: dict[str, tuple[Project, str, Project]] = {
    "two activations": (
        chain(conv(out_channels=4, kernel_size=3), "torch.nn.ReLU", ("torch.nn.GELU", {"name": "second"}), *END),
        "second",
        chain(conv(out_channels=4, kernel_size=3), "torch.nn.ReLU", conv(out_channels=4, kernel_size=3),
              "torch.nn.GELU", *END),
    ),
    "two linears": (
        chain("torch.nn.Flatten", linear(out_features=64), linear(name="fc", out_features=10)),
        "fc",
        chain("torch.nn.Flatten", linear(out_features=4), linear(name="fc", out_features=10)),
    ),
    "two norms": (
        chain(conv(out_channels=4, kernel_size=3, bias=False), "torch.nn.BatchNorm2d",
              ("torch.nn.BatchNorm2d", {"name": "again"}), *END),
        "again",
        chain(conv(out_channels=4, kernel_size=3, bias=False), "torch.nn.BatchNorm2d", "torch.nn.ReLU",
              "torch.nn.BatchNorm2d", *END),
    ),
    "bias before norm": (
        chain(conv(name="stem", out_channels=4, kernel_size=3), "torch.nn.BatchNorm2d", *END),
        "stem",
        chain(conv(name="stem", out_channels=4, kernel_size=3), ("torch.nn.GroupNorm", {"num_groups": 2}), *END),
    ),
    "same operands": (_joined("core.add"), "join", _joined("core.add", "torch.nn.LayerNorm", normalized_shape=784)),
    "unread input": (
        chain(conv(name="stem", out_channels=4, kernel_size=3, stride=4), *END),
        "stem",
        chain(conv(name="stem", out_channels=4, kernel_size=1, stride=2), *END),
    ),
    "large linear": (
        chain(conv(out_channels=32, kernel_size=3), "torch.nn.Flatten", linear(name="fc1", out_features=512),
              "torch.nn.ReLU", linear(out_features=10)),
        "fc1",
        chain(conv(out_channels=32, kernel_size=3), "torch.nn.Flatten", linear(name="fc1", out_features=64),
              "torch.nn.ReLU", linear(out_features=10)),
    ),
    "saturating stack": (
        chain("torch.nn.Flatten", *SIGMOIDS, linear(out_features=10)),
        "s4",
        chain("torch.nn.Flatten", *SIGMOIDS[:4], ("torch.nn.BatchNorm1d", {}), *SIGMOIDS[4:], linear(out_features=10)),
    ),
    "no effect": (
        chain("torch.nn.Flatten", ("core.cast", {"name": "same"}), linear(out_features=10)),
        "same",
        chain("torch.nn.Flatten", linear(out_features=10)),
    ),
    "one number": (
        chain("torch.nn.Flatten", linear(out_features=1), ("torch.nn.Softmax", {"name": "only", "dim": 1}),
              linear(out_features=10)),
        "only",
        chain("torch.nn.Flatten", linear(out_features=2), ("torch.nn.Softmax", {"name": "only", "dim": 1}),
              linear(out_features=10)),
    ),
    "dropout share": (
        chain("torch.nn.Flatten", ("torch.nn.Dropout", {"name": "drop", "p": 0.0}), linear(out_features=10)),
        "drop",
        chain("torch.nn.Flatten", ("torch.nn.Dropout", {"name": "drop", "p": 0.5}), linear(out_features=10)),
    ),
    "mixed samples": (
        chain("torch.nn.Flatten", ("torch.nn.Softmax", {"name": "soft", "dim": 0}), linear(out_features=10)),
        "soft",
        chain("torch.nn.Flatten", ("torch.nn.Softmax", {"name": "soft", "dim": -1}), linear(out_features=10)),
    ),
    "softmax before loss": (
        chain(*END, ("torch.nn.Softmax", {"name": "soft", "dim": 1})),
        "soft",
        SetRecipe({"loss": "torch.nn.NLLLoss"}).apply(chain(*END, ("torch.nn.LogSoftmax", {"dim": 1}))),
    ),
    "dropout at the end": (chain(*END, ("torch.nn.Dropout", {"name": "drop"})), "drop",
                           chain("torch.nn.Flatten", "torch.nn.Dropout", linear(out_features=10))),
    "argmax at the end": (
        chain(*END, ("core.argmax", {"name": "best"})), "best",
        chain(*END),
    ),
    "batches of one": (
        _alone(chain(conv(out_channels=4, kernel_size=3, bias=False), ("torch.nn.BatchNorm2d", {"name": "bn"}),
                     "torch.nn.ReLU", "torch.nn.BatchNorm2d", *END)),
        "bn",
        _alone(chain(conv(out_channels=4, kernel_size=3), ("torch.nn.GroupNorm", {"num_groups": 2}), *END)),
    ),
    "nothing learns": (
        SetFlag("main", ("fc",), "frozen", True).apply(chain(*END)), "out",
        SetFlag("main", ("a",), "frozen", True).apply(
            chain("torch.nn.Flatten", linear(name="a", out_features=20), "torch.nn.ReLU", linear(out_features=10))),
    ),
}  # fmt: skip


def test_every_rule_is_tried() -> None:
    assert {*CASES, "bounded answer", "squeezed labels"} == {rule.name for rule in RULES}
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_a_rule_sees_its_case_and_only_that(rule: str, specs: Specs, digits: DataFacts) -> None:
    broken, node, fine = CASES[rule]
    found = [hint for hint in hints(broken, specs, digits) if hint.rule == rule]
    assert [hint.node for hint in found] == [node]
    assert found[0].message.endswith(".")
    assert len(found[0].message) > 60, "a hint gives its reason"
    assert not [hint for hint in hints(fine, specs, digits) if hint.rule == rule]


@pytest.mark.parametrize("rule", sorted(CASES))
def test_what_a_hint_offers_answers_it(rule: str, specs: Specs, digits: DataFacts) -> None:
    broken, node, _ = CASES[rule]
    hint = next(hint for hint in hints(broken, specs, digits) if hint.rule == rule)
    for repair in hint.repairs:
        mended = Batch(repair.title, tuple(repair.edits)).apply(broken)
        after = compile.infer(mended, specs, digits)
        assert len(after.errors) == repair.left
        left = after.networks["main"].problems
        assert not [one for one in left if (one.rule, one.node) == (rule, node)]
        before = compile.infer(broken, specs, digits).networks["main"].parameters
        assert after.networks["main"].parameters - before == repair.parameters
    assert hint.repairs or rule in ("same operands", "saturating stack")


def test_answers_that_cannot_reach_standardised_targets(specs: Specs, table: DataFacts) -> None:
    known = replace(table, target_mean=(3.0,), target_std=(2.0,))
    project = chain(linear(out_features=1), ("torch.nn.Sigmoid", {"name": "end"}))
    (hint,) = hints(project, specs, known)
    assert (hint.rule, hint.node) == ("bounded answer", "end")
    assert "beyond" not in hint.message
    assert "nothing below 0" in hint.message
    assert not hints(project, specs, table), "as they come, targets may well be positive"


def test_the_softmax_hint_says_how_sure_an_answer_can_be(specs: Specs, digits: DataFacts) -> None:
    (hint,) = hints(CASES["softmax before loss"][0], specs, digits)
    assert "counts as 23% at most" in hint.message


def test_bundled_networks_deserve_no_hint(specs: Specs) -> None:
    packs = load_packs([ROOT / "plugins"])
    projects = {kind: packs.draw(kind, {}) for kind in sorted(packs.architectures)}
    projects["starter"] = files.load(ROOT / "assets" / "starter.loom").project
    for name, project in projects.items():
        facts = train.seen(project.recipe, data.open(project.data, ROOT).facts)
        for size in (project.recipe.batch_size, 256):
            sized = SetRecipe({"batch_size": size}).apply(project)
            assert hints(sized, layers.builtin(), facts) == [], name


@pytest.mark.parametrize("draw", [lenet, residual, transformer])
def test_ordinary_networks_deserve_no_hint(
    draw: Callable[[], Project], specs: Specs, digits: DataFacts
) -> None:
    found = hints(draw(), specs, digits)
    assert not found, [hint.message for hint in found]


def test_a_bypassed_layer_is_looked_through(specs: Specs, digits: DataFacts) -> None:
    project = chain(
        conv(out_channels=4, kernel_size=3),
        "torch.nn.ReLU",
        ("torch.nn.Dropout", {"name": "drop"}),
        ("torch.nn.ReLU", {"name": "second"}),
        *END,
    )
    assert not [h for h in hints(project, specs, digits) if h.rule == "two activations"]
    bypassed = SetFlag("main", ("drop",), "bypassed", True).apply(project)
    assert [h.node for h in hints(bypassed, specs, digits)] == ["second"]


def test_a_hint_inside_a_block_is_told_once_and_mended_there(
    specs: Specs, digits: DataFacts
) -> None:
    project = SetParams("block.ResBlock", "conv1", {"bias": True}).apply(residual())
    found = [hint for hint in hints(project, specs, digits) if hint.rule == "bias before norm"]
    assert [hint.node for hint in found] == ["res1/conv1"]
    mended = Batch("", found[0].repairs[0].edits).apply(project)
    assert not [h for h in hints(mended, specs, digits) if h.rule == "bias before norm"]


def test_a_dismissed_hint_is_kept_with_the_node(specs: Specs, digits: DataFacts) -> None:
    project, node, _ = CASES["two linears"]
    (hint,) = hints(project, specs, digits)
    quiet = Dismiss("main", node, hint.rule).apply(project)
    facts = compile.infer(quiet, specs, digits).networks["main"]
    assert facts.problems == ()
    assert [(one.rule, one.message) for one in facts.dismissed] == [(hint.rule, hint.message)]
    again = msgspec.json.decode(msgspec.json.encode(quiet), type=Project)
    assert again == quiet
    assert hints(Dismiss("main", node, hint.rule, on=False).apply(quiet), specs, digits) == [hint]


def test_named_dimensions_do_not_disturb_hints(specs: Specs) -> None:
    net = Net()
    x = net.add("torch.nn.Linear", net.input(shape=("T", 8)), in_features=8, out_features=16)
    net.output(net.add("torch.nn.Linear", x, name="fc", in_features=16, out_features=4))
    alone = compile.infer(net.project(), specs, None).networks["main"]
    assert [hint.rule for hint in alone.problems] == ["two linears"]
    assert alone.nodes["fc"].outputs["out"] == TensorType(("N", "T", 4))
