"""TotalSegmentator's own Python API on a folder of weights, run by an interpreter that has it.

    python totalsegmentator_program.py WEIGHTS CT OUT

WEIGHTS holds its folder of the task total at 3 mm. OUT becomes what it writes with `ml=True`: one file of
labels that names them in its header. Its usage statistics are off, and a connection to anywhere ends the
program. It imports nothing of this project.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path


def without_torchvisions_own_part() -> None:
    """A torchvision built for another torch than a CPU's lacks two operators, and ends every import of it."""
    import torch

    if torch.version.cuda is None:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        globals()["_kept"] = library  # an operator lives as long as its library


def refuse_connections() -> None:
    """Its worker processes are spoken to by sockets of this machine's own kind; all others are refused."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            os._exit(77)
        real(self, address)  # type: ignore[arg-type]  # whatever it was given

    socket.socket.connect = connect  # type: ignore[method-assign]  # on purpose


def main(weights: str, ct: str, out: str) -> None:
    """Runs the task."""
    home = Path(tempfile.mkdtemp(prefix="totalsegmentator-"))
    settings = {"totalseg_id": "test", "send_usage_stats": False, "prediction_counter": 0}
    (home / "config.json").write_text(json.dumps({**settings, "statistics_disclaimer_shown": True}))
    os.environ.update(TOTALSEG_HOME_DIR=str(home), TOTALSEG_WEIGHTS_PATH=weights)
    without_torchvisions_own_part()
    refuse_connections()
    from totalsegmentator.python_api import totalsegmentator

    totalsegmentator(
        Path(ct), Path(out), ml=True, fast=True, device="cpu", nr_thr_resamp=1, nr_thr_saving=1, quiet=True
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
