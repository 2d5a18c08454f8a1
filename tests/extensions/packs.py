"""Makes packs for tests."""

from __future__ import annotations

from pathlib import Path

MANIFEST = """\
name = "{name}"
version = "1.0"
api = {api}
licence = "MIT"
authors = ["A. Person"]
doc = "A pack."
"""

NET = """\
from typing import Annotated

from studio.api import Choice, Float, Int, Net, architecture


@architecture(kind="{kind}", title="Net", data="sklearn.digits", recipe={{"epochs": 3}})
def net(
    net: Net,
    width: Annotated[int, Int(1, 64), "Units."] = 8,
    rate: Annotated[float, Float(maximum=0.5)] = 0.1,
    act: Annotated[str, Choice("ReLU", "Tanh")] = "ReLU",
    bias: bool = True,
) -> None:
    \"\"\"Why it
    mattered.\"\"\"
    x = net.add("torch.nn.Flatten", net.input())
    net.output(net.add("torch.nn.Linear", x, out_features=width, bias=bias))
"""


def make_pack(
    folder: Path, name: str = "mine", kind: str = "mine.net", source: str = "", api: int = 1
) -> Path:
    """Write a pack with one file, `net.py`, and return its folder."""
    pack = folder / name
    pack.mkdir(parents=True)
    (pack / "pack.toml").write_text(MANIFEST.format(name=name, api=api), encoding="utf-8")
    (pack / "net.py").write_text(source or NET.format(kind=kind), encoding="utf-8")
    return pack
