"""From a folder to one series: what is chosen, what is left out, what is refused for its amount."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import InputRefused, NotCt, SeveralSeries, TooLarge
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.dicom_folder import list_series
from AmlartContourLib.exchange.limits import Limits
from support.dicom_series import ct_slices, hounsfield, uid, write_series, write_slices
from support.shapes import grid

GRID = grid((8, 7, 5))
HU = hounsfield(GRID)


def other_modality(modality: str, sop_class: str, series: str = "other") -> list[Dataset]:
    slices = ct_slices(GRID, HU, series=series)
    for one in slices:
        one.Modality, one.SOPClassUID = modality, sop_class
    return slices


def structure_set() -> Dataset:
    one = other_modality("RTSTRUCT", "1.2.840.10008.5.1.4.1.1.481.3", "contours")[0]
    del one.Rows, one.Columns, one.PixelData
    return one


MR = ("MR", "1.2.840.10008.5.1.4.1.1.4")
PET = ("PT", "1.2.840.10008.5.1.4.1.1.128")


@pytest.mark.parametrize("name", ["IM{:04d}.dcm", "IM{:04d}", "CT.1.2.840.{}", "slice {}.IMA", "{}.txt"])
def test_files_are_known_by_their_content_not_their_name(name: str, tmp_path: Path) -> None:
    write_slices(tmp_path, ct_slices(GRID, HU), name=name)
    assert np.array_equal(read_ct(tmp_path).hu_kji, HU)


def test_accents_and_spaces_in_paths_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "Ünïcode name" / "space dir" / "腹部"
    write_slices(folder, ct_slices(GRID, HU), name="Schicht é {}.dcm")
    assert np.array_equal(read_ct(folder).hu_kji, HU)


def test_slices_in_subfolders_make_one_scan(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    write_slices(tmp_path / "a", slices[:2])
    write_slices(tmp_path / "b" / "c", slices[2:])
    assert np.array_equal(read_ct(tmp_path).hu_kji, HU)


def test_one_file_stands_for_its_series_in_the_same_folder(tmp_path: Path) -> None:
    paths = write_series(tmp_path, GRID, HU)
    write_slices(tmp_path, ct_slices(GRID, HU + 1, series="two"), name="second{}.dcm")
    write_slices(tmp_path / "deeper", ct_slices(GRID, HU, series="three"))
    scan = read_ct(paths[3])
    assert np.array_equal(scan.hu_kji, HU)
    assert scan.headers[0].SeriesInstanceUID == uid("one series")


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path: Path) -> None:
    write_series(tmp_path / "a", GRID, HU)
    write_slices(tmp_path / "b", ct_slices(GRID, HU[::-1], series="two")[:4])
    with pytest.raises(SeveralSeries) as caught:
        read_ct(tmp_path)
    assert caught.value.choices == (
        (uid("one series"), "CT, 5 slices, Pelvis one"),
        (uid("two series"), "CT, 4 slices, Pelvis two"),
    )
    chosen = read_ct(tmp_path, series_uid=uid("two series"))
    assert np.array_equal(chosen.hu_kji, HU[::-1][:4])
    assert any("other series were left out: 5 of CT" in finding for finding in chosen.findings)


def test_a_series_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, GRID, HU)
    with pytest.raises(InputRefused, match="not in the folder"):
        read_ct(tmp_path, series_uid="1.2.3")


def test_a_series_of_another_kind_cannot_be_chosen(tmp_path: Path) -> None:
    write_series(tmp_path, GRID, HU)
    write_slices(tmp_path / "mr", other_modality(*MR))
    with pytest.raises(NotCt, match="modality MR"):
        read_ct(tmp_path, series_uid=uid("other series"))


@pytest.mark.parametrize("kind", [MR, PET])
def test_images_that_are_not_ct_are_refused_with_their_modality(
    kind: tuple[str, str], tmp_path: Path
) -> None:
    write_slices(tmp_path, other_modality(*kind))
    with pytest.raises(NotCt, match=kind[0]):
        read_ct(tmp_path)


def test_the_ct_is_found_among_other_images_and_files(tmp_path: Path) -> None:
    write_series(tmp_path, GRID, HU)
    write_slices(tmp_path / "pet", other_modality(*PET))
    write_slices(tmp_path, [structure_set()], name="RS{}.dcm")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 300)
    (tmp_path / "README").write_text("A scan.\n")
    (tmp_path / "viewer.exe").write_bytes(b"MZ\0\0")
    (tmp_path / ".hidden.dcm").write_bytes(b"rubbish")
    scan = read_ct(tmp_path)
    assert np.array_equal(scan.hu_kji, HU)
    assert scan.findings == (
        "3 files that are no DICOM left out: DICOMDIR, README, viewer.exe.",
        "DICOM files of other series were left out: 5 of PT, 1 of RTSTRUCT.",
    )


def test_the_list_of_series_shows_all_images_ct_first(tmp_path: Path) -> None:
    write_slices(tmp_path / "pet", other_modality(*PET))
    write_series(tmp_path, GRID, HU)
    write_slices(tmp_path, [structure_set()], name="RS{}.dcm")
    assert [(s.modality, s.slices, s.uid) for s in list_series(tmp_path)] == [
        ("CT", 5, uid("one series")),
        ("PT", 5, uid("other series")),
    ]


def test_a_folder_of_scouts_only_holds_no_ct(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        one.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write_slices(tmp_path, slices)
    with pytest.raises(NotCt, match="localiser"):
        read_ct(tmp_path)


def test_a_folder_without_dicom_is_refused_and_points_to_a_nifti_file(tmp_path: Path) -> None:
    (tmp_path / "ct.nii.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(InputRefused, match=r"no DICOM file.*ct\.nii\.gz"):
        read_ct(tmp_path)


def test_an_empty_folder_and_a_missing_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no DICOM file"):
        read_ct(tmp_path)
    with pytest.raises(InputRefused, match="not there"):
        read_ct(tmp_path / "nowhere")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputRefused, match="neither DICOM nor NIfTI"):
        read_ct(tmp_path / "letter.pdf")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(files=4), "more than 4 files"),
        (Limits(slices=4), "5 slices; the limit is 4"),
        (Limits(voxels=8 * 7 * 5 - 1), "8x7x5 voxels"),
        (Limits(dicom_file_bytes=900), "limit for such files"),
    ],
)
def test_limits_are_checked_before_any_pixel_is_read(limits: Limits, words: str, tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    slices[0].PixelData = slices[0].PixelData[:10]  # would be refused as damaged, were it read
    write_slices(tmp_path, slices)
    with pytest.raises(TooLarge, match=words):
        read_ct(tmp_path, limits=limits)


def test_an_image_of_absurd_size_is_refused_by_its_header(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        one.Rows = one.Columns = 65535
    write_slices(tmp_path, slices)
    with pytest.raises(TooLarge, match="65535x65535x5"):
        read_ct(tmp_path)


def test_progress_rises_to_one_over_all_files(tmp_path: Path) -> None:
    write_series(tmp_path, GRID, HU)
    seen: list[float] = []
    read_ct(tmp_path, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) == 10
    assert seen[-1] == pytest.approx(1.0)


def test_the_hash_depends_on_content_not_on_names(tmp_path: Path) -> None:
    write_slices(tmp_path / "a", ct_slices(GRID, HU))
    write_slices(tmp_path / "b", ct_slices(GRID, HU)[::-1], name="other{}")
    write_slices(tmp_path / "c", ct_slices(GRID, HU + 1))
    first, same, different = (read_ct(tmp_path / name).source_sha256 for name in "abc")
    assert first == same != different
    assert len(first) == 64


def test_slices_without_uids_are_read_and_leave_the_reference_to_a_new_series(tmp_path: Path) -> None:
    slices = ct_slices(GRID, HU)
    for one in slices:
        one.SOPClassUID = one.SOPInstanceUID = one.StudyInstanceUID = one.FrameOfReferenceUID = ""
    write_slices(tmp_path, slices)
    scan = read_ct(tmp_path)
    assert np.array_equal(scan.hu_kji, HU)
    assert not scan.has_dicom_slices
    assert scan.template is not None
    assert scan.template.FrameOfReferenceUID
    assert scan.template.StudyInstanceUID
    assert any("new CT series" in finding for finding in scan.findings)


def test_nothing_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_series(tmp_path, GRID, HU)
    with caplog.at_level(logging.DEBUG):
        read_ct(tmp_path)
    assert caplog.records == []
