from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from AmlartContourLib.contract.errors import BadSetting, ExportFailed
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.patient_position import patient_position
from support.shapes import DIRECTIONS, grid, rotation

directions = pytest.mark.parametrize("direction", DIRECTIONS)


def _scan(geometry: Geometry, template: Dataset | None = None) -> CtScan:
    hu = np.random.default_rng(1).integers(-32768, 32767, geometry.shape_kji, endpoint=True)
    return CtScan(hu.astype(np.int16), geometry, template=template)


def _template() -> Dataset:
    source = Dataset()
    source.SpecificCharacterSet = "ISO_IR 100"
    source.PatientName, source.PatientID, source.PatientSex = "Muñoz^Zoë", "77", "F"
    source.StudyInstanceUID, source.FrameOfReferenceUID = "2.25.11", "2.25.12"
    source.SeriesInstanceUID, source.SOPInstanceUID = "2.25.13", "2.25.14"
    source.StudyDescription = "Becken"
    source.PatientPosition = "FFP"
    source.InstitutionName = "Somewhere"
    return source


@directions
def test_another_reader_gets_the_same_grid_and_values(tmp_path: Path, direction: str) -> None:
    scan = _scan(grid((9, 7, 5), (0.9, 1.4, 3.3), direction))
    write_ct_series(tmp_path / "ct", scan, pseudonym="P1")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    image = reader.Execute()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), scan.hu_kji)
    read = Geometry.from_matrix(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    assert read.same_as(scan.geometry, tolerance_mm=1e-6)


def test_headers_come_back_in_the_order_of_k_and_are_those_of_the_files(tmp_path: Path) -> None:
    geometry = grid((6, 5, 4), direction="oblique")
    headers = write_ct_series(tmp_path / "ct", _scan(geometry), pseudonym="P1")
    files = [pydicom.dcmread(path) for path in sorted((tmp_path / "ct").iterdir())]
    for k, (header, file) in enumerate(zip(headers, files, strict=True)):
        assert header.SOPInstanceUID == file.SOPInstanceUID
        assert header.InstanceNumber == file.InstanceNumber == k + 1
        np.testing.assert_allclose(
            np.asarray(header.ImagePositionPatient, float), geometry.index_to_lps([0, 0, k])
        )
        assert "PixelData" not in header
    assert len({header.SOPInstanceUID for header in headers}) == 4
    assert len({header.SeriesInstanceUID for header in headers}) == 1


def test_a_scan_from_nifti_gets_a_new_study_under_the_pseudonym(tmp_path: Path) -> None:
    first = write_ct_series(tmp_path / "a", _scan(grid((6, 5, 2))), pseudonym="PELVIS-007")[0]
    second = write_ct_series(tmp_path / "b", _scan(grid((6, 5, 2))), pseudonym="PELVIS-007")[0]
    assert first.PatientID == first.PatientName == "PELVIS-007"
    assert first.PatientBirthDate == first.PatientSex == ""
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        assert first.get(keyword).startswith("2.25.")
        assert first.get(keyword) != second.get(keyword)


def test_a_resampled_scan_stays_with_its_patient_study_and_frame_of_reference(tmp_path: Path) -> None:
    write_ct_series(tmp_path / "ct", _scan(grid((6, 5, 2)), _template()), pseudonym="unused")
    file = pydicom.dcmread(tmp_path / "ct" / "CT_0001.dcm")
    for keyword in ("PatientName", "PatientID", "PatientSex", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert file.get(keyword) == _template().get(keyword)
    assert file.StudyDescription == "Becken"
    assert file.PatientPosition == "FFP"
    assert file.SeriesInstanceUID != "2.25.13"
    assert file.SOPInstanceUID != "2.25.14"
    assert "InstitutionName" not in file, "this software is not that institution's scanner"


def test_every_file_says_research_use_only_and_that_it_is_derived(tmp_path: Path) -> None:
    (header,) = write_ct_series(tmp_path / "ct", _scan(grid((6, 5, 1))), pseudonym="P1")
    assert "Research use only" in header.DerivationDescription
    assert header.ImageType[:2] == ["DERIVED", "SECONDARY"]


@pytest.mark.parametrize("pseudonym", ["", "a" * 65, "a\\b", "two\nlines", "Zoë"])
def test_a_pseudonym_that_dicom_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path, pseudonym: str
) -> None:
    with pytest.raises(BadSetting):
        write_ct_series(tmp_path / "ct", _scan(grid((6, 5, 2))), pseudonym=pseudonym)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_files_is_not_mixed_with_a_second_series(tmp_path: Path) -> None:
    (tmp_path / "other.dcm").write_text("x")
    with pytest.raises(ExportFailed):
        write_ct_series(tmp_path, _scan(grid((6, 5, 2))), pseudonym="P1")
    assert [path.name for path in tmp_path.iterdir()] == ["other.dcm"]


@pytest.mark.parametrize(
    ("axes", "position"),
    [
        (np.eye(3), "HFS"),
        (np.diag([-1.0, -1.0, 1.0]), "HFP"),
        (np.diag([-1.0, 1.0, -1.0]), "FFS"),
        (np.diag([1.0, -1.0, -1.0]), "FFP"),
        # Left side down: image down is the patient's left, and image right is then anterior, head first.
        (np.asarray([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]), "HFDL"),
        (np.asarray([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), "HFDR"),
        (rotation("x", 25) @ rotation("z", 30), "HFS"),
        (DIRECTIONS["sagittal slices"], ""),
    ],
)
def test_the_patient_position_follows_from_the_axes(axes: np.ndarray, position: str) -> None:
    assert patient_position(Geometry.from_matrix((4, 4, 4), (1, 1, 1), (0, 0, 0), axes)) == position
