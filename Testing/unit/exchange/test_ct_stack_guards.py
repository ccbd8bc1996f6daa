"""Series whose slices are not what they should be: each fault with its own word, none read silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import BadGeometry, DamagedFile, InputRefused, IrregularSlices
from AmlartContourLib.exchange.ct_in import read_ct
from support.dicom_series import ct_slices, decimals, hounsfield, move, uid, write_slices
from support.shapes import grid

GRID = grid((8, 7, 12), (1.0, 1.0, 2.5))
HU = hounsfield(GRID)


@pytest.fixture
def slices() -> list[Dataset]:
    return ct_slices(GRID, HU)


def fully_named(one: Dataset, name: str) -> Dataset:
    """A copy under its own SOP instance UID."""
    copy = Dataset.from_json(one.to_json())
    copy.SOPInstanceUID = uid(name)
    return copy


@pytest.mark.parametrize("gone", [[5], [1], [10], [3, 4], [2, 7, 8]])
def test_missing_slices_are_refused_with_their_number_and_place(
    gone: list[int], slices: list[Dataset], tmp_path: Path
) -> None:
    write_slices(tmp_path, [one for k, one in enumerate(slices) if k not in gone])
    with pytest.raises(IrregularSlices, match=rf"{len(gone)} slices? (is|are) missing.*slice {gone[0]}"):
        read_ct(tmp_path)
    with pytest.raises(IrregularSlices, match="missing"):
        read_ct(tmp_path, resample_tilt=True)


def test_the_same_slice_twice_is_read_once(slices: list[Dataset], tmp_path: Path) -> None:
    write_slices(tmp_path, slices)
    write_slices(tmp_path / "copy", [slices[4], fully_named(slices[6], "copy of 6")])
    scan = read_ct(tmp_path)
    assert np.array_equal(scan.hu_kji, HU)
    assert any("2 slices present twice" in finding for finding in scan.findings)


def test_two_images_at_one_position_are_refused(slices: list[Dataset], tmp_path: Path) -> None:
    other = fully_named(slices[4], "other phase")
    other.PixelData = slices[5].PixelData
    write_slices(tmp_path, [*slices, other])
    with pytest.raises(IrregularSlices, match=r"IM0005\.dcm and IM0013\.dcm lie at one position"):
        read_ct(tmp_path)


def test_two_phases_in_one_series_are_refused(slices: list[Dataset], tmp_path: Path) -> None:
    write_slices(tmp_path, slices)
    write_slices(tmp_path / "late", ct_slices(GRID, HU + 1))
    with pytest.raises(IrregularSlices, match="one position"):
        read_ct(tmp_path)


def test_slices_at_nearly_the_same_height_are_refused(slices: list[Dataset], tmp_path: Path) -> None:
    move(slices[5], [0, 0, -2.45])
    write_slices(tmp_path, slices)
    with pytest.raises(IrregularSlices, match="same height"):
        read_ct(tmp_path, resample_tilt=True)


@pytest.mark.parametrize("off_mm", [0.3, 0.9])
def test_an_uneven_step_is_refused_and_the_tolerance_said(
    off_mm: float, slices: list[Dataset], tmp_path: Path
) -> None:
    move(slices[5], [0, 0, off_mm])
    write_slices(tmp_path, slices)
    with pytest.raises(IrregularSlices, match=r"unevenly spaced.*tolerance 0\.1 mm.*resampling"):
        read_ct(tmp_path)


def test_a_gantry_tilt_is_refused_with_the_way_out(slices: list[Dataset], tmp_path: Path) -> None:
    for k, one in enumerate(slices):
        move(one, [0, k * 2.5 * np.tan(np.radians(12)), 0])
    write_slices(tmp_path, slices)
    with pytest.raises(IrregularSlices, match=r"tilted.*12\.0 degrees.*Ask for resampling"):
        read_ct(tmp_path)


def test_slices_shifted_sideways_at_random_are_refused_even_for_resampling(
    slices: list[Dataset], tmp_path: Path
) -> None:
    move(slices[5], [4, 0, 0])
    write_slices(tmp_path, slices)
    with pytest.raises(IrregularSlices, match="sideways"):
        read_ct(tmp_path, resample_tilt=True)


def test_a_single_slice_is_refused(slices: list[Dataset], tmp_path: Path) -> None:
    write_slices(tmp_path, slices[:1])
    with pytest.raises(IrregularSlices, match="single slice"):
        read_ct(tmp_path)


def scout(one: Dataset) -> None:
    one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    one.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def capture(one: Dataset) -> None:
    one.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    one.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    del one.ImagePositionPatient, one.ImageOrientationPatient


def coronal(one: Dataset) -> None:
    one.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def smaller(one: Dataset) -> None:
    one.Rows, one.PixelData = 6, one.PixelData[: 8 * 6 * 2]


def coarser(one: Dataset) -> None:
    one.PixelSpacing = ["1.1", "1.1"]


def far_away(one: Dataset) -> None:
    move(one, [0, 0, 400])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (scout, "localiser"),
        (capture, "screen capture"),
        (coronal, "another size, spacing or orientation"),
        (smaller, "another size, spacing or orientation"),
        (coarser, "another size, spacing or orientation"),
        (far_away, "far outside the run"),
    ],
)
def test_an_extra_image_is_left_out_and_named(
    change: Callable[[Dataset], None], words: str, slices: list[Dataset], tmp_path: Path
) -> None:
    extra = fully_named(slices[6], "extra")
    change(extra)
    write_slices(tmp_path, slices)
    write_slices(tmp_path, [extra], name="extra{}.dcm")
    scan = read_ct(tmp_path)
    assert scan.geometry.same_as(GRID, tolerance_mm=1e-4)
    assert np.array_equal(scan.hu_kji, HU)
    assert any(words in finding and "extra1.dcm" in finding for finding in scan.findings)


def test_slices_of_another_image_type_are_left_out_where_they_spoil_the_stack(
    slices: list[Dataset], tmp_path: Path
) -> None:
    thick = [fully_named(one, f"thick {n}") for n, one in enumerate(slices[2:6])]
    for one in thick:
        one.ImageType = ["DERIVED", "SECONDARY", "AVERAGE"]
        move(one, [0, 0, 1.1])
    write_slices(tmp_path, slices)
    write_slices(tmp_path, thick, name="thick{}.dcm")
    scan = read_ct(tmp_path)
    assert np.array_equal(scan.hu_kji, HU)
    assert any("4 images of another image type" in finding for finding in scan.findings)


def test_slices_of_mixed_image_types_that_fit_are_all_kept(slices: list[Dataset], tmp_path: Path) -> None:
    for one in slices[:3]:
        one.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    write_slices(tmp_path, slices)
    assert np.array_equal(read_ct(tmp_path).hu_kji, HU)


def test_a_scan_that_is_merely_long_is_kept_whole(tmp_path: Path) -> None:
    geometry = grid((4, 4, 400), (1.0, 1.0, 2.5))
    hu = hounsfield(geometry)
    write_slices(tmp_path, ct_slices(geometry, hu))
    assert np.array_equal(read_ct(tmp_path).hu_kji, hu)


def test_a_mixture_without_a_majority_is_refused(slices: list[Dataset], tmp_path: Path) -> None:
    for one in slices[:6]:
        coronal(one)
    write_slices(tmp_path, slices)
    with pytest.raises(IrregularSlices, match="no kind is the most frequent"):
        read_ct(tmp_path)


def test_slices_of_two_patients_are_refused(slices: list[Dataset], tmp_path: Path) -> None:
    slices[3].PatientID = "SOMEBODY-ELSE"
    write_slices(tmp_path, slices)
    with pytest.raises(InputRefused, match="different patient numbers") as refused:
        read_ct(tmp_path)
    assert "SOMEBODY" not in str(refused.value)


def test_two_frames_of_reference_are_refused(slices: list[Dataset], tmp_path: Path) -> None:
    slices[3].FrameOfReferenceUID = uid("another frame")
    write_slices(tmp_path, slices)
    with pytest.raises(BadGeometry, match="different frames of reference"):
        read_ct(tmp_path)


def test_one_identity_for_two_slices_is_refused(slices: list[Dataset], tmp_path: Path) -> None:
    slices[3].SOPInstanceUID = slices[8].SOPInstanceUID
    write_slices(tmp_path, slices)
    with pytest.raises(IrregularSlices, match="one identity"):
        read_ct(tmp_path)


def set_tag(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda one: setattr(one, keyword, value)


def without(keyword: str) -> Callable[[Dataset], None]:
    return lambda one: one.__delattr__(keyword)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (without("ImagePositionPatient"), BadGeometry, "position"),
        (without("ImageOrientationPatient"), BadGeometry, "orientation"),
        (without("PixelSpacing"), BadGeometry, "pixel spacing"),
        (set_tag("PixelSpacing", ["0", "1"]), BadGeometry, "0 x 1 mm"),
        (set_tag("PixelSpacing", ["-1", "1"]), BadGeometry, "-1 x 1 mm"),
        (set_tag("PixelSpacing", ["1"]), BadGeometry, "pixel spacing"),
        (set_tag("ImageOrientationPatient", decimals(1, 0, 0, 1, 0, 0)), BadGeometry, "right angles"),
        (set_tag("ImageOrientationPatient", decimals(0, 0, 0, 0, 0, 0)), BadGeometry, "length 1"),
        (set_tag("ImageOrientationPatient", decimals(1, 0, 0, 0, 1)), BadGeometry, "orientation"),
        (without("Columns"), DamagedFile, "rows and columns"),
        (without("Rows"), DamagedFile, "rows and columns"),
        (without("BitsAllocated"), DamagedFile, "BitsAllocated"),
        (without("PixelRepresentation"), DamagedFile, "PixelRepresentation"),
        (without("PixelData"), DamagedFile, "no pixels"),
        (set_tag("NumberOfFrames", 12), InputRefused, "multi-frame"),
        (set_tag("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2.1"), InputRefused, "enhanced CT"),
    ],
)
def test_a_slice_that_lacks_what_it_must_have_is_refused_by_name(
    change: Callable[[Dataset], None],
    error: type[InputRefused],
    words: str,
    slices: list[Dataset],
    tmp_path: Path,
) -> None:
    change(slices[5])
    write_slices(tmp_path, slices)
    with pytest.raises(error, match=words) as caught:
        read_ct(tmp_path)
    assert "IM0006.dcm" in str(caught.value)
