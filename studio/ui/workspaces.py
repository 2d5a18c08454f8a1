"""The four workspaces: Build is there at once, the others are made when first looked at."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.session.session import Session
from studio.ui.bridge import Bridge, Listener
from studio.ui.build import BuildWorkspace
from studio.ui.theme import Theme

BUILD, TRAIN, EXPLAIN, RUNS = range(4)
WORKSPACES = ("Build", "Train", "Explain", "Runs")
#: In which menu the actions of a workspace stand.
_MENUS = {TRAIN: "Run", EXPLAIN: "Explain", RUNS: "Run"}


class Workspaces(QStackedWidget):
    """Makes workspaces, lets them hear the session, and knows their actions and panels."""

    #: A workspace has been made: its number and itself.
    made = Signal(int, QWidget)

    def __init__(
        self,
        session: Session,
        theme: Theme,
        bridge: Bridge,
        build: BuildWorkspace,
        show: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._bridge = bridge
        self._build = build
        self._show = show
        self._made: dict[int, QWidget] = {BUILD: build}
        self._train_actions: tuple[QAction, ...] = ()
        self.addWidget(build)
        bridge.add(build.on_event)

    @property
    def shown(self) -> int:
        """The workspace that is shown."""
        return next(at for at, one in self._made.items() if one is self.currentWidget())

    def get(self, index: int) -> QWidget:
        """Return a workspace, made now if nobody has looked at it yet."""
        if index not in self._made:
            made, listener = self._make(index)
            self._made[index] = made
            self.addWidget(made)
            self._bridge.add(listener)
            self.made.emit(index, made)
        return self._made[index]

    def prepare(self, index: int) -> None:
        """Make a workspace that will be wanted soon, styled and laid out, while nobody waits for it."""
        if index not in self._made:
            made = self.get(index)
            made.resize(self.size())
            made.grab()

    def go(self, index: int) -> None:
        """Show a workspace and give it the keyboard."""
        widget = self.get(index)
        self.setCurrentWidget(widget)
        (self._build.canvas if index == BUILD else widget).setFocus()

    def give_train(self, *actions: QAction) -> None:
        """Let these actions' keys work in the Train workspace, and nowhere else."""
        self._train_actions = actions

    def offered(self) -> dict[str, list[QAction]]:
        """Return the actions of canvas and workspaces, by menu."""
        canvas = self._build.canvas
        found = {"Graph": list(canvas.actions())}
        if self.currentWidget() is self._build:  # the Train workspace has its own, above its canvas
            found["View"] = canvas.view_menu.actions()
        for index, menu in _MENUS.items():
            if index in self._made:
                own = [one for one in self._made[index].actions() if one not in self._train_actions]
                found[menu] = found.get(menu, []) + own
        return found

    def next_panel(self, focus: QWidget | None) -> None:
        """Move the keyboard from the panel that has it to the next one."""
        shown = self.currentWidget()
        panels = self._build.panels if shown is self._build else _stops(shown)
        panels = tuple(panel for panel in panels if panel.isVisible())
        inside = [
            at
            for at, panel in enumerate(panels)
            if focus is not None and (panel is focus or panel.isAncestorOf(focus))
        ]
        start = inside[0] + 1 if inside else 0
        for step in range(len(panels)):
            panel = panels[(start + step) % len(panels)]
            stops = _stops(panel)
            if stops:
                stops[0].setFocus(Qt.FocusReason.TabFocusReason)
                return

    def _explain(self, sample: int) -> None:
        """Show why a validation sample is read as it is."""
        from studio.ui.explain import ExplainWorkspace

        self._show(EXPLAIN)
        explain = self.get(EXPLAIN)
        assert isinstance(explain, ExplainWorkspace)
        explain.show_sample(sample)

    def _make(self, index: int) -> tuple[QWidget, Listener]:
        # Imported here: plots take longer to load than the window may take to paint.
        session, theme = self._session, self._theme
        if index == TRAIN:
            from studio.ui.canvas import Canvas
            from studio.ui.train import TrainWorkspace

            train = TrainWorkspace(session, theme, lambda: Canvas(session, theme))
            train.addActions(self._train_actions)
            train.sample_wanted.connect(self._explain)
            return train, train.on_event
        if index == EXPLAIN:
            from studio.ui.explain import ExplainWorkspace

            explain = ExplainWorkspace(session, theme)
            return explain, explain.on_event
        from studio.ui.runs import RunsWorkspace

        runs = RunsWorkspace(session, theme)
        runs.run_opened.connect(lambda: self._show(TRAIN))
        return runs, runs.on_event


def _stops(panel: QWidget | None) -> tuple[QWidget, ...]:
    """Return what takes the keyboard in a panel, from left to right and down."""
    if panel is None:
        return ()
    return tuple(
        one
        for one in (panel, *panel.findChildren(QWidget))
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.isVisible() and one.isEnabled()
    )
