"""Putting one contour right by prompts in space, through a session of nnInteractive.

The scan goes in as it lies, in the order nearest to left, posterior, superior, with the present contour; each
prompt is answered in its turn, and the last answer counts. What lies outside the region stays as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.prompt import Prompt, PromptKind, Stroke, Voxel, VoxelBox
from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder, canonical
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.exchange.ct_scan import CtScan
from inference_backend.inference.pace import Pace
from inference_backend.interactive.sessions import quiet
from inference_backend.interactive.strokes import cells_of

REFINED_MM = 10.0  # how far a contour that is refined without prompts may grow
Ask = Callable[[], object]


@dataclass
class Shown:
    """A session, and the scan that it was shown last. `thickness`: of a scribble, in voxels of the session's
    axes."""

    session: Any
    thickness: tuple[int, int, int]
    _key: str = ""
    _answer: NDArray[np.uint8] | None = None

    def begin(self, hu_kji: NDArray[np.int16], now_kji: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Shows the scan, unless it was the last one, and the contour as it is; gives the buffer that every
        answer goes to."""
        key = f"{hu_kji.shape}{hashlib.sha256(hu_kji.tobytes()).hexdigest()}"
        if self._answer is None or key != self._key:
            self._answer = np.zeros(hu_kji.shape, dtype=np.uint8)
            self.session.set_image(np.ascontiguousarray(hu_kji, dtype=np.float32)[None])
            self.session.set_target_buffer(self._answer)
            self._key = key
        else:
            self.session.reset_interactions()
        if now_kji.any() and self.session.supports_initial_label:
            self.session.add_initial_seg_interaction(np.ascontiguousarray(now_kji, dtype=np.uint8))
        return self._answer


def fix_here(shown: Shown, ct: CtScan, now: Mask, prompt: Prompt, pace: Pace) -> Mask:
    """The contour `now` as it would be. BadSetting where the prompt lies outside the scan. Raises Cancelled,
    and what the session raises."""
    _require_within(prompt.region, ct.geometry)
    order = canonical(ct.geometry)
    pace.tell(0.0, "Showing the scan")
    with quiet():
        answer = shown.begin(order.array(ct.hu_kji), order.array(now.to_array()))
        asks = list(_asks(shown, prompt, order, ct.geometry))
        for n, ask in enumerate(asks):
            pace.tell(n / len(asks), f"Prompt {n + 1} of {len(asks)}")
            ask()
    region = Box(prompt.region.start_kji, prompt.region.stop_kji)
    return _within(region, order.inverse.array(answer) > 0, now)


def refined(shown: Shown, ct: CtScan, given: Mask, pace: Pace, name: str) -> Mask:
    """A contour looked at again without prompts: changed within 10 mm of its box at most. Raises
    Cancelled."""
    order = canonical(ct.geometry)
    pace.tell(0.0, f"Refining {name}")
    now = np.ascontiguousarray(order.array(given.to_array()), dtype=np.uint8)
    with quiet():
        answer = shown.begin(order.array(ct.hu_kji), np.zeros(now.shape, dtype=bool))
        shown.session.add_initial_seg_interaction(now, run_prediction=True)
    k, j, i = (int(np.ceil(REFINED_MM / mm)) for mm in ct.geometry.spacing_kji_mm)
    room = given.box.padded((k, j, i), ct.geometry.shape_kji)
    return _within(room, order.inverse.array(answer) > 0, given)


def _asks(shown: Shown, prompt: Prompt, order: Reorder, grid: Geometry) -> Iterator[Ask]:
    """One call for each thing a prompt is made of: the box, the lines, then the points."""
    session = shown.session
    if prompt.box is not None:
        box = order.box(Box(prompt.box.start_kji, prompt.box.stop_kji), grid.shape_kji)
        yield partial(session.add_bbox_interaction, _spans(box), True)
    for stroke in prompt.strokes:
        yield _drawn(shown, stroke, prompt.region, order, grid)
    for belongs, points in ((True, prompt.inside_kji), (False, prompt.outside_kji)):
        for point in points:
            place = order.box(_one(point), grid.shape_kji).start_kji
            yield partial(session.add_point_interaction, tuple(place), belongs)


def _drawn(shown: Shown, stroke: Stroke, region: VoxelBox, order: Reorder, grid: Geometry) -> Ask:
    thick = [shown.thickness[2 - order.inverse.axes[2 - axis]] for axis in range(3)]
    cells, box = cells_of(stroke, region, (thick[0], thick[1], thick[2]))
    turned = np.ascontiguousarray(order.array(cells), dtype=np.uint8)
    is_lasso = stroke.kind is PromptKind.LASSO
    add = shown.session.add_lasso_interaction if is_lasso else shown.session.add_scribble_interaction
    spans = _spans(order.box(box, grid.shape_kji))
    return partial(add, turned, stroke.belongs, interaction_bbox=spans)


def _within(box: Box, answer_kji: NDArray[np.bool_], now: Mask) -> Mask:
    """The answer in a box, and `now` outside it."""
    whole = now.to_array()
    whole[box.slices] = answer_kji[box.slices]
    return Mask.from_array(whole, now.geometry)


def _require_within(region: VoxelBox, grid: Geometry) -> None:
    if any(stop > n for stop, n in zip(region.stop_kji, grid.shape_kji, strict=True)):
        raise BadSetting("The prompt lies outside the scan.", advice="Draw on the scan.")


def _one(voxel: Voxel) -> Box:
    k, j, i = voxel
    return Box(voxel, (k + 1, j + 1, i + 1))


def _spans(box: Box) -> list[list[int]]:
    return [list(ends) for ends in zip(box.start_kji, box.stop_kji, strict=True)]
