"""Recording: moments of a run, spread evenly over its steps, for whoever wants to look back."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from studio.engine import protocol as p
from studio.engine.runs import MomentWriter
from studio.train.insight import Insights


class Recorder:
    """Looks deeper when a probe has been taken, and keeps all of it as a moment.

    `look` gives what looks, when it is first needed: a run begins without waiting for it. `preview`
    gives what the learner showed last.
    """

    def __init__(
        self,
        look: Callable[[], Insights],
        writer: MomentWriter,
        preview: Callable[[], p.Preview | None] = lambda: None,
    ) -> None:
        self._look, self._writer, self._preview = look, writer, preview
        self._insights: Insights | None = None

    def wants(self, step: int) -> bool:
        """Tell whether a moment at a step would be kept."""
        return self._writer.wants(step)

    def record(self, layers: p.LayerStats, pictures: p.Pictures) -> p.Insight:
        """Look deeper, and keep the moment.

        Raises: OSError.
        """
        if self._insights is None:
            self._insights = self._look()
        insight = self._insights.look(layers.step)
        moment = p.Moment(layers.step, layers, pictures, insight, self._preview())
        self._writer.keep(moment)
        return replace(insight, kept=self._writer.steps)
