"""The Inspector's pages of blocks: an instance, the inside, shared weights, and the constants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import CONV, LINEAR, RELU, Script, make_session, settle
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from studio import paths
from studio.graph.builder import Net
from studio.graph.edits import RemoveNodes, SetParams, Share
from studio.graph.params import Param
from studio.graph.project import Block, Project
from studio.session.session import Session
from studio.ui.inspector import Inspector
from studio.ui.inspector.block_params import as_type
from studio.ui.inspector.sight import Sight
from studio.ui.theme import Theme

INSIDE = Sight("block.Pair", "main", "one/")


def project() -> Project:
    """A block with a parameter, used three times, and a constant."""
    net = Net()
    with net.block("Pair", "A convolution and what cuts it.") as pair:
        x = pair.input()
        x = pair.add(CONV, x, name="conv", out_channels="=width", kernel_size=3)
        pair.output(pair.add(RELU, x, name="act"))
    x = net.input()
    for name in ("one", "two", "three"):
        x = net.add("block.Pair", x, name=name)
    x = net.add(LINEAR, x, name="fc1", out_features="=base*2")
    net.output(net.add(LINEAR, x, name="fc2", out_features=10))
    made = net.project()
    width = Param("width", "int", 8, minimum=1, help="Channels")
    blocks = {"Pair": replace(made.blocks["Pair"], params=(width,))}
    return replace(made, blocks=blocks, constants={"base": 16})


@pytest.fixture
def session(script: Script) -> Iterator[Session]:
    made = make_session(script, paths.find(), project())
    yield made
    made.close()


@pytest.fixture
def inspector(qtbot: QtBot, session: Session, theme: Theme) -> Iterator[Inspector]:
    made = Inspector(session, theme)
    qtbot.addWidget(made)
    made.resize(328, 900)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    end = session.subscribe(made.on_event)
    yield made
    end()


def look(inspector: Inspector, session: Session, *nodes: str, sight: Sight | None = None) -> None:
    inspector.show_selection(sight or Sight(), nodes)
    settle(session)


def pair(session: Session) -> Block:
    return session.document.project.blocks["Pair"]


# ---------------------------------------------------------------------------------------- instance


def test_an_instance_says_how_many_follow_and_offers_what_can_be_done(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, "two")
    part = inspector.node.instance
    assert part.words.text() == "3 linked instances; editing the inside changes all."
    wanted: list[str] = []
    inspector.wanted.connect(wanted.append)
    for made in part.buttons.values():
        made.click()
    assert wanted == ["open", "select_instances", "detach", "unpack", "save_block"]


def test_a_lone_instance_cannot_be_detached_and_other_nodes_have_no_such_part(
    inspector: Inspector, session: Session
) -> None:

    session.do(RemoveNodes("main", ("two", "three")))
    look(inspector, session, "one")
    assert not inspector.node.instance.buttons["detach"].isEnabled()
    assert "only instance" in inspector.node.instance.buttons["detach"].toolTip()
    look(inspector, session, "fc1")
    assert inspector.node.instance.isHidden()


def test_an_instance_sets_the_blocks_parameters_and_its_repeat(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, "two")
    rows = inspector.node.form.rows
    assert list(rows) == ["width", "repeat", "share_weights"]
    rows["repeat"].editor.fields[0].stepBy(1)  # type: ignore[attr-defined]
    rows["width"].begin_formula("=base")
    QTest.keyClick(rows["width"].formula.line, Qt.Key.Key_Return)  # type: ignore[union-attr]
    node = session.document.project.networks["main"].graph.nodes["two"]
    assert node.params == {"repeat": 2, "width": "=base"}
    assert rows["width"].formula.gives.text() == "= 16"  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------- the inside


def test_inside_a_block_with_nothing_selected_its_own_page_shows(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, sight=INSIDE)
    page = inspector.block
    assert inspector.stack.currentWidget() is page
    assert page.title.text() == "Pair"
    assert "3 linked instances" in page.linked.text()
    assert "one on main" in page.linked.text()
    assert [line[:2] for line in page.ports.lines] == [("in", "x"), ("out", "out")]
    assert page.time.isHidden()


def test_what_a_block_is_for_is_written_as_one_step(inspector: Inspector, session: Session) -> None:
    look(inspector, session, sight=INSIDE)
    doc = inspector.block.doc
    doc.setFocus()
    doc.setPlainText("Looks for edges.")
    inspector.block.params.add.setFocus()
    assert pair(session).doc == "Looks for edges."
    session.undo()
    assert pair(session).doc == "A convolution and what cuts it."
    assert doc.toPlainText() == "A convolution and what cuts it."


def test_a_parameter_is_added_named_and_removed(inspector: Inspector, session: Session) -> None:
    look(inspector, session, sight=INSIDE)
    table = inspector.block.params
    table.add.click()
    assert [param.name for param in pair(session).params] == ["width", "width2"]
    row = table.rows["width2"]
    assert row.name.hasFocus()
    assert row.name.selectedText() == "width2"
    QTest.keyClicks(row.name, "depth")
    QTest.keyClick(row.name, Qt.Key.Key_Return)
    assert [param.name for param in pair(session).params] == ["width", "depth"]
    table.rows["depth"].remove.click()
    assert [param.name for param in pair(session).params] == ["width"]


def test_a_parameter_that_formulas_read_is_not_removed_and_says_by_whom(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, sight=INSIDE)
    row = inspector.block.params.rows["width"]
    assert row.readers.text() == "read by conv (out_channels)"
    assert not row.remove.isEnabled()
    assert "conv (out_channels)" in row.remove.toolTip()


def test_renaming_a_parameter_takes_the_formulas_along(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, sight=INSIDE)
    row = inspector.block.params.rows["width"]
    row.name.setText("repeat")
    row.name.editingFinished.emit()
    assert "has a meaning in every block" in row.trouble.text()
    assert pair(session).params[0].name == "width"
    row.name.setText("size")
    row.name.editingFinished.emit()
    assert pair(session).params[0].name == "size"
    assert pair(session).sheet.graph.nodes["conv"].params["out_channels"] == "=size"


def test_default_type_and_help_of_a_parameter(inspector: Inspector, session: Session) -> None:
    look(inspector, session, sight=INSIDE)
    rows = inspector.block.params.rows
    rows["width"].default.submitted.emit("24")
    assert pair(session).params[0].default == 24
    rows["width"].default.submitted.emit("none at all")
    assert "whole number" in rows["width"].trouble.text()
    rows["width"].help.setText("How wide")
    rows["width"].help.editingFinished.emit()
    assert pair(session).params[0].help == "How wide"
    rows["width"].type.activated.emit(1)
    assert pair(session).params[0] == Param("width", "float", 24.0, minimum=1, help="How wide")


@pytest.mark.parametrize(
    ("kind", "default"),
    [("int", 2), ("float", 2.5), ("ints", (2,)), ("bool", True), ("str", "2.5")],
)
def test_another_type_keeps_what_it_can(kind: str, default: object) -> None:
    assert as_type(Param("a", "float", 2.5), kind).default == default  # type: ignore[arg-type]


def test_a_field_of_an_inner_layer_is_promoted_by_its_menu(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, "conv", sight=INSIDE)
    inspector.node.form.menu_wanted.emit("kernel_size", inspector.mapToGlobal(QPoint(40, 200)))
    menu = inspector.node.findChildren(QMenu)[-1]
    action = next(one for one in menu.actions() if one.text().startswith("Promote"))
    action.trigger()
    menu.close()
    line = inspector.node.naming.line
    assert line.text() == "kernel_size"
    QTest.keyClicks(line, "width")
    assert "parameter named width already" in inspector.node.naming.trouble.text()
    line.selectAll()
    QTest.keyClicks(line, "kernel")
    QTest.keyClick(line, Qt.Key.Key_Return)
    block = pair(session)
    assert block.sheet.graph.nodes["conv"].params["kernel_size"] == "=kernel"
    promoted = block.params[-1]
    assert (promoted.name, promoted.default, promoted.size) == ("kernel", 3, 2)
    look(inspector, session, "one")
    assert "kernel" in inspector.node.form.rows


def test_on_a_network_nothing_is_promoted_and_the_menu_says_why(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, "fc2")
    inspector.node.form.menu_wanted.emit("out_features", QPoint(10, 10))
    menu = inspector.node.findChildren(QMenu)[-1]
    promote = next(one for one in menu.actions() if one.text().startswith("Promote"))
    assert not promote.isEnabled()
    assert "Only inside a block" in promote.toolTip()
    formula = next(one for one in menu.actions() if one.text().startswith("Use formula"))
    formula.trigger()
    menu.close()
    field = inspector.node.form.rows["out_features"].formula
    assert field is not None
    assert field.line.text() == "=10"


def test_formulas_inside_read_what_the_instance_gives(
    inspector: Inspector, session: Session
) -> None:

    session.do(SetParams("main", "one", {"width": 40}))
    look(inspector, session, "conv", sight=INSIDE)
    field = inspector.node.form.rows["out_channels"].formula
    assert field is not None
    assert field.gives.text() == "= 40"
    look(inspector, session, "conv", sight=Sight("block.Pair", "main", "two/"))
    assert field.gives.text() == "= 8"


def test_a_formula_that_was_begun_stays_with_its_node(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session, "fc1")
    inspector.node.form.rows["out_features"].begin_formula("=bas")
    look(inspector, session, "fc2")
    row = inspector.node.form.rows["out_features"]
    assert row.editor.isVisible()
    assert row.editor.fields[0].text_value == "10"  # type: ignore[attr-defined]
    assert not row.message.isVisible()


# ----------------------------------------------------------------------------------------- sharing


def test_who_shares_with_whom_is_said_with_a_way_there(
    inspector: Inspector, session: Session
) -> None:

    look(inspector, session, "fc2")
    assert inspector.node.sharing.isHidden()
    session.do(Share("main", ("fc2",), "fc1"))
    part = inspector.node.sharing
    assert part.words.text() == "Uses the weights of"
    wanted: list[str] = []
    inspector.node_wanted.connect(wanted.append)
    part.links["fc1"].click()  # type: ignore[attr-defined]
    assert wanted == ["fc1"]
    look(inspector, session, "fc1")
    assert part.words.text() == "Its weights are also used by"
    assert list(part.links) == ["fc2"]
    assert part.own.isHidden()
    look(inspector, session, "fc2")
    part.own.click()
    assert session.document.project.networks["main"].graph.nodes["fc2"].shares == ""
    assert part.isHidden()


def test_several_nodes_of_one_kind_can_share(inspector: Inspector, session: Session) -> None:
    wanted: list[str] = []
    inspector.wanted.connect(wanted.append)
    look(inspector, session, "fc1", "fc2")
    inspector.many.offers["share"].click()
    inspector.many.offers["make_block"].click()
    assert wanted == ["share", "make_block"]
    look(inspector, session, "fc1", "one")
    assert not inspector.many.offers["share"].isEnabled()
    assert "one kind" in inspector.many.offers["share"].toolTip()


# --------------------------------------------------------------------------------------- constants


def test_constants_are_added_changed_renamed_and_removed(
    inspector: Inspector, session: Session
) -> None:
    look(inspector, session)
    table = inspector.project.constants
    assert table.rows["base"].users.text() == "read by fc1 (out_features)"
    assert not table.rows["base"].remove.isEnabled()
    table.add.click()
    assert session.document.project.constants == {"base": 16, "width": 64}
    assert table.rows["width"].name.hasFocus()
    table.rows["width"].value.setText("3×5")
    table.rows["width"].value.editingFinished.emit()
    assert session.document.project.constants["width"] == (3, 5)
    table.rows["width"].remove.click()
    assert session.document.project.constants == {"base": 16}
    table.rows["base"].name.setText("breadth")
    table.rows["base"].name.editingFinished.emit()
    project_now = session.document.project
    assert project_now.constants == {"breadth": 16}
    fc1 = project_now.networks["main"].graph.nodes["fc1"]
    assert fc1.params["out_features"] == "=breadth*2"


@pytest.mark.parametrize("text", ["", "wide", "=2", "1 +", "'a'"])
def test_a_constant_that_is_no_number_is_refused_at_the_field(
    inspector: Inspector, session: Session, text: str
) -> None:
    look(inspector, session)
    row = inspector.project.constants.rows["base"]
    row.value.setText(text)
    row.value.editingFinished.emit()
    assert session.document.project.constants == {"base": 16}
    assert "needs to be a number" in row.trouble.text()
    assert row.trouble.isVisible()


def test_a_project_without_constants_says_what_they_are_for(
    inspector: Inspector, session: Session
) -> None:
    session.new(Project())
    settle(session)
    assert inspector.project.constants.empty.isVisible()
    assert "=width" in inspector.project.constants.empty.text()
