"""The Build workspace: Library, canvas with the problems below it, Inspector."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QSplitter, QVBoxLayout, QWidget

from studio.graph.edits import RemoveBlock
from studio.session import events as e
from studio.session.session import Session
from studio.ui.canvas import Canvas
from studio.ui.code_panel import CodePanel
from studio.ui.controls import button, column, row
from studio.ui.inspector import Inspector
from studio.ui.inspector.sight import Sight
from studio.ui.library import Library
from studio.ui.library.panel import TAB_ICONS, TABS
from studio.ui.preferences import Preferences
from studio.ui.problems import HEAD, ProblemsPanel
from studio.ui.theme import Theme
from studio.ui.trust import TrustBar, TrustPanel, ask_trust

LIBRARY, INSPECTOR, PROBLEMS, RAIL = 272, 328, 76, 44
#: The least height of the code below the canvas.
CODE = 240
#: The Inspector where code is written in it.
WIDE = 620
#: Below this the Library becomes a rail and the problems fold.
ROOMY = (1440, 780)


class BuildWorkspace(QWidget):
    """Assembles the panels around the canvas and lets them follow one another."""

    def __init__(self, session: Session, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._preferences = preferences
        self._compact: bool | None = None
        self._laid = False
        self._tall = False
        self.canvas = Canvas(session, theme, preferences=preferences)
        self.library = Library(session, theme, self.canvas.add_layer)
        self.inspector = Inspector(session, theme)
        self.problems = ProblemsPanel(session, theme)
        self.code = CodePanel(session, theme)
        self.problems.add_page("Code", self.code)
        self.rail = Rail(theme, self._on_rail)
        self.trust = TrustBar(session, theme)
        self.trust_panel: TrustPanel | None = None

        self.middle = _splitter(Qt.Orientation.Vertical)
        self.middle.addWidget(self.canvas)
        self.middle.addWidget(self.problems)
        self.middle.setStretchFactor(0, 1)
        self.across = _splitter(Qt.Orientation.Horizontal)
        self.across.addWidget(self.library)
        self.across.addWidget(self.middle)
        self.across.addWidget(self.inspector)
        self.across.setStretchFactor(1, 1)
        self.canvas.setMinimumSize(480, 320)
        self.inspector.setMinimumWidth(280)
        self.library.setMinimumWidth(220)
        layout = column(self)
        layout.addWidget(self.trust)
        line = QWidget()
        inner = row(line, spacing=0)
        inner.addWidget(self.rail)
        inner.addWidget(self.across, 1)
        layout.addWidget(line, 1)
        self._place_library(compact=False)
        self._restore()

        self.canvas.selection_changed.connect(self._on_selection)
        self.canvas.sheet_shown.connect(lambda: self._on_selection(self.canvas.selection))
        self.inspector.wanted.connect(self.canvas.run)
        self.inspector.node_wanted.connect(self.canvas.show_node)
        self.canvas.node_opened.connect(lambda node: self.inspector.open_settings())
        self.canvas.learning_wanted.connect(lambda node: self.inspector.open_learning())
        self.inspector.left.connect(self.canvas.view.setFocus)
        self.library.block_wanted.connect(self._on_block)
        self.inspector.data_wanted.connect(self.show_data)
        for source in (self.trust.wanted, self.inspector.trust_wanted, self.problems.trust_wanted):
            source.connect(self.ask_trust)
        self.inspector.wide_wanted.connect(self._widen)
        self.problems.revealed.connect(self.canvas.reveal)
        self.problems.data_wanted.connect(self.show_data)
        self.code.revealed.connect(self.canvas.reveal)
        self.problems.page_shown.connect(self._on_page)
        self.problems.collapsed_changed.connect(lambda collapsed: self._lay_problems())
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus)

    def on_event(self, event: e.SessionEvent) -> None:
        """Tell every panel."""
        self.canvas.on_event(event)
        self.library.on_event(event)
        self.inspector.on_event(event)
        self.problems.on_event(event)
        self.code.on_event(event)
        if isinstance(
            event, e.DocumentOpened | e.DocumentChanged | e.TrustChanged | e.HistoryOpened
        ):
            self.trust.refresh()

    def ask_trust(self) -> None:
        """Show the code that the file brings, and ask whether it may be run."""
        self.trust_panel = ask_trust(self._session, self._theme, self)

    @property
    def shows_code(self) -> bool:
        """Whether the code stands below the canvas."""
        return self.problems.stack.currentWidget() is self.code

    def toggle_code(self) -> None:
        """Open the code below the canvas with the keyboard in it, or go back to the canvas."""
        if self.shows_code and not self.problems.collapsed:
            self.problems.tabs.setCurrentIndex(0)
            self.canvas.view.setFocus()
            return
        self.problems.tabs.setCurrentIndex(self.problems.stack.indexOf(self.code))
        self.problems.set_collapsed(False)
        self.code.editor.setFocus()

    @property
    def panels(self) -> tuple[QWidget, ...]:
        """The panels that F6 walks through."""
        return (self.library, self.canvas, self.inspector, self.problems)

    def show_data(self) -> None:
        """Open the Library's Data tab."""
        self.show_library(TABS.index("Data"))

    def show_library(self, tab: int) -> None:
        """Open one of the Library's tabs, over the canvas where it is only a rail."""
        self.library.tabs.setCurrentIndex(tab)
        self.library.show()
        if self._compact:
            self._lay_flyout()
            self.library.raise_()

    def search(self) -> None:
        """Put the cursor into the Library's search field."""
        if self._compact:
            self.show_library(self.library.tabs.currentIndex())
        self.library.show()
        self.library.focus_search()

    def toggle(self, panel: QWidget) -> None:
        """Show or hide a panel."""
        if panel is self.problems:
            self.problems.set_collapsed(not self.problems.collapsed)
        elif panel is self.library and self._compact:
            if self.library.isVisible():
                self.library.hide()
            else:
                self.show_library(self.library.tabs.currentIndex())
        else:
            panel.setVisible(not panel.isVisibleTo(self))

    def keep(self) -> None:
        """Remember how wide the panels are."""
        if not self._compact:
            sizes = self.across.saveState().toBase64().toStdString()
            panels = self._preferences.values.panels | {"build": sizes}
            self._preferences.change(panels=panels)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        size = event.size()
        compact = size.width() < ROOMY[0] or size.height() < ROOMY[1]
        if compact != self._compact:
            self._place_library(compact)
            self.problems.set_collapsed(compact and not self.shows_code)
        if not self._laid and event.size().height() > 0:
            self._laid = self.isVisible()
            self._lay_problems()
        if compact:
            self._lay_flyout()

    # -------------------------------------------------------------------------------------- layout

    def _widen(self, wide: bool) -> None:
        """Give the Inspector room for lines of code, or take it back."""
        sizes = self.across.sizes()
        now = WIDE if wide else INSPECTOR
        sizes[-2] = max(480, sizes[-2] + sizes[-1] - now)
        sizes[-1] = now
        self.across.setSizes(sizes)

    def _place_library(self, compact: bool) -> None:
        self._compact = compact
        self.rail.setVisible(compact)
        if compact:
            self.library.setParent(self)
            self.library.hide()
            self.across.setSizes([self.width() - RAIL - 280, 280])
        else:
            self.across.insertWidget(0, self.library)
            self.library.show()
            rest = max(480, self.width() - LIBRARY - INSPECTOR)
            self.across.setSizes([LIBRARY, rest, INSPECTOR])
            self._restore()

    def _restore(self) -> None:
        kept = self._preferences.values.panels.get("build", "")
        if kept and not self._compact:
            self.across.restoreState(QByteArray.fromBase64(kept.encode()))

    def _lay_flyout(self) -> None:
        below = HEAD + 1 if self.problems.collapsed else self.problems.height() + 1
        self.library.setGeometry(RAIL, 0, LIBRARY, self.height() - below)

    def _lay_problems(self) -> None:
        open_height = max(CODE, self.height() * 2 // 5) if self.shows_code else PROBLEMS
        height = HEAD if self.problems.collapsed else open_height
        total = max(self.middle.height(), height + 320)
        self.middle.setSizes([total - height, height])

    def _on_page(self, index: int) -> None:
        # Code needs room; going to it and coming from it, the panel takes its own height.
        if self.shows_code != self._tall:
            self._tall = self.shows_code
            self._lay_problems()

    def _on_focus(self, before: QWidget | None, now: QWidget | None) -> None:
        # The opened Library lies over the canvas; going elsewhere closes it.
        over = self._compact and self.library.isVisible()
        if not over or now is None or not self.isAncestorOf(now):
            return
        if now is not self.library and not self.library.isAncestorOf(now):
            self.library.hide()

    def _on_rail(self, tab: int) -> None:
        if self.library.isVisible() and self.library.tabs.currentIndex() == tab:
            self.library.hide()
        else:
            self.show_library(tab)

    # ------------------------------------------------------------------------------------ following

    def _on_block(self, action: str, name: str) -> None:
        """Do what was chosen in the Library for a block."""
        if action == "delete":
            self._session.do(RemoveBlock(name))
        elif action == "new_scan":
            self.canvas.run(action)
        elif action == "forget":
            self._session.shelf.remove(name)
        else:
            desk = self.canvas.blocks
            {
                "open": self.canvas.show_definition,
                "rename": desk.rename_block,
                "keep": desk.keep_block,
                "put": desk.put_kept,
            }[action](name)

    def _on_selection(self, nodes: tuple[str, ...]) -> None:
        canvas = self.canvas
        sight = Sight(canvas.where, canvas.network, canvas.prefix)
        self.inspector.show_selection(sight, nodes)
        self.code.show_selection(sight, nodes)


class Rail(QWidget):
    """The Library where there is no room for it: its tabs as icons."""

    def __init__(self, theme: Theme, pick: Callable[[int], None]) -> None:
        super().__init__()
        self.setFixedWidth(RAIL)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout: QVBoxLayout = column(self, margins=6, spacing=4)
        for index, (title, icon) in enumerate(zip(TABS, TAB_ICONS, strict=True)):
            made = button(theme, icon=icon, look="ghost", large=True, tip=title)
            made.clicked.connect(lambda _=False, tab=index: pick(tab))
            layout.addWidget(made)
        layout.addStretch(1)


def _splitter(way: Qt.Orientation) -> QSplitter:
    made = QSplitter(way)
    made.setHandleWidth(1)
    made.setChildrenCollapsible(False)
    return made
