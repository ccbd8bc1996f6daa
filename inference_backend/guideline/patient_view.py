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
        masks = {c.structure_id: _on(grid, c.mask.reordered(order)) for c in organs if not c.mask.is_empty}
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
        return _on(self.original, mask.reordered(self.order.inverse))


def _on(grid: Geometry, mask: Mask) -> Mask:
    """The mask on the very same geometry object as its companions, so that comparisons are quick."""
    return Mask.from_block(mask.block_kji, mask.box, grid)


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
