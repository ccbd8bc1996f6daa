"""A contour's surface area by distance, as exactly as some tolerances ask: what a stroke renews at once.

The area of each layer of points stands alone: in bands between the tolerances, outside and inside the other
contour. An edit renews the layers it touched, and those of the other contour that are no farther from them
than the longest tolerance; the rest cannot have changed its band. No sum is carried on, so nothing drifts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.measures.shells import WORD, Rows, Shells, Spacing, rows, shells
from AmlartContourLib.measures.surfel_table import surfel_areas_mm2

Areas = NDArray[np.float64]  # (layers, bands, 2) mm2, the last index 1 within the other contour


@dataclass(frozen=True)
class Bands:
    """`tolerances_mm` ascend; band n lies beyond n of them.

    `asked` has them in the order they were asked for, each with the first band beyond it. `near` are the
    steps within the longest, `rows` the same row by row. An edit changes no band more than `reach_layers`
    away.
    """

    asked: tuple[tuple[float, int], ...]
    tolerances_mm: NDArray[np.float64]
    near: Shells
    rows: Rows
    reach_layers: int

    @classmethod
    def of(cls, tolerances_mm: tuple[float, ...], spacing_kji_mm: Spacing) -> Bands | None:
        """None where the longest tolerance is farther than `shells` go, or than is seen along a row."""
        ascending = np.unique(np.asarray(tolerances_mm, dtype=np.float64))
        longest, all_steps, all_rows = ascending[-1], shells(spacing_kji_mm), rows(spacing_kji_mm)
        if longest > min(all_steps.lengths_mm[-1], spacing_kji_mm[2] * (WORD - 1)):
            return None
        kept = int(np.searchsorted(all_steps.lengths_mm, longest, side="right"))
        near = Shells(spacing_kji_mm, all_steps.lengths_mm[:kept], all_steps.steps_kji[:kept])
        within = int(np.searchsorted(np.sqrt(all_rows.squares_mm2), longest, side="right"))
        asked = tuple((mm, int(np.searchsorted(ascending, mm)) + 1) for mm in tolerances_mm)
        return cls(asked, ascending, near, all_rows.first(within), near.reach_kji[0])

    @property
    def count(self) -> int:
        """One more than tolerances."""
        return len(self.tolerances_mm) + 1

    @property
    def element_areas_mm2(self) -> NDArray[np.float64]:
        """(256,) of each code."""
        return surfel_areas_mm2(self.near.spacing_kji_mm)

    def of_distances(self, lengths_mm: NDArray[np.float64]) -> NDArray[np.intp]:
        """(n,) the band of each distance; one that equals a tolerance is within it."""
        band: NDArray[np.intp] = np.searchsorted(self.tolerances_mm, lengths_mm, side="left")
        return band
