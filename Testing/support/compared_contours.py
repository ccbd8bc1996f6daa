"""Five contours of one target, built so that single measures cannot tell them apart, and their figures.

The target is an elliptic cylinder with an organ behind it. The one with the missing end sets the Dice that
rim, bulge and shift are tuned to, and the Hausdorff distance that the spur has too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import Comparison, compare
from AmlartContourLib.measures.encroachment import encroachment
from AmlartContourLib.measures.overlap import overlap
from AmlartContourLib.measures.pair import pair
from support.shapes import voxels_lps

GRID = Geometry((80, 90, 36), (1.0, 1.0, 2.5), (-39.41, -34.83, -43.75))
TOLERANCE_MM = 2.0
RADII_MM = (20.0, 16.0)
SLICES = range(6, 30)  # of the target
MISSING = 3  # slices
ASIDE = (0.8, -0.6)  # left and anterior, away from the organ
HEAD = (
    *("contour", "volume", "Dice", "Jaccard", "precision", "recall", "HD mm", "HD95 mm", "average mm"),
    *("surface Dice", "inward", "outward", "APL mm", "FNPL mm", "in the organ cm3"),
)


@dataclass(frozen=True)
class Case:
    """One contour of the target with all figures; `organ_cc` is what of it lies in the organ."""

    name: str
    test: Mask
    figures: Comparison
    organ_cc: float


def target(grown_mm: float = 0.0, moved_mm: float = 0.0) -> Mask:
    """The elliptic cylinder, its radii grown, or moved to the patient's left and a little to anterior."""
    x, y, _ = _points()
    x, y = x - moved_mm * ASIDE[0], y - moved_mm * ASIDE[1]
    inside = (x / (RADII_MM[0] + grown_mm)) ** 2 + (y / (RADII_MM[1] + grown_mm)) ** 2 <= 1
    return _in_slices(inside, SLICES)


def organ() -> Mask:
    """A tube of 12 mm radius behind the target, 2 mm away from it, longer than it."""
    x, y, _ = _points()
    return _in_slices(x**2 + (y - 30.0) ** 2 <= 144.0, range(2, 34))


def bulge(radius_mm: float) -> Mask:
    """The target with a ball on its posterior wall."""
    x, y, z = _points()
    ball = x**2 + (y - RADII_MM[1]) ** 2 + z**2 <= radius_mm**2
    return target() | Mask.from_array(ball, GRID)


def missing_end() -> Mask:
    """The target without its lowest slices."""
    return _in_slices(target().to_array(), SLICES[MISSING:])


def spur() -> Mask:
    """The target with a spur of 2 x 2 voxels on top, as long as the missing end."""
    array = target().to_array()
    top = SLICES[-1] + 1
    array[top : top + MISSING, 34:36, 39:41] = True
    return Mask.from_array(array, GRID)


def cases() -> tuple[Case, ...]:
    """The five, in the order of the page."""
    short = missing_end()
    aim = dice(short)
    shapes = {
        "rim": tuned(lambda mm: target(grown_mm=mm), aim, 5.0),
        "bulge": tuned(bulge, aim, 30.0),
        "missing end": short,
        "shift": tuned(lambda mm: target(moved_mm=mm), aim, 10.0),
        "spur": spur(),
    }
    wanted, behind = target(), organ()
    return tuple(
        Case(
            name,
            test,
            compare(wanted, test, tolerance_mm=TOLERANCE_MM),
            encroachment(test, behind).volume_cc,
        )
        for name, test in shapes.items()
    )


def tuned(shape: Callable[[float], Mask], aim: float, most: float) -> Mask:
    """The shape whose Dice is nearest to the aim; Dice falls as the length grows from 0 to `most`."""
    low, high = 0.0, most
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if dice(shape(middle)) > aim else (low, middle)
    return min((shape(low), shape(high)), key=lambda mask: abs(dice(mask) - aim))


def dice(test: Mask) -> float:
    """Of a contour with the target."""
    found = overlap(pair(target(), test)).dice
    assert found is not None
    return found


def rows() -> Iterator[str]:
    """The table of the page, line by line, in Markdown."""
    yield "| " + " | ".join(HEAD) + " |"
    yield "| " + " | ".join(["---"] * len(HEAD)) + " |"
    for case in cases():
        yield f"| {case.name} | " + " | ".join(_cells(case)) + " |"


def _cells(case: Case) -> Iterator[str]:
    shared, surface, path = case.figures.overlap, case.figures.surface, case.figures.path
    main = case.figures.redraws[0]
    yield f"{shared.signed_volume_difference:+.1%}"
    for value in (shared.dice, shared.jaccard, shared.precision, shared.recall):
        yield f"{value:.3f}"
    for value in (surface.hausdorff_mm, surface.hd95_mm, surface.average_symmetric_mm):
        yield f"{value:.2f}"
    yield f"{main.surface_dice:.3f}"
    yield f"{main.inward_fraction:.1%}"
    yield f"{main.outward_fraction:.1%}"
    yield f"{path.added_mm:.0f}"
    yield f"{path.false_negative_mm:.0f}"
    yield f"{case.organ_cc:.2f}"


def _points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, z = np.moveaxis(voxels_lps(GRID), -1, 0)
    return x, y, z


def _in_slices(inside: np.ndarray, slices: range) -> Mask:
    array = np.zeros(GRID.shape_kji, dtype=bool)
    array[slices.start : slices.stop] = inside[slices.start : slices.stop]
    return Mask.from_array(array, GRID)
