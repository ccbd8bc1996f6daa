"""Contouring by prompts, with an answerer that is a known rule: where its answers land, and where not.

The scan's HU rise evenly in space, so which voxels lie above a threshold is known on every orientation.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from AmlartContourLib.contract.errors import BadSetting, Cancelled
from AmlartContourLib.contract.prompt import Prompt, VoxelBox
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.devices import Runtime
from inference_backend.inference.pace import Pace
from inference_backend.prompted.asking import KEPT_LOOKS, Asker, SlicePrompt
from inference_backend.prompted.contouring import contour_by_boxes, fix_here
from inference_backend.prompted.description import Look
from inference_backend.prompted.pictures import Frame
from support.prompted_models import Threshold
from support.rising_scans import SCANS, rising_scan

ABOVE_HU = 215.5
PACE = Pace(lambda _f, _s: None, lambda: False)


def asker(rule: Threshold, look: Look = Look.MEDSAM) -> Asker:
    """Asks the rule."""
    return Asker(lambda _runtime: rule, Runtime(), look)


def middle(scan: CtScan, share: float = 0.25) -> tuple[slice, slice, slice]:
    """The middle part of the array."""
    k, j, i = (slice(int(n * share), n - int(n * share)) for n in scan.geometry.shape_kji)
    return k, j, i


def block_mask(scan: CtScan) -> Mask:
    """Another engine's contour: the middle of the array."""
    inside = np.zeros(scan.geometry.shape_kji, dtype=bool)
    inside[middle(scan)] = True
    return Mask.from_array(inside, scan.geometry)


@pytest.mark.parametrize("look", list(Look))
@pytest.mark.parametrize("name", list(SCANS))
def test_no_voxel_is_wrong_in_the_boxes_and_none_is_drawn_outside(name: str, look: Look) -> None:
    scan, rule = rising_scan(name), Threshold(ABOVE_HU)
    given = block_mask(scan)
    found = contour_by_boxes(asker(rule, look), scan, given, PACE, "bladder")
    allowed = np.zeros(scan.geometry.shape_kji, dtype=bool)
    order = canonical(scan.geometry)
    axial = order.array(allowed)  # a view: margins are in the plane of the slices
    grid = order.geometry(scan.geometry)
    j_mm, i_mm = grid.spacing_kji_mm[1:]
    k, j, i = np.nonzero(order.array(given.to_array()))
    mj, mi = int(np.ceil(3.0 / j_mm)), int(np.ceil(3.0 / i_mm))
    axial[k.min() : k.max() + 1, j.min() - mj : j.max() + 1 + mj, i.min() - mi : i.max() + 1 + mi] = True
    wrong = found.to_array() != (allowed & (scan.hu_kji > ABOVE_HU))
    assert not wrong.any(), wrong.sum()
    assert 0.1 < found.to_array()[allowed].mean() < 0.95
    assert len(rule.asked) == k.max() - k.min() + 1, "once for each slice"


@pytest.mark.parametrize("name", list(SCANS))
def test_a_fix_is_right_to_the_voxel_in_its_region_and_changes_nothing_outside(name: str) -> None:
    scan = rising_scan(name)
    rng = np.random.default_rng(5)
    now = Mask.from_array(rng.uniform(size=scan.geometry.shape_kji) > 0.5, scan.geometry)
    k, j, i = middle(scan, 0.3)
    region = VoxelBox((k.start, j.start, i.start), (k.stop, j.stop, i.stop))
    bright = np.argwhere(scan.hu_kji[k, j, i] > ABOVE_HU)[-1] + (k.start, j.start, i.start)
    prompt = Prompt("bladder", region, inside_kji=(tuple(map(int, bright)),))
    fixed = fix_here(asker(Threshold(ABOVE_HU)), scan, now, prompt, PACE)
    expected = now.to_array().copy()
    inside = np.zeros(scan.geometry.shape_kji, dtype=bool)
    inside[k, j, i] = True
    order = canonical(scan.geometry)
    slices = order.array(inside & (scan.hu_kji > ABOVE_HU)).any(axis=(1, 2))
    on_slices = np.zeros(scan.geometry.shape_kji, dtype=bool)
    order.array(on_slices)[slices] = True  # a slice where nothing is found stays as it was
    expected[inside & on_slices] = scan.hu_kji[inside & on_slices] > ABOVE_HU
    assert np.array_equal(fixed.mask.to_array(), expected)
    assert fixed.slices == (slices.nonzero()[0][0], slices.nonzero()[0][-1])


def test_the_prompt_goes_from_slice_to_slice_as_the_box_round_the_answer() -> None:
    scan, rule = rising_scan("head first"), Threshold(ABOVE_HU)
    region = VoxelBox((18, 10, 10), (21, 50, 50))
    box = VoxelBox((19, 20, 20), (20, 40, 40))
    fix_here(asker(rule), scan, Mask.empty(scan.geometry), Prompt("bladder", region, box), PACE)
    assert rule.asked[0] == SlicePrompt((20, 20, 40, 40))
    assert len(rule.asked) == 3
    for following in rule.asked[1:]:
        j, i = np.nonzero(scan.hu_kji[19, 10:50, 10:50] > ABOVE_HU)
        box_ji = (max(j.min() + 8, 10), max(i.min() + 8, 10), min(j.max() + 13, 50), min(i.max() + 13, 50))
        assert following == SlicePrompt(box_ji)


