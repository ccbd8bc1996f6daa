"""An export is whole, reads back voxel for voxel, says how it came about, and names no patient."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from pydicom import dcmread

from AmlartContourLib.contract.errors import ExportFailed, GeometryMismatch, ReadBackDiffers
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange import export as export_module
from AmlartContourLib.exchange.atomic import IfExists
from AmlartContourLib.exchange.case_record import CaseRecord, Input
from AmlartContourLib.exchange.contours_in import read_contours
from AmlartContourLib.exchange.ct_in import read_ct
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.exchange.export import Format, export_case
from AmlartContourLib.exchange.fingerprint import sha256_of
from AmlartContourLib.exchange.presets import load_preset
from AmlartContourLib.exchange.provenance import SCHEMA
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.exchange.rtstruct_in import read_rtstruct
from support.shapes import DIRECTIONS, ball, centre, grid

SECRET = "Planted^Patience"
RECORD = CaseRecord(
    pseudonym="case-7", inputs=(Input("CT", "a" * 64),), started=datetime(2026, 3, 1, tzinfo=UTC)
)


def scan_on(direction: str) -> CtScan:
    geometry = grid((26, 22, 12), direction=direction)
    hu = np.random.default_rng(3).integers(-1000, 1500, geometry.shape_kji).astype(np.int16)
    return CtScan(hu, geometry)


def contours(scan: CtScan) -> StructureSet:
    """Overlapping ones, one with a hole, one in several parts, and an empty one."""
    grid_, middle = scan.geometry, centre(scan.geometry)
    speckled = np.random.default_rng(4).random(grid_.shape_kji) < 0.05
    masks = {
        "ctvp": ball(grid_, middle, 9),
        "uterus": ball(grid_, middle, 10) - ball(grid_, middle, 4),
        "bladder": Mask.from_array(speckled, grid_),
        "gtvp": Mask.empty(grid_),
    }
    return StructureSet.of(grid_, (Contour(i, m, Source.DRAWN) for i, m in masks.items()))


def a_case(direction: str = "head first supine") -> tuple[CtScan, StructureSet]:
    scan = scan_on(direction)
    return scan, contours(scan)


def dicom_case(folder: Path) -> tuple[CtScan, StructureSet]:
    """A scan with slices of its own, under a patient's name."""
    scan = scan_on("oblique")
    headers = write_ct_series(folder, scan, pseudonym="x")
    for header in headers:
        header.PatientName = SECRET
        header.PatientID = f"ID-{SECRET}"
        header.PatientBirthDate = "19610203"
        header.StudyDescription = SECRET
    return replace(scan, headers=headers), contours(scan)


