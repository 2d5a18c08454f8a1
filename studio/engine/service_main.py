"""`python -m studio.engine.service_main SETUP POOL`: an engine on the standard streams."""

from __future__ import annotations

from studio.engine.serving import Handler
from studio.engine.setup import Setup
from studio.engine.standard_streams import run


def make(setup: Setup) -> Handler:
    """Return the service; only now is torch imported, while messages can already be sent."""
    from studio.engine.service import Service

    return Service(setup)


if __name__ == "__main__":
    run(make)
