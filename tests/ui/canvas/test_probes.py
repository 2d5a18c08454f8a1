"""Probes and surgery in the window, over a real engine: clicked, typed, followed, taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from studio import paths
from studio.engine import in_process
from studio.engine.client import Client
from studio.engine.service import Service
from studio.engine.setup import Setup
from studio.graph.builder import Net
from studio.graph.edits import Disconnect, RemoveNodes, SetSurgery
from studio.graph.graph import End, link
from studio.graph.project import DataRef, Place, Project, Recipe
from studio.graph.surgery import Intervention
from studio.session.session import Session
from studio.ui.canvas import Canvas
from studio.ui.canvas.probe_card import ProbeCard
from studio.ui.canvas.probe_desk import MOST_PINS, Pin
from studio.ui.theme import Theme

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def drawn() -> Project:
    net = Net()
    x = net.add("torch.nn.Conv2d", net.input(), name="conv1", out_channels=6, kernel_size=3)
    x = net.add("torch.nn.ReLU", x, name="act")
    x = net.add("torch.nn.Flatten", x, name="flat")
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    project = net.project(DataRef("sklearn.digits"), Recipe(epochs=100_000, threads=1))
    sheet = project.networks["main"]
    places = {key: Place(0, 160.0 * at) for at, key in enumerate(sheet.graph.nodes)}
    return replace(project, networks={"main": replace(sheet, places=places)})


class Bench:
    """A canvas over a session, both alive."""

    def __init__(self, qtbot: QtBot, session: Session, canvas: Canvas) -> None:
        self.qtbot, self.session, self.canvas = qtbot, session, canvas
        self.layer, self.desk, self.scene = canvas.probes, canvas.probes.desk, canvas.scene

    def until(self, done: Callable[[], object]) -> None:
        def pump() -> bool:
            self.session.pump()
            return bool(done())

        self.qtbot.waitUntil(pump, timeout=60_000)

    def at_wire(self, wire: str) -> QPoint:
        source, target = wire.split()
        route = self.scene.links[link(source, "out", target, "x")].route
        assert route is not None
        a, b = route.points[:2]
        middle = QPointF((a[0] + b[0]) / 2, (a[1] + b[1]) / 2 - 20)
        return self.canvas.view.mapFromScene(middle)

    def click(self, wire: str) -> None:
        QTest.mouseClick(self.canvas.view.viewport(), LEFT, NONE, self.at_wire(wire))

    def pin(self, node: str) -> Pin:
        return Pin.of(self.canvas.sight, End(node, "out"))

    def seen(self, node: str) -> ProbeCard:
        """The card of a node's output, once it has been looked at with all that is wanted now."""
        pin = self.pin(node)

        def current() -> bool:
            wire = self.desk.wire(pin)
            answer = self.desk.answer
            return (
                not self.desk._timer.isActive()
                and not self.desk._probing.asking
                and wire is not None
                and answer is not None
                and answer.answer.index == self.desk.sample
            )

        self.until(current)
        return self.layer.cards[pin]

    @property
    def surgery(self) -> list[str]:
        return [one.text for one in self.session.document.project.surgery]


@pytest.fixture
def bench(qtbot: QtBot, theme: Theme, tmp_path: Path) -> Iterator[Bench]:
    def connect(role: str) -> Client:
        return in_process.connect(Service(Setup("workbench" if role == "workbench" else "job")))

    session = Session(connect, paths.find({"NEUROLOOM_HOME": str(tmp_path)}))
    canvas = Canvas(session, theme)
    session.subscribe(canvas.on_event)
    qtbot.addWidget(canvas)
    canvas.resize(1200, 900)
    canvas.show()
    qtbot.waitExposed(canvas)
    session.start()
    session.new(drawn())
    made = Bench(qtbot, session, canvas)
    made.until(lambda: session.settled and session.facts and session.facts.data)
    canvas.fit()
    canvas.view.setFocus()
    yield made
    canvas.close()
    canvas.probes.close()
    session.close()


def test_a_click_on_a_wire_pins_its_tensor_beside_it(bench: Bench) -> None:
    bench.click("conv1 act")
    card = bench.seen("conv1")
    assert card.isVisible()
    assert card.title.text() == "conv1"
    assert card.shape.text().split() == ["6×6×6", "float32"]
    assert card.where.text() == "sample 0 · fresh weights"
    assert card.picture.shown == 6
    assert card.figures["max"].text()
    assert not card.histogram.is_empty()
    anchor = bench.canvas.view.mapFromScene(bench.scene.port_pos(End("conv1", "out"), True))
    assert abs(card.geometry().center().y() - anchor.y()) < card.height()
    assert not card.geometry().contains(anchor)
    assert bench.canvas.view.rect().contains(card.geometry())
    bench.canvas.grab()

    QTest.mouseClick(card.close_button, LEFT)
    assert not bench.layer.cards
    assert bench.canvas.view.hasFocus() or not card.isVisible()


