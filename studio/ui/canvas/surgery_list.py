"""The surgery of a project as a list: what is done where, its figure, and one click that ends it."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.graph.edits import SetSurgery
from studio.graph.params import Param
from studio.graph.project import Project
from studio.graph.surgery import LARGEST, Intervention, has_place
from studio.graph.topology import name_path
from studio.session.session import Session
from studio.ui.controls import button, column, label, row
from studio.ui.editors import NumberField
from studio.ui.theme import Theme
from studio.ui.views.panel import Remark

#: Action → what its figure is.
FIGURES = {
    "scale": Param("factor", "float", 1.0, minimum=-LARGEST, maximum=LARGEST),
    "noise": Param("deviation", "float", 0.0, minimum=0.0, maximum=LARGEST),
    "patch": Param("sample", "int", 0, minimum=0),
}
_SIGNS = {"zero": "×0", "scale": "×", "noise": "±", "patch": "← sample"}


class SurgeryList(QWidget):
    """Follows a project's surgery. `amended` carries an old and a new intervention, `healed` those to end."""

    amended = Signal(object, object)
    healed = Signal(object)

    def __init__(self, theme: Theme, places: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._places = places
        self._shown: tuple[tuple[Intervention, str, bool], ...] = ()
        self.rows: list[SurgeryRow] = []
        self._layout = column(self, spacing=4)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def show_surgery(self, project: Project, surgery: tuple[Intervention, ...]) -> None:
        """Show these interventions; a row whose figure is being changed stays as it is."""
        wanted = tuple(
            (one, place_name(project, one), has_place(project, one.network, one.path))
            for one in surgery
        )
        if wanted == self._shown:
            return
        kept = len(self._shown) == len(wanted) and all(
            _same_row(old[0], new[0]) and old[1:] == new[1:]
            for old, new in zip(self._shown, wanted, strict=True)
        )
        self._shown = wanted
        if kept:
            for made, (one, _, _) in zip(self.rows, wanted, strict=True):
                made.show_intervention(one)
            return
        for old in self.rows:
            self._layout.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.rows = []
        for one, name, known in wanted:
            made = SurgeryRow(self._theme, one, name if self._places else "", known)
            made.amended.connect(self.amended)
            made.healed.connect(self.healed)
            self._layout.addWidget(made)
            self.rows.append(made)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        return self._layout.sizeHint()


class SurgeryRow(QWidget):
    """One intervention."""

    amended = Signal(object, object)
    healed = Signal(object)

    def __init__(self, theme: Theme, one: Intervention, name: str, known: bool) -> None:
        super().__init__()
        self.intervention = one
        line = row(self, spacing=6)
        if name:
            self.name = Remark(theme, name)
            self.name.setProperty("tone", "1")
            self.name.setToolTip("" if known else f"{name} is gone. Remove this, or undo the edit.")
            line.addWidget(self.name, 1)
        channel = "" if one.channel is None else f"channel {one.channel} "
        self.sign = label(theme, channel + _SIGNS[one.action], "1" if known else "3")
        line.addWidget(self.sign)
        self.field: NumberField | None = None
        if one.action in FIGURES:
            self.field = NumberField(FIGURES[one.action], 76)
            self.field.setAccessibleName(FIGURES[one.action].name)
            self.field.submitted.connect(self._on_submitted)
            self.field.setEnabled(known)
            line.addWidget(self.field)
        if not name:
            line.addStretch(1)
        if not known:
            line.addWidget(label(theme, "gone", "warn", "caption"))
        self.remove = button(
            theme, icon="close", look="ghost", small=True, tip="Remove this surgery"
        )
        self.remove.clicked.connect(lambda: self.healed.emit((self.intervention,)))
        line.addWidget(self.remove)
        self.show_intervention(one)

    def show_intervention(self, one: Intervention) -> None:
        """Show another figure."""
        self.intervention = one
        if self.field is not None:
            self.field.show_number(one.sample if one.action == "patch" else one.amount)

    def _on_submitted(self) -> None:
        assert self.field is not None
        before = self.intervention
        try:
            number = float(self.field.text_value)
        except ValueError:
            self.show_intervention(before)
            return
        low = FIGURES[before.action].minimum
        if not abs(number) <= LARGEST or (low is not None and number < low):
            self.show_intervention(before)
            return
        after = (
            replace(before, sample=int(number))
            if before.action == "patch"
            else replace(before, amount=number)
        )
        self.intervention = after
        self.amended.emit(before, after)


def place_name(project: Project, one: Intervention) -> str:
    """Return a place as in the code: `res1.conv1`; its port where it is not the usual one."""
    name = name_path(project, one.network, one.path)
    return name if one.port == "out" else f"{name}.{one.port}"


def amend(session: Session, old: Intervention, new: Intervention) -> None:
    """Change the figure of an intervention; quick changes make one undo step."""
    surgery = session.document.project.surgery
    if old in surgery and new != old:
        changed = tuple(new if one == old else one for one in surgery)
        gesture = f"{old.network} {old.path} {old.port} {old.channel} {old.action}"
        session.do(SetSurgery(changed, f"Surgery: {new.text}", gesture))


def heal(session: Session, ended: tuple[Intervention, ...]) -> None:
    """Take interventions back: what the network computes flows again."""
    surgery = session.document.project.surgery
    kept = tuple(one for one in surgery if one not in ended)
    if kept != surgery:
        session.do(SetSurgery(kept, "Remove surgery"))


def _same_row(one: Intervention, other: Intervention) -> bool:
    return replace(one, amount=0.0, sample=0) == replace(other, amount=0.0, sample=0)
