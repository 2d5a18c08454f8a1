"""From a file or a folder to data that a network can learn from."""

from studio.ui.wizard.panel import DataWizard

__all__ = ["DataWizard"]
