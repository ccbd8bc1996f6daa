"""The real public CTs, against what is known of each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from AmlartContourLib.contract.errors import IrregularSlices
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import onto
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import AIR_HU, CtScan
from AmlartContourLib.exchange.volume_file import read_volume
from support.shared_data import real_case, unpacked


def test_sts044_lies_on_the_grid_of_its_reference_mask(tmp_path: Path) -> None:
    scan = read_ct(unpacked("sts044_dicomrt", tmp_path))
    _, mask_grid = read_volume(real_case("sts044_dicomrt") / "masks" / "GTV_Mass_CT.nii.gz")
    assert scan.geometry.size_ijk == (234, 216, 53)
    assert scan.geometry.spacing_mm[2] == pytest.approx(3.27, abs=1e-9)
    assert scan.geometry.same_as(mask_grid)
    assert scan.has_dicom_slices
    assert scan.findings == ("DICOM files of other series were left out: 1 of RTSTRUCT.",)


def test_sts044_has_the_values_that_itk_reads(tmp_path: Path) -> None:
    folder = unpacked("sts044_dicomrt", tmp_path)
    scan = read_ct(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder / "dicom" / "image")))
    assert np.array_equal(sitk.GetArrayFromImage(reader.Execute()), scan.hu_kji)


def test_crlm1006_is_feet_first_with_padding_as_air(tmp_path: Path) -> None:
    scan = read_ct(unpacked("crlm1006_ffs_contrast", tmp_path))
    assert scan.geometry.size_ijk == (512, 512, 31)
    assert scan.geometry.spacing_mm == pytest.approx((0.804688, 0.804688, 5.0))
    assert scan.geometry.origin_lps[2] == pytest.approx(-376.44)
    assert [float(h.ImagePositionPatient[2]) for h in scan.headers] == pytest.approx(
        np.arange(31) * 5.0 - 376.440002
    )
    assert scan.hu_kji.min() == AIR_HU
    assert scan.hu_kji[15, 0, 0] == AIR_HU
    assert any("the lowest -3024" in finding for finding in scan.findings)
    assert any("feet first, supine" in finding for finding in scan.findings)
    assert not any("slice step" in finding for finding in scan.findings)


def test_the_jpeg_2000_scan_has_the_step_of_its_positions_and_the_lattice_of_its_labels() -> None:
    case = real_case("totalseg_dicom_j2k")
    scan = read_ct(case / "dicom")
    labels, label_grid = read_volume(case / "seg_lefthanded.nii.gz")
    assert scan.geometry.size_ijk == (512, 512, 20)
    assert scan.geometry.spacing_mm == pytest.approx((0.9765625, 0.9765625, 2.0))
    corners = {tuple(np.round(p, 2)) for p in scan.geometry.index_to_lps(scan.geometry.corners_ijk())}
    assert corners == {tuple(np.round(p, 2)) for p in label_grid.index_to_lps(label_grid.corners_ijk())}
    # Organ labels lie in soft tissue: were the image flipped against them, they would not.
    organs = onto(labels, label_grid, scan.geometry, "labels") > 0
    assert np.median(scan.hu_kji[organs]) > 0
    assert (scan.hu_kji.min(), scan.hu_kji.max()) == (-1024, 1839)


def test_the_totalsegmentator_example_keeps_its_own_axes() -> None:
    scan = read_ct(real_case("totalseg_example") / "ct.nii.gz")
    assert scan.geometry.size_ijk == (122, 101, 112)
    assert scan.geometry.spacing_mm == pytest.approx((3.0, 3.0, 3.0))
    assert np.allclose(scan.geometry.direction_matrix, np.diag([-1, -1, 1]))
    assert scan.geometry.origin_lps == pytest.approx((178.0, -11.3, 94.3), abs=0.05)
    assert (scan.hu_kji.min(), scan.hu_kji.max()) == (AIR_HU, 3382)
    assert any("124 voxels below -1024 HU" in finding for finding in scan.findings)


@pytest.fixture(scope="module")
def tilted_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked("ge_head_gantry_tilt", tmp_path_factory.mktemp("ge"))


def test_the_tilted_head_is_refused_for_both_its_faults(tilted_head: Path) -> None:
    with pytest.raises(IrregularSlices, match=r"18\.5 degrees.*1\.08 to 7\.00 mm"):
        read_ct(tilted_head)


def test_the_tilted_head_is_resampled_to_the_expected_geometry(tilted_head: Path) -> None:
    expected = json.loads((real_case("ge_head_gantry_tilt") / "expected_geometry.json").read_text())
    scan = read_ct(tilted_head, resample_tilt=True)
    i, j, k = scan.geometry.direction_matrix.T
    assert [*i, *j] == pytest.approx(expected["iop"], abs=1e-6)
    assert k == pytest.approx(expected["normal"], abs=1e-6)
    along = np.asarray(expected["pos_along_normal"])
    first, last = (scan.geometry.index_to_lps([0, 0, n]) @ k for n in (0, scan.geometry.size_ijk[2] - 1))
    assert first == pytest.approx(along[0], abs=1e-4)
    assert along[-1] - scan.geometry.spacing_mm[2] < last <= along[-1] + 1e-3
    assert scan.geometry.spacing_mm[2] == pytest.approx(expected["step_along_normal"][0], abs=1e-3)


def sampled(scan: CtScan, wanted: Geometry) -> np.ndarray:
    """The scan's HU at the voxel centres of another grid, linearly; air outside."""
    image = sitk.GetImageFromArray(scan.hu_kji.astype(np.float32))
    image.SetSpacing(scan.geometry.spacing_mm)
    image.SetOrigin(scan.geometry.origin_lps)
    image.SetDirection(scan.geometry.direction)
    resample = sitk.ResampleImageFilter()
    resample.SetSize(wanted.size_ijk)
    resample.SetOutputSpacing(wanted.spacing_mm)
    resample.SetOutputOrigin(wanted.origin_lps)
    resample.SetOutputDirection(wanted.direction)
    resample.SetDefaultPixelValue(AIR_HU)
    return sitk.GetArrayFromImage(resample.Execute(image))


def test_the_tilted_head_agrees_with_the_independent_resampling(tilted_head: Path) -> None:
    """Inside the head, 6 mm from the skin inwards, where both interpolations have slices all round.

    The two cannot be equal: the reference goes to 2 mm axial planes in one step, this scan has been to its
    own planes first, and linear interpolation is not repeatable. So the place is tested: values agree closely
    on the whole (soft tissue to a few HU), and moving the scan by one voxel of 2 mm, either way along any
    axis, makes the difference at least twice as large.
    """
    reference, wanted = read_volume(real_case("ge_head_gantry_tilt") / "ct_reference_resampled_2mm.nii.gz")
    found = sampled(read_ct(tilted_head, resample_tilt=True), wanted)
    head = ndimage.binary_erosion(ndimage.binary_fill_holes(reference > -300), iterations=3)
    assert head.sum() > 300_000

    def difference(values: np.ndarray) -> np.ndarray:
        return np.abs(values[head] - reference[head])

    assert np.median(difference(found)) < 4
    assert np.corrcoef(found[head], reference[head])[0, 1] > 0.985
    for axis in range(3):
        for step in (-1, 1):
            assert difference(np.roll(found, step, axis)).mean() > 2 * difference(found).mean()
