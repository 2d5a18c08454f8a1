"""What nodes exist: PyTorch's modules and functions by introspection, tensor operations, inputs and outputs."""

from studio.layers.catalogue import builtin
from studio.layers.coverage import Coverage, coverage

__all__ = ["Coverage", "builtin", "coverage"]
