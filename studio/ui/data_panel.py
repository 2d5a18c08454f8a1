"""The data: which source, with which settings, transforms and split, and what came in."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QMenu, QScrollArea, QWidget

from studio.graph.edits import SetData
from studio.graph.params import Param, Value
from studio.graph.project import DataRef, Split, Step
from studio.graph.spec import OptionSpec
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import button, column, label, row, surface
from studio.ui.data_report import DataReport
from studio.ui.download_row import DownloadRow
from studio.ui.editors import Choice
from studio.ui.form import Form
from studio.ui.theme import Theme
from studio.ui.views.view import plain

SPLIT_PARAMS = (
    Param("validation", "float", 0.2, minimum=0.0, maximum=0.9, help="Share of all samples"),
    Param("test", "float", 0.0, minimum=0.0, maximum=0.9, help="Share of all samples"),
    Param("stratified", "bool", True, help="Every part gets the same share of each class"),
    Param("seed", "int", 0, minimum=0, maximum=2**31 - 1, help="Another seed, another split"),
)


class DataPanel(QScrollArea):
    """Chooses the project's data and shows what it is; every change is an edit.

    `own_wanted` asks for the wizard that makes data of a file or a folder.
    """

    own_wanted = Signal()

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self._kinds: list[str] = []
        self.steps: list[TransformCard] = []
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = surface("panel")
        layout = column(inside, spacing=6)
        layout.setContentsMargins(12, 12, 12, 16)

        layout.addWidget(_heading(theme, "Source"))
        self.source = Choice()
        self.source.setAccessibleName("Data source")
        self.source.activated.connect(self._on_source)
        layout.addWidget(self.source)
        self.own = button(theme, "From a file or folder…", icon="folder", small=True)
        self.own.clicked.connect(self.own_wanted)
        layout.addWidget(self.own)
        self.doc = label(theme, tone="3", role="caption", wrap=True)
        layout.addWidget(self.doc)
        self.form = Form(theme, label_width=60)
        self.form.edited.connect(self._on_param)
        self.form.cleared.connect(self._on_param_cleared)
        layout.addWidget(self.form)
        self.download = DownloadRow(session, theme, session.look_at_data)
        layout.addWidget(self.download)

        layout.addSpacing(8)
        layout.addWidget(_heading(theme, "Transforms"))
        self._step_box = column(spacing=6)
        layout.addLayout(self._step_box)
        self.add_step = button(theme, "Add transform", icon="plus", look="menu", small=True)
        self.step_menu = QMenu(self.add_step)
        self.add_step.setMenu(self.step_menu)
        layout.addWidget(self.add_step)

        layout.addSpacing(8)
        layout.addWidget(_heading(theme, "Split"))
        self.split = Form(theme, label_width=60)
        self.split.edited.connect(self._on_split)
        self.split.cleared.connect(
            lambda name: self._on_split(
                name, next(p.default for p in SPLIT_PARAMS if p.name == name)
            )
        )
        layout.addWidget(self.split)

        layout.addSpacing(8)
        layout.addWidget(_heading(theme, "What came in"))
        self.report = DataReport(session, theme)
        layout.addWidget(self.report)
        layout.addStretch(1)
        self.setWidget(inside)
        self._show()

    def on_event(self, event: e.SessionEvent) -> None:
        """Follow the project's data, the catalogue's sources and the engine's answer."""
        match event:
            case e.CatalogChanged() | e.DocumentOpened():
                self._show()
            case e.DocumentChanged(before=before, after=after):
                if before.data is not after.data:
                    self._show()
            case e.FactsChanged():
                self._show_download()
            case _:
                pass
        self.report.on_event(event)

    # ------------------------------------------------------------------------------------- showing

    def _show(self) -> None:
        catalog, data = self._session.catalog, self._session.document.project.data
        self._kinds = list(catalog.sources)
        titles = [spec.title for spec in catalog.sources.values()]
        if data.kind not in catalog.sources:
            self._kinds.append(data.kind)
            titles.append(f"{data.kind} (missing)" if catalog.sources else data.kind)
        if [self.source.itemText(at) for at in range(self.source.count())] != titles:
            self.source.clear()
            self.source.addItems(titles)
        self.source.setCurrentIndex(self._kinds.index(data.kind))
        spec = catalog.sources.get(data.kind)
        missing = "Its plugin is not installed; its settings are kept." if catalog.sources else ""
        self.doc.setText(spec.doc if spec else missing)
        path = self._session.document.path
        self.form.set_base(path.rpartition("/")[0])
        self.form.show_params(spec.params if spec else (), data.params)
        self._show_download()
        self._show_steps(data)
        values = {
            "validation": data.split.validation,
            "test": data.split.test,
            "stratified": data.split.stratified,
            "seed": data.seed,
        }
        self.split.show_params(SPLIT_PARAMS, values)

    def _show_download(self) -> None:
        facts = self._session.facts
        spec = self._session.catalog.sources.get(self._data.kind)
        self.download.show_source(spec, facts is None or facts.data is not None)

    def _show_steps(self, data: DataRef) -> None:
        catalog = self._session.catalog
        if [card.kind for card in self.steps] != [step.kind for step in data.transforms]:
            for card in self.steps:
                self._step_box.removeWidget(card)
                card.hide()
                card.deleteLater()
            self.steps = []
            for index, step in enumerate(data.transforms):
                card = TransformCard(self._theme, step.kind, catalog.transforms.get(step.kind))
                card.changed.connect(lambda values, at=index: self._on_step(at, values))
                card.removed.connect(lambda at=index: self._on_step_removed(at))
                self.steps.append(card)
                self._step_box.addWidget(card)
        for card, step in zip(self.steps, data.transforms, strict=True):
            card.show_step(step, catalog.transforms.get(step.kind))
        self.step_menu.clear()
        for kind, spec in catalog.transforms.items():
            action = self.step_menu.addAction(spec.title)
            action.setToolTip(plain(spec.doc))
            action.triggered.connect(lambda _=False, chosen=kind: self._on_step_added(chosen))
        self.add_step.setEnabled(bool(catalog.transforms))

    # ------------------------------------------------------------------------------------- changing

    def _do(self, data: DataRef) -> None:
        if data != self._session.document.project.data:
            self._session.do(SetData(data))
        self._show()

    @property
    def _data(self) -> DataRef:
        return self._session.document.project.data

    def _on_source(self, index: int) -> None:
        kind = self._kinds[index]
        if kind == self._data.kind:
            return
        before = self._session.catalog.sources.get(self._data.kind)
        after = self._session.catalog.sources.get(kind)
        same_form = before is not None and after is not None and before.form == after.form
        transforms = self._data.transforms if same_form else ()
        self._do(replace(self._data, kind=kind, params={}, transforms=transforms))

    def _on_param(self, name: str, value: Value) -> None:
        self._do(replace(self._data, params=self._data.params | {name: value}))

    def _on_param_cleared(self, name: str) -> None:
        kept = {key: value for key, value in self._data.params.items() if key != name}
        self._do(replace(self._data, params=kept))

    def _on_split(self, name: str, value: Value) -> None:
        if name == "seed":
            self._do(replace(self._data, seed=value))
            return
        split: Split = replace(self._data.split, **{name: value})
        if split.validation + split.test > 0.95:
            self.split.rows[name].complain("Leave at least 5 % of the samples for training.")
            return
        self._do(replace(self._data, split=split))

    def _on_step(self, index: int, values: dict[str, Value]) -> None:
        steps = list(self._data.transforms)
        steps[index] = Step(steps[index].kind, values)
        self._do(replace(self._data, transforms=tuple(steps)))

    def _on_step_added(self, kind: str) -> None:
        self._do(replace(self._data, transforms=(*self._data.transforms, Step(kind))))

    def _on_step_removed(self, index: int) -> None:
        steps = self._data.transforms
        self._do(replace(self._data, transforms=steps[:index] + steps[index + 1 :]))


