"""A clinician's run through the panels against a real backend process, from the list to the checked files."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from AmlartContourLib.domain.levels import BorderKind
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.widgets.self_test import write_block_patient
from host.application import Host
from host.clinician import Clinician, dab
from host.event_loop import EventLoop
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.variants import VARIANTS
from inference_backend.phantom.write import write_phantom
from support.backend_process import BackendProcess
from support.tile_engine import ABOVE_HU

LOG = logging.getLogger(__name__)
WINDOW_MS = 50.0
GUIDELINE = "Nodal levels by rules (Taylor"
EMBEDDED = "Demonstration ensemble"
LIKE_HER = 0.7  # Dice against the truth; far below what the model reaches on such patients on average


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    """The hospital's server: a real backend process."""
    process = BackendProcess(tmp_path_factory.mktemp("server") / "home").start()
    yield process
    process.stop()


@pytest.fixture
def clinician(host: Host, server: BackendProcess) -> Clinician:
    """At the module, with the hospital's server tested and its models offered."""
    host.load()
    clinician = Clinician(host)
    panel = clinician.bench.backend
    clinician.ask_server(server.url, server.token)
    clinician.wait(lambda: "It computes on: cpu." in panel.ui.statusLabel.text, 60, "the server answers")
    return clinician


def test_contours_come_from_the_server_and_are_written_as_they_are(
    clinician: Clinician, tmp_path: Path
) -> None:
    write_block_patient(tmp_path / "patients" / "Block patient")
    shutil.rmtree(tmp_path / "patients" / "Block patient" / "contours")
    clinician.open_folder(tmp_path / "patients")
    clinician.contour("Tiles")
    case = clinician.bench.session.case
    above = case.patient.scan.hu_kji > ABOVE_HU["bladder"]
    assert np.array_equal(case.structures.mask("bladder").to_array(), above), clinician.said()
    _export(clinician, tmp_path / "out")
    for contour in case.final:
        assert _mask_in(tmp_path / "out", contour.mask, contour.structure_id), contour.structure_id


@pytest.mark.slow
def test_a_patient_from_the_list_to_the_checked_files(clinician: Clinician, tmp_path: Path) -> None:
    write_phantom(tmp_path / "patients" / "Patient A", make_phantom(VARIANTS["standard"]), dicom=False)
    clinician.open_folder(tmp_path / "patients")
    with EventLoop() as loop:
        clinician.contour(GUIDELINE)
    longest = loop.longest_wall_ms, loop.longest_busy_ms
    LOG.info("the window stood still for %.0f ms at most, %.0f of its own", *longest)
    assert loop.longest_busy_ms < WINDOW_MS
    case = clinician.bench.session.case

    common = case.structures.mask("ln_common_iliac")
    with_it = case.final.mask("ctvn").voxel_count
    clinician.tick("Common iliac nodes", on=not clinician.is_ticked("Common iliac nodes"))
    assert case.final.mask("ctvn").voxel_count != with_it
    assert case.structures.mask("ln_common_iliac") is common

    border = next(b for b in case.borders if b.kind is BorderKind.AORTIC_BIFURCATION)
    at = clinician.bench.session.patient.axial.nearest(border.point_lps)
    clinician.look_at("ln_common_iliac", at - 3)
    clinician.choose(clinician.bench.components.ui.borderBox, border.kind.value)
    clinician.press(clinician.bench.components.ui.borderButton)
    clinician.host.spin(0.25)
    assert case.structures.mask("ln_common_iliac").voxel_count < common.voxel_count
    assert "changed their level" in clinician.said()

    before = case.structures
    bladder = before.mask("bladder")
    stroke = dab(bladder, case.slices("bladder")[5])
    clinician.paint("bladder", stroke)
    painted = case.structures.mask("bladder")
    assert painted.same_voxels(bladder | stroke)
    for other in before.ids:
        assert other == "bladder" or case.structures.mask(other).same_voxels(before.mask(other)), other
    clinician.press(clinician.bench.editor.ui.undoButton)
    assert case.structures.mask("bladder").same_voxels(bladder)
    clinician.host.spin(0.25)
    clinician.press(clinician.bench.editor.ui.redoButton)
    assert case.structures.mask("bladder").same_voxels(painted)

    _review(clinician)
    _export(clinician, tmp_path / "out")
    for structure_id in ("bladder", "ln_pelvic", "ln_common_iliac", "ctvn"):
        assert _mask_in(tmp_path / "out", case.final.mask(structure_id), structure_id)
    (rtstruct,) = (tmp_path / "out").rglob("rtstruct.dcm")
    assert pydicom.dcmread(rtstruct).ApprovalStatus == "UNAPPROVED"


