"""The Library: layers, the project's blocks, architectures and data, ready to drag or to add."""

from studio.ui.library.panel import Library

__all__ = ["Library"]
