"""Are the slices of a stack evenly spaced and straight above each other? Numbers only, no files.

Positions are split into the distance along the slices' normal and the shift within the slice plane. A stack
is a grid when every slice lies within `EVEN_TOLERANCE_MM` of an evenly spaced, straight one, first and last
slice held. 0.1 mm admits positions that a scanner rounded to a tenth; no missing slice is that thin.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import IrregularSlices

EVEN_TOLERANCE_MM = 0.1
DUST_MM = 1e-6  # of floating point, so that rounding of just a twentieth at both ends and between passes
TILT_RESIDUE_MM = 0.5  # a gantry tilt shifts slices by equal amounts per mm; more than this off is no tilt
GAP_IN_STEPS = 0.05  # a gap is whole steps wide within this fraction of a step: slices are missing
MISSING_SHARE = 0.25  # more wide gaps than this are a scan in two slice thicknesses, not missing slices
OUTLYING_GAP_STEPS, OUTLYING_GAP_MM = 5.5, 20.0  # slices further off than both, and few, belong to no run
OUTLYING_SLICES, OUTLYING_SHARE = 3, 0.2
RESAMPLE_ADVICE = "Ask for resampling to an even, straight grid, or export the scan so from the scanner."
MISSING_ADVICE = "Export the complete series again; slices that are not there are never made up."


@dataclass(frozen=True, eq=False)
class SliceSteps:
    """Positions of n slices in ascending order, relative to the first: `along_mm` (n,) along the normal,
    `shift_ij_mm` (n, 2) within the plane."""

    along_mm: NDArray[np.float64]
    shift_ij_mm: NDArray[np.float64]

    @classmethod
    def of(cls, positions_lps: NDArray[np.float64], axes: NDArray[np.float64]) -> SliceSteps:
        """From positions (n, 3) in ascending order and the unit vectors of i, j, k as rows."""
        moved = (positions_lps - positions_lps[0]) @ axes.T
        return cls(moved[:, 2], moved[:, :2])

    @property
    def mean_step_mm(self) -> float:
        """Slice spacing of the even grid from the first to the last slice."""
        return float(self.along_mm[-1] / (len(self.along_mm) - 1))

    @property
    def tilt_degrees(self) -> float:
        """Angle between the normal and the line on which the slices follow each other."""
        slope = self._shift_per_mm()
        return float(np.degrees(np.arctan(np.hypot(*slope))))

    @property
    def is_tilted(self) -> bool:
        """True where slices are shifted beyond the tolerance."""
        return bool(np.abs(self.shift_ij_mm).max() > EVEN_TOLERANCE_MM + DUST_MM)

    @property
    def is_uneven(self) -> bool:
        """True where a slice is off the even grid beyond the tolerance."""
        even = np.linspace(0.0, self.along_mm[-1], len(self.along_mm))
        return bool(np.abs(self.along_mm - even).max() > EVEN_TOLERANCE_MM + DUST_MM)

    def require_usable(self) -> None:
        """Raises IrregularSlices for what no resampling mends: one slice alone, slices at one height, slices
        missing, slices shifted at random."""
        if len(self.along_mm) < 2:
            raise IrregularSlices(
                "The series has a single slice; a scan needs two or more.", advice=MISSING_ADVICE
            )
        steps = np.diff(self.along_mm)
        if steps.min() < EVEN_TOLERANCE_MM:
            raise IrregularSlices(
                f"Two slices lie at the same height, less than {EVEN_TOLERANCE_MM:g} mm apart.",
                advice="Take one of the two acquisitions out of the folder.",
            )
        self._require_no_gap(steps)
        residue = self.shift_ij_mm - np.outer(self.along_mm, self._shift_per_mm())
        if self.is_tilted and np.abs(residue).max() > TILT_RESIDUE_MM:
            raise IrregularSlices(
                "Slices are shifted sideways against each other by unequal amounts.",
                advice="Export the series again; several acquisitions may have been mixed.",
            )

    def irregularities(self) -> tuple[str, ...]:
        """What resampling can mend, in sentences; empty for a grid."""
        found = []
        if self.is_tilted:
            found.append(
                f"The gantry was tilted: the slices follow each other {self.tilt_degrees:.1f} degrees "
                "off their normal."
            )
        if self.is_uneven:
            steps = np.diff(self.along_mm)
            found.append(
                f"The slices are unevenly spaced, {steps.min():.2f} to {steps.max():.2f} mm apart "
                f"(tolerance {EVEN_TOLERANCE_MM:g} mm)."
            )
        return tuple(found)

    def _shift_per_mm(self) -> NDArray[np.float64]:
        """(2,) least-squares shift along i and j for each mm along the normal."""
        slope: NDArray[np.float64] = self.along_mm @ self.shift_ij_mm / (self.along_mm @ self.along_mm)
        return slope

    def _require_no_gap(self, steps: NDArray[np.float64]) -> None:
        if not self.is_uneven:
            return
        multiples = steps / np.median(steps)
        whole = np.abs(multiples - np.rint(multiples)) <= GAP_IN_STEPS
        wide = np.rint(multiples) >= 2
        if not whole.all() or not wide.any() or wide.mean() > MISSING_SHARE:
            return
        missing = int(np.rint(multiples).sum()) - len(steps)
        gaps = np.flatnonzero(wide) + 1
        where = ", ".join(str(int(k)) for k in gaps[:3]) + (" and more" if len(gaps) > 3 else "")
        count = "1 slice is" if missing == 1 else f"{missing} slices are"
        raise IrregularSlices(
            f"{count} missing, counted along the stack after slice {where}.", advice=MISSING_ADVICE
        )


def main_run(along_mm: NDArray[np.float64]) -> slice:
    """The run of slices that holds all but a few outlying ones, from positions in ascending order.

    Outlying are at most 3 slices and at most a fifth of all, beyond a gap of more than 5.5 usual steps and
    20 mm. Where the gaps leave no such run, everything is kept, for the other checks to judge.
    """
    everything = slice(0, len(along_mm))
    if len(along_mm) < 3:
        return everything
    steps = np.diff(along_mm)
    cuts = np.flatnonzero(steps > max(OUTLYING_GAP_STEPS * np.median(steps), OUTLYING_GAP_MM)) + 1
    edges = [0, *(int(cut) for cut in cuts), len(along_mm)]
    runs = [slice(a, b) for a, b in pairwise(edges)]
    main = max(runs, key=lambda run: run.stop - run.start)
    outside = len(along_mm) - (main.stop - main.start)
    few = outside <= OUTLYING_SLICES and outside <= OUTLYING_SHARE * len(along_mm)
    return main if few else everything
