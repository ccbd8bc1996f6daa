"""One user's workstation process, as the door starts it: orders in on standard input, the port out on
standard output.

It ends, after saving, when its standard input closes.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class StationOrders:
    """What the door tells: `key` for every request, `page_secret` for the page's first message."""

    user: str
    patients: Path | None
    work: Path
    backend_home: Path | None
    key: str
    page_secret: str

    @classmethod
    def read(cls, line: str) -> StationOrders:
        """From the door's line. ValueError where it is none."""
        told = json.loads(line)
        return cls(
            user=str(told["user"]),
            patients=_path(told["patients"]),
            work=Path(told["work"]),
            backend_home=_path(told["backend_home"]),
            key=str(told["key"]),
            page_secret=str(told["page_secret"]),
        )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _own_stdout() -> IO[str]:
    """The real standard output; what libraries print goes to standard error, which is the log."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answer


def main() -> None:
    """Runs until standard input closes."""
    os.umask(0o077)
    logging.basicConfig(level=logging.WARNING)
    answer = _own_stdout()
    orders = StationOrders.read(sys.stdin.readline())
    os.environ.update({"WSLINK_READY_MSG": "", "WSLINK_WS_COMPRESS": "0"})
    sys.argv = [sys.argv[0], "--authKey", orders.page_secret]
    from AmlartContourLib.web.workstation import Workstation  # heavy: only once the orders are there

    def tell(port: int) -> None:
        answer.write(json.dumps({"port": port}) + "\n")
        answer.flush()

    Workstation(orders).run(tell)
    logging.shutdown()
    os._exit(0)  # saved by now; threads of libraries that still wait must not keep the process


if __name__ == "__main__":
    main()
