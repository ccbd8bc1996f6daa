"""Calibrations of pairs of engines on local cases, as files in the software's own folder of this computer."""

from __future__ import annotations

import re
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting, DamagedFile
from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import from_json, to_json
from AmlartContourLib.exchange.atomic import write_file
from AmlartContourLib.exchange.case_record import Engine
from AmlartContourLib.measures.second_opinion import PairCalibration

FOLDER = "second-opinion"
MOST_BYTES = 16 << 20
NOT_CALIBRATED = (
    "No threshold: these two engines were not calibrated on cases of this site. "
    "`amlart second-opinion-calibrate` does that."
)
OTHER_VERSION = (
    "No threshold: the calibration on cases of this site is of another version of an engine. "
    "`amlart second-opinion-calibrate` makes it anew."
)


class PairFiles:
    """Those of one home folder."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER

    def find(self, first: Engine, second: Engine) -> tuple[PairCalibration | None, str]:
        """The calibration of two engines in this order, or None and the sentence why there is none."""
        path = self._path(first.name, second.name)
        if path is None or not path.is_file():
            return None, NOT_CALIBRATED
        if path.stat().st_size > MOST_BYTES:
            raise DamagedFile("A calibration of two engines is larger than one can be.")
        found = from_json(PairCalibration, path.read_bytes())
        if (found.first_version, found.second_version) != (first.version, second.version):
            return None, OTHER_VERSION
        return found, ""

    def write(self, found: PairCalibration) -> Path:
        """Takes the place of the one before. BadSetting where an engine's name is none."""
        path = self._path(found.first, found.second)
        if path is None:
            raise BadSetting("An engine's name is none that a file can have.")
        write_file(path, to_json(found).encode(), replace=True)
        return path

    def _path(self, first: str, second: str) -> Path | None:
        """None where a name could lead elsewhere."""
        if not all(re.fullmatch(NAME, name) for name in (first, second)):
            return None
        return self._folder / f"{first}--{second}.json"
