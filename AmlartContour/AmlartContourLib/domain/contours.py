"""What an engine gives for one scan: contours, how far independent contours disagree, borders, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.levels import LevelBorder
from AmlartContourLib.domain.structure_set import StructureSet


@dataclass(frozen=True, eq=False)
class Spread:
    """How many of several independent contours of one structure hold each voxel.

    share_kji: uint8 [k, j, i] in `box`, 255 where all `members` do, 0 outside the box. GeometryMismatch where
    the array does not fill the box.
    """

    box: Box
    share_kji: NDArray[np.uint8]
    members: int

    def __post_init__(self) -> None:
        if self.share_kji.shape != self.box.shape_kji:
            raise GeometryMismatch("A spread does not fill its box.")


@dataclass(frozen=True)
class Contours:
    """The result of one engine on one scan, all on the scan's geometry.

    `spread` has an entry for each structure of which there was more than one contour. `timings_s`: seconds by
    stage. `findings`: sentences for the user. `expected`: what editing is expected, where an engine can tell.
    """

    masks: StructureSet
    spread: Mapping[str, Spread] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    borders: tuple[LevelBorder, ...] = ()
    findings: tuple[str, ...] = ()
    engine: str = ""
    engine_version: str = ""
    device: str = ""
    expected: ExpectedEffort | None = None
