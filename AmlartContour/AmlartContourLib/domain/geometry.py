"""Where an array lies in the patient. Travels with every array; an array without it does not exist.

Invariants: millimetres, DICOM patient coordinates (LPS: x to the patient's left, y to posterior, z to
superior), right-handed, orthogonal axes. Arrays are indexed [k, j, i] (slice, row, column); `size_ijk`,
`spacing_mm` and the columns of `direction` are in the order i, j, k, as in ITK and NIfTI.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from AmlartContourLib.contract.errors import BadGeometry, GeometryMismatch

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
ORTHOGONAL_TOLERANCE = 1e-3  # largest deviation of D^T D from the identity; DICOM cosines carry about 1e-6


@dataclass(frozen=True)
class Geometry:
    """Size, spacing, origin and direction of one image grid.

    `direction` holds the 3x3 matrix row by row; its columns are the LPS unit vectors of the i, j and k axes.
    Raises BadGeometry for a size below 1, a spacing that is not positive and finite, or axes that are not
    orthogonal, unit length and right-handed (use `lattice.right_handed` on left-handed input first).
    """

    size_ijk: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_lps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = IDENTITY

    def __post_init__(self) -> None:
        if len(self.size_ijk) != 3 or min(self.size_ijk) < 1:
            raise BadGeometry(f"The image size {self.size_ijk} is not three positive numbers.")
        spacing = np.asarray(self.spacing_mm, dtype=float)
        if spacing.shape != (3,) or not np.all(np.isfinite(spacing)) or np.any(spacing <= 0):
            raise BadGeometry(f"The voxel spacing {self.spacing_mm} mm is not three positive numbers.")
        if len(self.origin_lps) != 3 or not np.all(np.isfinite(self.origin_lps)):
            raise BadGeometry(f"The image origin {self.origin_lps} is not a point.")
        if len(self.direction) != 9 or not np.all(np.isfinite(self.direction)):
            raise BadGeometry("The image direction is not nine finite numbers.")
        matrix = self.direction_matrix
        if np.abs(matrix.T @ matrix - np.eye(3)).max() > ORTHOGONAL_TOLERANCE:
            raise BadGeometry("The image axes are not at right angles to each other.")
        if np.linalg.det(matrix) < 0:
            raise BadGeometry("The image axes are left-handed.")

    @classmethod
    def from_matrix(
        cls,
        size_ijk: ArrayLike,
        spacing_mm: ArrayLike,
        origin_lps: ArrayLike,
        direction: ArrayLike,
    ) -> Geometry:
        """The same from any array-like; `direction` as 3x3 or flat, columns are the axes."""
        i, j, k = (int(n) for n in np.asarray(size_ijk).ravel())
        sx, sy, sz = (float(v) for v in np.asarray(spacing_mm, dtype=float).ravel())
        ox, oy, oz = (float(v) for v in np.asarray(origin_lps, dtype=float).ravel())
        flat = tuple(float(v) for v in np.asarray(direction, dtype=float).ravel())
        return cls((i, j, k), (sx, sy, sz), (ox, oy, oz), flat)

    @property
    def shape_kji(self) -> tuple[int, int, int]:
        """Shape of an array on this grid."""
        i, j, k = self.size_ijk
        return k, j, i

    @property
    def spacing_kji_mm(self) -> tuple[float, float, float]:
        """Spacing in the order of the array's axes."""
        i, j, k = self.spacing_mm
        return k, j, i

    @property
    def direction_matrix(self) -> NDArray[np.float64]:
        """3x3, columns are the LPS unit vectors of the i, j and k axes."""
        return np.asarray(self.direction, dtype=float).reshape(3, 3)

    @property
    def affine(self) -> NDArray[np.float64]:
        """4x4, from (i, j, k, 1) to LPS millimetres."""
        affine = np.eye(4)
        affine[:3, :3] = self.direction_matrix * np.asarray(self.spacing_mm)
        affine[:3, 3] = self.origin_lps
        return affine

    @property
    def voxel_volume_cc(self) -> float:
        """Volume of one voxel in cm3."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def index_to_lps(self, points_ijk: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) from continuous indices i, j, k to LPS millimetres."""
        points = np.asarray(points_ijk, dtype=float)
        lps: NDArray[np.float64] = points @ self.affine[:3, :3].T + self.affine[:3, 3]
        return lps

    def lps_to_index(self, points_lps: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) from LPS millimetres to continuous indices i, j, k."""
        points = np.asarray(points_lps, dtype=float) - np.asarray(self.origin_lps)
        ijk: NDArray[np.float64] = points @ np.linalg.inv(self.affine[:3, :3]).T
        return ijk

    def signed_distance_mm(self, point_lps: ArrayLike, normal_lps: ArrayLike) -> NDArray[np.float64]:
        """Array [k, j, i]: distance in mm of every voxel centre from a plane, positive along its normal."""
        normal = np.asarray(normal_lps, dtype=float)
        normal = normal / np.linalg.norm(normal)
        steps = (self.affine[:3, :3].T @ normal).reshape(3)
        start = float(np.dot(normal, np.asarray(self.origin_lps) - np.asarray(point_lps, dtype=float)))
        i, j, k = (np.arange(n) * step for n, step in zip(self.size_ijk, steps, strict=True))
        field: NDArray[np.float64] = start + k[:, None, None] + j[None, :, None] + i[None, None, :]
        return field

    def cropped(self, start_kji: tuple[int, int, int], shape_kji: tuple[int, int, int]) -> Geometry:
        """The grid of a block of this one, such as a mask's box."""
        k, j, i = shape_kji
        return Geometry.from_matrix(
            (i, j, k), self.spacing_mm, self.index_to_lps(start_kji[::-1]), self.direction
        )

    def same_as(self, other: Geometry, tolerance_mm: float = 0.01) -> bool:
        """True when all eight corners of both grids coincide within the tolerance and the sizes are equal."""
        if self == other:
            return True
        if self.size_ijk != other.size_ijk:
            return False
        apart = self.index_to_lps(self.corners_ijk()) - other.index_to_lps(other.corners_ijk())
        return bool(np.abs(apart).max() <= tolerance_mm)

    def corners_ijk(self) -> NDArray[np.float64]:
        """(8, 3): indices of the centres of the eight corner voxels."""
        last = np.asarray(self.size_ijk, dtype=float) - 1
        choice = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
        corners: NDArray[np.float64] = choice * last
        return corners

    def require_same(self, other: Geometry, what: str) -> None:
        """Raises GeometryMismatch, naming `what`, unless both grids are the same."""
        if not self.same_as(other):
            raise GeometryMismatch(
                f"{what} lies on another grid ({other.describe()}) than the CT ({self.describe()}).",
                kept="Nothing was changed.",
                advice="Resample it to the CT, or choose the contours that belong to this CT.",
            )

    def describe(self) -> str:
        """Short text for messages: size and spacing, no position (a position can identify a scan)."""
        size = "x".join(str(n) for n in self.size_ijk)
        spacing = "x".join(f"{v:.4g}" for v in self.spacing_mm)
        return f"{size} voxels of {spacing} mm"

    def to_json(self) -> dict[str, object]:
        """Plain lists, for provenance and the wire."""
        return {
            "size_ijk": list(self.size_ijk),
            "spacing_mm": list(self.spacing_mm),
            "origin_lps": list(self.origin_lps),
            "direction": list(self.direction),
        }
