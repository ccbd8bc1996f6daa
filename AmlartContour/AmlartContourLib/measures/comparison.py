"""Everything measured between two contours of one structure, from one pass over both.

The reference is the contour that counts (the clinician's, the current one), the test the one that is measured
(the model's, the earlier one). Lengths are in mm, areas in cm2 or mm2, volumes in cm3, fractions from 0 to 1.
What has no value is None, and `undefined` says why; no figure is ever a NaN, an infinity or a 0 that stands
for "no contour". Pages for readers call this measured editing; it says nothing about a contour's merit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import fsum

import numpy as np

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.overlap import Overlap, overlap
from AmlartContourLib.measures.pair import Pair, Place, block, pair
from AmlartContourLib.measures.path_length import PathLength, path_length
from AmlartContourLib.measures.redraw import Redraw, redraw
from AmlartContourLib.measures.slices import SliceFigures, slice_figures
from AmlartContourLib.measures.surface_distance import SurfaceDistances, distances_between

SURFACE_DEFINITION = "area-weighted surface elements (Nikolov et al., arXiv 1809.04430)"
BOTH_EMPTY = "both contours are empty"
REFERENCE_EMPTY = "the reference contour is empty"
TEST_EMPTY = "the test contour is empty"
NOTHING_TO_REDRAW = "nothing lies beyond the tolerance"


@dataclass(frozen=True)
class SurfaceFigures:
    """Distances between the surfaces and their areas. The distances are None where a contour is empty."""

    hausdorff_mm: float | None
    hd95_mm: float | None
    average_symmetric_mm: float | None
    mean_reference_to_test_mm: float | None
    mean_test_to_reference_mm: float | None
    reference_cm2: float
    test_cm2: float


@dataclass(frozen=True)
class PathFigures:
    """Path lengths summed over the axial slices; `reference_mm` is the whole path of the reference.

    None where the reference is empty: then nothing is added and everything erased, which is not 0 mm of work.
    """

    added_mm: float | None
    false_negative_mm: float | None
    reference_mm: float | None
    tolerance_mm: float
    applied_tolerance_mm: float


@dataclass(frozen=True)
class Headline:
    """How much is to redraw, and the shared voxels: what follows a stroke at once.

    `redraws` holds the structure's own tolerance first, then the others.
    """

    grid: Geometry
    overlap: Overlap
    redraws: tuple[Redraw, ...]

    @property
    def tolerance_mm(self) -> float:
        """The structure's own tolerance."""
        return self.redraws[0].tolerance_mm

    @property
    def surface_dice(self) -> float | None:
        """At the structure's own tolerance."""
        return self.redraws[0].surface_dice

    @property
    def fraction_to_redraw(self) -> float | None:
        """At the structure's own tolerance."""
        return self.redraws[0].fraction_to_redraw

    @property
    def empty(self) -> str | None:
        """Which contour is empty, in words; None where both have a voxel."""
        reference, test = self.overlap.reference_cc == 0, self.overlap.test_cc == 0
        if reference and test:
            return BOTH_EMPTY
        return REFERENCE_EMPTY if reference else TEST_EMPTY if test else None


@dataclass(frozen=True)
class Comparison(Headline):
    """All figures of one structure."""

    surface: SurfaceFigures
    path: PathFigures
    slices: tuple[SliceFigures, ...]

    @property
    def undefined(self) -> Mapping[str, str]:
        """For every figure that is None, outside the slices: its name as in `to_json`, and why."""
        reason = self.empty or NOTHING_TO_REDRAW
        return {name: reason for name, value in _leaves(self._figures()) if value is None}

    def worst_slices(self, count: int) -> tuple[SliceFigures, ...]:
        """At most that many slices with something to redraw, the largest area first."""
        touched = [figures for figures in self.slices if figures.redraw_mm2 > 0]
        return tuple(sorted(touched, key=lambda figures: (-figures.redraw_mm2, figures.k))[:count])

    def to_json(self) -> dict[str, object]:
        """Plain values for a file or the wire; undefined figures are null, with their reasons beside them."""
        return {
            "definition": SURFACE_DEFINITION,
            "grid": {"size_ijk": list(self.grid.size_ijk), "spacing_mm": list(self.grid.spacing_mm)},
            "tolerance_mm": self.tolerance_mm,
            **self._figures(),
            "slices": [asdict(figures) for figures in self.slices],
            "undefined": dict(self.undefined),
        }

    def _figures(self) -> dict[str, object]:
        shared = self.overlap
        return {
            "volume": {
                "reference_cc": shared.reference_cc,
                "test_cc": shared.test_cc,
                "signed_difference": shared.signed_volume_difference,
                "absolute_difference": shared.absolute_volume_difference,
            },
            "voxels": {name: count for name, count in asdict(shared).items() if name != "voxel_cc"},
            "overlap": {
                "accuracy": shared.accuracy,
                "precision": shared.precision,
                "recall": shared.recall,
                "f2": shared.f_beta(2),
                "dice": shared.dice,
                "jaccard": shared.jaccard,
            },
            "surface": asdict(self.surface),
            "redraw": [asdict(figures) for figures in self.redraws],
            "path": asdict(self.path),
        }


