"""What can be done to a wire, in words."""

from __future__ import annotations

from studio.graph.surgery import Action

#: Action → its words in a menu, and what it does in a sentence.
ACTIONS: dict[Action, tuple[str, str]] = {
    "zero": ("Zero", "Let nothing but zeros flow."),
    "scale": ("Scale…", "Multiply what flows by a factor."),
    "noise": ("Add noise…", "Add normal noise, the same for every sample."),
    "patch": ("Replace by another sample's…", "Let flow what another sample gives here."),
}
REMOVE = ("Remove", "Let flow again what the network computes.")
