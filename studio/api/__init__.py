"""The door for plugins, torch-free: what a pack's file imports, and all that it needs to.

from typing import Annotated
from studio.api import Int, Net, architecture

@architecture(kind="my.net", title="My net", data="sklearn.digits")
def my_net(net: Net, width: Annotated[int, Int(1, 4096), "Units."] = 64) -> None:
    x = net.add("torch.nn.Flatten", net.input())
    x = net.add("torch.nn.Linear", x, out_features=10)
    net.output(x)
"""

from studio.extensions import API_VERSION
from studio.extensions.declare import Choice, Float, Int, architecture
from studio.graph.builder import Net, Wire

__all__ = ["API_VERSION", "Choice", "Float", "Int", "Net", "Wire", "architecture"]
