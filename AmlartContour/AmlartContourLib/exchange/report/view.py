"""A case turned so that pictures of it follow the radiological convention, whatever the order of its arrays.

Arrays and masks are reordered, never resampled, to axes closest to left, posterior and superior. So an axial
picture has the patient's right on the reader's left and anterior on top; a coronal one has superior on top; a
sagittal one has anterior on the reader's left. An oblique scan is shown in its own slices, and `oblique_deg`
says how far they are tilted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain.box import EMPTY_BOX, Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import BoolArray, Mask
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan

OBLIQUE_DEG = 0.5  # below this, tilt is rounding of the direction cosines or of no consequence to a reader
BODY_HU = -300  # between air and fat
COARSE = 3  # every third voxel finds the body, and leaves out the couch's thin shell
EDGE_MM = 5.0


class Plane(Enum):
    """The three planes: the array axis [k, j, i] that a picture of it fixes, and its edges' letters."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"

    @property
    def axis(self) -> int:
        """The array axis that is fixed."""
        return {"axial": 0, "coronal": 1, "sagittal": 2}[self.value]

    @property
    def edges(self) -> tuple[str, str, str, str]:
        """Letters at the reader's left, right, top and bottom."""
        return {
            "axial": ("R", "L", "A", "P"),
            "coronal": ("R", "L", "S", "I"),
            "sagittal": ("A", "P", "S", "I"),
        }[self.value]


@dataclass(frozen=True)
class View:
    """One case in the canonical order: the CT, and the masks that hold a voxel by id."""

    hu_kji: NDArray[np.int16]
    geometry: Geometry
    masks: Mapping[str, Mask]

    @classmethod
    def of(cls, scan: CtScan, structures: StructureSet) -> View:
        """The scan and the structures with voxels. GeometryMismatch where their grids differ."""
        scan.geometry.require_same(structures.geometry, "The set of contours")
        order = canonical(scan.geometry)
        shown = {i: structures.mask(i).reordered(order) for i in structures.ids if structures.has(i)}
        return cls(order.array(scan.hu_kji), order.geometry(scan.geometry), shown)

    @property
    def oblique_deg(self) -> float:
        """The largest angle between an axis of the scan and the patient's."""
        cosines = np.abs(np.diag(self.geometry.direction_matrix)).clip(0, 1)
        return float(np.degrees(np.arccos(cosines.min())))

    @cached_property
    def body(self) -> Box:
        """The box of the largest part denser than air and of all contours; everything without such a part."""
        dense, step = self.hu_kji[::COARSE, ::COARSE, ::COARSE] > BODY_HU, COARSE
        parts, count = ndimage.label(dense)
        whole = Box((0, 0, 0), self.geometry.shape_kji)
        if not count:
            return whole
        largest = Box.around(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
        k0, j0, i0 = (step * start for start in largest.start_kji)
        k1, j1, i1 = (step * stop for stop in largest.stop_kji)
        found = Box((k0, j0, i0), (k1, j1, i1)).union(box_of(self.masks.values()))
        return self.padded(found, EDGE_MM).intersection(whole)

    def padded(self, box: Box, mm: float) -> Box:
        """A box grown by a length, within the image."""
        k, j, i = (int(np.ceil(mm / step)) for step in self.geometry.spacing_kji_mm)
        return box.padded((k, j, i), self.geometry.shape_kji)

    def position_mm(self, plane: Plane, index: int) -> float:
        """LPS position in mm, along the plane's own normal, of a slice."""
        normal = self.geometry.direction_matrix[:, 2 - plane.axis]
        start = float(normal @ np.asarray(self.geometry.origin_lps))
        return start + index * self.geometry.spacing_kji_mm[plane.axis]

    def centre_index(self, plane: Plane) -> int:
        """The middle slice of the image."""
        return self.geometry.shape_kji[plane.axis] // 2


def box_of(masks: Iterable[Mask]) -> Box:
    """The box round all masks; EMPTY_BOX without any."""
    box = EMPTY_BOX
    for mask in masks:
        box = box.union(mask.box)
    return box


def cut(mask: Mask, plane: Plane, index: int, window: Box) -> BoolArray:
    """The mask in one slice: the rows and columns of `window` only."""
    start, stop = list(window.start_kji), list(window.stop_kji)
    start[plane.axis], stop[plane.axis] = index, index + 1
    seen = mask.window(Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])))
    two: BoolArray = np.take(seen, 0, axis=plane.axis)
    return two


def cut_hu(view: View, plane: Plane, index: int, window: Box) -> NDArray[Any]:
    """The CT in one slice: the rows and columns of `window` only."""
    places: list[slice | int] = list(window.slices)
    places[plane.axis] = index
    two: NDArray[Any] = view.hu_kji[tuple(places)]
    return two
