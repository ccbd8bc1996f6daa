"""Review rules, slices in words, the edit log and axial slices on any orientation."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.domain.axial import AxialSlices, changed_slices
from AmlartContourLib.domain.edit_log import IDLE_S, ActiveTime, Edit, EditLog
from AmlartContourLib.domain.review import Review, Stage, slice_words
from support.shapes import DIRECTIONS, ball, centre, grid


def test_a_structure_goes_from_not_seen_to_reviewed_only_by_a_person() -> None:
    review = Review()
    assert review.stage("uterus", (3, 4)) is Stage.NOT_SEEN
    review = review.saw(["uterus"], 3)
    assert review.stage("uterus", (3, 4)) is Stage.PARTLY_SEEN
    assert review.unseen("uterus", (3, 4)) == (4,)
    review = review.saw(["uterus"], 4)
    assert review.stage("uterus", (3, 4)) is Stage.SEEN
    review = review.mark({"uterus": (3, 4)}, "Dr A", "2030-01-01T00:00:00+00:00")
    assert review.stage("uterus", (3, 4)) is Stage.REVIEWED
    assert review.saw(["uterus"], 4) is review


def test_a_change_takes_mark_and_approval_back_and_its_slices_are_unseen() -> None:
    review = Review().saw(["a"], 1).saw(["a"], 2).mark({"a": (1, 2)}, "Dr A", "t").approve(["a"], "Dr A", "t")
    changed = review.changed({"a": (2,)})
    assert changed.approval is None
    assert changed.unseen("a", (1, 2)) == (2,)
    assert changed.stage("a", (1, 2)) is Stage.PARTLY_SEEN
    assert review.changed({}) is review
    assert review.unmark(["a"]).approval is None


def test_an_approval_needs_a_name_and_every_required_mark() -> None:
    with pytest.raises(BadSetting, match="Not reviewed yet: a"):
        Review().approve(["a"], "Dr A", "t")
    with pytest.raises(BadSetting, match="names a person"):
        Review().approve([], "", "t")


def test_slices_are_named_from_one_with_neighbours_joined() -> None:
    assert slice_words([2, 6, 7, 8, 39]) == "3, 7 to 9 and 40"
    assert slice_words([0]) == "1"
    assert slice_words([]) == ""


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_axial_slices_rise_from_inferior_on_any_orientation(direction: str) -> None:
    geometry = grid(direction=direction)
    axial = AxialSlices.of(geometry)
    middle = centre(geometry)
    mask = ball(geometry, middle, 6)
    slices = axial.holding(mask)
    assert list(slices) == list(range(slices[0], slices[-1] + 1))
    assert slices[0] < axial.nearest(middle) < slices[-1]
    heights = [axial.centre_lps(k)[2] for k in range(axial.count)]
    assert heights == sorted(heights)
    assert [axial.nearest(axial.centre_lps(k)) for k in range(axial.count)] == list(range(axial.count))
    up = ball(geometry, np.add(middle, (0, 0, 4)), 6)
    assert changed_slices(mask, up, axial)[-1] >= slices[-1]
    assert changed_slices(mask, mask, axial) == ()


def test_a_break_does_not_count_as_active_time() -> None:
    active = ActiveTime()
    active.acted(0.0)
    active.acted(4.0)
    assert active.taken(1000.0) == 4.0 + IDLE_S
    assert active.taken(1002.0) == 2.0


def test_the_log_is_a_table_that_reads_back() -> None:
    log = EditLog().added(Edit("2030-01-01T00:00:00+00:00", "paint", "uterus", 3, 5, 12, 0, 2.5))
    log = log.added(Edit("2030-01-01T00:00:09+00:00", "undo", "uterus", None, None, 0, 0, 1.0))
    rows = list(csv.DictReader(io.StringIO(log.to_csv())))
    assert rows[0]["added_voxels"] == "12"
    assert rows[1]["first_k"] == ""
    assert log.active_s() == {"uterus": 3.5}
