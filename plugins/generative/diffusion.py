"""Ho, Jain, Abbeel: Denoising diffusion probabilistic models (2020)."""

from typing import Annotated

from studio.api import Int, Net, Wire, architecture

_LINEAR, _SILU = "torch.nn.Linear", "torch.nn.SiLU"


@architecture(
    kind="generative.diffusion",
    title="Diffusion of digits",
    category="Generative",
    paper="Ho, Jain, Abbeel: Denoising diffusion probabilistic models. NeurIPS 2020; guided by the class "
    "as in Ho, Salimans: Classifier-free diffusion guidance. 2022",
    year=2020,
    data="sklearn.digits",
    recipe={
        "learner": "core.diffusion",
        "optimizer": "torch.optim.AdamW",
        "optimizer_params": {"lr": 0.002},
        "schedule": "core.cosine",
        "batch_size": 64,
        "epochs": 60,
    },
)
def diffusion(
    net: Net,
    width: Annotated[int, Int(8, 8192), "Units of each layer."] = 256,
    layers: Annotated[int, Int(1, 32), "Residual layers."] = 3,
    side: Annotated[int, Int(1, 512), "Height and width of a sample."] = 8,
    classes: Annotated[int, Int(1, 100_000), "Classes that a sample may be led towards."] = 10,
) -> None:
    """Predicts the noise in a sample, so that step by step samples can be made of nothing but noise."""
    x = net.add("torch.nn.Flatten", net.input("x"), name="flatten")
    x = net.add(_LINEAR, x, name="enter", out_features=width)
    time = net.add(_LINEAR, net.input("t"), name="time1", out_features=width)
    time = net.add(_LINEAR, net.add(_SILU, time, name="time_act"), name="time2", out_features=width)
    label = net.input("label")
    label = net.add(
        "torch.nn.Embedding", label, name="label_embedding", num_embeddings=classes + 1,
        embedding_dim=width,
    )  # fmt: skip
    label = net.add("torch.nn.Flatten", label, name="label_flat")
    x = net.add("core.add", x, time, name="with_time")
    x = net.add("core.add", x, label, name="with_label")
    for number in range(1, layers + 1):
        x = _residual(net, x, number, width)
    x = net.add(_SILU, x, name="leave_act")
    x = net.add(_LINEAR, x, name="leave", out_features=side * side)
    shape = (1, side, side)
    net.output(net.add("torch.nn.Unflatten", x, name="noise", dim=1, unflattened_size=shape))


def _residual(net: Net, x: Wire, number: int, width: int) -> Wire:
    inner = net.add(_SILU, x, name=f"act{number}")
    inner = net.add(_LINEAR, inner, name=f"fc{number}", out_features=width)
    return net.add("core.add", x, inner, name=f"sum{number}")
