"""The engine itself: every torch room behind one table of requests."""

from studio.engine.service.service import Service

__all__ = ["Service"]
