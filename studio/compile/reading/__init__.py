"""Code → drawing: a changed text of a network as one edit, by the templates that the layers are written by."""

from studio.compile.reading.two_way import Reader, Reading

__all__ = ["Reader", "Reading"]
