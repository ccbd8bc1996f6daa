"""The panel "Fix here" of the web face: from places in a view to a proposal that is drawn, and to a decision.

On a real session, scene and backend process; `Testing/e2e` has it in a browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("trame_server", reason="the workstation's packages are not installed")

from AmlartContourLib.contract.messages import Capabilities
from AmlartContourLib.contract.prompt import PromptKind
from AmlartContourLib.web.panels.fixing import FixPanel
from support.backend_process import BackendProcess, wait_for
from support.panel_desk import PanelRoom
from support.workstation import Desk, painted

K = 16
PLACE, BESIDE = (K, 20, 25), (K, 22, 30)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("fix-panel") / "backend").start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def offered(backend: BackendProcess) -> Capabilities:
    client = backend.client()
    found = client.capabilities()
    client.close()
    return found


@pytest.fixture
def room(tmp_path: Path, backend: BackendProcess, offered: Capabilities) -> Iterator[PanelRoom]:
    desk = Desk(tmp_path, connect=backend.client)
    desk.with_contours()
    room = PanelRoom(desk, FixPanel)
    room.views.axial_k = K
    room.panel.offer(offered)
    room.state.update({"active": "bladder", "panel": "fixing"})
    room.panel.refresh()
    yield room
    desk.session.end()


def pointed_and_asked(room: PanelRoom) -> None:
    """One place that belongs is clicked, and the engine's answer is here."""
    room.call("fix_begin")
    assert room.call("fix_mark", "Axial", [room.views.share(PLACE)]) == ""
    assert room.call("fix_ask") == ""
    fixing = room.desk.session.fixing
    wait_for(lambda: (room.desk.session.poll(), not fixing.running)[1], 60, "the engine answers")


def test_only_engines_that_can_be_asked_are_offered_and_only_contours_they_know(
    room: PanelRoom, offered: Capabilities
) -> None:
    fix = room.state.fix
    assert {e["id"] for e in fix["engines"]} == {e.id for e in offered.engines if e.prompts and e.available}
    assert "tiles-plain" not in {e["id"] for e in fix["engines"]}
    names = {s["id"] for s in fix["structures"]}
    assert "bladder" in names
    assert not names & set(room.desk.session.case.composition.composites.ids)


def test_without_an_engine_one_sentence_names_the_command_that_adds_one(
    room: PanelRoom, offered: Capabilities
) -> None:
    plain = tuple(replace(engine, prompts=()) for engine in offered.engines)
    room.panel.offer(replace(offered, engines=plain))
    assert "`amlart models add-prompted WEIGHTS --id NAME`" in room.state.fix["none"]
    missing = replace(
        plain[0], prompts=(PromptKind.BOX,), available=False, reason="No weights.", mend="`get it`"
    )
    room.panel.offer(replace(offered, engines=(missing,)))
    assert room.state.fix["none"].endswith("No weights. `get it`")
    assert "No weights." in room.call("fix_begin")


def test_a_proposal_is_drawn_and_said_and_is_in_no_contour(room: PanelRoom) -> None:
    session = room.desk.session
    before = session.case.structures
    room.call("fix_begin")
    room.call("fix_mark", "Axial", [room.views.share(PLACE)])
    assert [p["belongs"] for p in room.state.Axial_fix["points"]] == [True]
    assert room.state.Axial_fix["region"]
    room.call("fix_ask")
    wait_for(lambda: (session.poll(), not session.fixing.running)[1], 60, "the engine answers")
    proposal = session.fixing.proposal
    assert proposal is not None
    assert proposal.prompt.inside_kji == (PLACE,)
    told = room.state.fix["proposal"]
    assert f"{proposal.added.volume_cc:.2f} cm³ would come" in told["volumes"]
    ks = proposal.slices(session.case.patient.axial)
    assert told["slices"].startswith(f"On {len(ks)} axial slices: {ks[0] + 1} to {ks[-1] + 1}")
    assert room.state.Axial_fix["added"]
    room.views.axial_k = ks[-1] + 1
    room.panel.draw("Axial")
    assert not room.state.Axial_fix["added"], "nothing is drawn on a slice that would stay"
    assert session.case.structures is before
    shown = room.desk.scene.part("bladder")
    assert shown is not None
    assert shown.same_voxels(before.mask("bladder"))


def test_accepted_by_a_named_person_it_is_one_step_of_one_structure(room: PanelRoom) -> None:
    session = room.desk.session
    before = session.case.structures
    pointed_and_asked(room)
    assert "needs a name" in room.call("fix_accept")
    room.state.reviewer = "Dr Test"
    assert room.call("fix_accept") == ""
    after = session.case.structures
    assert [i for i in after.ids if not after.mask(i).same_voxels(before.mask(i))] == ["bladder"]
    assert session.case.record.accepted[-1].accepted_by == "Dr Test"
    assert (room.state.fix["proposal"], room.state.fix["marks"]) == (None, 0)
    assert not room.state.Axial_fix["added"]
    assert session.editing.undo()
    assert session.case.structures.mask("bladder").same_voxels(before.mask("bladder"))


