"""Contours that came reach the case and the scene by turns, while a hand works, closes and saves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from AmlartContourLib.client.worker import Finished
from AmlartContourLib.contract.errors import BackendRefused
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.domain.composition import compose
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.scene.labelmaps import image_of
from AmlartContourLib.scene.segments import Segments
from AmlartContourLib.session.arriving import MOST_TRIES
from AmlartContourLib.session.contouring import _Running
from AmlartContourLib.session.ports import Clocks
from AmlartContourLib.session.session import Session
from support.backend_process import wait_for
from support.workstation import Desk, HandClock, contours, files, painted, pelvis

JOB = "job"
TOLD_LAST = ["StructuresChanged", "CompositesChanged", "ReviewChanged", "ChoicesChanged", "ContoursArrived"]


@dataclass
class RunningClock(HandClock):
    """Each look at it takes 20 ms, so a turn writes one segment."""

    def clocks(self) -> Clocks:
        return replace(super().clocks(), steady_s=self._looked_at)

    def _looked_at(self) -> float:
        self.seconds += 0.02
        return self.seconds


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A patient without contours is open."""
    desk = Desk(tmp_path, RunningClock())
    desk.session.open(files())
    yield desk
    desk.session.end()


def come(session: Session, **masks: Mask) -> None:
    """Contours of a job for the open patient are handed over by its thread; of some structures these."""
    given = contours()
    other = [replace(given.masks.contours[i], mask=mask) for i, mask in masks.items()]
    given = replace(given, masks=given.masks.with_contours(*other))
    session.contouring._running = _Running(JOB, session.patient.key)
    session.contouring._worker._events.put(Finished(JOB, given))


def grown(session: Session, structure_id: str) -> Mask:
    now = session.case.structures.mask(structure_id)
    x, y, z = (float(v) for v in now.centroid_lps())
    return painted(now, (x, y, z), 25)


def until_in_case(session: Session) -> None:
    """Polls until the case has the contours, and no longer."""
    wait_for(lambda: session.poll() or not session.contouring.running, 20, "the case has the contours")


def to_the_end(session: Session) -> None:
    until_in_case(session)
    wait_for(lambda: session.poll() or not session.is_catching_up, 20, "all is shown")


def paint_in_scene(desk: Desk, structure_id: str, mask: Mask) -> None:
    """What a segment editor does."""
    logic, node = desk.logics.segmentations, desk.scene.working_node
    assert logic.SetBinaryLabelmapToSegment(image_of(mask), node, structure_id, logic.MODE_REPLACE)


def same_in_scene(desk: Desk) -> bool:
    """Whether the scene holds the case's contours, parts and targets exactly."""
    case = desk.session.case
    shown = {
        desk.scene.working_node: case.structures,
        desk.scene.composites_node: case.composition.composites,
    }
    for node, wanted in shown.items():
        segments = Segments(desk.logics, node, pelvis())
        if set(segments.ids()) != set(wanted.ids):
            return False
        if not all(
            (segments.mask(i) or Mask.empty(pelvis())).same_voxels(wanted.mask(i)) for i in wanted.ids
        ):
            return False
    came = Segments(desk.logics, desk.scene.original_node, pelvis())
    drawn = [i for i in case.originals.ids if i in case.structures]
    return all(i in came.ids() and came.mask(i).same_voxels(case.originals.mask(i)) for i in drawn)


def test_a_turn_shows_some_contours_and_listeners_hear_once_all_are_shown(desk: Desk) -> None:
    session, turns = desk.session, []
    come(session)
    until_in_case(session)
    desk.told.clear()
    while session.is_catching_up:
        assert not desk.told
        before = desk.scene.working_node.GetSegmentation().GetNumberOfSegments()
        session.poll()
        turns.append(desk.scene.working_node.GetSegmentation().GetNumberOfSegments() - before)
    assert set(turns) <= {0, 1}
    assert sum(turns) + 1 == len(session.case.structures), "the first came with the case"
    assert desk.kinds() == TOLD_LAST
    assert same_in_scene(desk)


def test_what_comes_by_turns_is_what_comes_at_once(desk: Desk, tmp_path: Path) -> None:
    come(desk.session)
    to_the_end(desk.session)
    other = Desk(tmp_path / "other")
    at_once = other.with_contours()
    one, two = desk.session.case, at_once.case
    assert one.final.ids == two.final.ids
    assert all(one.final.mask(i).same_voxels(two.final.mask(i)) for i in two.final.ids)
    assert one.originals.ids == two.originals.ids
    assert one.record.findings == two.record.findings
    assert one.messages == two.messages
    assert desk.session.editing.undo()
    assert len(one.structures) == 0
    assert same_in_scene(desk)
    at_once.end()


def test_a_choice_made_while_contours_are_worked_in_counts(desk: Desk) -> None:
    session = desk.session
    come(session)
    session.poll()
    assert session.contouring.is_arriving
    session.choices.include(["uterus"], False)
    to_the_end(session)
    case = session.case
    assert "uterus" not in case.selection.included
    wanted = compose(case.structures, case.selection, catalogue()).composites
    assert case.composition.composites.mask("ctvp").same_voxels(wanted.mask("ctvp"))
    assert same_in_scene(desk)


