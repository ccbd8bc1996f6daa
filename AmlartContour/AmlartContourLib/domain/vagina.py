"""How much vagina belongs to the target, measured along the vaginal axis.

The axis is the regression line of the vagina's voxels over height: it points to the head, follows the tilt of
the vagina, and never runs sideways in a vagina that is wider than it is long. Lengths are measured along the
centreline (the centroids of 5 mm steps along the axis), so a curved vagina is not cut too long; the cut
itself is a plane at right angles to the axis. Beyond its ends the centreline goes on straight. "Upper" counts
from the upper face of the middle of the highest slice; "below" counts from the lowest corner of cervix or
GTVp along the axis, which keeps rather more than less. A voxel goes with its centre. Orientation of the array
plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask

Numbers = NDArray[np.float64]
STEP_MM = 5.0  # along the axis, per point of the centreline: two slices of a usual planning CT
ON_PLANE_MM = 1e-4
MOST_MM = 500.0  # far beyond any vagina; a longer one is a slip of the finger


class VaginaRecipe(Enum):
    """What decides the length. Member names are written to files: never rename one."""

    WHOLE = "whole vagina"
    UPPER = "upper part of the vagina"
    BELOW_TUMOUR = "vagina down to a length below the lower of cervix and GTVp"


@dataclass(frozen=True)
class VaginaLength:
    """A recipe and its length in mm (unused for WHOLE). BadSetting unless it is positive and at most
    `MOST_MM`."""

    recipe: VaginaRecipe
    length_mm: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.length_mm <= MOST_MM:
            raise BadSetting(
                f"The vaginal length {self.length_mm:g} mm is not a positive number up to {MOST_MM:g}.",
                kept="Nothing was changed.",
            )


WHOLE_VAGINA = VaginaLength(VaginaRecipe.WHOLE)


@dataclass(frozen=True, eq=False)
class VaginalAxis:
    """A line through the vagina to the head, and the length of its centreline at positions along it."""

    point_lps: Numbers
    direction_lps: Numbers
    knots_mm: Numbers
    lengths_mm: Numbers

    @classmethod
    def of(cls, vagina: Mask) -> VaginalAxis:
        """The axis of a mask that is not empty. BadSetting for an empty one. Kept for as long as the mask."""
        if vagina not in _axes:
            _axes[vagina] = cls._measured(vagina)
        return _axes[vagina]

    @classmethod
    def _measured(cls, vagina: Mask) -> VaginalAxis:
        if vagina.is_empty:
            raise BadSetting("A vagina without voxels has no axis.")
        points = vagina.points_lps()
        middle = points.mean(axis=0)
        direction = _rise(points - middle, vagina.geometry)
        step = max(STEP_MM, 2 * _half_voxel_mm(vagina.geometry, direction))
        knots, lengths = _centreline((points - middle) @ direction, points, step)
        return cls(middle, direction, knots, lengths)

    def positions_mm(self, points_lps: Numbers) -> Numbers:
        """(...,) place of points (..., 3) along the straight axis, rising to the head, 0 mid-vagina."""
        places: Numbers = (points_lps - self.point_lps) @ self.direction_lps
        return places

    def descend(self, from_mm: float, length_mm: float) -> float:
        """The position that lies `length_mm` of centreline below another."""
        return _through(self._length(from_mm) - length_mm, self.lengths_mm, self.knots_mm)

    def top_mm(self, vagina: Mask) -> float:
        """Position where the centreline leaves a vagina at its top: mid of the highest slice, upper face.

        Not the highest corner: slices run across a slanting vagina, and a corner may lie 5 mm above its
        middle.
        """
        points = vagina.points_lps()
        half = _half_voxel_mm(vagina.geometry, np.asarray([0.0, 0.0, 1.0]))
        highest = points[:, 2].max()
        slice_middle = points[points[:, 2] > highest - 2 * half + ON_PLANE_MM].mean(axis=0)
        to_face = (highest + half - slice_middle[2]) / self.direction_lps[2]
        return float(self.positions_mm(slice_middle) + to_face)

    def lowest_mm(self, mask: Mask) -> float:
        """Position of a mask's lowest corner along the axis. BadSetting for an empty mask."""
        if mask.is_empty:
            raise BadSetting("A structure without voxels has no end along the vaginal axis.")
        places = self.positions_mm(mask.points_lps())
        return float(places.min()) - _half_voxel_mm(mask.geometry, self.direction_lps)

    def above(self, mask: Mask, position_mm: float) -> Mask:
        """The voxels of a mask whose centres lie at or above a position."""
        if mask.is_empty:
            return mask
        grid = mask.geometry.cropped(mask.box.start_kji, mask.box.shape_kji)
        places = grid.signed_distance_mm(self.point_lps, self.direction_lps)
        return Mask.from_block(
            mask.block_kji & (places >= position_mm - ON_PLANE_MM), mask.box, mask.geometry
        )

    def _length(self, position_mm: float) -> float:
        return _through(position_mm, self.knots_mm, self.lengths_mm)


