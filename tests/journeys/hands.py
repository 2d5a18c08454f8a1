"""How a person builds: the same few words done by the mouse, or by keys alone, in the real window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QWidget

from studio.graph.edits.instances import FIXED
from studio.graph.graph import BLOCK, End, Graph, Link
from studio.ui.form import ParamRow
from studio.ui.naming import NameAsk

if TYPE_CHECKING:
    from conftest import Person


class Sight:
    """Where things are on the screen, and what the sheet in sight holds."""

    def __init__(self, me: Person) -> None:
        self.me = me
        self.canvas = me.window.build.canvas
        self.inspector = me.window.build.inspector

    @property
    def graph(self) -> Graph:
        return self.canvas.scene.sheet.graph

    @property
    def last(self) -> str:
        """The one node that is selected."""
        (node,) = self.canvas.selection
        return node

    def screen(self, at: QPointF) -> QPoint:
        view = self.canvas.view
        return view.viewport().mapToGlobal(view.mapFromScene(at))

    def spot(self, end: End, gives: bool) -> QPoint:
        return self.screen(self.canvas.scene.port_pos(end, gives))

    def middle(self, node: str) -> QPoint:
        """A point of a node's title, where no port is."""
        box = self.canvas.scene.nodes[node].rect
        return self.screen(box.topLeft() + QPointF(box.width() * 0.4, min(20.0, box.height() / 2)))

    def paper(self, near: QPointF) -> QPoint:
        """A point of empty canvas in sight, near one of the scene, below it rather than above."""
        scene, seen = self.canvas.scene, self.canvas.view.seen().adjusted(30, 30, -30, -30)
        steps = [(dx * 24, dy * 24) for dy in range(-8, 16) for dx in range(-24, 25)]
        steps.sort(key=lambda one: abs(one[0]) + abs(one[1]) + (400 if one[1] < 0 else 0))
        for step in steps:
            at = near + QPointF(*step)
            free = not (scene.node_at(at) or scene.link_at(at, 12) or scene.port_at(at, 30))
            if free and seen.contains(at):
                return self.screen(at)
        raise AssertionError("no empty canvas in sight")

    def inside(self, node: str) -> bool:
        box = self.canvas.scene.nodes[node].rect
        return self.canvas.view.seen().contains(box.adjusted(-4, -8, 4, 8))

    def row(self, param: str) -> ParamRow:
        return self.inspector.node.form.rows[param]

    def painted(self) -> QImage:
        """The canvas as the screen shows it."""
        port = self.canvas.view.viewport()
        self.me.rest(0.3)
        corner, size = port.mapToGlobal(QPoint(0, 0)), port.size()
        screen = self.me.window.screen()
        shot = screen.grabWindow(0, corner.x(), corner.y(), size.width(), size.height())
        return shot.toImage()

    def look(self) -> None:
        """Turn to the canvas of a project in which nothing is drawn yet."""
        self.me.until(lambda: not self.graph.nodes)
        self.canvas.setFocus()

    def settled(self) -> None:
        self.me.until(lambda: self.me.session.settled)

    def added(self, act: Callable[[], None]) -> str:
        """Do something that adds a node, and return its id."""
        before = set(self.graph.nodes)
        act()
        self.me.until(lambda: set(self.graph.nodes) - before)
        (new,) = set(self.graph.nodes) - before
        self.me.until(lambda: self.canvas.selection == (new,))
        return new


