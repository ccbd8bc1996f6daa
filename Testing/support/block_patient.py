"""A patient of blocks and straight tubes, whose level borders and margins are known by hand.

Voxel centres lie at even x, at multiples of 1.5 in y and of 3 in z (LPS millimetres, grid centred on 0).
Everything is fat at -100 HU. Heights that tests rely on are named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_scan import CtScan
from support.shapes import grid, voxels_lps

FAT_HU = -100
HILUM_TOP_FACE = 118.5
AORTIC_FACE = 46.5
BIFURCATION_FACE = 4.5
L5_S1 = 3.0
HEAD_FACE = -43.5
FORAMEN_FACE = -79.5
WALL_X = 60.0  # inner surface of the left hip bone
SACRUM_FRONT_Y = 40.5
Point = tuple[float, float, float]
Field = Callable[[np.ndarray], np.ndarray]


def block_grid(direction: str = "head first supine") -> Geometry:
    """The grid that all heights above fit on."""
    return grid((121, 101, 99), (2.0, 1.5, 3.0), direction, (0.0, 0.0, 0.0))


def patient(
    geometry: Geometry | None = None, leave_out: Iterable[str] = (), **replaced: Mask
) -> tuple[CtScan, StructureSet]:
    """Scan and organ masks; `leave_out` drops some by id, `replaced` gives others."""
    geometry = geometry or block_grid()
    masks = {**_masks(geometry), **replaced}
    contours = [
        Contour(name, mask, Source.IMPORTED) for name, mask in masks.items() if name not in set(leave_out)
    ]
    hu = np.full(geometry.shape_kji, FAT_HU, dtype=np.int16)
    return CtScan(hu, geometry), StructureSet.of(geometry, contours)


@lru_cache(maxsize=4)
def _masks(geometry: Geometry) -> dict[str, Mask]:
    points = voxels_lps(geometry)
    return {name: Mask.from_array(field(points), geometry) for name, field in _fields().items()}


def box(low: Point, high: Point) -> Field:
    """Between two corners, both included."""
    return lambda p: ((p >= np.asarray(low) - 1e-6) & (p <= np.asarray(high) + 1e-6)).all(-1)


def tube(x: float, y: float, radius: float, bottom: float, top: float) -> Field:
    """A straight vessel along z, both ends included."""
    return lambda p: (
        ((p[..., 0] - x) ** 2 + (p[..., 1] - y) ** 2 <= radius**2)
        & (p[..., 2] >= bottom - 1e-6)
        & (p[..., 2] <= top + 1e-6)
    )


def joined(*fields: Field) -> Field:
    """Everything that is in one of them."""
    return lambda p: np.logical_or.reduce([field(p) for field in fields])


def without(field: Field, hole: Field) -> Field:
    """The first without the second."""
    return lambda p: field(p) & ~hole(p)


def mirrored(field: Field) -> Field:
    """The same on the right side."""
    return lambda p: field(p * np.asarray([-1.0, 1.0, 1.0]))


def artery(internal: bool = True) -> Field:
    """The left iliac artery: common down to z = 6, from z = 3 external and, if wanted, internal."""
    common, external = tube(25, 15, 5, 6, 45), tube(34, 11, 4, -90, 3)
    branch = tube(22, 25, 4, -60, 3)
    return joined(common, external, branch) if internal else joined(common, external)


def _fields() -> dict[str, Field]:
    left = {
        "iliac_artery": artery(),
        "iliac_vein": joined(tube(32, 22, 4, 6, 42), tube(40, 18, 4, -90, 3), tube(27, 33, 3, -60, 3)),
        "hip": without(box((60, -30, -102), (80, 45, 60)), box((50, -10.5, -147), (90, 21, -81))),
        "femur": box((90, -10.5, -147), (110, 10.5, -45)),
        "iliopsoas": joined(box((44, 10.5, 6), (56, 49.5, 102)), box((44, -21, -45), (56, 0, 3))),
        "kidney": without(box((70, 19.5, 93), (96, 51, 141)), box((60, 30, 108), (80, 40.5, 126))),
    }
    middle = {
        "aorta": tube(10, 15, 8, 48, 147),
        "inferior_vena_cava": tube(-12, 15, 8, 45, 147),
        "sacrum": box((-40, SACRUM_FRONT_Y, -60), (40, 60, 0)),
        "vertebra_s1": box((-20, SACRUM_FRONT_Y, -24), (20, 60, 0)),
        "vertebra_l5": box((-20, 30, 6), (20, 60, 30)),
        "vertebra_l4": box((-20, 30, 36), (20, 60, 60)),
        "vertebra_l3": box((-20, 30, 66), (20, 60, 90)),
        "vertebra_l2": box((-20, 30, 96), (20, 60, 117)),
        "vertebra_l1": box((-20, 30, 123), (20, 60, 144)),
        "small_bowel": box((-16, -30, 9), (34, 6, 42)),
        "bladder": box((-46, -45, -75), (46, 9, -30)),
    }
    right = {f"{name}_right": mirrored(field) for name, field in left.items()}
    return {f"{name}_left": field for name, field in left.items()} | right | middle
