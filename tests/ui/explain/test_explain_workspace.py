from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from stage import DIGITS, FakeSession, digits_facts

from studio.engine import protocol as p
from studio.graph.facts import TensorType
from studio.graph.spec import LayerSpec
from studio.session import events as e
from studio.ui.explain import ExplainWorkspace
from studio.ui.theme import MINUS, Theme

COUNT = 40
TARGETS = np.arange(COUNT) % 10
#: Sample → what it is read as.
WRONG = {6: 9, 17: 1}

CONV = LayerSpec(kind="torch.nn.Conv2d", title="Conv2d", category="conv")


def outputs() -> np.ndarray:
    table = np.full((COUNT, 10), 0.01, np.float32)
    for k, target in enumerate(TARGETS):
        table[k, target] = 0.91 - 0.01 * k
    for k, read in WRONG.items():
        table[k] = 0.01
        table[k, TARGETS[k]] = 0.2
        table[k, read] = 0.6 + k / 100
    return table


class Answers:
    """Answers requests as an engine would; each kind only when told to."""

    def __init__(self, session: FakeSession, qtbot: QtBot) -> None:
        self.session, self.qtbot = session, qtbot
        self.facts = digits_facts()
        self.outputs, self.targets = outputs(), TARGETS
        self.inputs = np.random.default_rng(0).random((COUNT, 1, 8, 8)).astype(np.float32)

    def give(self, *kinds: type) -> int:
        """Answer everything of these kinds that waits; return how many."""
        given = 0
        for asked in list(self.session.asked):
            if isinstance(asked.request, kinds):
                self.session.asked.remove(asked)
                if not asked.ticket.cancelled:
                    asked.answer(self.answer(asked.request))
                    given += 1
        return given

    def settle(self) -> None:
        """Answer all, until nothing is asked any more."""
        for _ in range(40):
            self.qtbot.wait(10)
            self.give(object)

    def answer(self, request: object) -> object:
        match request:
            case p.GetData():
                return p.DataAnswer(self.facts)
            case p.Predict():
                return p.Predictions("validation", self.outputs, self.targets, request.weights)
            case p.GetSamples():
                places = list(request.indices)
                return p.SampleSet(
                    "validation", request.indices, self.inputs[places], self.targets[places]
                )
            case p.Explain():
                return self.explanation(request)
            case _:
                raise AssertionError(request)

    def explanation(self, request: p.Explain) -> p.Explanation:
        sample = self.inputs[request.index]
        values = sample[0] if sample.ndim == 3 else sample
        read = int(np.argmax(self.outputs[request.index]))
        return p.Explanation(
            request.method,
            values * (1 if request.target is None else -1),
            self.outputs[request.index],
            np.linspace(-1, 1, self.outputs.shape[1]).astype(np.float32),
            read if request.target is None else request.target,
            request.against,
            gap=0.034 if request.method.endswith("integrated_gradients") else None,
            seconds=0.038,
            settings=dict(request.params),
            notes=(f"note of {request.method}",),
        )


class Scene:
    """A workspace with its session and its engine."""

    def __init__(self, qtbot: QtBot, theme: Theme, layers: bool = True) -> None:
        self.qtbot = qtbot
        self.session = FakeSession()
        if layers:
            self.session.catalog = replace(self.session.catalog, layers={CONV.kind: CONV})
        self.session.weights_found = ("w.safetensors", 3260)
        self.engine = Answers(self.session, qtbot)
        self.chosen_path = ""
        self.work = ExplainWorkspace(self.session, theme, ask_path=lambda _: self.chosen_path)  # type: ignore[arg-type]
        self.session.subscribe(self.work.on_event)
        qtbot.addWidget(self.work)
        self.work.resize(1600, 900)

    def show(self) -> None:
        with self.qtbot.waitExposed(self.work):
            self.work.show()

    @property
    def maps(self) -> dict[str, object]:
        return self.work.attribution.maps.maps  # type: ignore[return-value]

    def states(self) -> set[str]:
        return {view.state for view in self.work.attribution.maps.maps.values()}


Make = Callable[..., Scene]


@pytest.fixture
def make(qtbot: QtBot, theme: Theme) -> Make:
    return lambda **options: Scene(qtbot, theme, **options)


def test_nothing_is_asked_before_somebody_looks(make: Make) -> None:
    scene = make()
    assert scene.session.asked == []
    scene.show()
    kinds = {type(asked.request) for asked in scene.session.asked}
    assert kinds == {p.GetData, p.Predict}


