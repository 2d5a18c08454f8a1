"""The canvas: a sheet, its header, and what lies over it. It follows the session's events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtCore import QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QMenu, QWidget

from studio.engine import protocol as p
from studio.graph.finding import Hit, find
from studio.graph.graph import BLOCK, End
from studio.graph.project import Project
from studio.session import events as e
from studio.session.session import Session
from studio.settings import Settings
from studio.ui.canvas import knowledge
from studio.ui.canvas.access import Narrator
from studio.ui.canvas.actions import commands_for
from studio.ui.canvas.arranger import Arranger
from studio.ui.canvas.arriving import Arriving
from studio.ui.canvas.block_desk import BlockDesk
from studio.ui.canvas.commands import Commands
from studio.ui.canvas.corners import FocusRing, Hint, Invitation
from studio.ui.canvas.editor import Editor
from studio.ui.canvas.faces import Thumbnail, Told
from studio.ui.canvas.find_bar import FindBar
from studio.ui.canvas.hand import PointerHand
from studio.ui.canvas.header import Header
from studio.ui.canvas.knowledge import Sight
from studio.ui.canvas.legend import Legend
from studio.ui.canvas.living import Living
from studio.ui.canvas.menus import GRAPH, color_menu, fill, keys_of, menu_of
from studio.ui.canvas.minimap import Minimap
from studio.ui.canvas.network_tabs import NetworkTabs
from studio.ui.canvas.probe_actions import add_surgery
from studio.ui.canvas.probe_layer import ProbeLayer
from studio.ui.canvas.sampling import Sampling
from studio.ui.canvas.scene import SheetScene
from studio.ui.canvas.search_desk import SearchDesk
from studio.ui.canvas.view import CanvasView
from studio.ui.canvas.view_menu import ViewMenu
from studio.ui.canvas.way import Way
from studio.ui.canvas.writing import Writing
from studio.ui.controls import column, rule
from studio.ui.preferences import Preferences
from studio.ui.theme import Theme

#: The architecture that an empty sheet offers, where it is installed.
STARTER = "lenet5"


class Canvas(QWidget):
    """Shows and edits one sheet at a time.

    `selection_changed` carries the ids of nodes; `sheet_shown` follows every change of the sheet;
    `node_opened` carries the id of a node that was double-clicked and is no block, `learning_wanted`
    of one whose own learning rate is to be set.
    """

    selection_changed = Signal(tuple)
    sheet_shown = Signal()
    node_opened = Signal(str)
    learning_wanted = Signal(str)
    zoom_changed = Signal(float)

    def __init__(
        self,
        session: Session,
        theme: Theme,
        parent: QWidget | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(parent)
        #: What the person has chosen; guides and motion follow it at once.
        self.preferences = preferences or Preferences(None, Settings())
        self._session = session
        self._theme = theme
        self._way = Way(session.document.project)
        self._fit_next = True
        #: Where the context menu was opened, while it is: what it adds belongs there.
        self.menu_spot: QPointF | None = None
        self.scene = SheetScene(theme, self)
        self.view = CanvasView(self.scene, theme, self)
        self.living = Living(session, self.scene, lambda: self.sight, self.isVisible, self)
        self._sampling = Sampling(session, self._show_thumbnail)
        self.view_menu = ViewMenu(self.living, self.view)
        self.hint = Hint(theme, self.view)
        self.editor = Editor(session, self.scene, self.hint.say)
        self.hand = PointerHand(self.scene, self.view, self.editor, self)
        self.view.hand = self.hand
        self.view.overlay = self.hand.overlay
        self.probes = ProbeLayer(session, theme, self)
        self.blocks = BlockDesk(self, session, theme, self.hint.say)
        self.arriving = Arriving(self.scene, self.hint.say, self)
        self.arranger = Arranger(self.scene, self.editor, self.hint.say, self._moves, self)
        self.narrator = Narrator(self)
        self.finder = FindBar(theme, self.view, self._find, self._show_hit, self._is_in_sight)
        self.commands = Commands(theme, self.view, commands_for(self))
        self.header = Header(theme, self.commands["tidy"], self.commands["fit"], self)
        self.networks = NetworkTabs(session, theme, self.view)
        self.networks.picked.connect(self.show_sheet)
        self.header.put_networks(self.networks, self.networks.add)
        shown = QMenu(self.header.view)
        self.view_menu.fill(shown)
        self.header.view.setMenu(shown)
        self.minimap = Minimap(self.scene, self.view, theme, self.view)
        self.invitation = Invitation(theme, self.view)
        self.invitation.wanted.connect(self._on_invited)
        self.invitation.double_clicked.connect(self._on_invitation_pressed)
        self.search_desk = SearchDesk(session, self.scene, self.view, self.editor, theme)
        self.writing = Writing(self.scene, self.view, self.editor, theme)
        self._ring = FocusRing(theme, self.view)
        outer = column(self)
        outer.addWidget(self.header)
        self._rule = rule()
        outer.addWidget(self._rule)
        outer.addWidget(self.view, 1)
        self.legend = Legend(theme, self.living, self)
        outer.addWidget(self.legend)
        self.setFocusProxy(self.view)
        self._connect()
        self._show()

    def _connect(self) -> None:
        self.scene.selection_changed.connect(self._on_selection)
        self.scene.redrawn.connect(self._on_redrawn)
        self.view.zoomed.connect(self.header.show_zoom)
        self.view.zoomed.connect(self.zoom_changed)
        self.view.zoomed.connect(self.minimap.update)
        self.view.looked.connect(self.minimap.update)
        self.view.resized.connect(self._lay_corners)
        self.view.keyboard_came.connect(self._ring.setVisible)
        self.view.resized.connect(self._on_resized)
        self.header.shapes_toggled.connect(self.scene.show_shapes)
        self.header.parameters_toggled.connect(self._on_parameters)
        self.header.zoom_chosen.connect(self.view.set_zoom)
        self.header.crumb_chosen.connect(self._on_crumb)
        self.header.pass_chosen.connect(self.show_pass)
        self._theme.changed.connect(self._on_theme)

    # ------------------------------------------------------------------------------- which sheet

    @property
    def project(self) -> Project:
        """The document that the sheet belongs to."""
        return self._session.document.project

    @property
    def sight(self) -> Sight:
        """The sheet that is shown, and where in which network it is seen."""
        return self._way.sight

    @property
    def where(self) -> str:
        """The sheet that is shown: a network's name, or `block.NAME`."""
        return self.sight.where

    @property
    def session(self) -> Session:
        """What it shows, and where its wishes go."""
        return self._session

    @property
    def network(self) -> str:
        """The network that the sheet is seen in."""
        return self.sight.network

    @property
    def prefix(self) -> str:
        """What stands before a node's id in its id path (`res1/`)."""
        return self.sight.prefix

    @property
    def selection(self) -> tuple[str, ...]:
        """The ids of the selected nodes."""
        return self.scene.selection

    def show_sheet(self, where: str, prefix: str = "") -> None:
        """Show a sheet; `prefix` says through which block instances it is seen."""
        self._way.to_sheet(self.project, where, prefix)
        self._show()

    def show_definition(self, name: str) -> None:
        """Show the inside of a block, through one of its instances where there is one."""
        self._way.to_block(self.project, name)
        self._show()

    def open_block(self, node: str) -> None:
        """Enter a block by one of its instances on this sheet."""
        if self._way.into(self.project, node):
            self._show()
            return
        found = self.scene.sheet.graph.nodes.get(node)
        if found is not None and found.kind.startswith(BLOCK):
            self.hint.say(f"The block {found.kind.removeprefix(BLOCK)!r} is not in this project.")

    def show_pass(self, step: int) -> None:
        """Show another pass of the repeated block that this sheet is seen in, the first being 0."""
        if self._way.to_pass(self.project, step):
            self.scene.tell(self._told())
            self._on_redrawn()
            self.sheet_shown.emit()

    def leave(self) -> bool:
        """Go back to the sheet that this one was entered from; tells whether there is one."""
        left = self._way.out()
        if left is None:
            return False
        self._show()
        self.scene.select((left,) if left else ())
        return True

    def reveal(self, network: str, path: str) -> None:
        """Show the node at an id path of a network, in whatever block it is."""
        before = self.sight
        prefix, _, node = path.rpartition("/")
        if self._way.to_inside(self.project, network, f"{prefix}/" if prefix else ""):
            if self.sight != before:
                self._show()
            self.show_node(node)

    def show_node(self, node: str) -> None:
        """Select a node of this sheet and bring it into sight."""
        item = self.scene.nodes.get(node)
        if item is not None:
            self.select((node,))
            self.view.show_point(item.rect.adjusted(-20, -20, 20, 20))

    def run(self, key: str) -> None:
        """Do what a command says; one that cannot be done now says why."""
        action = self.commands[key]
        self.commands.refresh()
        if action.isEnabled():
            action.trigger()
        else:
            self.hint.say(action.statusTip())

    def _show(self) -> None:
        self.arriving.stop()
        self.hand.cancel()
        self.hand.walk.stop_connecting()
        self.search_desk.close()
        self.editor.where = self.where
        self.scene.show_sheet(self.project.sheet(self.where), self._told())
        self._sampling.ask()
        self._on_redrawn()
        self.fit()
        self.sheet_shown.emit()

    # ------------------------------------------------------------------------------------- showing

    def select(self, ids: Iterable[str]) -> None:
        """Select nodes."""
        self.scene.select(ids)

    def fit(self) -> None:
        """Zoom so that the whole sheet is in sight."""
        content = self.scene.content()
        self._fit_next = not self.view.isVisible()
        if content.isEmpty():
            self.view.set_zoom(1.0)
        else:
            self.view.look_at(content)

    def set_mode(self, mode: str) -> None:
        """Show sizes and settings (`build`), or what a run does inside the layers (`train`)."""
        training = mode == "train"
        self.header.setVisible(not training)
        self._rule.setVisible(not training)
        self.minimap.setVisible(not training and bool(self.scene.nodes))
        self._take_room()
        self.living.set_training(training)
        if training:
            self._take_history()
        self.fit()

    def actions(self) -> list[QAction]:
        """Return what can be done here, for the window's menus."""
        return list(self.commands.actions.values())

    def fill_menu(self, menu: QMenu) -> None:
        """Put what can be done here into a menu of the window."""
        fill(menu, GRAPH, self.commands.actions, self._color_menu)
        known = keys_of(GRAPH)
        rest = [one for key, one in self.commands.actions.items() if key not in known]
        menu.addActions(rest)

    def add_layer(self, kind: str) -> None:
        """Put a layer behind the selected node, or in the middle of what is in sight."""
        self.search_desk.add_here(kind)

    # -------------------------------------------------------------------------------------- events

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the session."""
        match event:
            case e.DocumentOpened(project):
                self.living.forget()
                self._sampling.forget()
                self._way.begin(project)
                self._show()
            case e.DocumentChanged(before, after):
                self._on_changed(before, after)
            case e.FactsChanged() | e.CatalogChanged():
                self._tell()
                self._sampling.ask()
                self._lay_corners()
            case e.HistoryOpened() | e.MomentChanged():
                self._take_history()
            case e.RunEvent(p.LayerStats() as told) | e.RunEvent(p.Pictures() as told):
                if self._session.history.at is None:
                    self._on_live(told)
        self.probes.on_event(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.living.catch_up()

    def _on_changed(self, before: Project, after: Project) -> None:
        if not self._way.stay(after):
            self._show()
            return
        sheet = after.sheet(self.where)
        if before.networks.keys() != after.networks.keys():
            self._on_redrawn()
        self.hand.cancel()
        recipes = before.recipe.groups != after.recipe.groups
        if recipes or before.blocks is not after.blocks or before.constants is not after.constants:
            self._tell()
        old = self.scene.sheet
        if sheet is not old:
            document = self._session.document
            self.arriving.show(sheet, document.undo if document.earlier is before else None)
            if not old.graph.nodes.keys() & sheet.graph.nodes.keys():
                self.arriving.then(self.fit)
        self.living.check_edits()

    def _told(self) -> Told:
        session = self._session
        return knowledge.told_of(
            session.document.project,
            session.catalog,
            session.facts,
            self.sight,
            self.living.store,
            self.scene.told,
        )

    def _tell(self) -> None:
        before, after = self.scene.told, self._told()
        changed = knowledge.differing(before, after)
        if changed is None or changed:
            self.scene.tell(after, changed)

    def _on_live(self, event: p.LayerStats | p.Pictures) -> None:
        fitted, before = self.view.fitted, self.scene.content()
        self.living.take(event)
        if self.scene.told.training and fitted and self.scene.content() != before:
            self.fit()

    def _take_history(self) -> None:
        self.living.take_history()
        self._tell()

    def _show_thumbnail(self, picture: Thumbnail | None) -> None:
        self.scene.tell(replace(self.scene.told, thumbnail=picture))

    # ------------------------------------------------------------------- what hand and actions ask

    def search(self, at: QPointF, after: End | None = None, before: End | None = None) -> None:
        """Offer layers at a point of the scene, behind or before a port."""
        self.search_desk.open(at, after, before)

    def _on_invitation_pressed(self, at: QPoint) -> None:
        self.search(self.view.mapToScene(at))

    def say(self, words: str) -> None:
        """Tell the person something, at the lower edge."""
        self.hint.say(words)

    def guided(self) -> bool:
        """Tell whether nodes line up with their neighbours while dragged."""
        return self.preferences.values.guides

    def _moves(self) -> bool:
        return not self.preferences.values.reduced_motion

    def find_nodes(self) -> None:
        """Let the person find nodes, in blocks too."""
        self.finder.open()

    def _find(self, query: str) -> list[Hit]:
        return find(self.project, self.scene.told.specs, query)

    def _show_hit(self, hit: Hit) -> None:
        if self._is_in_sight(hit):
            self.show_node(hit.node)
        elif hit.network:
            self.reveal(hit.network, hit.path)
        else:
            self.show_sheet(hit.where)
            self.show_node(hit.node)

    def _is_in_sight(self, hit: Hit) -> bool:
        return hit.where == self.where

    def search_here(self) -> None:
        """Offer layers behind the selected node."""
        self.search_desk.open_here(self.menu_spot)

    def open_node(self, node: str) -> None:
        """Enter a block; tell of any other node."""
        found = self.scene.sheet.graph.nodes[node]
        if found.kind.startswith(BLOCK):
            self.open_block(node)
        else:
            self.node_opened.emit(node)

    def rename_node(self, node: str) -> None:
        """Let the person type another name."""
        self.writing.rename_node(node)

    def rename_frame(self, key: str) -> None:
        """Let the person type another title."""
        self.writing.rename_frame(key)

    def edit_note(self, key: str) -> None:
        """Let the person write a note."""
        self.writing.edit_note(key)

    def repair(self, node: str, index: int) -> None:
        """Do what one of the buttons on a node's card says."""
        errors = [one for one in self.scene.told.problems.get(node, ()) if one.severity == "error"]
        if errors and index < len(errors[0].repairs):
            self.editor.apply(errors[0].repairs[index])

    def show_menu(self, pos: QPointF, at: QPoint) -> None:
        """Show what can be done with what is selected."""
        header = self.scene.frame_at(pos) is not None and self.scene.node_at(pos) is None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fill(menu, menu_of(self.scene, header), self.commands.actions, self._color_menu)
        if self.scene.selected_links or (len(self.selection) == 1 and not header):
            menu.addSeparator()
            add_surgery(menu, self)
        self.menu_spot = pos
        menu.aboutToHide.connect(self._forget_spot, Qt.ConnectionType.QueuedConnection)
        menu.popup(at)

    def _color_menu(self) -> QMenu:
        margins = self.editor.margins
        key = margins.around(self.scene.selection)
        now = self.scene.sheet.frames[key].color if key else ""
        return color_menu(self._theme, self, now, lambda color: margins.paint(key, color))

    def is_architecture(self, kind: str) -> bool:
        """Tell whether a dragged kind draws a whole network."""
        return kind in self._session.catalog.architectures

    def draw_architecture(self, kind: str) -> None:
        """Draw an architecture here, as one undoable step."""
        self._session.draw(kind, {})

    def put_kept(self, name: str, at: QPointF) -> None:
        """Put one of the person's own blocks at a point of the scene."""
        self.blocks.put_kept(name, at)

    # --------------------------------------------------------------------------------------- slots

    def _on_selection(self) -> None:
        scene = self.scene
        self.commands.refresh()
        self.narrator.tell()
        self.selection_changed.emit(scene.selection)

    def _on_redrawn(self) -> None:
        self.networks.show_networks(self.project, self.network)
        self.header.show_way(self._way.crumbs, len(self.project.networks) > 1)
        self.header.show_count(len(self.scene.nodes))
        self.header.show_pass(self.sight.step, self.sight.steps)
        self.commands.refresh()
        self._lay_corners()
        self.minimap.update()
        self.view.redraw()

    def _forget_spot(self) -> None:
        self.menu_spot = None

    def _on_parameters(self, on: bool) -> None:
        self.scene.tell(replace(self.scene.told, parameters=on))

    def _on_crumb(self, keep: int) -> None:
        self._way.back(keep)
        self._show()

    def _on_theme(self) -> None:
        self.view.dress()
        self.scene.dress()
        self.minimap.update()

    def _on_invited(self) -> None:
        kind = self._starter()
        if kind:
            self.draw_architecture(kind)

    def _starter(self) -> str:
        known = self._session.catalog.architectures
        return next((kind for kind in known if kind.endswith(STARTER)), "")

    def _lay_corners(self) -> None:
        view = self.view
        empty = not self.scene.nodes
        if empty:
            kind = self._starter()
            title = self._session.catalog.architectures[kind].title if kind else ""
            self.invitation.invite(title, self.where.startswith(BLOCK))
            box = self.invitation.size()
            self.invitation.move(
                (view.width() - box.width()) // 2, (view.height() - box.height()) // 2
            )
        self.invitation.setVisible(empty)
        small = view.width() < 420 or view.height() < 300
        self.minimap.setVisible(not empty and not small and not self.scene.told.training)
        self.minimap.move(
            view.width() - self.minimap.width() - 12, view.height() - self.minimap.height() - 11
        )
        self._ring.setGeometry(view.rect())
        self.finder.place()
        if self.hint.isVisible():
            self.hint.place()

    def _on_resized(self) -> None:
        """Keep the whole sheet in sight; the view, unlike the canvas, has its new size by now."""
        self._take_room()
        if self.view.isVisible() and (self._fit_next or self.view.fitted):
            self.fit()

    def _take_room(self) -> None:
        size = self.view.viewport().size()
        if self.view.isVisible() and not size.isEmpty():
            self.scene.set_room((size.width(), size.height()))
