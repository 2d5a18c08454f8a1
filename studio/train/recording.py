"""Recording: moments of a run, spread evenly over its steps, for whoever wants to look back."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from studio.engine import protocol as p
from studio.engine.runs import MomentWriter
from studio.train.insight import Insights
from studio.train.left_out import LeftOut

#: What cannot be shown where looking deeper fails.
INSIGHTS = "Filters, the map of samples and the decision surface"


class Recorder:
    """Looks deeper when a probe has been taken, and keeps all of it as a moment.

    `look` gives what looks, when it is first needed: a run begins without waiting for it. `preview`
    gives what the learner showed last. Where looking fails, moments are kept without.
    """

    def __init__(
        self,
        look: Callable[[], Insights],
        writer: MomentWriter,
        preview: Callable[[], p.Preview | None] = lambda: None,
        left_out: LeftOut | None = None,
    ) -> None:
        self._left_out = left_out or LeftOut()
        self._look, self._writer, self._preview = look, writer, preview
        self._insights: Insights | None = None

    def wants(self, step: int) -> bool:
        """Tell whether a moment at a step would be kept."""
        return self._writer.wants(step)

    def record(self, layers: p.LayerStats, pictures: p.Pictures) -> p.Insight:
        """Look deeper, and keep the moment.

        Raises: OSError.
        """
        step = layers.step
        insight = self._left_out.look(INSIGHTS, lambda: self._deeper(step), p.Insight(step))
        moment = p.Moment(step, layers, pictures, insight, self._preview())
        self._writer.keep(moment)
        return replace(insight, kept=self._writer.steps)

    def _deeper(self, step: int) -> p.Insight:
        if self._insights is None:
            self._insights = self._look()
        return self._insights.look(step)
