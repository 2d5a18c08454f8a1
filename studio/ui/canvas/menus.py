"""The context menus: what can be done with a node, a wire, a frame, a note, or the empty canvas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QMenu, QWidget

from studio.graph.graph import BLOCK, REROUTE
from studio.graph.spec import CATEGORIES
from studio.ui.canvas.scene import SheetScene
from studio.ui.theme import Theme

#: What a menu holds: keys of commands, lines, and menus of their own by title.
Items = tuple["str | tuple[str, Items]", ...]

LINE = "|"
#: Where the colours of a frame belong.
COLORS = "colors"

_LINE_UP: Items = (
    *("align_left", "align_centre", "align_right", LINE),
    *("align_top", "align_middle", "align_bottom", LINE),
    *("distribute_across", "distribute_down", LINE, "straighten", "tidy"),
)
_CLIPBOARD: Items = ("cut", "copy", "duplicate", "delete", "dissolve")
_BLOCK: Items = (
    *("open", "unpack", "detach", LINE),
    *("rename_block", "select_instances", "save_block", LINE),
)
_NODE: Items = (
    *("swap", "rename", "connect", LINE, "bypass", "freeze", LINE),
    *("own_rate", "freeze_run", "break_dead", LINE),
    *("take_out", "frame"),
    *("make_block", "share", "own", LINE, *_CLIPBOARD),
)
_NODES: Items = (
    *("bypass", "freeze", LINE, ("Align", _LINE_UP), "frame", "make_block", "share", "own"),
    *("take_out", LINE, *_CLIPBOARD),
)
_POINT: Items = ("straighten", LINE, "delete")
_FRAME: Items = ("rename_frame", COLORS, LINE, "tidy", "take_from_frame", LINE, "remove_frame")
_WIRE: Items = ("insert", "reroute", LINE, "delete")
_INSIDE: Items = ("leave", "rename_block", "save_block", LINE)
_NOTE: Items = ("write", LINE, "delete")
_PAPER: Items = (
    *("add", "paste", "note", "new_scan", LINE, "select_all", "lasso", "cut_tool", LINE),
    *("find", "tidy", "fit", "guides"),
)

_SURGERY: Items = (
    *("probe", LINE, "surgery_zero", "surgery_scale", "surgery_noise", "surgery_patch", LINE),
    "surgery_remove",
)
#: The window's Graph menu: what is wanted most at once, the rest by what it is about.
GRAPH: Items = (
    *("add", "swap", "connect", "rename", "bypass", "freeze", LINE),
    *("cut", "copy", "paste", "duplicate", "delete", "select_all", "find", LINE),
    (
        "Blocks",
        (
            *("make_block", "open", "leave", LINE, "unpack", "detach", "select_instances", LINE),
            *("rename_block", "save_block", "delete_block", LINE, "new_scan"),
        ),
    ),
    ("Weights", ("share", "own", LINE, "own_rate", "freeze_run", "break_dead")),
    (
        "Wires",
        (
            *("insert", "take_out", "dissolve", LINE, "reroute", "next_wire", "straighten", LINE),
            "cut_tool",
        ),
    ),
    ("Probe and surgery", _SURGERY),
    ("Align", _LINE_UP),
    (
        "Frames and notes",
        (
            *("frame", "rename_frame", "select_frame", "next_color", "take_from_frame"),
            *("remove_frame", LINE, "note", "next_note", "write"),
        ),
    ),
    LINE,
    *("tidy", "lasso", "guides", LINE, "fit", "zoom_in", "zoom_out", "zoom_full"),
)

#: The colours of frames: none, and those of the categories.
FRAME_COLORS = {"": "None"} | CATEGORIES


def menu_of(scene: SheetScene, header: bool) -> Items:
    """Return what belongs into the menu of what is selected; `header` says that a frame was pressed."""
    graph = scene.sheet.graph
    chosen = [graph.nodes[key] for key in scene.selection if key in graph.nodes]
    if header and chosen:
        return _FRAME
    if len(chosen) == 1:
        if chosen[0].kind == REROUTE:
            return _POINT
        return (*(_BLOCK if chosen[0].kind.startswith(BLOCK) else ()), *_NODE)
    if chosen:
        return _NODES
    if scene.selected_links:
        return _WIRE
    if scene.selected_note:
        return _NOTE
    return _PAPER if scene.told.top else (*_INSIDE, *_PAPER)


def keys_of(items: Items) -> set[str]:
    """Return the commands that a menu holds, in its inner menus too."""
    found: set[str] = set()
    for item in items:
        found |= keys_of(item[1]) if isinstance(item, tuple) else {item}
    return found - {LINE, COLORS}


def fill(
    menu: QMenu, items: Items, commands: Mapping[str, QAction], colors: Callable[[], QMenu]
) -> None:
    """Put commands into a menu; the tip of each says its reason where it cannot be done."""
    menu.setToolTipsVisible(True)
    for item in items:
        if isinstance(item, tuple):
            title, inner = item
            fill(menu.addMenu(title), inner, commands, colors)
        elif item == LINE:
            menu.addSeparator()
        elif item == COLORS:
            menu.addMenu(colors())
        else:
            menu.addAction(commands[item])


def color_menu(theme: Theme, host: QWidget, now: str, paint: Callable[[str], object]) -> QMenu:
    """Return a menu of the colours that a frame can have."""
    menu = QMenu("Colour", host)
    for token, title in FRAME_COLORS.items():
        action = menu.addAction(title)
        action.setCheckable(True)
        action.setChecked(token == now)
        action.triggered.connect(lambda _=False, token=token: paint(token))
        if token:
            action.setIcon(QIcon(theme.pixmap(token, f"cat.{token}", 16, 2.0)))
            action.setIconVisibleInMenu(True)
    return menu
