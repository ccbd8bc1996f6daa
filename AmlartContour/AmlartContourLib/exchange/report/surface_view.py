"""A contour's surface as seen from four sides, with the signed distance to another contour at each point.

Seen without any graphics hardware: along parallel rays, one through each row of voxels, the first voxel
inside is where the ray meets the surface. Its face there has four corners, which are all surface elements as
`measures` defines them, so the distance shown is the mean of four distances that the figures are made of.
Positive is outward: the reference lies outside the test, which missed something. Negative is inward.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from AmlartContourLib.domain.mask import BoolArray
from AmlartContourLib.measures.pair import Pair
from AmlartContourLib.measures.surface_distance import Measured, surface_distances

SMOOTHED_MM = 2.0  # for the shading only: steps of the lattice would hide the form
LAMP = (0.45, 0.45, 0.77)  # towards the light: from above, from the reader's left, from the reader
DARKEST = 0.5
Values = NDArray[np.float32]


@dataclass(frozen=True)
class SurfaceView:
    """What is seen from one side. Rows run from inferior to superior, columns from the reader's left.

    `signed_mm` is NaN where a ray meets nothing, `light` from DARKEST to 1; `test_seen` is where the other
    contour would be met. `letters` stand at the reader's left and right; a pixel is `size_mm`, its height
    and width.
    """

    side: str
    letters: tuple[str, str]
    size_mm: tuple[float, float]
    signed_mm: Values
    light: Values
    test_seen: BoolArray


@dataclass(frozen=True)
class _Side:
    """A viewer: rays run along array axis `axis`, backwards if `back`; `mirrored` columns run backwards."""

    name: str
    letters: tuple[str, str]
    axis: int
    back: bool
    mirrored: bool


SIDES = (
    _Side("anterior", ("R", "L"), 1, False, False),
    _Side("left", ("A", "P"), 2, True, False),
    _Side("posterior", ("L", "R"), 1, True, True),
    _Side("right", ("P", "A"), 2, False, True),
)


def surface_views(both: Pair) -> Iterator[SurfaceView]:
    """The reference of a pair from all sides; nothing where a contour is empty, as no distance exists."""
    distances = surface_distances(both)
    if not distances.are_finite:
        return
    corners_mm = _signed_at_corners(distances.reference, both.test_kji)
    spacing = both.spacing_kji_mm
    soft = ndimage.gaussian_filter(
        np.pad(both.reference_kji, 1).astype(np.float32), [SMOOTHED_MM / mm for mm in spacing], truncate=2.5
    )
    for side in SIDES:
        yield _seen(both, corners_mm, soft, side)


def _signed_at_corners(reference: Measured, test_kji: BoolArray) -> Values:
    """The signed distance of every element of the reference at its corner point [k, j, i], NaN elsewhere."""
    places = tuple(reference.surface.layout.kji(reference.surface.places).T)
    signed = reference.met.lengths_mm
    corners = np.full([n + 1 for n in test_kji.shape], np.nan, dtype=np.float32)
    corners[places] = np.where(_all_inside(test_kji)[places], -signed, signed)
    return corners


def _all_inside(block_kji: BoolArray) -> BoolArray:
    """At each corner point whether all eight voxels round it are inside."""
    inside = np.pad(block_kji, 1)
    for axis in range(3):
        inside = np.logical_and(*(inside.take(range(n, inside.shape[axis] - 1 + n), axis) for n in (0, 1)))
    return inside


def _seen(both: Pair, corners_mm: Values, soft: Values, side: _Side) -> SurfaceView:
    turned = np.moveaxis(both.reference_kji, side.axis, -1)
    ahead = turned[..., ::-1] if side.back else turned
    depth = ahead.argmax(axis=-1)
    if side.back:
        depth = turned.shape[-1] - 1 - depth
    rows, columns = np.indices(depth.shape)
    corner, at_face = np.moveaxis(corners_mm, side.axis, -1), depth + side.back
    signed = np.mean(
        [corner[rows + a, columns + b, at_face] for a in (0, 1) for b in (0, 1)], axis=0, dtype=np.float32
    )
    met = _met(both.reference_kji, side)
    light = _light(np.moveaxis(soft, side.axis, -1), rows + 1, columns + 1, depth + 1, both, side)
    turn = slice(None, None, -1) if side.mirrored else slice(None)
    height, *others = both.spacing_kji_mm
    return SurfaceView(
        side.name,
        side.letters,
        (height, others[2 - side.axis]),
        np.where(met, signed, np.float32(np.nan))[:, turn],
        light[:, turn],
        _met(both.test_kji, side)[:, turn],
    )


def _met(block_kji: BoolArray, side: _Side) -> BoolArray:
    """Where a ray meets the block at all."""
    met: BoolArray = np.logical_or.reduce(block_kji, axis=side.axis)
    return met


def _light(
    soft: Values, rows: NDArray[np.intp], columns: NDArray[np.intp], depth: NDArray[np.intp],
    both: Pair, side: _Side,
) -> Values:  # fmt: skip
    """How bright the surface is at each point met, by its slope against the lamp."""
    height, *others = both.spacing_kji_mm
    up = (soft[rows - 1, columns, depth] - soft[rows + 1, columns, depth]) / height
    across = (soft[rows, columns - 1, depth] - soft[rows, columns + 1, depth]) / others[2 - side.axis]
    away = (soft[rows, columns, depth - 1] - soft[rows, columns, depth + 1]) / others[side.axis - 1]
    normal = np.stack([up, across * (1 if side.mirrored else -1), away * (1 if side.back else -1)])
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    towards = np.clip(np.tensordot(np.asarray(LAMP), normal, axes=1), 0, 1)
    return np.asarray(DARKEST + (1 - DARKEST) * towards, dtype=np.float32)
