"""Networks that the compiler's tests draw."""

from studio.graph.builder import Net, Wire
from studio.graph.project import Project

Layer = tuple[str, dict[str, object]]


def chain(*layers: str | Layer, output: bool = True) -> Project:
    """Draw layers one behind the other."""
    net = Net()
    x = net.input()
    for layer in layers:
        kind, params = (layer, {}) if isinstance(layer, str) else layer
        x = net.add(kind, x, **params)
    if output:
        net.output(x)
    return net.project()


def conv(**params: object) -> Layer:
    return "torch.nn.Conv2d", params


def linear(**params: object) -> Layer:
    return "torch.nn.Linear", params


def lenet() -> Project:
    """LeNet-5 with ReLU and max pooling on 28×28 pictures."""
    return chain(
        conv(name="conv1", out_channels=6, kernel_size=5, padding=2),
        "torch.nn.ReLU",
        ("torch.nn.MaxPool2d", {"name": "pool1", "kernel_size": 2}),
        conv(name="conv2", out_channels=16, kernel_size=5),
        "torch.nn.ReLU",
        ("torch.nn.MaxPool2d", {"name": "pool2", "kernel_size": 2}),
        "torch.nn.Flatten",
        linear(name="fc1", out_features=120),
        "torch.nn.ReLU",
        linear(name="fc2", out_features=84),
        "torch.nn.ReLU",
        linear(name="fc3", out_features=10),
    )


def residual() -> Project:
    """Two linked residual blocks of one size, a third of another, and a linear end."""
    net = Net()
    with net.block("ResBlock", "y = relu(x + F(x))") as block:
        shortcut = block.input()
        x = block.add("torch.nn.Conv2d", shortcut, name="conv1", kernel_size=3, padding=1, bias=False,
                      out_channels=8)  # fmt: skip
        x = block.add("torch.nn.BatchNorm2d", x, name="bn1")
        x = block.add("core.add", x, shortcut, name="add")
        block.output(block.add("torch.nn.ReLU", x, name="relu"))
    with net.block("Down") as block:
        x = block.add("torch.nn.Conv2d", block.input(), name="conv", out_channels=8, kernel_size=2,
                      stride=2)  # fmt: skip
        block.output(block.add("torch.nn.ReLU", x, name="relu"))
    x = net.add(
        "torch.nn.Conv2d", net.input(), name="stem", out_channels=8, kernel_size=3, padding=1
    )
    for name in ("res1", "res2"):
        x = net.use("ResBlock", x, name=name)
    x = net.use("Down", x, name="down1")
    x = net.add("torch.nn.Conv2d", x, name="wide", out_channels=4, kernel_size=1)
    x = net.use("Down", x, name="down2")
    x = net.add("torch.nn.AdaptiveAvgPool2d", x, name="pool")
    x = net.add("torch.nn.Flatten", x)
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    return net.project()


def inception() -> Project:
    """Three branches, concatenated."""
    net = Net()
    x = net.input()
    one = net.add("torch.nn.Conv2d", x, name="one", out_channels=4, kernel_size=1)
    three = net.add("torch.nn.Conv2d", x, name="three", out_channels=6, kernel_size=3, padding=1)
    pool = net.add("torch.nn.MaxPool2d", x, name="pool", kernel_size=3, stride=1, padding=1)
    x = net.add("core.concat", one, three, pool, name="cat")
    x = net.add("core.mean", x, dim=(2, 3))
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    return net.project()


def recurrent(kind: str = "torch.nn.LSTM") -> Project:
    """A picture read row by row; the last step decides."""
    net = Net()
    x = net.add("core.squeeze", net.input(), dim=1)
    x = net.add(kind, x, name="rnn", hidden_size=16)
    x = net.add("core.select", x, name="last", dim=1, index=-1)
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=10))
    return net.project()


def encoder(net: Net, x: Wire, number: int, dropout: float = 0.0) -> Wire:
    """One pre-norm transformer block."""
    y = net.add("torch.nn.LayerNorm", x, name=f"norm{number}a")
    y = net.add(
        "torch.nn.MultiheadAttention", y, name=f"attn{number}", num_heads=4, dropout=dropout
    )
    x = net.add("core.add", x, y, name=f"add{number}a")
    y = net.add("torch.nn.LayerNorm", x, name=f"norm{number}b")
    y = net.add("torch.nn.Linear", y, name=f"fc{number}a", out_features=32)
    y = net.add("torch.nn.GELU", y, name=f"act{number}")
    y = net.add("torch.nn.Linear", y, name=f"fc{number}b", out_features=16)
    return net.add("core.add", x, y, name=f"add{number}b")


def transformer(dropout: float = 0.0) -> Project:
    """A small vision transformer."""
    net = Net()
    x = net.add(
        "torch.nn.Conv2d", net.input(), name="patch", out_channels=16, kernel_size=7, stride=7
    )
    x = net.add("core.flatten", x, name="tokens", start_dim=2)
    x = net.add("core.transpose", x, name="order")
    x = net.add("core.class_token", x, name="cls")
    x = net.add("core.positions", x, name="pos")
    for number in (1, 2):
        x = encoder(net, x, number, dropout)
    x = net.add("core.select", x, name="first", dim=1, index=0)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=10))
    return net.project()
