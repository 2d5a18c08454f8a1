"""Source text → the module that it describes."""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Mapping

from torch import nn

from studio.compile.cache import Cache
from studio.compile.infer import infer
from studio.compile.memory import BYTES_HELD, memory_bytes, too_large
from studio.compile.raised import DRAWN, Drawn
from studio.compile.source import source
from studio.graph.facts import DataFacts
from studio.graph.project import Project
from studio.graph.spec import LayerSpec

#: How the names of generated files begin in tracebacks.
GENERATED = "<network "


def build(
    project: Project,
    network: str,
    specs: Mapping[str, LayerSpec],
    data: DataFacts | None,
    cache: Cache | None = None,
) -> nn.Module:
    """Return a network as a module, freshly initialised by torch's generator.

    `forward(*inputs)` and `forward_tapped(*inputs, tap)` are those of `source`'s text, which is what
    is executed.

    Raises: Unfinished; MemoryError, before the system would have to end this process.
    """
    facts = infer(project, specs, data, cache=cache)
    large = too_large(network, facts.networks[network], memory_bytes(), BYTES_HELD)
    if large is not None:
        raise MemoryError(large.message)
    written = source(project, network, specs, facts)
    return load(written.text, Drawn(network, written))


def load(text: str, drawn: Drawn | None = None) -> nn.Module:
    """Run generated code and return its last class's module; tracebacks show the code's lines.

    With `drawn`, `raised_at` finds the node of an error that the code raises.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    file = f"{GENERATED}{digest}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, object] = {"__name__": f"network_{digest}", DRAWN: drawn}
    exec(compile(text, file, "exec"), scope)
    classes = [
        value
        for value in scope.values()
        if isinstance(value, type) and issubclass(value, nn.Module)
    ]
    return classes[-1]()