def plain(folder: Path) -> dict:
    return json.loads((folder / "provenance.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_case_on_any_grid_reads_back_voxel_for_voxel(direction: str, tmp_path: Path) -> None:
    scan, structures = a_case(direction)
    exported = export_case(tmp_path / "case", scan, structures, RECORD, catalogue())
    names = {p.relative_to(tmp_path / "case").as_posix() for p in exported.folder.rglob("*") if p.is_file()}
    masks = {f"masks/{i}.nii.gz" for i in structures.ids}
    axial = canonical(scan.geometry).geometry(scan.geometry)
    slices = {f"ct/CT_{k + 1:04d}.dcm" for k in range(axial.size_ijk[2])}
    assert read_ct(exported.folder / "ct").geometry.same_as(axial)
    assert names == {*masks, *slices, "labels.nii.gz", "labels.json", "rtstruct.dcm", "provenance.json"}
    for name in ("masks", "rtstruct.dcm"):
        found = read_contours(exported.folder / name, scan, catalogue()).structures
        for contour in structures:
            assert found.mask(contour.structure_id).same_voxels(contour.mask)


def test_the_provenance_lists_every_file_and_every_comparison(tmp_path: Path) -> None:
    scan, structures = a_case()
    folder = export_case(tmp_path / "case", scan, structures, RECORD, catalogue()).folder
    told = plain(folder)
    jsonschema.validate(told, json.loads(SCHEMA.read_text(encoding="utf-8")))
    on_disk = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {f["path"] for f in told["files"]} == on_disk - {"provenance.json"}
    assert all(sha256_of(folder / f["path"]) == f["sha256"] for f in told["files"])
    compared = {(a["structure_id"], a["format"]) for a in told["read_back"]}
    assert compared == {(i, form.value) for i in structures.ids for form in Format}
    assert all(a["voxels_different"] == 0 for a in told["read_back"])
    assert [a["voxels_written"] for a in told["read_back"] if a["format"] == "nifti_masks"] == [
        structures.mask(i).voxel_count for i in structures.ids
    ]
    assert told["label_map"]["lost_to_overlap"]


def test_a_dicom_ct_is_referred_to_and_not_written_again(tmp_path: Path) -> None:
    scan, structures = dicom_case(tmp_path / "dicom")
    folder = export_case(tmp_path / "case", scan, structures, RECORD, catalogue()).folder
    assert not (folder / "ct").exists()
    rtstruct = dcmread(folder / "rtstruct.dcm")
    frame = rtstruct.ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == scan.headers[0].SeriesInstanceUID
    assert rtstruct.PatientName == SECRET  # DICOM out belongs to the patient that came in
    assert rtstruct.ApprovalStatus == "UNAPPROVED"


def test_no_patient_is_named_outside_dicom(tmp_path: Path) -> None:
    scan, structures = dicom_case(tmp_path / SECRET)
    folder = export_case(tmp_path / f"{SECRET}-out", scan, structures, RECORD, catalogue()).folder
    for path in folder.rglob("*"):
        if path.suffix == ".json":
            text = path.read_text(encoding="utf-8")
            assert "Planted" not in text
            assert "19610203" not in text


def test_the_sites_names_and_colours_are_in_the_rtstruct_and_still_read_back(tmp_path: Path) -> None:
    scan, structures = a_case()
    preset = replace(
        load_preset("small_pelvis"),
        names={"ctvp": "CTV primary", "uterus": "zz9"},
        colours={"ctvp": (1, 2, 3)},
    )
    folder = export_case(
        tmp_path / "case", scan, structures, replace(RECORD, preset=preset), catalogue()
    ).folder
    found = read_rtstruct(folder / "rtstruct.dcm", scan.geometry, catalogue())
    assert found.others["zz9"].same_voxels(structures.mask("uterus"))
    colours = {
        tuple(int(v) for v in roi.ROIDisplayColor)
        for roi in dcmread(folder / "rtstruct.dcm").ROIContourSequence
    }
    assert (1, 2, 3) in colours


@pytest.mark.parametrize("chosen", list(Format))
def test_one_format_alone(chosen: Format, tmp_path: Path) -> None:
    scan, structures = a_case()
    folder = export_case(
        tmp_path / "case", scan, structures, RECORD, catalogue(), formats=frozenset({chosen})
    ).folder
    assert {a["format"] for a in plain(folder)["read_back"]} == {chosen.value}
    assert (folder / "masks").exists() == (chosen is Format.MASKS)
    assert (folder / "rtstruct.dcm").exists() == (chosen is Format.RTSTRUCT)


def test_further_files_are_hashed_too(tmp_path: Path) -> None:
    scan, structures = a_case()
    folder = export_case(
        tmp_path / "case",
        scan,
        structures,
        RECORD,
        catalogue(),
        formats=frozenset({Format.MASKS}),
        add_files=lambda place: (place / "report.html").write_text("x") and None,
    ).folder
    assert "report.html" in {f["path"] for f in plain(folder)["files"]}


def test_progress_goes_forward(tmp_path: Path) -> None:
    heard: list[float] = []
    scan, structures = a_case()
    export_case(
        tmp_path / "case",
        scan,
        structures,
        RECORD,
        catalogue(),
        progress=lambda fraction, stage: heard.append(fraction) or None,
    )
    assert heard == sorted(heard)
    assert 0 <= heard[0] < heard[-1] <= 1


@pytest.mark.parametrize("writer", ["write_masks", "write_label_map", "write_rtstruct"])
def test_one_wrong_voxel_in_any_format_refuses_the_whole_export(
    writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, structures = a_case()
    genuine = getattr(export_module, writer)

    def one_voxel_short(path: Path, given: StructureSet, *rest: object, **options: object) -> object:
        block = given.mask("ctvp").block_kji.copy()
        block[tuple(np.argwhere(block)[0])] = False
        mask = Mask.from_block(block, given.mask("ctvp").box, given.geometry)
        return genuine(path, given.with_contours(Contour("ctvp", mask, Source.DRAWN)), *rest, **options)

    monkeypatch.setattr(export_module, writer, one_voxel_short)
    with pytest.raises(ReadBackDiffers, match=r"ctvp in .*1 of"):
        export_case(tmp_path / "case", scan, structures, RECORD, catalogue())
    assert list(tmp_path.iterdir()) == []


def test_a_ct_series_that_reads_back_differently_refuses_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, structures = a_case()
    genuine = export_module.write_ct_series

    def one_value_off(folder: Path, given: CtScan, **options: object) -> object:
        hu = given.hu_kji.copy()
        hu[3, 4, 5] += 1
        return genuine(folder, replace(given, hu_kji=hu), **options)

    monkeypatch.setattr(export_module, "write_ct_series", one_value_off)
    with pytest.raises(ReadBackDiffers, match="CT series"):
        export_case(tmp_path / "case", scan, structures, RECORD, catalogue())
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_kept_unless_the_caller_says_otherwise(tmp_path: Path) -> None:
    scan, structures = a_case()
    formats = frozenset({Format.MASKS})
    export_case(tmp_path / "case", scan, structures, RECORD, catalogue(), formats=formats)
    before = sha256_of(tmp_path / "case")
    with pytest.raises(ExportFailed, match="already there"):
        export_case(tmp_path / "case", scan, structures, RECORD, catalogue(), formats=formats)
    second = export_case(
        tmp_path / "case", scan, structures, RECORD, catalogue(), formats=formats, if_exists=IfExists.VERSION
    )
    assert second.folder.name == "case-2"
    assert sha256_of(tmp_path / "case") == before


def test_contours_of_another_grid_are_refused(tmp_path: Path) -> None:
    scan = scan_on("head first supine")
    with pytest.raises(GeometryMismatch):
        export_case(tmp_path / "case", scan, contours(scan_on("oblique")), RECORD, catalogue())
    assert list(tmp_path.iterdir()) == []


def test_nothing_contoured_is_no_rtstruct_but_may_be_masks(tmp_path: Path) -> None:
    scan = scan_on("head first supine")
    empty = StructureSet.of(scan.geometry, [Contour("gtvp", Mask.empty(scan.geometry), Source.DRAWN)])
    with pytest.raises(ExportFailed, match="no RTSTRUCT"):
        export_case(tmp_path / "case", scan, empty, RECORD, catalogue())
    nifti = frozenset({Format.MASKS, Format.LABEL_MAP})
    export_case(tmp_path / "empty", scan, empty, RECORD, catalogue(), formats=nifti)
    export_case(tmp_path / "none", scan, StructureSet(scan.geometry), RECORD, catalogue(), formats=nifti)


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on file size are POSIX only")
    scan, structures = a_case()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        for chosen in Format:
            with pytest.raises(ExportFailed):
                export_case(
                    tmp_path / "case", scan, structures, RECORD, catalogue(), formats=frozenset({chosen})
                )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []
