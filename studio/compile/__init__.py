"""From graph to code that runs: shapes, cost, problems with proved repairs, source text, modules."""

from studio.compile.build import build, load
from studio.compile.cache import Cache
from studio.compile.consent import Consent
from studio.compile.infer import infer
from studio.compile.kept import Kept
from studio.compile.memory import does_not_fit, memory_bytes, too_large, training_memory
from studio.compile.offers import offers
from studio.compile.raised import Origin, raised_at
from studio.compile.reading import Reader, Reading
from studio.compile.source import Source, Unfinished, source
from studio.compile.starting import StartProblem, start_from

__all__ = [
    "Cache",
    "Consent",
    "Kept",
    "Origin",
    "Reader",
    "Reading",
    "Source",
    "StartProblem",
    "Unfinished",
    "build",
    "does_not_fit",
    "infer",
    "load",
    "memory_bytes",
    "offers",
    "raised_at",
    "source",
    "start_from",
    "too_large",
    "training_memory",
]
