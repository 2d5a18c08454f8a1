"""One node: its name, flags and settings, what it does to shapes, what it costs, its code and formula."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QTabBar,
    QWidget,
)

from studio.engine import protocol as p
from studio.graph.blocks import why_no_param_name
from studio.graph.edits import Promote, Rename, SetFlag, SetParams, Share
from studio.graph.facts import NetworkFacts, NodeFacts
from studio.graph.formulas import is_formula
from studio.graph.graph import BLOCK, PYTHON, SOURCE, Node, free_name
from studio.graph.params import Param, Value
from studio.graph.problems import Problem
from studio.graph.scope import names_at
from studio.graph.spec import LayerSpec
from studio.session.session import Session
from studio.ui.code_view import CodeView, lines_of, plain_lines
from studio.ui.controls import button, column, label, row, rule, surface
from studio.ui.form import Form
from studio.ui.formula import Formula
from studio.ui.inspector.cost import CostTiles, ShapeLine
from studio.ui.inspector.instance import InstancePart
from studio.ui.inspector.live import LiveLayer
from studio.ui.inspector.own_settings import OwnSettingsPart
from studio.ui.inspector.python_part import PythonPart
from studio.ui.inspector.sharing import SharingPart
from studio.ui.inspector.sight import Sight
from studio.ui.library.tree import glyph_of, token_of
from studio.ui.naming import NameAsk
from studio.ui.theme import Theme


class NodePage(QWidget):
    """What is known and can be changed about the selected node.

    `wanted` carries a command of the canvas, `node_wanted` the id of a node to go to; `trust_wanted` asks
    for a way to trust the file, `wide_wanted` carries whether the panel should be wide.
    """

    wanted = Signal(str)
    node_wanted = Signal(str)
    trust_wanted = Signal()
    wide_wanted = Signal(bool)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._sight = Sight()
        self._node = ""
        self._source = p.SourceText("")
        self.naming = NameAsk(theme, self)
        outer = column(self)
        outer.addWidget(self._make_head())
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        for title in ("Settings", "Code", "Live"):
            self.tabs.addTab(title)
        holder = QWidget()
        line = row(holder)
        line.setContentsMargins(8, 0, 8, 0)
        line.addWidget(self.tabs)
        outer.addWidget(holder)
        outer.addWidget(rule())
        self.stack = QStackedWidget()
        self.tabs.currentChanged.connect(self.stack.setCurrentIndex)
        outer.addWidget(self.stack, 1)
        self.stack.addWidget(self._make_settings())
        self.stack.addWidget(self._make_code())
        self.live = LiveLayer(session, theme)
        self.stack.addWidget(self.live)

    # --------------------------------------------------------------------------------------- parts

    def _make_head(self) -> QWidget:
        theme = self._theme
        head = QWidget()
        layout = column(head, spacing=10)
        layout.setContentsMargins(14, 12, 14, 8)
        line = row(spacing=10)
        self.glyph = label(theme)
        self.title = label(theme, role="heading", weight=600)
        self.name = QLineEdit()
        self.name.setProperty("look", "bare")
        self.name.setAccessibleName("Name of the node")
        self.name.setToolTip("Its name here and in the code. Click to change it.")
        self.name.editingFinished.connect(self._on_name)
        self.name.installEventFilter(self)
        line.addWidget(self.glyph)
        line.addWidget(self.title)
        line.addWidget(self.name, 1)
        layout.addLayout(line)
        buttons = row(spacing=6)
        self.bypass = button(theme, "Bypass", icon="bypass", small=True)
        self.bypass.setToolTip("Let its input through unchanged (B)")
        self.freeze = button(theme, "Freeze", icon="freeze", small=True)
        self.freeze.setToolTip("Keep its weights as they are while training (Z)")
        for made, flag in ((self.bypass, "bypassed"), (self.freeze, "frozen")):
            made.setCheckable(True)
            made.clicked.connect(lambda on, name=flag: self._on_flag(name, on))
            buttons.addWidget(made)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        return head

    def _make_settings(self) -> QWidget:
        theme = self._theme
        inside = surface("panel")
        layout = column(inside, spacing=6)
        layout.setContentsMargins(14, 8, 6, 16)
        self.missing = label(theme, tone="warn", wrap=True)
        layout.addWidget(self.missing)
        self.instance = InstancePart(theme)
        self.instance.wanted.connect(self.wanted)
        layout.addWidget(self.instance)
        self.sharing = SharingPart(theme)
        self.sharing.node_wanted.connect(self.node_wanted)
        self.sharing.ended.connect(self._on_own)
        layout.addWidget(self.sharing)
        self.python = PythonPart(self._session, theme)
        self.python.trust_wanted.connect(self.trust_wanted)
        self.python.wide_wanted.connect(self.wide_wanted)
        layout.addWidget(self.python)
        self.form = Form(theme, formulas=True)
        self.form.edited.connect(self._on_edited)
        self.form.cleared.connect(self._on_cleared)
        self.form.menu_wanted.connect(self._on_menu)
        layout.addWidget(self.form)
        self.learning = OwnSettingsPart(self._session, theme)
        layout.addWidget(self.learning)
        layout.addWidget(section(theme, "Shape"))
        self.shape = ShapeLine(theme)
        layout.addWidget(self.shape)
        layout.addWidget(section(theme, "Cost"))
        self.cost = CostTiles(theme)
        layout.addWidget(self.cost)
        self.computes_title = section(theme, "What it computes")
        layout.addWidget(self.computes_title)
        self.formula = Formula(theme)
        self.formula_box = surface("card")
        box = row(self.formula_box)
        box.setContentsMargins(10, 8, 10, 8)
        box.addWidget(self.formula, 1)
        layout.addWidget(self.formula_box)
        self.doc = label(theme, tone="2", wrap=True)
        layout.addWidget(self.doc)
        self.snippet_title = section(theme, "Generated PyTorch")
        layout.addWidget(self.snippet_title)
        self.snippet_box = surface("well")
        box = row(self.snippet_box)
        box.setContentsMargins(2, 2, 2, 2)
        self.snippet = CodeView(theme, small=True)
        self.snippet.setFrameShape(QFrame.Shape.NoFrame)
        box.addWidget(self.snippet)
        layout.addWidget(self.snippet_box)
        layout.addStretch(1)
        return scrolled(inside)

    def _make_code(self) -> QWidget:
        page = QWidget()
        layout = column(page, margins=12, spacing=8)
        line = row()
        line.addWidget(label(self._theme, "The code that runs", tone="3", role="caption"), 1)
        copy = button(self._theme, "Copy", icon="copy", look="ghost", small=True)
        copy.clicked.connect(lambda: QApplication.clipboard().setText(self._source.text))
        line.addWidget(copy)
        layout.addLayout(line)
        self.code = CodeView(self._theme)
        layout.addWidget(self.code, 1)
        return page

    # ------------------------------------------------------------------------------------- showing

    def show_node(self, sight: Sight, key: str) -> None:
        """Show a node of the sheet in sight."""
        project = self._session.document.project
        graph = project.sheet(sight.where).graph
        node = graph.nodes[key]
        other = (sight, key) != (self._sight, self._node)
        self._sight, self._node = sight, key
        spec = self._session.spec(node)
        self._show_head(node, spec)
        facts, network = self._facts()
        self.missing.setVisible(spec is None)
        self.missing.setText(
            f"The plugin that offers {node.kind} is not installed. Its settings and wires are kept; "
            "put the plugin into the plugin folder, or delete the node."
        )
        if other:
            self.form.drop_drafts()
        self.instance.show_node(project, node)
        self.sharing.show_node(graph, node)
        self.python.show_node(sight.where, node, self._problems(network))
        self.form.show_params(
            _in_form(node, spec),
            node.params,
            facts.inferred if facts else {},
            names_at(project, *sight),
        )
        self.shape.show_node(facts)
        self.learning.show_node(sight, key, learns=bool(facts and facts.parameters))
        batch = project.recipe.batch_size
        data = self._session.facts.data if self._session.facts else None
        self.cost.show_node(facts, network, batch, data.sample if data else None)
        self._show_words(spec)
        self._show_source()
        if other:
            self.live.show_layer(sight.path(key), node.name)

    def open_settings(self) -> None:
        """Put the keyboard into the first setting that a person gives, else to the name."""
        self.tabs.setCurrentIndex(0)
        rows = self.form.rows.values()
        first = next((one for one in rows if not one.param.inferred), None)
        target = first or next(iter(rows), None)
        if target is not None:
            target.take_keyboard()
        else:
            self.name.setFocus(Qt.FocusReason.TabFocusReason)

    def open_learning(self) -> None:
        """Put the keyboard into the node's own learning rate."""
        self.tabs.setCurrentIndex(0)
        self.learning.begin()

    def show_source(self, source: p.SourceText) -> None:
        """Show newly generated code."""
        self._source = source
        self._show_source()

    def refresh_live(self) -> None:
        """Draw the newest statistics, where they are looked at."""
        self.live.refresh()

    def _show_head(self, node: Node, spec: LayerSpec | None) -> None:
        category = spec.category if spec else ""
        is_block = node.kind.startswith(BLOCK)
        timed = spec is not None and any(port.type == "state" for port in spec.outputs)
        glyph = ("loop" if timed else "block") if is_block else glyph_of(category)
        token = "text.2" if is_block else token_of(category)
        self.glyph.setPixmap(self._theme.pixmap(glyph, token, 16, self.devicePixelRatioF()))
        self.title.setText(spec.title if spec else node.kind.split(".")[-1])
        if not self.name.hasFocus():
            self.name.setText(node.name)
        self.bypass.setChecked("bypassed" in node.flags)
        self.freeze.setChecked("frozen" in node.flags)
        ends = node.kind in ("core.input", "core.output")
        self.bypass.setVisible(not ends)
        self.freeze.setVisible(not ends)

    def _show_words(self, spec: LayerSpec | None) -> None:
        self.formula.show_formula(spec.formula if spec else "")
        self.formula_box.setVisible(bool(spec and spec.formula))
        self.doc.setText(spec.doc if spec else "")
        self.doc.setVisible(bool(spec and spec.doc))
        self.computes_title.setVisible(bool(spec and (spec.formula or spec.doc)))

    def _show_source(self) -> None:
        numbers = lines_of(self._sight.path(self._node), self._source.nodes)
        own = plain_lines(self._source.text, numbers)
        self.snippet_title.setVisible(bool(own))
        self.snippet_box.setVisible(bool(own))
        self.snippet.show_code("\n".join(own))
        self.code.show_code(
            self._source.text or "# The code is written once every shape is known.", numbers
        )

    def _facts(self) -> tuple[NodeFacts | None, NetworkFacts]:
        facts = self._session.facts
        network = facts.networks.get(self._sight.network) if facts else None
        if network is None:
            return None, NetworkFacts()
        return network.nodes.get(self._sight.path(self._node)), network

    def _problems(self, network: NetworkFacts) -> tuple[Problem, ...]:
        path = self._sight.path(self._node)
        found = (one for one in network.problems if one.node == path)
        return tuple(one for one in found if one.severity != "hint")

    # ------------------------------------------------------------------------------------ changing

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        escape = (
            watched is self.name
            and event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        )
        if escape:
            self._restore_name()
            self.name.clearFocus()
        return escape

    def _on_name(self) -> None:
        text, present = self.name.text().strip(), self._current_name()
        if not present or text == present:
            return
        if not self._session.do(Rename(self._sight.where, self._node, text)):
            self._restore_name()

    def _restore_name(self) -> None:
        self.name.setText(self._current_name())

    def _current_name(self) -> str:
        try:
            sheet = self._session.document.project.sheet(self._sight.where)
        except KeyError:
            return ""
        node = sheet.graph.nodes.get(self._node)
        return node.name if node else ""

    def _on_flag(self, flag: str, on: bool) -> None:
        self._session.do(SetFlag(self._sight.where, (self._node,), flag, on))

    def _on_edited(self, name: str, value: Value) -> None:
        self._session.do(SetParams(self._sight.where, self._node, {name: value}))

    def _on_cleared(self, name: str) -> None:
        self._session.do(SetParams(self._sight.where, self._node, reset=(name,)))

    def _on_own(self) -> None:
        self._session.do(Share(self._sight.where, (self._node,)))

    def _on_menu(self, name: str, at: QPoint) -> None:
        """Offer what can be done with a parameter beside typing a value."""
        where, line = self._sight.where, self.form.rows[name]
        node = self._session.document.project.sheet(where).graph.nodes[self._node]
        written = is_formula(node.params.get(name))
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        words = "Edit formula…" if written else "Use formula…"
        menu.addAction(words, lambda: line.begin_formula())
        promote = menu.addAction("Promote to block parameter…", lambda: self._on_promote(name, at))
        promote.setEnabled(where.startswith(BLOCK))
        if not where.startswith(BLOCK):
            promote.setToolTip("Only inside a block: its instances then set it.")
        back = menu.addAction("Back to its default", lambda: self._on_cleared(name))
        back.setEnabled(name in node.params)
        menu.popup(at)

    def _on_promote(self, param: str, at: QPoint) -> None:
        """Ask for the name under which instances will set a parameter of this node."""
        where, node = self._sight.where, self._node
        block = self._session.document.project.blocks[where.removeprefix(BLOCK)]
        found = block.sheet.graph.nodes[node]
        spec = self._session.spec(found)
        declared = spec.param(param) if spec else None
        self.naming.ask(
            f"Promote {found.name}.{param} as",
            free_name((one.name for one in block.params), param),
            self.mapFromGlobal(at),
            lambda name: self._session.do(Promote(where, node, param, name, declared)),
            lambda name: why_no_param_name(block, name),
            "Every instance can then set it.",
        )


def _in_form(node: Node, spec: LayerSpec | None) -> tuple[Param, ...]:
    """Return the parameters that the form shows; code has an editor of its own."""
    params = spec.params if spec else ()
    return tuple(one for one in params if node.kind != PYTHON or one.name != SOURCE)


def section(theme: Theme, text: str) -> QWidget:
    """Return the title of a part of a panel."""
    made = label(theme, text, tone="3", role="caption", weight=600)
    made.setContentsMargins(0, 8, 0, 2)
    return made


def scrolled(inside: QWidget) -> QScrollArea:
    """Return a panel that scrolls up and down only."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inside)
    bar, layout = area.verticalScrollBar(), inside.layout()
    if layout is None:
        return area
    edge = layout.contentsMargins()

    def keep_edge(low: int, high: int) -> None:
        """Let the contents end at the same place whether the bar is there or not."""
        taken = bar.sizeHint().width() if high > low else 0
        layout.setContentsMargins(edge.left(), edge.top(), edge.left() - taken, edge.bottom())

    bar.rangeChanged.connect(keep_edge)
    keep_edge(0, 0)
    return area
