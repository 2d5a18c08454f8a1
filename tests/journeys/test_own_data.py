"""A person's own files become data by the wizard, and LeNet-5 learns to read them."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from sklearn.datasets import load_digits

from studio.graph.edits import SetRecipe
from studio.ui.wizard import DataWizard

if TYPE_CHECKING:
    from conftest import Person

pytestmark = pytest.mark.journey
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "t10k-images-idx3-ubyte.gz"


def small_idx(folder: Path) -> Path:
    """Digits in MNIST's form: 1,797 of 28×28."""
    digits = load_digits()
    pixels = np.kron(digits.images, np.ones((3, 3))) / 16 * 255
    pixels = np.pad(pixels, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    for name, array in (("few-images-idx3-ubyte.gz", pixels), ("few-labels-idx1-ubyte.gz", labels)):
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(gzip.compress(head + array.tobytes(), 1))
    return folder / "few-images-idx3-ubyte.gz"


@pytest.mark.parametrize(
    ("real", "epochs", "bar"),
    [
        (False, 6, 0.95),
        pytest.param(
            True, 6, 0.975, marks=pytest.mark.skipif(not REAL.exists(), reason="MNIST is not here")
        ),
    ],
    ids=["digits", "mnist"],
)
def test_lenet_reads_digits_that_come_by_the_wizard(
    sit_down: Callable[..., Person], tmp_path: Path, real: bool, epochs: int, bar: float
) -> None:
    me = sit_down()
    session = me.session
    images = REAL if real else small_idx(tmp_path)

    me.keys("ctrl+shift+d")
    (wizard,) = me.window.findChildren(DataWizard)
    me.until(wizard.isVisible)
    me.press(wizard.path)
    wizard.activateWindow()  # no window manager: nobody else gives it the keyboard
    me.until(wizard.path.hasFocus)
    me.type(str(images))
    me.keys("Tab")
    me.until(lambda: wizard.outcome.facts is not None, 60)
    assert "10 classes" in wizard.outcome.words.text()
    use = wizard.use
    me.press_at(use.mapToGlobal(QPoint(use.width() // 2, use.height() // 2)))
    me.until(lambda: session.document.project.data.kind == "files.idx")
    assert session.document.project.data.transforms == ()

    session.do(SetRecipe({"epochs": epochs}))
    me.until(lambda: session.settled and not session.can_train(), 60)
    me.press(me.window.toolbar.main)
    me.until(lambda: session.training == "ended", 240)
    summary = session.history.summary
    assert summary is not None
    assert summary.status == "finished"
    assert summary.best["val_accuracy"]["value"] >= bar
