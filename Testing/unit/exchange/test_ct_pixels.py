"""Stored numbers become Hounsfield units exactly, whatever their bits and rescale; padding becomes air."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, NotCt
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import AIR_HU
from support.dicom_series import ct_slices, decimals, hounsfield, write_slices
from support.shapes import grid

GRID = grid((24, 17, 3))
HU = hounsfield(GRID)


def read_back(folder: Path, slices: Sequence[Dataset], syntax: UID = ExplicitVRLittleEndian) -> np.ndarray:
    write_slices(folder, slices, syntax=syntax)
    return read_ct(folder).hu_kji


def set_stored(one: Dataset, stored: np.ndarray, kind: str) -> None:
    one.PixelData = stored.astype(kind).tobytes()


def test_rescale_differs_from_slice_to_slice(tmp_path: Path) -> None:
    slices = [ct_slices(GRID, HU, slope=s, intercept=-1024)[k] for k, s in enumerate((1, 0.5, 2))]
    expected = np.stack([HU[0], HU[1], np.rint((HU[2] + 1024) / 2) * 2 - 1024])
    assert np.array_equal(read_back(tmp_path, slices), expected)


def test_a_fractional_rescale_is_rounded_to_the_nearest_hu(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, slope=0.1, intercept=-1000.3)
    assert np.array_equal(read_back(tmp_path, slices), HU)


@pytest.mark.parametrize(
    "missing", [("RescaleSlope",), ("RescaleIntercept",), ("RescaleSlope", "RescaleIntercept")]
)
def test_values_without_rescale_are_hu_where_they_can_be(missing: tuple[str, ...], tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, intercept=0)
    for one in slices:
        for keyword in missing:
            delattr(one, keyword)
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path)
    assert np.array_equal(scan.hu_kji, HU)
    assert any("no rescale" in finding for finding in scan.findings)


def test_values_without_rescale_and_without_air_are_refused(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, intercept=-1024, signed=False)
    for one in slices:
        del one.RescaleIntercept, one.RescaleSlope
    write_slices(tmp_path, slices)
    with pytest.raises(NotCt, match="no rescale"):
        read_ct(tmp_path)


def test_a_scan_without_fat_or_air_is_said(tmp_path: Path) -> None:
    write_slices(tmp_path, ct_slices(GRID, np.abs(HU)))
    assert any("No voxel is below -100 HU" in finding for finding in read_ct(tmp_path).findings)


@pytest.mark.parametrize("padding", [-3024, -2000, -32768, -1025])
def test_padding_below_air_becomes_air_and_is_counted(padding: int, tmp_path: Path) -> None:
    hu = HU.copy()
    hu[:, :3] = padding
    write_slices(tmp_path, ct_slices(GRID, hu, intercept=0))
    scan = read_ct(tmp_path)
    assert (scan.hu_kji[:, :3] == AIR_HU).all()
    assert np.array_equal(scan.hu_kji[:, 3:], HU[:, 3:])
    assert any(f"{3 * 3 * 24} voxels below" in f and str(padding) in f for f in scan.findings)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("declared_as", ["US", "SS"])
def test_a_declared_padding_value_above_tissue_becomes_air(
    declared_as: str, syntax: UID, tmp_path: Path
) -> None:
    hu = HU.copy()
    hu[:, 5:8] = 30000
    slices = ct_slices(GRID, hu, intercept=0, signed=declared_as == "SS")
    if declared_as == "US":
        slices = ct_slices(GRID, hu, intercept=-1024, signed=False)
    for one in slices:
        one.add_new("PixelPaddingValue", declared_as, 30000 if declared_as == "SS" else 31024)
    write_slices(tmp_path, slices, syntax=syntax)
    scan = read_ct(tmp_path)
    assert (scan.hu_kji[:, 5:8] == AIR_HU).all()
    assert any("declared padding" in finding for finding in scan.findings)


def test_a_declared_padding_value_within_tissue_punches_no_holes(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, intercept=0)
    for one in slices:
        one.add_new("PixelPaddingValue", "SS", 40)
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path)
    assert np.array_equal(scan.hu_kji, HU)
    assert any("range of tissue" in finding for finding in scan.findings)


def test_values_beyond_sixteen_bits_are_cut_and_counted(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, signed=False)
    stored = HU[0].astype(np.int64) + 1024
    stored[0, 0] = 65535
    set_stored(slices[0], stored, "<u2")
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path)
    assert scan.hu_kji[0, 0, 0] == 32767
    assert any(finding.startswith("1 voxels above") for finding in scan.findings)


def test_overlays_in_the_unused_bits_are_cut_off(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, signed=False)
    for one, hu in zip(slices, HU, strict=True):
        one.BitsStored, one.HighBit = 12, 11
        one.add_new(0x60000102, "US", 12)
        set_stored(one, (hu + 1024) | 0x1000, "<u2")
    assert np.array_equal(read_back(tmp_path, slices), HU)


def test_twelve_bits_without_extended_sign_are_read(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, intercept=0)
    for one, hu in zip(slices, HU, strict=True):
        one.BitsStored, one.HighBit = 12, 11
        set_stored(one, hu.astype(np.int16).view(np.uint16) & 0x0FFF, "<u2")
    assert np.array_equal(read_back(tmp_path, slices), HU)


def test_padding_below_the_stated_bits_stays_padding(tmp_path: Path) -> None:
    hu = HU.copy()
    hu[:, :2] = -3024
    slices = ct_slices(GRID, hu, intercept=0)
    for one in slices:
        one.BitsStored, one.HighBit = 12, 11
    found = read_back(tmp_path, slices)
    assert (found[:, :2] == AIR_HU).all()
    assert np.array_equal(found[:, 2:], HU[:, 2:])


@pytest.mark.parametrize(("bits", "kind"), [(8, "u1"), (32, "<i4")])
def test_eight_and_thirty_two_bits(bits: int, kind: str, tmp_path: Path) -> None:
    hu = np.clip(HU, -1000, -800)
    slices = ct_slices(GRID, hu, intercept=-1000, signed=bits == 32)
    for one, plane in zip(slices, hu, strict=True):
        one.BitsAllocated, one.BitsStored, one.HighBit = bits, bits, bits - 1
        set_stored(one, plane.astype(np.int64) + 1000, kind)
    assert np.array_equal(read_back(tmp_path, slices), hu)


@pytest.mark.parametrize(
    ("keyword", "value", "error", "words"),
    [
        ("PhotometricInterpretation", "MONOCHROME1", InputRefused, "MONOCHROME1"),
        ("PhotometricInterpretation", "RGB", NotCt, "colour"),
        ("SamplesPerPixel", 3, NotCt, "colour"),
        ("RescaleType", "Z_EFF", NotCt, "not Hounsfield units"),
        ("RescaleSlope", decimals(0)[0], DamagedFile, "slope"),
        ("BitsAllocated", 12, DamagedFile, "BitsAllocated"),
        ("BitsStored", 20, DamagedFile, "BitsStored"),
        ("HighBit", 11, DamagedFile, "HighBit"),
        ("PixelRepresentation", 2, DamagedFile, "PixelRepresentation"),
    ],
)
def test_pixels_that_are_no_plain_hu_are_refused(
    keyword: str, value: object, error: type[InputRefused], words: str, tmp_path: Path
) -> None:
    slices = ct_slices(GRID, HU)
    setattr(slices[1], keyword, value)
    write_slices(tmp_path, slices)
    with pytest.raises(error, match=words):
        read_ct(tmp_path)
