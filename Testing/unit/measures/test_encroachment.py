"""Targets that reach into organs."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.contract.errors import GeometryMismatch
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.encroachment import encroachment
from support.shapes import grid

GRID = grid(size_ijk=(12, 10, 8), spacing_mm=(1.0, 2.0, 2.5))


def box(k: slice, j: slice, i: slice) -> Mask:
    mask = np.zeros(GRID.shape_kji, dtype=bool)
    mask[k, j, i] = True
    return Mask.from_array(mask, GRID)


def test_the_shared_volume_is_in_cm3() -> None:
    """2 columns of 4 x 5 voxels of 5 mm3."""
    found = encroachment(
        box(slice(1, 5), slice(1, 6), slice(1, 6)), box(slice(1, 5), slice(1, 6), slice(4, 10))
    )
    assert found.volume_cc == pytest.approx(2 * 4 * 5 * 0.005)


def test_a_target_wholly_within_an_organ_has_all_its_surface_there() -> None:
    found = encroachment(
        box(slice(3, 5), slice(3, 6), slice(3, 8)), box(slice(1, 7), slice(1, 9), slice(1, 11))
    )
    assert found.surface_fraction == 1.0


def test_touching_an_organ_is_no_encroachment() -> None:
    found = encroachment(
        box(slice(1, 5), slice(1, 6), slice(1, 5)), box(slice(1, 5), slice(1, 6), slice(5, 10))
    )
    assert found.volume_cc == 0.0
    assert found.surface_fraction == 0.0


def test_the_part_of_the_surface_that_dips_in_is_counted() -> None:
    """A bar of one voxel's width and 8 long, 4 of them in the organ: one end and 3 of 7 rings of 4 elements
    lie within; the ring on the organ's own surface only touches it."""
    bar = box(slice(3, 4), slice(4, 5), slice(1, 9))
    organ = box(slice(1, 7), slice(1, 9), slice(5, 12))
    found = encroachment(bar, organ)
    edge = np.hypot(2.5, 2.0) / 2 * 1.0
    end = np.linalg.norm([2.0 * 1.0, 2.5 * 1.0, 2.5 * 2.0]) / 8
    whole = 7 * 4 * edge + 2 * 4 * end
    inside = 3 * 4 * edge + 4 * end
    assert found.surface_fraction == pytest.approx(inside / whole)


def test_an_empty_target_has_no_surface_to_speak_of() -> None:
    found = encroachment(Mask.empty(GRID), box(slice(1, 5), slice(1, 6), slice(1, 5)))
    assert found.volume_cc == 0.0
    assert found.surface_fraction is None


def test_other_grids_are_refused() -> None:
    with pytest.raises(GeometryMismatch):
        encroachment(box(slice(1, 5), slice(1, 6), slice(1, 5)), Mask.empty(grid(size_ijk=(5, 5, 5))))
