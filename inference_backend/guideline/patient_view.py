"""A CT and its organ masks in the canonical order: i to the left, j to posterior, k to superior.

Everything in this room works on this view, so no result depends on how the arrays came. Slices of the view
are "axial" as far as the grid allows; on an oblique grid borders are still planes in patient space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain import lattice
from AmlartContourLib.domain.box import Box, Index3
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan

SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class PatientView:
    """HU and masks on the canonical grid. `mask` gives an empty mask for what was not given."""

    geometry: Geometry
    hu_kji: NDArray[np.int16]
    masks: dict[str, Mask]
    order: Reorder
    original: Geometry

    @classmethod
    def of(cls, scan: CtScan, organs: StructureSet) -> PatientView:
        """From a scan and its contours in any order. GeometryMismatch where they lie on different grids."""
        scan.geometry.require_same(organs.geometry, "The set of organ contours")
        order = lattice.canonical(scan.geometry)
        grid = order.geometry(scan.geometry)
        masks = {c.structure_id: reordered(c.mask, order, grid) for c in organs if not c.mask.is_empty}
        return cls(grid, order.array(scan.hu_kji), masks, order, scan.geometry)

    def has(self, structure_id: str) -> bool:
        """True when the mask was given and is not empty."""
        return structure_id in self.masks

    def mask(self, structure_id: str) -> Mask:
        """One structure; empty where it was not given."""
        return self.masks.get(structure_id) or self.empty

    def union(self, *structure_ids: str) -> Mask:
        """All that were given of some structures, as one mask."""
        return union([self.mask(structure_id) for structure_id in structure_ids], self.geometry)

    @property
    def empty(self) -> Mask:
        """No voxel, on this grid."""
        return Mask.empty(self.geometry)

    @property
    def slice_step_mm(self) -> float:
        """Distance between slices."""
        return self.geometry.spacing_mm[2]

    @property
    def top_k(self) -> int:
        """Index of the highest slice."""
        return self.geometry.size_ijk[2] - 1

    def given_back(self, mask: Mask) -> Mask:
        """The same voxels on the grid of the scan that came in."""
        return reordered(mask, self.order.inverse, self.original)


def reordered(mask: Mask, order: Reorder, grid: Geometry) -> Mask:
    """A mask after a change of array order; `grid` is the geometry after it."""
    old_size = mask.geometry.size_ijk
    start, stop = mask.box.start_kji[::-1], mask.box.stop_kji[::-1]
    low, high = [0, 0, 0], [0, 0, 0]
    for new, axis in enumerate(order.axes):
        flipped = order.flips[new]
        low[new] = old_size[axis] - stop[axis] if flipped else start[axis]
        high[new] = old_size[axis] - start[axis] if flipped else stop[axis]
    if mask.is_empty:
        return Mask.empty(grid)
    box = Box((low[2], low[1], low[0]), (high[2], high[1], high[0]))
    return Mask.from_block(order.array(mask.block_kji), box, grid)


def largest_parts(mask: Mask, fraction: float) -> Mask:
    """The mask without its connected parts smaller than a fraction of its voxels (stray islands of a
    model)."""
    if mask.is_empty:
        return mask
    labels, count = ndimage.label(mask.block_kji, np.ones((3, 3, 3)))
    if count == 1:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = sizes >= max(fraction * sizes.sum(), 1)
    return Mask.from_block(kept[labels], mask.box, mask.geometry)


def slices_of(mask: Mask) -> tuple[int, int]:
    """Lowest and highest slice that holds a voxel; only for a mask that is not empty."""
    return mask.box.start_kji[0], mask.box.stop_kji[0] - 1


def frame(view: PatientView, masks: list[Mask], margin_mm: float) -> Box:
    """The smallest box that holds all masks, with a margin in mm, inside the grid."""
    whole = union(
        [Mask.from_block(np.ones(m.box.shape_kji, bool), m.box, m.geometry) for m in masks], view.geometry
    )
    reach = [int(np.ceil(margin_mm / step)) for step in view.geometry.spacing_kji_mm]
    margin: Index3 = (reach[0], reach[1], reach[2])
    return whole.box.padded(margin, view.geometry.shape_kji)
