"""The person's settings, kept in step with their file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from studio import settings
from studio.settings import Settings


class Preferences:
    """Holds the settings and writes each change; a disk that refuses is told once."""

    def __init__(self, file: Path | None, values: Settings) -> None:
        self._file = file
        self.values = values
        self.on_trouble: Callable[[str], None] = lambda sentence: None
        self._told = False

    def change(self, **values: Any) -> None:
        """Set fields of the settings and keep them."""
        self.take(replace(self.values, **values))

    def take(self, values: Settings) -> None:
        """Keep other settings."""
        if values == self.values:
            return
        self.values = values
        if self._file is None:
            return
        try:
            settings.save(self._file, values)
        except OSError as error:
            if not self._told:
                self._told = True
                self.on_trouble(
                    f"Settings cannot be kept in {self._file}: {error.strerror}. "
                    "They hold until the window closes."
                )
