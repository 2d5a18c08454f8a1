"""Which keys do what: each action's own keys, or those that a person has given it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence

from studio.settings import Settings
from studio.ui.preferences import Preferences

#: The group of actions whose keys work in every part of the window.
EVERYWHERE = "Everywhere"
#: Groups whose keys work in the same place, beside those that work everywhere.
_TOGETHER = (frozenset(["Canvas", "Build"]), frozenset(["Canvas", "Train"]))
#: What moves the keyboard through the window, and confirms or leaves what is open.
_FIXED = frozenset(["Tab", "Backtab", "Shift+Tab", "Return", "Enter", "Esc"])
_BETWEEN = " | "


@dataclass
class Binding:
    """An action, by the name of its object; several windows' parts may each have one of it."""

    name: str
    group: str
    title: str
    own: str
    actions: list[QAction] = field(default_factory=list)


class Keymap(QObject):
    """Gives actions their keys and keeps those that a person chose in the settings."""

    changed = Signal()

    def __init__(self, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self.bindings: dict[str, Binding] = {}

    def take(self, group: str, actions: Iterable[QAction]) -> None:
        """Give these actions the keys that a person chose for them, now and from now on."""
        for action in actions:
            title = action.text().replace("&", "").rstrip("…")
            name = action.objectName() or f"{group}.{title}".lower().replace(" ", "_")
            known = self.bindings.get(name)
            if known is None:
                known = self.bindings[name] = Binding(name, group, title, _text(action.shortcuts()))
            if action not in known.actions:
                known.actions.append(action)
                self._apply(known)

    def keys(self, name: str) -> str:
        """Return an action's keys, as a file holds them; "" for none."""
        return self._preferences.values.keys.get(name, self.bindings[name].own)

    def first(self, name: str) -> str:
        """Return the first of an action's keys, as a file holds it; "" for none."""
        return self.keys(name).split(_BETWEEN)[0]

    def shown(self, name: str) -> str:
        """Return an action's keys as this system writes them."""
        native = QKeySequence.SequenceFormat.NativeText
        return ", ".join(one.toString(native) for one in _sequences(self.keys(name)))

    def is_own(self, name: str) -> bool:
        """Tell whether an action has the keys that it came with."""
        return self.keys(name) == self.bindings[name].own

    def why_not(self, name: str, keys: str) -> str:
        """Return why an action cannot have these keys, "" where it can."""
        mine = self.bindings[name]
        for one in _sequences(keys):
            text = one.toString(QKeySequence.SequenceFormat.NativeText)
            if one.toString() in _FIXED:
                return f"{text} moves the keyboard or answers what is open. Choose another key."
            for other in self.bindings.values():
                met = other is not mine and _meet(mine.group, other.group)
                if met and one in _sequences(self.keys(other.name)):
                    return (
                        f"{text} is the key of {other.title} ({other.group}). Give that another key "
                        "first, or choose one that is free."
                    )
        return ""

    def bind(self, name: str, keys: str) -> str:
        """Give an action other keys ("" for none); return why not, where they are taken."""
        reason = self.why_not(name, keys)
        if not reason:
            self._keep({**self._preferences.values.keys, name: _text(_sequences(keys))}, [name])
        return reason

    def reset(self, name: str) -> str:
        """Give an action the keys that it came with; return why not, where another has them now."""
        reason = self.why_not(name, self.bindings[name].own)
        if not reason:
            keys = {one: text for one, text in self._preferences.values.keys.items() if one != name}
            self._keep(keys, [name])
        return reason

    def reset_all(self) -> None:
        """Give every action the keys that it came with."""
        self._keep(Settings().keys, list(self.bindings))

    def _keep(self, keys: dict[str, str], names: list[str]) -> None:
        for name in names:
            if name in keys and keys[name] == self.bindings[name].own:
                del keys[name]
        self._preferences.change(keys=keys)
        for name in names:
            self._apply(self.bindings[name])
        self.changed.emit()

    def _apply(self, binding: Binding) -> None:
        sequences = _sequences(self.keys(binding.name))
        for action in binding.actions:
            if action.shortcuts() != sequences:
                action.setShortcuts(sequences)


def _meet(one: str, other: str) -> bool:
    """Tell whether the keys of two groups can be meant at the same time."""
    return one == other or EVERYWHERE in (one, other) or {one, other} in _TOGETHER


def _sequences(keys: str) -> list[QKeySequence]:
    found = [QKeySequence(part) for part in keys.split(_BETWEEN) if part]
    return [one for one in found if not one.isEmpty()]


def _text(sequences: Iterable[QKeySequence]) -> str:
    return _BETWEEN.join(one.toString() for one in sequences)
