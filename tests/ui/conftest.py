"""What tests of the window share: one theme over the bundled assets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from studio.ui.theme import Theme

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"


@pytest.fixture()
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The dark look."""
    made = Theme(ASSETS)
    yield made
    made.deleteLater()
