"""Settings: the look, the keys, what stored runs may take on the disk, and where everything lies."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QDialog, QStackedWidget, QWidget

from studio.graph.params import Param, Value
from studio.session import events as e
from studio.session.session import Session
from studio.session.space import Space
from studio.settings import Settings
from studio.ui.controls import Segments, button, column, label, row
from studio.ui.form import Form
from studio.ui.inspector.node import section
from studio.ui.keymap import Keymap
from studio.ui.keys_page import KeysPage
from studio.ui.preferences import Preferences
from studio.ui.prompts import Ask, Choice
from studio.ui.theme import Theme
from studio.ui.views.numbers import size
from studio.ui.views.panel import Remark

#: The settings that a person gives; the others follow from what is done with the window.
PARAMS = (
    Param("theme", "choice", Settings().theme, choices=("dark", "light"), help="The window's look"),
    Param(
        "run_budget_gb",
        "float",
        Settings().run_budget_gb,
        minimum=0.01,
        unit="GB",
        help="What all stored runs together may take before a clean-up is suggested",
    ),
    Param(
        "moments_mb",
        "float",
        Settings().moments_mb,
        minimum=0,
        unit="MiB",
        help="What one run may keep to look back at under Time; 0 keeps nothing",
    ),
    Param(
        "guides",
        "bool",
        Settings().guides,
        help="Nodes line up with their neighbours while dragged; Ctrl moves freely meanwhile",
    ),
    Param(
        "reduced_motion",
        "bool",
        Settings().reduced_motion,
        help="Nodes that are laid out anew are at their places at once",
    ),
)
#: A question names this many runs.
_NAMED = 8


class SettingsPanel(QDialog):
    """Shows and changes `preferences`; a clean-up asks before anything is removed."""

    def __init__(
        self,
        session: Session,
        theme: Theme,
        preferences: Preferences,
        ask: Ask,
        set_dark: Callable[[bool], None],
        keymap: Keymap,
        gather: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._preferences = preferences
        self._ask = ask
        self._set_dark = set_dark
        self.setWindowTitle("Settings")
        self.setMinimumWidth(520)
        whole = column(self, margins=20, spacing=8)
        whole.addWidget(label(theme, "Settings", role="heading", weight=600))
        self.pages = Segments(theme, ("General", "Keys"))
        whole.addWidget(self.pages)
        self._stack = QStackedWidget()
        self.pages.picked.connect(self._stack.setCurrentIndex)
        whole.addWidget(self._stack, 1)
        general = QWidget()
        self.keys = KeysPage(theme, keymap, gather)
        self._stack.addWidget(general)
        self._stack.addWidget(self.keys)
        outer = column(general, spacing=8)
        self.form = Form(theme)
        self.form.edited.connect(self._on_edited)
        self.form.cleared.connect(self._on_cleared)
        outer.addWidget(self.form)
        outer.addWidget(section(theme, "Stored runs"))
        line = row()
        self.taken = label(theme, tone="2", wrap=True)
        self.clean = button(theme, "Clean up…", icon="trash")
        self.clean.clicked.connect(self._on_clean)
        line.addWidget(self.taken, 1)
        line.addWidget(self.clean)
        outer.addLayout(line)
        outer.addWidget(section(theme, "Folders"))
        here = session.paths
        for words, path in (
            ("Runs", session.runs_root),
            ("Plugins", here.plugins),
            ("Settings", here.settings),
            ("Log", here.log),
        ):
            place = Remark(theme, f"{words}: {path}")
            place.setToolTip(str(path))
            outer.addWidget(place)
        outer.addStretch(1)
        theme.changed.connect(self.refresh)
        self.refresh()

    def on_event(self, event: e.SessionEvent) -> None:
        """Measure again when there are other runs."""
        if isinstance(event, e.RunsChanged) and self.isVisible():
            self.refresh()

    def showEvent(self, event: object) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Show the settings, and the space that runs take now."""
        values = self._preferences.values
        self.form.show_params(PARAMS, {one.name: getattr(values, one.name) for one in PARAMS})
        space = self._space()
        binned = f" and {size(space.binned)} in the bin" if space.binned else ""
        over = " That is more than they may." if space.over else ""
        self.taken.setText(f"They take {size(space.used)}{binned}.{over}")
        self.clean.setEnabled(space.freed > 0)
        self.clean.setToolTip(
            f"Gives {size(space.freed)} back" if space.freed else "There is nothing to remove."
        )

    def _space(self) -> Space:
        return self._session.space(self._preferences.values.run_budget_gb)

    def _on_edited(self, name: str, value: Value) -> None:
        if name == "theme":
            self._set_dark(value == "dark")
        else:
            self._preferences.change(**{name: value})
        if name == "moments_mb":
            self._session.keep_moments(self._preferences.values.moments_mb)
        self.refresh()

    def _on_cleared(self, name: str) -> None:
        self._on_edited(name, getattr(Settings(), name))

    def _on_clean(self) -> None:
        space = self._space()
        parts = ["the bin"] if space.binned else []
        if space.gone:
            count = len(space.gone)
            parts.append("the oldest run" if count == 1 else f"the {count} oldest runs")
        names = [f"{info.folder.name}, {size(info.size)}" for info in space.gone[:_NAMED]]
        if len(space.gone) > _NAMED:
            names.append(f"and {len(space.gone) - _NAMED} more")
        answer = self._ask(
            f"Remove {' and '.join(parts)}",
            f"This gives {size(space.freed)} back and cannot be undone. The newest run of every "
            "project, the one that is shown and any under way stay.\n\n" + "\n".join(names),
            (Choice("keep", "Keep"), Choice("remove", "Remove for good", True)),
        )
        if answer == "remove":
            self._session.clean_up(space)
            self.refresh()
