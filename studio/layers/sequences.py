"""Sequences of unlike lengths, masks and positions: operations with a little code of their own.

A mask is true where a place must not be looked at, as `torch.nn`'s attention layers want it.
"""

from __future__ import annotations

from studio.graph.params import Param
from studio.graph.spec import Code, LayerSpec, Port

#: A recurrent layer over sequences that are padded to one length.
OVER_LENGTHS = '''\
def over_lengths(lengths, recurrent):
    """Return `recurrent` for padded sequences: it sees none of what lies behind their `lengths`."""

    def run(x, state=None):
        first = recurrent.batch_first
        counts = lengths.flatten().cpu()
        packed = nn.utils.rnn.pack_padded_sequence(x, counts, first, enforce_sorted=False)
        out, state = recurrent(packed, state)
        steps = x.shape[1 if first else 0]
        return nn.utils.rnn.pad_packed_sequence(out, first, total_length=steps)[0], state

    return run
'''

#: Sines and cosines of `[steps, features]`.
_SINUSOIDS = '''\
def sinusoids(x, base):
    """Return sin and cos of each position, slower from feature to feature: [steps, features]."""
    steps, features = x.shape[-2:]
    pairs = torch.arange(0, features, 2, device=x.device, dtype=torch.float32)
    speeds = base ** (-pairs / features)
    angles = torch.arange(steps, device=x.device).unsqueeze(1) * speeds
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return waves[:, :features].to(x.dtype)
'''

_ROTATED = '''\
def rotated(x, base):
    """Return `x` with each pair of features turned by an angle that grows with its position."""
    steps, features = x.shape[-2:]
    half = features // 2
    pairs = torch.arange(half, device=x.device, dtype=torch.float32)
    angles = torch.arange(steps, device=x.device).unsqueeze(1) * base ** (-pairs / half)
    sin, cos = angles.sin().to(x.dtype), angles.cos().to(x.dtype)
    one, two, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat([one * cos - two * sin, one * sin + two * cos, rest], dim=-1)
'''

_BASE = Param(
    "base",
    "float",
    10_000.0,
    minimum=1.0,
    help="The slowest wave's length: longer for longer texts.",
)
_MASK = Port("out", "mask", help="True where a place must not be looked at.")
_LENGTHS = Port("lengths", "int", help="How many steps of each sample are real.")
_GROUP = "Masks & positions"

SEQUENCES = (
    LayerSpec(
        kind="core.causal_mask",
        title="Causal mask",
        doc="Hides from each step the steps after it.",
        category="attn",
        group=_GROUP,
        inputs=(Port("x", "any", help="Says how many steps there are: N × steps × …"),),
        outputs=(_MASK,),
        formula="y_(i,j) = j > i",
        keywords=("attn_mask", "autoregressive", "future", "subsequent"),
        code=Code(
            lines=(
                "{out} = torch.ones({x}.shape[1], {x}.shape[1], dtype=torch.bool, "
                "device={x}.device).triu(1)",
            )
        ),
    ),
    LayerSpec(
        kind="core.padding_mask",
        title="Padding mask",
        doc="Hides the steps behind each sample's own length.",
        category="attn",
        group=_GROUP,
        inputs=(Port("x", "any", help="Says how many steps there are: N × steps × …"), _LENGTHS),
        outputs=(_MASK,),
        formula="y_(n,t) = t ≥ length_n",
        keywords=("key_padding_mask", "lengths"),
        code=Code(
            lines=(
                "{out} = torch.arange({x}.shape[1], device={x}.device) >= {lengths}.reshape(-1, 1)",
            )
        ),
    ),
    LayerSpec(
        kind="core.lengths",
        title="Lengths",
        doc="Counts the ids of each sample that are not padding.",
        category="seq",
        inputs=(Port("x", "int", help="Ids: N × steps."),),
        outputs=(Port("out", "int"),),
        params=(Param("padding", "int", 0, help="The id that fills up."),),
        summary=("padding",),
        formula="y_n = how many x_(n,t) ≠ padding",
        keywords=("padding", "packed", "pack"),
        code=Code(lines=("{out} = ({x} != {padding}).sum(1)",)),
    ),
    LayerSpec(
        kind="core.sinusoids",
        title="Sinusoidal positions",
        doc="Adds waves that tell positions apart; nothing is learned in it.",
        category="attn",
        group=_GROUP,
        inputs=(Port("x", ranks=(3, 4)),),
        params=(_BASE,),
        keeps_shape=True,
        formula="y_(t,2i) = x_(t,2i) + sin(t / base^(2i/d))",
        keywords=("positional encoding", "transformer"),
        code=Code(lines=("{out} = {x} + sinusoids({x}, {base})",), support=_SINUSOIDS),
    ),
    LayerSpec(
        kind="core.rotary",
        title="Rotary positions",
        doc="Turns queries or keys by their position, so that attention sees how far apart they are.",
        category="attn",
        group=_GROUP,
        inputs=(Port("x", ranks=(3, 4), help="Queries or keys: … × steps × features."),),
        params=(_BASE,),
        keeps_shape=True,
        formula="y_t = x_t turned by t / base^(2i/d)",
        keywords=("rope", "positional encoding", "transformer"),
        code=Code(lines=("{out} = rotated({x}, {base})",), support=_ROTATED),
    ),
)
