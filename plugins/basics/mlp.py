"""Rumelhart, Hinton, Williams: Learning representations by back-propagating errors (1986)."""

from typing import Annotated

from studio.api import Choice, Float, Int, Net, architecture


@architecture(
    kind="basics.mlp",
    title="MLP",
    category="Basics",
    paper="Rumelhart, Hinton, Williams: Learning representations by back-propagating errors. "
    "Nature 323, 533–536",
    year=1986,
    data="sklearn.digits",
    recipe={
        "optimizer": "torch.optim.AdamW",
        "optimizer_params": {"lr": 0.004, "weight_decay": 0.1},
        "schedule": "core.cosine",
        "batch_size": 32,
        "epochs": 30,
    },
)
def mlp(
    net: Net,
    classes: Annotated[int, Int(1, 100_000), "Classes to tell apart, or outputs."] = 10,
    width: Annotated[int, Int(1, 65_536), "Units in each hidden layer."] = 128,
    depth: Annotated[int, Int(0, 64), "Hidden layers."] = 2,
    activation: Annotated[
        str, Choice("ReLU", "GELU", "SiLU", "Tanh"), "After each of them."
    ] = "ReLU",
    dropout: Annotated[float, Float(0.0, 0.95), "Share of units silenced while training."] = 0.1,
) -> None:
    """Showed that hidden layers can learn features of their own when errors flow back through them."""
    x = net.add("torch.nn.Flatten", net.input(), name="flatten")
    for layer in range(1, depth + 1):
        x = net.add("torch.nn.Linear", x, name=f"fc{layer}", out_features=width)
        x = net.add(f"torch.nn.{activation}", x, name=f"{activation}{layer}")
        if dropout:
            x = net.add("torch.nn.Dropout", x, name=f"drop{layer}", p=dropout)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=classes))
