"""Strokes on one slice each, and how long the figures take to follow."""

from __future__ import annotations

import time

import numpy as np

from AmlartContourLib.domain.box import Box
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.incremental import LiveComparison
from support.bench_structures import Edited, stroke

Stroke = tuple[Mask, Box]  # the contour after it, and the box of what changed


def strokes(edited: Edited, count: int) -> list[Stroke]:
    """Discs painted on and erased from the edge of one slice each, by turns."""
    made, now, rng = [], edited.before, np.random.default_rng(0)
    for number in range(count):
        after = stroke(now, number % 2 == 0, rng)
        made.append((after, after.changed_box(now)))
        now = after
    return made


def stroke_ms(
    edited: Edited,
    made: list[Stroke],
    tolerances_mm: tuple[float, ...],
    told: bool = True,
    everything: bool = False,
) -> list[float]:
    """Processor time of each stroke, told where it was or not, with the headline or every figure.

    AssertionError where the last figures are not those of a new comparison.
    """
    settings = {"tolerance_mm": max(tolerances_mm), "extra_tolerances_mm": tolerances_mm}
    live = LiveComparison(edited.before, edited.after, **settings)
    spent = []
    for mask, changed in made:
        start = time.process_time()
        live.edit_reference(mask, changed if told else None)
        if everything:
            _ = live.comparison
        spent.append((time.process_time() - start) * 1000)
    anew = compare(made[-1][0], edited.after, **settings)
    assert live.comparison == anew
    for ours, theirs in zip(live.headline.redraws, anew.redraws, strict=True):
        assert ours.surface_dice is not None
        assert theirs.surface_dice is not None
        assert abs(ours.surface_dice - theirs.surface_dice) <= 1e-12
    return spent
