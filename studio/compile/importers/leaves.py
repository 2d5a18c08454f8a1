"""The layers that a forward calls, one by one, where the forward itself cannot be traced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from studio.compile.importers.attributes import layer_of, read
from studio.compile.importers.checking import leaves
from studio.compile.importers.coming import Call, Entry, Traced
from studio.graph.report import ReportLine
from studio.graph.spec import LayerSpec


def read_leaves(
    module: nn.Module, inputs: Sequence[Tensor], specs: Mapping[str, LayerSpec]
) -> Traced:
    """Return a node for each call of a part of `torch.nn`, wired where a tensor goes straight on.

    The parts are heard of by hooks while one batch is answered.
    """
    listening = _Listening(specs, inputs)
    hooks: list[RemovableHandle] = []
    whole: list[str] = []
    for path, part in module.named_modules():
        spec = layer_of(part, specs)
        if spec is None or any(path.startswith(f"{outer}.") for outer in whole):
            continue  # what is inside a layer comes in with it
        if read(part, spec) is not None:
            whole.append(path)
        hooks.append(part.register_forward_hook(listening.hook(path), with_kwargs=True))
    try:
        with torch.no_grad():
            answer = module(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return listening.traced(leaves(answer))


class _Listening:
    def __init__(self, specs: Mapping[str, LayerSpec], inputs: Sequence[Tensor]) -> None:
        self.specs = specs
        self.calls: list[Call] = []
        self.lines: list[ReportLine] = []
        self.kept: dict[int, Tensor] = {}  # held on to, or another could get the same id
        self.values: dict[int, str] = {}
        self.entries = []
        for number, value in enumerate(inputs):
            name = f"x{number + 1}" if number else "x"
            dtype = str(value.dtype).removeprefix("torch.")
            self.entries.append(Entry(name, name, tuple(value.shape[1:]), dtype))
            self._keep(value, name)

    def _keep(self, value: Tensor, name: str) -> None:
        self.kept[id(value)] = value
        self.values[id(value)] = name

    def hook(self, path: str) -> Any:
        """Return what notes a call of the module at `path`."""

        def called(part: nn.Module, args: Any, words: Any, answer: Any) -> None:
            spec = layer_of(part, self.specs)
            assert spec is not None
            params = read(part, spec)
            if params is None:
                text = f"{path} ({type(part).__name__}) has settings that no layer here has."
                self.lines.append(ReportLine("missing", text, path))
                return
            given = leaves((args, words))
            feeds: dict[str, tuple[str, ...]] = {}
            for port, value in zip(spec.inputs, given, strict=False):
                if id(value) in self.values:
                    feeds[port.name] = (self.values[id(value)],)
            gives: dict[str, str] = {}
            for port, value in zip(spec.outputs, leaves(answer), strict=False):
                name = f"{len(self.calls)}.{port.name}"
                gives[port.name] = name
                self._keep(value, name)
            learned = bool(part.state_dict())
            self.calls.append(Call(spec.kind, feeds, gives, params, path, learned=learned))

        return called

    def traced(self, answers: Sequence[Tensor]) -> Traced:
        """Return the calls; every one stays, wired or not."""
        known = [self.values[id(value)] for value in answers if id(value) in self.values]
        return Traced(tuple(self.entries), self.calls, tuple(known), self.lines, whole=False)
