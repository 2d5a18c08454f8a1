"""What the README shows is there, and what it tells people to type works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from studio.cli.arguments import build_parser
from studio.extensions.load import load_packs
from studio.paths import find
from studio.train.learners import builtin_learners

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(mark: str) -> str:
    """The code that follows a mark."""
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found is not None, mark
    return found[1]


def commands() -> list[str]:
    return [line for line in README.splitlines() if line.startswith("neuroloom ")]


def test_every_picture_and_linked_file_is_there() -> None:
    targets = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("mark", ["run", "test"])
def test_each_way_to_begin_is_one_line(mark: str) -> None:
    assert len(block(mark).strip().splitlines()) == 1
    assert "pip install" in block(mark)


@pytest.mark.parametrize("line", commands())
def test_commands_are_understood(line: str) -> None:
    assert build_parser().parse_args(shlex.split(line)[1:])


def test_every_way_of_learning_is_in_the_table() -> None:
    table = README.partition("## Ways of learning")[2].partition("\n## ")[0]
    titles = [learner.spec.title for learner in builtin_learners().values()]
    assert [title for title in titles if title.partition(" (")[0] not in table] == []


def test_the_plugin_draws() -> None:
    folder = find().plugins
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(block("plugin"), encoding="utf-8")
    packs = load_packs(find().plugin_folders)
    assert packs.faults == ()
    project = packs.draw("my.network", {"width": 32})
    hidden = project.networks["main"].graph.named("hidden")
    assert hidden is not None
    assert hidden.params["out_features"] == 32