def test_rejected_it_leaves_everything_and_what_was_pointed_at_for_another_try(room: PanelRoom) -> None:
    before = room.desk.session.case.structures
    pointed_and_asked(room)
    assert room.call("fix_reject") == ""
    assert room.desk.session.case.structures is before
    assert (room.state.fix["proposal"], room.state.fix["marks"]) == (None, 1)
    assert not room.state.Axial_fix["added"]


def test_an_edit_of_its_contour_takes_a_proposal_off_the_views(room: PanelRoom) -> None:
    pointed_and_asked(room)
    mask = room.desk.session.case.structures.mask("bladder")
    room.desk.session.editing.apply("bladder", painted(mask, (0, -30, -20), 20), "brush")
    assert room.state.fix["proposal"] is None
    assert not room.state.Axial_fix["added"]


def test_a_box_that_is_drawn_and_a_point_that_does_not_belong_make_the_prompt(room: PanelRoom) -> None:
    room.call("fix_place", "box", True)
    room.call("fix_mark", "Axial", [room.views.share((K, 18, 20)), room.views.share((K, 26, 32))])
    room.call("fix_place", "point", False)
    room.call("fix_mark", "Axial", [room.views.share(BESIDE)])
    room.call("fix_reach", "across_mm", "0")
    room.call("fix_ask")
    wait_for(lambda: (room.desk.session.poll(), not room.desk.session.fixing.running)[1], 60, "it answers")
    proposal = room.desk.session.fixing.proposal
    assert proposal is not None
    box = proposal.prompt.box
    assert box is not None
    assert (box.start_kji, box.stop_kji) == ((K, 18, 20), (K + 1, 27, 33))
    assert proposal.prompt.outside_kji == (BESIDE,)
    assert (proposal.prompt.region.start_kji[0], proposal.prompt.region.stop_kji[0]) == (K, K + 1)


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([("fix_place", "point", True), ("fix_mark", "Axial", [[2.0, 0.5]])], "beside the scan"),
        ([("fix_place", "box", True), ("fix_mark", "Axial", [[0.5, 0.5]])], "too small"),
        ([("fix_ask",)], "Nothing is pointed at"),
        ([("fix_reach", "across_mm", "")], "number of mm"),
        ([("fix_reach", "across_mm", "999")], "0 to 200 mm"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    room: PanelRoom, calls: list[tuple[object, ...]], said: str
) -> None:
    answers = [room.call(str(name), *arguments) for name, *arguments in calls]
    assert said in answers[-1]
    assert room.state.fix["marks"] == 0


def test_a_composite_cannot_be_asked_about(room: PanelRoom) -> None:
    room.state.active = "ctvp"
    room.call("fix_begin")
    room.call("fix_mark", "Axial", [room.views.share(PLACE)])
    assert "cannot put that structure right" in room.call("fix_ask")
    assert not room.desk.session.fixing.running


def test_what_is_pointed_at_is_shown_with_its_panel_and_a_proposal_always(room: PanelRoom) -> None:
    pointed_and_asked(room)
    assert room.state.Axial_fix["points"]
    room.state.panel = "effort"
    room.panel.refresh()
    assert (room.state.Axial_fix["points"], room.state.Axial_fix["region"]) == ([], "")
    assert room.state.Axial_fix["added"]


def test_taking_up_a_tool_ends_the_pointing_and_pointing_puts_the_tool_down(room: PanelRoom) -> None:
    put_down: list[bool] = []
    room.panel.pointing.on_placing = lambda: put_down.append(True)
    room.call("fix_begin")
    assert (room.state.fix["placing"], put_down) == (True, [True])
    room.panel.watched()["tool"]("paint")
    assert not room.state.fix["placing"]
    room.call("fix_mark", "Axial", [room.views.share(PLACE)])
    assert room.state.fix["marks"] == 0, "a click that is no longer waited for adds nothing"


def test_while_an_engine_works_it_says_how_far_it_is_and_can_be_stopped(room: PanelRoom) -> None:
    room.call("fix_engine", "fix-waits")
    room.call("fix_begin")
    room.call("fix_mark", "Axial", [room.views.share(PLACE)])
    room.call("fix_ask")
    session = room.desk.session
    wait_for(lambda: (session.poll(), room.state.fix["stage"])[1] == "waiting", 60, "the engine works")
    assert room.state.fix["running"]
    assert 0 < room.state.fix["percent"] < 100
    room.call("fix_cancel")
    wait_for(lambda: (session.poll(), not session.fixing.running)[1], 30, "it ends")
    assert not room.state.fix["running"]
    assert room.state.fix["proposal"] is None
