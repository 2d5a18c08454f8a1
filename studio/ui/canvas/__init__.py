"""The canvas: one sheet of a project, drawn and edited."""

from studio.ui.canvas.canvas import Canvas

__all__ = ["Canvas"]
