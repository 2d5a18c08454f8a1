"""The networks of a project as tabs over the canvas: one a role, with a way to add, name and remove them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from studio.graph.edits import AddNetwork, RemoveNetwork, RenameNetwork
from studio.graph.graph import free_name, is_name
from studio.graph.project import Project
from studio.session.session import Session
from studio.ui.controls import button, row
from studio.ui.naming import NameAsk
from studio.ui.theme import Theme

_TEACH = (
    "Add a network. Some ways of learning take several, by name: adversarial learning a generator and "
    "a discriminator."
)


class NetworkTabs(QWidget):
    """`picked` carries the network to be shown. One network needs no tab; `add` is the button that adds one."""

    picked = Signal(str)

    def __init__(self, session: Session, theme: Theme, host: QWidget) -> None:
        super().__init__()
        self._session, self._theme, self._host = session, theme, host
        self.naming = NameAsk(theme, host)
        self.tabs: dict[str, QPushButton] = {}
        self._names: tuple[str, ...] = ()
        self._line = row(self, spacing=4)
        self.add = button(theme, icon="plus", look="ghost", small=True, tip=_TEACH)
        self.add.setAccessibleName("Add network")
        self.add.clicked.connect(self._on_add)

    def show_networks(self, project: Project, current: str) -> None:
        """Show a project's networks, and which one is seen."""
        names = tuple(project.networks)
        if names != self._names:
            self._names = names
            self._build(names if len(names) > 1 else ())
        for name, tab in self.tabs.items():
            tab.setChecked(name == current)

    def _build(self, names: tuple[str, ...]) -> None:
        for old in self.tabs.values():
            self._line.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.tabs = {}
        for at, name in enumerate(names):
            tab = _Tab(self._theme, name, self._menu)
            tab.clicked.connect(lambda _=False, chosen=name: self._on_tab(chosen))
            self._line.insertWidget(at, tab)
            self.tabs[name] = tab

    def _on_tab(self, name: str) -> None:
        self.tabs[name].setChecked(True)
        self.picked.emit(name)

    # -------------------------------------------------------------------------------------- changing

    def _on_add(self) -> None:
        project = self._session.document.project
        wanted = self._missing(project)
        self._ask_name(
            "Name of the new network",
            wanted or free_name(project.networks, "network"),
            lambda name: self._added(name, AddNetwork(name)),
            f"{self._learner()} asks for {wanted}." if wanted else "",
        )

    def _missing(self, project: Project) -> str:
        """Return the first role that the way of learning asks for and no network has."""
        spec = self._session.catalog.learners.get(project.recipe.learner)
        roles = spec.roles if spec else ()
        return next((role for role in roles if role not in project.networks), "")

    def _learner(self) -> str:
        kind = self._session.document.project.recipe.learner
        spec = self._session.catalog.learners.get(kind)
        return spec.title if spec else kind

    def _added(self, name: str, edit: AddNetwork) -> None:
        if self._session.do(edit):
            self.picked.emit(name)

    def _ask_name(
        self, question: str, name: str, take: Callable[[str], object], remark: str = ""
    ) -> None:
        at = self._host.mapFromGlobal(self.add.mapToGlobal(QPoint(0, self.add.height() + 4)))
        self.naming.ask(question, name, at, take, self._check, remark)

    def _check(self, name: str) -> str:
        if not is_name(name):
            return "Letters, digits and underscores, beginning with a letter."
        if name in self._session.document.project.networks:
            return "There is a network of that name."
        return ""

    def _menu(self, name: str) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Rename…").triggered.connect(lambda: self._on_rename(name))
        copy = menu.addAction("Duplicate")
        copy.triggered.connect(lambda: self._on_copy(name))
        menu.addSeparator()
        menu.addAction("Remove").triggered.connect(lambda: self._session.do(RemoveNetwork(name)))
        return menu

    def _on_rename(self, name: str) -> None:
        def take(new: str) -> None:
            if self._session.do(RenameNetwork(name, new)):
                self.picked.emit(new)

        self._ask_name(f"New name of {name}", name, take)

    def _on_copy(self, name: str) -> None:
        project = self._session.document.project
        new = free_name(project.networks, name)
        self._added(new, AddNetwork(new, project.networks[name]))


class _Tab(QPushButton):
    """One network; its menu comes by the right button or the menu key."""

    def __init__(self, theme: Theme, name: str, menu: Callable[[str], QMenu]) -> None:
        super().__init__(name)
        self._name, self._menu = name, menu
        self.setProperty("look", "chip")
        self.setFont(theme.font("body"))
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"Network {name}")
        self.setToolTip(f"The network {name}. Right-click to rename, duplicate or remove it.")

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self._menu(self._name)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())