class Mouse(Sight):
    """Points at everything; only words and numbers are typed."""

    def begin(self) -> None:
        """Begin an empty project."""
        self.menu("File", "New")
        self.me.until(lambda: not self.graph.nodes)

    def menu(self, title: str, *words: str) -> None:
        """Click an entry of the window's menus."""
        bar = self.me.window.menu_row.bar
        found = next(one for one in bar.actions() if one.text().replace("&", "") == title)
        self.click(bar.mapToGlobal(bar.actionGeometry(found).center()))
        self.choose(*words)

    def click(self, at: QPoint, button: int = 1, times: int = 1, held: str = "") -> None:
        words = ["mousemove", str(at.x()), str(at.y())]
        words += ["keydown", held] if held else []
        words += ["click", "--repeat", str(times), "--delay", "40", str(button)]
        words += ["keyup", held] if held else []
        self.me.xdotool(*words, rest=0.05)

    def press(self, widget: QWidget) -> None:
        self.me.until(widget.isVisible)
        self.click(self.me.middle(widget))

    def choose(self, *words: str) -> None:
        """Click entries of the menu that is open, and of those that they open."""
        for text in words:
            self.me.until(lambda t=text: self.entry(t) is not None)
            found = self.entry(text)
            assert found is not None
            self.click(found)

    def entry(self, text: str) -> QPoint | None:
        menu = QApplication.activePopupWidget()
        if isinstance(menu, QMenu):
            for one in menu.actions():
                if one.text().replace("&", "").split("\t")[0] == text:
                    assert one.isEnabled(), one.toolTip()
                    return menu.mapToGlobal(menu.actionGeometry(one).center())
        return None

    def show(self, *nodes: str) -> None:
        """Bring nodes into sight by the Fit button."""
        if not all(map(self.inside, nodes)):
            self.press(self.me.button("Fit", self.canvas.header))

    def select(self, node: str) -> None:
        self.show(node)
        self.click(self.middle(node))
        self.me.until(lambda: self.canvas.selection == (node,))

    def add(self, words: str, after: str = "") -> str:
        """Find a layer by words and put it behind a node (that selected); return its id."""
        after = after or (self.canvas.selection or ("",))[-1]
        view = self.canvas.view

        def act() -> None:
            if after and self.canvas.scene.nodes[after].face.outputs:
                self.show(after)
                end = End(after, self.canvas.scene.nodes[after].face.outputs[0].port)
                low = self.canvas.scene.port_pos(end, True) + QPointF(0, 60)
                self.me.drag(self.spot(end, True), self.paper(low))
            else:
                self.click(self.paper(view.seen().center()), times=2)
            self.pick(words)

        return self.added(act)

    def pick(self, words: str) -> None:
        """Type into the search and click the layer of that name."""
        popup = self.canvas.search_desk.popup
        self.me.until(popup.isVisible)
        self.me.xdotool("type", "--delay", "5", words, rest=0.05)
        self.me.until(lambda: any(one.spec.title.lower() == words for one in popup.shown))
        titles = [one.spec.title.lower() for one in popup.shown]
        item = popup.list.item(titles.index(words))
        box = popup.list.visualItemRect(item)
        self.click(popup.list.viewport().mapToGlobal(box.center()))

    def wire(self, source: str, target: str, port: str) -> None:
        """Lay a wire from a node's first output to an input."""
        self.show(source, target)
        item = self.canvas.scene.nodes[source]
        start, end = End(source, item.face.outputs[0].port), End(target, port)
        self.me.drag(self.spot(start, True), self.spot(end, False))
        self.me.until(lambda: Link(start, end) in self.graph.links)

    def set(self, node: str, param: str, text: str) -> None:
        """Give a setting of a node another value, or a formula."""
        self.select(node)
        at = self.me.middle(self.field(param))
        words = [
            "mousemove",
            str(at.x()),
            str(at.y()),
            "click",
            "--repeat",
            "3",
            "--delay",
            "40",
            "1",
        ]
        self.me.xdotool(*words, "type", "--delay", "5", text, rest=0.02)
        self.me.xdotool("key", "Return", rest=0.05)
        self.settled()

    def switch(self, node: str, param: str) -> None:
        """Turn a setting of a node that is on off, or the other way."""
        self.select(node)
        self.click(self.me.middle(self.field(param)))
        self.settled()

    def add_loose(self, words: str) -> str:
        """Add a layer that no wire leads to."""

        def act() -> None:
            self.click(self.paper(self.canvas.view.seen().center()), times=2)
            self.pick(words)

        return self.added(act)

    def rename(self, node: str, name: str) -> None:
        """Give a node another name."""
        self.show(node)
        self.click(self.middle(node), button=3)
        self.choose("Rename…")
        self.me.rest(0.2)
        self.me.xdotool("key", "ctrl+a", rest=0.02)
        self.me.xdotool("type", "--delay", "5", name, rest=0.02)
        self.me.xdotool("key", "Return", rest=0.05)
        self.me.until(lambda: self.graph.nodes[node].name == name)

    def scan(self, after: str, name: str) -> str:
        """Put a new block that runs over time behind a node."""
        self.select(after)

        def act() -> None:
            self.menu("Graph", "Blocks", "New scan block…")
            self.answer(self.canvas.blocks.naming, name)

        return self.added(act)

    def detach(self, node: str, name: str) -> None:
        """Give a block's instance a definition of its own."""
        kind = self.graph.nodes[node].kind
        self.show(node)
        self.click(self.middle(node), button=3)
        self.choose("Detach block…")
        self.answer(self.canvas.blocks.naming, name)
        self.me.until(lambda: self.graph.nodes[node].kind != kind)

    def field(self, param: str) -> QWidget:
        """Return the field of a setting, scrolled into sight by the wheel."""
        line = self.row(param)
        formula = line.formula
        field = formula.line if formula and formula.isVisible() else line.editor.focusProxy()
        assert field is not None
        for _ in range(30):
            if not field.visibleRegion().isEmpty():
                break
            self.click(self.me.middle(self.inspector), button=5)
        return field

    def block(self, nodes: tuple[str, ...], name: str) -> str:
        """Make nodes a block; return its instance."""
        self.show(*nodes)
        self.select(nodes[0])
        for node in nodes[1:]:
            self.click(self.middle(node), held="ctrl")
        self.me.until(lambda: set(self.canvas.selection) == set(nodes))

        def act() -> None:
            self.click(self.middle(nodes[-1]), button=3)
            self.choose("Make block…")
            self.answer(self.canvas.blocks.naming, name)

        return self.added(act)

    def answer(self, naming: NameAsk, name: str) -> None:
        """Type the name that is asked for."""
        self.me.until(naming.isVisible)
        self.me.xdotool("key", "ctrl+a", rest=0.02)
        self.me.xdotool("type", "--delay", "5", name, rest=0.05)
        self.press(naming.ok)

    def promote(self, node: str, param: str, name: str) -> None:
        """Let a block's instances set a setting of a node inside."""
        self.select(node)
        self.field(param)
        self.click(self.me.middle(self.row(param).name), button=3)
        self.choose("Promote to block parameter…")
        self.answer(self.inspector.node.naming, name)
        self.settled()

    def enter(self, node: str) -> None:
        """Go into a block."""
        self.show(node)
        where = self.canvas.where
        self.click(self.middle(node), times=2)
        self.me.until(lambda: self.canvas.where != where)

    def leave(self) -> None:
        """Go back to where the block is used."""
        where = self.canvas.where
        back = self.canvas.header.findChildren(
            QPushButton, options=Qt.FindChildOption.FindDirectChildrenOnly
        )
        crumbs = [one for one in back if one.isVisible() and one.toolTip().startswith("Back to")]
        self.press(crumbs[-1])
        self.me.until(lambda: self.canvas.where != where)


