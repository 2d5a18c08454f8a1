"""The Inspector shows and changes nodes and the recipe; every change is an undoable edit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import Script, node_id, settle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.graph.edits import AddNodes
from studio.graph.facts import NodeFacts, TensorType
from studio.graph.graph import Node
from studio.session.session import Session
from studio.ui.inspector import Inspector
from studio.ui.inspector.cost import ShapeLine, byte_text, flop_text
from studio.ui.inspector.sight import Sight
from studio.ui.theme import Theme


@pytest.fixture
def inspector(qtbot: QtBot, session: Session, theme: Theme, script: Script) -> Iterator[Inspector]:
    made = Inspector(session, theme)
    qtbot.addWidget(made)
    made.resize(328, 900)
    made.show()
    end = session.subscribe(made.on_event)
    yield made
    end()


def choose(inspector: Inspector, session: Session, *names: str) -> None:
    inspector.show_selection(Sight(), tuple(node_id(session, name) for name in names))
    settle(session)


def params(session: Session, name: str) -> dict[str, object]:
    return session.document.project.sheet("main").graph.nodes[node_id(session, name)].params


def test_a_parameter_changes_through_an_edit_that_undoes(
    inspector: Inspector, session: Session
) -> None:
    choose(inspector, session, "conv1")
    inspector.node.form.edited.emit("out_channels", 12)
    assert params(session, "conv1")["out_channels"] == 12
    session.undo()
    assert params(session, "conv1")["out_channels"] == 6
    editor = inspector.node.form.rows["out_channels"].editor
    assert editor.fields[0].text_value == "6"  # type: ignore[attr-defined]


def test_spinning_is_one_undo_step(inspector: Inspector, session: Session) -> None:
    choose(inspector, session, "conv1")
    for _ in range(5):
        editor = inspector.node.form.rows["out_channels"].editor
        editor.fields[0].stepBy(1)  # type: ignore[attr-defined]
    assert params(session, "conv1")["out_channels"] == 11
    session.undo()
    assert params(session, "conv1")["out_channels"] == 6


def test_inferred_parameters_come_from_the_facts_and_go_back_there(
    inspector: Inspector, session: Session
) -> None:
    choose(inspector, session, "conv1")
    row = inspector.node.form.rows["in_channels"]
    assert row.editor.fields[0].text_value == "1"  # type: ignore[attr-defined]
    row.edited.emit("in_channels", 3)
    assert params(session, "conv1")["in_channels"] == 3
    row.reset.click()
    assert "in_channels" not in params(session, "conv1")


def test_a_node_is_renamed_and_a_bad_name_comes_back(
    inspector: Inspector, session: Session
) -> None:
    choose(inspector, session, "conv1")
    name = inspector.node.name
    name.setFocus()
    name.setText("stem")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert session.document.undo_title == "Rename to stem"
    name.setText("not a name")
    QTest.keyClick(name, Qt.Key.Key_Return)
    assert name.text() == "stem"
    name.setText("half")
    QTest.keyClick(name, Qt.Key.Key_Escape)
    assert name.text() == "stem"


def test_flags_are_set_for_one_and_for_many(inspector: Inspector, session: Session) -> None:
    choose(inspector, session, "act1")
    inspector.node.bypass.click()
    nodes = session.document.project.sheet("main").graph.nodes
    assert nodes[node_id(session, "act1")].flags == ("bypassed",)
    choose(inspector, session, "conv1", "fc1")
    assert inspector.stack.currentWidget() is inspector.many
    inspector.many.flags["frozen"].click()
    nodes = session.document.project.sheet("main").graph.nodes
    assert all(nodes[node_id(session, name)].flags == ("frozen",) for name in ("conv1", "fc1"))


def test_shape_cost_and_words_of_a_node(inspector: Inspector, session: Session) -> None:
    choose(inspector, session, "conv1")
    page = inspector.node
    assert page.shape.outputs.text() == "N×6×4×4"
    assert page.cost.parameters.value.text() == "156"
    assert page.cost.field.value.text() == "5×5 px"
    assert page.formula.text() == "y = w · x"
    assert "filters" in page.doc.text()


def test_the_code_of_the_node_is_shown_with_its_lines(
    inspector: Inspector, session: Session, script: Script
) -> None:
    conv = node_id(session, "conv1")
    script.source = p.SourceText("class Net:\n    self.conv1 = Conv()\n    pass\n", ("", conv, ""))
    choose(inspector, session, "conv1")
    assert inspector.node.snippet.toPlainText() == "self.conv1 = Conv()"
    assert "class Net" in inspector.node.code.toPlainText()
    asked = len(script.engine("workbench").requests(p.GetSource))
    choose(inspector, session, "fc1")
    choose(inspector, session, "conv1")
    assert len(script.engine("workbench").requests(p.GetSource)) == asked


def test_a_node_without_its_plugin_says_so_and_keeps_its_settings(
    inspector: Inspector, session: Session
) -> None:
    session.do(AddNodes("main", (Node("odd", "mine.Odd", "odd", {"depth": 3}),)))
    choose(inspector, session, "odd")
    assert inspector.node.missing.isVisible()
    assert "mine.Odd" in inspector.node.missing.text()
    assert params(session, "odd") == {"depth": 3}


def test_without_a_selection_the_recipe_is_set(inspector: Inspector, session: Session) -> None:
    choose(inspector, session)
    page = inspector.project
    assert inspector.stack.currentWidget() is page
    page.recipe.form.edited.emit("epochs", 3)
    assert session.document.project.recipe.epochs == 3
    page.recipe.form.cleared.emit("epochs")
    assert session.document.project.recipe.epochs == 20
    assert "cuda:0" in page.recipe.forms["machine"].rows["device"].param.choices


def test_another_optimiser_keeps_the_options_that_it_shares(
    inspector: Inspector, session: Session
) -> None:
    optimizer = inspector.project.recipe.kinds["optimizer"]
    optimizer.form.edited.emit("lr", 0.02)
    optimizer.choice.activated.emit(optimizer.choice.findText("SGD"))
    recipe = session.document.project.recipe
    assert recipe.optimizer == "torch.optim.SGD"
    assert recipe.optimizer_params == {"lr": 0.02}


def test_a_loss_may_be_left_to_the_task(inspector: Inspector, session: Session) -> None:
    loss = inspector.project.recipe.kinds["loss"]
    assert loss.choice.currentText() == "as the task needs"
    loss.choice.activated.emit(loss.choice.findText("MSELoss"))
    assert session.document.project.recipe.loss == "torch.nn.MSELoss"
    loss.choice.activated.emit(0)
    assert session.document.project.recipe.loss == ""


def test_live_values_of_a_layer(inspector: Inspector, session: Session) -> None:
    choose(inspector, session, "conv1")
    inspector.node.tabs.setCurrentIndex(2)
    live = inspector.node.live
    assert live.note.isVisible()
    path = node_id(session, "conv1")
    for step, grad in ((1, 0.5), (2, 0.25)):
        stat = p.LayerStat(0.1, 1.0, 0.4, grad, low=-1.0, high=1.0, histogram=(1, 4, 2))
        session.history.take(p.LayerStats(step, {path: stat}))
    inspector.node.refresh_live()
    assert not live.note.isVisible()
    assert live.values["gradient norm"].text() == "0.25"
    assert live.gradient.table()[1:] == [(1, 0.5), (2, 0.25)]
    assert live.histogram.table()[2][2] == 4


def test_a_node_that_was_deleted_gives_way_to_the_project(
    inspector: Inspector, session: Session
) -> None:
    choose(inspector, session, "conv1")
    session.new()
    assert inspector.stack.currentWidget() is inspector.project


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 FLOP"), (833_000, "833 kFLOP"), (3_120_000, "3.12 MFLOP")]
)
def test_amounts_of_computing(amount: int, text: str) -> None:
    assert flop_text(amount) == text


def test_amounts_of_memory() -> None:
    assert byte_text(512) == "512 B"
    assert byte_text(5.28 * 2**20) == "5.28 MiB"


def test_shapes_of_several_ports_fit_the_narrow_inspector(qtbot: QtBot, theme: Theme) -> None:
    line = ShapeLine(theme)
    qtbot.addWidget(line)
    one, two = TensorType(("N", 128, 112, 112)), TensorType(("N", 128, 56, 56), "int64")
    line.show_node(NodeFacts({"x": one}, {"out": two, "indices": two}))
    line.show()
    assert line.minimumSizeHint().width() <= 250  # of 280, with the panel's margins
    assert line.inputs.y() < line.outputs.y()
    line.show_node(NodeFacts({"x": one}, {"out": two}))
    line.resize(line.sizeHint())
    qtbot.wait(1)
    assert line.inputs.geometry().center().y() == line.outputs.geometry().center().y()
