"""What a node's own code says of itself is read without running a line of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.graph.builder import Net
from studio.graph.graph import PYTHON, SOURCE, Node
from studio.graph.kinds import spec_of
from studio.graph.project import Block, Project
from studio.graph.python_code import (
    LONGEST,
    STARTER,
    CodeError,
    foreign_imports,
    is_readable,
    python_spec,
    signature,
)
from studio.graph.trust import OURS, code_digest, digest, digests
from studio.graph.unfold import resolved

#: Code → inputs (? optional, * many, the type where it is not any), outputs, settings with defaults.
READABLE = {
    "def f(x): return x": ("x", "out", {}),
    "def f(x, mask): return x": ("x mask:mask", "out", {}),
    "def f(x, attn_mask: Tensor | None = None): return x": ("x attn_mask?:mask", "out", {}),
    "def f(x: torch.Tensor, ids: 'LongTensor') -> Tensor: ...": ("x ids:int", "out", {}),
    "def f(x, keep: BoolTensor, w: FloatTensor): ...": ("x keep:mask w:float", "out", {}),
    "def f(x, h: Optional[Tensor] = None): ...": ("x h?", "out", {}),
    "def f(*xs: Tensor): return xs[0]": ("xs*", "out", {}),
    "def f(xs: list[Tensor], dim: int = 1): ...": ("xs*", "out", {"dim": 1}),
    "def f(x, scale: float = 2): ...": ("x", "out", {"scale": 2.0}),
    "def f(x, n=3, on=True, s='a', r=-0.5): ...": (
        "x", "out", {"n": 3, "on": True, "s": "a", "r": -0.5},
    ),
    "def f(x, size: tuple[int, int] = (2, 3)): ...": ("x", "out", {"size": (2, 3)}),
    "def f(x, how: Literal['a', 'b'] = 'b'): ...": ("x", "out", {"how": "b"}),
    "def f(x, n: int | None = None): ...": ("x", "out", {"n": None}),
    "def f(x, *, y: Tensor, k=1): ...": ("x y", "out", {"k": 1}),
    "def f(x) -> tuple[Tensor, Tensor]: ...": ("x", "out out2", {}),
    "def f(x):\n    h = c = x\n    return h, c": ("x", "h c", {}),
    "def f(x):\n    y = x\n    return x, y": ("x", "x_out y", {}),
    "class R(NamedTuple):\n    a: Tensor\n    b: Tensor\ndef f(x) -> R: ...": ("x", "a b", {}),
    "def helper(y, k): return y\ndef f(x): return helper(x, 1)": ("x", "out", {}),
    "class M(nn.Module):\n def __init__(self, n: int = 4): ...\n def forward(self, x): ...": (
        "x", "out", {"n": 4},
    ),
}  # fmt: skip


def shown(source: str) -> tuple[str, str, dict[str, object]]:
    spec = signature(source)
    words = [
        port.name
        + "?" * port.optional
        + "*" * port.many
        + (f":{port.type}" if port.type != "any" else "")
        for port in spec.inputs
    ]
    params = {param.name: param.default for param in spec.params if param.name != SOURCE}
    return " ".join(words), " ".join(port.name for port in spec.outputs), params


@pytest.mark.parametrize("source", READABLE)
def test_signature_becomes_ports_and_settings(source: str) -> None:
    assert shown(source) == READABLE[source]


#: Code that can be no node → the line that is told, and a word of the sentence.
UNUSABLE = {
    "": (1, "needs a function"),
    "x = 1": (1, "needs a function"),
    "def f(x)\n    return x": (1, "Python cannot read"),
    "def f(x):\n    return x +\n": (2, "Python cannot read"),
    "def f(): return 1": (1, "takes no tensor"),
    "def f(x, **more): ...": (1, "Name the arguments"),
    "def f(x,\n      n: int): ...": (2, "needs a default"),
    "def f(x, n: int = open('m')): ...": (1, "plain value"),
    "def f(x, n=[]): ...": (1, "plain value"),
    "def f(x, n: int = 'a'): ...": (1, "its default is 'a'"),
    "def f(x, n: float = float('nan')): ...": (1, "plain value"),
    "def f(x, n=1e999): ...": (1, "finite"),
    "def f(x, n: dict = None): ...": (1, "neither a tensor"),
    "def f(x, y: Tensor = 3): ...": (1, "only None"),
    "def f(x, y: Tensor | None): ...": (1, "None as its default"),
    "def f(x, a=1, *xs): ...": (1, "Put it before"),
    "def f(x) -> tuple[Tensor, ...]: ...": (1, "cannot be read"),
    "def f(x) -> tuple[Tensor]: ...": (1, "tuple of one"),
    "def f(x) -> int: ...": (1, "has to be a Tensor"),
    "def f(x):\n    yield x": (1, "yields"),
    "async def f(x): ...": (1, "async"),
    "def f(source): ...": (1, "meaning of its own"),
    "def f(_x): ...": (1, "cannot name a port"),
    "def f(größe): ...": (1, "cannot name a port"),
    "import os as torch\ndef f(x): ...": (1, "meaning of its own"),
    "from os import *\ndef f(x): ...": (1, "Import by name"),
    "from __future__ import annotations\ndef f(x): ...": (1, "__future__"),
    "class M:\n    def forward(self, x): ...": (1, "to be a module"),
    "class M(nn.Module): ...": (1, "method forward"),
    "class M(nn.Module):\n def __init__(self, n): ...\n def forward(self, x): ...": (
        2,
        "a default",
    ),
    "class M(nn.Module):\n def forward(self, x, k=1): ...": (2, "argument of __init__"),
    "class M(nn.Module):\n def __init__(self, x=1): ...\n def forward(self, x): ...": (
        3,
        "another name",
    ),
    "(" * 5000: (1, "Python cannot read"),
    "#" * (LONGEST + 1): (1, "longer than"),
    "def f(x): return '\0'": (1, "Python cannot read"),
}


@pytest.mark.parametrize("source", UNUSABLE, ids=lambda text: text[:40])
def test_unusable_code_says_why_and_where(source: str) -> None:
    line, words = UNUSABLE[source]
    with pytest.raises(CodeError, match=words.replace("(", r"\(")) as caught:
        signature(source)
    assert caught.value.line == line
    assert not is_readable(source)
    fallback = python_spec(source)  # the node can still be drawn
    assert [port.name for port in (*fallback.inputs, *fallback.outputs)] == ["x", "out"]


def hostile(marker: Path) -> dict[str, str]:
    act = f"open({str(marker)!r}, 'w').write('ran')"
    return {
        "at import": f"{act}\ndef f(x): return x",
        "in a default": f"def f(x, n=({act})): return x",
        "in an annotation": f"def f(x: {act}): return x",
        "in an annotation as text": f"def f(x: {act!r}): return x",
        "in a Literal": f"def f(x, n: Literal[{act}] = 1): return x",
        "in what comes out": f"def f(x) -> tuple[{act}, Tensor]: return x",
        "in a decorator": f"@({act})\ndef f(x): return x",
        "in a base": f"class M(({act})):\n    def forward(self, x): return x",
        "in a metaclass": f"class M(nn.Module, metaclass=({act})):\n    def forward(self, x): return x",
        "in a body": f"def f(x):\n    {act}\n    return x",
    }


@pytest.mark.parametrize("place", sorted(hostile(Path())))
def test_reading_never_runs_anything(place: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    source = hostile(marker)[place]
    python_spec(source)
    if is_readable(source):
        foreign_imports(source)
    spec_of(Node("a", PYTHON, "a", {SOURCE: source}), {})
    assert not marker.exists()


def test_imports_beside_pytorch_are_told() -> None:
    source = "import torch, math\nimport numpy.linalg as la\ndef f(x):\n    import os\n    return x"
    assert foreign_imports(source) == ("numpy.linalg", "os")


def test_code_is_never_a_formula() -> None:
    node = Node("a", PYTHON, "a", {SOURCE: "=evil", "factor": "=width*2"})
    found = resolved(node, {"evil": STARTER, "width": 4})
    assert found.params == {SOURCE: "=evil", "factor": 8}


def project(*sources: str) -> Project:
    net = Net()
    x = net.input()
    for source in sources:
        x = net.add(PYTHON, x, source=source)
    net.output(x)
    return net.project()


def test_digest_differs_with_every_change_and_not_with_the_order() -> None:
    one, other = "def f(x): return x", "def f(x): return x "
    assert digest(one) != digest(other)
    assert code_digest(project(one, other)) == code_digest(project(other, one))
    assert code_digest(project(one)) != code_digest(project(other))
    assert code_digest(project(STARTER)) == code_digest(project()) == ""
    assert digest(STARTER) in OURS
    assert not digests(project(STARTER))


def test_code_in_a_block_that_nobody_uses_counts() -> None:
    sheet = project("def f(x): return x").networks["main"]
    assert digests(Project(blocks={"hidden": Block(sheet)})) == digests(Project({"main": sheet}))
