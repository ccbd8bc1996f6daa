"""A real CT with a real RTSTRUCT whose contours name images that are not in the folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import onto
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from AmlartContourLib.exchange.rtstruct_out import write_rtstruct
from support.rt_peers import READERS, dciodvfy_errors, expect_bug, need, peer_reads
from support.shared_data import real_case, unpacked


@dataclass(frozen=True)
class Sarcoma:
    """The case sts044: its CT files and headers, its RTSTRUCT, and the reference voxels on the CT's grid."""

    ct: Path
    headers: tuple[Dataset, ...]
    rtstruct: Path
    reference: Mask


@pytest.fixture(scope="module")
def sarcoma(tmp_path_factory: pytest.TempPathFactory) -> Sarcoma:
    folder = unpacked("sts044_dicomrt", tmp_path_factory.mktemp("sts044"))
    ct = next(folder.rglob("image"))
    scan = read_ct(ct)
    (rtstruct,) = (path for path in folder.rglob("*.dcm") if path.parent != ct)
    image = sitk.ReadImage(str(real_case("sts044_dicomrt") / "masks" / "GTV_Mass_CT.nii.gz"))
    read = Geometry.from_matrix(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    voxels = onto(sitk.GetArrayFromImage(image) > 0, read, scan.geometry, "The reference mask")
    return Sarcoma(ct, scan.headers, rtstruct, Mask.from_array(voxels, scan.geometry))


def test_the_imported_structure_is_the_reference_voxel_for_voxel(sarcoma: Sarcoma) -> None:
    read = read_rtstruct(sarcoma.rtstruct, sarcoma.reference.geometry, catalogue(), headers=sarcoma.headers)
    masks = {**{c.structure_id: c.mask for c in read.structures}, **read.others}
    (mask,) = masks.values()
    both = (mask & sarcoma.reference).voxel_count
    dice = 2 * both / (mask.voxel_count + sarcoma.reference.voxel_count)
    assert dice >= 0.999
    assert mask.same_voxels(sarcoma.reference), f"Dice {dice:.6f}"
    assert any("43 contours naming no image of this CT" in message for message in read.messages)


@pytest.fixture(scope="module")
def exported(sarcoma: Sarcoma, tmp_path_factory: pytest.TempPathFactory) -> Path:
    contour = Contour("gtvp", sarcoma.reference, Source.IMPORTED, "RTSTRUCT")
    contours = StructureSet.of(sarcoma.reference.geometry, [contour])
    path = tmp_path_factory.mktemp("out") / "rs.dcm"
    return write_rtstruct(path, contours, sarcoma.headers, catalogue()).path


def test_exported_and_imported_again_it_is_the_same(sarcoma: Sarcoma, exported: Path) -> None:
    read = read_rtstruct(exported, sarcoma.reference.geometry, catalogue(), headers=sarcoma.headers)
    assert read.messages == ()
    assert read.structures.mask("gtvp").same_voxels(sarcoma.reference)


def test_the_export_belongs_to_the_original_patient_study_and_series(
    sarcoma: Sarcoma, exported: Path
) -> None:
    file, source = pydicom.dcmread(exported), sarcoma.headers[0]
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert file.get(keyword) == source.get(keyword)
    series = (
        file.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    )
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    own = {header.SOPInstanceUID for header in sarcoma.headers}
    assert {image.ReferencedSOPInstanceUID for image in series.ContourImageSequence} == own
    for contour in file.ROIContourSequence[0].ContourSequence:
        assert contour.ContourImageSequence[0].ReferencedSOPInstanceUID in own


@pytest.mark.peer
def test_dciodvfy_finds_no_error_in_the_export_but_those_of_the_source_s_own_study(
    sarcoma: Sarcoma, exported: Path
) -> None:
    source = dciodvfy_errors(sorted(sarcoma.ct.iterdir())[0])
    assert any("Study ID" in error for error in source), "the source has a study ID of 17 characters"
    assert [error for error in dciodvfy_errors(exported) if error not in source] == []


@pytest.mark.peer
@pytest.mark.parametrize("peer", READERS)
def test_a_peer_reads_the_export_voxel_for_voxel(
    sarcoma: Sarcoma, exported: Path, peer: str, request: pytest.FixtureRequest
) -> None:
    need(peer)
    swaps = "rt-utils swaps rows and columns of its mask; this image has 216 x 234 pixels"
    expect_bug(request, swaps if peer == "rt-utils" else None)
    read, _ = peer_reads(peer, exported, sarcoma.ct)
    (mask,) = read.values()
    np.testing.assert_array_equal(mask, sarcoma.reference.to_array())
