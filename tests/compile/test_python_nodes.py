"""Python nodes: run only where trusted, shapes as told, errors at their line, names unique in the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from studio.compile import Cache, Consent, Unfinished, build, infer, load, own_code, source
from studio.graph.builder import Net
from studio.graph.edits import SetFlag
from studio.graph.facts import DataFacts, ProjectFacts, TensorType
from studio.graph.graph import PYTHON
from studio.graph.problems import Problem
from studio.graph.project import Project
from studio.graph.python_code import STARTER
from studio.graph.trust import digests
from studio.layers import builtin

SPECS = builtin()
DATA = DataFacts(
    "digits", 8, 2, 0, TensorType((1, 8, 8)), "image", "classification", tuple("0123456789")
)
GATE = '''\
import torch
from torch import Tensor, nn


class Gate(nn.Module):
    """Let through what a learned gate opens for."""

    def __init__(self, width: int = 64, sharp: float = 1.0):
        super().__init__()
        self.gate = nn.Linear(64, width)
        self.sharp = sharp

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        opening = torch.sigmoid(self.gate(x) * self.sharp)
        return x * opening, opening
'''


def project(*codes: str, **params: object) -> Project:
    net = Net()
    x = net.add("torch.nn.Flatten", net.input())
    for number, code in enumerate(codes):
        x = net.add(PYTHON, x, name=f"own{number}", source=code, **params)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return net.project()


def trusting(project: Project) -> Cache:
    return Cache(consent=Consent(digests(project)))


def facts_of(project: Project, cache: Cache | None = None) -> ProjectFacts:
    return infer(project, SPECS, DATA, cache=cache or trusting(project))


def problem_of(code: str, **params: object) -> Problem:
    drawn = project(code, **params)
    found = [one for one in facts_of(drawn).networks["main"].problems if one.severity == "error"]
    assert [one.node for one in found] == ["own0"]
    return found[0]


def text_of(project: Project) -> str:
    return source(project, "main", SPECS, facts_of(project)).text


# ------------------------------------------------------------------------------------------- trust


def test_untrusted_code_is_not_run_by_anything(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    code = f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n{GATE}"
    drawn = project(code)
    facts = infer(drawn, SPECS, DATA)
    problem = next(one for one in facts.networks["main"].problems if one.node == "own0")
    assert problem.needs == "trust"
    assert "has not been run" in problem.message
    assert not facts.networks["main"].nodes["own0"].outputs
    with pytest.raises(Unfinished, match="code of its own"):
        source(drawn, "main", SPECS, facts)
    with pytest.raises(Unfinished, match="code of its own"):
        build(drawn, "main", SPECS, DATA)
    assert not marker.exists()
    facts_of(drawn)
    assert marker.exists()  # so the marker would have told


def test_another_text_is_not_trusted_with_the_first() -> None:
    cache = trusting(project(GATE))
    assert not facts_of(project(GATE), cache).errors
    changed = facts_of(project(GATE + "\n"), cache)
    assert [one.needs for one in changed.errors] == ["trust"]


def test_trust_is_heard_of_by_a_cache_that_knows_the_refusal() -> None:
    drawn, cache = project(GATE), Cache()
    assert facts_of(drawn, cache).errors
    cache.consent.give(digests(drawn), ())
    assert not facts_of(drawn, cache).errors
    cache.consent.give(digests(drawn), digests(drawn))
    assert "ended while it ran" in facts_of(drawn, cache).errors[0].message


def test_a_formula_cannot_bring_code_in(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    drawn = project("=hidden")
    hidden = f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n{STARTER}"
    drawn = Project(drawn.networks, constants={"hidden": hidden})
    assert "cannot read" in facts_of(drawn).errors[0].message
    assert not marker.exists()


def test_the_studios_own_code_needs_nobodys_trust() -> None:
    assert not infer(project(STARTER), SPECS, DATA).errors


def test_bypassed_code_is_not_run_and_in_nobodys_way() -> None:
    drawn = SetFlag("main", ("own0",), "bypassed", True).apply(project(GATE))
    assert not infer(drawn, SPECS, DATA).errors


# ---------------------------------------------------------------------------------- shapes and code


def test_shapes_parameters_and_values_are_those_of_the_module() -> None:
    drawn = project(GATE, sharp=2.0)
    known = facts_of(drawn).networks["main"].nodes["own0"]
    assert known.outputs["out"] == known.outputs["out2"] == TensorType(("N", 64))
    assert known.parameters == 64 * 64 + 64
    assert known.flops == 2 * 64 * 64
    module = build(drawn, "main", SPECS, DATA, trusting(drawn))
    assert list(module.state_dict())[:2] == ["own0.gate.weight", "own0.gate.bias"]
    x = torch.randn(3, 1, 8, 8)
    flat = x.flatten(1)
    opening = torch.sigmoid(module.own0.gate(flat) * 2.0)  # type: ignore[union-attr,operator]
    assert torch.equal(module(x), module.head(flat * opening))  # type: ignore[operator]
    seen: dict[tuple[str, str], torch.Tensor] = {}

    def tap(path: str, port: str, value: torch.Tensor) -> torch.Tensor:
        seen[path, port] = value
        return value

    assert torch.equal(module.forward_tapped(x, tap), module(x))  # type: ignore[operator]
    assert torch.equal(seen["own0", "out2"], opening)


def test_names_of_the_code_are_unique_in_the_file() -> None:
    one = "K = 2\ndef step(x, k: float = 1.0):\n    return x * K * k\n"
    other = (
        "K = 3\n\n\ndef helper(K):\n    return K + 1\n\n\n"
        "def step(x):\n    # K = größer\n    return helper(K=x) * K\n"
    )
    network = "def Network(x):\n    return x - 1\n"
    drawn = project(one, other, network, one)
    text = text_of(drawn)
    assert text.count("def step(") == 1
    assert "def step2(x):" in text
    assert "K2 = 3" in text
    assert "helper(K=x) * K2" in text
    assert "def helper(K):\n    return K + 1" in text
    assert "def Network2(x):" in text
    assert text.count("class Network(") == 1
    x = torch.randn(2, 1, 8, 8)
    module = load(text)
    expected = (((x.flatten(1) * 2 + 1) * 3) - 1) * 2
    assert torch.allclose(module(x), module.head(expected))  # type: ignore[operator]


def test_imports_stand_at_the_top_and_only_where_needed() -> None:
    code = "import json\nimport torch\nfrom torch import Tensor\n\ndef f(x: Tensor):\n    return x * math.pi\n"
    head = text_of(project(code)).split("\n\n\n")[0].splitlines()
    assert head[2:] == ["import math", "import json", "from torch import Tensor, nn"]
    assert "and what it imports" in head[0]
    clash = "import math as json\ndef g(x):\n    return x\n"
    with pytest.raises(Unfinished, match="imports json"):
        text_of(project(code, clash))


def test_what_is_exported_needs_only_torch() -> None:
    text = text_of(project(GATE, STARTER))
    assert "nothing else" in text.splitlines()[0]
    scope: dict[str, object] = {"__name__": "elsewhere"}
    exec(compile(text, "net.py", "exec"), scope)
    module = scope["Network"]()  # type: ignore[operator]
    assert module(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_lines_of_the_code_belong_to_the_node() -> None:
    drawn = project(GATE)
    written = source(drawn, "main", SPECS, facts_of(drawn))
    mine = [
        line
        for line, path in zip(written.text.splitlines(), written.nodes, strict=True)
        if path == "own0"
    ]
    assert "class Gate(nn.Module):" in mine
    assert "        x, _ = self.own0(x)" in mine


# ------------------------------------------------------------------------------------------- errors

#: Code that goes wrong when it is run → the line that is told, and words of the sentence.
WRONG = {
    "def f(x):\n    y = x @ torch.ones(63, 2)\n    return y": (2, "line 2, with 64 numbers"),
    "def f(x):\n    return g(x)\n": (2, "NameError"),
    "def g(x):\n    raise ValueError('too blue')\ndef f(x):\n    return g(x)": (2, "too blue"),
    "raise SystemExit(3)\ndef f(x):\n    return x": (1, "SystemExit"),
    "import no_such_module_here\ndef f(x):\n    return x": (1, "no_such_module_here"),
    "def f(x):\n    return 3": (0, "of type int"),
    "def f(x):\n    return None": (0, "of type NoneType"),
    "def f(x) -> Tensor:\n    return x, x": (0, r"-> tuple\[Tensor, Tensor\]"),
    "def f(x) -> tuple[Tensor, Tensor]:\n    return x": (0, "2 tensors should come out"),
    "def f(x) -> tuple[Tensor, Tensor]:\n    return x, 3": (0, "out2 is of type int"),
    "class M(nn.Module):\n    def __init__(self):\n        x\n    def forward(self, x):\n        return x": (
        3, "NameError",
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", WRONG, ids=lambda text: text[:48])
def test_errors_name_the_node_and_the_line_of_its_code(code: str) -> None:
    line, words = WRONG[code]
    problem = problem_of(code)
    assert problem.line == line
    assert problem.message.startswith("own0")
    assert re.search(words, problem.message)


def test_unreadable_code_is_told_at_its_line() -> None:
    problem = problem_of("def f(x):\n    return (x\n")
    assert (problem.line, problem.needs) == (2, "")
    assert problem.message.startswith("own0, line 2: Python cannot read this")


def test_a_loop_without_end_is_ended_and_told_at_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_code, "LIMIT_S", 0.3)
    code = "def f(x):\n    while True:\n        pass\n"
    problem = problem_of(code)
    assert problem.line in (2, 3)
    assert "still running after" in problem.message


def test_settings_that_the_code_does_not_have_are_told() -> None:
    assert "no setting named 'depth'" in problem_of(STARTER, depth=3).message
