"""What tests of the window share: one theme over the bundled assets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import Script, make_session
from PySide6.QtWidgets import QApplication

from studio import paths
from studio.session.session import Session
from studio.ui.theme import Theme

ASSETS = Path(__file__).resolve().parent.parent.parent / "assets"


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The dark look."""
    made = Theme(ASSETS)
    yield made
    made.deleteLater()


@pytest.fixture
def script() -> Script:
    """What the engines of `session` say."""
    return Script()


@pytest.fixture
def session(script: Script) -> Iterator[Session]:
    """A real session on a small network, whose engines answer from `script`."""
    made = make_session(script, paths.find())
    yield made
    made.close()
