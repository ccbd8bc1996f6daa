"""Margins in millimetres: growing and shrinking a structure, exact to the voxel.

Distances run between voxel centres, with the grid's own spacing, so a margin is the same length along every
axis and on every orientation. A margin per direction follows the patient (LPS), not the array. Growth stops
at the border of the image: what would lie beyond it is cut off. Beyond the border a shrinking mask counts as
going on, because the scan's end is not the structure's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.box import Index3
from AmlartContourLib.domain.dilation import dilated
from AmlartContourLib.domain.fields import Fields
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import BoolArray, Mask

# Cosines in files are rounded to about 1e-6 and steps reach tens of mm: less than this is rounding. So a
# centre at exactly the margin is inside, and a sideways component this small is none.
TIE_MM = 1e-4
MOST_MM = 200.0  # far beyond any margin; a longer one is a slip of the finger and would fill the memory
SIDES = ("left", "right", "anterior", "posterior", "superior", "inferior")  # the order of Margin's fields


@dataclass(frozen=True)
class Margin:
    """How far to grow towards each side of the patient, in mm. BadSetting unless all are 0 to `MOST_MM`."""

    left_mm: float
    right_mm: float
    anterior_mm: float
    posterior_mm: float
    superior_mm: float
    inferior_mm: float

    def __post_init__(self) -> None:
        if not all(np.isfinite(value) and value >= 0 for value in astuple(self)):
            raise BadSetting(
                f"The margin {self.describe()} holds a value that is negative or no number.",
                advice="Give lengths in mm of 0 or more; to make a structure smaller, shrink it.",
            )
        if self.largest_mm > MOST_MM:
            raise BadSetting(
                f"The margin {self.describe()} is longer than {MOST_MM:g} mm.",
                kept="Nothing was changed.",
                advice="Give it in mm.",
            )

    @classmethod
    def isotropic(cls, mm: float) -> Margin:
        """The same length in every direction."""
        return cls(mm, mm, mm, mm, mm, mm)

    @property
    def is_isotropic(self) -> bool:
        """True when all six lengths are equal."""
        return len(set(astuple(self))) == 1

    @property
    def largest_mm(self) -> float:
        """The longest of the six."""
        return float(max(astuple(self)))

    def to_json(self) -> float | dict[str, float]:
        """One number, or the six by name."""
        return self.left_mm if self.is_isotropic else dict(zip(SIDES, astuple(self), strict=True))

    @classmethod
    def from_json(cls, data: object) -> Margin:
        """From one number or an object with the six sides. BadSetting for anything else."""
        if not isinstance(data, Mapping):
            data = dict.fromkeys(SIDES, data)
        fields = Fields(data, "A margin")
        margin = cls(*(fields.number(side) for side in SIDES))
        fields.done()
        return margin

    def describe(self) -> str:
        """For messages: one number, or the six with their letters."""
        if self.is_isotropic:
            return f"{self.left_mm:g} mm"
        return (
            " ".join(f"{letter} {value:g}" for letter, value in zip("LRAPSI", astuple(self), strict=True))
            + " mm"
        )


def expand(mask: Mask, margin: Margin, *, exclude: Mask | None = None, within: Mask | None = None) -> Mask:
    """The mask grown by a margin, less `exclude`, and only inside `within`, where given.

    An equal margin takes every voxel whose centre lies at most that far from the centre of a voxel inside
    (Euclidean). A margin per direction takes every voxel that lies in the body round a voxel inside whose
    eighths are those of ellipsoids with the margins as semi-axes; a zero stops growth to that side. Both cuts
    apply to the result, the mask's own voxels too; they do not dam the growth, which may pass round or
    through what is excluded. GeometryMismatch where the masks lie on different grids.
    """
    grown = _grown(mask, margin, within)
    if within is not None:
        grown = grown & within
    return grown if exclude is None else grown - exclude


def shrink(mask: Mask, mm: float) -> Mask:
    """The voxels farther than `mm` from the centre of every voxel outside: the dual of an equal `expand`.

    BadSetting for a negative length.
    """
    margin = Margin.isotropic(mm)
    box = mask.box.padded((1, 1, 1), mask.geometry.shape_kji)  # holds a nearest voxel outside of each inside
    inside = mask.window(box)
    if mask.is_empty or mm == 0 or inside.all():
        return mask
    reach = _reach_kji(margin, mask.geometry)
    eaten = dilated(~inside, _body(margin, mask.geometry, reach))
    here = box.within(box.grown(reach)).slices
    return Mask.from_block(inside & ~eaten[here], box, mask.geometry)


def _grown(mask: Mask, margin: Margin, within: Mask | None) -> Mask:
    if mask.is_empty or margin.largest_mm == 0:
        return mask
    shape = mask.geometry.shape_kji
    reach = _reach_kji(margin, mask.geometry)
    target = mask.box.padded(reach, shape)
    if within is not None:
        target = target.intersection(within.box)
    source = mask.box.intersection(target.padded(reach, shape))
    if target.is_empty or source.is_empty:
        return Mask.empty(mask.geometry)
    grown = dilated(mask.window(source), _body(margin, mask.geometry, reach))
    reached = source.grown(reach)  # may lie outside the image in part
    kept = target.intersection(reached)
    return Mask.from_block(grown[kept.within(reached).slices], kept, mask.geometry)


def _reach_kji(margin: Margin, geometry: Geometry) -> Index3:
    """Voxels along each axis that the margin may cover at most, on any orientation."""
    k, j, i = (int((margin.largest_mm + TIE_MM) // step) for step in geometry.spacing_kji_mm)
    return k, j, i


def _body(margin: Margin, geometry: Geometry, reach: Index3) -> BoolArray:
    """Steps [k, j, i] from -reach to +reach that the margin allows; per direction they are judged in LPS."""
    steps_kji = np.moveaxis(np.indices([2 * n + 1 for n in reach]), 0, -1) - np.asarray(reach)
    if margin.is_isotropic:
        steps_mm = steps_kji * np.asarray(geometry.spacing_kji_mm)
        semi_axes = np.full(3, margin.largest_mm + TIE_MM)
    else:
        steps_mm = steps_kji[..., ::-1] @ geometry.affine[:3, :3].T
        steps_mm[np.abs(steps_mm) <= TIE_MM] = 0.0
        plus = np.asarray([margin.left_mm, margin.posterior_mm, margin.superior_mm])
        minus = np.asarray([margin.right_mm, margin.anterior_mm, margin.inferior_mm])
        semi_axes = np.where(steps_mm > 0, plus, minus) + TIE_MM
    allowed: BoolArray = ((steps_mm / semi_axes) ** 2).sum(-1) <= 1.0
    return allowed
