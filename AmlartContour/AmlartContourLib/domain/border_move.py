"""Nodal levels after a border was moved: the swept voxels, and no others, change their level.

Levels may have been drawn or edited by hand, and need not follow the planes they were once divided at. So a
move does not divide anew: only voxels for which the planes before and after name different levels go from one
to the other. What falls in no level is kept in `rest`, so moving a border back brings it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.spatial import cKDTree

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.levels import BorderKind, LevelBorder, divide_ctvn
from AmlartContourLib.domain.mask import Mask, union
from AmlartContourLib.domain.parts import LEVELS, NODAL_IDS, SIDES, leaves
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet

MOVABLE = (
    BorderKind.PARAAORTIC_TOP,
    BorderKind.AORTIC_BIFURCATION,
    BorderKind.COMMON_ILIAC_BIFURCATION_LEFT,
    BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT,
)  # the planes that tell levels apart; the others are evidence for these, or bound what was drawn
LOWER_AND_UPPER = tuple(
    (MOVABLE[low], MOVABLE[high]) for low, high in ((1, 0), (2, 1), (3, 1), (2, 0), (3, 0))
)
NOTE = "Made by moving a level border."


@dataclass(frozen=True)
class Moved:
    """The structures and the rest after the move; how much changed its level, in cm3."""

    structures: StructureSet
    rest: Mask
    moved_cc: float


def move_borders(
    structures: StructureSet, rest: Mask, before: tuple[LevelBorder, ...], after: tuple[LevelBorder, ...]
) -> Moved:
    """Structures whose nodal levels follow the borders from `before` to `after`. `rest` holds nodal voxels in
    no level. BadSetting where a kind of border comes twice."""
    nodal = [c.mask for c in structures if c.structure_id in NODAL_IDS]
    whole = union([*nodal, rest], structures.geometry)
    old, new = _levels(whole, before), _levels(whole, after)
    gained = {level: new[level] - old[level] for level in LEVELS}
    lost = union(list(old.values()), whole.geometry) - union(list(new.values()), whole.geometry)
    swept = union([*gained.values(), lost], whole.geometry)
    if swept.is_empty:
        return Moved(structures, rest, 0.0)
    left = {
        c.structure_id: c if (c.mask & swept).is_empty else replace(c, mask=_without(c, gained, lost))
        for c in structures
    }
    for level, mask in gained.items():
        if not mask.is_empty:
            _give(left, level, mask, structures)
    taken = union(list(gained.values()), whole.geometry)
    kept = (rest - taken) | lost
    return Moved(StructureSet(structures.geometry, left), kept, swept.volume_cc)


def require_possible(
    before: tuple[LevelBorder, ...], after: tuple[LevelBorder, ...], geometry: Geometry
) -> None:
    """BadSetting where a border was moved past another that it lies above or below of, or out of the scan.
    Borders that had crossed before may be moved in any way, so that they can be put right."""
    crossed = [pair for pair in _crossed(after) if pair not in _crossed(before)]
    if crossed:
        lower, upper = crossed[0]
        raise BadSetting(
            f"The {upper.value} cannot lie below the {lower.value}.",
            kept="The border stays where it was.",
            advice="Move the other one first.",
        )
    corners = [
        geometry.index_to_lps(np.subtract(ijk, 0.5)) for ijk in product(*((0, n) for n in geometry.size_ijk))
    ]
    for border in (border for border in after if border not in before):
        along_mm = (np.asarray(corners) - np.asarray(border.point_lps)) @ np.asarray(border.normal_lps)
        if along_mm.min() > 0 or along_mm.max() < 0:
            raise BadSetting(
                f"The {border.kind.value} would lie outside the scan.", kept="The border stays where it was."
            )


def _crossed(borders: tuple[LevelBorder, ...]) -> list[tuple[BorderKind, BorderKind]]:
    """Pairs of which the lower one lies above the upper one, by its plane's height at the other's point."""
    by_kind = {border.kind: border for border in borders}
    pairs = [pair for pair in LOWER_AND_UPPER if by_kind.keys() >= set(pair)]
    return [pair for pair in pairs if _above_mm(by_kind[pair[1]], by_kind[pair[0]]) < 0]


def _above_mm(upper: LevelBorder, lower: LevelBorder) -> float:
    """How far above `lower`'s point `upper`'s plane lies."""
    normal = np.asarray(upper.normal_lps)
    return float(np.subtract(upper.point_lps, lower.point_lps) @ normal / normal[2])


def _levels(whole: Mask, borders: tuple[LevelBorder, ...]) -> Mapping[str, Mask]:
    """Each level by the planes alone, sides joined; empty where the borders do not give it."""
    parts = divide_ctvn(whole, borders).parts
    return {
        level: union([mask for i, mask in parts.items() if leaves(i) <= leaves(level)], whole.geometry)
        for level in LEVELS
    }


def _without(contour: Contour, gained: Mapping[str, Mask], lost: Mask) -> Mask:
    """A nodal contour less what other levels gained and what no level holds."""
    if contour.structure_id not in NODAL_IDS:
        return contour.mask
    mask = contour.mask - lost
    for level, gain in gained.items():
        if not leaves(contour.structure_id) <= leaves(level):
            mask = mask - gain
    return mask


def _give(contours: dict[str, Contour], level: str, gain: Mask, before: StructureSet) -> None:
    """Adds a gain to the level: to the whole where it is there, and each voxel to the nearest piece."""
    if level in contours:
        contours[level] = replace(contours[level], mask=contours[level].mask | gain)
    pieces = [i for i in contours if leaves(i) < leaves(level) and not contours[i].mask.is_empty]
    if pieces:
        for piece, share in _shares(gain, {i: contours[i].mask for i in pieces}).items():
            contours[piece] = replace(contours[piece], mask=contours[piece].mask | share)
    elif level not in contours:
        for structure_id, share in _by_side(level, gain, before).items():
            there = contours.get(structure_id)
            mask = there.mask | share if there else share
            contours[structure_id] = Contour(
                structure_id, mask, Source.DERIVED, there.note if there else NOTE
            )


def _shares(gain: Mask, pieces: Mapping[str, Mask]) -> dict[str, Mask]:
    """Each voxel of the gain with the piece that has the nearest voxel."""
    if len(pieces) == 1:
        return dict.fromkeys(pieces, gain)
    points = gain.points_lps()
    apart = np.stack([cKDTree(mask.points_lps()).query(points)[0] for mask in pieces.values()])
    nearest = apart.argmin(axis=0)
    shares = {}
    for number, piece in enumerate(pieces):
        block = np.zeros(gain.box.shape_kji, dtype=np.bool_)
        block[gain.block_kji] = nearest == number
        shares[piece] = Mask.from_block(block, gain.box, gain.geometry)
    return {piece: share for piece, share in shares.items() if not share.is_empty}


def _by_side(level: str, gain: Mask, before: StructureSet) -> dict[str, Mask]:
    """The gain of a level that is not there: with sides where the contours it comes from have sides."""
    shares: dict[str, Mask] = {}
    for side in SIDES:
        nodal = [
            c.mask for c in before if c.structure_id in NODAL_IDS and c.structure_id.endswith(f"_{side}")
        ]
        shares[f"{level}_{side}"] = gain & union(nodal, gain.geometry)
    other = gain - shares[f"{level}_left"] - shares[f"{level}_right"]
    shares[level] = other
    return {i: mask for i, mask in shares.items() if not mask.is_empty}
