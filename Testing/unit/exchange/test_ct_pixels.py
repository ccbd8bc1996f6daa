"""Stored numbers become Hounsfield units exactly, in every syntax and sign, and padding becomes air."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, NotCt, TooLarge
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import AIR_HU
from AmlartContourLib.exchange.limits import Limits
from support.dicom_series import ct_slices, decimals, hounsfield, write_slices
from support.shapes import grid

GRID = grid((24, 17, 3))
HU = hounsfield(GRID)
FORMS = ((12, False), (16, False), (16, True))  # bits stored, sign


def read_back(folder: Path, slices: Sequence[Dataset], syntax: UID = ExplicitVRLittleEndian) -> np.ndarray:
    write_slices(folder, slices, syntax=syntax)
    return read_ct(folder).hu_kji


def set_stored(one: Dataset, stored: np.ndarray, kind: str) -> None:
    one.PixelData = stored.astype(kind).tobytes()


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("signed", [True, False])
def test_uncompressed_syntaxes_and_signs(syntax: UID, signed: bool, tmp_path: Path) -> None:
    assert np.array_equal(read_back(tmp_path, ct_slices(GRID, HU, signed=signed), syntax), HU)


def test_big_endian(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        one.PixelData = np.frombuffer(one.PixelData, "<i2").byteswap().tobytes()
    assert np.array_equal(read_back(tmp_path, slices, ExplicitVRBigEndian), HU)


def test_a_file_without_preamble_is_read(tmp_path: Path) -> None:
    paths = write_slices(tmp_path, ct_slices(GRID, HU), syntax=ImplicitVRLittleEndian)
    for path in paths:
        content = path.read_bytes()
        path.write_bytes(content[content.index(b"\x08\x00\x08\x00") :])
    assert np.array_equal(read_ct(tmp_path).hu_kji, HU)


def jpeg2000(one: Dataset) -> None:
    """By Pillow's encoder, which takes unsigned 16-bit numbers."""
    stored = np.frombuffer(one.PixelData, "<u2").reshape(one.Rows, one.Columns)
    stream = io.BytesIO()
    Image.fromarray(stored).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    one.PixelData = encapsulate([stream.getvalue()])
    one["PixelData"].is_undefined_length = True
    one["PixelData"].VR = "OB"


def by_pydicom(syntax: UID) -> Callable[[Dataset], None]:
    def compress(one: Dataset) -> None:
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.compress(syntax, generate_instance_uid=False)

    return compress


@pytest.mark.parametrize(
    ("syntax", "compress", "stored_bits", "signed"),
    [
        *[(s, by_pydicom(s), *form) for s in (RLELossless, JPEGLSLossless) for form in FORMS],
        (JPEG2000Lossless, jpeg2000, 16, False),
    ],
)
def test_compressed_syntaxes_come_back_voxel_for_voxel(
    syntax: UID, compress: Callable[[Dataset], None], stored_bits: int, signed: bool, tmp_path: Path
) -> None:
    slices = ct_slices(GRID, HU, signed=signed)
    for one in slices:
        one.BitsStored, one.HighBit = stored_bits, stored_bits - 1
        compress(one)
    assert np.array_equal(read_back(tmp_path, slices, syntax), HU)


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000"])
def test_jpeg_lossless_and_jpeg_2000_of_another_encoder(compressor: str, tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one, hu in zip(slices, HU, strict=True):
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(tmp_path / "encoded.dcm"))
        writer.SetImageIO("GDCMImageIO")
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray((hu[None] + 1024).astype(np.int16)))
        encoded = pydicom.dcmread(tmp_path / "encoded.dcm")
        one.PixelData = encoded.PixelData
        one["PixelData"].is_undefined_length = True
        one["PixelData"].VR = "OB"
        syntax = encoded.file_meta.TransferSyntaxUID
    assert syntax.is_compressed
    assert np.array_equal(read_back(tmp_path / "series", slices, syntax), HU)


def test_a_syntax_that_is_not_read_is_refused_by_name(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        one.PixelData = encapsulate([b"\0" * 100])
        one["PixelData"].is_undefined_length = True
    write_slices(tmp_path, slices, syntax=UID("1.2.840.10008.1.2.4.201"))
    with pytest.raises(InputRefused, match=r"stored in a way that is not read.*2000"):
        read_ct(tmp_path)


def test_compressed_pixels_that_are_none_are_refused(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        one.PixelData = encapsulate([b"no JPEG 2000" * 20])
        one["PixelData"].is_undefined_length = True
    write_slices(tmp_path, slices, syntax=JPEG2000Lossless)
    with pytest.raises(DamagedFile, match=r"IM0001\.dcm holds compressed pixels that cannot be decoded"):
        read_ct(tmp_path)


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_compressed_image_that_is_cut_off_is_refused(syntax: UID, kept: float, tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, signed=False)
    for one in slices:
        jpeg2000(one) if syntax == JPEG2000Lossless else by_pydicom(syntax)(one)
        (stream,) = generate_frames(one.PixelData, number_of_frames=1)
        one.PixelData = encapsulate([stream[: int(kept * len(stream))]])
        one["PixelData"].is_undefined_length = True
    write_slices(tmp_path, slices, syntax=syntax)
    with pytest.raises(DamagedFile, match="cannot be decoded"):
        read_ct(tmp_path)


def test_compressed_pixels_of_another_size_are_refused(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        by_pydicom(JPEGLSLossless)(one)
        one.Rows = 16
    write_slices(tmp_path, slices, syntax=JPEGLSLossless)
    with pytest.raises(DamagedFile, match="compressed pixels"):
        read_ct(tmp_path)


def test_a_lossy_image_says_so(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        one.LossyImageCompression = "01"
    write_slices(tmp_path, slices)
    assert any("compressed with loss" in finding for finding in read_ct(tmp_path).findings)


def test_a_deflated_file_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    slices = ct_slices(GRID, np.zeros_like(HU))
    for one in slices:
        one.add_new(0x00091001, "OB", b"\0" * 3_000_000)
    paths = write_slices(tmp_path, slices, syntax=DeflatedExplicitVRLittleEndian)
    assert max(path.stat().st_size for path in paths) < 10_000
    with pytest.raises(TooLarge, match="unpacks"):
        read_ct(tmp_path, limits=Limits(dicom_file_bytes=1_000_000))


def test_rescale_differs_from_slice_to_slice(tmp_path: Path) -> None:
    slices = [ct_slices(GRID, HU, slope=s, intercept=-1024)[k] for k, s in enumerate((1, 0.5, 2))]
    expected = np.stack([HU[0], HU[1], np.rint((HU[2] + 1024) / 2) * 2 - 1024])
    assert np.array_equal(read_back(tmp_path, slices), expected)


def test_a_fractional_rescale_is_rounded_to_the_nearest_hu(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU, slope=0.1, intercept=-1000.3)
    found = read_back(tmp_path, slices)
    assert np.abs(found.astype(float) - HU).max() <= 1


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
