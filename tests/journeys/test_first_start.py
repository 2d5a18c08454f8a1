"""Someone who has never seen it: one press on Train, then why a digit was misread."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
ROOT = Path(__file__).resolve().parent.parent.parent


def test_train_watch_and_ask_why(sit_down: Callable[..., Person], tmp_path: Path) -> None:
    me = sit_down()
    session, window = me.session, me.window

    # A LeNet on digits is there, its shapes on the wires, nothing wrong with it.
    assert session.facts is not None
    assert session.facts.networks["main"].parameters == 61_706
    assert session.can_train() == ""
    node = window.build.canvas.scene.nodes["conv1"]
    view = window.build.canvas.view
    assert view.viewport().rect().contains(view.mapFromScene(node.rect.center()))

    # One press. It trains in another process while this window stays alive.
    me.press(window.toolbar.main)
    me.until(lambda: session.training == "running", 30)
    me.until(lambda: len(session.history.epochs) >= 2, 60)
    assert window.current == 1
    assert "train_loss" in session.history.curves
    me.until(lambda: session.history.pictures is not None, 30)
    assert session.history.pictures is not None
    assert "conv1" in session.history.pictures.maps
    assert session.history.layers["conv1"].std > 0

    # Pausing holds it, going on goes on.
    me.keys("space")
    me.until(lambda: session.training == "paused", 20)
    held = session.history.step
    me.rest(0.6)
    assert session.history.step == held
    me.keys("space")
    me.until(lambda: session.history.step > held, 20)

    # Explaining works on a private copy while training goes on.
    me.keys("ctrl+3")
    me.until(lambda: window.current == 2)
    explain = window.workspace(2)
    me.until(lambda: len(explain.attribution.maps.found) == 5, 60)

    me.until(lambda: session.training == "ended", 120)
    accuracy = session.history.epochs[-1].metrics["val_accuracy"]
    assert accuracy >= 0.97

    # Only what it read wrongly; the first of them is explained as what it reads against the truth.
    me.press(explain.refresh)
    me.until(lambda: explain.subject.step == session.history.checkpoints[-1].step, 30)
    me.press(explain.samples.filters["wrong"])
    predictions = explain.subject.predictions
    wrong = int(explain.subject.sample)
    assert int(predictions.outputs[wrong].argmax()) != int(predictions.targets[wrong])
    me.rest(0.5)
    me.until(lambda: len(explain.attribution.maps.found) == 5, 60)
    me.picture(tmp_path / "explain.png")
    found = explain.attribution.maps.found
    assert set(found) == {
        "core.saliency",
        "core.input_x_gradient",
        "core.integrated_gradients",
        "core.grad_cam",
        "core.occlusion",
    }
    one = found["core.integrated_gradients"]
    assert one.values.shape == (28, 28)
    assert one.gap is not None
    assert one.gap <= 0.05
    assert one.target == int(np.argmax(one.outputs))
    assert one.against == int(predictions.targets[wrong])

    # The same seed from the command line gives the same figures.
    out = tmp_path / "run"
    environment = os.environ | {"NEUROLOOM_HOME": str(tmp_path / "other")}
    command = [sys.executable, "-m", "studio", "train", "assets/starter.loom", "--json"]
    done = subprocess.run(
        [*command, "--out", str(out)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["last"]["val_accuracy"] == accuracy
    assert told["last"]["val_loss"] == session.history.epochs[-1].metrics["val_loss"]

    # Opened again, the project shows its run.
    folder = session.history.folder
    curve = session.history.curves["train_loss"].points()[1]
    me.leave()
    again = sit_down()
    assert again.session.history.folder == folder
    assert again.session.history.status == "finished"
    assert np.allclose(again.session.history.curves["train_loss"].points()[1], curve, rtol=1e-5)
