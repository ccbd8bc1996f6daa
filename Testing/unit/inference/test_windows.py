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
from inference_backend.inference.blending import blended_logits
from inference_backend.inference.body_crop import body_box, grown_to
from inference_backend.inference.flips import mirror_channels, with_mirror_image
from inference_backend.inference.pace import Pace
from inference_backend.inference.windows import plan_windows
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
    for box, (k, j, i) in plan:
        total[box.slices] += k[:, None, None] * j[:, None] * i
        count += 1
        assert box.shape_kji == plan.side_kji
    assert count == len(plan)
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_neighbours_share_at_least_the_overlap() -> None:
    plan = plan_windows((100, 30, 30), (32, 32, 32), 0.5)
    starts = plan.starts_kji[0]
    assert starts[0] == 0
    assert starts[-1] == 100 - 32
    assert max(np.diff(starts)) <= 16
    assert plan.side_kji == (32, 30, 30)


@pytest.mark.parametrize(
    ("sums", "error"), [(torch.float32, 1e-5), (torch.float16, 0.02)], ids=["single", "half"]
)
def test_blending_a_pointwise_network_changes_nothing(sums: torch.dtype, error: float) -> None:
    volume = torch.linspace(-4, 4, 40 * 36 * 30).reshape(40, 36, 30)
    plan = plan_windows((40, 36, 30), (16, 16, 16), 0.5)
    found = blended_logits(
        lambda x: torch.cat([x, 2 * x, -x], 1), volume, plan, [2, 0], lambda _n: None, sums
    )
    assert (found[0].float() + volume).abs().max() <= error
    assert (found[1].float() - volume).abs().max() <= error


def test_one_window_is_given_as_it_is() -> None:
    volume = torch.rand(8, 8, 8)
    plan = plan_windows((8, 8, 8), (16, 16, 16), 0.25)
    assert torch.equal(blended_logits(lambda x: x, volume, plan, [0], lambda _n: None)[0], volume)


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


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(1, 16), sizes)
def test_a_grown_box_holds_what_it_held_and_is_large_enough_where_the_array_is(
    shape: tuple[int, int, int], least: tuple[int, int, int], multiple: int, corner: tuple[int, int, int]
) -> None:
    start = tuple(min(c, n) - 1 for c, n in zip(corner, shape, strict=True))
    stop = tuple(min(s + 3, n) for s, n in zip(start, shape, strict=True))
    grown = grown_to(Box(start, stop), least, multiple, shape)
    for axis in range(3):
        low, high = grown.start_kji[axis], grown.stop_kji[axis]
        assert 0 <= low <= start[axis]
        assert stop[axis] <= high <= shape[axis]
        wanted = -(-max(stop[axis] - start[axis], least[axis]) // multiple) * multiple
        assert high - low == min(wanted, shape[axis])


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
