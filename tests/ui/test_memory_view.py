"""What training takes is shown part by part, in the Inspector and in the status row."""

from __future__ import annotations

import pytest
from fakes import Script, settle
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from studio.graph.edits import SetRecipe
from studio.graph.facts import NetworkFacts, NodeFacts, TensorType, TrainingMemory
from studio.session.session import Session
from studio.ui.header import StatusRow
from studio.ui.inspector.cost import CostTiles, mac_text
from studio.ui.inspector.memory import MemoryView, parts_of
from studio.ui.theme import Theme

GIB = 2**30
TIGHT = TrainingMemory("cuda:0", GIB, GIB, 2 * GIB, 10 * GIB, GIB, 0, 8 * GIB)


def test_the_parts_are_the_whole() -> None:
    assert sum(part.size for part in parts_of(TIGHT)) == TIGHT.total == 15 * GIB
    assert len({part.token for part in parts_of(TIGHT)}) == len(parts_of(TIGHT))


def test_the_view_says_whether_it_fits(qtbot: QtBot, theme: Theme) -> None:
    view = MemoryView(theme)
    qtbot.addWidget(view)
    view.show_memory(None, 32)
    assert view.sentence.text() == "Not known yet."
    view.show_memory(replace(TIGHT, available=24 * GIB), 32)
    assert view.sentence.text() == "About 15 GiB to train at batch 32, of 24 GiB on cuda:0."
    view.show_memory(TIGHT, 32)
    assert "does not fit" in view.sentence.text()
    assert view.sizes["Activations"].text() == "10 GiB"
    assert "Optimiser 2 GiB" in view.bar.accessibleName()


@pytest.mark.parametrize("memory", [TIGHT, replace(TIGHT, available=20 * GIB), TrainingMemory()])
def test_the_bar_fills_as_far_as_needed(qtbot: QtBot, theme: Theme, memory: TrainingMemory) -> None:
    view = MemoryView(theme)
    qtbot.addWidget(view)
    view.resize(300, 200)
    view.show_memory(memory, 32)
    view.bar.resize(300, 10)
    image = view.bar.grab().toImage()
    filled = {theme.color(part.token).name() for part in parts_of(memory) if part.size}
    found = [image.pixelColor(x, 5).name() for x in range(3, 297)]
    share = sum(color in filled for color in found) / len(found)
    expected = min(1.0, memory.total / memory.available) if memory.available else 0.0
    assert share == pytest.approx(expected, abs=0.05)


def test_the_status_row_warns(qtbot: QtBot, session: Session, theme: Theme, script: Script) -> None:
    settle(session)
    row = StatusRow(session, theme)
    qtbot.addWidget(row)
    value, words = row.figures[2]
    assert "of activations" in words.text()
    for memory, tone, text in (
        (TIGHT, "warn", "15 GiB of 8 GiB"),
        (replace(TIGHT, available=24 * GIB), "2", "15 GiB"),
    ):
        script.memory = memory
        session.do(SetRecipe({"batch_size": 4096 + memory.available}))
        settle(session)
        row.refresh()
        assert (value.text(), value.property("tone")) == (text, tone)
        assert words.text().startswith("to train at batch ")


def test_tiles_tell_what_names_count_as(qtbot: QtBot, theme: Theme) -> None:
    tiles = CostTiles(theme)
    qtbot.addWidget(tiles)
    kind = TensorType(("N", "T", 8))
    node = NodeFacts({"x": kind}, {"out": kind}, flops=2_000_000, activation_bytes=2048,
                     saved={"x": 1024, "": 512})  # fmt: skip
    tiles.show_node(node, NetworkFacts(sizes={"T": 30}), 2, None)
    assert tiles.counted.text() == "Counted with T = 30."
    assert not tiles.counted.isHidden()
    assert "1 M mult–adds" in tiles.compute.accessibleName()
    assert "4 KiB" in tiles.memory.accessibleName()
    assert "3 KiB kept" in tiles.memory.accessibleName()
    tiles.show_node(node, NetworkFacts(), 2, None)
    assert tiles.counted.isHidden()


@pytest.mark.parametrize(
    ("flops", "words"), [(2, "1 mult–adds"), (9_000, "4.5 k mult–adds"), (4 * 10**12, "2 T mult–adds")]
)  # fmt: skip
def test_amounts_of_computing(flops: int, words: str) -> None:
    assert mac_text(flops) == words
