"""Organ masks of a real CT, moved and grown, against the published implementation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import compare
from support.shared_data import real_case
from support.surface_peer import peer_figures

CHANGES = {
    "moved": lambda mask: np.roll(mask, (1, -2, 1), axis=(0, 1, 2)),
    "grown": lambda mask: ndimage.binary_dilation(mask, iterations=2),
    "cut short": lambda mask: mask & (np.arange(mask.shape[0]) % 40 > 4)[:, None, None],
    "the same": lambda mask: mask.copy(),
}


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))) > 0


@pytest.mark.peer
@pytest.mark.parametrize("organ", ["urinary_bladder", "colon", "iliac_artery_left", "sacrum", "small_bowel"])
@pytest.mark.parametrize("change", sorted(CHANGES))
def test_figures_equal_the_published_implementation_on_real_organs(organ: str, change: str) -> None:
    reference = read(real_case("totalseg_example") / "masks" / f"{organ}.nii.gz")
    test = CHANGES[change](reference)
    spacing, taus = (3.0, 3.0, 3.0), [0.0, 2.0, 3.0, np.sqrt(18.0), 6.0]
    theirs = peer_figures(reference, test, spacing, taus)
    grid = Geometry.from_matrix(reference.shape[::-1], spacing, (0, 0, 0), np.eye(3))
    found = compare(
        Mask.from_array(reference, grid),
        Mask.from_array(test, grid),
        tolerance_mm=taus[0],
        extra_tolerances_mm=taus[1:],
    )
    close = {"rel": 0, "abs": 1e-9}
    assert [r.surface_dice for r in found.redraws] == pytest.approx(theirs.pop("surface_dice"), **close)
    for name, value in theirs.items():
        assert getattr(found.surface, name) == pytest.approx(value, **close), name
