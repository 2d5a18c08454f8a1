"""Export picture: what the picture shows and how, seen before it is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from studio.session.session import Session
from studio.ui.canvas.canvas import Canvas
from studio.ui.canvas.export import (
    FORMATS,
    PER_INCH,
    SCALES,
    NotExported,
    Wish,
    caption_of,
    compose,
    image,
    pixels,
    save,
    title_of,
)
from studio.ui.canvas.scene import SheetScene
from studio.ui.controls import Segments, button, column, label, row, rule, surface
from studio.ui.reporting import reported
from studio.ui.theme import Theme, ThemeName

#: Asks for a file: a suggestion and a filter in, a path or "" out.
Pick = Callable[[str, str], str]

_LOOKS: tuple[ThemeName, ...] = ("light", "dark")
_SIZE, _FIELDS, _NAMES = QSize(940, 580), 344, 78
#: Sheets with more nodes take too long to paint for a look; previews are no larger than this.
_PREVIEWED, _MOST_PIXELS = 1500, 16e6


class ExportPanel(QDialog):
    """Offers the canvas' sheet, or what is selected on it, as a file."""

    def __init__(
        self,
        session: Session,
        canvas: Canvas,
        theme: Theme,
        pick: Pick,
        say: Callable[[str], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme, self._pick, self._say = theme, pick, say
        self._told, self._sheet = canvas.scene.told, canvas.scene.sheet
        self._selected, self._where, self._facts = canvas.selection, canvas.where, session.facts
        self._path = session.document.path
        self._scenes: dict[tuple[ThemeName, bool], SheetScene] = {}
        self.setWindowTitle("Export picture")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(_SIZE)
        self.preview = Preview(theme)
        self._assemble()
        stem = Path(self._path).stem or "network"
        self.title.setText(title_of(stem, self._where))
        self.refresh()

    def _assemble(self) -> None:
        theme = self._theme
        line = row(self, spacing=0)
        line.addWidget(self.preview, 1)
        line.addWidget(rule(vertical=True))
        side = surface("window")
        side.setFixedWidth(_FIELDS)
        line.addWidget(side)
        fields = column(side, margins=20, spacing=8)
        fields.addWidget(label(theme, "Export picture", role="heading", weight=600))
        fields.addSpacing(4)
        self.format = self._choice(fields, "Format", [one.upper() for one in FORMATS])
        self.part = self._choice(fields, "Show", ("Whole", "Selection"))
        chosen = self.part.button(1)
        chosen.setEnabled(bool(self._selected))
        if not self._selected:
            chosen.setToolTip("Select nodes on the canvas first.")
        self.look = self._choice(fields, "Look", [one.capitalize() for one in _LOOKS])
        self.ground = self._choice(fields, "Background", ("Filled", "None"))
        self.dots = QWidget()
        fields.addWidget(self.dots)
        scales = [f"{one}×" for one in SCALES]
        self.scale = self._choice(column(self.dots), "Resolution", scales)
        self.scale.set_current(SCALES.index(Wish().scale))
        self.size_note = label(theme, tone="3", role="caption")
        fields.addWidget(self.size_note)
        fields.addSpacing(4)
        self.title = self._line(fields, "Title")
        self.caption = self._line(fields, "Caption")
        fields.addWidget(label(theme, "Kept in the file, not drawn.", tone="3", role="caption"))
        fields.addStretch(1)
        self.message = label(theme, tone="error", wrap=True)
        self.message.hide()
        fields.addWidget(self.message)
        fields.addLayout(self._buttons())

    def _choice(self, fields: QVBoxLayout, name: str, titles: Sequence[str]) -> Segments:
        line = row()
        words = label(self._theme, name, tone="2")
        words.setFixedWidth(_NAMES)
        made = Segments(self._theme, titles)
        made.setAccessibleName(name)
        made.picked.connect(self.refresh)
        line.addWidget(words)
        line.addWidget(made)
        line.addStretch(1)
        fields.addLayout(line)
        return made

    def _line(self, fields: QVBoxLayout, name: str) -> QLineEdit:
        line = row()
        words = label(self._theme, name, tone="2")
        words.setFixedWidth(_NAMES)
        made = QLineEdit()
        made.setAccessibleName(name)
        line.addWidget(words)
        line.addWidget(made, 1)
        fields.addLayout(line)
        return made

    def _buttons(self) -> QHBoxLayout:
        line = row()
        line.addStretch(1)
        cancel = button(self._theme, "Cancel")
        cancel.clicked.connect(self.reject)
        self.save_button = button(self._theme, "Save as…", icon="export", look="primary")
        self.save_button.setDefault(True)
        self.save_button.clicked.connect(self._on_save)
        line.addWidget(cancel)
        line.addWidget(self.save_button)
        return line

    # ------------------------------------------------------------------------------------- showing

    @property
    def wish(self) -> Wish:
        """What is chosen now."""
        return Wish(
            format=FORMATS[self.format.current],
            ground=not self.ground.current,
            scale=SCALES[self.scale.current],
            title=self.title.text().strip(),
            caption=self.caption.text().strip(),
        )

    def refresh(self) -> None:
        """Show the picture as it is chosen now."""
        is_png = self.wish.format == "png"
        self.dots.setVisible(is_png)
        part = bool(self.part.current)
        scene = self._scene()
        size = pixels(scene, self.wish.scale if is_png else 1)
        per_inch = PER_INCH * self.wish.scale
        self.size_note.setText(
            f"{size.width()} × {size.height()} pixels, {per_inch} to the inch"
            if is_png
            else f"{size.width()} × {size.height()}, sharp at any size"
        )
        self.caption.setPlaceholderText(
            caption_of(scene.sheet, None if part else self._facts, self._where)
        )
        self._complain("")
        if len(scene.nodes) > _PREVIEWED:
            self.preview.say(f"{len(scene.nodes)} nodes: the picture is painted when it is saved.")
        else:
            whole = pixels(scene, 1)
            scale = min(2.0, (_MOST_PIXELS / (whole.width() * whole.height())) ** 0.5)
            self.preview.show_picture(image(scene, scale, self.wish.ground))

    def _scene(self) -> SheetScene:
        """Return the items for the look and the part that are chosen, made when first needed."""
        look, part = _LOOKS[self.look.current], bool(self.part.current)
        if (look, part) not in self._scenes:
            nodes = self._selected if part else ()
            scene = compose(self._sheet, self._told, self._theme.twin(look), nodes)
            scene.setParent(self)
            self._scenes[look, part] = scene
        return self._scenes[look, part]

    def _complain(self, sentence: str) -> None:
        self.message.setText(sentence)
        self.message.setVisible(bool(sentence))

    # --------------------------------------------------------------------------------------- slots

    def _on_save(self) -> None:
        wish = replace(self.wish, caption=self.wish.caption or self.caption.placeholderText())
        folder = Path(self._path).parent if self._path else Path.home()
        stem = wish.title.replace("/", "-").replace(": ", "-") or "network"
        kind = wish.format
        chosen = self._pick(str(folder / f"{stem}.{kind}"), f"{kind.upper()} pictures (*.{kind})")
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix.lower() != f".{kind}":
            path = path.with_name(f"{path.name}.{kind}")
        try:
            save(self._scene(), wish, path)
        except NotExported as why:
            self._complain(str(why))
            return
        self._say(f"Saved the picture in {path}.")
        self.accept()


class Preview(QWidget):
    """A picture as large as there is room, on a chequered ground where it has none of its own."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._image = QImage()
        self._words = ""
        self.setAccessibleName("Preview of the picture")

    def show_picture(self, picture: QImage) -> None:
        """Show a picture."""
        self._image, self._words = picture, ""
        self.update()

    def say(self, words: str) -> None:
        """Say why there is no picture."""
        self._image, self._words = QImage(), words
        self.update()

    @reported
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        color = self._theme.color
        painter.fillRect(self.rect(), color("bg.input"))
        if self._image.isNull():
            painter.setPen(color("text.2"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._words)
            painter.end()
            return
        dense = self.devicePixelRatioF()
        room = QSize(self.width() - 48, self.height() - 48) * dense
        size = self._image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        size = size.boundedTo(self._image.size())
        shown = self._image.scaled(
            size,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        width, height = shown.width() / dense, shown.height() / dense
        box = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        _chequer(painter, box, self._theme)
        painter.drawImage(box, shown)
        painter.setPen(color("line.strong"))
        painter.drawRect(box.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()


def _chequer(painter: QPainter, box: QRectF, theme: Theme) -> None:
    side = 8
    painter.save()
    painter.setClipRect(box)
    painter.fillRect(box, theme.color("bg.panel"))
    for line in range(int(box.height()) // side + 1):
        for at in range(line % 2, int(box.width()) // side + 1, 2):
            square = QRectF(box.left() + at * side, box.top() + line * side, side, side)
            painter.fillRect(square, theme.color("bg.hover"))
    painter.restore()