_axes: WeakKeyDictionary[Mask, VaginalAxis] = WeakKeyDictionary()  # a composition asks three times


def cut_upper(vagina: Mask, length_mm: float) -> Mask:
    """The upper part of the vagina, of that length. A shorter one stays whole, an empty one stays empty."""
    length = VaginaLength(VaginaRecipe.UPPER, length_mm).length_mm
    if vagina.is_empty:
        return vagina
    axis = VaginalAxis.of(vagina)
    return axis.above(vagina, axis.descend(axis.top_mm(vagina), length))


def cut_below(vagina: Mask, references: Sequence[Mask], length_mm: float) -> Mask:
    """The vagina down to a length below the lowest of the references, empty ones left aside.

    BadSetting where no reference holds a voxel. Nothing is left where the references end more than that
    length above the vagina.
    """
    length = VaginaLength(VaginaRecipe.BELOW_TUMOUR, length_mm).length_mm
    present = [mask for mask in references if not mask.is_empty]
    if not present:
        raise BadSetting("There is no cervix and no GTVp to measure the vaginal length from.")
    if vagina.is_empty:
        return vagina
    axis = VaginalAxis.of(vagina)
    lowest = min(axis.lowest_mm(mask) for mask in present)
    return axis.above(vagina, axis.descend(lowest, length))


def _rise(offsets: Numbers, geometry: Geometry) -> Numbers:
    """Unit vector of the regression of position over height; each voxel counts with its own extent."""
    inside_voxel = geometry.direction_matrix * (np.asarray(geometry.spacing_mm) ** 2 / 12)
    spread = offsets.T @ offsets / len(offsets) + inside_voxel @ geometry.direction_matrix.T
    rise: Numbers = spread[:, 2] / np.linalg.norm(spread[:, 2])
    return rise


def _half_voxel_mm(geometry: Geometry, direction: Numbers) -> float:
    """From a voxel's centre to its farthest face along a direction."""
    return float(np.abs(geometry.direction_matrix.T @ direction) @ np.asarray(geometry.spacing_mm)) / 2


def _centreline(places: Numbers, points: Numbers, step_mm: float) -> tuple[Numbers, Numbers]:
    """Positions along the axis and the centreline's length there, one per step that is filled well.

    The ends of a slanting vagina fill only one side of their step; their centroid says nothing of the centre.
    """
    steps = ((places - places.min()) / step_mm).astype(int)
    counts = np.bincount(steps)
    full = np.flatnonzero(counts >= np.median(counts[counts > 0]) / 2)
    filled = counts[full]
    centres = np.stack([np.bincount(steps, weights=axis)[full] / filled for axis in points.T], axis=1)
    knots = np.bincount(steps, weights=places)[full] / filled
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(centres, axis=0), axis=1))])
    return knots, lengths


def _through(value: float, inputs: Numbers, outputs: Numbers) -> float:
    """Piecewise linear, going on with slope 1 beyond both ends."""
    beyond = min(value - inputs[0], 0.0) + max(value - inputs[-1], 0.0)
    return float(np.interp(value, inputs, outputs)) + float(beyond)
