"""From an extension that was just installed to the first contours: how many clicks, and whose contours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from AmlartContourLib.client.job_run import Phase
from AmlartContourLib.widgets.self_test import write_block_patient
from host.application import Host
from host.clinician import Clinician
from host.installer import Installer
from support.backend_process import BackendProcess
from support.tile_server import KINDS

MOST_CLICKS = 5
PRACTICE = "practice-patients"  # the module's own name for the folder
SLOW = KINDS.index("pause=1")


@pytest.mark.slow
def test_five_clicks_lead_from_installing_to_a_job_of_the_embedded_model_which_can_be_cancelled(
    host: Host, installer: Installer
) -> None:
    """Backend and model are real. The download and the making of the practice patient are left out."""
    write_block_patient(installer.home / PRACTICE / "Practice patient")
    host.load()
    clinician = Clinician(host)
    bench = clinician.bench
    clinician.press(bench.backend.ui.installButton)
    clinician.wait(lambda: "It computes on: " in bench.backend.ui.statusLabel.text, 240, "it answers")
    clinician.press(bench.worklist.ui.practiceButton)
    clinician.wait(lambda: bench.worklist.ui.table.rowCount == 1, 60, "the practice patient is listed")
    clinician.open_row()
    assert "Demonstration ensemble" in bench.contouring.ui.engineBox.currentText
    clinician.press(bench.contouring.ui.contourButton)
    assert clinician.clicks <= MOST_CLICKS
    contouring = bench.session.contouring
    clinician.wait(
        lambda: contouring.progress and contouring.progress.phase is Phase.CONTOURING, 120, "it contours"
    )
    assert "Contouring" in bench.contouring.ui.stageLabel.text
    clinician.press(bench.contouring.ui.cancelButton)
    clinician.wait(lambda: not contouring.running, 30, "the job ends")
    assert bench.ui.noticeLabel.text == "Contouring was cancelled."
    clinician.press(bench.backend.ui.stopButton)
    clinician.wait(lambda: "has stopped" in bench.backend.ui.statusLabel.text, 60, "the backend has stopped")


@pytest.mark.slow
def test_contours_of_a_patient_who_was_replaced_in_the_middle_wait_for_her(
    host: Host, tmp_path: Path
) -> None:
    for name in ("Patient A", "Patient B"):
        write_block_patient(tmp_path / "patients" / name)
        shutil.rmtree(tmp_path / "patients" / name / "contours")
    server = BackendProcess(tmp_path / "server").start()
    try:
        host.load()
        clinician = Clinician(host)
        panel, session = clinician.bench.backend, clinician.bench.session
        clinician.ask_server(server.url, server.token)
        clinician.wait(lambda: "It computes on: " in panel.ui.statusLabel.text, 60, "the server answers")
        clinician.open_folder(tmp_path / "patients")
        clinician.start("Tiles", SLOW)
        clinician.open_row(1)
        clinician.wait(lambda: not session.contouring.running, 120, "the job ends")
        host.spin(0.3)
        assert session.patient.name == "Patient B"
        assert len(session.case.structures) == 0
        assert "kept for it" in clinician.said()
        clinician.open_row(0)
        assert not session.case.structures.mask("bladder").is_empty
    finally:
        host.close()
        server.stop()
