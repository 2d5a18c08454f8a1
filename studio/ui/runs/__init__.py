"""Runs: everything that was trained, compared."""

from studio.ui.runs.workspace import RunsWorkspace

__all__ = ["RunsWorkspace"]
