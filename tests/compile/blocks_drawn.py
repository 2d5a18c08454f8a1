"""Networks of blocks with parameters, repeats and states, as a person would draw them."""

from studio.graph.builder import Net, Wire
from studio.graph.params import Param
from studio.graph.project import Project

WIDTH, STRIDE = Param("width", "int", 64, minimum=1), Param("stride", "int", 1, minimum=1)


def residual_block(net: Net) -> None:
    """ResNet's basic block. Only the first pass of a stage strides, and then projects its shortcut."""
    with net.block("Projection", params=(WIDTH, STRIDE)) as block:
        x = block.add("torch.nn.Conv2d", block.input(), name="conv", out_channels="=width",
                      kernel_size=1, stride="=stride", bias=False)  # fmt: skip
        block.output(block.add("torch.nn.BatchNorm2d", x, name="bn"))
    with net.block("Residual", "y = relu(F(x) + x)", (WIDTH, STRIDE)) as block:
        shortcut = block.input()
        x = block.add("torch.nn.Conv2d", shortcut, name="conv1", out_channels="=width", kernel_size=3,
                      stride="=max(1, stride*(1-index))", padding=1, bias=False)  # fmt: skip
        x = block.add("torch.nn.BatchNorm2d", x, name="bn1")
        x = block.add("torch.nn.ReLU", x, name="relu1")
        x = block.add("torch.nn.Conv2d", x, name="conv2", out_channels="=width", kernel_size=3,
                      padding=1, bias=False)  # fmt: skip
        x = block.add("torch.nn.BatchNorm2d", x, name="bn2")
        shortcut = block.use("Projection", shortcut, name="downsample", width="=width",
                             stride="=stride", repeat="=max(0, min(stride-1, 1-index))")  # fmt: skip
        x = block.add("core.add", x, shortcut, name="sum")
        block.output(block.add("torch.nn.ReLU", x, name="relu2"))


def resnet(blocks: tuple[int, ...] = (2, 2, 2, 2), side: int = 224) -> Project:
    """ResNet-18 with (2, 2, 2, 2), ResNet-34 with (3, 4, 6, 3)."""
    net = Net()
    residual_block(net)
    x = net.input("x", shape=(3, side, side))
    x = net.add("torch.nn.Conv2d", x, name="conv1", out_channels=64, kernel_size=7, stride=2,
                padding=3, bias=False)  # fmt: skip
    x = net.chain(net.add("torch.nn.BatchNorm2d", x, name="bn1"), "torch.nn.ReLU")
    x = net.add("torch.nn.MaxPool2d", x, name="maxpool", kernel_size=3, stride=2, padding=1)
    for stage, count in enumerate(blocks):
        x = net.use("Residual", x, name=f"layer{stage + 1}", repeat=count, width=64 * 2**stage,
                    stride=1 if stage == 0 else 2)  # fmt: skip
    x = net.add("torch.nn.AdaptiveAvgPool2d", x, name="avgpool", output_size=1)
    x = net.add("torch.nn.Flatten", x, name="flatten")
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=1000))
    return net.project()


def lstm_block(net: Net, init: str = "zeros") -> None:
    """A long short-term memory cell out of its gates."""
    params = (Param("hidden", "int", 32, minimum=1),)
    with net.block("Cell", "A long short-term memory cell.", params) as block:
        x = block.input()
        h, c = (block.state(name, shape="=hidden", init=init) for name in ("h", "c"))

        def gate(name: str, activation: str) -> Wire:
            a = block.add("torch.nn.Linear", x, name=f"x_{name}", out_features="=hidden")
            b = block.add("torch.nn.Linear", h, name=f"h_{name}", out_features="=hidden")
            return block.add(activation, block.add("core.add", a, b, name=f"sum_{name}"), name=name)

        i, f, g, o = (
            gate(name, f"torch.nn.{kind}")
            for name, kind in zip("ifgo", ("Sigmoid", "Sigmoid", "Tanh", "Sigmoid"), strict=True)
        )
        kept = block.add("core.mul", f, c, name="kept")
        c_next = block.add("core.add", kept, block.add("core.mul", i, g, name="new"), name="memory")
        h_next = block.add(
            "core.mul", o, block.add("torch.nn.Tanh", c_next, name="squash"), name="y"
        )
        block.next("h", h_next)
        block.next("c", c_next)
        block.output(h_next)


def lstm(steps: int = 7, features: int = 5, hidden: int = 16, **params: object) -> Project:
    """A drawn LSTM over a sequence: all its outputs, and both final states."""
    net = Net()
    lstm_block(net)
    x = net.use(
        "Cell", net.input("x", shape=(steps, features)), name="cell", hidden=hidden, **params
    )
    net.output(x)
    net.output(x["h"], name="hn")
    net.output(x["c"], name="cn")
    return net.project()
