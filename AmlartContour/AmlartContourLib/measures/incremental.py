"""The figures of one structure while its contour is edited: exact, from what an edit changed.

Two contours lie in one block. A stroke renews at once what the eye follows (`Headline`: surface Dice and the
redraw at every tolerance, the shared voxels), from the layers it touched and those within the longest
tolerance of them (`bands`). All other figures follow when they are asked for (`followed`). Counts are whole
numbers and sums are made anew, so any sequence of edits ends in the figures that `comparison.compare` gives
for the last two contours.

Works on any mask, so for a composite that depends on an edited part its new mask is given. Where a contour
leaves the block, everything is measured anew. Not for use by two threads at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import BoolArray, Mask
from AmlartContourLib.measures.bands import Areas, Bands
from AmlartContourLib.measures.changes import changed_box
from AmlartContourLib.measures.comparison import Comparison, Headline, figures, usable_tolerances
from AmlartContourLib.measures.followed import Followed, Span
from AmlartContourLib.measures.overlap import Overlap, overlap
from AmlartContourLib.measures.pair import Pair, Place
from AmlartContourLib.measures.redraw import Redraw, redraws_in_bands
from AmlartContourLib.measures.shells import shells
from AmlartContourLib.measures.surfaces import point_map
from AmlartContourLib.measures.surfels import Layout, PointMap

ROOM_KJI = (2, 8, 8)  # voxels round both contours, so that a stroke seldom leaves the block
REFERENCE, TEST = 0, 1


class LiveComparison:
    """Reference and test of one structure, and the figures between them as they are now."""

    _contours: list[Mask]  # reference and test, as are the blocks, maps and areas
    _box: Box  # of the block, in the order of the masks' arrays
    _block_box: Box  # the same in the canonical order
    _blocks: list[BoolArray]  # in the canonical order
    _maps: tuple[PointMap, PointMap]
    _areas: list[Areas]
    _followed: Followed
    _shared: Overlap
    _headline: Headline
    _comparison: Comparison | None  # None where an edit came after it

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
        self._near = shells(self._canonical_grid.spacing_kji_mm)
        self._bands = Bands.of(self._tolerances, self._near.spacing_kji_mm)
        self._require_grid(test)
        self._restart(reference, test)

    @property
    def headline(self) -> Headline:
        """The figures that every edit renews at once."""
        return self._headline

    @property
    def comparison(self) -> Comparison:
        """All figures of the two contours as they are now, worked out when asked for after an edit."""
        if self._comparison is None:
            both = self._pair()
            found = self._followed.up_to_date(both)
            self._comparison = figures(self._grid, both.place, *found, self._shared, self._tolerances)
        return self._comparison

    def edit_reference(self, mask: Mask, changed: Box | None = None) -> Headline:
        """The figures with this contour as the reference.

        `changed` is a box outside which the contour is as it was, where the caller knows one: finding it
        takes longer than all else in a large contour. GeometryMismatch on another grid.
        """
        return self._edit(REFERENCE, mask, changed)

    def edit_test(self, mask: Mask, changed: Box | None = None) -> Headline:
        """The same with this contour as the test."""
        return self._edit(TEST, mask, changed)

    def _edit(self, which: int, mask: Mask, changed: Box | None) -> Headline:
        self._require_grid(mask)
        before, self._contours[which] = self._contours[which], mask
        if self._box.union(mask.box) != self._box:
            self._restart(*self._contours)
            return self._headline
        changed = changed_box(before, mask) if changed is None else changed.intersection(self._box)
        if not changed.is_empty:
            self._renew(which, mask, changed)
        return self._headline

    def _renew(self, which: int, mask: Mask, changed: Box) -> None:
        """Takes the voxels of a box of the block from the edited contour."""
        block, other = self._blocks[which], self._blocks[1 - which]
        place = self._canonical_box(changed).within(self._block_box)
        drawn, there = self._order.array(mask.window(changed)), place.slices
        self._shared = _shifted(self._shared, which, block[there], drawn, other[there])
        block[there] = drawn
        span = Span(place.start_kji[0], place.stop_kji[0])
        self._maps[which].take(block, span.first, span.stop + 1)
        self._followed.note(which, span)
        self._comparison = None
        if self._bands is not None:
            self._areas_anew(which, span.first, span.stop + 1, self._bands)
            reach = self._bands.reach_layers
            first, stop = max(span.first - reach, 0), min(span.stop + 1 + reach, len(block) + 1)
            self._areas_anew(1 - which, first, stop, self._bands)
        self._headline = self._headline_now()

    def _restart(self, reference: Mask, test: Mask) -> None:
        """Measures everything anew, in a block with room round both contours."""
        self._contours = [reference, test]
        box = reference.box.union(test.box)
        self._box = box if box.is_empty else box.padded(ROOM_KJI, self._grid.shape_kji)
        self._block_box = self._canonical_box(self._box)
        self._blocks = [
            np.ascontiguousarray(self._order.array(mask.window(self._box))) for mask in self._contours
        ]
        k, j, i = self._blocks[0].shape
        layout = Layout.of((k, j, i), self._near.reach_kji)
        self._maps = point_map(layout), point_map(layout)
        for points, block in zip(self._maps, self._blocks, strict=True):
            points.take(block, 0, k + 1)
        self._shared = overlap(self._pair())
        self._followed = Followed(self._maps, self._near, self._path_tolerance_mm)
        self._comparison = None
        if self._bands is not None:
            self._areas = [np.zeros((k + 1, self._bands.count, 2)) for _ in (REFERENCE, TEST)]
            for which in (REFERENCE, TEST):
                self._areas_anew(which, 0, k + 1, self._bands)
        self._headline = self._headline_now()

    def _areas_anew(self, which: int, first: int, stop: int, bands: Bands) -> None:
        one, other = self._maps[which], self._maps[1 - which]
        one.areas(self._blocks[which], first, other, bands, self._areas[which][first:stop])

    def _headline_now(self) -> Headline:
        return Headline(self._grid, self._shared, self._redraws())

    def _redraws(self) -> tuple[Redraw, ...]:
        if self._bands is None:  # a tolerance too long for bands
            return self.comparison.redraws
        of_reference, of_test = self._areas
        return redraws_in_bands(of_reference, of_test, self._bands)

    def _pair(self) -> Pair:
        """Both contours as they are in the block, which an edit changes."""
        reference, test = self._blocks
        return Pair(reference, test, Place(self._canonical_grid, self._block_box.start_kji[0]))

    def _canonical_box(self, box: Box) -> Box:
        return self._order.box(box, self._grid.shape_kji)

    def _require_grid(self, mask: Mask) -> None:
        if self._grid is not mask.geometry and not self._grid.same_as(mask.geometry):
            raise GeometryMismatch(
                f"The contour lies on another grid ({mask.geometry.describe()}) than the one it is compared"
                f" with ({self._grid.describe()}).",
                kept="The contours that were compared before are kept.",
                advice="Resample one onto the grid of the other.",
            )


def _shifted(shared: Overlap, which: int, before: BoolArray, after: BoolArray, other: BoolArray) -> Overlap:
    """The counts after voxels of one contour went from `before` to `after`, beside the other contour's."""
    both = int(np.count_nonzero(after & other)) - int(np.count_nonzero(before & other))
    alone = int(np.count_nonzero(after)) - int(np.count_nonzero(before)) - both
    extra, missed = (-both, alone) if which == REFERENCE else (alone, -both)
    return Overlap(
        shared.true_positive + both,
        shared.false_positive + extra,
        shared.false_negative + missed,
        shared.true_negative - alone,
        shared.voxel_cc,
    )