def test_the_first_sample_is_explained_by_every_method(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    work = scene.work
    assert work.subject.sample == 0
    assert list(work.attribution.maps.maps) == list(scene.session.catalog.methods)
    assert scene.states() == {"done"}
    assert work.attribution.reading.head.text() == "Reads 0, and that is right"
    assert "Explaining a private copy of step 3" in work.status.text()
    work.grab()


def test_maps_come_one_by_one(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.give(p.GetData, p.Predict, p.GetSamples)
    scene.qtbot.waitUntil(lambda: len(scene.session.waiting(p.Explain)) == 1)
    scene.engine.give(p.Explain)
    states = [view.state for view in scene.work.attribution.maps.maps.values()]
    assert states == ["done", "working", "working", "working", "working"]


def test_the_gap_is_stated_where_it_is_defined(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    told = {kind: view.lines[0].value for kind, view in scene.work.attribution.maps.maps.items()}
    assert told["core.integrated_gradients"] == "gap 3.4 %"
    assert told["core.saliency"] == "not defined"


def test_wrong_samples_are_filtered_and_named(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    samples = scene.work.samples
    assert samples.filters["wrong"].text() == "Wrong 2"
    samples.filters["wrong"].click()
    assert samples.grid.order == (17, 6), "most sure first"
    assert scene.work.subject.sample == 17, "the first that fits is looked at"
    assert scene.work.attribution.reading.head.text() == "Reads 1, truly 7"
    assert samples.foot.text() == "Sample 17: read as 1 (77.0 %), truly 7"


def test_least_sure_and_classes_narrow_down(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    samples = scene.work.samples
    samples.filters["unsure"].click()
    assert samples.grid.order[0] == 39
    samples.classes[3].click()
    assert samples.grid.order == (33, 23, 13, 3)
    samples.order.setCurrentIndex(1)
    samples.order.activated.emit(1)
    assert samples.grid.order == (3, 13, 23, 33)
    samples.filters["wrong"].click()
    assert samples.grid.order == ()
    assert samples.grid.empty_text == "No sample is read wrongly."


def test_pictures_are_fetched_in_chunks_for_what_is_in_sight(make: Make) -> None:
    scene = make()
    scene.engine.outputs = np.tile(outputs(), (250, 1))
    scene.engine.targets = np.tile(TARGETS, 250)
    scene.engine.inputs = np.zeros((10_000, 1, 8, 8), np.float32)
    scene.show()
    scene.engine.give(p.GetData, p.Predict)
    asked = [len(a.request.indices) for a in scene.session.waiting(p.GetSamples)]
    assert 0 < sum(asked) < 400
    assert max(asked) <= 64


def test_changing_the_sample_cancels_and_drops_what_was_under_way(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.give(p.GetData, p.Predict, p.GetSamples)
    scene.qtbot.waitUntil(lambda: bool(scene.session.waiting(p.Explain)))
    (old,) = scene.session.waiting(p.Explain)
    scene.work.samples.walk(1)
    assert old.ticket.cancelled
    old.answer(scene.engine.answer(old.request))
    assert scene.states() == {"working"}, "the answer about the other sample is dropped"
    scene.engine.settle()
    assert scene.states() == {"done"}
    saliency = scene.work.attribution.maps.maps["core.saliency"]
    assert np.array_equal(saliency.values, scene.engine.inputs[1, 0])


def test_walking_fast_asks_only_for_where_it_stops(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    for _ in range(12):
        scene.work.samples.walk(1)
    scene.engine.give(p.GetSamples)
    scene.qtbot.waitUntil(lambda: bool(scene.session.waiting(p.Explain)))
    assert [a.request.index for a in scene.session.waiting(p.Explain)] == [12]


def test_a_refused_map_says_why_and_the_others_go_on(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.give(p.GetData, p.Predict, p.GetSamples)
    scene.qtbot.waitUntil(lambda: bool(scene.session.waiting(p.Explain)))
    (first,) = scene.session.waiting(p.Explain)
    assert first.refuse is not None
    scene.session.asked.remove(first)
    first.refuse(p.Refused("Saliency needs a gradient; argmax has none."))
    scene.engine.settle()
    saliency = scene.work.attribution.maps.maps["core.saliency"]
    assert (saliency.state, saliency.message) == (
        "refused",
        "Saliency needs a gradient; argmax has none.",
    )
    assert scene.states() == {"refused", "done"}


def test_long_work_shows_a_bar_and_can_be_cancelled(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.give(p.GetData, p.Predict, p.GetSamples)
    maps = scene.work.attribution.maps
    assert not maps.stop.isVisible(), "nothing under 300 ms"
    scene.qtbot.waitUntil(maps.stop.isVisible)
    (asked,) = scene.session.waiting(p.Explain)
    assert asked.event is not None
    asked.event(p.Working(30, 60))
    maps.stop.click()
    assert asked.ticket.cancelled
    assert scene.states() == {"waiting"}
    assert not maps.stop.isVisible()


def test_methods_that_do_not_apply_are_grey_with_the_reason(make: Make) -> None:
    scene = make(layers=False)
    scene.show()
    scene.engine.settle()
    methods = scene.work.attribution.methods
    assert not methods.checks["core.grad_cam"].isEnabled()
    assert methods.checks["core.grad_cam"].text() == "Grad-CAM (no convolution)"
    assert "core.grad_cam" not in scene.work.attribution.maps.maps
    assert methods.count.text() == "4 of 5"


def test_unchecking_removes_a_map_and_checking_explains_again(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    box = scene.work.attribution.methods.checks["core.occlusion"]
    box.click()
    assert "core.occlusion" not in scene.maps
    assert scene.session.waiting(p.Explain) == []
    box.click()
    scene.qtbot.waitUntil(lambda: bool(scene.session.waiting(p.Explain)))
    assert [a.request.method for a in scene.session.waiting(p.Explain)] == ["core.occlusion"]


def test_a_changed_setting_explains_only_that_method_again(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    methods = scene.work.attribution.methods
    methods.choose("core.integrated_gradients")
    methods.form.edited.emit("steps", 128)
    scene.qtbot.waitUntil(lambda: bool(scene.session.waiting(p.Explain)))
    (asked,) = scene.session.waiting(p.Explain)
    assert asked.request.method == "core.integrated_gradients"
    assert asked.request.params == {"steps": 128}
    scene.engine.settle()
    assert "note of core.integrated_gradients" in methods.words.text()


def test_a_wrong_sample_is_explained_against_the_truth(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    scene.work.subject.choose(6)
    scene.engine.settle()
    said = scene.work.attribution.reading.question.text()
    assert said == "The maps explain logit 9 − logit 6 = 0.667."
    methods = scene.work.attribution.methods
    methods.against.setCurrentIndex(methods.against.findText("nothing"))
    methods.target.setCurrentIndex(methods.target.findText("class 2"))
    methods.target.activated.emit(methods.target.currentIndex())
    scene.engine.settle()
    said = scene.work.attribution.reading.question.text()
    assert said == f"The maps explain logit 2 = {MINUS}0.556."


def test_while_training_a_private_copy_is_taken_anew_on_demand(make: Make) -> None:
    scene = make()
    scene.session.begin()
    scene.session.weights_found = ("live.safetensors", 1200)
    scene.show()
    scene.engine.settle()
    assert scene.work.weights.currentText() == "live, step 1\u202f200"
    assert scene.work.status.text().endswith("training is untouched")
    scene.session.weights_found = ("live2.safetensors", 1500)
    scene.work.refresh.click()
    asked = scene.session.waiting(p.Predict)
    assert asked[-1].request.weights == "live2.safetensors"
    scene.engine.settle()
    assert scene.work.weights.currentText() == "live, step 1\u202f500"


def test_any_checkpoint_can_be_explained(make: Make) -> None:
    scene = make()
    scene.session.begin()
    scene.session.take(
        p.CheckpointSaved("100.safetensors", 100, 1), p.CheckpointSaved("200.safetensors", 200, 2)
    )
    scene.show()
    scene.engine.settle()
    combo = scene.work.weights
    assert [combo.itemText(k) for k in (1, 2)] == ["epoch 2 · step 200", "epoch 1 · step 100"]
    combo.setCurrentIndex(2)
    combo.activated.emit(2)
    assert scene.session.waiting(p.Predict)[-1].request.weights == "100.safetensors"
    scene.engine.settle()
    assert combo.currentText() == "epoch 1 · step 100"
    assert "step 100" in scene.work.status.text()


def test_stale_predictions_are_dropped(make: Make) -> None:
    scene = make()
    scene.show()
    (old,) = scene.session.waiting(p.Predict)
    scene.work.refresh.click()
    assert old.ticket.cancelled
    old.answer(scene.engine.answer(old.request))
    assert scene.work.subject.predictions is None


def test_a_network_that_does_not_fit_says_so(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.give(p.GetData)
    (asked,) = scene.session.waiting(p.Predict)
    assert asked.refuse is not None
    asked.refuse(p.Refused("fc1 needs 400 inputs, but gets 256. Train this network first."))
    assert scene.work.status.text().startswith("fc1 needs 400 inputs")
    assert scene.work.samples.grid.empty_text.startswith("fc1 needs 400 inputs")
    scene.work.grab()


def test_untrained_weights_are_named(make: Make) -> None:
    scene = make()
    scene.session.weights_found = ("", 0)
    scene.show()
    scene.engine.settle()
    assert scene.work.weights.currentText() == "untrained"
    assert "untrained" in scene.work.attribution.reading.warning.text()


def test_a_table_is_explained_feature_by_feature(make: Make) -> None:
    scene = make(layers=False)
    facts = digits_facts("regression")
    names = ("age", "bmi", "bp", "s1")
    scene.engine.facts = replace(facts, form="table", sample=TensorType((4,)), features=names)
    scene.engine.inputs = np.random.default_rng(0).normal(size=(COUNT, 4)).astype(np.float32)
    scene.engine.outputs = np.linspace(0, 100, COUNT, dtype=np.float32)[:, None]
    scene.engine.targets = np.full((COUNT, 1), 50.0, np.float32)
    scene.show()
    scene.engine.settle()
    work = scene.work
    saliency = work.attribution.maps.maps["core.saliency"]
    assert [row[0] for row in saliency.table()[1:]] == list(names)
    assert work.attribution.reading.head.text() == "Says 0, truly 50"
    assert not work.samples.filters["wrong"].isVisible()
    work.samples.filters["unsure"].click()
    assert work.samples.grid.order[0] in (0, COUNT - 1), "largest error first"
    assert not work.attribution.methods.against.isEnabled()
    work.grab()


def test_arrows_walk_and_o_lays_maps_over_the_sample(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    actions = {action.text(): action for action in scene.work.actions()}
    assert actions["Next sample"].shortcut().toString() == "Right"
    actions["Next sample"].trigger()
    actions["Next sample"].trigger()
    actions["Previous sample"].trigger()
    assert scene.work.subject.sample == 1
    over = scene.work.attribution.maps.over
    actions["Maps over the image"].trigger()
    assert over.isChecked()
    scene.qtbot.keyClick(scene.work, Qt.Key.Key_O)
    assert not over.isChecked()


def test_a_figure_goes_out_with_its_numbers(make: Make, tmp_path: Path) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    scene.chosen_path = str(tmp_path / "figure.png")
    scene.work.export.click()
    assert (tmp_path / "figure.png").stat().st_size > 1000
    with np.load(tmp_path / "figure.npz") as numbers:
        assert np.array_equal(numbers["core.saliency"], scene.engine.inputs[0, 0])
        assert int(numbers["index"]) == 0
    scene.chosen_path = str(tmp_path / "nowhere" / "figure.png")
    scene.work.export.click()
    assert "not written" in scene.work.status.text()


def test_opening_another_run_starts_afresh(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    scene.session.weights_found = ("other.safetensors", 7)
    scene.session.begin("run-2")
    assert scene.session.waiting(p.Predict)[-1].request.weights == "other.safetensors"
    scene.work.hide()
    before = len(scene.session.asked)
    scene.session.tell(e.HistoryOpened("run-3"))
    assert len(scene.session.asked) == before, "hidden, it waits until somebody looks"
    scene.show()
    assert len(scene.session.asked) > before


def test_every_class_has_a_chip(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    assert tuple(chip.text() for chip in scene.work.samples.classes) == DIGITS


def test_other_data_is_explained_from_its_first_sample(make: Make) -> None:
    scene = make()
    scene.show()
    scene.engine.settle()
    project = scene.session.document.project
    other = replace(project, data=replace(project.data, seed=project.data.seed + 1))
    scene.session.document.project = other
    scene.session.begin("run-2")
    scene.engine.settle()
    assert scene.work.subject.sample == 0, "the browser shows it as chosen, so it is"
    assert scene.states() == {"done"}
