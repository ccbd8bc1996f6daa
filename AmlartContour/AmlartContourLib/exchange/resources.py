"""Reading the data files that travel with the software: the catalogue, presets and guideline margins.

In the source tree and inside Slicer, Resources lies beside AmlartContourLib; in a wheel, inside it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.structures import Catalogue

_LIB = Path(__file__).resolve().parents[1]
RESOURCES = next(
    (p for p in (_LIB.parent / "Resources", _LIB / "Resources") if p.is_dir()), _LIB / "Resources"
)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. BadSetting, naming the file, where it is missing or not a JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSetting(f"The settings file {path.name} cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise BadSetting(f"The settings file {path.name} does not hold a JSON object.")
    return data


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The catalogue that ships with this version."""
    return Catalogue.from_json(read_json(RESOURCES / "Structures" / "catalogue.json"))
