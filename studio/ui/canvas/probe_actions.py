"""The canvas' actions on what flows along a wire: look at it, change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMenu

from studio.ui.canvas.commands import Command
from studio.ui.canvas.surgery_words import ACTIONS, REMOVE

if TYPE_CHECKING:
    from studio.ui.canvas.canvas import Canvas

_TITLES = {"zero": "Surgery: zero", "scale": "Surgery: scale…", "noise": "Surgery: add noise…"}
_TITLES |= {"patch": "Surgery: replace by another sample's…"}


def probe_commands(canvas: Canvas) -> list[Command]:
    """Return what can be done with the wire that is selected, or that leaves the selected node."""
    layer = canvas.probes
    made = [
        Command(
            "probe",
            "Probe",
            "P",
            "Pin what flows here on one sample; once more goes to its card.",
            "eye",
            layer.probe,
            layer.why_not,
        )
    ]
    for action, (_, tip) in ACTIONS.items():
        made.append(
            Command(
                f"surgery_{action}",
                _TITLES[action],
                "",
                f"{tip} The weights stay as they are.",
                "",
                lambda chosen=action: layer.operate_chosen(chosen),  # type: ignore[misc]
                layer.why_no_surgery,
            )
        )
    words, tip = REMOVE
    made.append(
        Command(
            "surgery_remove",
            f"Surgery: {words.lower()}",
            "",
            tip,
            "",
            layer.heal_chosen,
            layer.why_nothing_to_heal,
        )
    )
    return made


def add_surgery(menu: QMenu, canvas: Canvas) -> None:
    """Put *Probe* and a menu of surgery into a wire's context menu."""
    menu.addAction(canvas.commands["probe"])
    inner = menu.addMenu("Surgery")
    inner.setToolTipsVisible(True)
    for action, (words, tip) in ACTIONS.items():
        _offer(inner, canvas, f"surgery_{action}", words, tip)
    inner.addSeparator()
    _offer(inner, canvas, "surgery_remove", *REMOVE)


def _offer(menu: QMenu, canvas: Canvas, key: str, words: str, tip: str) -> None:
    """Add an action under a shorter name; it can be done when the command can."""
    command = canvas.commands[key]
    made = menu.addAction(words)
    made.setEnabled(command.isEnabled())
    made.setToolTip(command.statusTip() or tip)
    made.triggered.connect(command.trigger)
