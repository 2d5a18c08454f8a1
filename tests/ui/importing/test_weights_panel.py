"""Import weights shows what goes where, lets it be changed, and takes it as one step that can be undone."""

from __future__ import annotations

import pytest
from fakes import Script, settle
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.graph.report import ReportLine
from studio.graph.weight_match import Weight
from studio.session.session import Session
from studio.ui.importing.weight_table import COLUMNS, HOW, THEIRS
from studio.ui.importing.weights_panel import WeightsPanel
from studio.ui.theme import Theme

OURS = (
    Weight("conv.weight", (8, 3), "n1"),
    Weight("conv.bias", (8,), "n1"),
    Weight("fc.weight", (10, 8), "n2"),
)
THERE = (
    Weight("module.conv.weight", (8, 3)),
    Weight("module.fc.weight", (1000, 8)),
    Weight("aux.scale", (8,)),
)
REPORT = (
    ReportLine("missing", "conv.bias (8) got nothing and keeps its start.", "n1"),
    ReportLine("exact", "conv.weight (8×3) from module.conv.weight.", "n1"),
)


class Answering(Script):
    """Engines that know what a file holds, or say why not."""

    reads = True
    waits = False

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[p.TakeWeights] = []

    def answer(self, request: object) -> object:
        if isinstance(request, p.GetWeightNames):
            return p.WeightNames(OURS, THERE) if self.reads else None
        if isinstance(request, p.TakeWeights):
            self.taken.append(request)
            return None if self.waits else p.WeightsTaken("/somewhere/net.safetensors", REPORT)
        return super().answer(request)


@pytest.fixture
def script() -> Answering:
    return Answering()


def opened(qtbot: QtBot, session: Session, theme: Theme) -> WeightsPanel:
    settle(session)
    made = WeightsPanel(session, theme, "/somewhere/net.pth")
    qtbot.addWidget(made)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # pytest-qt closes it too
    made.show()
    settle(session)
    return made


def cell(panel: WeightsPanel, row: int, column: int) -> str:
    return str(panel.model.index(row, column).data())


def test_the_table_says_what_goes_where_and_why_not(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    panel = opened(qtbot, session, theme)
    found = [cell(panel, row, THEIRS) for row in range(3)]
    assert found == ["module.conv.weight", "–", "module.fc.weight"]
    assert cell(panel, 0, HOW) == "same name without prefix"
    assert cell(panel, 2, HOW) == "another shape: 1000×8"
    assert panel.model.columnCount() == len(COLUMNS)
    assert panel.summary.text() == (
        "net.pth: 1 of 3 weights match, 1 gets nothing, 1 has another shape."
    )
    assert panel.left_title.text() == "Left in the file, 1"


def test_applying_is_one_step_that_undo_takes_back(
    qtbot: QtBot, session: Session, script: Answering, theme: Theme
) -> None:
    panel = opened(qtbot, session, theme)
    panel.apply.click()
    settle(session)
    assert script.taken[0].pairs == {"conv.weight": "module.conv.weight"}
    assert session.document.project.weights == "/somewhere/net.safetensors"
    assert panel.report.lines.count() == 2
    shown: list[str] = []
    panel.revealed.connect(shown.append)
    panel.report.lines.itemClicked.emit(panel.report.lines.item(0))
    assert shown == ["n1"]
    session.undo()
    assert session.document.project.weights == ""


def test_a_row_leads_to_its_node(qtbot: QtBot, session: Session, theme: Theme) -> None:
    panel = opened(qtbot, session, theme)
    with qtbot.waitSignal(panel.revealed) as caught:
        panel.view.clicked.emit(panel.model.index(2, 0))
    assert caught.args == ["n2"]


def test_a_match_is_chosen_in_the_row(qtbot: QtBot, session: Session, theme: Theme) -> None:
    panel = opened(qtbot, session, theme)
    index = panel.model.index(1, THEIRS)
    panel.view.edit(index)
    editor = panel.view.findChild(QComboBox)
    assert editor is not None
    offered = [editor.itemData(place) for place in range(editor.count())]
    assert offered == ["", "aux.scale"]  # only what has its shape
    editor.setCurrentIndex(1)
    editor.activated.emit(1)
    assert panel.table.pairs["conv.bias"] == "aux.scale"
    assert panel.reset.isEnabled()
    panel.reset.click()
    assert "conv.bias" not in panel.table.pairs


def test_a_tensor_is_dropped_onto_a_row(qtbot: QtBot, session: Session, theme: Theme) -> None:
    panel = opened(qtbot, session, theme)
    data = panel.left.mimeData([panel.left.item(0)])
    drop = panel.model.dropMimeData
    assert drop(data, Qt.DropAction.CopyAction, -1, -1, panel.model.index(1, 0))
    assert panel.table.pairs["conv.bias"] == "aux.scale"
    assert not drop(data, Qt.DropAction.CopyAction, -1, -1, QModelIndex())


def test_one_that_does_not_fit_is_not_taken(qtbot: QtBot, session: Session, theme: Theme) -> None:
    panel = opened(qtbot, session, theme)
    panel.model.chosen.emit("fc.weight", "aux.scale")
    assert "does not fit" in panel.message.text()
    assert "fc.weight" not in panel.table.pairs


def test_a_rule_and_filters_are_followed_at_once(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    panel = opened(qtbot, session, theme)
    panel.read_from.setText("aux.scale")
    panel.read_as.setText("conv.bias")
    assert panel.table.pairs["conv.bias"] == "aux.scale"
    panel.filter.setText("fc")
    assert [row.ours.name for row in panel.model.rows] == ["fc.weight"]
    panel.filter.clear()
    panel.shown.button(1).click()
    assert [row.ours.name for row in panel.model.rows] == ["fc.weight"]


def test_a_file_that_is_no_weights_is_told(
    qtbot: QtBot, session: Session, script: Answering, theme: Theme
) -> None:
    script.reads = False
    panel = opened(qtbot, session, theme)
    asked = [one for engine in script.engines for one in engine.asked]
    refuse = next(one[2] for one in asked if isinstance(one[0], p.GetWeightNames))
    refuse(p.Refused("net.pth is no file of weights."))
    assert panel.message.text() == "net.pth is no file of weights."
    assert panel.summary.text() == "net.pth was not read."
    assert not panel.apply.isEnabled()
    assert panel.apply.toolTip() == "There are no weights to match."


def test_another_document_closes_it(qtbot: QtBot, session: Session, theme: Theme) -> None:
    panel = opened(qtbot, session, theme)
    session.new()
    assert not panel.isVisible()


def test_nothing_is_taken_while_it_is_read(
    qtbot: QtBot, session: Session, script: Answering, theme: Theme
) -> None:
    script.waits = True
    panel = opened(qtbot, session, theme)
    panel.apply.click()
    assert panel.apply.toolTip() == "The weights are being read."
    panel.reject()
    asked = script.engine("workbench").asked
    refuse = next(one[2] for one in asked if isinstance(one[0], p.TakeWeights))
    refuse(p.Refused("Too late.", cancelled=False))
    assert panel.message.text() == ""
    settle(session)
    assert session.document.project.weights == ""
