"""Prompts in space, with a session that is a known rule: where they land on every orientation, where the
answer lands, and where nothing may change."""

from __future__ import annotations

import numpy as np
import pytest

from AmlartContourLib.contract.errors import BadSetting, Cancelled
from AmlartContourLib.contract.prompt import Prompt, PromptKind, Stroke, VoxelBox
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.pace import Pace
from inference_backend.interactive.fixing import Shown, fix_here, refined
from inference_backend.interactive.strokes import cells_of
from support.interactive_models import RuleSession
from support.rising_scans import SCANS, rising_scan

ABOVE_HU = 215.5
PACE = Pace(lambda _f, _s: None, lambda: False)
REGION = VoxelBox((2, 2, 2), (9, 9, 9))


def shown() -> Shown:
    """The rule, ready to be asked."""
    return Shown(RuleSession(ABOVE_HU), (1, 1, 1))


def region_of(scan: CtScan) -> VoxelBox:
    """The middle of the array."""
    n = scan.geometry.shape_kji
    start, stop = tuple(side // 4 for side in n), tuple(side - side // 4 for side in n)
    return VoxelBox(start, stop)  # type: ignore[arg-type]  # three each


def begun(scan: CtScan) -> Mask:
    """A contour with voxels within and beyond the region."""
    inside = np.zeros(scan.geometry.shape_kji, dtype=bool)
    inside[1:, 1::2, 1:] = True
    return Mask.from_array(inside, scan.geometry)


@pytest.mark.parametrize("name", list(SCANS))
def test_in_the_region_no_voxel_is_wrong_and_outside_it_none_changes(name: str) -> None:
    scan = rising_scan(name)
    now, region = begun(scan), region_of(scan)
    prompt = Prompt("bladder", region, inside_kji=(region.start_kji,))
    found = fix_here(shown(), scan, now, prompt, PACE).to_array()
    wanted = now.to_array()
    inside = tuple(slice(a, b) for a, b in zip(region.start_kji, region.stop_kji, strict=True))
    wanted[inside] = scan.hu_kji[inside] > ABOVE_HU
    assert np.array_equal(found, wanted)
    assert not np.array_equal(found, now.to_array())


@pytest.mark.parametrize("name", list(SCANS))
def test_every_kind_of_prompt_lands_on_its_voxels_whatever_way_the_array_runs(name: str) -> None:
    scan = rising_scan(name)
    region, asked = region_of(scan), shown()
    k, j, i = region.start_kji
    box = VoxelBox((k, j, i), (k + 1, j + 3, i + 2))
    line = Stroke(PromptKind.SCRIBBLE, ((k, j, i), (k + 2, j + 2, i + 2)), belongs=False)
    loop = Stroke(PromptKind.LASSO, ((k, j, i), (k, j + 3, i), (k, j + 3, i + 3), (k, j, i + 3)))
    prompt = Prompt("bladder", region, box, ((k, j, i),), ((k + 1, j, i),), (line, loop))
    fix_here(asked, scan, begun(scan), prompt, PACE)
    order, shape = canonical(scan.geometry), scan.geometry.shape_kji
    back = order.inverse
    found = {}
    for kind, what, include in asked.session.asked:
        cells = np.zeros(order.geometry(scan.geometry).shape_kji, dtype=bool)
        if kind == "point":
            cells[what] = True
        elif kind == "box":
            cells[tuple(slice(*span) for span in what)] = True
        else:
            cells |= what.astype(bool)
        found[kind, include] = np.argwhere(back.array(cells)).tolist()
    assert back.array(np.zeros(order.geometry(scan.geometry).shape_kji)).shape == shape
    assert found["point", True] == [[k, j, i]]
    assert found["point", False] == [[k + 1, j, i]]
    assert found["box", True] == [[k, j + b, i + c] for b in range(3) for c in range(2)]
    assert found["scribble", False] == [[k + n, j + n, i + n] for n in range(3)]
    assert found["lasso", True] == [[k, j + b, i + c] for b in range(4) for c in range(4)]


def test_the_scan_is_shown_once_and_each_prompt_begins_with_the_contour_as_it_is() -> None:
    scan, asked = rising_scan("head first"), shown()
    prompt = Prompt("bladder", region_of(scan), inside_kji=(region_of(scan).start_kji,))
    first = fix_here(asked, scan, begun(scan), prompt, PACE)
    again = fix_here(asked, scan, begun(scan), prompt, PACE)
    assert asked.session.scans == 1
    assert first.same_voxels(again)
    other = CtScan(scan.hu_kji + np.int16(1), scan.geometry)
    fix_here(asked, other, begun(scan), prompt, PACE)
    assert asked.session.scans == 2


def test_a_contour_without_prompts_changes_near_itself_alone() -> None:
    scan = rising_scan("head first")
    inside = np.zeros(scan.geometry.shape_kji, dtype=bool)
    middle = tuple(n // 2 for n in inside.shape)
    inside[middle] = True
    found = refined(shown(), scan, Mask.from_array(inside, scan.geometry), PACE, "bladder").to_array()
    far = np.argwhere(found) - np.asarray(middle)
    steps = np.ceil(10.0 / np.asarray(scan.geometry.spacing_kji_mm))
    assert len(far)
    assert (np.abs(far).max(axis=0) <= steps).all()


def test_a_scribble_is_as_thick_as_it_is_asked_for_but_stays_on_its_slice() -> None:
    line = Stroke(PromptKind.SCRIBBLE, ((4, 4, 3), (4, 4, 6)))
    cells, box = cells_of(line, REGION, (3, 3, 3))
    assert (box.start_kji, box.stop_kji) == ((4, 3, 2), (5, 6, 8))
    assert cells.all()
    steep = Stroke(PromptKind.SCRIBBLE, ((3, 3, 3), (5, 4, 5)))
    assert cells_of(steep, REGION, (1, 1, 1))[0].sum() == 3


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_lasso_holds_its_line_and_what_lies_within_on_any_plane(plane: int) -> None:
    flat = [(2, 2), (2, 7), (7, 7), (7, 5), (4, 5), (4, 2)]
    points = tuple(tuple(np.insert(point, plane, 5).tolist()) for point in flat)
    cells, box = cells_of(Stroke(PromptKind.LASSO, points), REGION, (1, 1, 1))  # type: ignore[arg-type]
    assert box.shape_kji[plane] == 1
    wanted = np.zeros((6, 6), dtype=bool)
    wanted[:3] = True
    wanted[:, 3:] = True
    assert np.array_equal(np.moveaxis(cells, plane, 0)[0], wanted)


def test_a_prompt_beyond_the_scan_is_refused_and_a_cancel_ends_it() -> None:
    scan = rising_scan("head first")
    beyond = Prompt("bladder", VoxelBox((0, 0, 0), (999, 2, 2)), inside_kji=((0, 0, 0),))
    with pytest.raises(BadSetting, match="outside the scan"):
        fix_here(shown(), scan, begun(scan), beyond, PACE)
    prompt = Prompt("bladder", region_of(scan), inside_kji=(region_of(scan).start_kji,))
    with pytest.raises(Cancelled):
        fix_here(shown(), scan, begun(scan), prompt, Pace(lambda _f, _s: None, lambda: True))
