"""The log file: set up here and nowhere else."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 1 << 20
KEPT = 3


def write_to(file: Path) -> None:
    """Send what `studio` logs to `file`, which rotates at 1 MiB; warnings and worse only elsewhere.

    Where the folder cannot be written, the log is not kept: that must not keep anyone from working.
    """
    logger = logging.getLogger("studio")
    for handler in [h for h in logger.handlers if isinstance(h, RotatingFileHandler)]:
        logger.removeHandler(handler)
        handler.close()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            file, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8", delay=True
        )
        with file.open("a"):
            pass
    except OSError:
        logger.addHandler(logging.NullHandler())
        return
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    )
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