def test_where_nothing_is_found_the_contour_stays() -> None:
    scan, now = rising_scan("prone"), block_mask(rising_scan("prone"))
    prompt = Prompt("bladder", VoxelBox((0, 0, 0), (5, 9, 9)), inside_kji=((2, 4, 4),))
    fixed = fix_here(asker(Threshold(2000.0)), scan, now, prompt, PACE)
    assert fixed.slices is None
    assert fixed.mask.same_voxels(now)


def test_a_prompt_must_lie_on_one_slice_of_the_scan() -> None:
    scan, region = rising_scan("head first"), VoxelBox((0, 0, 0), (40, 60, 60))
    two = Prompt("bladder", region, inside_kji=((2, 4, 4), (3, 4, 4)))
    beyond = Prompt("bladder", VoxelBox((0, 0, 0), (41, 60, 60)), inside_kji=((2, 4, 4),))
    for prompt, told in ((two, "one slice"), (beyond, "outside the scan")):
        with pytest.raises(BadSetting, match=told):
            fix_here(asker(Threshold(0.0)), scan, Mask.empty(scan.geometry), prompt, PACE)


def test_a_slice_is_looked_at_once_for_many_prompts_and_old_looks_go() -> None:
    rule, scan = Threshold(ABOVE_HU), rising_scan("head first")
    one = asker(rule)
    for __ in range(5):
        one.inside(scan.hu_kji[0], SlicePrompt((1, 1, 9, 9)))
    assert (rule.looks, len(rule.asked)) == (1, 5)
    for k in range(1, KEPT_LOOKS + 1):
        one.inside(scan.hu_kji[k], SlicePrompt((1, 1, 9, 9)))
    one.inside(scan.hu_kji[0], SlicePrompt((1, 1, 9, 9)))
    assert rule.looks == KEPT_LOOKS + 2


def test_progress_rises_and_cancel_is_heard_at_the_next_slice() -> None:
    scan, told, seen = rising_scan("head first"), [], []
    given = block_mask(scan)
    pace = Pace(lambda f, s: told.append((f, s)), lambda: False)
    contour_by_boxes(asker(Threshold(ABOVE_HU)), scan, given, pace, "bladder")
    assert [f for f, _s in told] == sorted(f for f, _s in told)
    assert told[-1][1] == "bladder, slice 20 of 20"
    pace = Pace(lambda _f, s: seen.append(s), lambda: len(seen) == 3)
    with pytest.raises(Cancelled):
        contour_by_boxes(asker(Threshold(ABOVE_HU)), scan, given, pace, "bladder")
    assert len(seen) == 3


def test_where_a_gpu_has_too_little_memory_the_cpu_goes_on_and_the_user_is_told() -> None:
    rule = Threshold(ABOVE_HU)

    def make(runtime: Runtime) -> Threshold:
        if runtime.on_gpu:
            raise torch.OutOfMemoryError("out of memory")
        return rule

    one = Asker(make, Runtime("cuda:0"), Look.SAM)
    scan = rising_scan("head first")
    assert one.inside(scan.hu_kji[20], SlicePrompt((1, 1, 9, 9))).any()
    assert one.findings == ["The memory of cuda:0 did not suffice: contoured on the CPU, more slowly."]


@pytest.mark.parametrize(
    ("shape", "filled"), [((60, 60), (64, 64)), ((30, 60), (32, 64)), ((64, 48), (64, 48))]
)
def test_sam_keeps_the_shape_of_a_slice_and_medsam_stretches_it(
    shape: tuple[int, int], filled: tuple[int, int]
) -> None:
    corners = (0, 0, *shape)
    sam, medsam = (Frame(shape, 64, look) for look in (Look.SAM, Look.MEDSAM))
    assert sam.filled_ji == filled
    assert medsam.filled_ji == (64, 64)
    scale = 64 / max(shape)
    assert sam.box_xyxy(corners).tolist() == pytest.approx(
        [0, 0, (shape[1] - 1) * scale, (shape[0] - 1) * scale]
    )
    assert medsam.points_xy(np.asarray([[shape[0] // 2, shape[1] // 2]])).tolist() == [[32, 32]]
    hu = np.full(shape, 240, np.int16)
    padded = sam.padded(sam.picture(hu))
    assert padded.shape == (1, 3, 64, 64)
    assert float(padded[0, 0, -1, -1]) == (255.0 if filled == (64, 64) else 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"inside_kji": ()},
        {"inside_kji": ((9, 0, 0),)},
        {"box": VoxelBox((0, 0, 0), (1, 9, 9))},
        {"structure": "../etc"},
        {"inside_kji": tuple((0, 0, n % 4) for n in range(65))},
    ],
)
def test_a_prompt_that_points_nowhere_or_beyond_its_region_is_none(change: dict[str, object]) -> None:
    good: dict[str, object] = {
        "structure": "bladder",
        "region": VoxelBox((0, 0, 0), (4, 4, 4)),
        "inside_kji": ((1, 1, 1),),
    }
    Prompt(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"prompt|name"):
        Prompt(**{**good, **change})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="box"):
        VoxelBox((0, 0, 0), (0, 1, 1))
