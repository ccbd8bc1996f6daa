from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from AmlartContourLib.contract.errors import BadSetting, ExportFailed, GeometryMismatch, UnknownStructure
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.roi_labels import ALGORITHMS, RoiChoices
from AmlartContourLib.exchange.rtstruct_out import write_rtstruct
from support.rtstruct_files import ct_series, structures
from support.shapes import ball, centre, grid

GRID = grid((20, 18, 8))
BALL = ball(GRID, centre(GRID), 6.0)


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, ...]:
    return ct_series(tmp_path_factory.mktemp("series") / "ct", GRID)


def _one(source: Source = Source.MODEL, note: str = "", structure_id: str = "bladder") -> StructureSet:
    return StructureSet.of(GRID, [Contour(structure_id, BALL, source, note)])


def _written(path: Path, contours: StructureSet, headers: tuple[Dataset, ...], **kwargs: object) -> Dataset:
    write_rtstruct(path / "rs.dcm", contours, headers, catalogue(), **kwargs)  # type: ignore[arg-type]
    return pydicom.dcmread(path / "rs.dcm")


def test_patient_study_and_frame_are_the_source_s_and_series_and_instance_are_new(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    file = _written(tmp_path, _one(), headers)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyID", "FrameOfReferenceUID"):
        assert file.get(keyword) == headers[0].get(keyword)
    assert file.SeriesInstanceUID != headers[0].SeriesInstanceUID
    assert file.SOPInstanceUID not in {header.SOPInstanceUID for header in headers}
    assert file.Modality == "RTSTRUCT"


def test_all_slices_are_referenced_and_each_contour_names_its_own(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    file = _written(tmp_path, _one(), headers)
    (frame,) = file.ReferencedFrameOfReferenceSequence
    (study,) = frame.RTReferencedStudySequence
    (series,) = study.RTReferencedSeriesSequence
    assert frame.FrameOfReferenceUID == headers[0].FrameOfReferenceUID
    assert study.ReferencedSOPInstanceUID == headers[0].StudyInstanceUID
    assert series.SeriesInstanceUID == headers[0].SeriesInstanceUID
    referenced = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in series.ContourImageSequence]
    assert referenced == [(h.SOPClassUID, h.SOPInstanceUID) for h in headers]
    by_uid = {h.SOPInstanceUID: h for h in headers}
    for contour in file.ROIContourSequence[0].ContourSequence:
        (image,) = contour.ContourImageSequence
        slice_z = by_uid[image.ReferencedSOPInstanceUID].ImagePositionPatient[2]
        assert {float(z) for z in contour.ContourData[2::3]} == {float(slice_z)}


def test_the_structure_carries_name_colour_type_and_codes(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    both = StructureSet.of(
        GRID, [Contour("parametrium_left", BALL, Source.MODEL), Contour("ctvn", BALL, Source.MODEL)]
    )
    file = _written(tmp_path, both, headers)
    assert [roi.ROIName for roi in file.StructureSetROISequence] == ["Parametrium_L", "CTVn"]
    for roi, structure_id in zip(file.ROIContourSequence, both.ids, strict=True):
        assert tuple(roi.ROIDisplayColor) == catalogue()[structure_id].colour_rgb
    side, nodal = file.RTROIObservationsSequence
    assert side.RTROIInterpretedType == nodal.RTROIInterpretedType == "CTV"
    code = side.RTROIIdentificationCodeSequence[0]
    assert (code.CodingSchemeDesignator, code.CodeValue) == ("SCT", "45682005")
    assert code.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    assert side.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "91723000"
    assert side.TherapeuticRoleTypeCodeSequence[0].CodeMeaning == "CTV"
    assert nodal.RTROIIdentificationCodeSequence[0].CodeValue == "130049"
    assert nodal.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "130041"
    assert nodal.TherapeuticRoleCategoryCodeSequence[0].CodeValue == "130041"
    assert nodal.TherapeuticRoleTypeCodeSequence[0].CodeMeaning == "CTV Nodal"


def test_an_organ_has_no_therapeutic_role(tmp_path: Path, headers: tuple[Dataset, ...]) -> None:
    (bladder,) = _written(tmp_path, _one(), headers).RTROIObservationsSequence
    assert "TherapeuticRoleTypeCodeSequence" not in bladder


def test_a_site_can_choose_names_colours_and_types(tmp_path: Path, headers: tuple[Dataset, ...]) -> None:
    choices = RoiChoices({"parametrium": "Param"}, {"parametrium": (1, 2, 3)}, {"parametrium": "ORGAN"})
    file = _written(tmp_path, _one(structure_id="parametrium"), headers, choices=choices)
    assert file.StructureSetROISequence[0].ROIName == "Param"
    assert list(file.ROIContourSequence[0].ROIDisplayColor) == [1, 2, 3]
    assert file.RTROIObservationsSequence[0].RTROIInterpretedType == "ORGAN"


@pytest.mark.parametrize("source", Source)
def test_how_a_contour_came_about_is_written(
    tmp_path: Path, headers: tuple[Dataset, ...], source: Source
) -> None:
    file = _written(tmp_path, _one(source, "network 3, weights ab12"), headers)
    (roi,) = file.StructureSetROISequence
    assert roi.ROIGenerationAlgorithm == ALGORITHMS[source]
    assert roi.ROIGenerationAlgorithm in {"", "AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"}
    assert roi.ROIGenerationDescription.startswith(source.value)
    assert "weights ab12" in roi.ROIGenerationDescription


def test_a_long_note_with_signs_that_dicom_cannot_hold_is_cut_to_64_plain_characters(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    file = _written(tmp_path, _one(note="Löwe\\path\n" + "x" * 100), headers)
    words = file.StructureSetROISequence[0].ROIGenerationDescription
    assert len(words) <= 64
    assert "Lowe/path xxx" in words


def test_the_set_is_never_approved_and_says_research_use_only(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    file = _written(tmp_path, _one(), headers, label="A label over sixteen characters")
    assert file.ApprovalStatus == "UNAPPROVED"
    assert "Research use only" in file.StructureSetDescription
    assert "research use only" in file.SeriesDescription
    assert len(file.StructureSetLabel) <= 16
    assert file.Manufacturer == file.ManufacturerModelName == "AmlartContour"


def test_an_empty_structure_is_left_out_and_reported(tmp_path: Path, headers: tuple[Dataset, ...]) -> None:
    both = _one().with_contours(Contour("uterus", Mask.empty(GRID), Source.MODEL))
    written = write_rtstruct(tmp_path / "rs.dcm", both, headers, catalogue())
    assert written.left_out == ("uterus",)
    (roi,) = written.rois
    file = pydicom.dcmread(tmp_path / "rs.dcm")
    contours = file.ROIContourSequence[0].ContourSequence
    assert (roi.structure_id, roi.name, roi.number) == ("bladder", "Bladder", 1)
    assert roi.contours == len(contours)
    assert roi.points == sum(int(c.NumberOfContourPoints) for c in contours)


def test_nothing_but_empty_structures_is_no_file(tmp_path: Path, headers: tuple[Dataset, ...]) -> None:
    empty = StructureSet.of(GRID, [Contour("uterus", Mask.empty(GRID), Source.MODEL)])
    with pytest.raises(ExportFailed, match="No structure"):
        write_rtstruct(tmp_path / "rs.dcm", empty, headers, catalogue())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "seventeen letters", "a\\b", "Blåse", "  padded", "tab\t"])
def test_a_name_that_planning_systems_cannot_hold_is_refused(
    tmp_path: Path, headers: tuple[Dataset, ...], name: str
) -> None:
    with pytest.raises(BadSetting):
        write_rtstruct(
            tmp_path / "rs.dcm", _one(), headers, catalogue(), choices=RoiChoices({"bladder": name})
        )
    assert not list(tmp_path.iterdir())


def test_two_structures_of_one_name_are_refused_whatever_the_case(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    both = _one().with_contours(Contour("uterus", BALL, Source.MODEL))
    with pytest.raises(BadSetting, match="bladder and uterus"):
        write_rtstruct(
            tmp_path / "rs.dcm", both, headers, catalogue(), choices=RoiChoices({"uterus": "BLADDER"})
        )


def test_colours_types_and_ids_that_do_not_exist_are_refused(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    path = tmp_path / "rs.dcm"
    with pytest.raises(BadSetting, match="colour"):
        write_rtstruct(path, _one(), headers, catalogue(), choices=RoiChoices({}, {"bladder": (0, 0, 256)}))
    with pytest.raises(BadSetting, match="ROI type"):
        write_rtstruct(path, _one(), headers, catalogue(), choices=RoiChoices({}, {}, {"bladder": "BONE"}))
    with pytest.raises(UnknownStructure):
        write_rtstruct(path, _one(structure_id="no such thing"), headers, catalogue())


def test_contours_on_another_grid_than_the_slices_are_refused(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    path = tmp_path / "rs.dcm"
    with pytest.raises(GeometryMismatch):
        write_rtstruct(path, _one(), headers[:-1], catalogue())
    with pytest.raises(GeometryMismatch):
        write_rtstruct(path, _one(), headers[::-1], catalogue())
    moved = replace(GRID, origin_lps=(0.0, 0.0, 0.0))
    with pytest.raises(GeometryMismatch):
        write_rtstruct(path, structures(moved, bladder=BALL.to_array()), headers, catalogue())
    stretched = replace(GRID, spacing_mm=(1.31, 1.0, 2.5))
    with pytest.raises(GeometryMismatch):
        write_rtstruct(path, structures(stretched, bladder=BALL.to_array()), headers, catalogue())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "SOPInstanceUID", "ImagePositionPatient"])
def test_headers_without_what_a_reference_needs_are_refused(
    tmp_path: Path, headers: tuple[Dataset, ...], keyword: str
) -> None:
    lacking = tuple(deepcopy(header) for header in headers)
    del lacking[3][keyword]
    with pytest.raises(ExportFailed, match=keyword):
        write_rtstruct(tmp_path / "rs.dcm", _one(), lacking, catalogue())


@pytest.mark.parametrize("uid", ["1.2.é", "1." * 40 + "1", None])
def test_a_uid_that_cannot_be_referred_to_is_refused(
    tmp_path: Path, headers: tuple[Dataset, ...], uid: str | None
) -> None:
    odd = deepcopy(headers[2])
    odd["SOPInstanceUID"]._value = uid
    with pytest.raises(ExportFailed, match="SOPInstanceUID"):
        write_rtstruct(tmp_path / "rs.dcm", _one(), (*headers[:2], odd, *headers[3:]), catalogue())


def test_slices_of_two_series_are_refused(tmp_path: Path, headers: tuple[Dataset, ...]) -> None:
    foreign = deepcopy(headers[0])
    foreign.add_new("SeriesInstanceUID", "UI", "2.25.5")
    with pytest.raises(ExportFailed, match="SeriesInstanceUID"):
        write_rtstruct(tmp_path / "rs.dcm", _one(), (foreign, *headers[1:]), catalogue())


def test_an_existing_file_is_kept_unless_replacing_is_asked_for(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    first = write_rtstruct(tmp_path / "rs.dcm", _one(), headers, catalogue())
    with pytest.raises(ExportFailed):
        write_rtstruct(tmp_path / "rs.dcm", _one(), headers, catalogue())
    assert pydicom.dcmread(tmp_path / "rs.dcm").SOPInstanceUID == first.sop_instance_uid
    second = write_rtstruct(tmp_path / "rs.dcm", _one(), headers, catalogue(), replace=True)
    assert pydicom.dcmread(tmp_path / "rs.dcm").SOPInstanceUID == second.sop_instance_uid


@pytest.mark.parametrize(("charset", "name"), [("ISO_IR 100", "Muñoz^Zoë"), ("ISO_IR 192", "山田^花子")])
def test_a_patient_s_name_is_carried_over_in_its_own_character_set(
    tmp_path: Path, headers: tuple[Dataset, ...], charset: str, name: str
) -> None:
    named = tuple(deepcopy(header) for header in headers)
    for header in named:
        header.add_new("SpecificCharacterSet", "CS", charset)
        header.add_new("PatientName", "PN", name)
    file = _written(tmp_path, _one(), named)
    assert str(file.PatientName) == name
    assert file.SpecificCharacterSet == charset


def test_patient_data_that_is_not_valid_is_carried_over_as_it_stands(
    tmp_path: Path, headers: tuple[Dataset, ...]
) -> None:
    odd = deepcopy(headers[0])
    tag = Tag("PatientBirthDate")
    odd[tag] = RawDataElement(tag, "DA", 10, b"1970.01.1 ", 0, True, True)
    _written(tmp_path, _one(), (odd, *headers[1:]))
    assert b"1970.01.1 " in (tmp_path / "rs.dcm").read_bytes()


def test_every_decimal_string_has_at_most_16_characters(tmp_path: Path) -> None:
    far = grid(
        (20, 18, 8), (0.123456789, 0.2, 1.23456789), "oblique", (-12345.678901, 4567.891234, 99999.1234)
    )
    far_headers = ct_series(tmp_path / "ct", far)
    everything = np.ones(far.shape_kji, dtype=bool)
    write_rtstruct(tmp_path / "rs.dcm", structures(far, bladder=everything), far_headers, catalogue())
    for path in [tmp_path / "rs.dcm", *(tmp_path / "ct").iterdir()]:
        for element in pydicom.dcmread(path).iterall():
            if element.VR == "DS" and element.value is not None:
                values = [element.value] if element.VM == 1 else element.value
                assert all(len(str(value)) <= 16 for value in values), element.keyword
