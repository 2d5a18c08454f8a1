"""Thousands of new nodes come onto the sheet some at a time, so that the window lives meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from studio.graph.project import Sheet
from studio.ui.canvas.scene import SheetScene

#: How many nodes are drawn at once; for fewer new ones than this nobody waits.
AT_ONCE = 1000
#: What the person does that must find everything drawn.
_DEEDS = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.ShortcutOverride,
    QEvent.Type.ContextMenu,
    QEvent.Type.Drop,
)
_MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta)


class Arriving(QObject):
    """Draws what a sheet has more than the scene shows, part by part.

    The document has changed already, in one step. Looking around is free meanwhile; whatever else the
    person does draws the rest at once first, and Esc takes the step back where `back` is given.
    """

    def __init__(self, scene: SheetScene, say: Callable[[str], None], parent: QObject) -> None:
        super().__init__(parent)
        self._scene = scene
        self._say = say
        self._sheet: Sheet | None = None
        self._left: list[str] = []
        self._count = 0
        self._back: Callable[[], None] | None = None
        self._then: list[Callable[[], None]] = []
        self._tick = QTimer(self)
        self._tick.setInterval(0)
        self._tick.timeout.connect(self._on_tick)

    def show(self, sheet: Sheet, back: Callable[[], None] | None) -> None:
        """Draw a sheet: at once, or many new nodes some at a time."""
        self.stop()
        known = self._scene.nodes
        new = [key for key in sheet.graph.nodes if key not in known]
        if len(new) <= AT_ONCE:
            self._scene.sync(sheet)
            return
        self._sheet, self._left, self._count, self._back = sheet, new, len(new), back
        self._on_tick()
        self._tick.start()
        self._listen(True)

    def then(self, act: Callable[[], None]) -> None:
        """Do something once everything is drawn: now, if it is."""
        if self._sheet is None:
            act()
        else:
            self._then.append(act)

    def finish(self) -> None:
        """Draw what is left at once."""
        sheet, then = self._sheet, tuple(self._then)
        if sheet is None:
            return
        self.stop()
        self._scene.sync(sheet)
        self._say("")
        for act in then:
            act()

    def _on_tick(self) -> None:
        sheet = self._sheet
        if sheet is None:
            return
        left = self._left = self._left[AT_ONCE:]
        if not left:
            self.finish()
            return
        self._scene.sync(replace(sheet, graph=sheet.graph.without(left)))
        way_out = " Esc takes them back." if self._back else ""
        self._say(f"Drawing nodes: {self._count - len(left):,} of {self._count:,}.{way_out}")

    def stop(self) -> None:
        """Draw no more of it; the scene is about to show something else."""
        if self._sheet is not None:
            self._listen(False)
        self._tick.stop()
        self._sheet, self._back = None, None
        self._left, self._then = [], []

    def _listen(self, on: bool) -> None:
        """Hear, or no longer, what is done anywhere in the window before it is done."""
        app = QApplication.instance()
        if app is not None and on:
            app.installEventFilter(self)
        elif app is not None:
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in _DEEDS:
            return False
        if isinstance(event, QKeyEvent):
            if event.key() in _MODIFIERS:
                return False
            back = self._back
            if event.key() == Qt.Key.Key_Escape and back is not None:
                self.stop()
                back()
                self._say("The nodes were taken back.")
                return True
        self.finish()
        return False
