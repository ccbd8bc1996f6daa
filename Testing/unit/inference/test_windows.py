"""Windows cover the volume, their weights add up to one, and the blended sum is the mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from AmlartContourLib.contract.errors import Cancelled, NothingToContour
from AmlartContourLib.domain.box import Box
from inference_backend.inference.blending import LIMIT, STEP, blended_logits
from inference_backend.inference.body_crop import body_box, grown_to, in_whole_steps
from inference_backend.inference.flips import mirror_channels, with_mirror_image
from inference_backend.inference.pace import Pace
from inference_backend.inference.windows import LEAST, plan_windows
from inference_backend.models.manifest import Flip
from support.bundles import threshold_network, write_bundle

sizes = st.tuples(*[st.integers(1, 40)] * 3)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.floats(0, 0.9))
def test_weights_add_up_to_one_everywhere(
    shape: tuple[int, int, int], side: tuple[int, int, int], overlap: float
) -> None:
    plan = plan_windows(shape, side, overlap)
    total = np.zeros(shape)
    count = 0
    for window in plan:
        k, j, i = window.rows
        total[window.counted.slices] += k[:, None, None] * j[:, None] * i
        count += 1
        assert window.seen.shape_kji == plan.side_kji
        assert window.seen.intersection(window.counted) == window.counted
    assert count == len(plan)
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_neighbours_share_at_least_the_overlap() -> None:
    plan = plan_windows((100, 30, 30), (32, 32, 32), 0.5)
    starts = plan.starts_kji[0]
    assert starts[0] == 0
    assert starts[-1] == 100 - 32
    assert max(np.diff(starts)) <= 16
    assert plan.side_kji == (32, 30, 30)


def test_what_would_hardly_count_is_not_added() -> None:
    plan = plan_windows((96, 160, 160), (48, 80, 80), 0.5)
    inner = list(plan)[len(plan) // 2]
    assert inner.seen.start_kji == (24, 40, 40)
    counted, seen = inner.counted.shape_kji, inner.seen.shape_kji
    assert all(0.6 < a / b < 0.75 for a, b in zip(counted, seen, strict=True))
    assert all(row.min() >= LEAST / (1 + LEAST) - 1e-6 for row in inner.rows)
    first = next(iter(plan))
    assert first.counted.start_kji == (0, 0, 0), "at the border of the volume nothing is left out"


def test_blending_a_pointwise_network_changes_nothing() -> None:
    volume = torch.linspace(-4, 4, 40 * 36 * 30).reshape(40, 36, 30)
    plan = plan_windows((40, 36, 30), (16, 16, 16), 0.5)
    found = blended_logits(lambda x: torch.cat([x, 2 * x, -x], 1), volume, plan, [2, 0], lambda _n: None)
    assert (found.logits(0) + volume).abs().max() <= 4 * STEP
    assert (found.logits(1) - volume).abs().max() <= 4 * STEP


def test_without_compiled_loops_the_sums_are_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    volume = 30 * torch.randn(40, 36, 30)
    plan = plan_windows((40, 36, 30), (16, 20, 16), 0.5)
    found = []
    for way in ("compiled", "numpy"):
        monkeypatch.setenv("AMLART_MEASURES", way)
        found.append(
            blended_logits(lambda x: torch.cat([x, 3 * x], 1), volume, plan, [0, 1], lambda _n: None)
        )
    assert torch.equal(found[0].sums, found[1].sums)
    assert found[0].logits(1).abs().max() <= LIMIT + 4 * STEP, "held to what 16 bits can hold"


def test_one_window_is_given_as_it_is() -> None:
    volume = torch.rand(8, 8, 8)
    plan = plan_windows((8, 8, 8), (16, 16, 16), 0.25)
    assert torch.equal(blended_logits(lambda x: x, volume, plan, [0], lambda _n: None).logits(0), volume)


def test_cancel_stops_before_the_next_window() -> None:
    asked: list[int] = []
    pace = Pace(lambda _f, _s: None, lambda: len(asked) == 2)

    def ask(window: torch.Tensor) -> torch.Tensor:
        asked.append(1)
        return window

    plan = plan_windows((64, 16, 16), (16, 16, 16), 0.0)
    with pytest.raises(Cancelled):
        blended_logits(ask, torch.zeros(64, 16, 16), plan, [0], lambda n: pace.tell(n / 4, "window"))
    assert len(asked) == 2


def test_progress_never_falls_and_parts_stay_in_their_part() -> None:
    told: list[float] = []
    pace = Pace(lambda fraction, _stage: told.append(fraction), lambda: False)
    part = pace.part(0.5, 0.75)
    for fraction in (0.0, 0.5, 0.2, 1.0, 3.0):
        part.tell(fraction, "")
    pace.tell(0.6, "")
    assert told == sorted(told)
    assert told[0] == 0.5
    assert told[-1] == 0.75


def test_the_body_is_found_and_table_and_air_are_left_out() -> None:
    hu = np.full((40, 80, 90), -1000, dtype=np.float32)
    hu[5:35, 20:60, 15:75] = 30
    hu[:, 70:72, 10:80] = 100
    box = body_box(hu, (4.0, 4.0, 4.0))
    assert box == Box((3, 18, 13), (37, 62, 77))
    fine = body_box(hu, (1.0, 1.0, 1.0))
    assert np.all(np.asarray(fine.start_kji) <= (5, 20, 15))
    assert np.all(np.asarray(fine.stop_kji) >= (35, 60, 75))


def test_a_scan_of_air_holds_no_body() -> None:
    with pytest.raises(NothingToContour, match="no body"):
        body_box(np.full((8, 8, 8), -1000, dtype=np.float32), (4.0, 4.0, 4.0))


@st.composite
def boxes_in_arrays(draw: st.DrawFn) -> tuple[Box, tuple[int, int, int]]:
    """A box of up to three voxels a side, somewhere in an array."""
    shape = draw(sizes)
    start = tuple(draw(st.integers(0, n - 1)) for n in shape)
    return Box(start, tuple(min(s + 3, n) for s, n in zip(start, shape, strict=True))), shape


@settings(max_examples=60, deadline=None)
@given(boxes_in_arrays(), sizes)
def test_a_grown_box_holds_what_it_held_and_is_large_enough_where_the_array_is(
    given: tuple[Box, tuple[int, int, int]], least: tuple[int, int, int]
) -> None:
    box, shape = given
    grown = grown_to(box, least, shape)
    assert grown.union(box) == grown
    for axis, length in enumerate(shape):
        low, high = grown.start_kji[axis], grown.stop_kji[axis]
        assert 0 <= low <= high <= length
        assert high - low == min(max(box.shape_kji[axis], least[axis]), length)


@settings(max_examples=60, deadline=None)
@given(boxes_in_arrays(), st.integers(1, 16))
def test_a_box_in_whole_steps_begins_and_ends_on_them_half_a_step_off_or_at_the_end_of_the_array(
    given: tuple[Box, tuple[int, int, int]], step: int
) -> None:
    box, shape = given
    found = in_whole_steps(box, step, shape)
    for axis, length in enumerate(shape):
        low, high = found.start_kji[axis], found.stop_kji[axis]
        assert low % step == 0
        assert high % step == 0 or high == length
        assert low == 0 or box.start_kji[axis] - low >= step // 2
        assert high == length or high - box.stop_kji[axis] >= step // 2


def test_left_and_right_change_places_in_the_mirror_image() -> None:
    def left_is_first(window: torch.Tensor) -> torch.Tensor:
        """Says 1 of the left half for channel 0 and of the right half for channel 1."""
        said = torch.zeros(1, 3, *window.shape[2:])
        said[:, 0, ..., 4:] = 1
        said[:, 1, ..., :4] = 1
        said[:, 2] = window[0]
        return said

    window = torch.rand(1, 1, 4, 4, 8)
    both = with_mirror_image(left_is_first, (1, 0, 2))(window)
    torch.testing.assert_close(both, left_is_first(window))


def test_flips_need_the_manifests_permission(tmp_path: Path) -> None:
    names, networks = ("femur_left", "bladder", "femur_right"), [threshold_network((0.0, 0.0, 0.0), 1.0)]
    assert mirror_channels(write_bundle(tmp_path / "a", names, networks)) is None
    allowed = Flip((("femur_left", "femur_right"),))
    assert mirror_channels(write_bundle(tmp_path / "b", names, networks, flip_left_right=allowed)) == (
        2,
        1,
        0,
    )
