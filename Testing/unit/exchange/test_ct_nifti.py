"""A CT from NIfTI: any number type, any axis order; what is no CT, no volume or not whole is refused."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from AmlartContourLib.contract.errors import BadGeometry, DamagedFile, InputRefused, NotCt, TooLarge
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import onto
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import AIR_HU
from AmlartContourLib.exchange.limits import Limits
from support.dicom_series import hounsfield
from support.shapes import DIRECTIONS, grid

GRID = grid((9, 8, 6))
HU = hounsfield(GRID)
# Where NIfTI-1 keeps what the tests change: byte offset and struct format.
DIM, PIXDIM, SLOPE, INTER, QFORM_CODE, SFORM_CODE, SROW = 40, 76, 112, 116, 252, 254, 280


def written(path: Path, array_kji: np.ndarray, geometry: Geometry = GRID) -> Path:
    image = sitk.GetImageFromArray(array_kji)
    image.SetSpacing(geometry.spacing_mm)
    image.SetOrigin(geometry.origin_lps)
    image.SetDirection(geometry.direction)
    sitk.WriteImage(image, str(path))
    return path


def patched(path: Path, offset: int, form: str, *values: float) -> Path:
    content = bytearray(path.read_bytes())
    struct.pack_into("<" + form, content, offset, *values)
    path.write_bytes(bytes(content))
    return path


def two_thirds(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("ending", ["nii", "nii.gz", "NII.GZ"])
def test_any_number_type_is_read(kind: type, ending: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"ct.{ending.lower()}", HU.astype(kind)).rename(tmp_path / f"ct x.{ending}")
    scan = read_ct(path)
    assert np.array_equal(scan.hu_kji, HU)
    assert scan.hu_kji.dtype == np.int16
    assert scan.geometry.same_as(GRID, tolerance_mm=1e-3)
    assert scan.headers == ()
    assert scan.template is None
    assert scan.findings == ()


def test_scaled_numbers_are_scaled(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", (HU + 1024).astype(np.int16))
    patched(path, SLOPE, "2f", 1.0, -1024.0)
    assert np.array_equal(read_ct(path).hu_kji, HU)


def test_fractions_are_rounded_to_whole_hu(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", HU + np.float32(0.4))
    assert np.array_equal(read_ct(path).hu_kji, HU)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("flipped_axis", [0, 1, 2])
def test_a_left_handed_file_comes_in_right_handed_with_every_voxel_in_place(
    direction: str, flipped_axis: int, tmp_path: Path
) -> None:
    geometry = grid((9, 8, 6), direction=direction)
    matrix = geometry.direction_matrix.copy()
    matrix[:, flipped_axis] *= -1
    corner = np.zeros(3)
    corner[flipped_axis] = geometry.size_ijk[flipped_axis] - 1
    image = sitk.GetImageFromArray(np.flip(HU, 2 - flipped_axis).copy())
    image.SetSpacing(geometry.spacing_mm)
    image.SetOrigin(geometry.index_to_lps(corner))
    image.SetDirection(matrix.ravel())
    sitk.WriteImage(image, str(tmp_path / "left.nii.gz"))
    scan = read_ct(tmp_path / "left.nii.gz")
    assert np.array_equal(onto(scan.hu_kji, scan.geometry, geometry, "CT"), HU)


def test_accents_and_spaces_in_paths_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "Ünïcode name" / "space dir"
    folder.mkdir(parents=True)
    assert np.array_equal(read_ct(written(folder / "é ct.nii.gz", HU)).hu_kji, HU)


def test_a_name_that_is_no_utf_8_is_refused_and_ends_nothing(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"Gr\xf6\xdfe.nii")
    written(tmp_path / "ct.nii", HU).rename(path)
    with pytest.raises(InputRefused, match="not UTF-8"):
        read_ct(path)


def test_padding_becomes_air(tmp_path: Path) -> None:
    hu = HU.copy()
    hu[:, :2] = -3024
    scan = read_ct(written(tmp_path / "ct.nii.gz", hu))
    assert (scan.hu_kji[:, :2] == AIR_HU).all()
    assert any("the lowest -3024" in finding for finding in scan.findings)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ((HU > 0).astype(np.uint8), "mask or label map"),
        (np.zeros_like(HU), "mask or label map"),
        ((HU % 118).astype(np.uint8), "mask or label map"),
        (((HU + 1000) / 2500).astype(np.float32), "scaled for a network"),
        ((HU / 500).astype(np.float32), "scaled for a network"),
        (HU + np.int16(1024), "no value below -100 HU"),
        (np.abs(HU), "no value below -100 HU"),
    ],
)
def test_values_that_cannot_be_hu_are_refused(array: np.ndarray, words: str, tmp_path: Path) -> None:
    with pytest.raises(NotCt, match=words) as caught:
        read_ct(written(tmp_path / "image.nii.gz", array))
    assert "image.nii.gz" in caught.value.what
    assert "Hounsfield" in caught.value.advice


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_counted_and_refused(rubbish: float, tmp_path: Path) -> None:
    hu = HU.astype(np.float32)
    hu[2, 3, 4:7] = rubbish
    with pytest.raises(DamagedFile, match="holds 3 voxels that are not finite"):
        read_ct(written(tmp_path / "ct.nii.gz", hu))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.stack([HU, HU]), "2 volumes"),
        (HU[0], "single picture"),
        (HU[:1], "single picture"),
    ],
)
def test_what_is_not_one_volume_is_refused(array: np.ndarray, words: str, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(array, isVector=False)
    sitk.WriteImage(image, str(tmp_path / "ct.nii"))
    with pytest.raises(InputRefused, match=words):
        read_ct(tmp_path / "ct.nii")


def test_a_fourth_axis_of_length_one_is_accepted(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", HU)
    patched(path, DIM, "8h", 4, 9, 8, 6, 1, 1, 1, 1)
    assert np.array_equal(read_ct(path).hu_kji, HU)


def test_colours_are_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.stack([HU, HU, HU], axis=-1), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "ct.nii"))
    with pytest.raises(InputRefused):
        read_ct(tmp_path / "ct.nii")


def test_a_sheared_grid_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", HU)
    patched(path, QFORM_CODE, "2h", 0, 2)
    patched(path, SROW, "12f", 1, 0, 0, 0, 0, 1, 0.4, 0, 0, 0, 2.5, 0)
    with pytest.raises(BadGeometry):
        read_ct(path)


def test_a_file_that_places_itself_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", HU)
    patched(path, QFORM_CODE, "2h", 1, 0)
    assert np.array_equal(read_ct(path).hu_kji, HU)
    patched(path, QFORM_CODE, "2h", 1, 1)
    patched(path, SROW, "12f", -1.3, 0, 0, 50, 0, -1.0, 0, 50, 0, 0, 9.9, 50)
    with pytest.raises(BadGeometry, match="places itself twice"):
        read_ct(path)


def test_nothing_shows_the_path(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "DOE").mkdir()
    path = written(tmp_path / "DOE" / "ct.nii", HU)
    patched(path, QFORM_CODE, "2h", 1, 1)
    patched(path, SROW, "12f", -1.3, 0, 0, 50, 0, -1.0, 0, 50, 0, 0, 9.9, 50)
    with pytest.raises(BadGeometry) as caught:
        read_ct(path)
    out, err = capfd.readouterr()
    assert "DOE" not in str(caught.value) + out + err


def test_a_file_that_does_not_place_itself_says_so(tmp_path: Path) -> None:
    path = patched(written(tmp_path / "ct.nii", HU), QFORM_CODE, "2h", 0, 0)
    assert any("left and right" in finding for finding in read_ct(path).findings)


@pytest.mark.parametrize("spacing", [0.0, np.nan, np.inf])
def test_a_spacing_that_is_none_is_refused(spacing: float, tmp_path: Path) -> None:
    path = patched(written(tmp_path / "ct.nii", HU), PIXDIM + 12, "f", spacing)
    with pytest.raises(InputRefused, match=r"spacing|NIfTI"):
        read_ct(path)


@pytest.mark.parametrize(
    ("ending", "harm"),
    [
        *[(e, h) for e in ("nii", "nii.gz") for h in (two_thirds, lambda c: c[:100], lambda _c: b"")],
        ("nii.gz", lambda c: c[: len(c) // 2] + bytes(len(c) // 2)),
    ],
)
def test_a_damaged_file_is_refused_by_name(
    harm: Callable[[bytes], bytes], ending: str, tmp_path: Path
) -> None:
    path = written(tmp_path / f"ct.{ending}", HU)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(DamagedFile, match=r"ct\.nii"):
        read_ct(path)


def test_limits_are_checked_by_the_header_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", HU)
    with pytest.raises(TooLarge, match="9x8x6"):
        read_ct(path, limits=Limits(voxels=400))
    with pytest.raises(TooLarge, match="MiB"):
        read_ct(path, limits=Limits(nifti_file_bytes=500))


def test_a_small_file_that_claims_a_huge_image_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", HU)
    patched(path, DIM, "8h", 3, 30000, 30000, 30000, 1, 1, 1, 1)
    packed = tmp_path / "bomb.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(TooLarge, match="30000x30000x30000"):
        read_ct(packed)


def test_a_file_that_unpacks_to_far_more_than_it_says_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "ct.nii", HU)
    packed = tmp_path / "bomb.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes() + bytes(20_000_000)))
    with pytest.raises(DamagedFile, match="far more than its header says"):
        read_ct(packed)


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    first = read_ct(written(tmp_path / "a.nii", HU)).source_sha256
    same = read_ct(written(tmp_path / "b.nii", HU)).source_sha256
    other = read_ct(written(tmp_path / "c.nii", HU - 1)).source_sha256
    assert first == same != other


def test_progress_ends_at_one(tmp_path: Path) -> None:
    seen: list[float] = []
    read_ct(written(tmp_path / "a.nii", HU), progress=seen.append)
    assert seen[-1] == 1.0
