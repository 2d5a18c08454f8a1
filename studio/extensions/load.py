"""Running a pack's file to draw what it offers. The engine's business: a pack may hang or crash."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from msgspec import Struct

from studio.extensions.declare import MARK
from studio.extensions.overseen import Overdue, overseen
from studio.extensions.read import Offer
from studio.extensions.scan import Scan, scan
from studio.graph.builder import Net
from studio.graph.catalog import PackInfo, UnknownKind
from studio.graph.params import Value, check_params, with_defaults
from studio.graph.problems import Fault
from studio.graph.project import DataRef, Project, Recipe, Step
from studio.graph.spec import ArchitectureSpec


class PackFailed(Exception):
    """A pack's code raised; `fault` says where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Packs(Struct, frozen=True):
    """What the packs offer after every file was run once; what raised is a fault and offers nothing."""

    offers: dict[str, Offer]
    infos: tuple[PackInfo, ...]
    faults: tuple[Fault, ...]
    hash: str

    @property
    def architectures(self) -> dict[str, ArchitectureSpec]:
        """Every architecture that can be drawn, by kind."""
        return {kind: offer.spec for kind, offer in self.offers.items()}

    def draw(self, kind: str, params: Mapping[str, Value]) -> Project:
        """Return the project that an architecture draws, with the data and the recipe that suit it.

        Raises: UnknownKind, ParamError, PackFailed.
        """
        if kind not in self.offers:
            known = ", ".join(sorted(self.offers)) or "none"
            raise UnknownKind(f"There is no architecture of kind {kind!r}. Known ones: {known}.")
        offer = self.offers[kind]
        spec = offer.spec
        values = with_defaults(spec.params, check_params(spec.params, params))
        function = _function(_run(offer), offer)
        net = Net("main")
        try:
            overseen(lambda: function(net, **values), offer.file)
            return net.project(data_of(spec), recipe_of(spec))
        except BaseException as error:
            raise _failed(error, offer, f"{spec.title} could not be drawn") from error


def data_of(spec: ArchitectureSpec) -> DataRef:
    """Return the data that an architecture is trained on by default."""
    if not spec.data:
        return DataRef()
    steps = msgspec.convert(spec.transforms, tuple[Step, ...])
    return DataRef(kind=spec.data, params=spec.data_params, transforms=steps)


def recipe_of(spec: ArchitectureSpec) -> Recipe:
    """Return the recipe that an architecture is trained with by default."""
    return msgspec.convert(spec.recipe, Recipe)


def load_packs(folders: Sequence[Path]) -> Packs:
    """Scan `folders` and run every file once, so that one that raises is known before it is needed."""
    found = scan(folders)
    broken: dict[str, Fault] = {}
    for offer in found.offers.values():
        if offer.file not in broken:
            try:
                _function(_run(offer), offer)
            except PackFailed as failure:
                broken[offer.file] = failure.fault
    return _without(found, broken)


def _without(found: Scan, broken: dict[str, Fault]) -> Packs:
    offers = {kind: offer for kind, offer in found.offers.items() if offer.file not in broken}
    infos = tuple(
        msgspec.structs.replace(info, offers=tuple(kind for kind in info.offers if kind in offers))
        for info in found.infos
    )
    return Packs(offers, infos, (*found.faults, *broken.values()), found.hash)


def _run(offer: Offer) -> ModuleType:
    """Return the module that the file makes, freshly run in a namespace of its own."""
    name = f"neuroloom_pack_{offer.spec.pack}_{Path(offer.file).stem}"
    module = ModuleType(name)
    module.__file__ = offer.file
    before = sys.modules.get(name)
    sys.modules[name] = module  # dataclasses look their module up while it runs
    try:
        source = Path(offer.file).read_bytes()
        code = compile(source, offer.file, "exec")
        overseen(lambda: exec(code, module.__dict__), offer.file)
    except BaseException as error:
        raise _failed(error, offer, "This file cannot be used") from error
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    return module


def _function(module: ModuleType, offer: Offer) -> Callable[..., Any]:
    function: Callable[..., Any] | None = module.__dict__.get(offer.function)
    if callable(function) and getattr(function, MARK, "") == offer.spec.kind:
        return function
    message = (
        f"{offer.function} is no longer the function that offers {offer.spec.kind} after the file ran. "
        "Another definition of the same name hides it, or `architecture` is not studio.api's."
    )
    raise PackFailed(Fault(message, offer.spec.pack, offer.file, offer.line))


def _failed(error: BaseException, offer: Offer, what: str) -> PackFailed:
    """Return the failure with the deepest line inside the pack's own file."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, Overdue):
        message = f"{what}: it {error}. Look for an endless loop."
        return PackFailed(Fault(message, offer.spec.pack, offer.file, error.line or offer.line))
    line = offer.line
    if isinstance(error, SyntaxError) and error.filename == offer.file:
        line = error.lineno or line
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == offer.file and frame.lineno is not None:
            line = frame.lineno
    words = " ".join(str(error).split()) or "no further words"
    message = f"{what}: it raised {type(error).__name__}: {words}"
    details = "".join(traceback.format_exception(error))
    return PackFailed(Fault(message, offer.spec.pack, offer.file, line, details))
