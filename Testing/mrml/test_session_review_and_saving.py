"""What was seen, marked and approved; what is saved, recovered and exported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk

from AmlartContourLib.contract.effort import ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.levels import BorderKind
from AmlartContourLib.domain.margins import Margin
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.review import Stage
from AmlartContourLib.exchange.export import Format
from AmlartContourLib.session.contouring import _Running
from AmlartContourLib.session.effort import NO_ESTIMATE, Standing
from AmlartContourLib.session.record import Phase
from AmlartContourLib.session.session import Session
from support.shapes import ball
from support.workstation import Desk, contours, files, painted, pelvis

TESTING = Path(__file__).resolve().parents[1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.with_contours()
    yield desk
    desk.session.end()


def look_at_everything(desk: Desk) -> None:
    session = desk.session
    for k in range(session.case.patient.axial.count):
        session.review.displayed("axial", k, session.case.final.ids)
        desk.wait(0.3)
    session.poll()


def approve(desk: Desk) -> None:
    look_at_everything(desk)
    desk.session.review.mark(desk.session.case.required, "Dr A")
    desk.session.review.approve("Dr A")


def edit(session: Session, structure_id: str, radius_mm: float = 7) -> None:
    now = session.case.structures.mask(structure_id)
    assert session.editing.apply(structure_id, painted(now, (2, 4, -12), radius_mm), "paint")


def test_nothing_is_seen_or_reviewed_by_itself(desk: Desk) -> None:
    rows = desk.session.review.rows()
    assert {row.stage for row in rows} == {Stage.NOT_SEEN}
    assert all(row.unseen == row.slices for row in rows)


def test_a_slice_passed_too_quickly_does_not_count_as_displayed(desk: Desk) -> None:
    session, k = desk.session, desk.session.case.slices("cervix")[2]
    session.review.displayed("axial", k, ["cervix"])
    desk.wait(0.1)
    session.review.displayed("axial", k + 1, ["cervix"])
    assert session.case.stage("cervix") is Stage.NOT_SEEN
    desk.wait(0.3)
    session.poll()
    assert session.case.review.of("cervix").seen == (k + 1,)
    assert session.case.stage("cervix") is Stage.PARTLY_SEEN
    assert session.case.stage("bladder") is Stage.NOT_SEEN


def test_marking_names_the_slices_that_were_not_displayed(desk: Desk) -> None:
    session = desk.session
    with pytest.raises(BadSetting, match=r"Cervix: .* slices were not displayed"):
        session.review.mark(["cervix"], "Dr A")
    with pytest.raises(BadSetting, match="names a person"):
        session.review.mark(["cervix"], " ", despite_unseen=True)
    session.review.mark(["cervix"], "Dr A", despite_unseen=True)
    assert session.case.stage("cervix") is Stage.REVIEWED
    assert session.case.review.of("cervix").unseen_when_marked == session.case.slices("cervix")


def test_an_approval_needs_every_structure_of_the_plan_and_falls_with_an_edit(desk: Desk) -> None:
    session = desk.session
    with pytest.raises(BadSetting, match=r"Not reviewed yet: .*CTVp"):
        session.review.approve("Dr A")
    approve(desk)
    assert session.phase is Phase.APPROVED
    edit(session, "cervix")
    assert session.review.approval is None
    assert session.case.stage("cervix") is not Stage.REVIEWED
    assert session.case.stage("ctvp") is not Stage.REVIEWED
    assert session.case.stage("bladder") is Stage.REVIEWED
    assert session.phase is Phase.IN_REVIEW


def test_an_approval_needs_the_sides_that_stand_for_a_chosen_whole_and_every_target(desk: Desk) -> None:
    case = desk.session.case
    assert "parametrium" in case.selection.included
    assert "parametrium" not in case.structures
    sides, targets = {"parametrium_left", "parametrium_right"}, set(case.composition.composites.ids)
    assert sides | targets <= set(case.required)
    assert "ctv_hr" in targets
    desk.session.choices.include(["parametrium_left"], False)
    assert "parametrium_left" not in case.required
    assert "parametrium_right" in case.required


def test_an_approval_falls_with_a_choice_and_with_undo(desk: Desk) -> None:
    session = desk.session
    edit(session, "cervix")
    approve(desk)
    session.choices.set_ptv("ctv", Margin.isotropic(5))
    assert session.review.approval is None
    approve(desk)
    session.editing.undo()
    assert session.review.approval is None


@pytest.mark.parametrize(
    ("kind", "z", "words"),
    [
        (BorderKind.AORTIC_BIFURCATION, 5.0, "cannot lie below the common iliac bifurcation, left"),
        (BorderKind.COMMON_ILIAC_BIFURCATION_LEFT, 31.0, "aortic bifurcation cannot lie below"),
        (BorderKind.AORTIC_BIFURCATION, 61.0, "outside the scan"),
        (BorderKind.COMMON_ILIAC_BIFURCATION_RIGHT, -61.0, "outside the scan"),
    ],
)
def test_a_border_stays_between_its_neighbours_and_within_the_scan(
    desk: Desk, kind: BorderKind, z: float, words: str
) -> None:
    before = desk.session.case.drawn
    with pytest.raises(BadSetting, match=words):
        desk.session.choices.move_border(kind, (0.0, 0.0, z))
    assert desk.session.case.drawn is before
    desk.session.choices.move_border(BorderKind.AORTIC_BIFURCATION, (0.0, 0.0, 59.0))  # its last slice


def test_a_border_move_gives_the_swept_voxels_and_can_be_taken_back(desk: Desk) -> None:
    session, before = desk.session, desk.session.case.structures
    assert session.choices.move_border(BorderKind.AORTIC_BIFURCATION, (0.0, 0.0, 18.0)) > 0
    now = session.case.structures
    assert now.mask("ln_paraaortic").voxel_count > before.mask("ln_paraaortic").voxel_count
    assert now.mask("ln_pelvic").same_voxels(before.mask("ln_pelvic"))
    border = next(b for b in session.case.borders if b.kind is BorderKind.AORTIC_BIFURCATION)
    assert not border.estimated
    session.choices.move_border(BorderKind.AORTIC_BIFURCATION, (0.0, 0.0, 30.0))
    assert all(session.case.structures.mask(i).same_voxels(before.mask(i)) for i in before.ids)
    session.editing.undo()
    session.editing.undo()
    assert any(b.estimated for b in session.case.borders)
    assert all(session.case.structures.mask(i).same_voxels(before.mask(i)) for i in before.ids)


def test_measured_editing_follows_the_hand(desk: Desk) -> None:
    session = desk.session
    assert all(row.measured is None for row in session.effort.rows())
    edit(session, "cervix", 14)
    row = session.effort.rows()[0]
    assert row.structure_id == "cervix"
    first = row.measured.fraction_to_redraw
    assert first > 0
    assert session.review.diff("cervix").comparison.fraction_to_redraw == pytest.approx(first, abs=1e-12)
    session.editing.undo()
    assert session.effort.measure("cervix").fraction_to_redraw == 0


def test_a_contour_is_unedited_edited_or_without_one_that_came(desk: Desk) -> None:
    session = desk.session
    session.editing.add("gtvp")
    cervix = session.case.structures.mask("cervix")
    session.editing.apply("cervix", painted(cervix, (2, 4, -12), 9), "paint")
    rows = {row.structure_id: row for row in session.effort.rows()}
    assert rows["gtvp"].standing is Standing.NOTHING_CAME
    assert (rows["bladder"].standing, rows["bladder"].measured) == (Standing.UNEDITED, None)
    assert rows["cervix"].standing is Standing.EDITED
    assert rows["cervix"].measured is not None


def test_expected_editing_is_the_engines_or_withheld_with_its_reason(desk: Desk) -> None:
    session = desk.session
    assert all(row.expected is None and row.expected_withheld == NO_ESTIMATE for row in session.effort.rows())
    fraction, path = Interval(0.2, 0.1, 0.4), Interval(300.0, 100.0, 900.0)
    one = StructureEffort("uterus", 3.0, fraction, path)
    expected = ExpectedEffort(1, "phantoms", 40, 0.9, 1.0, 2.0, (one,))
    session.contouring.take(replace(contours(), expected=expected))
    assert session.effort.rows()[0].expected == one
    desk.session.close()
    session.open(files())
    assert session.effort.rows()[0].expected == one
    unlike = ExpectedEffort(1, "phantoms", 40, 0.9, 3.0, 2.0, (), "No estimate: the scan is unlike them.")
    session.contouring.take(replace(contours(), expected=unlike))
    assert {row.expected_withheld for row in session.effort.rows()} == {unlike.withheld}


def test_in_blind_mode_contours_stay_hidden_until_revealed_and_what_was_drawn_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    session = desk.session
    session.open(files())
    session.review.start_blind()
    session.contouring.take(contours())
    assert len(session.case.structures) == 0
    assert len(desk.scene.original_node.GetSegmentation().GetSegmentIDs()) == 0
    session.editing.add("cervix")
    own = ball(pelvis(), (0, 0, -18), 9)
    session.editing.apply("cervix", own, "draw")
    session.review.reveal()
    assert session.case.structures.mask("cervix").same_voxels(own)
    assert session.case.structures.has("bladder")
    assert session.review.diff("cervix").comparison.fraction_to_redraw > 0
    session.end()


def test_contours_of_another_patient_reach_their_own(desk: Desk) -> None:
    session = desk.session
    key = session.patient.key
    session.open(files(name="CASE-2"))
    session.contouring._finished(contours(), _Running("job", key))
    assert len(session.case.structures) == 0
    session.open(files(name="CASE-1"))
    assert session.case.structures.has("cervix")
    assert not desk.store.has_arrived(key)


def test_arriving_contours_do_not_replace_what_a_hand_has_edited(desk: Desk) -> None:
    session = desk.session
    edit(session, "cervix")
    own = session.case.structures.mask("cervix")
    session.contouring.take(contours())
    assert session.case.structures.mask("cervix").same_voxels(own)
    arrived = [event for event in desk.told if type(event).__name__ == "ContoursArrived"][-1]
    assert arrived.kept == ("cervix",)


def test_a_session_is_saved_by_itself_and_comes_back_as_it_was(desk: Desk, tmp_path: Path) -> None:
    session = desk.session
    edit(session, "uterus")
    session.choices.include(["ln_common_iliac"], True)
    session.review.snapshot("first")
    session.poll()
    desk.wait(21)
    session.poll()
    session.saving.finish()
    assert not session.saving.due
    wanted, selection = session.case.final, session.case.selection
    key = session.patient.key
    mode = {
        oct(p.stat().st_mode & 0o777) for p in (tmp_path / "sessions" / key).iterdir() if p.name != "lock"
    }
    assert mode == {"0o600"}
    session.close()
    opened = session.open(files())
    assert opened.recovered
    assert session.case.selection == selection
    assert all(session.case.final.mask(i).same_voxels(wanted.mask(i)) for i in wanted.ids)
    assert [entry.tool for entry in session.case.record.log.entries] == ["paint"]
    assert [s.name for s in session.review.snapshots] == ["first"]


def test_a_patient_open_elsewhere_is_not_opened_twice(desk: Desk, tmp_path: Path) -> None:
    other = Desk(tmp_path)
    with pytest.raises(BadSetting, match="open in another"):
        other.session.open(files())
    assert other.session.patient is None


def test_a_saved_session_of_another_ct_is_set_aside(desk: Desk, tmp_path: Path) -> None:
    session = desk.session
    session.close()
    other = files(name="CASE-1")
    changed = type(other.scan)(other.scan.hu_kji, other.scan.geometry, source_sha256="f" * 64)
    opened = session.open(type(other)(other.source, changed, other.came_in, (), ()))
    assert not opened.recovered
    assert any("set aside" in finding for finding in opened.findings)
    assert list((tmp_path / "sessions").glob("*.aside-1"))


def test_a_scene_closed_under_the_patient_loses_no_edit(desk: Desk) -> None:
    session = desk.session
    edit(session, "cervix")
    wanted = session.case.structures.mask("cervix")
    desk.logics.scene.Clear(0)
    session.poll()
    assert session.patient is None
    session.open(files())
    assert session.case.structures.mask("cervix").same_voxels(wanted)


def test_a_saved_scene_reopens_where_it_was(desk: Desk, tmp_path: Path) -> None:
    session = desk.session
    edit(session, "cervix")
    session.choices.set_ptv("ctv", Margin.isotropic(4))
    session.keep_state()
    wanted, key = session.case.final, session.patient.key
    scene, bundle = desk.logics.scene, tmp_path / "case.mrb"
    scene.SetURL(str(bundle))
    scene.SetRootDirectory(str(tmp_path))
    assert scene.WriteToMRB(str(bundle))
    session.close()

    import slicer

    other = Desk(tmp_path / "other")
    assert other.logics.scene.ReadFromMRB(str(bundle), True, slicer.vtkMRMLMessageCollection())
    other.session.reopen_scene()
    assert other.session.patient.key == key
    assert all(other.session.case.final.mask(i).same_voxels(wanted.mask(i)) for i in wanted.ids)
    assert [e.tool for e in other.session.case.record.log.entries] == ["paint"]
    edit(other.session, "bladder")
    other.session.end()


def test_an_export_says_what_was_written_and_verified(desk: Desk, tmp_path: Path) -> None:
    session = desk.session
    approve(desk)
    done = session.exporting.export(
        tmp_path / "out", frozenset({Format.MASKS, Format.RTSTRUCT}), report=False
    )
    assert {a.format for a in done.verified} == {"nifti_masks", "rtstruct"}
    assert all(a.voxels_different == 0 for a in done.verified)
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "masks" / "ctvp.nii.gz")))
    assert int(image.sum()) == session.case.final.mask("ctvp").voxel_count
    written = {f.path for f in done.files}
    assert {"edit_log.csv", "review.json", "rtstruct.dcm"} <= written
    assert b"APPROVED" not in (tmp_path / "out" / "rtstruct.dcm").read_bytes().replace(b"UNAPPROVED", b"")
    assert session.phase is Phase.EXPORTED
    edit(session, "cervix")
    assert session.phase is Phase.IN_REVIEW


def test_looking_on_while_the_export_is_written_does_not_undo_it_but_an_edit_does(
    desk: Desk, tmp_path: Path
) -> None:
    session = desk.session
    job = session.exporting.prepare(tmp_path / "first", frozenset({Format.MASKS}), report=False)
    look_at_everything(desk)
    job.run()
    session.exporting.done(job)
    assert session.phase is Phase.DRAFT_EXPORTED
    job = session.exporting.prepare(tmp_path / "second", frozenset({Format.MASKS}), report=False)
    edit(session, "cervix")
    job.run()
    session.exporting.done(job)
    assert session.phase is Phase.IN_REVIEW


def test_what_nobody_approved_is_exported_as_a_draft_and_an_approval_asks_for_another_export(
    desk: Desk, tmp_path: Path
) -> None:
    session = desk.session
    session.exporting.export(tmp_path / "draft", frozenset({Format.MASKS}), report=False)
    assert session.phase is Phase.DRAFT_EXPORTED
    approve(desk)
    assert session.phase is Phase.APPROVED
    session.exporting.export(tmp_path / "out", frozenset({Format.MASKS}), report=False)
    assert session.phase is Phase.EXPORTED
    session.review.unmark(["cervix"])
    assert session.phase is Phase.IN_REVIEW


KILLED = """
import sys, time
from pathlib import Path
from support.workstation import Desk, painted
desk = Desk(Path(sys.argv[1]))
session = desk.with_contours()
mask = session.case.structures.mask("cervix")
session.editing.apply("cervix", painted(mask, (2, 4, -12), 9), "paint")
session.poll(); desk.wait(21); session.poll()
while session.saving.due:
    session.poll(); time.sleep(0.01)