class TransformCard(QWidget):
    """One transform with its settings."""

    changed = Signal(dict)
    removed = Signal()

    def __init__(self, theme: Theme, kind: str, spec: OptionSpec | None) -> None:
        super().__init__()
        self.kind = kind
        self._values: dict[str, Value] = {}
        self.setProperty("surface", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = column(self, spacing=2)
        outer.setContentsMargins(10, 6, 6, 6)
        head = row()
        self.title = label(theme, weight=500)
        head.addWidget(self.title, 1)
        remove = button(theme, icon="close", look="ghost", small=True, tip="Remove this transform")
        remove.clicked.connect(self.removed)
        head.addWidget(remove)
        outer.addLayout(head)
        self.form = Form(theme, label_width=60)
        self.form.edited.connect(
            lambda name, value: self.changed.emit(self._values | {name: value})
        )
        self.form.cleared.connect(
            lambda name: self.changed.emit({k: v for k, v in self._values.items() if k != name})
        )
        outer.addWidget(self.form)

    def show_step(self, step: Step, spec: OptionSpec | None) -> None:
        """Show a transform's settings; one whose plugin is missing shows its kind."""
        self._values = dict(step.params)
        self.title.setText(spec.title if spec else step.kind)
        self.form.show_params(spec.params if spec else (), step.params)


def _heading(theme: Theme, text: str) -> QWidget:
    return label(theme, text, tone="3", role="caption", weight=600)
