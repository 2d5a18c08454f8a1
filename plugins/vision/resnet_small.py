"""He, Zhang, Ren, Sun: Deep residual learning for image recognition (2015)."""

from typing import Annotated

from studio.api import Int, Net, Wire, architecture


@architecture(
    kind="vision.resnet_small",
    title="ResNet (small)",
    category="Vision",
    paper="He, Zhang, Ren, Sun: Deep residual learning for image recognition. CVPR 2016, "
    "arXiv:1512.03385, section 4.2",
    year=2015,
    data="sklearn.digits",
    transforms=[{"kind": "core.resize", "params": {"size": 16}}],
    recipe={
        "optimizer": "torch.optim.AdamW",
        "optimizer_params": {"lr": 0.003, "weight_decay": 0.05},
        "schedule": "core.cosine",
        "batch_size": 64,
        "epochs": 8,
    },
)
def resnet_small(
    net: Net,
    classes: Annotated[int, Int(1, 100_000), "Classes to tell apart."] = 10,
    width: Annotated[int, Int(1, 1024), "Channels of the first stage; doubled at the next."] = 16,
) -> None:
    """Showed that layers which learn a correction to their input can be stacked a hundred deep."""
    for name, channels, stride in (("BasicBlock", width, 1), ("DownBlock", 2 * width, 2)):
        with net.block(name, "y = relu(F(x) + shortcut(x))") as block:
            draw_block(block, channels, stride)
    x = _conv(net, net.input(), "1", width)
    x = net.add("torch.nn.ReLU", x, name="relu")
    x = net.use("BasicBlock", x, name="res1")
    x = net.use("BasicBlock", x, name="res2")
    x = net.use("DownBlock", x, name="res3")
    x = net.add("torch.nn.AdaptiveAvgPool2d", x, name="avgpool", output_size=1)
    x = net.add("torch.nn.Flatten", x, name="flatten")
    net.output(net.add("torch.nn.Linear", x, name="fc", out_features=classes))


def draw_block(block: Net, channels: int, stride: int) -> None:
    """Two 3×3 convolutions beside a shortcut, which is a 1×1 convolution where the shape changes."""
    x = shortcut = block.input()
    if stride > 1:
        shortcut = _conv(block, x, "_shortcut", channels, kernel=1, stride=stride)
    y = block.add("torch.nn.ReLU", _conv(block, x, "1", channels, stride=stride), name="relu1")
    y = block.add("core.add", _conv(block, y, "2", channels), shortcut, name="add")
    block.output(block.add("torch.nn.ReLU", y, name="relu2"))


def _conv(net: Net, x: Wire, end: str, channels: int, kernel: int = 3, stride: int = 1) -> Wire:
    settings = {"kernel_size": kernel, "stride": stride, "padding": kernel // 2, "bias": False}
    x = net.add("torch.nn.Conv2d", x, name=f"conv{end}", out_channels=channels, **settings)
    return net.add("torch.nn.BatchNorm2d", x, name=f"bn{end}")
