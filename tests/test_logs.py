"""The log is one rotating file, and a folder that cannot be written keeps nobody from working."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import logs


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    logger = logging.getLogger("studio")
    before = (list(logger.handlers), logger.level, logger.propagate)
    logger.handlers = []
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.level, logger.propagate = before


def test_what_is_logged_is_in_the_file_once(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "neuroloom.log"
    logs.write_to(file)
    logs.write_to(file)
    logging.getLogger("studio.engine").warning("the engine ended")
    assert file.read_text().count("the engine ended") == 1


def test_it_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 2000)
    file = tmp_path / "neuroloom.log"
    logs.write_to(file)
    for number in range(400):
        logging.getLogger("studio").info("line %d", number)
    assert len(list(tmp_path.iterdir())) == logs.KEPT + 1
    assert file.stat().st_size <= 2000


def test_a_folder_that_cannot_be_made_is_no_reason_to_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    logs.write_to(tmp_path / "file" / "neuroloom.log")
    logging.getLogger("studio").warning("goes nowhere")
    assert capsys.readouterr().err == ""
