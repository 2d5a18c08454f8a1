"""What of a node's optimiser settings is its own: empty follows the recipe."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from studio.graph.edits import SetRecipe
from studio.graph.own_settings import own_settings, place_of, with_settings
from studio.graph.params import Param, Value
from studio.session.session import Session
from studio.ui.controls import column
from studio.ui.form import Form
from studio.ui.inspector.fold import Fold
from studio.ui.inspector.sight import Sight
from studio.ui.theme import Theme

#: Settings that a node can have of its own, where the optimiser has them, and what they do.
_NAMES = {
    "lr": "Its own learning rate; empty: the recipe's. The schedule moves both alike.\n"
    "w ← w − η_node · step",
    "weight_decay": "How strongly its weights are pulled towards zero; empty: as the recipe has it",
}


class OwnSettingsPart(QWidget):
    """Learning rate and weight decay of the node in sight, as far as they are its own."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._place = ("main", "")
        layout = column(self)
        self.fold = Fold(
            theme, "How it learns", "Learning rate and weight decay of this node alone"
        )
        self.form = Form(theme)
        self.form.edited.connect(lambda name, value: self._set(name, value))
        self.form.cleared.connect(lambda name: self._set(name, None))
        self.fold.body.addWidget(self.form)
        layout.addWidget(self.fold)

    def show_node(self, sight: Sight, key: str, *, learns: bool) -> None:
        """Show what a node has of its own; nothing for one that has no weights."""
        recipe = self._session.document.project.recipe
        self._place = (sight.network, sight.path(key))
        spec = self._session.catalog.optimizers.get(recipe.optimizer)
        params = tuple(
            Param(name, "float", None, optional=True, minimum=0, help=text, unit="empty: as all")
            for name, text in _NAMES.items()
            if spec is not None and spec.param(name) is not None
        )
        own = recipe.groups.get(place_of(*self._place), {})
        self.setVisible(learns and bool(params))
        self.form.show_params(params, own)
        told = own_settings(recipe.groups, *self._place)
        self.fold.show_changed([f"{name} {value}" for name, value in told.items()])
        if own:
            self.fold.open(True)

    def begin(self) -> None:
        """Open, with the keyboard in the learning rate."""
        self.fold.open(True)
        line = self.form.rows.get("lr")
        if line is not None:
            line.take_keyboard()

    def _set(self, name: str, value: Value) -> None:
        groups = self._session.document.project.recipe.groups
        changed = with_settings(groups, *self._place, {name: value})
        self._session.do(SetRecipe({"groups": changed}))
