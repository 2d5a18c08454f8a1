"""From a Python file of about 1,000 operations to a network with places: a JSON line a shape of model.

`flat` is one long forward, every operation on the sheet; `blocks` the same number in residual modules.
`trace_ms`: torch.export alone. `draw_ms`: from its program to sheets, blocks and places. `check_ms`: writing
the code, running it and comparing answers. `whole_ms`: all of it in this process, once PyTorch is warm;
`engine_ms`: through the engine's own process for foreign code, which is ready: it was started when the
panel opened, as a person needs longer to choose a file. `cold_ms`: with PyTorch's start included.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import torch

from studio import layers
from studio.compile.importers.checking import finished
from studio.compile.importers.from_graph import draw
from studio.compile.importers.module import exported, import_module
from studio.compile.importers.reading import read_program
from studio.engine.protocol import Import
from studio.engine.service import importing
from studio.engine.service.foreign import Spare

#: Units: ms.
TARGETS = {"engine_ms": 5000.0}
#: Between opening the panel and pressing Import.
_CHOOSING_S = 6.0

_FLAT = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(8, 8, 3, 1, 1) for _ in range({count})])
        self.norms = nn.ModuleList([nn.BatchNorm2d(8) for _ in range({count})])

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = norm(conv(x)).relu() + x
        return x
"""
_BLOCKS = """
from torch import nn

class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, 1, 1)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.norm(self.conv(x)).relu() + x

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*[Residual() for _ in range({count})])

    def forward(self, x):
        return self.layers(x)
"""
SHAPES = {"flat": _FLAT, "blocks": _BLOCKS}
_OPTIONS = {"class": "Net", "input": "8,8,8"}


def measure(shape: str, operations: int, folder: Path) -> dict[str, object]:
    """Return the figures of one shape of model."""
    specs = layers.builtin()
    warm, file = folder / "warm.py", folder / f"{shape}.py"
    warm.write_text(SHAPES[shape].format(count=2))
    file.write_text(SHAPES[shape].format(count=operations // 4))
    import_module(str(warm), _OPTIONS, specs)
    start = time.perf_counter()
    import_module(str(file), _OPTIONS, specs)
    figures = {"whole_ms": _since(start)}

    scope: dict[str, object] = {}
    exec(file.read_text(), scope)
    make = scope["Net"]
    assert isinstance(make, type)
    module = make().eval()
    inputs = (torch.randn(2, 8, 8, 8),)
    start = time.perf_counter()
    program = exported(module, inputs, True)
    figures["trace_ms"] = _since(start)
    start = time.perf_counter()
    traced = read_program(program, specs, module)
    draw(traced, specs)
    figures["draw_ms"] = _since(start)
    start = time.perf_counter()
    finished(traced, module.state_dict(), module, specs)
    figures["check_ms"] = _since(start) - figures["draw_ms"]
    request = Import(str(file), str(folder / "weights"), options=_OPTIONS, agreed=True)
    spare = Spare()
    spare.keep(True)
    time.sleep(_CHOOSING_S)
    start = time.perf_counter()
    importing.bring(request, lambda: False, spare.take)
    figures["engine_ms"] = _since(start)
    start = time.perf_counter()
    importing.bring(request, lambda: False)
    figures["cold_ms"] = _since(start)
    return {"shape": shape, "operations": operations, **{k: round(v) for k, v in figures.items()}}


def _since(start: float) -> float:
    return 1000 * (time.perf_counter() - start)


def main() -> int:
    """Print a line a shape; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1000)
    given = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as place:
        for shape in SHAPES:
            line = measure(shape, given.operations, Path(place))
            print(json.dumps(line), flush=True)
            missed |= any(float(str(line[key])) > most for key, most in TARGETS.items())
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
