"""Site presets: those that ship with the software, and those a site keeps in files of its own."""

from __future__ import annotations

from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.preset import SitePreset
from AmlartContourLib.exchange.resources import RESOURCES, catalogue, read_json

PRESETS = RESOURCES / "Presets"
SCHEMA_NAME = "preset.schema.json"


def list_presets() -> tuple[str, ...]:
    """Names of the presets that ship, in alphabetical order."""
    return tuple(sorted(p.stem for p in PRESETS.glob("*.json") if p.name != SCHEMA_NAME))


def load_preset(name_or_path: str | Path) -> SitePreset:
    """A preset by its name, or from a JSON file (any path that ends in .json).

    BadSetting for an unknown name, an unreadable file, or an entry that is missing, unknown or wrong.
    """
    path = Path(name_or_path)
    if path.suffix.lower() != ".json":
        if str(name_or_path) not in list_presets():
            raise BadSetting(
                f"There is no preset {path.name!r}.",
                advice=f"Choose one of {', '.join(list_presets())}, or give the path of a .json file.",
            )
        path = PRESETS / f"{name_or_path}.json"
    return SitePreset.from_json(read_json(path), catalogue())
