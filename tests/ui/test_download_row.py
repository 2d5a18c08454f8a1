"""A data set that is not here yet is fetched from the panel that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fakes import Script, data_facts, settle
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.graph.edits import SetData
from studio.graph.project import DataRef
from studio.graph.spec import SourceSpec
from studio.session.session import Session
from studio.ui.data_panel import DataPanel
from studio.ui.download_row import DownloadRow
from studio.ui.theme import Theme

KIND = "published.mnist"


@pytest.fixture
def shown(qtbot: QtBot, session: Session, script: Script, theme: Theme) -> Iterator[DownloadRow]:
    spec = SourceSpec(kind=KIND, title="MNIST", form="image", download=11_594_722)
    script.catalog = replace(script.catalog, sources={**script.catalog.sources, KIND: spec})
    session.rescan_packs()
    panel = DataPanel(session, theme)
    qtbot.addWidget(panel)
    panel.resize(272, 900)
    panel.show()
    end = session.subscribe(panel.on_event)
    script.data = None
    session.do(SetData(DataRef(kind=KIND)))
    settle(session)
    yield panel.download
    end()


def asked(script: Script) -> tuple[Any, Any, Any, Any]:
    """The newest request to fetch, with what is called about it."""
    letters = script.engine("workbench").asked
    return next(one for one in reversed(letters) if isinstance(one[0], p.Fetch))


def test_what_is_not_here_is_offered_with_its_size(shown: DownloadRow) -> None:
    assert shown.isVisible()
    assert "MNIST is fetched once (11.6 MB)" in shown.said.text()
    assert shown.start.isVisible()
    assert not shown.stop.isVisible()


def test_progress_is_shown_and_the_data_is_read_when_it_is_here(
    shown: DownloadRow, session: Session, script: Script
) -> None:
    shown.start.click()
    request, came, _, told = asked(script)
    assert request == p.Fetch(KIND)
    told(p.Working(5_800_000, 11_594_722, "train-images-idx3-ubyte.gz"))
    assert "5.8 of 11.6 MB" in shown.said.text()
    assert shown.bar.value() / shown.bar.maximum() == pytest.approx(0.5, abs=0.01)
    assert shown.stop.isVisible()
    script.data = data_facts(title="MNIST")
    came(p.Done())
    settle(session)
    assert not shown.isVisible()
    facts = session.facts
    assert facts is not None
    assert facts.data is not None
    assert facts.data.title == "MNIST"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (p.Refused("There is no network connection."), "There is no network connection."),
        (p.Refused("Cancelled.", cancelled=True), "go on where it stopped"),
    ],
    ids=["refused", "cancelled"],
)
def test_a_download_that_ended_early_can_be_begun_again(
    shown: DownloadRow, script: Script, answer: p.Refused, said: str
) -> None:
    shown.start.click()
    asked(script)[2](answer)
    assert said in shown.said.text()
    assert shown.start.isVisible()


def test_another_source_has_nothing_to_fetch(shown: DownloadRow, session: Session) -> None:
    session.do(SetData(DataRef()))
    settle(session)
    assert not shown.isVisible()