def test_a_hand_that_never_rests_keeps_contours_away_only_for_some_tries(desk: Desk) -> None:
    session, tries = desk.session, 0
    come(session)
    session.poll()
    while session.contouring.running:
        tries += 1
        wait_for(lambda: session.contouring._running.arriving.is_worked_out, 20, "they are worked out")
        session.choices.include(["uterus"], bool(tries % 2))
        session.poll()
    assert tries == MOST_TRIES
    assert session.case.structures.has("cervix")
    to_the_end(session)
    assert same_in_scene(desk)


def test_a_stroke_on_a_contour_that_is_about_to_be_replaced_stays(desk: Desk) -> None:
    session = desk.session
    session.contouring.take(contours())
    session.editing.begin("cervix")
    stroke = painted(session.case.structures.mask("cervix"), (2, 4, -12), 9)
    come(session)
    session.poll()
    paint_in_scene(desk, "cervix", stroke)
    to_the_end(session)
    assert session.case.structures.mask("cervix").same_voxels(stroke)
    assert next(e for e in desk.told[::-1] if type(e).__name__ == "ContoursArrived").kept == ("cervix",)
    assert same_in_scene(desk)


def test_a_stroke_on_a_contour_the_scene_does_not_show_yet_stays_and_can_be_undone(desk: Desk) -> None:
    """The scene still shows the contour from before; what is painted on it is the hand's own from then on."""
    session = desk.session
    session.contouring.take(contours())
    session.editing.begin("uterus")
    before = session.case.structures.mask("uterus")
    other = grown(session, "uterus")
    come(session, bladder=grown(session, "bladder"), uterus=other)
    until_in_case(session)
    assert "uterus" in session._core.backlog.hidden
    stroke = painted(before, (2, 4, -12), 9)
    paint_in_scene(desk, "uterus", stroke)
    to_the_end(session)
    assert session.case.structures.mask("uterus").same_voxels(stroke)
    assert same_in_scene(desk)
    session.editing.undo()
    assert session.case.structures.mask("uterus").same_voxels(other)
    assert same_in_scene(desk)


def test_a_choice_made_while_the_scene_catches_up_is_shown_as_chosen(desk: Desk) -> None:
    session = desk.session
    come(session)
    until_in_case(session)
    assert session.is_catching_up
    session.choices.include(["uterus"], False)
    session.editing.undo()
    session.editing.redo()
    to_the_end(session)
    assert same_in_scene(desk)


def test_a_patient_closed_while_the_scene_catches_up_has_all_her_contours(desk: Desk) -> None:
    session = desk.session
    come(session)
    until_in_case(session)
    assert session.is_catching_up
    session.close()
    assert not session.is_catching_up
    session.poll()
    assert session.open(files()).recovered
    assert session.case.structures.has("cervix")
    assert same_in_scene(desk)


def test_a_scene_closed_while_it_catches_up_takes_nothing_with_it(desk: Desk) -> None:
    session = desk.session
    come(session)
    until_in_case(session)
    desk.logics.scene.Clear(0)
    session.poll()
    assert session.patient is None
    session.open(files())
    assert session.case.structures.has("cervix")
    assert same_in_scene(desk)


@pytest.mark.parametrize("leave", ["open another", "close", "end"])
def test_contours_are_kept_for_a_patient_who_is_left_while_they_are_worked_in(leave: str, desk: Desk) -> None:
    session, key = desk.session, desk.session.patient.key
    come(session)
    session.poll()
    assert session.contouring.is_arriving
    if leave == "open another":
        session.open(files(name="CASE-2"))
    elif leave == "close":
        session.close()
    else:
        session.end()
    session.poll()
    assert desk.store.has_arrived(key)
    if leave == "open another":
        assert len(session.case.structures) == 0
    session.open(files())
    assert session.case.structures.has("cervix")


def test_a_scene_that_is_saved_while_it_catches_up_is_saved_whole(desk: Desk) -> None:
    session = desk.session
    come(session)
    until_in_case(session)
    assert not same_in_scene(desk)
    session.keep_state()
    assert same_in_scene(desk)
    assert not session.is_catching_up


def test_a_contour_that_is_not_shown_yet_is_not_counted_as_displayed(desk: Desk) -> None:
    session = desk.session
    session.contouring.take(contours())
    k = session.case.slices("uterus")[2]
    session.review.displayed("Red", k, ["uterus"])
    come(session, bladder=grown(session, "bladder"), uterus=grown(session, "uterus"))
    until_in_case(session)
    assert "uterus" in session._core.backlog.hidden
    assert k not in session.case.review.of("uterus").seen
    session.review.poll()
    assert k not in session.case.review.of("uterus").seen
    to_the_end(session)
    session.poll()
    assert k in session.case.review.of("uterus").seen


def test_contours_held_back_in_blind_mode_are_not_worked_in(desk: Desk) -> None:
    session = desk.session
    come(session)
    session.poll()
    session.review.start_blind()
    until_in_case(session)
    assert len(session.case.structures) == 0
    session.review.reveal()
    assert session.case.structures.has("cervix")
    assert same_in_scene(desk)


def test_no_second_job_begins_while_contours_are_worked_in(desk: Desk) -> None:
    session = desk.session
    come(session)
    session.poll()
    engine = EngineInfo("tiles", "Tiles", "1", (), (), (), "", "", ("cpu",), None, True)
    with pytest.raises(BackendRefused, match="coming in"):
        session.contouring.start(engine)
    to_the_end(session)
