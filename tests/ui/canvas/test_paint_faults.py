"""A mistake of ours in painting is reported once, and the window lives."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from studio.ui.canvas.node_paint import NodePainter


def test_a_paint_that_raises_is_reported_once(
    open_board: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    board = open_board()
    told: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: told.append(error))

    def broken(*arguments: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(NodePainter, "paint", broken)
    board.scene.sprites.clear()
    for _ in range(3):
        board.view.viewport().repaint()
    assert [str(error) for error in told] == ["a mistake of ours"]
    monkeypatch.undo()
    board.view.viewport().repaint()
    assert board.scene.nodes
