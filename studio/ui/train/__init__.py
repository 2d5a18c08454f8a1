"""Train: the live network, its curves, its layers over time, and what deserves a look."""

from studio.ui.train.workspace import TrainWorkspace

__all__ = ["TrainWorkspace"]
