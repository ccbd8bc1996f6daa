"""No word of the patient survives, contours still fit their CT, and the report says what went."""

from __future__ import annotations

import gzip
import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from AmlartContourLib.contract.errors import DamagedFile, InputRefused
from AmlartContourLib.exchange.case_record import CaseRecord
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.deidentify import REPORT, deidentify_folder
from AmlartContourLib.exchange.deidentify_nifti import without_texts
from AmlartContourLib.exchange.export import ALL_FORMATS, export_case
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.volume_file import read_volume, write_volume
from support.report_case import a_scan, parts
from support.shapes import grid

GEOMETRY = grid((36, 32, 24), (1.5, 1.5, 3.0))
NAME, NUMBER, BORN = "Plantedname^Patience", "HOSP-774411", "19521103"
SECRETS = (b"Plantedname", b"Patience", b"774411", b"19521103", b"Dr Planted", b"privatesecret", b"1.2.3.4.5")


def _quiet(_fraction: float, _stage: str) -> None:
    pass


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """A CT series and an RTSTRUCT full of a patient's data, with a private group and an overlay."""
    folder = tmp_path / "in" / "Plantedname"
    scan = CtScan(a_scan(GEOMETRY).hu_kji, GEOMETRY)
    record = CaseRecord(pseudonym="x", started=datetime.now(UTC))
    drawn = parts(GEOMETRY).only(["cervix", "uterus"])
    export_case(folder, scan, drawn, record, catalogue(), formats=ALL_FORMATS)
    for path in folder.rglob("*.dcm"):
        header = pydicom.dcmread(path)
        header.PatientName, header.PatientID, header.PatientBirthDate = NAME, NUMBER, BORN
        header.InstitutionName = "Dr Planted Clinic"
        header.private_block(0x0099, "VENDOR", create=True).add_new(1, "LO", "privatesecret")
        header.add_new(0x60004000, "LO", "Plantedname")
        if header.Modality == "RTSTRUCT":
            header.StructureSetROISequence[0].ROIName = "Cervix Plantedname"
            header.StructureSetROISequence[0].ROIDescription = "by Dr Planted"
        header.save_as(path)
    for extra in folder.rglob("*.nii.gz"):
        extra.unlink()
    return tmp_path / "in"


def test_no_word_of_the_patient_is_in_any_byte_that_was_written(patient: Path, tmp_path: Path) -> None:
    deidentify_folder(patient, tmp_path / "out", _quiet)
    written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert len(written) == 24 + 1 + 1
    for path in written:
        content = path.read_bytes()
        assert not [word for word in SECRETS if word in content], path.name
        assert "Planted" not in str(path.relative_to(tmp_path / "out"))


def test_contours_still_lie_on_their_ct_voxel_for_voxel(patient: Path, tmp_path: Path) -> None:
    before = read_ct(patient)
    contours = read_contours(next(patient.rglob("rtstruct.dcm")), before, catalogue())
    deidentify_folder(patient, tmp_path / "out", _quiet)
    after = read_ct(tmp_path / "out")
    again = read_contours(tmp_path / "out" / "case-001" / "RTSTRUCT_0001.dcm", after, catalogue())
    assert np.array_equal(before.hu_kji, after.hu_kji)
    assert before.geometry.same_as(after.geometry)
    assert again.structures.ids == ("cervix", "uterus")
    assert again.structures.mask("uterus").same_voxels(contours.structures.mask("uterus"))
    assert again.structures.mask("cervix").same_voxels(contours.others["Cervix Plantedname"])


def test_new_uids_agree_with_each_other_and_with_no_old_one(patient: Path, tmp_path: Path) -> None:
    old = {str(pydicom.dcmread(p).SOPInstanceUID) for p in patient.rglob("*.dcm")}
    deidentify_folder(patient, tmp_path / "out", _quiet)
    files = [pydicom.dcmread(p) for p in (tmp_path / "out").rglob("*.dcm")]
    new = {str(f.SOPInstanceUID) for f in files}
    assert len(new) == len(files)
    assert not new & old
    assert len({str(f.StudyInstanceUID) for f in files}) == 1
    assert all(f.PatientIdentityRemoved == "YES" and f.PatientID == "case-001" for f in files)
    assert all(str(f.file_meta.MediaStorageSOPInstanceUID) == str(f.SOPInstanceUID) for f in files)


