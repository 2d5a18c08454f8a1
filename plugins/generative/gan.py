"""Goodfellow et al.: Generative adversarial nets (2014)."""

from typing import Annotated

from studio.api import Int, Net, Wire, architecture

_LINEAR, _LEAKY = "torch.nn.Linear", "torch.nn.LeakyReLU"


@architecture(
    kind="generative.gan",
    title="GAN",
    category="Generative",
    paper="Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio: Generative "
    "adversarial nets. NeurIPS 2014",
    year=2014,
    data="generated.gaussians",
    recipe={
        "learner": "core.adversarial",
        "learner_params": {"latent": 8},
        "optimizer": "torch.optim.Adam",
        "optimizer_params": {"lr": 0.001, "betas": [0.5, 0.999]},
        "schedule": "core.constant",
        "batch_size": 64,
        "epochs": 200,
    },
)
def gan(
    net: Net,
    width: Annotated[int, Int(1, 8192), "Units of each hidden layer."] = 128,
    layers: Annotated[int, Int(1, 16), "Hidden layers of each network."] = 2,
    features: Annotated[int, Int(1, 100_000), "Numbers of one sample."] = 2,
) -> None:
    """Set two networks against each other: one makes samples up, the other tells them from real ones."""
    made = _hidden(net.network("generator"), "z", width, layers)
    made[0].output(made[0].add(_LINEAR, made[1], name="sample", out_features=features))
    judged = _hidden(net.network("discriminator"), "x", width, layers)
    judged[0].output(judged[0].add(_LINEAR, judged[1], name="score", out_features=1))


def _hidden(net: Net, name: str, width: int, layers: int) -> tuple[Net, Wire]:
    x = net.input(name)
    for number in range(1, layers + 1):
        x = net.add(_LINEAR, x, name=f"fc{number}", out_features=width)
        x = net.add(_LEAKY, x, name=f"act{number}", negative_slope=0.2)
    return net, x
