"""A prompt proposes a change in its region; accepted it is one step of one structure, rejected it is nothing.

On a real scene and a real backend process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.messages import EngineInfo
from AmlartContourLib.contract.prompt import Prompt, PromptKind, VoxelBox
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.composition import compose
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.review import Approval
from AmlartContourLib.domain.structure_set import StructureSet
from AmlartContourLib.exchange.export import Format
from AmlartContourLib.exchange.provenance import SCHEMA
from AmlartContourLib.session.events import Told
from AmlartContourLib.session.fixing import STOPPED
from AmlartContourLib.session.record import from_parameters
from support.backend_process import BackendProcess, wait_for
from support.fix_engine import FixEngine
from support.workstation import Desk, files, painted

REGION = VoxelBox((14, 18, 20), (20, 30, 34))
INSIDE = ((16, 20, 25),)
FILL = Prompt("bladder", REGION, inside_kji=INSIDE)
BEYOND = Prompt("bladder", VoxelBox((0, 0, 0), (99, 2, 2)), inside_kji=((0, 0, 0),))
WHO = "Dr Test"
FILLS, STRAYS, WAITS = (FixEngine(way).describe() for way in ("fills", "strays", "waits"))


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(tmp_path_factory.mktemp("fixing") / "backend").start()
    yield process
    process.stop()


@pytest.fixture
def desk(tmp_path: Path, backend: BackendProcess) -> Iterator[Desk]:
    desk = Desk(tmp_path, connect=backend.client)
    desk.with_contours()
    yield desk
    desk.session.end()


def asked(desk: Desk, engine: EngineInfo = FILLS, prompt: Prompt = FILL) -> None:
    """Asks and waits for the answer."""
    fixing = desk.session.fixing
    fixing.ask(engine, prompt)

    def ended() -> bool:
        desk.session.poll()
        return not fixing.running

    wait_for(ended, 60, "the engine answers")


def others_are_the_same(before: StructureSet, after: StructureSet) -> bool:
    """True when every structure but the bladder is the same to the last voxel."""
    return before.ids == after.ids and all(
        before.mask(i).same_voxels(after.mask(i)) for i in before.ids if i != "bladder"
    )


def filled(mask: Mask) -> Mask:
    """The contour with the whole region."""
    array = mask.to_array()
    array[Box(REGION.start_kji, REGION.stop_kji).slices] = True
    return Mask.from_array(array, mask.geometry)


def test_accepted_it_is_one_step_of_one_structure_that_undo_takes_back(desk: Desk) -> None:
    session, before = desk.session, desk.session.case.structures
    asked(desk)
    proposal = session.fixing.proposal
    assert proposal is not None
    assert session.case.structures is before, "a proposal changes nothing"
    expected = filled(before.mask("bladder"))
    assert proposal.mask.same_voxels(expected)
    assert proposal.added.voxel_count == expected.voxel_count - before.mask("bladder").voxel_count
    assert proposal.removed.is_empty
    steps = session.editing.undo_label
    assert session.fixing.accept(WHO)
    after = session.case.structures
    assert after.mask("bladder").same_voxels(expected)
    assert others_are_the_same(before, after)
    shown = desk.scene.part("bladder")
    assert shown is not None
    assert shown.same_voxels(expected)
    made = compose(after, session.case.selection, session.case.catalogue).composites
    assert all(made.mask(i).same_voxels(session.case.composition.composites.mask(i)) for i in made.ids)
    (noted,) = session.case.record.accepted
    assert (noted.engine.name, noted.prompt, noted.accepted_by) == ("fix-fills", FILL, WHO)
    assert (noted.added_voxels, noted.removed_voxels) == (proposal.added.voxel_count, 0)
    assert session.case.record.engines[-1] == noted.engine
    assert "By a rule." in session.case.record.findings
    assert session.editing.undo_label == "fix here: Bladder"
    assert session.editing.undo()
    assert session.editing.undo_label == steps
    assert session.case.structures.mask("bladder").same_voxels(before.mask("bladder"))
    assert session.editing.redo()
    assert session.case.structures.mask("bladder").same_voxels(expected)
    assert session.fixing.proposal is None


def test_accepting_needs_a_name_and_takes_an_approval_back(desk: Desk) -> None:
    session = desk.session
    asked(desk)
    approved = replace(session.case.review, approval=Approval("Dr Earlier", "2030-01-01T00:00:00+00:00"))
    session.case.note(replace(session.case.record, review=approved))
    with pytest.raises(BadSetting, match="needs a name"):
        session.fixing.accept("  ")
    assert session.fixing.proposal is not None, "it still waits"
    assert session.review.approval is not None
    session.fixing.accept(WHO)
    assert session.review.approval is None


def test_who_accepted_what_is_saved_and_exported(desk: Desk, tmp_path: Path) -> None:
    session = desk.session
    asked(desk)
    session.fixing.accept(WHO)
    accepted = session.case.record.accepted
    assert from_parameters(desk.session._core.parameters()).accepted == accepted
    done = session.exporting.export(tmp_path / "out", frozenset({Format.MASKS}), report=False)
    told = json.loads((done.folder / "provenance.json").read_text(encoding="utf-8"))
    jsonschema.validate(told, json.loads(SCHEMA.read_text(encoding="utf-8")))
    (one,) = told["accepted_proposals"]
    assert one["prompt"]["inside_kji"] == [list(INSIDE[0])]
    assert (one["engine"]["name"], one["accepted_by"]) == ("fix-fills", WHO)
    assert any(WHO in finding for finding in told["findings"])


def test_the_slices_that_would_change_are_told_as_axial_slices(desk: Desk) -> None:
    asked(desk)
    proposal = desk.session.fixing.proposal
    assert proposal is not None
    assert proposal.slices(desk.session.case.patient.axial) == tuple(range(14, 20))


def test_rejected_it_leaves_no_step_and_no_voxel(desk: Desk) -> None:
    session, before = desk.session, desk.session.case.structures
    version, label = session.case.version, session.editing.undo_label
    asked(desk)
    session.fixing.reject()
    assert session.case.structures is before
    assert (session.case.version, session.editing.undo_label) == (version, label)
    with pytest.raises(BadSetting, match="No change is proposed"):
        session.fixing.accept(WHO)


def test_a_box_can_take_voxels_away_too(desk: Desk) -> None:
    before = desk.session.case.structures.mask("bladder")
    asked(desk, prompt=Prompt("bladder", REGION, VoxelBox((16, 20, 22), (17, 24, 28))))
    proposal = desk.session.fixing.proposal
    assert proposal is not None
    window = Box(REGION.start_kji, REGION.stop_kji)
    assert not proposal.mask.window(window).any()
    assert proposal.removed.voxel_count == np.count_nonzero(before.window(window)) > 0


def test_an_answer_that_strays_beyond_the_region_is_refused_and_said(desk: Desk) -> None:
    before = desk.session.case.structures
    asked(desk, STRAYS)
    assert desk.session.fixing.proposal is None
    told = [event.text for event in desk.told if isinstance(event, Told)]
    assert "outside the region" in told[-1]
    assert desk.session.case.structures is before


def test_a_contour_that_was_changed_since_makes_the_proposal_fall(desk: Desk) -> None:
    session = desk.session
    asked(desk)
    mask = session.case.structures.mask("bladder")
    session.editing.apply("bladder", painted(mask, (0, -30, -20), 20), "brush")
    assert session.fixing.proposal is None
    with pytest.raises(BadSetting, match="changed since"):
        session.fixing.accept(WHO)
    asked(desk)
    session.open(files(name="CASE-2"))
    assert session.fixing.proposal is None, "another patient's"


def test_what_would_change_nothing_is_said_and_proposes_nothing(desk: Desk) -> None:
    asked(desk)
    desk.session.fixing.accept(WHO)
    asked(desk)
    assert desk.session.fixing.proposal is None
    told = [event.text for event in desk.told if isinstance(event, Told)]
    assert told[-1].startswith("The engine would change nothing there.")


def test_a_cancelled_prompt_ends_and_changes_nothing(desk: Desk) -> None:
    session, before = desk.session, desk.session.case.structures
    session.fixing.ask(WAITS, FILL)
    wait_for(lambda: (session.poll(), session.fixing.progress)[1], 60, "the engine works")
    session.fixing.cancel()
    wait_for(lambda: (session.poll(), not session.fixing.running)[1], 30, "it ends")
    assert session.fixing.proposal is None
    assert session.case.structures is before
    assert [event.text for event in desk.told if isinstance(event, Told)][-1] == STOPPED


@pytest.mark.parametrize(
    ("engine", "prompt", "told"),
    [
        (replace(FILLS, prompts=(PromptKind.BOX,)), FILL, "takes no point"),
        (EngineInfo("x", "X", "1", (), (), (), "", "", (), None, True), FILL, "takes no prompts"),
        (FILLS, Prompt("ctvp", REGION, inside_kji=INSIDE), "no contour of its own"),
        (
            FILLS,
            Prompt("bladder", VoxelBox((0, 0, 0), (99, 2, 2)), inside_kji=((0, 0, 0),)),
            "beyond the scan",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    desk: Desk, engine: EngineInfo, prompt: Prompt, told: str
) -> None:
    with pytest.raises(BadSetting, match=told):
        desk.session.fixing.ask(engine, prompt)
    assert not desk.session.fixing.running
