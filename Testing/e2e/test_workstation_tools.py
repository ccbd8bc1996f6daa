"""Every tool of the editor in a real browser: it does what it says to the chosen structure, no voxel of
another changes in the scene, and undo brings the scene back to the voxel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import ndimage

from AmlartContourLib.domain.margins import Margin, expand
from AmlartContourLib.domain.mask import Mask
from support.seen_scene import SeenScene
from support.small_patients import write_small_patient
from support.work_page import SQUARE, WorkPage, work_page
from support.workstation import pelvis
from support.workstation_process import running_workstation

pytestmark = pytest.mark.slow
SLICE_OF_CERVIX = 13
RIGHT = ((0.0, -0.2), (0.2, -0.2), (0.2, 0.2), (0.0, 0.2), (0.0, -0.2))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkPage]:
    base = tmp_path_factory.mktemp("tools")
    write_small_patient(base / "patients" / "SMALL-A", 1)
    with (
        running_workstation(base / "patients", base / "home", watched=True) as running,
        work_page(running) as it,
    ):
        it.open("SMALL-A")
        it.choose("cervix")
        it.go_to_slice(SLICE_OF_CERVIX)
        yield it


@pytest.fixture
def work(opened: WorkPage) -> Iterator[WorkPage]:
    """The patient as she came, before each test and, whatever it did, after it."""
    yield opened
    opened.tool("none")
    opened.page.uncheck("#limit")
    opened.undo_all()


def _slices(before: SeenScene, after: SeenScene, structure_id: str) -> set[int]:
    changed = before.part(structure_id) ^ after.part(structure_id)
    return set(np.flatnonzero(changed.any(axis=(1, 2))).tolist())


def _limit(work: WorkPage, low_hu: int, high_hu: int) -> None:
    work.page.fill("#limit-low", str(low_hu))
    work.page.fill("#limit-high", str(high_hu))
    work.page.check("#limit")


def test_draw_fills_what_is_drawn_round_on_the_shown_slice_alone(work: WorkPage) -> None:
    work.tool("draw")
    before, after = work.edit("cervix", lambda: work.drag((*SQUARE, SQUARE[0])), "Draw: Cervix")
    k = work.axial_k()
    assert _slices(before, after, "cervix") == {k}
    assert (after.part("cervix") & ~before.part("cervix")).any()
    assert not (before.part("cervix") & ~after.part("cervix")).any()
    drawn = np.argwhere(after.part("cervix")[k])
    assert len(drawn) == np.prod(np.ptp(drawn, axis=0) + 1)  # a square, filled into its corners
    work.take_back("Draw: Cervix", before)


def test_scissors_cut_through_all_slices(work: WorkPage) -> None:
    work.tool("scissors")
    before, after = work.edit("cervix", lambda: work.drag(RIGHT), "Scissors: Cervix")
    assert after.part("cervix").any()
    gone = before.part("cervix") & ~after.part("cervix")
    assert len(_slices(before, after, "cervix")) == np.count_nonzero(before.part("cervix").any(axis=(1, 2)))
    columns = gone.any(axis=0)
    assert not after.part("cervix")[:, columns].any()  # nothing is left above or below what was cut
    work.take_back("Scissors: Cervix", before)


def test_scissors_can_fill_and_can_cut_the_outside(work: WorkPage) -> None:
    work.tool("scissors")
    work.page.select_option("#scissors-mode", "FILL_INSIDE")
    before, after = work.edit("cervix", lambda: work.drag((*SQUARE, SQUARE[0])), "Scissors: Cervix")
    assert _slices(before, after, "cervix") == set(range(40))
    work.take_back("Scissors: Cervix", before)
    work.page.select_option("#scissors-mode", "ERASE_OUTSIDE")
    small = tuple((x / 8, y / 8) for x, y in (*SQUARE, SQUARE[0]))
    before, after = work.edit("cervix", lambda: work.drag(small), "Scissors: Cervix")
    left = after.part("cervix")
    assert left.any()
    assert left.sum() < before.part("cervix").sum() / 2
    assert not (left & ~before.part("cervix")).any()
    work.take_back("Scissors: Cervix", before)


def test_the_eraser_takes_away_and_adds_nothing(work: WorkPage) -> None:
    work.tool("erase")
    before, after = work.edit("cervix", lambda: work.drag(((-0.3, 0), (0.3, 0))), "Erase: Cervix")
    assert (before.part("cervix") & ~after.part("cervix")).any()
    assert not (after.part("cervix") & ~before.part("cervix")).any()
    assert _slices(before, after, "cervix") == {work.axial_k()}
    work.take_back("Erase: Cervix", before)


def test_keys_in_the_middle_of_a_stroke_wait_so_it_ends_where_it_began(work: WorkPage) -> None:
    work.tool("paint")
    box, mouse = work.page.locator("#view-Axial").bounding_box(), work.page.mouse
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def stroke() -> None:
        mouse.move(x - 90, y)
        mouse.down()
        for key in ("w", "3", "Escape", "ArrowRight"):
            work.page.keyboard.press(key)
        mouse.move(x - 60, y, steps=3)
        mouse.up()

    before, after = work.edit("cervix", stroke, "Paint: Cervix")
    assert _slices(before, after, "cervix") == {work.axial_k()}
    work.take_back("Paint: Cervix", before)


def test_the_list_of_keys_takes_the_keyboard_and_escape_closes_it(work: WorkPage) -> None:
    work.page.keyboard.press("?")
    work.page.wait_for_selector(".dialog")
    work.until("() => document.activeElement.closest('.dialog') !== null")
    work.page.keyboard.press("Escape")
    work.page.wait_for_selector(".dialog", state="detached")


def test_a_ball_paints_on_several_slices(work: WorkPage) -> None:
    work.tool("paint")
    work.page.check("#sphere")
    before, after = work.edit("cervix", lambda: work.drag(((-0.3, 0), (-0.28, 0))), "Paint: Cervix")
    assert len(_slices(before, after, "cervix")) > 1
    work.take_back("Paint: Cervix", before)
    work.page.uncheck("#sphere")


def test_painting_limited_by_ct_numbers_touches_only_voxels_within_them(work: WorkPage) -> None:
    _limit(work, 20, 60)
    work.tool("paint")
    before, after = work.edit("cervix", lambda: work.drag(((-0.3, 0), (0.3, 0))), "Paint: Cervix")
    painted = after.part("cervix") & ~before.part("cervix")
    assert painted.any()
    assert before.hu_kji[painted].min() >= 20
    assert before.hu_kji[painted].max() <= 60
    filled = ndimage.binary_closing(painted, np.ones((1, 3, 3)))
    spared = filled & ~after.part("cervix")
    assert spared.any()  # between the painted voxels there are others that the limit kept
    assert not ((before.hu_kji[spared] >= 20) & (before.hu_kji[spared] <= 60)).all()
    work.take_back("Paint: Cervix", before)


def test_the_limit_holds_for_whole_structures_too(work: WorkPage) -> None:
    _limit(work, 20, 60)
    work.tool("margin")
    work.page.fill("#margin-mm", "6")
    before, after = work.edit("cervix", lambda: work.page.click("#margin-apply"), "Margin: Cervix")
    grown = after.part("cervix") & ~before.part("cervix")
    assert before.hu_kji[grown].min() >= 20
    assert before.hu_kji[grown].max() <= 60
    work.take_back("Margin: Cervix", before)


@pytest.mark.parametrize("mm", [5, -3])
def test_the_margin_grows_and_shrinks_by_its_millimetres(work: WorkPage, mm: int) -> None:
    work.tool("margin")
    work.page.fill("#margin-mm", str(mm))
    before, after = work.edit("cervix", lambda: work.page.click("#margin-apply"), "Margin: Cervix")
    if mm > 0:
        came = Mask.from_array(before.part("cervix"), pelvis())
        assert np.array_equal(after.part("cervix"), expand(came, Margin.isotropic(mm)).to_array())
    else:
        assert 0 < after.part("cervix").sum() < before.part("cervix").sum()
        assert not (after.part("cervix") & ~before.part("cervix")).any()
    work.take_back("Margin: Cervix", before)


@pytest.mark.parametrize(("method", "mm"), [("MEDIAN", "10"), ("OPENING", "10"), ("GAUSSIAN", "3")])
def test_smoothing_takes_the_corners_off_a_block(work: WorkPage, method: str, mm: str) -> None:
    work.choose("vagina")
    work.tool("smooth")
    work.page.select_option("#smooth-mode", method)
    work.page.fill("#smooth-mm", mm)
    before, after = work.edit("vagina", lambda: work.page.click("#smooth-apply"), "Smooth: Vagina")
    assert 0.5 < after.part("vagina").sum() / before.part("vagina").sum() < 1.0
    work.take_back("Smooth: Vagina", before)


def test_closing_fills_a_narrow_cut(work: WorkPage) -> None:
    work.choose("cervix")
    work.tool("scissors")
    work.page.select_option("#scissors-mode", "ERASE_INSIDE")
    strip = ((-0.01, -0.2), (0.01, -0.2), (0.01, 0.2), (-0.01, 0.2), (-0.01, -0.2))
    whole, cut = work.edit("cervix", lambda: work.drag(strip), "Scissors: Cervix")
    work.tool("smooth")
    work.page.select_option("#smooth-mode", "CLOSING")
    work.page.fill("#smooth-mm", "10")
    _, closed = work.edit("cervix", lambda: work.page.click("#smooth-apply"), "Smooth: Cervix")
    gap = whole.part("cervix") & ~cut.part("cervix")
    assert (closed.part("cervix") & gap).sum() > 0.5 * gap.sum()
    assert not (cut.part("cervix") & ~closed.part("cervix")).any()
    work.undo("Smooth: Cervix")
    work.take_back("Scissors: Cervix", whole)


def test_islands_removes_a_speck_and_keeps_the_rest(work: WorkPage) -> None:
    work.choose("cervix")
    whole = work.station.scene().part("cervix")
    work.tool("paint")
    work.edit("cervix", lambda: work.drag(((-0.3, -0.3), (-0.29, -0.3))), "Paint: Cervix")
    work.tool("islands")
    _, after = work.edit("cervix", lambda: work.page.click("#keep-largest"), "Islands: Cervix")
    assert np.array_equal(after.part("cervix"), whole)


def test_slices_between_two_that_are_drawn_are_filled(work: WorkPage) -> None:
    work.page.select_option("#add", "gtvp")
    work.until("() => document.querySelector('#edit-structure').value === 'gtvp'")
    first = work.axial_k()
    for k in (first, first + 4):
        work.go_to_slice(k)
        work.tool("draw")
        work.edit("gtvp", lambda: work.drag((*SQUARE, SQUARE[0])), "Draw: GTVp")
    work.tool("between")
    before, after = work.edit("gtvp", lambda: work.page.click("#between-apply"), "Fill between slices: GTVp")
    assert _slices(before, after, "gtvp") == {first + 1, first + 2, first + 3}
    drawn = before.part("gtvp")
    middle = after.part("gtvp")[first + 2]  # between two squares, equal but for what the hand missed
    assert not (middle & ~(drawn[first] | drawn[first + 4])).any()
    assert not (drawn[first] & drawn[first + 4] & ~middle).any()
    work.take_back("Fill between slices: GTVp", before)


def test_a_tool_for_which_nothing_changes_says_so_and_is_no_step(work: WorkPage) -> None:
    work.choose("bladder")
    work.tool("islands")
    work.page.click("#keep-largest")
    work.notice("no voxel")
    assert "Islands" not in work.page.locator("#undo").get_attribute("title")


def test_a_field_that_holds_no_number_is_refused_in_words(work: WorkPage) -> None:
    work.tool("margin")
    work.page.fill("#margin-mm", "")
    work.page.click("#margin-apply")
    work.notice("number of mm")
