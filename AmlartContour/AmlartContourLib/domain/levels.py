"""Level borders, and the nodal CTV divided by them.

A border is a plane of any orientation. Its normal points to the patient's head (to the left for the midline),
so "above" is well defined however the array runs. Division loses nothing: the parts are disjoint, and what
falls in no level is kept apart and said. The upper border's own voxels belong to the level above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.mask import BoolArray, Mask, union

Point = tuple[float, float, float]
ON_PLANE_MM = 1e-6  # a voxel centre this close to a plane lies on it, whatever the rounding
SAME_POINT_MM = 1e-3


class BorderKind(Enum):
    """What a border is. Member names are written to files: never rename one."""

    PARAAORTIC_TOP = "upper border of the para-aortic level"
    AORTIC_BIFURCATION = "aortic bifurcation"
    COMMON_ILIAC_BIFURCATION_LEFT = "common iliac bifurcation, left"
    COMMON_ILIAC_BIFURCATION_RIGHT = "common iliac bifurcation, right"
    SACRUM_S2_S3 = "border of the sacral vertebrae S2 and S3"
    FEMORAL_HEAD_LEFT = "top of the femoral head, left"
    FEMORAL_HEAD_RIGHT = "top of the femoral head, right"
    PELVIC_BOTTOM = "lower border of the pelvic level"
    MIDLINE = "midline between left and right"


@dataclass(frozen=True)
class LevelBorder:
    """A plane, how it was found, and whether that was a fallback.

    `normal_lps` is stored with unit length, pointing to the head, or to the left for MIDLINE. BadSetting
    where point and normal describe no plane, or the normal has no part in that direction.
    """

    kind: BorderKind
    point_lps: Point
    normal_lps: Point
    evidence: str
    estimated: bool

    def __post_init__(self) -> None:
        normal = np.asarray(self.normal_lps, dtype=float)
        length = float(np.linalg.norm(normal))
        if not (np.all(np.isfinite(self.point_lps)) and np.isfinite(length) and length > 0):
            raise BadSetting(f"The border at the {self.kind.value} is no plane.")
        towards = normal[0 if self.kind is BorderKind.MIDLINE else 2] / length
        if abs(towards) < 1e-6:
            raise BadSetting(f"The border at the {self.kind.value} divides nothing in its direction.")
        object.__setattr__(self, "normal_lps", _point(normal / length * np.sign(towards)))
        object.__setattr__(self, "point_lps", _point(np.asarray(self.point_lps, dtype=float)))

    def moved_to(self, point_lps: Point) -> LevelBorder:
        """The same plane through another point, placed by hand and so no longer estimated."""
        return replace(
            self,
            point_lps=point_lps,
            evidence=f"placed by hand; found before that: {self.evidence}",
            estimated=False,
        )

    def splits(self, mask: Mask) -> tuple[Mask, Mask]:
        """The mask's voxels above (or left of) the plane, and those below (or right of) it."""
        positive = self.positive_side(mask)
        return (
            Mask.from_block(mask.block_kji & positive, mask.box, mask.geometry),
            Mask.from_block(mask.block_kji & ~positive, mask.box, mask.geometry),
        )

    def positive_side(self, mask: Mask) -> BoolArray:
        """Array of the shape of the mask's box: true on the plane and on the side its normal points to."""
        if mask.is_empty:
            return np.zeros(mask.box.shape_kji, dtype=np.bool_)
        grid = mask.geometry.cropped(mask.box.start_kji, mask.box.shape_kji)
        side: BoolArray = grid.signed_distance_mm(self.point_lps, self.normal_lps) >= -ON_PLANE_MM
        return side


@dataclass(frozen=True)
class LevelDivision:
    """Disjoint parts by catalogue id; what belongs to no level; and what was not divided, in words.

    The union of the parts and `unassigned` is the mask that was divided.
    """

    parts: Mapping[str, Mask]
    unassigned: Mask
    notes: tuple[str, ...]


