"""The module's self-test: a small patient made of blocks, opened, chosen, edited, reviewed, exported.

It runs unchanged in Slicer ("Reload and Test", `--testing`) and in the stand-in host, and drives widgets,
not their handlers. It needs no backend. Nothing heavy is imported at file scope, because Slicer reads this
at start.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

WAIT_S = 120.0


class SelfTest:
    """The tests; `ScriptedLoadableModuleTest` runs each method whose name begins with test."""

    def test_1_a_patient_from_list_to_export(self) -> None:
        """The whole way of one patient."""
        bench = self._opened()
        case = bench.session.case
        assert set(case.structures.ids) >= {"bladder", "uterus"}, case.structures.ids
        segments = bench.scene.working_node.GetSegmentation()
        assert "bladder" in segments.GetSegmentIDs()
        self._edit(bench, "uterus")
        assert bench.editor.ui.undoButton.enabled
        self._review_and_approve(bench)
        with tempfile.TemporaryDirectory() as folder:
            bench.export.ui.folderButton.directory = folder
            bench.export.ui.reportCheck.setChecked(False)
            bench.export.ui.exportButton.click()
            self._wait(lambda: bench.export.ui.exportButton.enabled, "the export has ended")
            assert bench.session.phase.name == "EXPORTED", bench.export.ui.resultLabel.text
            assert list(Path(folder).rglob("rtstruct.dcm"))
        bench.worklist.ui.closeButton.click()
        shutil.rmtree(self.folder)

    def test_2_closing_the_scene_closes_the_patient_and_keeps_the_edit(self) -> None:
        """Nothing is lost when somebody closes the scene half-way."""
        bench = self._opened()
        self._edit(bench, "uterus")
        edited = bench.session.case.structures.mask("uterus")
        slicer.mrmlScene.Clear(0)
        self._wait(lambda: bench.session.patient is None, "the patient is closed")
        bench.worklist.ui.openButton.click()
        self._wait(lambda: bench.session.patient is not None, "the patient is open again")
        assert bench.session.case.structures.mask("uterus").same_voxels(edited)
        bench.worklist.ui.closeButton.click()
        assert bench.session.patient is None
        shutil.rmtree(self.folder)

    def _opened(self) -> Any:
        """The module with the block patient open, by clicks in the list."""
        bench = slicer.util.getModuleWidget("AmlartContour").workbench
        self.folder = tempfile.mkdtemp(prefix="amlart-self-test-")
        write_block_patient(Path(self.folder) / "Block patient")
        bench.worklist.ui.folderButton.directory = self.folder
        assert bench.worklist.ui.table.rowCount == 1
        bench.worklist.ui.table.selectRow(0)
        bench.worklist.ui.openButton.click()
        self._wait(lambda: bench.session.patient is not None, "the patient is open")
        bench.tick()
        return bench

    def _edit(self, bench: Any, structure_id: str) -> None:
        """One voxel layer off a segment, as an editor does it, and the other segments bit-identical."""
        from AmlartContourLib.domain.mask import Mask
        from AmlartContourLib.scene.labelmaps import image_of

        before = bench.session.case.structures
        bench.choose(structure_id)
        bench.tick()
        mask = before.mask(structure_id)
        full = mask.to_array().copy()
        full[mask.box.start_kji[0]] = False
        smaller = Mask.from_array(full, mask.geometry)
        logic = slicer.modules.segmentations.logic()
        node = bench.scene.working_node
        logic.SetBinaryLabelmapToSegment(image_of(smaller), node, structure_id, logic.MODE_REPLACE)
        bench.tick()
        after = bench.session.case.structures
        assert after.mask(structure_id).same_voxels(smaller)
        for other in before.ids:
            assert other == structure_id or after.mask(other).same_voxels(before.mask(other)), other
        bench.tick()

    def _review_and_approve(self, bench: Any) -> None:
        """A mark without a name is refused; with a name, and said that slices were not seen, it stands."""
        review = bench.review
        review.ui.despiteCheck.setChecked(True)
        for structure_id in bench.session.case.required:
            bench.choose(structure_id)
            bench.tick()
            review.ui.reviewerEdit.text = ""
            review.ui.markButton.click()
            assert not bench.session.case.review.of(structure_id).marked_by
            review.ui.reviewerEdit.text = "Self-test"
            review.ui.markButton.click()
            assert bench.session.case.review.of(structure_id).marked_by == "Self-test"
        review.ui.approveButton.click()
        assert bench.session.review.approval.by == "Self-test"

    def _wait(self, true: Callable[[], Any], what: str) -> None:
        until = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < until, f"waited in vain: {what}"
            slicer.app.processEvents()
            time.sleep(0.01)


def write_block_patient(folder: Path) -> None:
    """A CT of noise-free blocks with a bladder, a uterus and a vagina, as NIfTI files."""
    import numpy as np

    from AmlartContourLib.domain.geometry import Geometry
    from AmlartContourLib.domain.mask import Mask
    from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
    from AmlartContourLib.exchange.ct_scan import CtScan
    from AmlartContourLib.exchange.nifti_out import write_ct, write_masks

    grid = Geometry((40, 36, 24), (2.0, 2.0, 3.0), (-40.0, -36.0, -36.0))
    hu = np.full(grid.shape_kji, -1000, dtype=np.int16)
    hu[:, 4:32, 4:36] = 30
    blocks = {"bladder": (8, 16, 6, 14), "uterus": (10, 20, 14, 20), "vagina": (3, 10, 16, 20)}
    contours = []
    for name, (k0, k1, j0, j1) in blocks.items():
        full = np.zeros(grid.shape_kji, dtype=np.bool_)
        full[k0:k1, j0:j1, 14:24] = True
        contours.append(Contour(name, Mask.from_array(full, grid), Source.IMPORTED))
    folder.mkdir(parents=True)
    (folder / "contours").mkdir()
    write_ct(folder / "ct.nii.gz", CtScan(hu, grid))
    write_masks(folder / "contours", StructureSet.of(grid, contours))
