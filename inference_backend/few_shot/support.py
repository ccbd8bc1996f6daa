"""Which slices of which labelled cases a network is shown beside a slice that it is to contour.

First by place: within four planes of the same place in each case. Along the body that place is found by
laying the case's profile of bone over the scan's, because scans begin at different heights; across it, it is
the same share of the body's width or depth. Then by likeness: the least mean square difference of the two
pictures, each averaged to 16 x 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inference_backend.few_shot.cube import SIDE, scaled
from inference_backend.few_shot.examples import LabelledCube
from inference_backend.models.model_grid import Floats

NEAR_PLANES = 4
COARSE = 16
BONE_HU = 150.0
PROFILE_MM = 4.0
LEAST_OVERLAP = 0.5  # of the shorter profile: less proves nothing


@dataclass(frozen=True)
class Shown:
    """A plane of an example, both by number."""

    example: int
    number: int


class Support:
    """Chooses among examples for one scan."""

    def __init__(self, examples: Sequence[LabelledCube], hu_kji: Floats, step_k_mm: float) -> None:
        self._examples = examples
        self._own = _Pictures(hu_kji)
        self._pictures = [_Pictures(example.hu_kji) for example in examples]
        self._step_k_mm = step_k_mm
        self._planes_held: dict[tuple[int, str], list[NDArray[np.bool_]]] = {}
        profile = bone_profile(hu_kji, step_k_mm)
        self._shift_mm = [shift_mm(profile, bone_profile(one.hu_kji, one.step_k_mm)) for one in examples]

    def near(self, axis: int, number: int, size: int, structure: str) -> tuple[Shown, ...]:
        """Up to `size` planes of examples in which the structure was labelled, the most alike first; none
        where none of them holds any of it: then there is nothing to learn from."""
        found: list[tuple[float, Shown]] = []
        own = self._own.coarse[axis][number]
        for n, example in enumerate(self._examples):
            if structure not in example.labels_kji:
                continue
            middle = self._place(n, axis, number)
            first, last = max(middle - NEAR_PLANES, 0), min(middle + NEAR_PLANES + 1, SIDE)
            if first >= last:
                continue
            unlike = np.square(self._pictures[n].coarse[axis][first:last] - own).mean(axis=(1, 2))
            found += [(float(u), Shown(n, m)) for u, m in zip(unlike, range(first, last), strict=True)]
        chosen = tuple(shown for _unlike, shown in sorted(found, key=lambda pair: pair[0])[:size])
        return chosen if any(self._holds(shown, axis, structure) for shown in chosen) else ()

    def _place(self, example: int, axis: int, number: int) -> int:
        """The plane of an example that lies where a plane of the scan does; may lie beyond its ends."""
        if axis:
            return number
        height_mm = (number + 0.5) * self._step_k_mm + self._shift_mm[example]
        return int(np.floor(height_mm / self._examples[example].step_k_mm))

    def _holds(self, shown: Shown, axis: int, structure: str) -> bool:
        key = (shown.example, structure)
        if key not in self._planes_held:
            label = self._examples[shown.example].labels_kji[structure]
            across = ((1, 2), (0, 2), (0, 1))
            self._planes_held[key] = [np.asarray(label.any(axis=axes)) for axes in across]
        return bool(self._planes_held[key][axis][shown.number])


def bone_profile(hu_kji: NDArray[np.generic], step_k_mm: float) -> NDArray[np.float64]:
    """Which share of each height is bone, every 4 mm from the lowest point upwards."""
    share = (np.asarray(hu_kji) > BONE_HU).mean(axis=(1, 2))
    heights_mm = (np.arange(SIDE) + 0.5) * step_k_mm
    count = max(int(SIDE * step_k_mm / PROFILE_MM), 1)
    found: NDArray[np.float64] = np.interp((np.arange(count) + 0.5) * PROFILE_MM, heights_mm, share)
    return found


def shift_mm(own: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """How much higher in the other profile lies what is at a height of the own one: the shift at which the
    two correlate best, of those at which half of the shorter overlaps. The middles meet where neither has
    bone."""
    least = max(int(min(len(own), len(other)) * LEAST_OVERLAP), 2)
    middles = (len(other) - len(own)) / 2
    best, best_shift = 0.0, middles
    shifts = sorted(range(least - len(own), len(other) - least + 1), key=lambda s: abs(s - middles))
    for shift in shifts:
        start, stop = max(0, -shift), min(len(own), len(other) - shift)
        found = _correlation(own[start:stop], other[start + shift : stop + shift])
        if found > best + 1e-9:
            best, best_shift = found, float(shift)
    return best_shift * PROFILE_MM


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    a, b = one - one.mean(), other - other.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 0 else 0.0


class _Pictures:
    """The coarse pictures across each axis of one cube: float32 [number, 16, 16]."""

    def __init__(self, hu_kji: NDArray[np.generic]) -> None:
        self._hu_kji = hu_kji

    @cached_property
    def coarse(self) -> tuple[Floats, ...]:
        """Across k, j and i."""
        values, side = scaled(self._hu_kji), SIDE // COARSE
        turned = (np.moveaxis(values, axis, 0) for axis in range(3))
        shape = (SIDE, COARSE, side, COARSE, side)
        return tuple(np.ascontiguousarray(v).reshape(shape).mean(axis=(2, 4)) for v in turned)
