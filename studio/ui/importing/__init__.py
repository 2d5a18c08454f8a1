"""Networks that come in from elsewhere: what is asked first, and the report at the end."""

from studio.ui.importing.panel import ImportPanel
from studio.ui.importing.weights_panel import WEIGHTS, WeightsPanel

__all__ = ["WEIGHTS", "ImportPanel", "WeightsPanel"]