class Keys(Sight):
    """Never touches the mouse."""

    def press(self, *names: str) -> None:
        self.me.xdotool("key", "--delay", "10", *names, rest=0.04)

    def type(self, text: str) -> None:
        self.me.xdotool("type", "--delay", "5", text, rest=0.04)

    def begin(self) -> None:
        """Begin an empty project."""
        self.press("ctrl+n")
        self.me.until(lambda: not self.graph.nodes)
        while not self.canvas.view.hasFocus():
            self.press("F6")

    def select(self, node: str) -> None:
        if self.canvas.selection == (node,):
            return
        self.press("ctrl+f")
        self.type(self.graph.nodes[node].name)
        for _ in range(8):
            self.press("Return")
            if self.canvas.selection == (node,):
                break
        self.press("Escape")
        assert self.canvas.selection == (node,)

    def add(self, words: str, after: str = "") -> str:
        """Find a layer by words and put it behind a node (that selected); return its id."""
        if after:
            self.select(after)

        def act() -> None:
            self.press("Tab")
            popup = self.canvas.search_desk.popup
            self.me.until(popup.isVisible)
            self.type(words)
            titles = [one.spec.title.lower() for one in popup.shown]
            self.press(*["Down"] * titles.index(words), "Return")

        return self.added(act)

    def wire(self, source: str, target: str, port: str) -> None:
        """Lay a wire from a node's first output to an input."""
        self.select(source)
        self.press("c")
        name = self.graph.nodes[target].name
        goal = self.canvas.scene.nodes[target].rect.center()
        for _ in range(20):
            if f"→ {name}." in self.canvas.hint.text:
                break
            aimed = self.canvas.hint.text.split("→ ")[1].split(".")[0]
            at = next(key for key, one in self.graph.nodes.items() if one.name == aimed)
            way = goal - self.canvas.scene.nodes[at].rect.center()
            across = abs(way.x()) > abs(way.y())
            key = (
                ("Right" if way.x() > 0 else "Left")
                if across
                else ("Down" if way.y() > 0 else "Up")
            )
            self.press(key)
        for _ in range(6):
            if f"→ {name}.{port} " in self.canvas.hint.text:
                break
            self.press("Tab")
        self.press("Return")
        self.me.until(
            lambda: any(
                w.target == End(target, port) and w.source.node == source for w in self.graph.links
            )
        )

    def go_to(self, param: str) -> QWidget:
        """Walk to the field of a setting of the node that is selected; a block's Enter opens it."""
        block = self.graph.nodes[self.last].kind.startswith(BLOCK)
        self.press("F6" if block else "Return")
        line = self.row(param)
        for _ in range(40):
            focus = QApplication.focusWidget()
            if focus is not None and line.isAncestorOf(focus):
                return focus
            self.press("Tab")
        raise AssertionError(f"Tab never comes to {param}")

    def set(self, node: str, param: str, text: str) -> None:
        """Give a setting of a node another value, or a formula."""
        self.select(node)
        self.go_to(param)
        self.press("ctrl+a")
        self.type(text)
        self.press("Return", "Escape")
        self.settled()
        self.me.until(self.canvas.view.hasFocus)

    def switch(self, node: str, param: str) -> None:
        """Turn a setting of a node that is on off, or the other way."""
        self.select(node)
        self.go_to(param)
        self.press("space", "Escape")
        self.settled()
        self.me.until(self.canvas.view.hasFocus)

    def detach(self, node: str, name: str) -> None:
        """Give a block's instance a definition of its own."""
        kind = self.graph.nodes[node].kind
        self.select(node)
        self.press("ctrl+k")
        self.type("detach block")
        self.press("Return")
        self.answer(self.canvas.blocks.naming, name)
        self.me.until(lambda: self.graph.nodes[node].kind != kind)

    def add_loose(self, words: str) -> str:
        """Add a layer that no wire leads to."""
        self.press("Escape")
        return self.add(words)

    def rename(self, node: str, name: str) -> None:
        """Give a node another name."""
        self.select(node)
        self.press("F2", "ctrl+a")
        self.type(name)
        self.press("Return")
        self.me.until(lambda: self.graph.nodes[node].name == name)

    def scan(self, after: str, name: str) -> str:
        """Put a new block that runs over time behind a node."""
        self.select(after)
        self.press("ctrl+k")
        self.type("new scan block")
        self.press("Return")
        return self.added(lambda: self.answer(self.canvas.blocks.naming, name))

    def block(self, nodes: tuple[str, ...], name: str) -> str:
        """Make nodes a block; return its instance."""
        layers = {key for key, one in self.graph.nodes.items() if one.kind not in FIXED}
        if set(nodes) == layers:
            self.press("ctrl+a")
        else:  # one below the other
            self.select(nodes[0])
            self.press(*["shift+Down"] * (len(nodes) - 1))
            assert set(self.canvas.selection) == set(nodes)
        self.press("ctrl+b")
        return self.added(lambda: self.answer(self.canvas.blocks.naming, name))

    def answer(self, naming: NameAsk, name: str) -> None:
        self.me.until(naming.isVisible)
        self.press("ctrl+a")
        self.type(name)
        self.press("Return")

    def promote(self, node: str, param: str, name: str) -> None:
        """Let a block's instances set a setting of a node inside."""
        self.select(node)
        self.go_to(param)
        self.press("Menu")
        self.me.until(lambda: QApplication.activePopupWidget() is not None)
        self.press("Down", "Down", "Return")
        self.answer(self.inspector.node.naming, name)
        self.settled()
        self.press("Escape")

    def enter(self, node: str) -> None:
        """Go into a block."""
        where = self.canvas.where
        self.select(node)
        self.press("Return")
        self.me.until(lambda: self.canvas.where != where)

    def leave(self) -> None:
        """Go back to where the block is used."""
        where = self.canvas.where
        self.press("Escape")
        self.press("BackSpace")
        self.me.until(lambda: self.canvas.where != where)
