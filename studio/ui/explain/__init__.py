"""Explain: choose a sample, see what the network reads in it, and which parts made it so."""

from studio.ui.explain.workspace import ExplainWorkspace

__all__ = ["ExplainWorkspace"]
