"""LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition (1998)."""

from typing import Annotated

from studio.api import Choice, Int, Net, architecture


@architecture(
    kind="vision.lenet5",
    title="LeNet-5",
    category="Vision",
    paper="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition. "
    "Proceedings of the IEEE 86 (11), 2278–2324",
    year=1998,
    data="sklearn.digits",
    transforms=[{"kind": "core.resize", "params": {"size": 28}}],
    recipe={
        "optimizer": "torch.optim.AdamW",
        "optimizer_params": {"lr": 0.003, "weight_decay": 0.05},
        "schedule": "core.cosine",
        "loss": "torch.nn.CrossEntropyLoss",
        "loss_params": {"label_smoothing": 0.1},
        "batch_size": 32,
        "epochs": 20,
    },
    published_parameters=61_706,
)
def lenet5(
    net: Net,
    classes: Annotated[int, Int(1, 100_000), "Classes to tell apart."] = 10,
    activation: Annotated[str, Choice("ReLU", "Tanh", "GELU"), "The paper's is Tanh."] = "ReLU",
) -> None:
    """Proved on bank cheques that a network which learns its own features beats designed ones."""
    act = f"torch.nn.{activation}"
    x = net.input()
    x = net.add("torch.nn.Conv2d", x, name="conv1", out_channels=6, kernel_size=5, padding=2)
    x = net.add(act, x, name="act1")
    x = net.add("torch.nn.MaxPool2d", x, name="pool1", kernel_size=2)
    x = net.add("torch.nn.Conv2d", x, name="conv2", out_channels=16, kernel_size=5)
    x = net.add(act, x, name="act2")
    x = net.add("torch.nn.MaxPool2d", x, name="pool2", kernel_size=2)
    x = net.add("torch.nn.Flatten", x, name="flatten")
    for number, units in enumerate((120, 84), start=1):
        x = net.add("torch.nn.Linear", x, name=f"fc{number}", out_features=units)
        x = net.add(act, x, name=f"act{number + 2}")
    net.output(net.add("torch.nn.Linear", x, name="fc3", out_features=classes))
