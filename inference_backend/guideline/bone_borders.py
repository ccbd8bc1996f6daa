"""Borders that bones give: midline, discs, femoral heads, obturator foramina.

Levels run perpendicular to the patient's long axis (LPS z). A border lies on the face between two slices, at
the place in the slice where it was found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain.levels import BorderKind, LevelBorder
from AmlartContourLib.domain.mask import BoolArray, Mask
from inference_backend.guideline.patient_view import SIDES, PatientView, largest_parts, slices_of

UP = (0.0, 0.0, 1.0)
SPINE = ("sacrum", "vertebra_s1", "vertebra_l5", "vertebra_l4", "vertebra_l3", "vertebra_l2", "vertebra_l1")
BODY_HALF_WIDTH_MM = 15.0  # the middle of a vertebra: body without transverse processes
ISLAND = 0.05  # parts of a bone or vessel mask below this fraction of it are strays
FORAMEN_PART_MM2 = 100.0  # pubis and ischium are both larger than this where the foramen lies between them
FORAMEN_SLICES = 2
POCKET_MM2 = 200.0  # the acetabulum's hollow in one slice


def midline_border(view: PatientView) -> LevelBorder | None:
    """The plane between left and right, through the spine, or between paired bones or vessels."""
    centres = np.asarray([view.mask(i).centroid_lps() for i in SPINE if view.has(i)])
    if len(centres):
        along = np.asarray(UP)
        if np.ptp(centres[:, 2]) > 40.0:
            along = np.linalg.svd(centres - centres.mean(axis=0))[2][0]
        normal = np.asarray([1.0, 0.0, 0.0]) - along[0] * along
        text = f"plane through the centres of {len(centres)} parts of the spine"
        return _plane(BorderKind.MIDLINE, centres.mean(axis=0), text, estimated=False, normal=normal)
    for stem in ("hip", "femur", "iliac_artery", "iliac_vein"):
        left, right = (view.mask(f"{stem}_{side}") for side in SIDES)
        if not (left.is_empty or right.is_empty):
            middle = (left.centroid_lps() + right.centroid_lps()) / 2
            text = f"halfway between left and right {stem.replace('_', ' ')}"
            return _plane(BorderKind.MIDLINE, middle, text, estimated=True, normal=(1.0, 0.0, 0.0))
    return None


def disc_lps(view: PatientView, upper_id: str, lower_ids: tuple[str, ...]) -> NDArray[np.float64] | None:
    """Middle of the disc below a vertebra, or the best that is there: its lower end, or the lower one's
    top."""
    below, above = _lower_end(view.mask(upper_id)), _upper_end(view.union(*lower_ids))
    if below is not None and above is not None:
        return (below + above) / 2
    return below if below is not None else above


def femoral_head_border(view: PatientView, side: str, messages: list[str]) -> LevelBorder | None:
    """Where the femoral head appears; from the hollow of the hip bone where no femur mask was given."""
    kind = BorderKind[f"FEMORAL_HEAD_{side.upper()}"]
    femur = largest_parts(view.mask(f"femur_{side}"), ISLAND)
    if not femur.is_empty:
        top = slices_of(femur)[1]
        return at_face(view, kind, femur, top, +1, f"highest slice of the {side} femur", estimated=False)
    hip = largest_parts(view.mask(f"hip_{side}"), ISLAND)
    hollow = _slices_with_hollow(hip)
    if hollow.size:
        messages.append(
            f"No {side} femur mask: the femoral head is estimated from the hollow of the hip bone."
        )
        text = f"highest slice where the {side} hip bone forms the acetabulum"
        return at_face(view, kind, hip, int(hollow.max()), +1, text, estimated=True)
    return None


def obturator_border(
    view: PatientView, side: str, head: LevelBorder | None, messages: list[str]
) -> LevelBorder | None:
    """Top of the obturator foramen: where, going down, the hip bone parts into pubis and ischium.

    Falls back to the top of the femoral head, estimated; None where the hip bone is missing or goes on
    beyond the scan's lower end without parting.
    """
    hip = largest_parts(view.mask(f"hip_{side}"), ISLAND)
    if hip.is_empty:
        return None
    low, high = slices_of(hip)
    limit = _slice_below(view, hip, head) if head else (low + high) // 2
    for k in range(min(limit, high), low, -1):
        if all(_parted(hip, n) for n in range(k, max(k - FORAMEN_SLICES, low - 1), -1)):
            text = f"highest slice where the {side} hip bone parts into pubis and ischium"
            return at_face(view, BorderKind.PELVIC_BOTTOM, hip, k, +1, text, estimated=False)
    if low == 0:
        messages.append(
            f"The scan ends above the {side} obturator foramen: that level is cut at its lower end."
        )
        return None
    if head is None:
        return None
    messages.append(
        f"The {side} hip bone shows no obturator foramen: the strip ends at the femoral head (estimated)."
    )
    text = f"no foramen in the {side} hip bone; top of the femoral head instead"
    return LevelBorder(BorderKind.PELVIC_BOTTOM, head.point_lps, head.normal_lps, text, True)


def at_face(
    view: PatientView, kind: BorderKind, mask: Mask, k: int, side: int, text: str, *, estimated: bool
) -> LevelBorder:
    """A border on the upper (+1) or lower (-1) face of slice k, in the middle of the mask's section there."""
    section = np.argwhere(mask.block_kji[k - mask.box.start_kji[0]])
    j, i = section.mean(axis=0) + np.asarray(mask.box.start_kji[1:])
    point = view.geometry.index_to_lps((i, j, k + 0.5 * side))
    return _plane(kind, point, text, estimated=estimated)


