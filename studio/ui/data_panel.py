"""The data: which source, with which settings, transforms and split, and what came in."""

from __future__ import annotations

from msgspec.structs import asdict, replace
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QScrollArea, QWidget

from studio.graph.edits import SetData
from studio.graph.params import Param, Value
from studio.graph.project import SPLITS, DataRef, Handling, Split
from studio.session import events as e
from studio.session.session import Session
from studio.ui.controls import button, column, label, surface
from studio.ui.data_preview import AugmentPreview, TransformPreview
from studio.ui.data_report import DataReport
from studio.ui.data_steps import StepList
from studio.ui.download_row import DownloadRow
from studio.ui.editors import Choice
from studio.ui.form import Form
from studio.ui.theme import Theme

SPLIT_PARAMS = (
    Param("by", "choice", "", choices=tuple(SPLITS), help="What keeps the parts apart"),
    Param("validation", "float", 0.2, minimum=0.0, maximum=0.9, help="Share of all samples"),
    Param("test", "float", 0.0, minimum=0.0, maximum=0.9, help="Share of all samples"),
    Param("stratified", "bool", True, help="Every part gets the same share of each class"),
    Param("seed", "int", 0, minimum=0, maximum=2**31 - 1, help="Another seed, another split"),
)

HANDLING_PARAMS = (
    Param(
        "missing",
        "choice",
        "refuse",
        choices=("refuse", "drop", "fill"),
        help="Values that are no numbers: refused, their samples dropped, or filled by the mean",
    ),
    Param(
        "duplicates",
        "choice",
        "keep",
        choices=("keep", "drop"),
        help="Samples that repeat an earlier one",
    ),
    Param(
        "memory",
        "choice",
        "auto",
        choices=("auto", "resident", "stream"),
        help="Auto: what does not fit is read from the disk while training",
    ),
    Param(
        "memory_gb",
        "float",
        0.0,
        minimum=0,
        maximum=100_000,
        unit="GiB",
        help="That samples may take; 0: half of what is free",
    ),
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
        self.transforms = StepList(theme, "transform")
        self.transforms.changed.connect(
            lambda steps: self._do(replace(self._data, transforms=steps))
        )
        layout.addWidget(self.transforms)
        self.transformed = TransformPreview(session, theme)
        layout.addWidget(self.transformed)

        layout.addSpacing(8)
        layout.addWidget(_heading(theme, "Augmentation"))
        layout.addWidget(
            label(theme, "Of training batches only, anew each time", tone="3", role="caption")
        )
        self.augment = StepList(theme, "augmentation")
        self.augment.changed.connect(lambda steps: self._do(replace(self._data, augment=steps)))
        layout.addWidget(self.augment)
        self.augmented = AugmentPreview(session, theme)
        layout.addWidget(self.augmented)

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
        self.way = label(theme, tone="3", role="caption", wrap=True)
        layout.addWidget(self.way)

        layout.addSpacing(8)
        layout.addWidget(_heading(theme, "Gaps, repeats, memory"))
        self.handling = Form(theme, label_width=60)
        self.handling.edited.connect(self._on_handling)
        self.handling.cleared.connect(
            lambda name: self._on_handling(name, getattr(Handling(), name))
        )
        layout.addWidget(self.handling)

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
            case e.FactsChanged(facts=facts):
                self._show_download()
                self._show_steps()
                self.transformed.show_data(facts.data)
                self.augmented.show_data(facts.data)
            case _:
                pass
        self.report.on_event(event)

    # ------------------------------------------------------------------------------------- showing

    def _show(self) -> None:
        catalog, data = self._session.catalog, self._session.document.project.data
        offered = {kind: spec.title for kind, spec in catalog.sources.items()}
        if data.kind not in offered:
            offered[data.kind] = f"{data.kind} (missing)" if offered else data.kind
        self._offer(offered)
        self.source.setCurrentIndex(self._kinds.index(data.kind))
        spec = catalog.sources.get(data.kind)
        missing = "Its plugin is not installed; its settings are kept." if catalog.sources else ""
        self.doc.setText(spec.doc if spec else missing)
        path = self._session.document.path
        self.form.set_base(path.rpartition("/")[0])
        self.form.show_params(spec.params if spec else (), data.params)
        self._show_download()
        self._show_steps()
        self.split.show_params(SPLIT_PARAMS, asdict(data.split) | {"seed": data.seed})
        self.way.setText(SPLITS.get(data.split.by, ""))
        self.handling.show_params(HANDLING_PARAMS, asdict(data.handling))

    def _show_download(self) -> None:
        facts = self._session.facts
        spec = self._session.catalog.sources.get(self._data.kind)
        self.download.show_source(spec, facts is None or facts.data is not None)

    def _offer(self, titles: dict[str, str]) -> None:
        """Offer sources, with a line between those of different origin: made up, from files, published."""
        kinds: list[str] = []
        for kind in titles:
            if kinds and kinds[-1].partition(".")[0] != kind.partition(".")[0]:
                kinds.append("")
            kinds.append(kind)
        shown = [self.source.itemText(at) for at in range(self.source.count())]
        if shown != [titles.get(kind, "") for kind in kinds]:
            self.source.clear()
            for kind in kinds:
                if kind:
                    self.source.addItem(titles[kind])
                else:
                    self.source.insertSeparator(self.source.count())
        self._kinds = kinds

    def _show_steps(self) -> None:
        catalog, data, facts = self._session.catalog, self._data, self._session.facts
        form = facts.data.form if facts is not None and facts.data is not None else ""
        # Transforms may change the form: what fits a later one is told when it is there.
        self.transforms.show_steps(data.transforms, catalog.transforms, "")
        self.augment.show_steps(data.augment, catalog.augmentations, form)

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
        if kind in ("", self._data.kind):
            return
        before = self._session.catalog.sources.get(self._data.kind)
        after = self._session.catalog.sources.get(kind)
        same_form = before is not None and after is not None and before.form == after.form
        transforms, augment = (self._data.transforms, self._data.augment) if same_form else ((), ())
        self._do(replace(self._data, kind=kind, params={}, transforms=transforms, augment=augment))

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

    def _on_handling(self, name: str, value: Value) -> None:
        self._do(replace(self._data, handling=replace(self._data.handling, **{name: value})))


def _heading(theme: Theme, text: str) -> QWidget:
    return label(theme, text, tone="3", role="caption", weight=600)
