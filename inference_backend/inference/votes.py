"""How many members of an ensemble hold each voxel of the scan, gathered one member at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.box import EMPTY_BOX
from AmlartContourLib.domain.contours import Spread
from AmlartContourLib.domain.mask import Mask

ALL = 255


class Votes:
    """Counts in the smallest box that holds every member's contour of one structure."""

    def __init__(self) -> None:
        self._box = EMPTY_BOX
        self._counts: NDArray[np.uint8] = np.zeros((0, 0, 0), dtype=np.uint8)
        self._members = 0

    def add(self, mask: Mask) -> None:
        """One more member's contour; at most 255."""
        self._members += 1
        if mask.is_empty:
            return
        whole = self._box.union(mask.box)
        if whole != self._box:
            counts = np.zeros(whole.shape_kji, dtype=np.uint8)
            if not self._box.is_empty:
                counts[self._box.within(whole).slices] = self._counts
            self._box, self._counts = whole, counts
        self._counts[mask.box.within(self._box).slices] += mask.block_kji

    def spread(self) -> Spread:
        """The share of members that hold each voxel."""
        shares = np.round(np.arange(self._members + 1) * (ALL / max(self._members, 1))).astype(np.uint8)
        return Spread(self._box, shares[self._counts], self._members)
