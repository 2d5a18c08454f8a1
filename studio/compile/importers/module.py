"""A Python file, or a module that can be imported, with a person's own `nn.Module`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import json
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import transformer

from studio.compile.importers.checking import finished, first_line, leaves
from studio.compile.importers.coming import Imported, ImportProblem
from studio.compile.importers.leaves import read_leaves
from studio.compile.importers.reading import read_program
from studio.graph.report import ReportLine
from studio.graph.spec import LayerSpec

#: The batch that a network is traced with. Where the batch is fixed, a size that seldom is another one.
_TRACED, _FIXED = 2, 13


def import_module(
    path: str, options: Mapping[str, str], specs: Mapping[str, LayerSpec]
) -> Imported:
    """Return the network of a class in `path`, a file or a dotted name; its code is run.

    Options: `class` (the only one of the file where left out), `args` (JSON: a list or an object of the
    constructor's arguments) and `input` (one sample's shape, `3,32,32`; several inputs with `;`, token ids
    with `int:` before the shape).
    Raises: ImportProblem.
    """
    cls = _chosen(_loaded(path), options.get("class", ""), path)
    module = _made(cls, options.get("args", "")).eval()
    shapes = options.get("input", "") or guess(module)
    inputs = _samples(shapes, _TRACED)
    _answers(module, inputs, shapes)
    return _drawn(module, inputs, _samples(shapes, _FIXED), specs)


# ------------------------------------------------------------------------------------------ the class


def _loaded(path: str) -> Any:
    """Run a file, or import a module by its dotted name."""
    file = Path(path)
    if file.suffix != ".py" and not file.exists():
        try:
            return importlib.import_module(path)
        except ModuleNotFoundError as error:
            raise ImportProblem(
                f"There is no file and no module named {path} ({first_line(error)}). Give the path of a "
                "Python file, or the dotted name of an installed module."
            ) from None
        except (Exception, SystemExit) as error:
            raise _failed("importing it", error, path) from None
    if not file.is_file():
        raise ImportProblem(f"There is no file {path}. Give the path of a Python file.")
    sys.path.insert(0, str(file.resolve().parent))  # so that it finds the files beside it
    found = importlib.util.spec_from_file_location(f"imported_{file.stem}", file)
    assert found is not None
    assert found.loader is not None
    loaded = importlib.util.module_from_spec(found)
    sys.modules[found.name] = loaded
    try:
        found.loader.exec_module(loaded)
    except SyntaxError as error:
        place = f"line {error.lineno}" if error.filename == str(file) else str(error.filename)
        raise ImportProblem(
            f"{file.name} is not Python that can be run: {error.msg} at {place}. Correct it there."
        ) from None
    except (Exception, SystemExit) as error:
        raise _failed("running it", error, file.name) from None
    return loaded


def _failed(doing: str, error: BaseException, name: str) -> ImportProblem:
    """Return the sentence for an exception of foreign code, with the line that it came from."""
    if isinstance(error, SystemExit):
        return ImportProblem(
            f"{name} ends the program (sys.exit) while {doing}. Put such lines under "
            'if __name__ == "__main__":.'
        )
    frames = traceback.extract_tb(error.__traceback__)
    last = next((f for f in reversed(frames) if "torch" not in Path(f.filename).parts), None)
    where = f", {Path(last.filename).name} line {last.lineno}" if last else ""
    return ImportProblem(
        f"{name} failed while {doing}: {type(error).__name__}: {first_line(error)}{where}."
    )


def _chosen(loaded: Any, wanted: str, path: str) -> type[nn.Module]:
    classes = {
        name: value
        for name, value in vars(loaded).items()
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and (value.__module__ == loaded.__name__ or name == wanted)
    }
    known = ", ".join(classes) or "none"
    if wanted:
        if wanted not in classes:
            raise ImportProblem(f"{path} has no nn.Module named {wanted}. It has: {known}.")
        return classes[wanted]
    if not classes:
        raise ImportProblem(f"{path} defines no class of nn.Module, so there is nothing to import.")
    used = {name for name, value in classes.items() if _is_part(value, classes)}
    whole = [name for name in classes if name not in used]
    if len(whole) != 1 and len(classes) != 1:
        raise ImportProblem(
            f"{path} has several classes: {known}. Say which: {Path(path).name}:{(whole or list(classes))[-1]}."
        )
    return classes[whole[0] if whole else known]


def _is_part(cls: type, classes: Mapping[str, type]) -> bool:
    """Tell whether another class of the file names this one in its code."""
    for other in classes.values():
        if other is cls:
            continue
        names: set[str] = set()
        for member in vars(other).values():
            code = getattr(member, "__code__", None)
            waiting = [code] if code else []
            while waiting:
                one = waiting.pop()
                names.update(one.co_names)
                waiting += [part for part in one.co_consts if inspect.iscode(part)]
        if cls.__name__ in names or issubclass(other, cls):
            return True
    return False


def _made(cls: type[nn.Module], args: str) -> nn.Module:
    """Call the constructor."""
    try:
        given = json.loads(args) if args.strip() else []
    except json.JSONDecodeError as error:
        raise ImportProblem(
            f'The constructor\'s arguments are JSON, such as [3, 10] or {{"classes": 10}}: {error.msg} at '
            f"character {error.pos}."
        ) from None
    if not isinstance(given, (list, dict)):
        given = [given]
    positional, named = (given, {}) if isinstance(given, list) else ([], given)
    try:
        bound = inspect.signature(cls).bind(*positional, **named)
    except TypeError as error:
        raise ImportProblem(
            f"{cls.__name__}{inspect.signature(cls)} cannot be made: {first_line(error)}. Give its arguments "
            'as JSON, such as [3, 10] or {"classes": 10}.'
        ) from None
    try:
        torch.manual_seed(0)
        module = cls(*bound.args, **bound.kwargs)
    except (Exception, SystemExit) as error:
        raise _failed(f"{cls.__name__} was made", error, cls.__name__) from None
    return module


# ------------------------------------------------------------------------------------------ the input


def guess(module: nn.Module) -> str:
    """Return the shape that a network's first layer suggests, as `input` takes it.

    Raises: ImportProblem.
    """
    for part in module.modules():
        match part:
            case nn.Conv2d() | nn.ConvTranspose2d():
                return f"{part.in_channels},64,64"
            case nn.Conv1d() | nn.ConvTranspose1d():
                return f"{part.in_channels},64"
            case nn.Conv3d():
                return f"{part.in_channels},16,16,16"
            case nn.Linear():
                return f"{part.in_features}"
            case nn.Embedding():
                return "int:16"
            case nn.RNNBase():
                return f"16,{part.input_size}"
            case _:
                continue
    raise ImportProblem("The input's shape cannot be guessed. Give one sample's, such as 3,32,32.")


def _samples(shapes: str, batch: int) -> tuple[Tensor, ...]:
    draw = torch.Generator().manual_seed(0)
    found = []
    for text in shapes.split(";"):
        kind, _, sizes = text.strip().rpartition(":")
        try:
            shape = [int(size) for size in sizes.replace("x", ",").replace("×", ",").split(",")]
        except ValueError:
            shape = []
        if not shape or min(shape) < 1 or kind not in ("", "int", "float", "bool"):
            raise ImportProblem(
                f"An input is one sample's shape, such as 3,32,32, or int:16 for 16 token ids. Got {text!r}."
            )
        if kind in ("", "float"):
            found.append(torch.randn(batch, *shape, generator=draw))
        else:
            ids = torch.randint(0, 2, (batch, *shape), generator=draw)
            found.append(ids if kind == "int" else ids.bool())
    return tuple(found)


def _answers(module: nn.Module, inputs: Sequence[Tensor], shapes: str) -> None:
    """See that the module answers at all.

    Raises: ImportProblem.
    """
    try:
        with torch.no_grad():
            given = leaves(module(*inputs))
    except (Exception, SystemExit) as error:
        raise ImportProblem(
            f"{type(module).__name__} does not take samples of {shapes}: {type(error).__name__}: "
            f"{first_line(error)}. Give the input's shape, such as 3,32,32, or int:16 for token ids."
        ) from None
    if not given:
        raise ImportProblem(
            f"{type(module).__name__}'s forward gives no tensor, so there is no output."
        )


# -------------------------------------------------------------------------------------------- tracing


def _drawn(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    fixed: tuple[Tensor, ...],
    specs: Mapping[str, LayerSpec],
) -> Imported:
    """Trace in the best way that works, and draw."""
    state = module.state_dict()
    reasons: list[ReportLine] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dynamic in (True, False):
            try:
                program = exported(module, inputs if dynamic else fixed, dynamic)
                traced = read_program(program, specs, module)
                if not dynamic:
                    reasons.append(ReportLine("approximated", "Traced for a batch of fixed size."))
                return finished(traced, state, module, specs, reasons)
            except ImportProblem:
                raise
            except (
                Exception
            ) as error:  # the tracer raises dozens of kinds; what it says is what counts
                why = first_line(error)
        try:
            plain = torch.fx.symbolic_trace(
                module
            )  # Python's own branches and loops are gone in it
            traced = read_program(exported(plain, inputs, True), specs, plain)
            note = f"torch.export cannot trace it ({why}); torch.fx did."
            return finished(traced, state, module, specs, [ReportLine("approximated", note)])
        except Exception as error:  # as above
            other = first_line(error)
    traced = read_leaves(module, inputs, specs)
    text = (
        f"The forward cannot be traced ({why}; {other}). Its layers stand in the order in which they are called, "
        "with the wires that are known: what happens between them has to be drawn."
    )
    return finished(traced, state, None, specs, [ReportLine("missing", text)])


def exported(
    module: nn.Module, inputs: tuple[Tensor, ...], dynamic: bool
) -> torch.export.ExportedProgram:
    """Return torch.export's program, for any number of samples where `dynamic`."""
    with contextlib.suppress(ImportError):  # its progress bars would leave a thread behind for good
        from tqdm import tqdm

        tqdm.monitor_interval = 0
    batch = torch.export.Dim("batch", min=1)
    shapes = tuple({0: batch} for _ in inputs) if dynamic else None
    with _untold(), _masks_as_given():
        return torch.export.export(module, inputs, dynamic_shapes=shapes, strict=False)


@contextlib.contextmanager
def _untold() -> Iterator[None]:
    """Let the tracer not note at every operator who called it: nobody reads that, and it takes a tenth of the time."""
    before = torch.fx.config.do_not_emit_stack_traces
    torch.fx.config.do_not_emit_stack_traces = True
    try:
        yield
    finally:
        torch.fx.config.do_not_emit_stack_traces = before


@contextlib.contextmanager
def _masks_as_given() -> Iterator[None]:
    """Let nn.Transformer not look into a mask for whether it is causal: a graph cannot, and nothing but speed
    depends on it."""
    name = "_detect_is_causal_mask"
    before = getattr(transformer, name)
    setattr(transformer, name, lambda mask, is_causal=None, size=None: bool(is_causal))
    try:
        yield
    finally:
        setattr(transformer, name, before)


def warm_up(specs: Mapping[str, LayerSpec]) -> None:
    """Bring in a small network, so that everything that a larger one needs is loaded."""
    small = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Flatten()).eval()
    _drawn(small, _samples("1,2,2", _TRACED), _samples("1,2,2", _FIXED), specs)