def compare(
    reference: Mask,
    test: Mask,
    *,
    tolerance_mm: float,
    extra_tolerances_mm: Iterable[float] = (),
    path_tolerance_mm: float = 0.0,
) -> Comparison:
    """All figures between two contours on one grid.

    `tolerance_mm` is the structure's; surface Dice is given at the extra ones too, from the same pass. The
    path tolerance is 0 as published for a contour and its correction. GeometryMismatch where the grids
    differ; BadSetting for a tolerance that is negative or not finite.
    """
    tolerances = usable_tolerances([tolerance_mm, *extra_tolerances_mm])
    usable_tolerances([path_tolerance_mm])
    place, shared, path = _counted(pair(reference, test), path_tolerance_mm)
    box = reference.box.union(test.box)
    blocks = (block(mask, box) for mask in (reference, test))  # one at a time, to spare the memory
    distances = distances_between(blocks, place.grid.spacing_kji_mm)
    return figures(reference.geometry, place, distances, path, shared, tolerances)


def _counted(both: Pair, path_tolerance_mm: float) -> tuple[Place, Overlap, PathLength]:
    return both.place, overlap(both), path_length(both, path_tolerance_mm)


def usable_tolerances(tolerances_mm: Iterable[float]) -> tuple[float, ...]:
    """Each once, in order. BadSetting where one is negative or not finite, or where there is none."""
    tolerances = tuple(dict.fromkeys(tolerances_mm))
    if not tolerances:
        raise BadSetting("No tolerance is given.", advice="Give 0 mm or more.")
    for value in tolerances:
        if not (np.isfinite(value) and value >= 0):
            raise BadSetting(f"A tolerance of {value} mm cannot be used.", advice="Give 0 mm or more.")
    return tolerances


def figures(
    grid: Geometry,
    place: Place,
    distances: SurfaceDistances,
    path: PathLength,
    shared: Overlap,
    tolerances: tuple[float, ...],
) -> Comparison:
    """A comparison from what was measured on a pair in its place. `grid` is the contours' own, `tolerances`
    are in mm, the structure's own first."""
    return Comparison(
        grid=grid,
        overlap=shared,
        surface=_surface_figures(distances),
        redraws=tuple(redraw(distances, value) for value in tolerances),
        path=_path_figures(path),
        slices=slice_figures(place, distances, path, tolerances[0]),
    )


def _surface_figures(distances: SurfaceDistances) -> SurfaceFigures:
    there, back = distances.directed_means_mm or (None, None)
    return SurfaceFigures(
        hausdorff_mm=distances.hausdorff_mm,
        hd95_mm=distances.percentile_mm(95),
        average_symmetric_mm=distances.average_symmetric_mm,
        mean_reference_to_test_mm=there,
        mean_test_to_reference_mm=back,
        reference_cm2=distances.reference.profile.total_mm2 / 100,
        test_cm2=distances.test.profile.total_mm2 / 100,
    )


def _path_figures(path: PathLength) -> PathFigures:
    reference, added, missed = (
        fsum(per_slice) for per_slice in (path.reference_mm, path.added_mm, path.false_negative_mm)
    )
    tolerances = path.tolerance_mm, path.applied_tolerance_mm
    if reference == 0:
        return PathFigures(None, None, None, *tolerances)
    return PathFigures(added, missed, reference, *tolerances)


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every value of nested mappings and lists with its dotted name."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _leaves(part, f"{name}.{number}")
    else:
        yield name, value
