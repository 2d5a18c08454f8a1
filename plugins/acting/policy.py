"""Williams: Simple statistical gradient-following algorithms for connectionist reinforcement learning (1992)."""

from typing import Annotated

from studio.api import Int, Net, architecture


@architecture(
    kind="acting.policy",
    title="Policy for CartPole",
    category="Acting",
    paper="Williams: Simple statistical gradient-following algorithms for connectionist reinforcement "
    "learning. Machine Learning 8, 229–256",
    year=1992,
    data="worlds.gymnasium",
    recipe={
        "learner": "core.reinforce",
        "optimizer": "torch.optim.Adam",
        "optimizer_params": {"lr": 0.01},
        "schedule": "core.constant",
        "batch_size": 64,
        "epochs": 10,
    },
)
def policy(
    net: Net,
    width: Annotated[int, Int(1, 8192), "Units of the hidden layer."] = 64,
    actions: Annotated[int, Int(2, 1000), "Things that can be done."] = 2,
) -> None:
    """Scores what can be done next; actions that led to much reward become likelier."""
    x = net.add("torch.nn.Linear", net.input(), name="fc1", out_features=width)
    x = net.add("torch.nn.Tanh", x, name="act1")
    net.output(net.add("torch.nn.Linear", x, name="scores", out_features=actions))
