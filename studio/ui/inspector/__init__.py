"""The Inspector: the selected node's settings, code and live values, or the whole project's."""

from studio.ui.inspector.panel import Inspector

__all__ = ["Inspector"]
