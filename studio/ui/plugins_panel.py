"""Plugins: which packs are there, what they offer, and what is broken in which file and line."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QWidget

from studio.graph.catalog import Catalog, PackInfo
from studio.graph.problems import Fault
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, rule, surface
from studio.ui.inspector.node import scrolled, section
from studio.ui.prompts import Notices
from studio.ui.theme import Theme

EXAMPLE_NAME = "my_network.py"
EXAMPLE = '''"""A pack of your own: save this file and the Library shows it, while the studio is open."""

from typing import Annotated

from studio.api import Int, Net, architecture


@architecture(
    kind="my.network",
    title="My network",
    category="Mine",
    data="sklearn.digits",
    recipe={"optimizer": "torch.optim.AdamW", "optimizer_params": {"lr": 0.002}, "epochs": 10},
)
def my_network(
    net: Net,
    width: Annotated[int, Int(1, 4096), "Units of the hidden layer."] = 64,
    classes: Annotated[int, Int(1, 100_000), "Classes to tell apart."] = 10,
) -> None:
    """One hidden layer; change it to what you need."""
    x = net.input()
    x = net.add("torch.nn.Flatten", x)
    x = net.add("torch.nn.Linear", x, name="hidden", out_features=width)
    x = net.add("torch.nn.ReLU", x)
    x = net.add("torch.nn.Linear", x, name="head", out_features=classes)
    net.output(x)
'''


class PluginsPanel(QDialog):
    """Lists packs and faults, and follows the plugin folder while it is open."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.setWindowTitle("Plugins")
        self.resize(620, 560)
        outer = column(self)
        head = QWidget()
        line = row(head)
        line.setContentsMargins(16, 12, 16, 12)
        words = column(spacing=2)
        words.addWidget(label(theme, "Plugins", role="heading", weight=600))
        folder = str(session.paths.plugins)
        left_out = ", left out in safe mode" if session.safe else ""
        yours = f"Yours are in {folder}{left_out}"
        words.addWidget(label(theme, yours, tone="3", role="caption", wrap=True))
        line.addLayout(words, 1)
        self.open_folder = button(theme, "Open plugin folder", icon="folder")
        self.open_folder.clicked.connect(self._on_open_folder)
        self.example = button(theme, "Write an example", icon="plus")
        self.example.setToolTip(f"Put {EXAMPLE_NAME} into the folder, to change as you like")
        self.example.clicked.connect(self._on_example)
        line.addWidget(self.open_folder)
        line.addWidget(self.example)
        outer.addWidget(head)
        outer.addWidget(rule())
        self._inside = surface("panel")
        self._layout = column(self._inside, spacing=8)
        self._layout.setContentsMargins(16, 8, 16, 16)
        outer.addWidget(scrolled(self._inside), 1)
        self.notices = Notices(theme, self, bottom=16)
        self._list(session.catalog)

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the packs."""
        if isinstance(event, e.CatalogChanged):
            self._list(event.catalog)

    def _list(self, catalog: Catalog) -> None:
        while self._layout.count():
            taken = self._layout.takeAt(0)
            widget = taken.widget() if taken else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        faults = catalog.faults
        if faults:
            self._layout.addWidget(section(self._theme, f"Faults, {len(faults)}"))
            for fault in faults:
                self._layout.addWidget(FaultCard(self._theme, fault))
        self._layout.addWidget(section(self._theme, f"Packs, {len(catalog.packs)}"))
        for pack in sorted(catalog.packs, key=lambda one: (one.bundled, one.name)):
            self._layout.addWidget(self._pack_card(pack, catalog))
        if not catalog.packs:
            self._layout.addWidget(label(self._theme, "Packs are being read.", tone="3"))
        self._layout.addStretch(1)

    def _pack_card(self, pack: PackInfo, catalog: Catalog) -> QWidget:
        theme = self._theme
        made = surface("card")
        layout = column(made, margins=12, spacing=4)
        line = row()
        line.addWidget(label(theme, pack.title or pack.name, role="title", weight=600))
        if pack.version:
            line.addWidget(label(theme, pack.version, tone="3", role="caption"))
        line.addStretch(1)
        whose = "comes with Neuroloom" if pack.bundled else "yours"
        line.addWidget(label(theme, whose, tone="3", role="caption"))
        layout.addLayout(line)
        if pack.doc:
            layout.addWidget(label(theme, pack.doc, tone="2", wrap=True))
        titles = [_title(catalog, kind) for kind in pack.offers]
        offers = ", ".join(titles) if titles else "nothing"
        layout.addWidget(label(theme, f"Offers {offers}", wrap=True))
        by = ", ".join(pack.authors)
        facts = [part for part in (by, pack.licence, f"API {pack.api}" if pack.api else "") if part]
        layout.addWidget(label(theme, " · ".join(facts), tone="3", role="caption", wrap=True))
        made.setAccessibleName(f"{pack.title or pack.name}, offers {offers}")
        return made

    def _on_open_folder(self) -> None:
        folder = self._session.paths.plugins
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.notices.show(f"{folder} cannot be made: {error.strerror}.", "error")
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _on_example(self) -> None:
        path = free_path(self._session.paths.plugins / EXAMPLE_NAME)
        text = EXAMPLE.replace("my.network", f"my.{path.stem.removeprefix('my_')}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            self.notices.show(f"{path} cannot be written: {error.strerror}.", "error")
            return
        self.notices.show(f"Wrote {path.name}. The Library shows it in a moment.")


class FaultCard(QWidget):
    """What is broken, and where."""

    def __init__(self, theme: Theme, fault: Fault) -> None:
        super().__init__()
        self.setProperty("surface", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = column(self, margins=12, spacing=4)
        line = row()
        icon = label(theme)
        icon.setPixmap(theme.pixmap("error", "error", 16, self.devicePixelRatioF()))
        line.addWidget(icon)
        line.addWidget(label(theme, fault.pack or "pack", weight=600), 1)
        outer.addLayout(line)
        outer.addWidget(label(theme, fault.message, wrap=True))
        self.place = label(theme, _place(fault), tone="3", role="mono", wrap=True)
        self.place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        outer.addWidget(self.place)
        if fault.details:
            more = button(theme, "Details", look="link")
            details = label(theme, fault.details, tone="2", role="mono", wrap=True)
            details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            details.hide()
            more.clicked.connect(lambda: details.setVisible(details.isHidden()))
            outer.addWidget(more)
            outer.addWidget(details)
        if fault.file and Path(fault.file).exists():
            edit = button(theme, "Open file", small=True)
            edit.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(fault.file)))
            outer.addWidget(edit)
        self.setAccessibleName(f"Fault in {fault.pack}: {fault.message}")


def free_path(path: Path) -> Path:
    """Return `path`, numbered where it exists."""
    number = 2
    found = path
    while found.exists():
        found = path.with_stem(f"{path.stem}_{number}")
        number += 1
    return found


def _place(fault: Fault) -> str:
    return f"{fault.file}, line {fault.line}" if fault.line else fault.file


def _title(catalog: Catalog, kind: str) -> str:
    for table in (
        catalog.architectures,
        catalog.layers,
        catalog.sources,
        catalog.learners,
        catalog.methods,
    ):
        if kind in table:
            return str(table[kind].title)
    return kind
