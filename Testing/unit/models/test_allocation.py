"""Memory that was freed stays in the process while it works, and goes back to the system when it waits."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np, psutil
from inference_backend.models.allocation import give_back_freed_memory, keep_freed_memory

def resident_mb():
    return psutil.Process().memory_info().rss / 1e6

if not keep_freed_memory():
    raise SystemExit(77)
before = resident_mb()
for _ in range(3):
    arrays = [np.ones(25_000_000, dtype=np.uint8) for _ in range(8)]
    small = [bytes(1000) for _ in range(1000)]
    del arrays
kept = resident_mb()
give_back_freed_memory()
print(kept - before, resident_mb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is not glibc's")
def test_freed_memory_is_kept_until_it_is_given_back() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    if ran.returncode == 77:
        pytest.skip("the C library has no mallopt")
    assert ran.returncode == 0, ran.stderr
    kept_mb, left_mb = map(float, ran.stdout.split())
    assert kept_mb > 150
    assert left_mb < 20
