"""How a command ends other than well: one sentence, and an exit code."""

from __future__ import annotations


class WrongUse(Exception):
    """What was typed cannot be meant: exit code 2."""


class JobFailed(Exception):
    """What was asked for could not be done: exit code 1."""


FINE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
