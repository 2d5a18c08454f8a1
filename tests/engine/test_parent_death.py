"""Engines end with whoever started them, however that one ends, and take their memory with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

PARENT = """
import sys
from studio.engine import protocol as p
from studio.engine.setup import Setup
from studio.engine.subprocess import spawn
import time

at_work = "yes" if sys.argv[2] == "at_work" else ""
client = spawn(Setup("job", base=at_work), {"PYTHONPATH": sys.argv[1]}, module="fake_engine")
hello = client.call(p.Ping())
if sys.argv[2] != "idle":
    client.ask(p.BuildArchitecture("hang"), lambda answer: None)
client.ask(p.BuildArchitecture("array", {"size": 1000000}), lambda answer: None)
print(hello.pid, client._pool.folder, flush=True)
time.sleep(60)
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
@pytest.mark.parametrize("state", ["idle", "hung", "at_work"])
def test_the_engine_ends_when_its_parent_is_killed(state: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}"}
    command = [sys.executable, "-c", PARENT, str(HERE), state]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        pid_text, folder = parent.stdout.readline().decode().split()
        assert lives(int(pid_text))
        assert Path(folder).is_dir()
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while lives(int(pid_text)) or Path(folder).exists():
        assert time.monotonic() < deadline, "the engine outlived its window"
        time.sleep(0.05)
