"""What is known of published models by the names of their data sets: how their images lay, and their terms.

TotalSegmentator 2.18 turns images to nibabel's RAS order and takes windows 0.8 apart for its task `total`;
those weights are under Apache-2.0. CADS turns images to RAS too; its weights come under several licences,
which their folders do not tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """`pattern`: of the data set's name. See `pack.Part` for axes and step. `licence`: empty where it
    must be told."""

    pattern: str
    title: str
    axes: str
    step: float
    licence: str


SOURCES = (
    Known(
        r"^Dataset(29[1-8]|83[1-7])_TotalSegmentator_",
        "TotalSegmentator",
        "RAS",
        0.8,
        "Apache-2.0 (TotalSegmentator v2, task total; Wasserthal 2023)",
    ),
    Known(r"^Dataset55[1-9]_(Totalseg|GC|Brain|OAR|Saros)25", "CADS", "RAS", 0.5, ""),
)


def known(dataset_name: str) -> Known | None:
    """What is known of a data set's model, or None."""
    return next((one for one in SOURCES if re.match(one.pattern, dataset_name)), None)