def divide_ctvn(ctvn: Mask, borders: Iterable[LevelBorder]) -> LevelDivision:
    """A nodal CTV divided into ln_paraaortic, ln_common_iliac and ln_pelvic; with sides if MIDLINE is given.

    Above the aortic bifurcation lies para-aortic, up to its top; between the aortic and each side's common
    iliac bifurcation lies common iliac; all below is pelvic. A border that is missing makes no division: what
    it would have told apart stays in `unassigned`, and a note says so. Where two borders cross, the aortic
    one decides. BadSetting where one kind of border comes twice.
    """
    by_kind = _by_kind(borders)
    aortic = by_kind.get(BorderKind.AORTIC_BIFURCATION)
    parts: dict[str, Mask] = {}
    rest: list[Mask] = []
    notes: list[str] = []

    upper, lower = aortic.splits(ctvn) if aortic else (Mask.empty(ctvn.geometry), ctvn)
    if aortic:
        parts["ln_paraaortic"] = _below_top(upper, by_kind.get(BorderKind.PARAAORTIC_TOP), rest, notes)
    sides = _iliac_planes(by_kind, notes)
    if sides is None:
        rest.append(lower)
    else:
        common, parts["ln_pelvic"] = _split_by_side(lower, *sides)
        if aortic:
            parts["ln_common_iliac"] = common
        else:
            rest.append(common)
            notes.append("No aortic bifurcation is given: what lies above the pelvic level is not divided.")
    midline = by_kind.get(BorderKind.MIDLINE)
    return LevelDivision(
        _sided(parts, midline) if midline else parts, union(rest, ctvn.geometry), tuple(notes)
    )


def _by_kind(borders: Iterable[LevelBorder]) -> dict[BorderKind, LevelBorder]:
    by_kind: dict[BorderKind, LevelBorder] = {}
    for border in borders:
        if border.kind in by_kind:
            raise BadSetting(
                f"Two borders are given for the {border.kind.value}.", advice="Keep one of them."
            )
        by_kind[border.kind] = border
    return by_kind


def _below_top(upper: Mask, top: LevelBorder | None, rest: list[Mask], notes: list[str]) -> Mask:
    """The para-aortic level; what lies above its top goes to the rest, with a note."""
    if top is None:
        notes.append(
            "No upper para-aortic border is given: para-aortic reaches up to the end of the contour."
        )
        return upper
    above, level = top.splits(upper)
    if not above.is_empty:
        notes.append(
            f"{above.volume_cc:.1f} cm3 lie above the upper para-aortic border and belong to no level."
        )
        rest.append(above)
    return level


def _iliac_planes(
    by_kind: Mapping[BorderKind, LevelBorder], notes: list[str]
) -> tuple[LevelBorder, LevelBorder, LevelBorder] | None:
    """Left bifurcation, right bifurcation and the plane that tells the sides apart; None without any."""
    left = by_kind.get(BorderKind.COMMON_ILIAC_BIFURCATION_LEFT)
    right = by_kind.get(BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT)
    one = left or right
    if one is None:
        notes.append("No common iliac bifurcation is given: pelvic and common iliac are not told apart.")
        return None
    if left is None or right is None:
        left = right = one
        notes.append(f"Only the {one.kind.value} is given: it serves both sides.")
    middle = by_kind.get(BorderKind.MIDLINE)
    if middle is None:
        between = (np.asarray(left.point_lps) + np.asarray(right.point_lps)) / 2
        middle = LevelBorder(
            BorderKind.MIDLINE, _point(between), (1.0, 0.0, 0.0), "halfway between both bifurcations", True
        )
        if not _same_plane(left, right):
            notes.append("No midline is given: the sides meet halfway between both bifurcations (estimated).")
    return left, right, middle


def _split_by_side(
    mask: Mask, left: LevelBorder, right: LevelBorder, middle: LevelBorder
) -> tuple[Mask, Mask]:
    above = np.where(middle.positive_side(mask), left.positive_side(mask), right.positive_side(mask))
    return (
        Mask.from_block(mask.block_kji & above, mask.box, mask.geometry),
        Mask.from_block(mask.block_kji & ~above, mask.box, mask.geometry),
    )


def _same_plane(one: LevelBorder, other: LevelBorder) -> bool:
    normal = np.asarray(one.normal_lps)
    apart = abs(float(normal @ (np.asarray(one.point_lps) - np.asarray(other.point_lps))))
    return apart <= SAME_POINT_MM and bool(np.allclose(normal, other.normal_lps, atol=1e-6))


def _sided(parts: Mapping[str, Mask], midline: LevelBorder) -> dict[str, Mask]:
    sided: dict[str, Mask] = {}
    for level, mask in parts.items():
        sided[f"{level}_left"], sided[f"{level}_right"] = midline.splits(mask)
    return sided


def _point(values: NDArray[np.float64]) -> Point:
    x, y, z = (float(value) for value in values)
    return x, y, z
