"""Published weights that can be found on this machine or fetched: where, under which licence, in which files.

Addresses are those that TotalSegmentator 2.18 (`map_tasks_config.py`) and CADS (`cads/utils/libs.py`) fetch
from themselves. Neither publishes hashes: the hash of what came is worked out and kept with the model. Parts
without a structure of the pelvis (ribs, head and neck, brain) are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting, InputRefused

TOTALSEGMENTATOR = "https://github.com/wasserth/TotalSegmentator/releases/download"
CADS = "https://github.com/murong-xu/CADS/releases/download"
APACHE = "Apache-2.0 (TotalSegmentator, task total; Wasserthal 2023)"
PARTS_V2 = (
    "Dataset291_TotalSegmentator_part1_organs_1559subj",
    "Dataset292_TotalSegmentator_part2_vertebrae_1532subj",
    "Dataset293_TotalSegmentator_part3_cardiac_1559subj",
    "Dataset294_TotalSegmentator_part4_muscles_1559subj",
)
PARTS_V3 = (
    "Dataset831_TotalSegmentator_part1_organs_1830subj",
    "Dataset832_TotalSegmentator_part2_vertebrae_1559subj",
    "Dataset833_TotalSegmentator_part3_cardiac_1830subj",
    "Dataset834_TotalSegmentator_part4_muscles_1830subj",
)
PARTS_CADS = (
    "Dataset551_Totalseg251",
    "Dataset552_Totalseg252",
    "Dataset553_Totalseg253",
    "Dataset554_Totalseg254",
    "Dataset556_GC256",
    "Dataset559_Saros259",
)


@dataclass(frozen=True)
class Published:
    """One set of weights. `base` and `release` are the beginning of the address of each of `folders`, which
    come as zips; `kept_in`: the folder below that of all weights in which its own program keeps this set."""

    name: str
    title: str
    licence: str
    licence_url: str
    research_only: bool
    base: str
    release: str
    folders: tuple[str, ...]
    kept_in: str = ""

    def url(self, folder: str, base: str | None = None) -> str:
        """Where a part lies, at its publisher's or below another address."""
        return f"{(base or self.base).rstrip('/')}/{self.release}/{folder}.zip"


def _total(name: str, title: str, release: str, *folders: str) -> Published:
    return Published(
        name=f"totalsegmentator:{name}",
        title=f"TotalSegmentator {title}",
        licence=APACHE,
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        research_only=False,
        base=TOTALSEGMENTATOR,
        release=release,
        folders=folders,
    )


def _cads(name: str, terms: str, *, research_only: bool) -> Published:
    return Published(
        name=f"cads:{name}",
        title=f"CADS, {name} weights",
        licence=f"CC {terms} 4.0 (CADS, {name} weights)",
        licence_url=f"https://creativecommons.org/licenses/{terms.lower()}/4.0/",
        research_only=research_only,
        base=CADS,
        release=f"cads-model-{name}_v1.0.0",
        folders=PARTS_CADS,
        kept_in=name,
    )


V2, V3 = "v2.0.0-weights", "v3.0.0-weights"
PUBLISHED = (
    _total("total", "total, 1.5 mm", V2, *PARTS_V2),
    _total("total-3mm", "total, 3 mm", V2, "Dataset297_TotalSegmentator_total_3mm_1559subj"),
    _total("total-6mm", "total, 6 mm", V2, "Dataset298_TotalSegmentator_total_6mm_1559subj"),
    _total("total_v3", "total v3, 1.5 mm", V3, *PARTS_V3),
    _total("total_v3-3mm", "total v3, 3 mm", V3, "Dataset836_TotalSegmentator_total_3mm_1559subj"),
    _total("total_v3-6mm", "total v3, 6 mm", V3, "Dataset837_TotalSegmentator_total_6mm_1559subj"),
    _cads("open", "BY-SA", research_only=False),
    _cads("research", "BY-NC-SA", research_only=True),
)


def published(name: str) -> Published:
    """A set by its name. BadSetting, naming those there are, for another."""
    found = next((one for one in PUBLISHED if one.name == name), None)
    if found is None:
        raise BadSetting(
            f"No published weights are called {name!r}.",
            advice=f"There are {', '.join(one.name for one in PUBLISHED)}.",
        )
    return found


def found_here(weights: Published) -> tuple[Path, ...]:
    """Every part where its own program keeps it on this machine; empty where one is missing."""
    for place in _places(weights):
        parts = tuple(place / folder for folder in weights.folders)
        if all(part.is_dir() for part in parts):
            return parts
    return ()


def require_here(weights: Published) -> tuple[Path, ...]:
    """What `found_here` finds. InputRefused, naming where was looked, where it finds nothing."""
    parts = found_here(weights)
    if not parts:
        looked = ", ".join(map(str, _places(weights)))
        raise InputRefused(
            f"{weights.name} is not on this machine. Looked in {looked}.",
            advice=f"`amlart models download {weights.name} --id ID` fetches it, where that is allowed.",
        )
    return parts


def _places(weights: Published) -> Iterator[Path]:
    """Where TotalSegmentator and CADS keep weights, by the variables that they read; nnU-Net's too."""
    given = os.environ
    if weights.base == TOTALSEGMENTATOR:
        home = Path(given.get("TOTALSEG_HOME_DIR") or Path.home() / ".totalsegmentator")
        if given.get("TOTALSEG_WEIGHTS_PATH"):
            yield Path(given["TOTALSEG_WEIGHTS_PATH"])
        yield home / "nnunet" / "results"
    elif given.get("CADS_WEIGHTS_PATH"):
        yield Path(given["CADS_WEIGHTS_PATH"]) / weights.kept_in
    if given.get("nnUNet_results"):
        yield Path(given["nnUNet_results"])
