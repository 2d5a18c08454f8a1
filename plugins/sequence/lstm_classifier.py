"""Hochreiter, Schmidhuber: Long short-term memory (1997)."""

from typing import Annotated

from studio.api import Int, Net, architecture


@architecture(
    kind="sequence.lstm_classifier",
    title="LSTM classifier",
    category="Sequence",
    paper="Hochreiter, Schmidhuber: Long short-term memory. Neural Computation 9 (8), 1735–1780",
    year=1997,
    data="sklearn.digits",
    transforms=[{"kind": "core.rows"}],
    recipe={
        "optimizer": "torch.optim.AdamW",
        "optimizer_params": {"lr": 0.01, "weight_decay": 0.1},
        "schedule": "core.cosine",
        "batch_size": 32,
        "epochs": 30,
    },
)
def lstm_classifier(
    net: Net,
    classes: Annotated[int, Int(1, 100_000), "Classes to tell apart."] = 10,
    hidden: Annotated[int, Int(1, 8192), "Units of memory in each layer."] = 64,
    layers: Annotated[int, Int(1, 8), "LSTM layers, one on top of the other."] = 1,
) -> None:
    """Gave networks a memory that gates guard, so that what was seen long ago can still be learned from."""
    x = net.add("torch.nn.LSTM", net.input(), name="lstm", hidden_size=hidden, num_layers=layers)
    x = net.add("core.select", x, name="last", dim=1, index=-1)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=classes))
