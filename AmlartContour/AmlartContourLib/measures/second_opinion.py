"""A second engine's contour beside the first one's: what it says of the editing to come, by local cases.

For each structure and each pair of engines, cases of the site with a clinician's contours give

- the rule from disagreement to editing of the first engine's contour (`expected_effort`), and
- two thresholds: the disagreement of a structure, and the area of one slice on which the engines part, that
  four of five (`COVERAGE`) local values do not exceed. They are the ceil((n + 1) * COVERAGE)-th smallest.

With fewer than `LEAST_RESIDUALS` cases of a structure there is no rule and no threshold: none is made up.

Where the model's own spread expects editing too, the larger expectation counts, slice by slice as well, and
its source goes with it (`joined`): one that is glad of agreement must not hide one that is not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from AmlartContourLib.contract.effort import StructureEffort
from AmlartContourLib.contract.strict_json import Message
from AmlartContourLib.measures.expected_effort import LEAST_RESIDUALS, StructureCalibration, fitted

PAIR_FORMAT = 1
COVERAGE = 0.8


class Basis(Enum):
    """What an expectation comes from."""

    SPREAD = "spread of the model"
    SECOND = "engines disagree"


@dataclass(frozen=True)
class PairFigures(Message):
    """One structure of one local case. `x_fraction`, `x_path_share`, `slices_mm2`: how far the second
    engine's contour is from the first's, and in each slice where they part; `fraction`, `path_share`: how far
    the clinician's is."""

    structure: str
    x_fraction: float
    x_path_share: float
    slices_mm2: tuple[float, ...]
    fraction: float
    path_share: float


@dataclass(frozen=True)
class StructureThreshold(Message):
    """One structure of a pair of engines: `rules` from disagreement to editing, and the thresholds, None with
    too few of the `cases`. `fraction` of the surface; `slice_mm2` in one slice."""

    rules: StructureCalibration
    cases: int
    fraction: float | None
    slice_mm2: float | None


@dataclass(frozen=True)
class PairCalibration(Message):
    """What local cases say of two engines, in this order. `cases` were measured."""

    format: int
    first: str
    first_version: str
    second: str
    second_version: str
    cases: int
    coverage: float
    structures: tuple[StructureThreshold, ...]

    def __post_init__(self) -> None:
        if self.format != PAIR_FORMAT:
            raise ValueError(f"this version reads calibrations of two engines of format {PAIR_FORMAT}")
        if not 0 < self.coverage < 1:
            raise ValueError("the coverage is no fraction")

    def of(self, structure: str) -> StructureThreshold | None:
        """That of one structure."""
        return next((one for one in self.structures if one.rules.structure == structure), None)


def threshold(values: Sequence[float], coverage: float = COVERAGE) -> float | None:
    """The value that this share of cases like these does not exceed; None with too few."""
    rank = math.ceil((len(values) + 1) * coverage - 1e-9)
    if len(values) < LEAST_RESIDUALS or rank > len(values):
        return None
    return sorted(values)[rank - 1]


def structure_threshold(
    structure: str, tolerance_mm: float, rows: Sequence[PairFigures]
) -> StructureThreshold:
    """From the local cases in which both engines drew the structure and the clinician had it."""
    mine = [row for row in rows if row.structure == structure]
    enough = len(mine) >= LEAST_RESIDUALS
    rules = StructureCalibration(
        structure,
        tolerance_mm,
        fitted([(row.x_fraction, row.fraction) for row in mine]),
        fitted([(row.x_path_share, row.path_share) for row in mine]),
    )
    slices = [area for row in mine for area in row.slices_mm2]
    return StructureThreshold(
        rules,
        len(mine),
        threshold([row.x_fraction for row in mine]),
        threshold(slices) if enough else None,
    )


def joined(
    spread: StructureEffort | None, second: StructureEffort | None
) -> tuple[StructureEffort | None, Basis | None]:
    """The larger expectation and what it comes from; its slices are the larger of both, each."""
    usable = {
        basis: one
        for basis, one in ((Basis.SPREAD, spread), (Basis.SECOND, second))
        if one is not None and one.fraction_to_redraw is not None
    }
    if not usable:
        return None, None
    basis = max(usable, key=lambda key: _fraction(usable[key]))
    areas = {k: area for k, (area, _) in slice_sources(spread, second).items()}
    if not areas:
        return usable[basis], basis
    first, last = min(areas), max(areas)
    by_slice = tuple(areas.get(k, 0.0) for k in range(first, last + 1))
    return replace(usable[basis], first_k=first, redraw_mm2=by_slice), basis


def slice_sources(
    spread: StructureEffort | None, second: StructureEffort | None
) -> dict[int, tuple[float, Basis]]:
    """By axial slice: the larger expected area to redraw in mm2, and what it comes from."""
    found: dict[int, tuple[float, Basis]] = {}
    for basis, one in ((Basis.SPREAD, spread), (Basis.SECOND, second)):
        for n, area in enumerate(one.redraw_mm2 if one is not None else ()):
            k = one.first_k + n if one is not None else n
            if area > found.get(k, (0.0, basis))[0]:
                found[k] = area, basis
    return found


def _fraction(effort: StructureEffort) -> float:
    return effort.fraction_to_redraw.expected if effort.fraction_to_redraw else 0.0