def level_plane(kind: BorderKind, point: NDArray[np.float64], text: str, *, estimated: bool) -> LevelBorder:
    """A border perpendicular to the patient's long axis."""
    return _plane(kind, point, text, estimated=estimated)


def pocket(inside_kji: BoolArray, axis: int) -> BoolArray:
    """Voxels outside that have the mask on both sides along one array axis: hollows, notches and holes."""
    before = np.logical_or.accumulate(inside_kji, axis=axis)
    after = np.flip(np.logical_or.accumulate(np.flip(inside_kji, axis), axis=axis), axis)
    between: BoolArray = before & after & ~inside_kji
    return between


def _plane(
    kind: BorderKind,
    point: NDArray[np.float64],
    text: str,
    *,
    estimated: bool,
    normal: NDArray[np.float64] | tuple[float, float, float] = UP,
) -> LevelBorder:
    x, y, z = (float(v) for v in point)
    a, b, c = (float(v) for v in normal)
    return LevelBorder(kind, (x, y, z), (a, b, c), text, estimated)


def _lower_end(vertebra: Mask) -> NDArray[np.float64] | None:
    body = _body_points(vertebra)
    return None if body is None else body[body[:, 2] <= body[:, 2].min() + 0.5].mean(axis=0)


def _upper_end(vertebra: Mask) -> NDArray[np.float64] | None:
    body = _body_points(vertebra)
    return None if body is None else body[body[:, 2] >= body[:, 2].max() - 0.5].mean(axis=0)


def _body_points(vertebra: Mask) -> NDArray[np.float64] | None:
    """Points of the front half of a vertebra near its middle, or None."""
    if vertebra.is_empty:
        return None
    points = vertebra.points_lps()
    centre = points.mean(axis=0)
    body = points[(points[:, 1] <= centre[1]) & (np.abs(points[:, 0] - centre[0]) <= BODY_HALF_WIDTH_MM)]
    return body if len(body) else None


def _slices_with_hollow(hip: Mask) -> NDArray[np.intp]:
    if hip.is_empty:
        return np.zeros(0, dtype=np.intp)
    pixel = hip.geometry.spacing_mm[0] * hip.geometry.spacing_mm[1]
    area = pocket(hip.block_kji, axis=1).sum(axis=(1, 2)) * pixel
    lower_half = np.arange(len(area)) < len(area) * 0.6  # the wing's own curve lies above
    return np.flatnonzero((area >= POCKET_MM2) & lower_half) + hip.box.start_kji[0]


def _slice_below(view: PatientView, mask: Mask, border: LevelBorder) -> int:
    """The slice just below a border, at the middle of a mask."""
    x, y, _ = mask.centroid_lps()
    return int(np.floor(view.geometry.lps_to_index((x, y, border.point_lps[2]))[2] - 1e-6))


def _parted(hip: Mask, k: int) -> bool:
    section = hip.block_kji[k - hip.box.start_kji[0]]
    labels, count = ndimage.label(section, np.ones((3, 3)))
    pixel = hip.geometry.spacing_mm[0] * hip.geometry.spacing_mm[1]
    areas = np.bincount(labels.ravel())[1:] * pixel
    return count > 1 and int((areas >= FORAMEN_PART_MM2).sum()) >= 2
