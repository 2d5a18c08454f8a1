from __future__ import annotations

import os

import pytest
import torch

from studio.train.load import Gauge, resident_bytes


def test_busy_is_the_share_of_all_cores_since_the_last_reading() -> None:
    wall, used = iter((0.0, 2.0, 4.0)), iter((0.0, 1.0, 1.0))
    gauge = Gauge(torch.device("cpu"), lambda: next(wall), lambda: next(used))
    assert gauge.read().busy == pytest.approx(0.5 / (os.cpu_count() or 1))
    assert gauge.read().busy == 0


def test_memory_is_what_the_process_holds() -> None:
    before = resident_bytes()
    held = torch.ones(32 << 20, dtype=torch.uint8)
    assert resident_bytes() - before > (16 << 20)
    assert held.numel()
    load = Gauge(torch.device("cpu")).read()
    assert 0 < load.memory <= load.total


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_tells_its_own_memory() -> None:
    device = torch.device("cuda")
    held = torch.ones(32 << 20, dtype=torch.uint8, device=device)
    assert Gauge(device).read().memory >= held.numel()
