"""Steps are added, set, moved and removed as undoable edits, and tried out on real samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from fakes import Script, catalog, data_facts, settle
from pytestqt.qtbot import QtBot

from studio.engine import protocol as p
from studio.graph.edits import SetData
from studio.graph.params import Param
from studio.graph.project import DataRef, Step
from studio.graph.spec import OptionSpec
from studio.session.session import Session
from studio.ui.data_panel import DataPanel
from studio.ui.theme import Theme

FLIP = OptionSpec(
    kind="augment.flip",
    title="Flip",
    doc="Mirror the image.",
    forms=("image",),
    params=(Param("chance", "float", 0.5),),
)
NOISE = OptionSpec(kind="augment.noise", title="Noise", doc="Add noise.", forms=("image", "table"))
SHIFT = OptionSpec(kind="augment.shift", title="Time shift", doc="Move.", forms=("sequence",))


@pytest.fixture
def script() -> Script:
    made = Script()
    made.catalog = catalog(augmentations={one.kind: one for one in (FLIP, NOISE, SHIFT)})
    return made


@pytest.fixture
def panel(qtbot: QtBot, session: Session, theme: Theme) -> Iterator[DataPanel]:
    made = DataPanel(session, theme)
    qtbot.addWidget(made)
    made.resize(272, 900)
    made.show()
    end = session.subscribe(made.on_event)
    session.do(SetData(DataRef(seed=1)))
    settle(session)
    yield made
    end()


def augment(session: Session) -> tuple[Step, ...]:
    return session.document.project.data.augment


def asked(script: Script) -> list[p.GetSamples]:
    return script.engine("workbench").requests(p.GetSamples)


def test_augmentations_are_added_ordered_set_and_removed(
    panel: DataPanel, session: Session
) -> None:
    actions = {action.text(): action for action in panel.augment.menu.actions()}
    actions["Flip"].trigger()
    actions = {action.text(): action for action in panel.augment.menu.actions()}
    actions["Noise"].trigger()
    assert augment(session) == (Step(FLIP.kind), Step(NOISE.kind))
    panel.augment.cards[0].form.edited.emit("chance", 0.25)
    assert augment(session)[0] == Step(FLIP.kind, {"chance": 0.25})
    panel.augment.cards[0].down.click()
    assert [step.kind for step in augment(session)] == [NOISE.kind, FLIP.kind]
    assert panel.augment.cards[1].title.text() == "Flip"
    panel.augment.cards[1].up.click()
    assert [step.kind for step in augment(session)] == [FLIP.kind, NOISE.kind]
    panel.augment.cards[0].removed.emit()
    assert augment(session) == (Step(NOISE.kind),)
    for _ in range(5):
        session.undo()
    assert augment(session) == (Step(FLIP.kind),)
    session.undo()
    assert augment(session) == ()
    assert panel.augment.cards == []


def test_the_ends_of_a_list_go_no_further(panel: DataPanel, session: Session) -> None:
    session.do(SetData(DataRef(augment=(Step(FLIP.kind), Step(NOISE.kind)))))
    first, last = panel.augment.cards
    assert (first.up.isHidden(), first.down.isHidden()) == (True, False)
    assert (last.up.isHidden(), last.down.isHidden()) == (False, True)


def test_what_does_not_fit_the_data_says_why(panel: DataPanel) -> None:
    action = next(one for one in panel.augment.menu.actions() if one.text() == "Time shift")
    assert not action.isEnabled()
    assert "For sequence data; this is image data." in action.toolTip()


def test_a_step_of_a_missing_plugin_keeps_its_settings(panel: DataPanel, session: Session) -> None:
    step = Step("mine.swirl", {"turns": 3})
    session.do(SetData(DataRef(augment=(step,))))
    assert panel.augment.cards[0].title.text() == "mine.swirl"
    assert augment(session) == (step,)


def test_draws_of_one_sample_are_shown_and_drawn_again(
    panel: DataPanel, session: Session, script: Script
) -> None:
    assert panel.augmented.isHidden()
    session.do(SetData(DataRef(augment=(Step(FLIP.kind),))))
    settle(session)
    assert panel.augmented.isVisible()
    plain, drawn = asked(script)[-2:]
    assert (plain.indices, plain.augmented, plain.split) == ((0,), 0, "train")
    assert (set(drawn.indices), len(drawn.indices)) == ({0}, 9)
    assert drawn.augmented > 0
    assert "10 samples" in panel.augmented.grid.accessibleName()
    panel.augmented.again.click()
    settle(session)
    assert asked(script)[-1].augmented == drawn.augmented + 1
    panel.augmented.other.click()
    settle(session)
    assert set(asked(script)[-1].indices) == {1}
    session.undo()
    settle(session)
    assert panel.augmented.isHidden()


def test_mixed_targets_stand_beside_the_samples_own(
    panel: DataPanel, session: Session, script: Script
) -> None:
    def answer(request: p.GetSamples) -> p.SampleSet:
        count = len(request.indices)
        inputs = np.zeros((count, 1, 8, 8), np.float32)
        mixed = np.tile(np.array([[0.75, 0.25]], np.float32), (count, 1))
        targets = mixed if request.augmented else np.zeros(count, np.int64)
        return p.SampleSet(request.split, request.indices, inputs, targets)

    script.samples = answer
    session.do(SetData(DataRef(augment=(Step(FLIP.kind),))))
    settle(session)
    name = panel.augmented.grid.accessibleName()
    assert "zero 100%" in name
    assert "zero 75%, one 25%" in name


def test_samples_are_shown_before_and_after_transforms(
    panel: DataPanel, session: Session, script: Script
) -> None:
    assert panel.transformed.isHidden()
    ref = DataRef(transforms=(Step("core.resize", {"size": 16}),))
    session.do(SetData(ref))
    settle(session)
    assert panel.transformed.isVisible()
    requests = [one.data.transforms for one in asked(script) if one.split == "train"]
    assert requests == [(), ref.transforms]
    session.undo()
    settle(session)
    assert panel.transformed.isHidden()


def test_an_augmentation_that_does_not_fit_says_why_where_it_stands(
    panel: DataPanel, session: Session, script: Script
) -> None:
    session.do(SetData(DataRef(augment=(Step(FLIP.kind),))))
    settle(session)
    preview = panel.augmented
    assert (preview.grid.isVisible(), preview.problem.isVisible()) == (True, False)
    script.samples = lambda request: p.Refused("It does not fit.")
    session.do(SetData(DataRef(augment=(Step(FLIP.kind),), seed=4)))
    settle(session)
    assert preview.problem.text() == "It does not fit."
    assert (preview.grid.isVisible(), preview.problem.isVisible()) == (False, True)
    session.undo()
    settle(session)


def test_a_source_of_another_form_drops_augmentations(panel: DataPanel, session: Session) -> None:
    session.do(SetData(DataRef(augment=(Step(FLIP.kind),))))
    panel.source.activated.emit(panel.source.findText("CSV table"))
    assert augment(session) == ()
    session.undo()
    assert augment(session) == (Step(FLIP.kind),)


def test_the_way_to_split_and_the_handling_are_edits(
    panel: DataPanel, session: Session, script: Script
) -> None:
    script.data = data_facts()
    panel.split.edited.emit("by", "groups")
    assert session.document.project.data.split.by == "groups"
    assert "never in two parts" in panel.way.text()
    panel.handling.edited.emit("missing", "drop")
    assert session.document.project.data.handling.missing == "drop"
    panel.handling.edited.emit("memory", "stream")
    assert session.document.project.data.handling.memory == "stream"
    panel.handling.cleared.emit("missing")
    assert session.document.project.data.handling.missing == "refuse"
    assert "automatic" in [
        panel.split.rows["by"].editor.box.itemText(at)  # type: ignore[union-attr]
        for at in range(5)
    ]
