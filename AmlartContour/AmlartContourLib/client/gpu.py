"""Which devices a backend on this computer can be started with, without loading any library that computes."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

TOOL = "nvidia-smi"  # comes with NVIDIA's driver
ANSWER_S = 10.0


@cache
def has_gpu() -> bool:
    """True where NVIDIA's driver lists a GPU. Asked once in a process; may take a second, so off the window's
    thread."""
    tool = shutil.which(TOOL)
    if tool is None:
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, check=False, timeout=ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and listed.stdout.startswith(b"GPU ")
