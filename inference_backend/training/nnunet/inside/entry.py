"""Runs one of nnU-Net's own commands, by its name, in the interpreter that has nnU-Net.

    python entry.py nnUNetv2_train 1 3d_fullres 0

Standard library only: that interpreter need not have this project. It ends, with every process it started,
when the program that started it is gone: its standard input is a pipe that then closes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib.metadata import entry_points


def end_with_parent() -> None:
    """Waits for the end of standard input, then ends the whole process group.

    Read below Python's buffer: its lock, held here, would hang every process that nnU-Net forks.
    """
    while os.read(0, 1):
        pass
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    name = sys.argv.pop(1)
    (command,) = entry_points(group="console_scripts", name=name)
    sys.argv[0] = name
    command.load()()
