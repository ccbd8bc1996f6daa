"""Pictures of the panels for the documentation, in the stand-in host, on a synthetic patient.

PYTHONPATH=AmlartContour:Testing:. .venv/bin/python -m host.pictures docs/images
"""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import slicer

from host import pythonqt
from host.application import Host
from host.clinician import Clinician, dab
from inference_backend.phantom.make import make_phantom
from inference_backend.phantom.spec import PhantomSpec
from inference_backend.phantom.write import write_phantom
from support.backend_process import BackendProcess
from support.source_tree import ROOT

WIDTH, HEIGHT = 500, 3000
COARSE = PhantomSpec(matrix_ij=(120, 100), pixel_mm=(3.4, 3.4), slice_step_mm=5.0)
PANELS = ("worklist", "backend", "contouring", "components", "effort", "fix", "review", "export")


def patient_with_all_contours(folder: Path) -> None:
    """The CT of a small patient with every contour that is known of her."""
    write_phantom(folder, make_phantom(COARSE), dicom=False)
    for file in (folder / "organs").iterdir():
        file.unlink()
    (folder / "organs").rmdir()


def work(clinician: Clinician) -> None:
    """Something to see in every panel."""
    case = clinician.bench.session.case
    for structure_id in ("bladder", "uterus"):
        mask = case.structures.mask(structure_id)
        for axial_k in case.slices(structure_id)[2:5]:
            clinician.paint(structure_id, dab(mask, axial_k))
    for axial_k in case.slices("bladder"):
        clinician.look_at("bladder", axial_k)
    review = clinician.bench.review.ui
    review.reviewerEdit.text = "Dr Example"
    clinician.press(review.markButton)
    clinician.host.spin(1.0)
    propose(clinician)


def propose(clinician: Clinician) -> None:
    """A change of the bladder, proposed by the tests' engine, and a second opinion on it."""
    bench = clinician.bench
    mask = bench.session.case.structures.mask("bladder")
    clinician.choose(bench.effort.ui.secondBox, "Bright above 20")
    clinician.press(bench.effort.ui.secondButton)
    mm = bench.session.effort.tolerance_mm("bladder")
    clinician.wait(lambda: bench.session.second.of("bladder", mm), 120, "the second opinion is compared")
    bench.fix.ui.inSliceSpin.value, bench.fix.ui.acrossSpin.value = 9.0, 8.0
    clinician.press(bench.fix.ui.pointButton)
    node = slicer.mrmlScene.GetNodeByID(slicer.modules.markups.logic().GetActiveListID())
    k, j, i = (int(v) for v in np.argwhere(mask.to_array())[mask.voxel_count // 3])
    x, y, z = (float(v) for v in mask.geometry.index_to_lps([i, j, k]))
    node.AddControlPointWorld(-x, -y, z)
    clinician.host.spin(0.3)
    clinician.press(bench.fix.ui.askButton)
    clinician.wait(lambda: bench.session.fixing.proposal, 120, "the engine answers")
    bench.fix.ui.nameEdit.text = "Dr Example"
    clinician.host.spin(0.3)


def main(target: Path) -> None:
    """Writes one picture for each panel."""
    base = Path(tempfile.gettempdir()) / "Practice"
    shutil.rmtree(base, ignore_errors=True)
    os.environ["AMLART_HOME"] = str(base / "home")
    patient_with_all_contours(base / "patients" / "Patient A")
    server = BackendProcess(base / "server").start()
    host = Host(ROOT / "AmlartContour")
    host.load()
    pythonqt.unwrap(host.parent).resize(WIDTH, HEIGHT)
    pythonqt.unwrap(host.parent).show()
    clinician = Clinician(host)
    try:
        take(clinician, "backend", target)
        backend = clinician.bench.backend
        clinician.ask_server(server.url, server.token)
        clinician.wait(lambda: "computes on" in backend.ui.statusLabel.text, 120, "the server answers")
        clinician.open_folder(base / "patients")
        work(clinician)
        for name in PANELS:
            if name != "backend":
                take(clinician, name, target)
    finally:
        host.close()
        server.stop()


def take(clinician: Clinician, name: str, target: Path) -> None:
    """One panel as it is now."""
    root = pythonqt.unwrap(getattr(clinician.bench, name).root)
    clinician.host.spin(0.2)
    root.grab().save(str(target / f"slicer-{name}.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
