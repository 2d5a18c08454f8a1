"""What a node costs and which shapes it turns into which."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QWidget

from studio.graph.facts import NetworkFacts, NodeFacts, TensorType
from studio.ui.controls import column, label, row, surface
from studio.ui.theme import Theme
from studio.ui.views.numbers import percent, short
from studio.ui.views.panel import Remark


def flop_text(flops: int) -> str:
    """Return an amount of computing as `3.12 MFLOP`."""
    for unit, scale in (("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6), ("kFLOP", 1e3)):
        if flops >= scale:
            return f"{short(flops / scale)} {unit}"
    return f"{flops} FLOP"


def mac_text(flops: int) -> str:
    """Return FLOPs as what they are made of, multiplications with an addition: `1.56 M mult–adds`."""
    count = flops / 2
    for unit, scale in ((" T", 1e12), (" G", 1e9), (" M", 1e6), (" k", 1e3)):
        if count >= scale:
            return f"{short(count / scale)}{unit} mult–adds"
    return f"{count:.0f} mult–adds"


def byte_text(count: float) -> str:
    """Return an amount of memory as `5.28 MiB`."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{short(count / scale)} {unit}"
    return f"{count:.0f} B"


class Tile(QWidget):
    """A figure with its name above and what it counts below."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        layout = column(self, spacing=0)
        layout.setContentsMargins(0, 0, 0, 0)
        inside = surface("card")
        text = column(inside, spacing=1)
        text.setContentsMargins(10, 6, 8, 6)
        self._name = name
        self.value = label(theme, "–", role="heading", weight=600)
        self.remark = Remark(theme)
        title = Remark(theme, name)
        for line in (title, self.remark):
            line.setFont(theme.font("caption"))
        text.addWidget(title)
        text.addWidget(self.value)
        text.addWidget(self.remark)
        layout.addWidget(inside)

    def show_figure(self, value: str, remark: str) -> None:
        """Show a figure."""
        self.value.setText(value)
        self.remark.put(remark)
        self.setAccessibleName(f"{self._name}: {value}, {remark}")


class CostTiles(QWidget):
    """Parameters, computing, memory and receptive field of one node or of a whole network."""

    def __init__(self, theme: Theme, last: str = "Receptive field") -> None:
        super().__init__()
        self._theme = theme
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        self.parameters = Tile(theme, "Parameters")
        self.compute = Tile(theme, "Compute")
        self.memory = Tile(theme, "Activations")
        self.field = Tile(theme, last)
        for at, tile in enumerate((self.parameters, self.compute, self.memory, self.field)):
            grid.addWidget(tile, at // 2, at % 2)
            grid.setColumnStretch(at % 2, 1)
        self.counted = label(theme, tone="3", role="caption", wrap=True)
        self.counted.hide()
        grid.addWidget(self.counted, 2, 0, 1, 2)

    def _show_sizes(self, network: NetworkFacts) -> None:
        """Say what named dimensions count as, where there are any."""
        sizes = ", ".join(f"{name} = {size}" for name, size in sorted(network.sizes.items()))
        self.counted.setText(f"Counted with {sizes}.")
        self.counted.setVisible(bool(sizes))

    def show_node(
        self, node: NodeFacts | None, network: NetworkFacts, batch: int, image: TensorType | None
    ) -> None:
        """Show one node's cost, as a share of its network's; nothing where it is not known."""
        if node is None or not node.outputs:
            for tile in (self.parameters, self.compute, self.memory, self.field):
                tile.show_figure("–", "not known yet")
            return
        share = node.parameters / network.parameters if network.parameters else 0.0
        self.parameters.show_figure(
            self._theme.number(node.parameters), f"{percent(share)} of model"
        )
        self._show_sizes(network)
        self.compute.show_figure(flop_text(node.flops), mac_text(node.flops))
        kept = f"{byte_text(node.saved_bytes * batch)} kept"
        self.memory.show_figure(byte_text(node.activation_bytes * batch), kept)
        self.memory.setToolTip(
            f"At batch {batch}: what its output takes, and what the backward pass will read again."
        )
        size = "×".join(str(side) for side in node.receptive_field)
        of = ""
        if image is not None and len(image.shape) == 3:
            of = "of the " + "×".join(str(side) for side in image.shape[1:]) + " input"
        self.field.show_figure(f"{size} px" if size else "–", of if size else "not defined here")

    def show_network(self, network: NetworkFacts, batch: int) -> None:
        """Show a whole network's cost."""
        layers = sum(1 for facts in network.nodes.values() if facts.parameters)
        self.parameters.show_figure(self._theme.number(network.parameters), f"in {layers} layers")
        self._show_sizes(network)
        self.compute.show_figure(flop_text(network.flops), mac_text(network.flops))
        kept = f"{byte_text(network.saved_bytes * batch)} kept"
        self.memory.show_figure(byte_text(network.activation_bytes * batch), kept)
        self.memory.setToolTip(
            f"At batch {batch}: what all outputs take, and what the backward pass will read again."
        )
        weights = network.parameters * 4
        self.field.show_figure(byte_text(weights), "of weights, fp32")


class ShapeLine(QWidget):
    """`in N×32×13×13 → out N×64×6×6`; several ports take lines of their own, what leaves below what arrives."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("surface", "well")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._line = line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        line.setContentsMargins(10, 6, 10, 6)
        arriving, leaving = row(spacing=8), row(spacing=8)
        self._in = label(theme, "in", tone="3", role="caption")
        self._out = label(theme, "out", tone="3", role="caption")
        self.inputs = label(theme, role="mono")
        self.arrow = label(theme, "→", tone="3")
        self.outputs = label(theme, role="mono")
        for pair, words, shapes in (
            (arriving, self._in, self.inputs),
            (leaving, self._out, self.outputs),
        ):
            pair.addWidget(words)
            pair.addWidget(shapes, 1)
        line.addLayout(arriving)
        line.addStretch(1)
        line.addWidget(self.arrow)
        line.addStretch(1)
        line.addLayout(leaving)

    def show_node(self, node: NodeFacts | None) -> None:
        """Show the shapes at a node's ports, or that they are not known."""
        if node is None or not (node.inputs or node.outputs):
            self.inputs.setText("not known yet")
            self.outputs.setText("")
        else:
            self.inputs.setText(_ports(node.inputs))
            self.outputs.setText(_ports(node.outputs))
        known = node is not None and bool(node.inputs or node.outputs)
        several = "\n" in self.inputs.text() + self.outputs.text()
        way = QBoxLayout.Direction
        self._line.setDirection(way.TopToBottom if several else way.LeftToRight)
        self.arrow.setVisible(known and not several)
        self._in.setVisible(known and bool(self.inputs.text()))
        self._out.setVisible(known and bool(self.outputs.text()))


def _ports(types: dict[str, TensorType]) -> str:
    if len(types) == 1:
        return next(iter(types.values())).text
    return "\n".join(f"{name} {kind.text}" for name, kind in types.items())
