"""The Library lists what the catalogue has, finds it, and hands it to the canvas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes import CONV, Script, catalog, settle
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from studio import paths
from studio.engine import protocol as p
from studio.graph.catalog import Catalog
from studio.session import events as e
from studio.session.session import Session
from studio.ui.library import Library
from studio.ui.library.tree import KIND_MIME, rank
from studio.ui.theme import Theme


@pytest.fixture
def added() -> list[str]:
    return []


@pytest.fixture
def library(qtbot: QtBot, session: Session, theme: Theme, added: list[str]) -> Iterator[Library]:
    made = Library(session, theme, added.append)
    qtbot.addWidget(made)
    made.resize(272, 800)
    made.show()
    end = session.subscribe(made.on_event)
    yield made
    end()


def test_it_says_that_it_is_loading_until_the_catalogue_comes(qtbot: QtBot, theme: Theme) -> None:
    script = Script()
    session = Session(script.connect, paths.find())  # type: ignore[arg-type]
    library = Library(session, theme, lambda kind: None)
    qtbot.addWidget(library)
    session.subscribe(library.on_event)
    library.show()
    assert library.loading.isVisible()
    assert "loading" in library.loading.text()
    session.start()
    settle(session)
    assert not library.loading.isVisible()
    assert CONV in library.layers.shown_kinds
    session.close()


def test_categories_count_their_layers_and_open_where_clicked(library: Library) -> None:
    tree = library.layers
    titles = [tree.topLevelItem(at).text(0) for at in range(tree.topLevelItemCount())]
    assert titles[:2] == ["Convolution", "Pooling"]
    assert titles[-1] == "Input & output"
    assert "torch.nn.ReLU" not in tree.shown_kinds
    tree.itemClicked.emit(tree.topLevelItem(titles.index("Activation")), 0)
    assert "torch.nn.ReLU" in tree.shown_kinds


def test_a_long_category_shows_the_rest_on_demand(library: Library) -> None:
    tree = library.layers
    pools = [kind for kind in tree.shown_kinds if "Pool" in kind]
    assert len(pools) == 3
    group = tree.topLevelItem(1)
    more = group.child(group.childCount() - 1)
    assert more.text(0) == "3 more"
    tree.itemClicked.emit(more, 0)
    assert len([kind for kind in tree.shown_kinds if "Pool" in kind]) == 6


def test_search_finds_by_title_and_enter_adds_the_best(library: Library, added: list[str]) -> None:
    library.focus_search()
    QTest.keyClicks(library.search, "lin")
    assert library.layers.shown_kinds[0] == "torch.nn.Linear"
    QTest.keyClick(library.search, Qt.Key.Key_Return)
    assert added == ["torch.nn.Linear"]
    QTest.keyClick(library.search, Qt.Key.Key_Escape)
    assert library.search.text() == ""
    assert CONV in library.layers.shown_kinds


def test_double_click_and_enter_add_a_layer(library: Library, added: list[str]) -> None:
    library.layers.choose_first()
    library.layers.setFocus()
    QTest.keyClick(library.layers, Qt.Key.Key_Return)
    library.layers.itemDoubleClicked.emit(library.layers.currentItem(), 0)
    assert added == [CONV, CONV]


def test_what_is_dragged_names_its_kind(library: Library) -> None:
    library.layers.choose_first()
    item = library.layers.currentItem()
    assert item is not None
    assert bytes(library.layers.mimeData([item]).data(KIND_MIME).data()).decode() == CONV


def test_the_footer_tells_of_the_layer_under_the_mouse(library: Library) -> None:
    library.layers.hovered.emit(CONV)
    assert library.footer.title.text() == "Conv2d"
    assert "filters" in library.footer.doc.text()
    library.layers.hovered.emit("")
    assert library.footer.title.text() == "Add a layer"


def test_an_architecture_is_drawn_with_its_options(
    library: Library, session: Session, script: Script
) -> None:
    library.tabs.setCurrentIndex(2)
    card = library.architectures.cards["vision.lenet5"]
    card.options.click()
    card.form.edited.emit("classes", 26)
    card.draw.click()
    asked = script.engine("workbench").requests(p.BuildArchitecture)
    assert asked == [p.BuildArchitecture("vision.lenet5", {"classes": 26})]
    settle(session)
    assert session.document.undo_title == "Draw LeNet-5"


def test_architectures_are_searched_by_any_word(library: Library) -> None:
    library.tabs.setCurrentIndex(2)
    card = library.architectures.cards["vision.lenet5"]
    library.search.setText("cheques 5")
    assert not card.isHidden()
    library.search.setText("transformer")
    assert card.isHidden()


def test_packs_that_change_show_at_once(library: Library, session: Session, script: Script) -> None:
    script.catalog = catalog(architectures={})
    session.rescan_packs()
    settle(session)
    assert library.architectures.cards == {}


def test_names_that_look_like_pages_stay_words(
    qtbot: QtBot, session: Session, theme: Theme
) -> None:
    library = Library(session, theme, lambda kind: None)
    qtbot.addWidget(library)
    assert library.footer.doc.textFormat() == Qt.TextFormat.PlainText


def test_rank_puts_titles_before_mentions() -> None:
    specs = list(catalog().layers.values())
    titles = [spec.title for spec in rank(specs, "conv")]
    assert titles[0] == "Conv2d"
    assert rank(specs, "zzz") == []


def test_an_empty_catalogue_is_no_crash(qtbot: QtBot, library: Library, session: Session) -> None:
    session._workbench.catalog = Catalog()
    library.on_event(e.CatalogChanged(Catalog()))
    assert library.loading.isVisible()
