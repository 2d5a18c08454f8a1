from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from stage import FakeSession, digits_facts

from studio.engine import protocol as p
from studio.graph.spec import ArchitectureSpec, LayerSpec
from studio.ui.explain.attention import Attention, figures
from studio.ui.explain.subject import Subject
from studio.ui.theme import Theme

TOKENS = ("class", *(f"r{k // 2}c{k % 2}" for k in range(4)))


def weights(seed: int) -> np.ndarray:
    raw = np.exp(np.random.default_rng(seed).normal(0, 2, (3, 5, 5)))
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)


def answer() -> p.AttentionMaps:
    layers = tuple(
        p.AttentionMap(f"n{k}", f"encoder{k}", weights(k), grid=(2, 2), prefix=1) for k in range(2)
    )
    return p.AttentionMaps(layers, TOKENS, np.full(10, 0.1, np.float32))


Make = Callable[..., tuple[Attention, FakeSession, Subject]]


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Make:
    def build(attention: bool = True) -> tuple[Attention, FakeSession, Subject]:
        session = FakeSession()
        category = "attn" if attention else "conv"
        layer = LayerSpec(kind="torch.nn.Conv2d", title="x", category=category)
        vit = ArchitectureSpec(kind="vision.vit_small", title="Small Vision Transformer")
        session.catalog = replace(
            session.catalog, layers={layer.kind: layer}, architectures={vit.kind: vit}
        )
        subject = Subject(session)  # type: ignore[arg-type]
        tab = Attention(session, theme, subject)  # type: ignore[arg-type]
        subject.setParent(tab)
        qtbot.addWidget(tab)
        tab.resize(1300, 800)
        with qtbot.waitExposed(tab):
            tab.show()
        subject.refresh()
        outputs = np.tile(np.linspace(0, 0.2, 10, dtype=np.float32), (6, 1))
        for asked in list(session.asked):
            match asked.request:
                case p.GetData():
                    asked.answer(p.DataAnswer(digits_facts()))
                case p.Predict():
                    asked.answer(p.Predictions("validation", outputs, np.arange(6)))
        session.asked.clear()
        return tab, session, subject

    return build


def test_without_attention_the_tab_says_what_to_do(make: Make, qtbot: QtBot) -> None:
    tab, session, subject = make(attention=False)
    subject.choose(1)
    assert tab.currentWidget() is tab.empty
    assert session.waiting(p.GetAttention) == []
    qtbot.mouseClick(tab.empty.button, Qt.MouseButton.LeftButton)
    assert session.drawn == ["vision.vit_small"]


def test_heads_are_asked_for_the_chosen_sample_and_shown(make: Make) -> None:
    tab, session, subject = make()
    subject.choose(2)
    (asked,) = session.waiting(p.GetAttention)
    assert asked.request.index == 2
    asked.answer(answer())
    assert tab.currentWidget() is tab.content
    assert tab.heads.remark.text() == "2 layers × 3 heads"
    tab.choose_head(1, 2)
    tab.choose_row(3)
    shown = weights(1)[2]
    assert tab.matrix.table()[4] == ("r1c0", *shown[3].tolist())
    best = int(shown[3].argmax())
    assert tab.cell.text() == f"r1c0 → {TOKENS[best]} {100 * shown[3, best]:.0f} %"
    tab.choose_row(99)
    assert tab.matrix.row == 4, "a smaller map than the last one"
    tab.grab()


def test_a_patch_chosen_on_the_image_is_a_row_of_the_matrix(make: Make) -> None:
    tab, session, subject = make()
    subject.choose(2)
    session.waiting(p.GetAttention)[0].answer(answer())
    tab.patches.patch_picked.emit(2)
    assert tab.matrix.row == 3
    assert tab.view.title.text() == "From one patch"
    tab.first.click()
    assert tab.matrix.row == 0
    assert tab.view.title.text() == "From the class token"


def test_an_answer_about_another_sample_is_dropped(make: Make) -> None:
    tab, session, subject = make()
    subject.choose(2)
    (old,) = session.waiting(p.GetAttention)
    subject.choose(3)
    assert old.ticket.cancelled
    old.answer(answer())
    assert tab.maps is None
    assert session.waiting(p.GetAttention)[-1].request.index == 3


def test_out_of_sight_nothing_is_asked(make: Make) -> None:
    tab, session, subject = make()
    tab.hide()
    subject.choose(4)
    assert session.waiting(p.GetAttention) == []
    tab.show()
    assert session.waiting(p.GetAttention)[-1].request.index == 4


def test_keys_move_among_heads_and_cells(make: Make, qtbot: QtBot) -> None:
    tab, session, subject = make()
    subject.choose(2)
    session.waiting(p.GetAttention)[0].answer(answer())
    qtbot.keyClick(tab.grid, Qt.Key.Key_Right)
    qtbot.keyClick(tab.grid, Qt.Key.Key_Down)
    assert tab.head_title.text() == "Layer 2 · head 2"
    tab.choose_row(0)
    qtbot.keyClick(tab.matrix, Qt.Key.Key_Down)
    assert tab.matrix.row == 1
    assert tab.view.title.text() == "From one patch"


def test_figures_of_a_head() -> None:
    even = np.full((4, 4), 0.25)
    assert figures(even, (), 0).spread == pytest.approx(1.0)
    assert figures(np.eye(4), (), 0).spread == pytest.approx(0.0)
    assert figures(np.eye(4), (), 0).distance == pytest.approx(0.0)
    assert figures(np.eye(4)[::-1], (), 0).distance == pytest.approx(2.0)
    swapped = np.zeros((5, 5))
    swapped[0, 0] = swapped[1, 4] = swapped[4, 1] = swapped[2, 2] = swapped[3, 3] = 1.0
    assert figures(swapped, (2, 2), 1).distance == pytest.approx(np.sqrt(2) / 2)
