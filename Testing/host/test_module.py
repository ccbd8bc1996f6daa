"""The module in the stand-in host: its life from setup to the second reload, and its panels driven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import slicer

from AmlartContourLib.client.install import Installation, Plan, check_sums
from AmlartContourLib.client.site import Site, load_site
from AmlartContourLib.contract.errors import AmlartError, BadSetting, Cancelled, DamagedFile
from AmlartContourLib.exchange.fingerprint import sha256_of
from host.application import Host
from host.leftovers import Count
from support.backend_process import wait_for


def test_setup_enter_exit_cleanup_and_two_reloads_leave_nothing(host: Host) -> None:
    host.load()
    host.close()
    before = Count.now(host.scene)
    widget = host.load()
    for _ in range(2):
        widget.enter()
        host.spin(0.25)
        widget.exit()
        widget = host.reload()
    host.close()
    assert Count.now(host.scene) == before


def test_a_scene_closed_half_way_leaves_no_patient_and_no_node(bench: Any, host: Host) -> None:
    host.widget.enter()
    slicer.mrmlScene.Clear(0)
    host.spin(0.25)
    assert bench.session.patient is None
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert bench.ui.patientLabel.text == "No patient is open."
    host.widget.exit()


def test_ticking_a_part_composes_the_target_anew_and_leaves_the_part(bench: Any) -> None:
    tree = bench.components.ui.tree
    uterus = bench.session.case.structures.mask("uterus")
    with_it = bench.session.case.composition.composites.mask("ctvp").voxel_count
    import qt

    item = _item(tree, "Uterus")
    assert item.checkState(0) == qt.Qt.Checked
    item.setCheckState(0, qt.Qt.Unchecked)
    assert "uterus" not in bench.session.case.selection.included
    assert bench.session.case.composition.composites.mask("ctvp").voxel_count < with_it
    assert bench.session.case.structures.mask("uterus") is uterus


def test_the_settings_of_the_components_reach_the_session(bench: Any) -> None:
    ui = bench.components.ui
    ui.ptvSpin.value = 7.0
    bench.components._ptv()
    bench.tick()
    assert bench.session.case.composition.composites.has("ptv") or bench.session.case.selection.ptv
    ui.disjointCheck.click()
    assert bench.session.case.selection.rules_off
    ui.editBackCheck.click()
    assert not bench.session.case.selection.edit_back_parametrium


def test_a_click_on_a_slice_of_the_strip_moves_the_axial_view(bench: Any) -> None:
    bench.choose("bladder")
    bench.tick()
    axial = bench.session.patient.axial
    slices = bench.session.case.slices("bladder")
    assert bench.effort.ui.strip.columnCount == len(slices)
    bench.effort._jump(0, len(slices) - 1)
    assert bench.desk.views.current(axial) == slices[-1]


def test_what_the_axial_view_shows_counts_as_displayed(bench: Any, host: Host) -> None:
    bench.choose("bladder")
    patient = bench.session.patient
    k = bench.session.case.slices("bladder")[0]
    bench.desk.views.jump(patient.axial, k)
    wait_for(lambda: host.spin(0.1) or k in bench.session.case.review.of("bladder").seen, 20, "it is seen")
    bench.scene.working_node.GetDisplayNode().SetVisibility(False)
    other = bench.session.case.slices("bladder")[-1]
    bench.desk.views.jump(patient.axial, other)
    host.spin(0.6)
    assert other not in bench.session.case.review.of("bladder").seen, "hidden contours are not displayed"


def test_an_approval_without_reviews_is_refused_in_words(bench: Any) -> None:
    bench.review.ui.reviewerEdit.text = "Dr A"
    bench.review.ui.approveButton.click()
    assert bench.session.review.approval is None
    assert "Not reviewed yet" in bench.ui.noticeLabel.text


def test_the_site_is_kept_in_a_private_file_and_the_key_is_not_shown(host: Host, tmp_path: Path) -> None:
    backend = host.load().workbench.backend
    backend.ui.placeBox.currentIndex = 1
    backend.ui.urlEdit.text = "https://gpu.example:8642"
    backend.ui.keyEdit.text = "a key"
    backend._use()
    kept = load_site(tmp_path / "home")
    assert (kept.is_local, kept.url, kept.key) == (False, "https://gpu.example:8642", "a key")
    assert (tmp_path / "home" / "site.json").stat().st_mode & 0o077 == 0
    assert "a key" not in repr(kept)
    (tmp_path / "home" / "site.json").chmod(0o644)
    assert load_site(tmp_path / "home") == Site(), "a file that others can read is not trusted"


FAKE_UV = """#!/bin/sh
echo "$@" >> {log}
if [ "$1" = venv ]; then
  mkdir -p "$4/bin"; printf '#!/bin/sh\\nexit 0\\n' > "$4/bin/python"; chmod +x "$4/bin/python"
fi
if [ "$1" = pip ] && [ -f {broken} ]; then echo "no space left on device"; exit 2; fi
"""


def test_an_installation_that_failed_goes_on_where_it_was(tmp_path: Path) -> None:
    uv, log, broken = tmp_path / "uv", tmp_path / "log", tmp_path / "broken"
    uv.write_text(FAKE_UV.format(log=log, broken=broken))
    uv.chmod(0o755)
    broken.touch()
    plan = Plan(tmp_path / "home", source=tmp_path, uv=uv)
    with pytest.raises(AmlartError, match="no space left on device"):
        Installation(plan).run(lambda _done, _words: None)
    broken.unlink()
    python = Installation(plan).run(lambda _done, _words: None)
    assert python.is_file()
    asked = [line.split()[0] for line in log.read_text().splitlines()]
    assert asked == ["venv", "pip", "pip"], "the environment was made once"
    stopped = Installation(plan)
    stopped.cancel()
    with pytest.raises(Cancelled):
        stopped.run(lambda _done, _words: None)


def test_an_offline_folder_is_used_only_as_it_was_packed(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no offline folder"):
        check_sums(tmp_path)
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"wheel")
    (tmp_path / "SHA256SUMS").write_text(f"{sha256_of(wheel)}  a.whl\n")
    check_sums(tmp_path)
    wheel.write_bytes(b"another")
    with pytest.raises(DamagedFile, match=r"a\.whl"):
        check_sums(tmp_path)


def test_the_export_dialog_is_offered_our_segmentations_only(bench: Any, host: Host, tmp_path: Path) -> None:
    plugin = slicer.modules.dicomPlugins["AmlartContourDICOMPlugin"]()
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(host.scene)
    other = host.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Other")
    items = [tree.CreateItem(tree.GetSceneItemID(), n) for n in (bench.scene.working_node, other)]
    assert plugin.examineForExport(items[1]) == []
    (offered,) = plugin.examineForExport(items[0])
    assert offered.tags["Modality"] == "RTSTRUCT"
    offered.directory = str(tmp_path / "out")
    assert plugin.export([offered]) == ""
    assert list((tmp_path / "out").rglob("rtstruct.dcm"))


def _item(tree: Any, name: str) -> Any:
    """The line of a part, wherever in the tree."""
    todo = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount)]
    while todo:
        item = todo.pop()
        if item.text(0) == name:
            return item
        todo += [item.child(n) for n in range(item.childCount())]
    raise AssertionError(f"no line {name}")
