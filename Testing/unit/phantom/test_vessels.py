"""The vessel trees: whole, and split where a slice must show two branches."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from AmlartContourLib.domain.mask import union
from support.phantoms import standard

FULL = np.ones((3, 3, 3), dtype=bool)


def _parts(mask: np.ndarray) -> int:
    return int(ndimage.label(mask, np.ones((3,) * mask.ndim))[1])


def _components_by_height(structure_id: str) -> list[tuple[float, int]]:
    """(height, components) of every axial slice that the structure reaches, from the top down."""
    phantom = standard()
    array = phantom.truth.mask(structure_id).to_array()
    heights = phantom.scan.geometry.index_to_lps([[0, 0, k] for k in range(len(array))])[:, 2]
    return [(float(heights[k]), _parts(array[k])) for k in reversed(range(len(array))) if array[k].any()]


@pytest.mark.parametrize("kind", ["artery", "vein"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_an_iliac_vessel_is_one_branch_down_to_the_bifurcation_and_two_below(kind: str, side: str) -> None:
    counts = _components_by_height(f"iliac_{kind}_{side}")
    split = next(n for n, (_, count) in enumerate(counts) if count == 2)
    assert all(count == 1 for _, count in counts[:split])
    assert all(count == 2 for _, count in counts[split : split + 15])
    landmark = standard().landmarks_lps[f"iliac_bifurcation_{side}"][2]
    assert landmark - 25 < counts[split][0] < landmark


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_external_branch_lies_in_front_and_reaches_lower_than_the_internal(side: str) -> None:
    artery = standard().truth.mask(f"iliac_artery_{side}")
    points = artery.points_lps()
    level = points[np.abs(points[:, 2] - 30) < 2]
    assert level[:, 1].min() < -20 < 30 < level[:, 1].max()
    assert points[points[:, 2] == points[:, 2].min()][:, 1].max() < 0


@pytest.mark.parametrize("structure_id", ["aorta", "inferior_vena_cava"])
def test_a_great_vessel_is_one_component_in_every_slice(structure_id: str) -> None:
    assert all(count == 1 for _, count in _components_by_height(structure_id))


@pytest.mark.parametrize(
    ("trunk", "branch"), [("aorta", "iliac_artery"), ("inferior_vena_cava", "iliac_vein")]
)
def test_trunk_and_branches_are_connected(trunk: str, branch: str) -> None:
    truth = standard().truth
    tree = union([truth.mask(i) for i in (trunk, f"{branch}_left", f"{branch}_right")], truth.geometry)
    assert _parts(tree.block_kji) == 1


def test_the_aorta_ends_in_front_of_the_lower_half_of_l4() -> None:
    truth = standard().truth
    bottom = truth.mask("aorta").points_lps()[:, 2].min()
    body = truth.mask("vertebra_l4").points_lps()
    assert body[:, 2].min() < bottom < body[:, 2].mean() + 2


def test_the_common_iliac_bifurcation_is_near_the_lumbosacral_disc() -> None:
    truth = standard().truth
    disc = (truth.mask("vertebra_l5").centroid_lps()[2] + truth.mask("vertebra_s1").centroid_lps()[2]) / 2
    assert abs(standard().landmarks_lps["iliac_bifurcation_left"][2] - disc) < 15
