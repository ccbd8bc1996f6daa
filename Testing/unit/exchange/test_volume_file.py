"""Volumes come in as they are, in any axis order, and broken ones do not come in at all."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from AmlartContourLib.contract.errors import (
    DamagedFile,
    ExportFailed,
    GeometryMismatch,
    InputRefused,
    TooLarge,
)
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.exchange.volume_file import read_volume, read_volume_on, write_volume
from support.shapes import DIRECTIONS, grid

RNG = np.random.default_rng(7)


def noise(geometry: Geometry) -> np.ndarray:
    """A mask that does not compress, so that cutting its file cuts voxels."""
    return RNG.integers(0, 2, geometry.shape_kji).astype(np.uint8)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("ending", ["nii.gz", "nii", "nrrd", "mha"])
def test_a_volume_comes_back_on_its_own_grid(direction: str, ending: str, tmp_path: Path) -> None:
    geometry = grid((9, 7, 5), direction=direction)
    array = noise(geometry)
    path = tmp_path / f"volume.{ending}"
    write_volume(path, array, geometry)
    found, found_geometry = read_volume(path)
    assert found_geometry.same_as(geometry, tolerance_mm=1e-3)
    assert np.array_equal(found, array)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_reordered_file_is_read_in_the_order_of_the_ct(direction: str, tmp_path: Path) -> None:
    ct = grid((9, 7, 5), direction=direction)
    array = noise(ct)
    order = Reorder((2, 0, 1), (True, False, True))
    write_volume(tmp_path / "other.nii.gz", order.array(array), order.geometry(ct))
    assert np.array_equal(read_volume_on(tmp_path / "other.nii.gz", ct), array)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_left_handed_nifti_is_read_in_the_order_of_the_ct(direction: str, tmp_path: Path) -> None:
    ct = grid((9, 7, 5), direction=direction)
    array = noise(ct)
    image = sitk.GetImageFromArray(array[:, :, ::-1])
    image.SetSpacing(ct.spacing_mm)
    image.SetOrigin(ct.index_to_lps([ct.size_ijk[0] - 1, 0, 0]))
    image.SetDirection((ct.direction_matrix * [-1, 1, 1]).ravel())
    sitk.WriteImage(image, str(tmp_path / "left.nii.gz"))
    assert np.array_equal(read_volume_on(tmp_path / "left.nii.gz", ct), array)


@pytest.mark.parametrize(
    "other",
    [
        grid((9, 7, 6)),
        grid((9, 7, 5), spacing_mm=(1.3, 1.0, 2.6)),
        grid((9, 7, 5), centre_lps=(10.0, -20.0, -99.0)),
        grid((9, 7, 5), direction="oblique"),
    ],
    ids=["size", "spacing", "place", "direction"],
)
def test_another_grid_is_refused_by_name_and_never_resampled(other: Geometry, tmp_path: Path) -> None:
    write_volume(tmp_path / "bladder.nii.gz", noise(other), other)
    with pytest.raises(GeometryMismatch, match=r"bladder\.nii\.gz"):
        read_volume_on(tmp_path / "bladder.nii.gz", grid((9, 7, 5)))


def test_another_grid_is_refused_by_the_header_before_the_voxels_are_read(tmp_path: Path) -> None:
    other = grid((9, 7, 6))
    path = tmp_path / "bladder.nii.gz"
    write_volume(path, noise(other), other)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 9 // 10])
    with pytest.raises(GeometryMismatch):
        read_volume_on(path, grid((9, 7, 5)))
    with pytest.raises(DamagedFile):
        read_volume_on(path, other)


@pytest.mark.parametrize("ending", ["nii.gz", "nii", "nrrd", "mha"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_file_cut_off_anywhere_is_refused(ending: str, kept: float, tmp_path: Path) -> None:
    geometry = grid((30, 20, 10))
    path = tmp_path / f"bladder.{ending}"
    write_volume(path, noise(geometry), geometry)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DamagedFile, match="bladder"):
        read_volume(path)


def test_a_gzip_file_whose_content_was_altered_is_refused(tmp_path: Path) -> None:
    geometry = grid((30, 20, 10))
    path = tmp_path / "bladder.nii.gz"
    write_volume(path, noise(geometry), geometry)
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF  # in the checksum: ITK alone would not look
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="bladder"):
        read_volume(path)


def test_a_text_file_with_the_right_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bladder.nii.gz").write_text("not an image")
    with pytest.raises(DamagedFile, match="cannot be read as an image"):
        read_volume(tmp_path / "bladder.nii.gz")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="is not there"):
        read_volume(tmp_path / "bladder.nii.gz")


@pytest.mark.parametrize("ending", ["nii.gz", "nii", "nrrd", "mha"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_voxels_that_are_not_finite_are_refused(
    ending: str, value: float, dtype: type, tmp_path: Path
) -> None:
    image = sitk.GetImageFromArray(np.full((4, 4, 4), value, dtype=dtype))
    sitk.WriteImage(image, str(tmp_path / f"ct.{ending}"))
    with pytest.raises(DamagedFile, match="not finite"):
        read_volume(tmp_path / f"ct.{ending}")


def test_a_file_of_the_other_byte_order_is_read(tmp_path: Path) -> None:
    geometry = grid((6, 5, 4))
    array = noise(geometry).astype(np.int16)
    write_volume(tmp_path / "little.nii", array, geometry)
    content = (tmp_path / "little.nii").read_bytes()
    header = bytearray(content[:352])
    for start, kind, count in ((0, "i", 1), (40, "h", 8), (70, "h", 2), (76, "f", 8), (108, "f", 3)):
        values = struct.unpack_from(f"<{count}{kind}", header, start)
        struct.pack_into(f">{count}{kind}", header, start, *values)
    for start, kind, count in ((252, "h", 2), (256, "f", 18)):
        values = struct.unpack_from(f"<{count}{kind}", header, start)
        struct.pack_into(f">{count}{kind}", header, start, *values)
    (tmp_path / "big.nii").write_bytes(bytes(header) + array.astype(">i2").tobytes())
    found, found_geometry = read_volume(tmp_path / "big.nii")
    assert np.array_equal(found, array)
    assert found_geometry.same_as(geometry)


def test_a_series_of_volumes_is_refused_but_a_fourth_axis_of_one_is_fine(tmp_path: Path) -> None:
    for name, n in (("one", 1), ("many", 3)):
        sitk.WriteImage(sitk.Image([5, 4, 3, n], sitk.sitkUInt8), str(tmp_path / f"{name}.nii.gz"))
    array, geometry = read_volume(tmp_path / "one.nii.gz")
    assert array.shape == (3, 4, 5)
    assert geometry.size_ijk == (5, 4, 3)
    with pytest.raises(InputRefused, match="not one volume"):
        read_volume(tmp_path / "many.nii.gz")


def test_a_header_that_promises_too_much_is_refused_before_reading(tmp_path: Path) -> None:
    geometry = grid((4, 4, 4))
    write_volume(tmp_path / "small.nii", noise(geometry), geometry)
    content = bytearray((tmp_path / "small.nii").read_bytes())
    struct.pack_into("<4h", content, 40, 3, 30000, 30000, 30000)
    (tmp_path / "huge.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(TooLarge, match=r"huge\.nii\.gz"):
        read_volume(tmp_path / "huge.nii.gz")


def test_integers_scaled_by_the_header_are_read_in_full(tmp_path: Path) -> None:
    geometry = grid((6, 5, 4))
    array = noise(geometry)
    write_volume(tmp_path / "plain.nii", array, geometry)
    content = bytearray((tmp_path / "plain.nii").read_bytes())
    struct.pack_into("<2f", content, 112, 2.0, -1.0)
    (tmp_path / "scaled.nii").write_bytes(content)
    found, _ = read_volume(tmp_path / "scaled.nii")
    assert np.array_equal(found, array * 2.0 - 1.0)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    geometry = grid((4, 4, 4))
    with pytest.raises(ExportFailed, match=r"bladder\.nii\.gz could not be written"):
        write_volume(tmp_path / "absent" / "bladder.nii.gz", noise(geometry), geometry)