def test_the_keyboard_alone_pins_walks_and_closes(bench: Bench) -> None:
    bench.scene.select(("act",))
    QTest.keyClick(bench.canvas.view, Qt.Key.Key_P)
    card = bench.seen("act")
    first = card.figures["mean"].text()
    QTest.keyClick(bench.canvas.view, Qt.Key.Key_P)
    assert QApplication.focusWidget() is card
    QTest.keyClick(card, Qt.Key.Key_Right)
    QTest.keyClick(card, Qt.Key.Key_Right)
    QTest.keyClick(card, Qt.Key.Key_Left)
    bench.seen("act")
    assert bench.desk.sample == 1
    assert card.where.text().startswith("sample 1 ")
    assert card.figures["mean"].text() != first
    QTest.keyClick(card, Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is bench.canvas.view
    assert bench.layer.cards
    QTest.keyClick(bench.canvas.view, Qt.Key.Key_P)
    QTest.keyClick(card, Qt.Key.Key_Delete)
    assert not bench.layer.cards
    assert QApplication.focusWidget() is bench.canvas.view


def test_samples_end_where_the_validation_split_does(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    card = bench.seen("act")
    assert not card.previous.isEnabled()
    bench.desk.choose(10_000)
    bench.seen("act")
    assert bench.desk.sample == bench.desk.count - 1
    assert not card.next.isEnabled()
    bench.desk.choose(-5)
    assert bench.desk.sample == 0


def test_a_channel_is_chosen_by_a_click_or_a_number(bench: Bench) -> None:
    bench.layer.probe(link("conv1", "out", "act", "x"))
    card = bench.seen("conv1")
    boxes = card.picture._boxes()
    QTest.mouseClick(card.picture, LEFT, NONE, boxes[4].center().toPoint())
    bench.seen("conv1")
    assert card.shape.text().split()[0] == "6×6"
    assert card.channel.text_value == "4"
    wire = bench.desk.wire(bench.pin("conv1"))
    assert wire is not None
    assert wire.values is not None
    card.channel.lineEdit().setText("99")
    card.channel.submitted.emit()
    bench.seen("conv1")
    assert card.channel.text_value == "5", "the last one there is"
    QTest.mouseClick(card.all, LEFT)
    bench.seen("conv1")
    assert card.channel.text_value == ""
    assert card.shape.text().split()[0] == "6×6×6"


def test_values_stand_in_a_table(bench: Bench) -> None:
    bench.layer.probe(link("conv1", "out", "act", "x"))
    card = bench.seen("conv1")
    card.table_chip.click()
    wire = bench.desk.wire(bench.pin("conv1"))
    assert wire is not None
    assert wire.values is not None
    assert (card.model.rowCount(), card.model.columnCount()) == (36, 6)
    tip = card.model.data(card.model.index(7, 2), Qt.ItemDataRole.ToolTipRole)
    assert float(str(tip)) == pytest.approx(float(wire.values[1, 1, 2]))
    assert card.model.headerData(7, Qt.Orientation.Vertical) == "1, 1"
    assert len(card.picture.table()) == 37


def test_a_pin_follows_edits_and_leaves_with_its_wire(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    bench.layer.probe(link("conv1", "out", "act", "x"))
    bench.seen("act")
    bench.session.do(Disconnect("main", (link("act", "out", "flat", "x"),)))
    assert bench.pin("act") not in bench.layer.cards
    assert bench.pin("conv1") in bench.layer.cards
    assert "The probe of act is closed: its wire is gone." in bench.canvas.hint.text
    bench.until(lambda: bench.desk.trouble)
    card = bench.layer.cards[bench.pin("conv1")]
    assert "cannot be written as code yet" in card.note.text()
    bench.session.undo()
    bench.until(lambda: not bench.desk.trouble)
    assert bench.seen("conv1").note.text() == ""
    bench.session.do(RemoveNodes("main", ("conv1",)))
    assert not bench.layer.cards


def test_a_handful_of_cards_and_no_more(bench: Bench) -> None:
    wires = list(bench.scene.sheet.graph.links)
    assert len(wires) > MOST_PINS
    for wire in wires:
        bench.layer.probe(wire)
    assert len(bench.layer.cards) == MOST_PINS
    assert Pin.of(bench.canvas.sight, wires[0].source) not in bench.layer.cards
    bench.until(lambda: all(bench.desk.wire(pin) for pin in bench.layer.cards))
    bench.canvas.grab()


def test_cards_pan_with_the_paper_and_hide_when_their_wire_is_out_of_sight(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    card = bench.seen("act")
    bench.canvas.view.set_zoom(1.0)
    bench.canvas.view.show_point(bench.scene.nodes["act"].rect)
    before = card.pos()
    bench.canvas.view.pan(0, -24)
    assert card.pos() == before + QPoint(0, -24) or card.y() == 8
    bench.canvas.view.pan(0, -5000)
    assert card.isHidden()
    bench.canvas.fit()
    assert card.isVisible()
    bench.scene.preview({"act": QPointF(300, 0)})
    anchor = bench.scene.port_pos(End("act", "out"), True)
    bench.canvas.grab()
    ends = bench.layer._leaders.ends[bench.pin("act")]
    assert ends == QPointF(bench.canvas.view.mapFromScene(anchor))
    bench.scene.preview({})


# -------------------------------------------------------------------------------------------- surgery


def test_zeroing_a_wire_shows_its_mark_and_the_answer_before_and_after(bench: Bench) -> None:
    bench.scene.select(links=(link("act", "out", "flat", "x"),))
    bench.canvas.commands["surgery_zero"].trigger()
    assert bench.surgery == ["×0"]
    assert bench.layer.marks.texts == {("act", "out"): "×0"}
    card = bench.seen("act")
    bench.until(lambda: bench.layer.effect.bars.rows)
    assert card.figures["zeros"].text().startswith("100")
    effect = bench.layer.effect
    assert effect.isVisible()
    assert effect.sentence.text().startswith("Sample 0 (truly ")
    rows = effect.bars.table()
    assert len(rows) == 11
    assert any(before != after for _, before, after in rows[1:])
    answer = bench.desk.answer
    assert answer is not None
    np.testing.assert_allclose([row[2] for row in rows[1:]], answer.answer.outputs)
    bench.canvas.grab()

    bench.session.undo()
    assert bench.surgery == []
    assert bench.layer.marks.texts == {}
    assert effect.isHidden()
    bench.session.redo()
    assert bench.layer.marks.texts == {("act", "out"): "×0"}


def test_figures_are_set_in_place_and_spinning_is_one_step(bench: Bench) -> None:
    bench.layer.operate(bench.pin("act"), "scale", None)
    assert bench.surgery == ["×0.5"]
    (row,) = bench.layer.cards[bench.pin("act")].surgery.rows
    assert row.field is not None
    assert QApplication.focusWidget() in (row.field, row.field.lineEdit())
    for _ in range(3):
        row.field.stepBy(1)
    assert bench.surgery == ["×0.8"]
    assert bench.layer.cards[bench.pin("act")].surgery.rows == [row], "the field stays in use"
    row.field.lineEdit().setText("nonsense")
    row.field.submitted.emit()
    assert bench.surgery == ["×0.8"]
    row.field.lineEdit().setText("1e9")
    row.field.submitted.emit()
    assert bench.surgery == ["×0.8"], "beyond what makes sense"
    bench.session.undo()
    assert bench.surgery == ["×0.5"]


def test_noise_begins_as_large_as_what_it_disturbs(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    bench.seen("act")
    wire = bench.desk.wire(bench.pin("act"))
    assert wire is not None
    bench.layer.operate(bench.pin("act"), "noise", None)
    (one,) = bench.session.document.project.surgery
    assert one.amount == pytest.approx(wire.std, rel=0.05)


def test_another_sample_s_values_can_be_put_in(bench: Bench) -> None:
    bench.layer.operate(bench.pin("act"), "patch", None)
    assert bench.surgery == ["← sample 1"]
    bench.seen("act")
    bench.until(lambda: bench.desk.answer and not bench.desk._probing.asking)
    patched = bench.desk.answer
    assert patched is not None
    bench.session.undo()
    bench.desk.choose(1)
    bench.seen("act")
    plain = bench.desk.answer
    assert plain is not None
    np.testing.assert_allclose(patched.answer.outputs, plain.answer.outputs, rtol=1e-5)


def menu_over(card: ProbeCard, at: QPoint) -> QMenu:
    """The menu that a right click on the picture opens."""
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, card.picture.mapToGlobal(at))
    QApplication.sendEvent(card.picture, event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def test_a_right_click_on_a_map_operates_on_that_channel(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    card = bench.seen("act")
    spot = card.picture._boxes()[3].center().toPoint()
    menu = menu_over(card, spot)
    assert menu.actions()[0].text() == "Channel 3"
    assert not menu.actions()[-1].isEnabled()
    menu.actions()[1].trigger()
    menu.close()
    assert bench.surgery == ["channel 3 ×0"]
    assert bench.layer.marks.texts == {("act", "out"): "channel 3 ×0"}
    bench.seen("act")
    menu = menu_over(card, spot)
    assert menu.actions()[-1].text() == "Remove"
    menu.actions()[-1].trigger()
    menu.close()
    assert bench.surgery == []


def test_the_same_again_takes_the_place_of_what_was_done(bench: Bench) -> None:
    pin = bench.pin("act")
    bench.layer.operate(pin, "scale", None)
    bench.layer.operate(pin, "scale", 2)
    bench.layer.operate(pin, "scale", None)
    assert bench.surgery == ["channel 2 ×0.5", "×0.5"]
    bench.layer.operate(pin, "zero", None)
    assert len(bench.surgery) == 3
    bench.layer.effect.clear.click()
    assert bench.surgery == []
    bench.session.undo()
    assert len(bench.surgery) == 3, "all of it is one step"


def test_one_click_takes_one_of_them_back(bench: Bench) -> None:
    bench.layer.operate(bench.pin("act"), "zero", None)
    bench.layer.operate(bench.pin("conv1"), "zero", 1)
    assert [row.name.text() for row in bench.layer.effect.list.rows] == ["act", "conv1"]
    QTest.mouseClick(bench.layer.effect.list.rows[0].remove, LEFT)
    assert bench.surgery == ["channel 1 ×0"]
    bench.scene.select(links=(link("conv1", "out", "act", "x"),))
    bench.canvas.commands["surgery_remove"].trigger()
    assert bench.surgery == []


def test_surgery_without_a_place_is_shown_as_gone(bench: Bench) -> None:
    bench.layer.operate(bench.pin("act"), "scale", None)
    bench.session.do(RemoveNodes("main", ("act",)))
    (row,) = bench.layer.effect.list.rows
    assert row.field is not None
    assert not row.field.isEnabled()
    assert bench.layer.marks.texts == {}
    QTest.mouseClick(row.remove, LEFT)
    assert bench.surgery == []


def test_what_the_engine_refuses_is_told_where_it_was_done(bench: Bench) -> None:
    bench.session.do(SetSurgery((Intervention("main", "act", channel=99),)))
    bench.until(lambda: bench.desk.trouble)
    assert "there is no channel 99" in bench.layer.effect.sentence.text()
    bench.session.undo()
    assert bench.layer.effect.isHidden()


def test_actions_say_why_they_cannot_be_done(bench: Bench) -> None:
    bench.scene.select()
    bench.canvas.commands.refresh()
    for key in ("probe", "surgery_zero"):
        assert not bench.canvas.commands[key].isEnabled()
        assert "Select a wire or a node first." in bench.canvas.commands[key].toolTip()
    bench.scene.select(("output",) if "output" in bench.scene.nodes else ("y",))
    bench.scene.select(("fc",))
    bench.session.do(Disconnect("main", tuple(bench.scene.sheet.graph.out_of("fc", "out"))))
    bench.canvas.commands.refresh()
    assert not bench.canvas.commands["surgery_zero"].isEnabled()
    bench.layer.probe()
    assert "No wire leads away from fc" in bench.canvas.hint.text


def test_a_probe_follows_training_seldom_enough(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    bench.seen("act")
    assert bench.session.train()
    steps: list[tuple[float, int]] = []

    def note() -> None:
        answer = bench.desk.answer
        if answer is not None and answer.trained and answer.step:
            steps.append((time.monotonic(), answer.step))

    bench.desk.seen.connect(note)
    bench.until(lambda: len(steps) >= 3)
    assert steps[0][1] < steps[1][1] < steps[2][1]
    assert "step" in bench.layer.cards[bench.pin("act")].where.text()
    bench.session.stop()
    bench.until(lambda: bench.session.training == "ended")


def test_nothing_is_asked_while_nobody_sees_the_canvas(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    bench.seen("act")
    bench.canvas.hide()
    bench.desk.choose(3)
    for _ in range(5):
        bench.session.pump()
        QApplication.processEvents()
    assert bench.desk.answer is not None
    assert bench.desk.answer.answer.index == 0
    bench.canvas.show()
    bench.seen("act")
    assert bench.desk.answer.answer.index == 3


def test_another_document_begins_without_probes(bench: Bench) -> None:
    bench.layer.probe(link("act", "out", "flat", "x"))
    bench.layer.operate(bench.pin("act"), "zero", None)
    bench.session.new(drawn())
    assert not bench.layer.cards
    assert bench.layer.effect.isHidden()
    assert bench.layer.marks.texts == {}
