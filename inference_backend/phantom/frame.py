"""From the patient's LPS coordinates to the body frame of the reference woman, and drawing on any grid.

LPS = heads + pose * (scale * body), and a smooth deformation of the body frame. Everything is evaluated at
voxel centres in LPS, so every grid shows the same patient. Memory is bounded: a shape is drawn in its own
box, in blocks of slices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from AmlartContourLib.domain.box import EMPTY_BOX, Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from inference_backend.phantom.pieces import Floats, Piece, Shape
from inference_backend.phantom.spec import PhantomSpec, rotation

BLOCK_VOXELS = 1_500_000
WARP_WAVES_MM = (230.0, 170.0)  # so that the steepest stretch at 8 mm amplitude stays well below 1


@dataclass(frozen=True, eq=False)
class Canvas:
    """One grid to draw one patient on."""

    spec: PhantomSpec
    geometry: Geometry

    def draw(self, shape: Shape, grow_mm: float = 0.0) -> Mask:
        """The voxels whose centres lie in any piece of the shape, each grown by a margin."""
        boxes = [self.box(piece, grow_mm) for piece in shape]
        whole = EMPTY_BOX
        for box in boxes:
            whole = whole.union(box)
        block = np.zeros(whole.shape_kji, dtype=np.bool_)
        for piece, box in zip(shape, boxes, strict=True):
            for part in _in_blocks(box):
                block[part.within(whole).slices] |= piece.inside(*self.coordinates(part), grow_mm)
        return Mask.from_block(block, whole, self.geometry)

    def box(self, piece: Piece, grow_mm: float = 0.0) -> Box:
        """The voxels that a grown piece may touch."""
        low, high = np.asarray(piece.bounds(), dtype=float)
        reach = max(grow_mm, 0.0) * 2.5 + self.spec.warp_mm * 1.5 + 0.1  # 2.5: pieces stretched along x
        low, high = low - reach, high + reach
        choice = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
        corners = self.geometry.lps_to_index(self._unwarped_to_lps(low + choice * (high - low)))
        start = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
        stop = np.minimum(np.ceil(corners.max(axis=0)) + 1, self.geometry.size_ijk).astype(int)
        if np.any(stop <= start):
            return EMPTY_BOX
        return Box((int(start[2]), int(start[1]), int(start[0])), (int(stop[2]), int(stop[1]), int(stop[0])))

    def coordinates(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """Body coordinates x, y, z of a box's voxels, as arrays that broadcast to the box's shape."""
        k, j, i = (np.arange(a, b, dtype=float) for a, b in zip(box.start_kji, box.stop_kji, strict=True))
        index = (i[None, None, :], j[None, :, None], k[:, None, None])
        steps = self._to_body @ self.geometry.affine[:3, :3]
        start = self._to_body @ (self.geometry.affine[:3, 3] - np.asarray(self.spec.heads_lps))
        out = []
        for axis in range(3):
            value: NDArray[np.float64] = np.full((1, 1, 1), start[axis])
            for n in range(3):
                if abs(steps[axis, n]) > 1e-9:
                    value = value + steps[axis, n] * index[n]
            out.append(value.astype(np.float32))
        x, y, z = self._warp(out[0], out[1], out[2]) if self.spec.warp_mm else out
        return x, y, z

    def to_lps(self, points_body: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) of the reference woman in this patient's LPS millimetres."""
        wanted = np.asarray(points_body, dtype=float)
        unwarped = wanted.copy()
        for _ in range(12 if self.spec.warp_mm else 0):  # fixed point; the warp contracts by half or more
            moved = self._warp(*(unwarped[..., n].astype(np.float32) for n in range(3)))
            unwarped = unwarped + wanted - np.stack(moved, axis=-1)
        return self._unwarped_to_lps(unwarped)

    def body_direction(self, vector_lps: ArrayLike) -> NDArray[np.float64]:
        """(3,) unit vector of the body frame along a direction of LPS, scaling left aside."""
        turned: NDArray[np.float64] = rotation(self.spec.pose_deg).T @ np.asarray(vector_lps, dtype=float)
        return turned / np.linalg.norm(turned)

    @cached_property
    def _to_body(self) -> NDArray[np.float64]:
        return np.diag(1.0 / np.asarray(self.spec.body_scale)) @ rotation(self.spec.pose_deg).T

    def _unwarped_to_lps(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        lps: NDArray[np.float64] = points @ np.linalg.inv(self._to_body).T + np.asarray(self.spec.heads_lps)
        return lps

    @cached_property
    def _phases(self) -> NDArray[np.float64]:
        return np.random.default_rng([self.spec.seed, 1]).uniform(0, 2 * np.pi, (3, 2))

    def _warp(self, x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
        def wave(u: Floats, v: Floats, axis: int) -> Floats:
            (long, short), (first, second) = WARP_WAVES_MM, self._phases[axis].tolist()
            product = np.sin(u * (2 * np.pi / long) + first) * np.sin(v * (2 * np.pi / short) + second)
            moved: Floats = np.asarray(self.spec.warp_mm * product, dtype=np.float32)
            return moved

        return x + wave(y, z, 0), y + wave(z, x, 1), z + wave(x, y, 2)


def _in_blocks(box: Box) -> Iterator[Box]:
    """The box in runs of slices of at most BLOCK_VOXELS voxels (at least one slice)."""
    depth, rows, columns = box.shape_kji
    if box.is_empty:
        return
    step = max(BLOCK_VOXELS // (rows * columns), 1)
    first = box.start_kji[0]
    for k in range(first, first + depth, step):
        stop = min(k + step, first + depth)
        yield Box((k, *box.start_kji[1:]), (stop, *box.stop_kji[1:]))
