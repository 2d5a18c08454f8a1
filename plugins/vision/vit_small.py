"""Dosovitskiy et al.: An image is worth 16×16 words (2020)."""

from typing import Annotated

from studio.api import Float, Int, Net, architecture


@architecture(
    kind="vision.vit_small",
    title="Vision Transformer (small)",
    category="Vision",
    paper="Dosovitskiy et al.: An image is worth 16×16 words: Transformers for image recognition at "
    "scale. ICLR 2021, arXiv:2010.11929, section 3.1",
    year=2020,
    data="sklearn.digits",
    recipe={
        "optimizer": "torch.optim.AdamW",
        "optimizer_params": {"lr": 0.003, "weight_decay": 0.1},
        "schedule": "core.cosine",
        "batch_size": 32,
        "epochs": 20,
    },
)
def vit_small(
    net: Net,
    classes: Annotated[int, Int(1, 100_000), "Classes to tell apart."] = 10,
    patch: Annotated[int, Int(1, 64), "Width and height of a patch, in pixels."] = 2,
    features: Annotated[int, Int(1, 4096), "Numbers in each token; a multiple of the heads."] = 32,
    heads: Annotated[int, Int(1, 64), "Attention heads in each block."] = 4,
    depth: Annotated[int, Int(1, 48), "Encoder blocks."] = 3,
    dropout: Annotated[float, Float(0.0, 0.9), "Share of units silenced while training."] = 0.1,
) -> None:
    """Showed that pictures need no convolutions: cut into patches, they can be read like a sentence."""
    with net.block("EncoderBlock", "y = x + attention(x), then y + mlp(y)") as block:
        draw_block(block, features, heads, dropout)
    x = net.input()
    size = {"kernel_size": patch, "stride": patch}
    x = net.add("torch.nn.Conv2d", x, name="patches", out_channels=features, **size)
    x = net.add("core.flatten", x, name="flatten", start_dim=2)
    x = net.add("core.transpose", x, name="tokens")
    x = net.add("core.class_token", x, name="class_token")
    x = net.add("core.positions", x, name="positions")
    for number in range(1, depth + 1):
        x = net.use("EncoderBlock", x, name=f"encoder{number}")
    x = net.add("torch.nn.LayerNorm", x, name="norm")
    x = net.add("core.select", x, name="answer", dim=1, index=0)
    net.output(net.add("torch.nn.Linear", x, name="head", out_features=classes))


def draw_block(block: Net, features: int, heads: int, dropout: float) -> None:
    """A pre-norm encoder block: attention, then a small MLP, each beside a shortcut."""
    if features % heads:
        raise ValueError(f"features ({features}) must be a multiple of heads ({heads}).")
    x = block.input()
    y = block.add("torch.nn.LayerNorm", x, name="norm1")
    y = block.add("torch.nn.MultiheadAttention", y, name="attention", num_heads=heads)
    if dropout:
        y = block.add("torch.nn.Dropout", y, name="drop1", p=dropout)
    x = block.add("core.add", x, y, name="add1")
    y = block.add("torch.nn.LayerNorm", x, name="norm2")
    y = block.add("torch.nn.Linear", y, name="fc1", out_features=2 * features)
    y = block.add("torch.nn.GELU", y, name="gelu")
    y = block.add("torch.nn.Linear", y, name="fc2", out_features=features)
    if dropout:
        y = block.add("torch.nn.Dropout", y, name="drop2", p=dropout)
    block.output(block.add("core.add", x, y, name="add2"))
