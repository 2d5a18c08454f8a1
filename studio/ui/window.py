"""The main window: assembles frame, workspaces and actions. Everything it shows is made elsewhere."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from studio.engine import protocol as p
from studio.session import events as e
from studio.session.session import Session
from studio.ui.actions import Actions
from studio.ui.bridge import Bridge
from studio.ui.build import BuildWorkspace
from studio.ui.canvas import Canvas
from studio.ui.collecting import Collector
from studio.ui.controls import column
from studio.ui.documents import Documents
from studio.ui.frame import MINIMUM
from studio.ui.header import MenuRow, StatusRow, Toolbar
from studio.ui.keymap import EVERYWHERE, Keymap
from studio.ui.palette import CommandPalette, commands_of
from studio.ui.plugins_panel import PluginsPanel
from studio.ui.preferences import Preferences
from studio.ui.prompts import Choice, Notices, Prompts
from studio.ui.recovery import RecoveryBar
from studio.ui.settings_panel import SettingsPanel
from studio.ui.table import MENUS, entries
from studio.ui.theme import Theme
from studio.ui.trust import SafeBar
from studio.ui.views.numbers import size
from studio.ui.workspaces import BUILD, TRAIN, WORKSPACES, Workspaces

#: How long a run has to end cleanly before the window closes without it.
STOP_MS = 20_000


class MainWindow(QWidget):
    """One project, four workspaces. Workspaces other than Build are made when first looked at.

    The application shows it in a `Frame`; pictures and tests show it by itself.
    """

    def __init__(self, session: Session, theme: Theme, preferences: Preferences) -> None:
        super().__init__()
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session = session
        self.theme = theme
        self.preferences = preferences
        session.keep_moments(preferences.values.moments_mb)
        self.prompts = Prompts(theme, self)
        self.notices = Notices(theme, self)
        self.plugins: PluginsPanel | None = None
        self.settings: SettingsPanel | None = None
        self._closing = self._overdue = False
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._on_stop_overdue)
        self.documents = Documents(session, preferences, self.prompts, self.notices.show, self)
        preferences.on_trouble = lambda sentence: self.notices.show(sentence, "warning")

        self.collector = Collector(self)
        self.bridge = Bridge(session, self)
        self.bridge.add(self.on_event)
        self.actions_table = Actions(theme, self)
        self.keymap = Keymap(preferences, self)
        self.build = BuildWorkspace(session, theme, preferences)
        self.build.library.data.own_wanted.connect(lambda: self.use_data())
        self.actions_table.add(entries(self))
        self.palette_popup = CommandPalette(theme, self)
        self._assemble()
        self.setMinimumSize(*MINIMUM)
        self.setAcceptDrops(True)

        self.documents.on_saved = self._show_document
        self._show_document()
        self.build.canvas.setFocus()

    # ------------------------------------------------------------------------------------ assembling

    def _assemble(self) -> None:
        self.menu_row = MenuRow(self.theme, self.find_command)
        self.toolbar = Toolbar(self.session, self.theme, self.actions_table)
        self.toolbar.workspace_picked.connect(self.show_workspace)
        self.status = StatusRow(self.session, self.theme)
        self.safe = SafeBar(self.session, self.theme)
        self.recovery = RecoveryBar(self.session, self.theme)
        self.workspaces = Workspaces(
            self.session, self.theme, self.bridge, self.build, self.show_workspace
        )
        keys = [self.actions_table[key] for key in ("pause_key", "step_key")]
        self.workspaces.give_train(*keys)
        layout = column(self)
        layout.addWidget(self.menu_row)
        layout.addWidget(self.toolbar)
        layout.addWidget(self.safe)
        layout.addWidget(self.recovery)
        layout.addWidget(self.workspaces, 1)
        layout.addWidget(self.status)
        self._fill_menus()
        everywhere = []
        for action in self.actions_table.all():
            if action.objectName() not in ("pause_key", "step_key", "search"):
                self.addAction(action)
                everywhere.append(action)
        self.build.addAction(self.actions_table["search"])
        self.keymap.take(EVERYWHERE, everywhere)
        self.keymap.take("Build", [self.actions_table["search"]])
        self.keymap.take("Train", keys)
        self._take_keys(BUILD, self.build)
        self.workspaces.made.connect(self._take_keys)
        self.keymap.changed.connect(self._on_keys_changed)

    def _take_keys(self, index: int, workspace: QWidget) -> None:
        """Give the actions of a workspace, and of canvases in it, the keys that a person chose."""
        given = (self.actions_table["pause_key"], self.actions_table["step_key"])
        known = (*given, self.actions_table["search"])
        own = [action for action in workspace.actions() if action not in known]
        self.keymap.take(WORKSPACES[index], own)
        for canvas in workspace.findChildren(Canvas):
            self.keymap.take("Canvas", canvas.actions())

    def _make_workspaces(self) -> None:
        """Make all of them, so that all of their actions are known."""
        for index in range(len(WORKSPACES)):
            self.workspaces.get(index)

    def _on_keys_changed(self) -> None:
        self.actions_table.refresh()
        for canvas in self.findChildren(Canvas):
            canvas.commands.refresh()

    def _fill_menus(self) -> None:
        for title in MENUS:
            menu = self.menu_row.bar.addMenu(title)
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(lambda name=title, made=menu: self._open_menu(name, made))
            self.actions_table.fill(menu, title)

    def _open_menu(self, title: str, menu: QMenu) -> None:
        """Bring a menu up to date as it opens: what the canvas or a workspace offers is in it too."""
        self.actions_table.refresh()
        menu.clear()
        for inner in menu.findChildren(QMenu):
            inner.deleteLater()
        self.actions_table.fill(menu, title)
        if title == "Graph":
            self.build.canvas.fill_menu(menu)
        else:
            extra = self.workspaces.offered().get(title, [])
            if extra and not menu.isEmpty():
                menu.addSeparator()
            menu.addActions(extra)
        if title == "File":
            recent = QMenu("Open recent", menu)
            self.documents.fill_recent(recent)
            menu.insertMenu(self.actions_table["save"], recent)
        if menu.isEmpty():
            menu.addAction("Nothing to do here yet").setEnabled(False)

    # --------------------------------------------------------------------------------------- events

    def on_event(self, event: e.SessionEvent) -> None:
        """Keep frame, actions and notices in step with the session."""
        match event:
            case e.SavedChanged() | e.DocumentOpened() | e.DocumentChanged():
                self._show_document()
                self.refresh()
            case e.FactsChanged():
                self.status.refresh()
                self.refresh()
            case e.TrainingChanged(state=state):
                self.refresh()
                if self._closing and state in ("ended", "idle"):
                    self.window().close()
                elif state == "ended":
                    self._watch_space()
            case e.EngineChanged(role="job", state="ready"):
                self.toolbar.refresh()
                # Nobody has asked for it yet; made now, it stalls nothing when Train is pressed.
                QTimer.singleShot(0, self, lambda: self.workspaces.prepare(TRAIN))
            case e.RunEvent(event=p.BreakpointHit()):
                self.show_workspace(TRAIN)
            case e.RunEvent(event=p.EpochDone() | p.Started()) | e.EngineChanged():
                self.toolbar.refresh()
            case e.Noticed(text=text, severity=severity, details=details):
                self.notices.show(text, severity, details)
            case _:
                pass
        for panel in (self.plugins, self.settings):
            if panel is not None:
                panel.on_event(event)

    def refresh(self) -> None:
        """Bring actions and toolbar up to date."""
        self.actions_table.refresh()
        document = self.session.document
        for key, words in (("undo", document.undo_title), ("redo", document.redo_title)):
            self.actions_table.rename(key, f"{key.capitalize()} {words}".strip())
        self.toolbar.refresh()

    def _show_document(self) -> None:
        document = self.session.document
        self.menu_row.show_document(document.path, document.edited)
        name = Path(document.path).name if document.path else "untitled"
        edited = " • edited" if document.edited else ""
        safe = " (safe mode)" if self.session.safe else ""
        self.setWindowTitle(f"{name}{edited} – Neuroloom{safe}")
        saved = self.documents.saved_at if not document.edited else ""
        self.status.show_saved(
            f"Saved {saved}" if saved else "Not saved" if document.edited else ""
        )

    # --------------------------------------------------------------------------------------- acting

    @property
    def current(self) -> int:
        """The workspace that is shown."""
        return self.workspaces.shown

    def workspace(self, index: int) -> QWidget:
        """Return a workspace, made now if nobody has looked at it yet."""
        return self.workspaces.get(index)

    def show_workspace(self, index: int) -> None:
        """Show Build, Train, Explain or Runs."""
        self.workspaces.go(index)
        self.toolbar.show_workspace(index)
        self.status.show_workspace(index)

    def train(self) -> None:
        """Start a run and look at it."""
        if self.session.train():
            self.show_workspace(TRAIN)

    def walk(self) -> None:
        """Walk on through the step that comes next, and look at it."""
        from studio.ui.train import TrainWorkspace  # there already, once a run is under way

        self.show_workspace(TRAIN)
        space = self.workspace(TRAIN)
        assert isinstance(space, TrainWorkspace)
        space.walk()

    def use_data(self, path: str = "") -> None:
        """Open the wizard that makes data of a file or a folder."""
        from studio.ui.wizard import DataWizard  # seldom needed, so not at every start

        wizard = DataWizard(self.session, self.theme, self.documents.pick_data, self)
        wizard.show()
        wizard.look_at(path)

    def find_command(self) -> None:
        """Open the command palette."""
        self.refresh()
        table = self.actions_table
        listed = [(table.menu_of(action), action) for action in table.all()]
        offered = [
            (menu, one) for menu, found in self.workspaces.offered().items() for one in found
        ]
        known = {action.text() for _, action in listed}
        listed += [(menu, one) for menu, one in offered if one.text() not in known]
        self.palette_popup.open(commands_of(listed))

    def next_panel(self) -> None:
        """Move the keyboard to the next panel."""
        self.workspaces.next_panel(QApplication.focusWidget())

    def manage_plugins(self) -> None:
        """Show what plugins offer and what is wrong with them."""
        if self.plugins is None:
            self.plugins = PluginsPanel(self.session, self.theme, self)
        self.plugins.show()
        self.plugins.raise_()

    def change_settings(self) -> None:
        """Show the settings."""
        if self.settings is None:
            self.settings = SettingsPanel(
                self.session,
                self.theme,
                self.preferences,
                self.prompts.ask,
                self.set_theme,
                self.keymap,
                self._make_workspaces,
                self,
            )
        self.settings.show()
        self.settings.raise_()

    def set_theme(self, dark: bool) -> None:
        """Change the look and remember it."""
        self.theme.set("dark" if dark else "light")
        self.preferences.change(theme=self.theme.name)

    def _watch_space(self) -> None:
        space = self.session.space(self.preferences.values.run_budget_gb)
        if space.over:
            self.notices.show(
                f"Stored runs take {size(space.used + space.binned)}, more than the "
                f"{size(space.budget)} that they may. Clean up in File, Settings.",
                "warning",
            )

    # -------------------------------------------------------------------------------------- window

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._may_close():
            event.ignore()
            return
        self._patience.stop()
        self.preferences.change(geometry=self.window().saveGeometry().toBase64().toStdString())
        self.build.keep()
        self.bridge.stop()
        self.collector.stop()
        self.session.close()
        super().closeEvent(event)

    def _may_close(self) -> bool:
        """Ask what has to be asked; a run under way ends first, and closes the window then."""
        if self._overdue:
            return True
        state = self.session.training
        if not self._closing:
            if state in ("starting", "running", "paused") and not self._may_stop():
                return False
            if not self.documents.settle():
                return False
        if state not in ("starting", "running", "paused", "stopping"):
            return True
        if not self._closing:
            self._closing = True
            self.session.stop()
            self._patience.start(STOP_MS)
        return False

    def _may_stop(self) -> bool:
        answer = self.prompts.ask(
            "Training is under way",
            "Stop it? It ends after the present step, with a checkpoint; nothing is lost.",
            (Choice("keep", "Keep training"), Choice("stop", "Stop and close", True)),
        )
        return answer == "stop"

    def _on_stop_overdue(self) -> None:
        if self.isVisible():
            self._overdue = True
            self.window().close()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped(event)
        if path is None:
            return
        event.acceptProposedAction()
        if path.suffix == ".loom":
            self.documents.open(path)
        else:
            self.use_data(str(path))

    def minimised(self, yes: bool) -> None:
        """Nobody looks at a minimised window: the job need not show its inside."""
        if self.session.training == "running":
            self.session.watch(0.0 if yes else 4.0)


def _dropped(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """Return the project, the file or the folder that is dropped: the first that is there."""
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return next((path for path in paths if path.exists()), None)