def test_the_report_counts_what_went_and_never_says_it(patient: Path, tmp_path: Path) -> None:
    made = deidentify_folder(patient, tmp_path / "out", _quiet)
    (case,) = made.cases
    assert case.removed.private == 2 * 25  # the creator and the element of each file
    assert case.removed.elements["InstitutionName"] == 25
    assert case.removed.elements["ROIDescription"] == 1
    assert made.names == {NUMBER: "case-001"}
    report = (tmp_path / "out" / REPORT).read_text(encoding="utf-8")
    assert "case-001,removed: InstitutionName,25" in report
    assert "structure names held a part of the patient's name" in report
    assert "Plantedname" not in repr(made)
    assert NUMBER not in repr(made)


def test_captures_and_pictures_with_text_are_left_out_and_marks_are_warned_of(
    patient: Path, tmp_path: Path
) -> None:
    paths = sorted(p for p in patient.rglob("*.dcm") if p.name.startswith("CT"))
    burned = pydicom.dcmread(paths[0])
    burned.BurnedInAnnotation = "YES"
    burned.save_as(paths[0])
    marked = pydicom.dcmread(paths[1])
    pixels = marked.pixel_array.copy()
    pixels[0, 3:15] = 3000
    marked.PixelData = pixels.tobytes()
    marked.save_as(paths[1])
    capture: Dataset = pydicom.dcmread(paths[2])
    capture.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    del capture.ImagePositionPatient
    capture.SOPInstanceUID = generate_uid()
    capture.save_as(paths[2])
    (case,) = deidentify_folder(patient, tmp_path / "out", _quiet).cases
    assert case.left_out == {"text burned into the picture": 1, "CT screen capture": 1}
    assert case.written == 22 + 1
    assert any("1 slices have bright marks" in warning for warning in case.warnings)


def test_two_patients_in_one_folder_become_two_cases(patient: Path, tmp_path: Path) -> None:
    path = sorted(p for p in patient.rglob("*.dcm") if p.name.startswith("CT"))[0]
    other = pydicom.dcmread(path)
    other.PatientID = "another"
    other.save_as(path)
    made = deidentify_folder(patient, tmp_path / "out", _quiet)
    assert sorted(case.written for case in made.cases) == [1, 24]


def test_a_nifti_loses_its_texts_and_extensions_and_keeps_every_voxel(tmp_path: Path) -> None:
    path = tmp_path / "in" / "p" / "ct.nii.gz"
    path.parent.mkdir(parents=True)
    hu = a_scan(GEOMETRY).hu_kji
    write_volume(path, hu, GEOMETRY)
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[148:168] = b"Plantedname^Patience"
    extension = struct.pack("<2i", 32, 6) + b"Plantedname, 774411     "
    struct.pack_into("<f", raw, 108, 352 + len(extension))
    raw[348:352] = b"\x01\0\0\0" + extension
    path.write_bytes(gzip.compress(bytes(raw)))
    assert np.array_equal(read_volume(path)[0], hu)
    made = deidentify_folder(tmp_path / "in", tmp_path / "out", _quiet)
    clean = tmp_path / "out" / "case-001" / "ct.nii.gz"
    content = gzip.decompress(clean.read_bytes())
    assert b"Planted" not in content
    assert b"774411" not in content
    array, geometry = read_volume(clean)
    assert np.array_equal(array, hu)
    assert geometry.same_as(GEOMETRY)
    assert made.cases[0].removed.elements["NIfTI descrip"] == 1
    assert made.cases[0].removed.elements["NIfTI extensions"] == 1


def test_what_is_damaged_or_not_there_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputRefused, match="neither"):
        deidentify_folder(tmp_path / "in", tmp_path / "out", _quiet)
    (tmp_path / "in" / "x.nii.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(DamagedFile):
        deidentify_folder(tmp_path / "in", tmp_path / "out", _quiet)
    with pytest.raises(DamagedFile):
        without_texts(tmp_path / "in" / "x.nii.gz", tmp_path / "y.nii.gz")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "y.nii.gz").exists()
