"""The recipe: how the network learns. What is wanted every day stands open, the rest folds away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QWidget

from studio.graph.edits import SetRecipe
from studio.graph.params import Param, Value
from studio.graph.project import Recipe
from studio.graph.topology import name_path
from studio.session.session import Session
from studio.ui.controls import button, column, label, row
from studio.ui.form import Form
from studio.ui.inspector.fold import Fold
from studio.ui.inspector.kind_form import KindForm
from studio.ui.theme import Theme

DAILY = (
    Param("batch_size", "int", 32, minimum=1, maximum=1_000_000, help="Samples of one batch"),
    Param("epochs", "int", 20, minimum=1, maximum=1_000_000, help="Times through the data"),
    Param("seed", "int", 0, minimum=0, maximum=2**31 - 1, help="Same seed, same figures"),
)
GRADIENT = (
    Param(
        "clip_norm",
        "float",
        None,
        optional=True,
        minimum=1e-12,
        help="Longest gradient that is followed whole; empty: any.\ng ← g · min(1, c / ‖g‖)",
        unit="empty: any",
    ),
    Param(
        "accumulate",
        "int",
        1,
        minimum=1,
        maximum=4096,
        help="Batches whose gradients make one step, as one batch of all their samples would.\n"
        "g = Σ nᵢ gᵢ / Σ nᵢ",
        unit="batches",
    ),
    Param(
        "ema",
        "float",
        0.0,
        minimum=0,
        maximum=0.999999,
        help="What averaged weights keep at each step; they are measured and kept as the best. "
        "0: no average.\nw̄ ← d w̄ + (1 − d) w,  d = min(ema, (1 + t) / (10 + t))",
        unit="such as 0.999",
    ),
    Param(
        "sampling",
        "choice",
        "shuffled",
        choices=("shuffled", "balanced"),
        help="Balanced: every class is drawn as often as another",
    ),
)
ENDING = (
    Param(
        "patience",
        "int",
        0,
        minimum=0,
        maximum=1_000_000,
        help="Stop after so many epochs whose score is no better; 0: never",
        unit="0: never",
    ),
    Param(
        "min_delta",
        "float",
        0.0,
        minimum=0,
        help="What counts as better.\nscore > best + min_delta",
    ),
    Param(
        "keep_every",
        "int",
        0,
        minimum=0,
        maximum=1_000_000,
        help="Every so many epochs a checkpoint stays, to go on or fork from; 0: the best and last",
        unit="0: never",
    ),
)


def machine(devices: Mapping[str, str]) -> tuple[Param, ...]:
    """Return the settings of the machine; `devices` are those the engine has."""
    return (
        Param("device", "choice", "auto", choices=("auto", *devices)),
        Param(
            "precision",
            "choice",
            "fp32",
            choices=("fp32", "bf16", "fp16"),
            help="bf16 and fp16 pay on recent GPUs; on a CPU they do not. With fp16 the loss is "
            "scaled, so that small gradients are not lost",
        ),
        Param(
            "threads",
            "int",
            0,
            minimum=0,
            maximum=1024,
            help="0 leaves one core to the window",
            unit="0: auto",
        ),
        Param(
            "compile",
            "bool",
            False,
            help="Steps through torch.compile: takes a while at the start, pays on GPUs and large "
            "networks",
        ),
        Param(
            "deterministic",
            "bool",
            False,
            help="Only operations that repeat themselves bit for bit; slower on GPUs",
        ),
    )


class RecipePart(QWidget):
    """Every field of the recipe, in sections."""

    #: Recipe field → words and the catalogue's table.
    _KINDS = (
        ("optimizer", "optimiser", "optimizers"),
        ("schedule", "schedule", "schedules"),
        ("loss", "loss", "losses"),
        ("learner", "learner", "learners"),
    )

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session, self._theme = session, theme
        layout = column(self, spacing=6)
        self.form = self._make_form()
        layout.addWidget(self.form)
        self.kinds: dict[str, KindForm] = {}
        for field, words, _ in self._KINDS:
            made = KindForm(theme, words)
            made.changed.connect(lambda kind, values, name=field: self._on_kind(name, kind, values))
            self.kinds[field] = made
            layout.addWidget(made)
        self.folds: dict[str, Fold] = {}
        self.forms: dict[str, Form] = {"": self.form}
        for key, title, tip in (
            ("gradient", "Gradient and weights", "Clipping, accumulation, averaged weights"),
            ("ending", "Stopping and keeping", "Early stopping, checkpoints that stay"),
            ("machine", "Machine", "Device, precision, threads, compile"),
        ):
            self.folds[key] = Fold(theme, title, tip)
            self.forms[key] = self._make_form()
            self.folds[key].body.addWidget(self.forms[key])
            layout.addWidget(self.folds[key])
        self.own = Fold(theme, "Nodes' own settings", "Nodes that learn otherwise than the rest")
        layout.addWidget(self.own)
        self._own_shown: object = None

    def refresh(self) -> None:
        """Show the present recipe."""
        session = self._session
        recipe, catalog = session.document.project.recipe, session.catalog
        for field, _, table in self._KINDS:
            self.kinds[field].show_kind(
                getattr(catalog, table),
                getattr(recipe, field),
                getattr(recipe, f"{field}_params"),
                empty="as the task needs" if field == "loss" else "",
            )
        devices = dict(session.hello.devices) if session.hello else {"cpu": "CPU"}
        devices.setdefault(recipe.device, "") if recipe.device != "auto" else None
        tables = {"": DAILY, "gradient": GRADIENT, "ending": ENDING, "machine": machine(devices)}
        usual = Recipe()
        for key, params in tables.items():
            values = {param.name: getattr(recipe, param.name) for param in params}
            self.forms[key].show_params(params, values)
            if key:
                changed = [name for name, value in values.items() if value != getattr(usual, name)]
                self.folds[key].show_changed(changed)
        self._show_own(recipe)

    def _show_own(self, recipe: Recipe) -> None:
        self.own.setVisible(bool(recipe.groups))
        if self._own_shown == recipe.groups:
            return
        self._own_shown = recipe.groups
        while (item := self.own.body.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        count = len(recipe.groups)
        self.own.remark.setText(f"{count} node{'' if count == 1 else 's'}")
        for place, values in sorted(recipe.groups.items()):
            self.own.body.addWidget(self._own_line(place, values))

    def _own_line(self, place: str, values: Mapping[str, Value]) -> QWidget:
        """Return a line that says what a node has of its own, and takes it back."""
        network, _, path = place.rpartition(":")
        project = self._session.document.project
        try:
            name = name_path(project, network or "main", path)
        except KeyError:
            name = f"{path} (gone)"
        holder = QWidget()
        line = row(holder, spacing=6)
        line.addWidget(label(self._theme, name, tone="2"))
        shown = ", ".join(f"{key} {value}" for key, value in values.items())
        line.addWidget(label(self._theme, shown, role="caption", tone="3"), 1)
        undo = button(
            self._theme, icon="reset", look="ghost", small=True, tip=f"{name}: as the rest"
        )
        undo.clicked.connect(lambda: self._on_own_removed(place))
        line.addWidget(undo)
        return holder

    def _on_own_removed(self, place: str) -> None:
        groups = self._session.document.project.recipe.groups
        rest = {key: values for key, values in groups.items() if key != place}
        self._session.do(SetRecipe({"groups": rest}))

    def _make_form(self) -> Form:
        made = Form(self._theme)
        made.edited.connect(lambda name, value: self._session.do(SetRecipe({name: value})))
        made.cleared.connect(
            lambda name: self._session.do(SetRecipe({name: getattr(Recipe(), name)}))
        )
        return made

    def _on_kind(self, field: str, kind: str, values: dict[str, Any]) -> None:
        self._session.do(SetRecipe({field: kind, f"{field}_params": values}))
