"""The engine: everything that needs torch, behind typed messages; no Qt."""
