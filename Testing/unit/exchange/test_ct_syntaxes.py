"""Pixels come in voxel for voxel from every transfer syntax that is read; others are refused."""

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

from AmlartContourLib.contract.errors import DamagedFile, InputRefused, TooLarge
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.limits import Limits
from support.dicom_series import ct_slices, hounsfield, write_slices
from support.shapes import grid

GRID = grid((24, 17, 3))
HU = hounsfield(GRID)
FORMS = ((12, False), (16, False), (16, True))  # bits stored, sign


def read_back(folder: Path, slices: Sequence[Dataset], syntax: UID = ExplicitVRLittleEndian) -> np.ndarray:
    write_slices(folder, slices, syntax=syntax)
    return read_ct(folder).hu_kji


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
