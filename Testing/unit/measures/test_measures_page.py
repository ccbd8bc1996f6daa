"""docs/measures.md holds what the code computes."""

from __future__ import annotations

import numpy as np

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.measures.comparison import Comparison, compare
from support.source_tree import ROOT

PAGE = ROOT / "docs" / "measures.md"
GRID = Geometry((16, 12, 8), (1.0, 1.0, 2.5))
HEAD = (
    "reference against test",
    "Dice",
    "surface Dice",
    "inward",
    "outward",
    "HD95 mm",
    "HD mm",
    "APL mm",
    "FNPL mm",
)


def box(k: tuple[int, int], j: tuple[int, int], i: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(GRID.shape_kji, dtype=bool)
    mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    nothing = np.zeros(GRID.shape_kji, dtype=bool)
    middle, corner = box((2, 6), (2, 10), (2, 10)), box((0, 4), (0, 8), (0, 8))
    voxel, beside = box((3, 4), (5, 6), (5, 6)), box((3, 4), (5, 6), (7, 8))
    part = box((2, 6), (3, 9), (12, 15))
    hole = box((3, 5), (4, 8), (4, 8))
    return {
        "both empty": (nothing, nothing),
        "test empty": (middle, nothing),
        "reference empty": (nothing, middle),
        "the same": (middle, middle),
        "one voxel, the same": (voxel, voxel),
        "one voxel, moved by 2 mm": (voxel, beside),
        "moved by one slice": (middle, np.roll(middle, 1, axis=0)),
        "the same, at the border": (corner, np.roll(corner, 1, axis=0)),
        "a component missed": (middle | part, middle),
        "a component too many": (middle, middle | part),
        "a hole filled": (middle & ~hole, middle),
        "a hole missed": (middle, middle & ~hole),
    }


def row(name: str, found: Comparison) -> str:
    main, surface, path = found.redraws[0], found.surface, found.path
    values = (found.overlap.dice, main.surface_dice, main.inward_fraction, main.outward_fraction)
    lengths = (surface.hd95_mm, surface.hausdorff_mm, path.added_mm, path.false_negative_mm)
    cells = [*(_cell(value, 3) for value in values), *(_cell(value, 2) for value in lengths)]
    return f"| {name} | " + " | ".join(cells) + " |"


def _cell(value: float | None, digits: int) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def table() -> str:
    lines = ["| " + " | ".join(HEAD) + " |", "| " + " | ".join(["---"] * len(HEAD)) + " |"]
    for name, arrays in cases().items():
        reference, test = (Mask.from_array(array, GRID) for array in arrays)
        lines.append(row(name, compare(reference, test, tolerance_mm=1.0)))
    return "\n".join(lines)


def test_the_table_of_edge_cases_is_what_the_code_computes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    printed = text.split("<!-- edges -->")[1].split("<!-- /edges -->")[0].strip()
    assert printed == table(), "the table should read:\n" + table()


def test_contact_with_the_border_and_distance_from_it_give_the_same_figures() -> None:
    rows = {line.split("|")[1].strip(): line.split("|")[2:] for line in table().splitlines()}
    assert rows["the same, at the border"] == rows["moved by one slice"]
