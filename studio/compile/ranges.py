"""Between which numbers values lie, followed from the data to where they are looked up as ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.graph.facts import TensorType
from studio.graph.params import Value
from studio.graph.spec import LayerSpec

#: Lowest and highest value.
Range = tuple[float, float]

#: Layers that hand values on as they are, in another shape, order or selection.
_KEEPERS = frozenset(
    """
    torch.nn.Flatten torch.nn.Unflatten torch.nn.Identity core.flatten core.reshape core.permute
    core.transpose core.squeeze core.unsqueeze core.select core.slice core.flip core.roll core.split
    core.concat core.stack core.detach core.cast core.max core.min core.reroute
    """.split()  # noqa: SIM905
)
_LOOKED_UP = ("torch.nn.Embedding", "torch.nn.EmbeddingBag")


def passed_on(
    spec: LayerSpec,
    values: Mapping[str, Value],
    arriving: Sequence[Range | None],
    given: TensorType | None,
) -> Range | None:
    """Return the range of what leaves a layer, None where nothing is known."""
    if spec.kind == "core.argmax" and given is not None:
        axis = values.get("dim")
        size = given.shape[axis] if isinstance(axis, int) else None
        return (0.0, size - 1.0) if isinstance(size, int) else None
    known = [one for one in arriving if one is not None]
    if spec.kind not in _KEEPERS or not known or len(known) < len(arriving):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def outside(
    spec: LayerSpec, values: Mapping[str, Value], arriving: Sequence[Range | None]
) -> str | None:
    """Return the sentence about ids that are looked up in a table without a row for them."""
    rows = values.get("num_embeddings")
    ids = arriving[0] if arriving else None
    if spec.kind not in _LOOKED_UP or ids is None or not isinstance(rows, int):
        return None
    low, high = int(ids[0]), int(ids[1])
    if low < 0:
        text = f"{spec.title} needs ids from 0, but gets ids from {low}. Shift them, or encode the data anew."
        return text.replace("-", "−")
    if high < rows:
        return None
    return (
        f"{spec.title} has rows for the ids 0 to {rows - 1}, but gets ids up to {high}. "
        f"Set num_embeddings to at least {high + 1}."
    )
