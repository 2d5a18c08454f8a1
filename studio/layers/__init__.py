"""What nodes exist: PyTorch's own modules by introspection, tensor operations, inputs and outputs."""

from studio.layers.catalogue import builtin

__all__ = ["builtin"]
