"""Formulas are set from plain text, and broken between words only."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from studio import layers
from studio.ui.formula import Formula, Piece, pieces
from studio.ui.theme import Theme


def test_marks_stand_below_and_above() -> None:
    assert pieces("y_(o,i) = x^2 + b_o") == (
        Piece("y"),
        Piece("o,i", -1),
        Piece(" = x"),
        Piece("2", 1),
        Piece(" + b"),
        Piece("o", -1),
    )


def test_no_formula_loses_a_letter() -> None:
    kept = str.maketrans("", "", "_^(){}")
    for kind, spec in layers.builtin().items():
        text = "".join(piece.text for piece in pieces(spec.formula))
        assert text.translate(kept) == spec.formula.translate(kept), kind


def test_a_long_formula_takes_more_lines(qtbot: QtBot, theme: Theme) -> None:
    shown = Formula(theme)
    qtbot.addWidget(shown)
    shown.resize(600, 40)
    shown.show_formula("y_(o,i,j) = Σ_(c,u,v) w_(o,c,u,v) · x_(c, i+u, j+v) + b_o")
    wide = shown.height()
    shown.resize(120, 40)
    shown.show()
    assert shown.height() >= 2 * wide
