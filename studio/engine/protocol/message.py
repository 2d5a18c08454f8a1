"""What every message is: a frozen value that tells its kind."""

from __future__ import annotations

from msgspec import Struct


class Message(Struct, frozen=True, tag=True, omit_defaults=True):
    """One case of a union: requests, answers or events."""
