"""`amlart workstation` with the same arguments, whose stations have a window for tests: `watched_station`."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from AmlartContourLib.web.door.door import DoorSettings
from AmlartContourLib.web.door.station import Orders, Station
from inference_backend.cli import main
from inference_backend.commands import workstation_run

PROGRAM = Path(__file__).with_name("watched_station.py")


def watched(orders: Orders) -> Station:
    """A station that runs the watched program."""
    return Station(orders, command=(sys.executable, str(PROGRAM)))


if __name__ == "__main__":
    workstation_run.DoorSettings = functools.partial(DoorSettings, start=watched)  # type: ignore[misc,assignment]
    sys.exit(main(["workstation", *sys.argv[1:]]))
