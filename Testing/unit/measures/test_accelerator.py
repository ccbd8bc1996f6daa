"""Compiled loops and numpy give the same figures; which of them runs can be chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures import accelerator
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.pair import Pair, pair
from AmlartContourLib.measures.shells import shells
from AmlartContourLib.measures.surface_distance import SurfaceDistances, surface_distances
from AmlartContourLib.measures.surfaces import surface
from AmlartContourLib.measures.surfels import Layout

SPACINGS = [(1.0, 1.0, 1.0), (1.3, 1.3, 2.5), (0.9, 1.1, 3.0), (0.05, 2.0, 2.0), (4.0, 0.7, 0.7)]


@pytest.fixture
def both_ways(monkeypatch: pytest.MonkeyPatch):
    """Calls a function on numpy, then on compiled loops; skips where numba is not installed."""
    if accelerator._installed() is None:
        pytest.skip("numba is not installed")

    def run(function, *arguments, **named):
        answers = []
        for way in (accelerator.NUMPY, accelerator.COMPILED):
            monkeypatch.setenv(accelerator.VARIABLE, way)
            assert (accelerator.kernels() is None) == (way == accelerator.NUMPY)
            answers.append(function(*arguments, **named))
        return answers

    return run


def random_pair(rng: np.random.Generator, spacing_mm: tuple[float, float, float]) -> tuple[Mask, Mask]:
    """Blobs, sprinkled voxels or one voxel each, in blocks up to three words wide."""
    size = (
        int(rng.choice([3, 40, 63, 64, 65, 129, 150])),
        int(rng.integers(1, 14)),
        int(rng.integers(1, 12)),
    )
    grid = Geometry(size, spacing_mm)
    masks = []
    for _ in range(2):
        kind = rng.choice(["blob", "voxels", "voxel"])
        mask = np.zeros(grid.shape_kji, dtype=bool)
        mask[tuple(int(rng.integers(n)) for n in mask.shape)] = True
        if kind == "blob":
            smooth = ndimage.gaussian_filter(rng.normal(size=mask.shape), 1.5)
            mask |= smooth > np.quantile(smooth, rng.choice([0.5, 0.9]))
        elif kind == "voxels":
            mask |= rng.random(mask.shape) < rng.choice([0.003, 0.1, 0.6])
        masks.append(Mask.from_array(mask, grid))
    return masks[0], masks[1]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_element_has_the_same_distance_to_the_last_bit(spacing, both_ways) -> None:
    rng = np.random.default_rng(SPACINGS.index(spacing))
    for _ in range(40):
        found = both_ways(surface_distances, pair(*random_pair(rng, spacing)))
        for one, other in zip(*[(d.reference, d.test) for d in found], strict=True):
            np.testing.assert_array_equal(one.surface.places, other.surface.places)
            np.testing.assert_array_equal(one.surface.codes, other.surface.codes)
            np.testing.assert_array_equal(one.met.lengths_mm, other.met.lengths_mm)
        require_the_same_decisions(*found)


def require_the_same_decisions(one: SurfaceDistances, other: SurfaceDistances) -> None:
    on_the_lattice = one.reference.profile.distances_mm[:6]
    for tolerance in (0.0, 1.3, 2.0, *on_the_lattice):
        for a, b in ((one.reference, other.reference), (one.test, other.test)):
            np.testing.assert_array_equal(a.layers.parted_mm2(tolerance), b.layers.parted_mm2(tolerance))


@pytest.mark.parametrize("spacing", SPACINGS)
def test_every_figure_of_a_comparison_is_the_same(spacing, both_ways) -> None:
    rng = np.random.default_rng(100 + SPACINGS.index(spacing))
    for _ in range(10):
        masks = random_pair(rng, spacing)
        one, other = both_ways(
            compare, *masks, tolerance_mm=2.0, extra_tolerances_mm=[0.0, 1.3], path_tolerance_mm=1.3
        )
        assert one == other


def test_an_empty_contour_is_the_same_both_ways(both_ways) -> None:
    grid = Geometry((20, 20, 20), (1.0, 1.0, 2.0))
    one_voxel = np.zeros(grid.shape_kji, dtype=bool)
    one_voxel[3, 4, 5] = True
    masks = Mask.from_array(one_voxel, grid), Mask.empty(grid)
    for reference in masks:
        for test in masks:
            one, other = both_ways(compare, reference, test, tolerance_mm=1.0)
            assert one == other


def test_the_map_of_bits_tells_the_state_of_every_point(both_ways) -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):
        block = rng.random((4, 5, 70)) < 0.9
        layout = Layout.of(block.shape, shells((1.0, 1.0, 1.0)).reach_kji)
        one, other = both_ways(surface, block, layout)
        np.testing.assert_array_equal(one.state_at, other.state_at)


def test_voxels_along_a_row_far_finer_than_the_rest_are_searched_beyond_a_word(both_ways) -> None:
    reference, test = np.zeros((3, 3, 400), dtype=bool), np.zeros((3, 3, 400), dtype=bool)
    reference[1, 1, 2], test[1, 1, 390], test[2, 0, 200] = True, True, True
    grid = Geometry((400, 3, 3), (0.01, 3.0, 3.0))
    both: Pair = pair(Mask.from_array(reference, grid), Mask.from_array(test, grid))
    one, other = both_ways(surface_distances, both)
    assert one.hausdorff_mm == other.hausdorff_mm
    assert one.reference.profile.mean_mm == other.reference.profile.mean_mm


def test_a_setting_that_says_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(accelerator.VARIABLE, "fast")
    with pytest.raises(BadSetting, match="fast"):
        accelerator.kernels()


def test_compiled_loops_that_are_asked_for_but_missing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "_installed", lambda: None)
    monkeypatch.setenv(accelerator.VARIABLE, "")
    assert accelerator.kernels() is None
    monkeypatch.setenv(accelerator.VARIABLE, accelerator.COMPILED)
    with pytest.raises(BadSetting, match="numba"):
        accelerator.kernels()
