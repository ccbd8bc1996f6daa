"""The second definition: distances between surface meshes, which are not bound to the lattice.

The first definition (`surface_distance`) knows only whole voxel steps: on a grid of 1.3 x 1.3 x 2.5 mm
nothing lies between 0 and 1.3 mm, and its mean distance is too small. Here a distance runs from the centre of
every triangle of one surface to the nearest point of any triangle of the other, weighted by the triangle's
area. The mesh is that of the binary contour, level 0.5, unsmoothed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import usable_tolerances
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.triangles import Mesh, distances_mm, mesh

MESH_DEFINITION = "triangle centres to the other surface's mesh (marching cubes at 0.5), weighted by area"
Each = tuple[NDArray[np.float64], NDArray[np.float64]]  # per triangle of the reference, of the test
ROUNDING_MM = 1e-9  # a distance that exceeds a tolerance by less is within it


@dataclass(frozen=True)
class MeshDice:
    """Surface Dice at one tolerance; None where both contours are empty."""

    tolerance_mm: float
    surface_dice: float | None


@dataclass(frozen=True)
class MeshFigures:
    """Figures between two meshes. The mean distances are None where a contour is empty."""

    grid: Geometry
    dice: tuple[MeshDice, ...]
    average_symmetric_mm: float | None
    mean_reference_to_test_mm: float | None
    mean_test_to_reference_mm: float | None
    reference_cm2: float
    test_cm2: float

    def to_json(self) -> dict[str, object]:
        """Plain values for a file or the wire, with the definition and the grid."""
        return {
            "definition": MESH_DEFINITION,
            "grid": {"size_ijk": list(self.grid.size_ijk), "spacing_mm": list(self.grid.spacing_mm)},
            "dice": [asdict(found) for found in self.dice],
            "average_symmetric_mm": self.average_symmetric_mm,
            "mean_reference_to_test_mm": self.mean_reference_to_test_mm,
            "mean_test_to_reference_mm": self.mean_test_to_reference_mm,
            "reference_cm2": self.reference_cm2,
            "test_cm2": self.test_cm2,
        }


def mesh_figures(reference: Mask, test: Mask, tolerances_mm: Iterable[float]) -> MeshFigures:
    """Surface Dice at the tolerances and mean distances, by meshes.

    Seconds, not milliseconds, for a large structure. GeometryMismatch where the grids differ; BadSetting for
    a tolerance that is negative or not finite, or where none is given.
    """
    tolerances = usable_tolerances(tolerances_mm)
    both = pair(reference, test)
    one, other = (mesh(block, both.spacing_kji_mm) for block in (both.reference_kji, both.test_kji))
    weights = one.areas_mm2, other.areas_mm2
    total = [float(areas.sum()) for areas in weights]
    apart = _apart(one, other)
    means = (
        [float(np.average(mm, weights=areas)) for mm, areas in zip(apart, weights, strict=True)]
        if apart
        else None
    )
    return MeshFigures(
        grid=reference.geometry,
        dice=tuple(MeshDice(mm, _dice(mm, apart, weights, sum(total))) for mm in tolerances),
        average_symmetric_mm=float(np.dot(means, total)) / sum(total) if means else None,
        mean_reference_to_test_mm=means[0] if means else None,
        mean_test_to_reference_mm=means[1] if means else None,
        reference_cm2=total[0] / 100,
        test_cm2=total[1] / 100,
    )


def _apart(one: Mesh, other: Mesh) -> Each | None:
    """Distances from one to the other and back; None where there is no surface to be far from."""
    if len(one.corners_mm) == 0 or len(other.corners_mm) == 0:
        return None
    return distances_mm(one.centres_mm, other), distances_mm(other.centres_mm, one)


def _dice(tolerance_mm: float, apart: Each | None, weights: Each, total_mm2: float) -> float | None:
    if total_mm2 == 0:
        return None
    if apart is None:
        return 0.0
    limit = tolerance_mm + ROUNDING_MM
    within = sum(float(areas[mm <= limit].sum()) for mm, areas in zip(apart, weights, strict=True))
    return within / total_mm2
