"""Every tool of the panel Edit, with the mouse of the views: it does what it says to the chosen structure and
to no other, in the scene and in the session, and undo brings all of it back."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from AmlartContourLib.exchange.ct_series_out import write_ct_series
from AmlartContourLib.session.store import SessionStore
from support.room import ACROSS, RIGHT, SQUARE, Room
from support.small_patients import write_small_patient

pytestmark = pytest.mark.slow
SLICE_OF_CERVIX = 13


@pytest.fixture(scope="module")
def whole_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    base = tmp_path_factory.mktemp("room")
    write_small_patient(base / "patients" / "SMALL-A", 1)
    write_small_patient(base / "patients" / "SMALL-B", 2)
    room = Room(base / "patients", base)
    room.open("SMALL-A")
    yield room
    room.close()


@pytest.fixture
def room(whole_room: Room) -> Iterator[Room]:
    whole_room.call("set_limit", "on", False)
    whole_room.call("go_to_slice", "Axial", SLICE_OF_CERVIX)
    yield whole_room
    whole_room.call("use_tool", "none")
    while whole_room.desk.session.editing.undo_label:
        whole_room.call("undo")


def _take_up(room: Room, structure_id: str, tool: str) -> None:
    room.call("choose_structure", structure_id)
    room.call("use_tool", tool)
    assert room.state.tool == tool


def _limit(room: Room, low_hu: float, high_hu: float) -> None:
    for part, value in (("low", low_hu), ("high", high_hu), ("on", True)):
        room.call("set_limit", part, value)


def _hu(room: Room, mask: Mask) -> np.ndarray:
    return room.case.patient.scan.hu_kji[mask.to_array()]


def _slices(room: Room, one: Mask, other: Mask) -> tuple[int, ...]:
    return room.case.patient.axial.holding((one - other) | (other - one))


def test_a_disc_paints_on_the_shown_slice_alone_and_only_adds(room: Room) -> None:
    _take_up(room, "cervix", "paint")
    before, after = room.edit("cervix", lambda: room.drag(ACROSS))
    assert (before - after).is_empty
    assert _slices(room, before, after) == (SLICE_OF_CERVIX,)


def test_a_ball_paints_on_several_slices(room: Room) -> None:
    room.call("set_sphere", True)
    _take_up(room, "cervix", "paint")
    before, after = room.edit("cervix", lambda: room.drag(((-0.3, 0), (-0.28, 0))))
    room.call("set_sphere", False)
    assert len(_slices(room, before, after)) > 1


def test_the_eraser_only_takes_away(room: Room) -> None:
    _take_up(room, "cervix", "erase")
    before, after = room.edit("cervix", lambda: room.drag(ACROSS))
    assert (after - before).is_empty
    assert _slices(room, before, after) == (SLICE_OF_CERVIX,)


def test_draw_fills_what_is_drawn_round_on_the_shown_slice_alone(room: Room) -> None:
    _take_up(room, "cervix", "draw")
    before, after = room.edit("cervix", lambda: room.drag(SQUARE))
    assert (before - after).is_empty
    assert _slices(room, before, after) == (SLICE_OF_CERVIX,)
    drawn = np.argwhere(after.to_array()[SLICE_OF_CERVIX])
    assert len(drawn) > 0.95 * np.prod(np.ptp(drawn, axis=0) + 1)  # a square without a hole


def test_scissors_cut_through_all_slices(room: Room) -> None:
    room.call("set_scissors", "ERASE_INSIDE")
    _take_up(room, "cervix", "scissors")
    before, after = room.edit("cervix", lambda: room.drag(RIGHT))
    assert (after - before).is_empty
    assert 0.3 < after.voxel_count / before.voxel_count < 0.7
    columns = (before - after).to_array().any(axis=0)
    assert not after.to_array()[:, columns].any()


def test_scissors_fill_through_all_slices(room: Room) -> None:
    room.call("set_scissors", "FILL_INSIDE")
    _take_up(room, "cervix", "scissors")
    before, after = room.edit("cervix", lambda: room.drag(SQUARE))
    assert len(_slices(room, before, after)) == room.case.patient.axial.count


def test_scissors_cut_away_what_lies_outside(room: Room) -> None:
    room.call("set_scissors", "ERASE_OUTSIDE")
    _take_up(room, "cervix", "scissors")
    before, after = room.edit("cervix", lambda: room.drag(tuple((x / 8, y / 8) for x, y in SQUARE)))
    assert (after - before).is_empty
    assert 0 < after.voxel_count < before.voxel_count / 2


@pytest.mark.parametrize(("tool", "path"), [("paint", ACROSS), ("draw", SQUARE), ("erase", ACROSS)])
def test_the_limit_keeps_the_mouse_off_voxels_outside_its_range(room: Room, tool: str, path: object) -> None:
    _limit(room, 20, 60)
    _take_up(room, "cervix", tool)
    before, after = room.edit("cervix", lambda: room.drag(path))  # type: ignore[arg-type]
    hu = _hu(room, (before - after) | (after - before))
    assert hu.size > 0
    assert hu.min() >= 20
    assert hu.max() <= 60


def test_the_limit_holds_for_whole_structures_too(room: Room) -> None:
    _limit(room, 20, 60)
    _take_up(room, "cervix", "margin")
    before, after = room.edit("cervix", lambda: room.call("margin", margin_mm=6))
    hu = _hu(room, after - before)
    assert (hu.min(), hu.max()) == (20, 60)


def test_a_margin_grows_and_a_negative_one_shrinks_by_its_millimetres(room: Room) -> None:
    _take_up(room, "cervix", "margin")
    before, after = room.edit("cervix", lambda: room.call("margin", margin_mm=5))
    assert after.same_voxels(expand(before, Margin.isotropic(5)))
    room.call("undo")
    before, after = room.edit("cervix", lambda: room.call("margin", margin_mm=-3))
    assert (after - before).is_empty
    assert 0 < after.voxel_count < before.voxel_count


@pytest.mark.parametrize(("method", "mm"), [("MEDIAN", 10), ("OPENING", 10), ("GAUSSIAN", 3)])
def test_smoothing_takes_the_corners_off_a_block(room: Room, method: str, mm: float) -> None:
    _take_up(room, "vagina", "smooth")
    values = {"smooth_mode": method, "smooth_mm": mm}
    before, after = room.edit("vagina", lambda: room.call("smooth", **values))
    assert 0.5 < after.voxel_count / before.voxel_count < 1.0


def test_closing_fills_a_cut(room: Room) -> None:
    room.call("set_scissors", "ERASE_INSIDE")
    _take_up(room, "cervix", "scissors")
    strip = ((-0.01, -0.2), (0.01, -0.2), (0.01, 0.2), (-0.01, 0.2), (-0.01, -0.2))
    whole, cut = room.edit("cervix", lambda: room.drag(strip))
    _take_up(room, "cervix", "smooth")
    _, closed = room.edit("cervix", lambda: room.call("smooth", smooth_mode="CLOSING", smooth_mm=10))
    gap = whole - cut
    assert (gap & closed).voxel_count > 0.5 * gap.voxel_count > 0
    assert (cut - closed).is_empty


def test_islands_keep_the_largest_piece_or_remove_small_ones(room: Room) -> None:
    _take_up(room, "cervix", "paint")
    whole, _ = room.edit("cervix", lambda: room.drag(((-0.35, -0.35), (-0.34, -0.35))))
    for what in ("keep", "small"):
        _, after = room.edit("cervix", lambda which=what: room.call("islands", which))
        assert after.same_voxels(whole)
        room.call("undo")


def test_slices_between_two_that_are_drawn_are_filled(room: Room) -> None:
    room.call("add_structure", "gtvp")
    for k in (10, 14):
        room.call("go_to_slice", "Axial", k)
        _take_up(room, "gtvp", "draw")
        room.edit("gtvp", lambda: room.drag(SQUARE))
    before, after = room.edit("gtvp", lambda: room.call("fill_between"))
    assert _slices(room, before, after) == (11, 12, 13)
    filled = after.to_array()
    assert np.array_equal(filled[12], filled[10])  # between two equal squares lies the same one


def test_a_tool_that_changes_nothing_says_so_and_is_no_step(room: Room) -> None:
    _take_up(room, "bladder", "islands")
    room.call("islands", "keep")
    assert "no voxel" in room.notice
    assert room.desk.session.editing.undo_label is None


def test_a_field_without_a_number_is_refused_in_words_and_the_controls_are_made_anew(room: Room) -> None:
    _take_up(room, "cervix", "margin")
    refusals = room.state.refusals
    room.call("margin", margin_mm="")
    assert "number of mm" in room.notice
    assert room.state.refusals == refusals + 1


@pytest.mark.parametrize(
    ("typed", "words"), [("?", "number of mm"), ("700", "longer than"), (-1, "negative")]
)
def test_a_ptv_margin_that_cannot_be_meant_is_refused_in_words_and_leaves_the_one_before(
    room: Room, typed: str | float, words: str
) -> None:
    room.call("set_ptv", "ctvp", "7")
    room.call("set_ptv", "ctvp", typed)
    assert words in room.notice
    assert room.case.selection.ptv["ctvp"] == Margin.isotropic(7.0)
    room.call("set_ptv", "ctvp", "")
    assert not room.case.selection.ptv


def test_a_structure_that_is_hidden_is_not_painted_on(room: Room) -> None:
    _take_up(room, "cervix", "paint")
    before = room.case.structures
    room.call("set_visible", "bladder", False)
    assert room.state.tool == "paint"
    room.call("set_visible", "cervix", False)
    assert room.state.tool == "none"
    room.drag(SQUARE)
    assert room.case.structures is before
    room.call("set_visible", "bladder", True)
    room.call("set_visible", "cervix", True)


def test_a_composite_cannot_be_taken_in_hand(room: Room) -> None:
    room.call("choose_structure", "ctvp")
    room.call("use_tool", "paint")
    assert "made of other contours" in room.notice
    assert room.state.tool == "none"
    _, after = room.edit("cervix", lambda: room.drag(ACROSS))
    assert after.same_voxels(room.case.originals.mask("cervix"))


def test_a_tool_in_the_hand_goes_on_with_the_structure_that_the_review_shows(room: Room) -> None:
    _take_up(room, "bladder", "paint")
    room.call("next_unseen", "vagina")
    assert (room.state.active, room.state.tool) == ("vagina", "paint")
    room.call("go_to_slice", "Axial", SLICE_OF_CERVIX)
    before, after = room.edit("vagina", lambda: room.drag(ACROSS))
    assert not (after - before).is_empty


def test_a_target_that_the_review_shows_puts_the_tool_down(room: Room) -> None:
    _take_up(room, "bladder", "paint")
    room.call("next_unseen", "ctvp")
    assert (room.state.active, room.state.tool, room.notice) == ("ctvp", "none", "")


def test_a_stroke_over_which_another_patient_opens_reaches_no_contour_of_hers(room: Room) -> None:
    _take_up(room, "bladder", "paint")
    room.drag(ACROSS, let_go=False)
    room.open("SMALL-B")
    try:
        room.drag(ACROSS)  # with no tool: it lets go of the button
        assert not room.desk.session.editing.working_scene_changed
        assert room.desk.session.editing.undo_label is None
        assert room.notice == ""
    finally:
        room.open("SMALL-A")


def test_what_is_there_as_a_target_is_not_offered_to_be_drawn(room: Room) -> None:
    assert "ctv_hr" in room.case.composition.composites
    assert "ctv_hr" not in {row["id"] for row in room.state.addable}
    room.call("add_structure", "ctv_hr")
    assert "is there already" in room.notice


def test_a_difference_is_shown_only_of_the_contours_and_the_patient_it_was_worked_out_for(room: Room) -> None:
    room.call("snapshot", snapshot_name="before")
    room.call("choose_structure", "cervix")
    room.call("diff", against="before")
    assert room.state.diff_text.startswith("Cervix: 0.00 cm³ added")
    room.call("margin", margin_mm=3)
    assert room.state.diff_text == ""
    room.call("diff")
    assert "0.00 cm³ removed" in room.state.diff_text
    room.open("SMALL-B")
    assert (room.state.diff_text, room.state.against, room.state.snapshots) == ("", "came", [])
    room.open("SMALL-A")


def test_a_structure_that_is_edited_is_shown(room: Room) -> None:
    room.call("set_visible", "bladder", False)
    _take_up(room, "bladder", "paint")
    assert room.desk.display.is_visible("bladder")


def test_a_click_on_the_patient_who_is_open_keeps_her_steps(room: Room) -> None:
    _take_up(room, "bladder", "paint")
    room.drag(ACROSS)
    room.open("SMALL-A")
    assert room.desk.session.editing.undo_label == "Paint: Bladder"


def test_an_export_that_cannot_be_written_or_is_under_way_is_refused_in_words(room: Room) -> None:
    exports = room.work / "exports"
    exports.write_text("a file in the place of the folder")
    room.call("export")
    exports.unlink()
    assert "was not written" in room.notice
    room.call("export", busy="Writing the files…")
    assert "being computed already" in room.notice
    room.state.busy = ""
    assert not exports.exists()


def test_two_cts_in_one_folder_are_refused_and_what_to_do_brings_her_in(room: Room) -> None:
    folder, axes = room.patients / "TWO-CTS", Geometry((24, 20, 6), (2.0, 2.0, 3.0))
    hu = np.random.default_rng(3).integers(-1000, 100, axes.shape_kji).astype(np.int16)
    for name in ("first", "second"):
        write_ct_series(folder / name, CtScan(hu, axes), pseudonym="TWO-CTS")
        for file in sorted((folder / name).iterdir()):
            file.rename(folder / f"{name}-{file.name}")
        (folder / name).rmdir()
    room.open("TWO-CTS")
    assert "holds 2 CT series" in room.notice
    assert room.desk.session.patient.name == "SMALL-A"
    for name, place in (("first", "ct"), ("second", "other")):
        (folder / place).mkdir()
        for file in folder.glob(f"{name}-*"):
            file.rename(folder / place / file.name)
    room.open("TWO-CTS")
    assert room.desk.session.patient.name == "TWO-CTS"
    room.open("SMALL-A")


def test_a_blind_first_look_is_refused_once_contours_are_there(room: Room) -> None:
    room.call("set_blind", True)
    assert "shown already" in room.notice
    assert room.state.blind is False


def test_a_filling_is_drawn_for_what_is_visible_and_goes_with_it(room: Room) -> None:
    room.call("set_fill", 30)
    assert "cervix" in {path["id"] for path in room.state.Axial_filled}
    room.call("set_visible", "cervix", False)
    assert "cervix" not in {path["id"] for path in room.state.Axial_filled}
    room.call("set_visible", "cervix", True)
    room.call("set_fill", 0)
    assert room.state.Axial_filled == []


def test_the_effort_table_says_unedited_and_measures_what_was_edited(room: Room) -> None:
    _take_up(room, "cervix", "margin")
    room.edit("cervix", lambda: room.call("margin", margin_mm=6))
    room.look("effort")
    rows = {row["id"]: row for row in room.state.effort_rows}
    assert rows["bladder"]["measured"] == "unedited"
    assert float(rows["cervix"]["measured"].split()[0]) > 0
    assert room.state.minutes_text == "Minutes are not shown: the engine gave no estimate for this patient."


def test_the_physicist_sees_edits_of_all_saved_patients(room: Room) -> None:
    _take_up(room, "cervix", "margin")
    room.edit("cervix", lambda: room.call("margin", margin_mm=4))
    room.save()
    room.look("physicist")
    rows = {row["name"]: row for row in room.state.work_rows}
    assert rows["Cervix"]["edited"] == "1 of 1"
    assert rows["Cervix"]["edits"] >= 1


def test_a_patient_that_was_closed_leaves_nothing_behind(room: Room) -> None:
    """Not her case, CT or nodes, and without waiting for the garbage collector: its full runs are rare, and a
    CT is large."""
    _take_up(room, "cervix", "paint")
    room.drag(SQUARE)
    room.look("effort")
    case, scene = room.case, room.desk.scene
    nodes = (scene.volume_node, scene.working_node, scene.original_node, scene.composites_node)
    left = [weakref.ref(one) for one in (case, case.patient.scan, *nodes)]
    del case, nodes
    gc.collect()
    gc.disable()
    try:
        for name in ("SMALL-B", "SMALL-A"):
            room.open(name)
        assert [one() for one in left] == [None] * len(left)
    finally:
        gc.enable()


def test_no_ct_and_no_contour_stay_on_the_screen_when_the_next_patient_cannot_be_opened(room: Room) -> None:
    """She is open in another window: the one before was closed by then."""
    room.call("choose_structure", "cervix")
    room.look("components")
    assert room.picture().std() > 10
    assert room.state.Axial_came
    room.call("refresh_worklist")
    (other,) = [row["id"] for row in room.state.worklist_rows if row["name"] == "SMALL-B"]
    held = SessionStore(room.work).hold(other)
    room.call("open_patient", other)
    held.release()
    assert "open in another window" in room.notice
    assert room.picture().std() < 1
    assert [room.state[f"Axial_{what}"] for what in ("came", "filled")] == [[], []]
    assert room.state.Axial_place["text"] == ""
    assert room.state.panel == "worklist"
    assert not any(row["open"] for row in room.state.worklist_rows)
    room.open("SMALL-A")
    assert room.picture().std() > 10


def test_what_went_well_goes_by_itself_and_a_refusal_stays_and_both_are_told_to_screen_readers(
    room: Room,
) -> None:
    room.call("open_before")
    first = dict(room.state.notice)
    assert (first["kind"], first["role"]) == ("info", "status")
    room.call("open_before")
    assert room.state.notice["number"] > first["number"], "the same words again are a notice of their own"
    room.call("set_blind", True)
    assert (room.state.notice["kind"], room.state.notice["role"]) == ("warning", "alert")


def test_what_can_be_downloaded_is_the_last_export_of_the_open_patient_alone(room: Room) -> None:
    for kind in ("LABEL_MAP", "RTSTRUCT", "report"):
        room.call("set_format", kind, False)
    assert room.last_export is None
    room.call("export")
    assert room.last_export is not None
    assert str(room.last_export) == room.state.export_done["folder"]
    assert (room.last_export / "masks").is_dir()
    room.open("SMALL-B")
    assert room.last_export is None
    assert room.state.export_done["files"] == []
    room.open("SMALL-A")
