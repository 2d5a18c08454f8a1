"""Train: the live network, its curves, its layers over time, and what deserves a look."""
