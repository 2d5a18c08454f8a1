"""The generated module as a file of its own, with what fills it with weights."""

from __future__ import annotations

import re
from pathlib import Path

from studio.compile.exporters import weights
from studio.compile.exporters.leaving import Leaving, put_text
from studio.graph.report import ReportLine

_READER = '''

def read_tensors(path: str) -> dict[str, torch.Tensor]:
    """Read a safetensors file: a length, a table as JSON, and the numbers."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        table = json.loads(file.read(size))
        numbers = file.read()
    dtypes = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "I64": torch.int64}
    dtypes |= {"BF16": torch.bfloat16, "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool}
    tensors = {}
    for name, entry in table.items():
        if name != "__metadata__":
            start, stop = entry["data_offsets"]
            flat = torch.empty(0, dtype=dtypes[entry["dtype"]])
            if stop > start:
                flat = torch.frombuffer(bytearray(numbers[start:stop]), dtype=flat.dtype)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors
'''

_LOADER = '''

def load_weights(model: nn.Module, path: str) -> None:
    """Fill `model` from a safetensors file."""
    model.load_state_dict(read_tensors(path))
'''


def with_reader(text: str, *imports: str) -> str:
    """Return a module's source with `read_tensors`, and the modules of the standard library it needs."""
    head, _, rest = text.partition("\n\n")
    known, _, body = rest.partition("\n\n")
    lines = known.strip().splitlines()
    if "import torch" not in lines:
        lines.insert(0, "import torch")
    own = [f"import {name}" for name in sorted(("json", *imports))]
    return "\n".join([head, "", *own, "", *lines, "", body.rstrip("\n")]) + "\n" + _READER


def with_loader(text: str, file: str = "") -> str:
    """Return a module's source with `load_weights`, and its call where there is a `file`."""
    whole = with_reader(text) + _LOADER
    if file:
        network = re.findall(r"^class (\w+)", text, re.M)[-1]
        whole += f'''

if __name__ == "__main__":
    model = {network}()
    load_weights(model, "{file}")
    print(model.eval())
'''
    return whole


def write(leaving: Leaving, path: Path) -> list[ReportLine]:
    """Write the source, and beside it the weights where the network was trained.

    Raises: OSError.
    """
    beside = path.with_suffix(".safetensors")
    text = with_loader(leaving.source.text, beside.name if leaving.trained else "")
    report = [ReportLine("exact", f"{path.name}: the very code that runs here, and load_weights.")]
    if leaving.trained:
        report += weights.write(leaving, beside)
    put_text(path, text)
    return report
