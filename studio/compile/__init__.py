"""From graph to code that runs: shapes, cost, problems with proved repairs, source text, modules."""

from studio.compile.build import build, load
from studio.compile.cache import Cache
from studio.compile.infer import infer
from studio.compile.source import Unfinished, source

__all__ = ["Cache", "Unfinished", "build", "infer", "load", "source"]
