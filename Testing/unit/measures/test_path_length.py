"""Added and false-negative path length, on shapes whose boundary voxels can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.path_length import PathLength, Tolerance, path_length
from support.path_recipe import added_path_by_filters_mm

SHAPE = (4, 14, 14)


def measured(
    reference: np.ndarray,
    test: np.ndarray,
    tolerance_mm: float = 0.0,
    rule: Tolerance = Tolerance.EXACT,
    spacing_ijk: tuple[float, float, float] = (1.3, 1.3, 2.5),
) -> PathLength:
    grid = Geometry.from_matrix(reference.shape[::-1], spacing_ijk, (0, 0, 0), np.eye(3))
    both = pair(Mask.from_array(reference, grid), Mask.from_array(test, grid))
    return path_length(both, tolerance_mm, rule)


def square(j: slice, i: slice, k: slice = slice(1, 2)) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[k, j, i] = True
    return mask


def test_the_path_of_a_square_is_its_rim() -> None:
    """6 x 5 voxels: 18 on the rim, each 1.3 mm."""
    box = square(slice(3, 9), slice(4, 9))
    found = measured(box, np.zeros(SHAPE, dtype=bool))
    assert found.reference_mm.tolist() == pytest.approx([18 * 1.3])
    assert found.added_mm.tolist() == found.false_negative_mm.tolist() == pytest.approx([18 * 1.3])


def test_a_side_moved_outward_adds_its_new_line_and_all_of_it_was_missed() -> None:
    """The reference has one column more: its outer column (6 voxels) is new and outside the test; the ends of
    the next column lay on the old rim."""
    test = square(slice(3, 9), slice(4, 9))
    reference = square(slice(3, 9), slice(4, 10))
    found = measured(reference, test)
    assert found.added_mm.sum() == pytest.approx(6 * 1.3)
    assert found.false_negative_mm.sum() == pytest.approx(6 * 1.3)


def test_a_side_moved_inward_adds_a_line_of_which_nothing_was_missed() -> None:
    """The reference has one column less: its outer column (6) has 4 voxels that were inside the test, not on
    its rim."""
    test = square(slice(3, 9), slice(4, 10))
    reference = square(slice(3, 9), slice(4, 9))
    found = measured(reference, test)
    assert found.added_mm.sum() == pytest.approx(4 * 1.3)
    assert found.false_negative_mm.sum() == 0.0


def test_a_hole_in_the_reference_is_a_path_of_its_own() -> None:
    """A hole of one voxel in a filled square: its four neighbours become boundary."""
    test = square(slice(3, 10), slice(3, 10))
    reference = test.copy()
    reference[1, 6, 6] = False
    found = measured(reference, test)
    assert found.reference_mm.sum() == pytest.approx((24 + 4) * 1.3)
    assert found.added_mm.sum() == pytest.approx(4 * 1.3)
    assert found.false_negative_mm.sum() == 0.0


def test_a_missed_component_is_added_in_full() -> None:
    test = square(slice(2, 5), slice(2, 5))
    reference = test | square(slice(8, 12), slice(8, 12))
    found = measured(reference, test)
    assert found.added_mm.sum() == found.false_negative_mm.sum() == pytest.approx(12 * 1.3)


def test_every_slice_has_its_own_length() -> None:
    reference = square(slice(3, 9), slice(4, 9), slice(0, 3))
    test = reference.copy()
    test[0] = False
    test[1, 3:9, 8] = False
    found = measured(reference, test)
    assert found.added_mm.tolist() == pytest.approx([18 * 1.3, 6 * 1.3, 0.0])
    assert found.reference_mm.tolist() == pytest.approx([18 * 1.3] * 3)


def test_a_voxel_counts_as_the_mean_of_the_two_spacings_in_the_slice() -> None:
    box = square(slice(3, 9), slice(4, 9))
    found = measured(box, np.zeros(SHAPE, dtype=bool), spacing_ijk=(1.0, 1.6, 5.0))
    assert found.added_mm.sum() == pytest.approx(18 * 1.3)


@pytest.mark.parametrize(
    ("tolerance", "applied", "added"),
    [(0.0, 0.0, 8), (1.0, 0.0, 8), (1.3, 1.3, 8), (2.0, np.sqrt(2) * 1.3, 8), (2.6, 2.6, 0), (3.0, None, 0)],
)
def test_a_tolerance_in_mm_passes_what_lies_within_it_and_says_what_it_applied(
    tolerance: float, applied: float | None, added: int
) -> None:
    """The lower edge (8 voxels) of the reference lies two voxels, 2.6 mm, below the test's."""
    test = square(slice(2, 8), slice(2, 10))
    reference = square(slice(2, 10), slice(2, 10))
    found = measured(reference, test, tolerance)
    expected_sides = {0.0: 2, 1.0: 2, 1.3: 0, 2.0: 0, 2.6: 0, 3.0: 0}[tolerance]  # row 8, both sides
    assert found.added_mm.sum() == pytest.approx((added + expected_sides) * 1.3)
    assert found.tolerance_mm == tolerance
    assert found.applied_tolerance_mm <= tolerance
    if applied is not None:
        assert found.applied_tolerance_mm == pytest.approx(applied)


def test_a_tolerance_is_measured_within_the_slice_on_pixels_that_are_not_square() -> None:
    test, reference = square(slice(4, 8), slice(4, 8)), square(slice(4, 8), slice(4, 10))
    moved_down = square(slice(4, 10), slice(4, 8))
    spacing = (1.0, 2.0, 1.0)
    assert measured(reference, test, 2.0, spacing_ijk=spacing).added_mm.sum() == 0.0
    assert measured(moved_down, test, 2.0, spacing_ijk=spacing).added_mm.sum() == pytest.approx(4 * 1.5)


@pytest.mark.parametrize("tolerance", [0.0, 0.5, 1.3, 2.0, 3.0, 5.0])
def test_whole_pixels_give_the_digits_of_the_recipe_with_dilated_label_contours(tolerance: float) -> None:
    rng = np.random.default_rng(11)
    smooth = ndimage.gaussian_filter(rng.normal(size=(2, 6, 40, 44)), (0, 1, 4, 4))
    smooth[:, :, [0, -1], :] = -9  # that recipe leaves out what lies on the image's edge
    smooth[:, :, :, [0, -1]] = -9
    reference, test = smooth > 0.02
    found = measured(reference, test, tolerance, Tolerance.WHOLE_PIXELS)
    assert found.added_mm.sum() == pytest.approx(
        added_path_by_filters_mm(reference, test, tolerance, 1.3), rel=1e-12
    )
    assert found.added_mm.sum() > 0
    assert found.applied_tolerance_mm >= tolerance


def test_contact_with_the_border_of_the_image_is_a_path_like_any_other() -> None:
    corner = square(slice(0, 5), slice(0, 5))
    middle = square(slice(4, 9), slice(4, 9))
    nothing = np.zeros(SHAPE, dtype=bool)
    assert measured(corner, nothing).added_mm.sum() == measured(middle, nothing).added_mm.sum()