print("saved", flush=True)
while True:
    number = len(session.case.record.log.entries)
    mask = session.case.structures.mask("uterus")
    dab = (number % 9, 4, 8), 5 + number % 3, number % 2 == 0
    session.editing.apply("uterus", painted(mask, *dab), "paint")
    session.saving.save_now()
"""


def test_what_was_saved_outlives_kill_9_in_the_middle_of_saving(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(TESTING)}
    for round_number in range(3):
        home = tmp_path / str(round_number)
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(home)], stdout=subprocess.PIPE, env=environment, text=True
        )
        assert process.stdout is not None
        with process.stdout as lines:
            assert lines.readline().strip() == "saved"
            time.sleep(0.2 + 0.13 * round_number)
            process.send_signal(signal.SIGKILL)
            process.wait()
        desk = Desk(home)
        assert desk.session.open(files()).recovered
        came = desk.session.case.originals.mask("cervix")
        assert desk.session.case.structures.mask("cervix").same_voxels(painted(came, (2, 4, -12), 9))
        assert desk.session.case.record.log.entries[0].structure_id == "cervix"
        desk.session.end()


def test_an_empty_composite_clears_its_segment(desk: Desk) -> None:
    session = desk.session
    session.choices.include(["ln_pelvic", "ln_common_iliac", "ln_paraaortic", "gtvn"], False)
    assert session.case.composition.composites.mask("ctvn").is_empty
    shown = desk.scene._segments["Composites"].mask("ctvn")
    assert shown is not None
    assert shown.same_voxels(Mask.empty(pelvis()))
