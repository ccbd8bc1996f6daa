"""Which outside programs run on this machine."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache


@lru_cache
def runs(program: str) -> bool:
    """True where a program is there and starts: a missing library of the system shows only then."""
    if shutil.which(program) is None:
        return False
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
