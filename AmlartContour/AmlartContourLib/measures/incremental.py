"""The figures of one structure while its contour is edited: exact, from what an edit changed.

Two contours lie in one block. An edit takes out and puts in again what depends on the slices that changed:
the edited contour's elements on them with their distances, and those elements of the other contour that have
no element nearer than the changed slices, for only their nearest element can have come or gone. Counts are
whole numbers and sums are made anew, so any sequence of edits ends in the figures that `comparison.compare`
gives for the last two contours: distances, percentiles and means too, not surface Dice alone.

Works on any mask, so for a composite that depends on an edited part its new mask is given. Where a contour
leaves the block, becomes empty or was empty, everything is measured anew. Not for use by two threads at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import BoolArray, Mask
from AmlartContourLib.measures.comparison import Comparison, figures, usable_tolerances
from AmlartContourLib.measures.overlap import Overlap, overlap
from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.path_length import PathLength, path_length
from AmlartContourLib.measures.shells import shells
from AmlartContourLib.measures.surface_distance import SurfaceDistances, surface_distances
from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfels import Layout
from AmlartContourLib.measures.tracked import Tracked

ROOM_KJI = (2, 8, 8)  # voxels round both contours, so that a stroke seldom leaves the block
REFERENCE, TEST = 0, 1


class LiveComparison:
    """Reference and test of one structure, and the figures between them as they are now."""

    _contours: list[Mask]  # reference and test, as are the blocks and sides
    _box: Box  # of the block, in the order of the masks' arrays
    _blocks: list[BoolArray]  # in the canonical order
    _sides: tuple[Tracked, Tracked] | None  # None where a contour is empty
    _shared: Overlap
    _path: PathLength
    _comparison: Comparison

    def __init__(
        self,
        reference: Mask,
        test: Mask,
        *,
        tolerance_mm: float,
        extra_tolerances_mm: Iterable[float] = (),
        path_tolerance_mm: float = 0.0,
    ) -> None:
        """The same settings, and the same errors, as `comparison.compare`."""
        self._tolerances = usable_tolerances([tolerance_mm, *extra_tolerances_mm])
        (self._path_tolerance_mm,) = usable_tolerances([path_tolerance_mm])
        self._grid = reference.geometry
        self._order = canonical(self._grid)
        self._canonical_grid = self._order.geometry(self._grid)
        self._require_grid(test)
        self._restart(reference, test)

    @property
    def comparison(self) -> Comparison:
        """The figures of the two contours as they are now."""
        return self._comparison

    def edit_reference(self, mask: Mask) -> Comparison:
        """The figures with this contour as the reference. GeometryMismatch on another grid."""
        return self._edit(REFERENCE, mask)

    def edit_test(self, mask: Mask) -> Comparison:
        """The figures with this contour as the test. GeometryMismatch on another grid."""
        return self._edit(TEST, mask)

    def _edit(self, which: int, mask: Mask) -> Comparison:
        self._require_grid(mask)
        contours = [mask if n == which else old for n, old in enumerate(self._contours)]
        inside_block = self._box.union(mask.box) == self._box
        if self._sides is None or mask.is_empty or not inside_block:
            self._restart(*contours)
            return self._comparison
        self._contours = contours
        drawn, block = self._window(mask), self._blocks[which]
        changed = np.flatnonzero((drawn != block).reshape(len(block), -1).any(axis=1))
        if len(changed):
            self._renew(self._sides, which, drawn, int(changed[0]), int(changed[-1]) + 1)
        return self._comparison

    def _renew(
        self, sides: tuple[Tracked, Tracked], which: int, drawn: BoolArray, first: int, stop: int
    ) -> None:
        """Takes slices `first` to `stop` of the edited contour from `drawn`."""
        slices = self._pair(first, stop)
        before = overlap(slices)
        self._blocks[which][first:stop] = drawn[first:stop]
        after = overlap(slices)
        old = self._shared
        self._shared = Overlap(
            old.true_positive + after.true_positive - before.true_positive,
            old.false_positive + after.false_positive - before.false_positive,
            old.false_negative + after.false_negative - before.false_negative,
            old.true_negative + after.true_negative - before.true_negative,
            old.voxel_cc,
        )
        path = path_length(slices, self._path_tolerance_mm)
        for name in ("reference_mm", "added_mm", "false_negative_mm"):
            getattr(self._path, name)[first:stop] = getattr(path, name)
        edited, other = sides[which], sides[1 - which]
        edited.redraw(self._blocks[which], first, stop + 1, other.surface)
        other.follow(first, stop + 1, edited.surface)
        self._comparison = self._figures(SurfaceDistances(*(side.measured() for side in sides)))

    def _restart(self, reference: Mask, test: Mask) -> None:
        """Measures everything anew, in a block with room round both contours."""
        self._contours = [reference, test]
        box = reference.box.union(test.box)
        self._box = box if box.is_empty else box.padded(ROOM_KJI, self._grid.shape_kji)
        self._blocks = [self._window(mask) for mask in self._contours]
        both = self._pair(0, len(self._blocks[0]))
        self._path = path_length(both, self._path_tolerance_mm)
        self._shared = overlap(both)
        self._sides = None if reference.is_empty or test.is_empty else _tracked(both)
        if self._sides is None:
            self._comparison = self._figures(surface_distances(both))
        else:
            self._comparison = self._figures(SurfaceDistances(*(side.measured() for side in self._sides)))

    def _figures(self, distances: SurfaceDistances) -> Comparison:
        both = self._pair(0, len(self._blocks[0]))
        return figures(self._grid, both, distances, self._path, self._shared, self._tolerances)

    def _pair(self, first: int, stop: int) -> Pair:
        """Slices of both contours as they are in the block, which an edit changes."""
        reference, test = (block[first:stop] for block in self._blocks)
        box = self._order.box(self._box, self._grid.shape_kji)
        return Pair(reference, test, self._canonical_grid, box.start_kji[0] + first)

    def _window(self, mask: Mask) -> BoolArray:
        return np.ascontiguousarray(self._order.array(mask.window(self._box)))

    def _require_grid(self, mask: Mask) -> None:
        if not self._grid.same_as(mask.geometry):
            raise GeometryMismatch(
                f"The contour lies on another grid ({mask.geometry.describe()}) than the one it is compared"
                f" with ({self._grid.describe()}).",
                kept="The contours that were compared before are kept.",
                advice="Resample one onto the grid of the other.",
            )


def _tracked(both: Pair) -> tuple[Tracked, Tracked]:
    near = shells(both.spacing_kji_mm)
    k, j, i = both.reference_kji.shape
    layout = Layout.of((k, j, i), near.reach_kji)
    reference, test = surface(both.reference_kji, layout), surface(both.test_kji, layout)
    return Tracked(reference, test, near), Tracked(test, reference, near)
