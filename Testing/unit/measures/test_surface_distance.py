"""Distances between surfaces: by hand, by the definition, and as the published implementation gives them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.shells import shells
from AmlartContourLib.measures.surface_distance import SurfaceDistances, surface_distances
from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfel_table import surfel_areas_mm2
from AmlartContourLib.measures.surfels import Layout
from support.random_masks import KINDS, SPACINGS, Spacing, random_mask, rounding_decided
from support.surface_peer import peer_figures


def grid_of(shape: tuple[int, ...], spacing: Spacing) -> Geometry:
    return Geometry.from_matrix(shape[::-1], spacing[::-1], (0, 0, 0), np.eye(3))


def measured(reference: np.ndarray, test: np.ndarray, spacing: Spacing) -> SurfaceDistances:
    grid = grid_of(reference.shape, spacing)
    return surface_distances(pair(Mask.from_array(reference, grid), Mask.from_array(test, grid)))


def slab(k0: int, k1: int, shape: tuple[int, int, int] = (20, 6, 6)) -> np.ndarray:
    block = np.zeros(shape, dtype=bool)
    block[k0:k1] = True
    return block


def require_equal_to_the_peer(
    reference: np.ndarray, test: np.ndarray, spacing: Spacing, taus: list[float]
) -> None:
    theirs = peer_figures(reference, test, spacing, taus)
    ours = measured(reference, test, spacing)
    there, back = ours.directed_means_mm or (None, None)
    close = {"rel": 0, "abs": 1e-9}
    assert [ours.surface_dice(tau) for tau in taus] == pytest.approx(theirs["surface_dice"], **close)
    assert ours.hausdorff_mm == pytest.approx(theirs["hausdorff_mm"], **close)
    assert there == pytest.approx(theirs["mean_reference_to_test_mm"], **close)
    assert back == pytest.approx(theirs["mean_test_to_reference_mm"], **close)
    hd95_mm = theirs["hd95_mm"]
    assert ours.percentile_mm(95) == pytest.approx(hd95_mm, **close) or rounding_decided(ours, hd95_mm)


@pytest.mark.peer
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_figures_equal_the_published_implementation_on_random_masks(kind: str, spacing: Spacing) -> None:
    """20 x 24 pairs: border contact, single voxels, several components, tolerances on lattice distances."""
    rng = np.random.default_rng([ord(kind[0]), ord(kind[1]), SPACINGS.index(spacing)])
    for _ in range(24):
        shape = tuple(int(n) for n in rng.integers(1, 13, size=3))
        other = str(rng.choice([*KINDS, kind]))
        ties = [float(shells(spacing).lengths_mm[rng.integers(0, 20)]), 3 * spacing[1], 0.0]
        taus = [*ties, float(rng.uniform(0, 6))]
        require_equal_to_the_peer(
            random_mask(kind, shape, rng), random_mask(other, shape, rng), spacing, taus
        )


def test_two_parallel_surfaces_are_as_far_apart_as_the_slab_was_moved() -> None:
    found = measured(slab(4, 10), slab(6, 12), (2.0, 1.0, 1.0))
    assert found.hausdorff_mm == pytest.approx(4.0)
    assert found.surface_dice(4.0) == 1.0
    kept = found.surface_dice(3.9)
    assert kept is not None
    assert 0 < kept < 1


def test_identical_contours_are_at_no_distance_and_nothing_is_to_redraw() -> None:
    found = measured(slab(3, 9), slab(3, 9), (2.5, 1.3, 1.0))
    assert found.surface_dice(0.0) == 1.0
    assert found.hausdorff_mm == found.percentile_mm(95) == found.average_symmetric_mm == 0.0
    assert found.over_contoured_mm2(0.0) == found.missed_mm2(0.0) == 0.0


def test_surfaces_beyond_every_step_that_is_tried_are_measured_all_the_same() -> None:
    reference, test = np.zeros((60, 50, 50), dtype=bool), np.zeros((60, 50, 50), dtype=bool)
    reference[1, 1, 1] = test[58, 40, 48] = True
    found = measured(reference, test, (2.5, 1.3, 1.3))
    nearest_corners = np.linalg.norm([56 * 2.5, 38 * 1.3, 46 * 1.3])
    farthest = np.linalg.norm([57 * 2.5, 39 * 1.3, 47 * 1.3])
    assert shells((2.5, 1.3, 1.3)).lengths_mm[-1] < nearest_corners
    assert found.reference.profile.distances_mm[0] == pytest.approx(nearest_corners)
    assert found.hausdorff_mm == pytest.approx(farthest)


@pytest.mark.peer
def test_near_and_far_parts_together_equal_the_published_implementation() -> None:
    reference, test = np.zeros((40, 30, 30), dtype=bool), np.zeros((40, 30, 30), dtype=bool)
    reference[2:8, 3:9, 3:9] = test[3:8, 3:10, 2:9] = True
    reference[36:39, 20:28, 20:28] = True
    require_equal_to_the_peer(reference, test, (2.5, 1.3, 1.3), [1.3, 2.0, 30.0, 80.0])


def test_a_percentile_is_the_smallest_distance_that_holds_its_share_of_the_area() -> None:
    reference = slab(0, 10, (10, 20, 20))
    test = reference.copy()
    test[9, :3, :] = False
    found = measured(reference, test, (1.0, 1.0, 1.0)).reference.profile
    share = np.cumsum(found.area_mm2) / found.total_mm2
    for percent in (10, 50, 90, 95, 99, 100):
        reached = found.distances_mm <= found.percentile_mm(percent)
        assert share[reached].max() >= percent / 100 - 1e-9
        assert np.all(share[~reached] > percent / 100)
        assert np.count_nonzero(reached) == 1 or share[reached][-2] < percent / 100


few_voxels = arrays(np.bool_, (5, 6, 7), elements=st.booleans(), fill=st.just(False))


@settings(max_examples=40, deadline=None)
@given(few_voxels, few_voxels, st.sampled_from(SPACINGS), st.sampled_from([0.0, 1.0, 1.3, 2.0, 2.6]))
def test_inward_and_outward_are_where_the_definition_puts_them(
    reference: np.ndarray, test: np.ndarray, spacing: Spacing, tolerance: float
) -> None:
    """Element by element against all others; a point is inside a contour when its eight voxels are."""
    found = measured(reference, test, spacing)
    inward = outward = 0.0
    for own, other, own_is_test in ((reference, test, False), (test, reference, True)):
        mine = surface(own, Layout.of(own.shape, (0, 0, 0)))
        theirs = surface(other, Layout.of(other.shape, (0, 0, 0)))
        if mine.is_empty:
            continue
        areas = surfel_areas_mm2(spacing)[mine.codes]
        points = mine.layout.kji(mine.places) * np.asarray(spacing)
        others = theirs.layout.kji(theirs.places) * np.asarray(spacing)
        far = np.full(len(points), np.inf)
        if len(others):
            far = np.sqrt(((points[:, None] - others[None]) ** 2).sum(-1)).min(axis=1)
        padded = np.pad(other, 1)
        for point, area, apart in zip(mine.layout.kji(mine.places), areas, far, strict=True):
            inside = padded[tuple(slice(n, n + 2) for n in point)].all()
            if apart > tolerance + 1e-9:
                if (
                    inside != own_is_test
                ):  # a reference element in the test, a test element out of the reference
                    inward += area
                else:
                    outward += area
    assert found.over_contoured_mm2(tolerance + 1e-9) == pytest.approx(inward, abs=1e-9)
    assert found.missed_mm2(tolerance + 1e-9) == pytest.approx(outward, abs=1e-9)