@pytest.mark.slow
def test_the_embedded_model_contours_a_patient_from_her_ct_alone_up_to_the_checked_files(
    clinician: Clinician, tmp_path: Path
) -> None:
    """The model was trained on phantoms drawn at random; the named one is none of them."""
    phantom = make_phantom(VARIANTS["full_bladder"])
    patient = tmp_path / "patients" / "Patient A"
    write_phantom(patient, phantom, dicom=False)
    for folder in ("organs", "truth"):
        shutil.rmtree(patient / folder)
    clinician.open_folder(tmp_path / "patients")
    bench = clinician.bench
    with EventLoop() as loop:
        clinician.contour(EMBEDDED, 1500)
    LOG.info("longest stop %.0f ms, %.0f of its own", loop.longest_wall_ms, loop.longest_busy_ms)
    assert loop.longest_busy_ms < WINDOW_MS
    case = bench.session.case
    for structure_id in ("bladder", "anorectum", "uterus", "vagina"):
        assert _dice(case.structures.mask(structure_id), phantom.truth.mask(structure_id)) > LIKE_HER
    shown = [row for row in bench.session.effort.rows() if row.expected or row.expected_withheld]
    assert any(row.expected for row in shown)

    uterus = case.structures.mask("uterus")
    with_it = case.final.mask("ctvp").voxel_count
    clinician.tick("Uterus", on=False)
    assert case.final.mask("ctvp").voxel_count < with_it
    assert case.structures.mask("uterus") is uterus
    clinician.tick("Uterus", on=True)
    assert case.final.mask("ctvp").voxel_count == with_it

    bladder = case.structures.mask("bladder")
    stroke = dab(bladder, case.slices("bladder")[3])
    clinician.paint("bladder", stroke)
    assert case.structures.mask("bladder").same_voxels(bladder | stroke)
    measured = next(row for row in bench.session.effort.rows() if row.structure_id == "bladder")
    assert measured.measured is not None
    assert measured.measured.fraction_to_redraw > 0

    _review(clinician)
    _export(clinician, tmp_path / "out")
    for contour in case.final:
        if not contour.mask.is_empty:
            assert _mask_in(tmp_path / "out", contour.mask, contour.structure_id), contour.structure_id
    (rtstruct,) = (tmp_path / "out").rglob("rtstruct.dcm")
    names = {roi.ROIName for roi in pydicom.dcmread(rtstruct).StructureSetROISequence}
    assert {"Bladder", "CTVp"} <= names, names


def _review(clinician: Clinician) -> None:
    """Refused without reviews; then one structure is looked at slice by slice, the others marked despite."""
    review, case = clinician.bench.review, clinician.bench.session.case
    review.ui.reviewerEdit.text = "Dr Example"
    clinician.press(review.ui.approveButton)
    assert "Not reviewed yet" in clinician.said()
    for axial_k in case.slices("bladder"):
        clinician.look_at("bladder", axial_k)
        clinician.wait(lambda k=axial_k: k in case.review.of("bladder").seen, 10, "the slice was seen")
    clinician.press(review.ui.markButton)
    assert case.review.of("bladder").marked_by == "Dr Example"
    review.ui.despiteCheck.setChecked(True)
    for structure_id in case.required:
        clinician.look_at(structure_id)
        if not case.review.of(structure_id).marked_by:
            clinician.press(review.ui.markButton)
    clinician.press(review.ui.approveButton)
    assert clinician.bench.session.review.approval.by == "Dr Example"


def _export(clinician: Clinician, folder: Path) -> None:
    panel = clinician.bench.export
    folder.mkdir()
    panel.ui.folderButton.directory = str(folder)
    panel.ui.reportCheck.setChecked(False)
    clinician.press(panel.ui.exportButton)
    clinician.wait(lambda: not panel._writing, 240, "the export is written")
    assert "voxel for voxel" in panel.ui.resultLabel.text, panel.ui.resultLabel.text
    approved = clinician.bench.session.review.approval is not None
    assert clinician.bench.session.phase.name == ("EXPORTED" if approved else "DRAFT_EXPORTED")


def _mask_in(folder: Path, mask: Mask, structure_id: str) -> bool:
    """Whether another reader finds exactly these voxels in the mask file of a structure."""
    (file,) = [f for f in folder.rglob("masks/*") if f.name.lower().startswith(f"{structure_id}.")]
    return bool(np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(file))) != 0, mask.to_array()))


def _dice(one: Mask, other: Mask) -> float:
    voxels = one.voxel_count + other.voxel_count
    return 2 * (one & replace(other, geometry=one.geometry)).voxel_count / voxels if voxels else 0.0
