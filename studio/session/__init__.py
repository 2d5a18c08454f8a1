"""Every use case, without Qt and without torch: open, edit, train, explain."""

from studio.session.session import Session

__all__ = ["Session"]
