"""The way from worklist to checked files on a real public CT with its given masks, in a real browser."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image

from AmlartContourLib.session.reviewing import SEEN_AFTER_S
from support.rt_peers import dciodvfy_errors
from support.shared_data import real_case
from support.work_page import WorkPage, work_page
from support.workstation_process import running_workstation

pytestmark = pytest.mark.slow
DWELL_MS = 1500 * SEEN_AFTER_S
PLAN = ("ln_pelvic", "ln_common_iliac")
INCLUDED = """([id, on]) => window.trame.state.get('groups').flatMap(g => g.rows).some(
    row => row.id === id && row.included === on)"""  # told by the workstation; the box itself changes at once


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkPage]:
    case = real_case("totalseg_example")
    base = tmp_path_factory.mktemp("real")
    folder = base / "patients" / "REAL-1"
    folder.mkdir(parents=True)
    (folder / "ct.nii.gz").symlink_to(case / "ct.nii.gz")
    (folder / "organs").symlink_to(case / "masks", target_is_directory=True)
    station = running_workstation(base / "patients", base / "home", watched=True)
    with station as running, work_page(running) as it:
        it.open("REAL-1")
        yield it


def _cc(work: WorkPage, structure_id: str) -> float:
    work.until("s => document.querySelector(s)?.textContent.includes('cm')", _place(structure_id))
    return float(work.page.locator(_place(structure_id)).inner_text().split()[0])


def _place(structure_id: str) -> str:
    return f".part:has(#choose-{structure_id}) .cc"


def _choose_part(work: WorkPage, structure_id: str, on: bool) -> None:
    box = work.page.locator(f"#include-{structure_id}")
    if box.is_checked() != on:
        box.click(force=True)
        work.until(INCLUDED, [structure_id, on])


def test_the_real_ct_is_contoured_with_her_given_masks(work: WorkPage) -> None:
    work.panel("contouring")
    work.until("() => document.querySelector('#engine').value !== ''")
    work.page.select_option("#engine", "guideline-taylor-2005")
    work.page.click("#contour")
    work.page.wait_for_selector("#notice:has-text('arrived')", timeout=600_000)
    work.panel("components")
    for structure_id in PLAN:
        assert 50 < _cc(work, structure_id) < 600
    assert _cc(work, "bladder") == pytest.approx(479.4, abs=0.1)


def _coloured(png: bytes) -> tuple[float, float]:
    """The share of coloured pixels, whose red and blue are far from each other, in the middle of a picture
    and at its left, right and lower rim (at the upper one there are words)."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)
    coloured = np.abs(pixels[..., 0] - pixels[..., 2]) > 60
    height, width = coloured.shape
    middle = coloured[height // 4 : -height // 4, width // 4 : -width // 4]
    rim = np.concatenate([coloured[30:, :3].ravel(), coloured[30:, -3:].ravel(), coloured[-3:].ravel()])
    return float(middle.mean()), float(rim.mean())


def test_all_her_surfaces_are_in_the_3d_view(work: WorkPage) -> None:
    """Her CT lies a quarter of a metre beside the origin, where a camera looks at first."""
    work.page.select_option("#arrangement", "with_surfaces")
    work.page.wait_for_selector("#view-Surfaces", timeout=180_000)
    work.until("() => !document.querySelector('.busy')")
    work.page.wait_for_timeout(3000)
    middle, rim = _coloured(work.page.locator("#view-Surfaces").screenshot())
    work.page.select_option("#arrangement", "axial_large")
    work.page.wait_for_selector("#view-Surfaces", state="detached")
    assert middle > 0.05
    assert rim == 0.0


def test_the_ctvn_is_the_union_of_the_levels_that_are_toggled_on(work: WorkPage) -> None:
    for structure_id in ("ln_paraaortic", "gtvn"):
        if work.page.locator(f"#include-{structure_id}").count():
            _choose_part(work, structure_id, False)
    for structure_id in PLAN:
        _choose_part(work, structure_id, True)
    work.until("() => document.querySelector('.part:has(#choose-ctvn) .cc').textContent !== ''")
    scene = work.station.scene()
    union = scene.part("ln_pelvic") | scene.part("ln_common_iliac")
    assert np.array_equal(scene.masks["composites/ctvn"], union)


def test_an_edit_of_one_level_changes_no_other_part_and_the_ctvn_follows(work: WorkPage) -> None:
    work.choose("ln_pelvic")
    work.tool("margin")
    work.page.fill("#margin-mm", "4")  # more than a voxel of 3 mm
    _, after = work.edit("ln_pelvic", lambda: work.page.click("#margin-apply"), "Margin:")
    assert np.array_equal(
        after.masks["composites/ctvn"], after.part("ln_pelvic") | after.part("ln_common_iliac")
    )


def test_she_is_reviewed_slice_by_slice_and_approved_by_name(work: WorkPage) -> None:
    work.panel("review")
    work.page.fill("#reviewer", "Dr Example")
    work.page.click("#stage-ctv")  # takes the keys from the field
    slices = int(work.page.locator("#place-Axial").inner_text().split("/")[1])
    middle = work.axial_k()
    for axial_k in (*range(middle, slices), *range(middle - 1, -1, -1)):
        work.go_to_slice(axial_k)
        work.page.wait_for_timeout(DWELL_MS)  # as long as a slice is looked at
    work.until("() => document.querySelectorAll('#review .NOT_SEEN, #review .PARTLY_SEEN').length === 0")
    work.page.click("#mark-all")
    work.until(
        "() => [...document.querySelectorAll('#review .chip')].every(c => c.classList.contains('REVIEWED'))"
    )
    work.page.click("#approve")
    work.page.wait_for_selector("#approval")
    assert "Dr Example" in work.page.inner_text("#approval")


def test_her_files_hold_what_the_scene_holds(work: WorkPage) -> None:
    work.panel("exporting")
    work.page.click("#export")
    work.page.wait_for_selector("#export-done", timeout=600_000)
    (folder,) = (work.station.home / "workstation" / "users" / "local" / "exports").iterdir()
    scene = work.station.scene()
    (file,) = [f for f in (folder / "masks").iterdir() if f.name.lower().startswith("ctvn.")]
    assert np.array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(str(file))) != 0, scene.masks["composites/ctvn"]
    )
    rtstruct = pydicom.dcmread(folder / "rtstruct.dcm")
    assert rtstruct.ApprovalStatus == "UNAPPROVED"
    assert "CTVn" in {str(roi.ROIName) for roi in rtstruct.StructureSetROISequence}
    assert dciodvfy_errors(folder / "rtstruct.dcm") == []
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert "Dr Example" in json.dumps(told)
    assert all(item["voxels_different"] == 0 for item in told["read_back"])
