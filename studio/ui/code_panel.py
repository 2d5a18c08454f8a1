"""The network as code: it follows the drawing, and the drawing follows what is written here."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShowEvent, QTextCursor
from PySide6.QtWidgets import QWidget

from studio.engine import protocol as p
from studio.graph.project import Project
from studio.session import events as e
from studio.session.session import Session
from studio.ui.canvas.knowledge import way_to
from studio.ui.controls import button, column, label, row, rule, set_property
from studio.ui.inspector.sight import Sight
from studio.ui.python_editor import PythonEditor
from studio.ui.theme import Theme

#: How long after the last key the text is read.
PAUSE_MS = 400
_READY = "Ctrl+Enter reads the text at once. Click a line to see its layer."


class CodeEditor(PythonEditor):
    """The generated code, to be read and changed."""

    def show_difference(self, text: str) -> None:
        """Show another text: only lines that differ are replaced; cursor and scroll stay."""
        old, new = self.toPlainText().split("\n"), text.split("\n")
        if old == new:
            return
        across, down = self.horizontalScrollBar().value(), self.verticalScrollBar().value()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        for tag, a, b, c, d in reversed(_blocks(old, new)):
            if tag == "equal":
                continue
            start = self.document().findBlockByNumber(a)
            if a == len(old):  # behind the last line
                cursor.movePosition(QTextCursor.MoveOperation.End)
                cursor.insertText("\n" + "\n".join(new[c:d]))
                continue
            cursor.setPosition(start.position())
            if a == b:
                cursor.insertText("\n".join(new[c:d]) + "\n")
                continue
            last = self.document().findBlockByNumber(b - 1)
            cursor.setPosition(last.position() + last.length() - 1, QTextCursor.MoveMode.KeepAnchor)
            if c < d:
                cursor.insertText("\n".join(new[c:d]))
            else:
                cursor.removeSelectedText()
                if b < len(old):
                    cursor.deleteChar()
                else:
                    cursor.deletePreviousChar()
        cursor.endEditBlock()
        self.document().clearUndoRedoStacks()
        self.horizontalScrollBar().setValue(across)
        self.verticalScrollBar().setValue(down)

    def event(self, event: QEvent) -> bool:
        # With nothing of its own to take back, the editor leaves undo and redo to the document.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            document = self.document()
            undo = event.matches(QKeySequence.StandardKey.Undo) and not document.isUndoAvailable()
            redo = event.matches(QKeySequence.StandardKey.Redo) and not document.isRedoAvailable()
            if undo or redo:
                event.ignore()
                return False
        return super().event(event)


class CodePanel(QWidget):
    """The editor, and below it what is wrong with the text. `revealed` carries a network and an id path."""

    revealed = Signal(str, str)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        self._sight = Sight()
        self._nodes: tuple[str, ...] = ()
        self._shown: tuple[Project, str] | None = None
        self._asked: tuple[Project, str] | None = None
        self._written = p.SourceText("")
        self._sheets: dict[str, str] = {}
        self._reading = ""
        self._showing = False
        layout = column(self)
        self.editor = CodeEditor(theme)
        self.editor.setAccessibleName("Code of the network")
        self.editor.setPlaceholderText("The code is written once every shape is known.")
        self.editor.setReadOnly(True)
        layout.addWidget(self.editor, 1)
        layout.addWidget(rule())
        line = row(spacing=8)
        line.setContentsMargins(12, 4, 8, 4)
        self.words = label(theme, _READY, tone="3", role="caption", wrap=True)
        line.addWidget(self.words, 1)
        self.revert = button(theme, "Revert", small=True, tip="Show the code of the drawing again")
        self.revert.clicked.connect(self._on_revert)
        self.revert.hide()
        line.addWidget(self.revert)
        layout.addLayout(line)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.read)
        self.editor.applied.connect(self.read)
        self.editor.textChanged.connect(self._on_typed)
        self.editor.cursorPositionChanged.connect(self._on_moved)

    @property
    def edited(self) -> bool:
        """Whether the text is other than the drawing's code."""
        return self.editor.toPlainText() != self._written.text.rstrip("\n")

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the drawing."""
        match event:
            case e.DocumentOpened():
                self._written, self._shown = p.SourceText(""), None
                self._show("")
                self._say("")
            case e.FactsChanged():
                self._ask()
            case _:
                pass

    def show_selection(self, sight: Sight, nodes: Sequence[str]) -> None:
        """Bring the lines of what is selected on the canvas forward, or those of the sheet in sight."""
        moved = sight.where != self._sight.where
        self._sight, self._nodes = sight, tuple(nodes)
        self._ask()
        self._mark(follow=True, entered=moved)

    def read(self) -> None:
        """Ask for what the text says of the drawing; nothing waits for the answer."""
        self._pause.stop()
        text = self.editor.toPlainText()
        if not self.edited or self._shown is None or text == self._reading:
            return
        project, network = self._shown
        if project is not self._session.document.project:
            return  # its code is on the way, and is joined with this text
        self._reading = text

        def take(answer: p.Answer) -> None:
            if not isinstance(answer, p.SourceRead) or text != self._reading:
                return
            self._reading = ""
            if text != self.editor.toPlainText():
                return  # typed on meanwhile: read again after the pause
            if answer.message:
                self._say(f"Line {answer.line}: {answer.message}", answer.line)
            elif project is self._session.document.project:
                self._take(answer)

        def refused(answer: p.Refused) -> None:
            self._reading = ""
            if not answer.cancelled:
                self._say(answer.message)

        self._session.ask(p.ReadSource(project, text + "\n", network), take, refused)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask()

    # ---------------------------------------------------------------------------------------- showing

    def _take(self, answer: p.SourceRead) -> None:
        """Do the edit that a text asks for; the code that follows takes its place."""
        self._say("")
        if answer.edit is None:  # the same network, spelt in another way
            self._show(self._written.text)
            return
        self._written = p.SourceText(self.editor.toPlainText() + "\n")
        self._session.do(answer.edit)

    def _ask(self) -> None:
        """Ask for the code of the network in sight, once a revision, and only if it is looked at."""
        facts = self._session.facts
        if facts is None or not self.isVisible():
            return
        wanted = (self._session.document.project, self._sight.network)
        if facts.errors:
            self._asked = None
            count = len(facts.errors)
            self._say(f"The drawing has {count} problem{'s' if count > 1 else ''}. Repair it first; "
                      "this is the code before.")  # fmt: skip
            self.editor.setReadOnly(not self.edited)
            return
        if self._same(self._asked, wanted):
            return
        self._asked = wanted

        def take(answer: p.Answer) -> None:
            if isinstance(answer, p.SourceText) and self._asked is wanted:
                self._arrived(wanted, answer)

        # What keeps code from being written is a problem of the graph, and stands in that list.
        request = p.GetSource(*wanted, tapped=False)
        self._session.ask(request, take, lambda refused: self._say(refused.message))

    @staticmethod
    def _same(one: tuple[Project, str] | None, other: tuple[Project, str]) -> bool:
        return one is not None and one[0] is other[0] and one[1] == other[1]

    def _arrived(self, of: tuple[Project, str], written: p.SourceText) -> None:
        mine = self.editor.toPlainText() if self.edited and self._shown else ""
        base = self._written.text
        self._shown, self._written = of, written
        self._sheets = {}
        self.editor.setReadOnly(False)
        if mine:  # typed on meanwhile: what is new of the drawing joins what is new of the text
            self._show(merged(base.rstrip("\n"), mine, written.text.rstrip("\n")))
            self._pause.start()
            return
        self._show(written.text)
        self._say("")
        self._mark(follow=not self.editor.hasFocus())

    def _show(self, text: str) -> None:
        self._showing = True
        self.editor.show_difference(text.rstrip("\n"))
        self._showing = False
        self.revert.setVisible(self.edited)

    def _say(self, words: str, line: int = 0) -> None:
        self.words.setText(words or _READY)
        set_property(self.words, "tone", "error" if line else "3")
        self.editor.mark_line(line)
        self.revert.setVisible(self.edited)

    # -------------------------------------------------------------------------------------- following

    def _mark(self, follow: bool, entered: bool = False) -> None:
        """Mark the lines of the selection; `follow` scrolls to them."""
        if self.edited or not self._written.nodes:
            self.editor.mark_own(())
            return
        lines = [n for key in self._nodes for n in self._lines_of(key)]
        self.editor.mark_own(lines)
        if entered and not lines:
            lines = [n for n, path in enumerate(self._written.nodes, 1)
                     if path and self._sheet(path) == self._sight.where][:1]  # fmt: skip
        if lines and follow and not self.editor.hasFocus():
            self._showing = True
            block = self.editor.document().findBlockByNumber(lines[0] - 1)
            self.editor.setTextCursor(QTextCursor(block))
            self.editor.centerCursor()
            self._showing = False

    def _lines_of(self, node: str) -> list[int]:
        """Return the lines of a node; in a block those of whichever instance they were written from."""
        path = self._sight.path(node)
        lines = [n for n, owner in enumerate(self._written.nodes, 1) if owner == path]
        if lines or not self._sight.prefix:
            return lines
        return [
            number
            for number, owner in enumerate(self._written.nodes, 1)
            if owner.rpartition("/")[2] == node and self._sheet(owner) == self._sight.where
        ]

    def _sheet(self, path: str) -> str:
        """Return the sheet that the node at an id path is on."""
        prefix = path.rpartition("/")[0]
        if prefix not in self._sheets and self._shown is not None:
            project, network = self._shown
            way = way_to(project, network, f"{prefix}/" if prefix else "")
            self._sheets[prefix] = way[-1][1].where if way else network
        return self._sheets.get(prefix, "")

    def _on_moved(self) -> None:
        if self._showing or self.edited or not self.editor.hasFocus() or self._shown is None:
            return
        number = self.editor.textCursor().blockNumber()
        path = self._written.nodes[number] if number < len(self._written.nodes) else ""
        if path and (self._sight.path(path.rpartition("/")[2]) != path
                     or self._nodes != (path.rpartition("/")[2],)):  # fmt: skip
            self.revealed.emit(self._shown[1], path)
            self.editor.setFocus()

    def _on_typed(self) -> None:
        if self._showing:
            return
        self.revert.setVisible(self.edited)
        self.editor.mark_own(())
        self._pause.start()

    def _on_revert(self) -> None:
        self._reading = ""
        self._pause.stop()
        self._show(self._written.text)
        self._say("")
        self._asked = None
        self._ask()
        self._mark(follow=False)


def merged(base: str, mine: str, theirs: str) -> str:
    """Return `mine` with what `theirs` changed of `base`, where I left that as it was."""
    old, own, new = base.split("\n"), mine.split("\n"), theirs.split("\n")
    kept: dict[int, int] = {len(old): len(own)}
    for tag, a, b, c, _ in _blocks(old, own):
        if tag == "equal":
            kept |= {a + step: c + step for step in range(b - a)}
    for tag, a, b, c, d in reversed(_blocks(old, new)):
        if tag != "equal" and all(line in kept for line in range(a, max(b, a + 1))):
            own[kept[a] : kept[a] + b - a] = new[c:d]
    return "\n".join(own)


def _blocks(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    """Return how `old` becomes `new`; what both begin and end with is not compared."""
    start, least = 0, min(len(old), len(new))
    while start < least and old[start] == new[start]:
        start += 1
    end = 0
    while end < least - start and old[-1 - end] == new[-1 - end]:
        end += 1
    inner = SequenceMatcher(None, old[start : len(old) - end], new[start : len(new) - end], False)
    return [
        ("equal", 0, start, 0, start),
        *((t, a + start, b + start, c + start, d + start) for t, a, b, c, d in inner.get_opcodes()),
        ("equal", len(old) - end, len(old), len(new) - end, len(new)),
    ]
