"""How much editing is expected of contours, before anyone has edited them. Travels with the contours.

Expected, never measured: from how far independent contours disagree, by a rule fitted to calibration cases.
Each figure has an interval that held at least `coverage` of the calibration cases' own figures. Fractions 0
to 1, mm.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from AmlartContourLib.contract.messages import NAME
from AmlartContourLib.contract.strict_json import Message

EFFORT_FORMAT = 1
MAX_SLICES = 4096


@dataclass(frozen=True)
class Interval(Message):
    """A figure with the interval round it."""

    expected: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.expected <= self.high:
            raise ValueError("an expected figure lies outside its interval")


@dataclass(frozen=True)
class StructureEffort(Message):
    """What is expected of one structure; None, and a sentence in `why_none`, where nothing can be said.

    `fraction_to_redraw`: of the surface, at `tolerance_mm`; 1 - it is the expected surface Dice.
    `added_path_mm`: as measured editing counts it. `redraw_mm2` holds the expected area to redraw of the
    slices from `first_k` on, in the canonical order (from inferior to superior).
    """

    structure: str
    tolerance_mm: float
    fraction_to_redraw: Interval | None
    added_path_mm: Interval | None
    first_k: int = 0
    redraw_mm2: tuple[float, ...] = ()
    why_none: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.structure):
            raise ValueError("a structure's name has letters, digits, dots, dashes and underscores")
        if (self.fraction_to_redraw is None) != (self.why_none != ""):
            raise ValueError("a figure is missing without a reason, or has one")
        if len(self.redraw_mm2) > MAX_SLICES or self.first_k < 0:
            raise ValueError("the slices are not those of a scan")

    @property
    def surface_dice(self) -> Interval | None:
        """The expected surface Dice at the tolerance."""
        fraction = self.fraction_to_redraw
        return Interval(1 - fraction.expected, 1 - fraction.high, 1 - fraction.low) if fraction else None


@dataclass(frozen=True)
class ExpectedEffort(Message):
    """What is expected of each structure, or why nothing is said at all.

    `basis`: what the calibration cases were, in words; `cases` how many. `distance`: how unlike them the scan
    is, `limit` the distance beyond which nothing is said. `withheld`: the sentence that is shown instead;
    `reasons`: what is unlike, in words.
    """

    format: int
    basis: str
    cases: int
    coverage: float
    distance: float
    limit: float
    structures: tuple[StructureEffort, ...] = ()
    withheld: str = ""
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.format != EFFORT_FORMAT:
            raise ValueError(f"this version reads expected effort of format {EFFORT_FORMAT}")
        if self.withheld and self.structures:
            raise ValueError("expected effort is withheld and given")
        if not 0 < self.coverage < 1 or not math.isfinite(self.distance):
            raise ValueError("the coverage is no fraction, or the distance no number")

    def of(self, structure: str) -> StructureEffort | None:
        """What is expected of one structure."""
        return next((one for one in self.structures if one.structure == structure), None)
