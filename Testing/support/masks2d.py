"""Slices that are hard to write as polygons, drawn as text so that the answer can be seen."""

from __future__ import annotations

import numpy as np

_DRAWN = {
    "one pixel": ".....|..#..|.....",
    "one pixel that is the whole image": "#",
    "two pixels in a row": "....|.##.|....",
    "two pixels in a column": "...|.#.|.#.|...",
    "a line one pixel wide": ".......|.#####.|.......",
    "a slanting line that touches by corners": "#....|.#...|..#..|...#.|....#",
    "two pixels that touch by a corner": "....|.#..|..#.|....",
    "a ring that touches itself by a corner": ".###.|.#.#.|.##..|....#|...##",
    "a hole of one pixel": "#####|#####|##.##|#####|#####",
    "two holes in one row": "#######|##.#.##|#######",
    "two holes that touch by a corner": "######|##.###|###.##|######",
    "a hole that touches the outside by a corner": "#####|#...#|#..##|####.|##...",
    "a hole beside a bay": "#######|##.##.#|##.####|#####..|#######",
    "an island in a hole": "#######|#.....#|#.....#|#..#..#|#.....#|#.....#|#######",
    "a hole in an island in a hole": (
        "#########|#.......#|#.#####.#|#.#...#.#|#.#.#.#.#|#.#...#.#|#.#####.#|#.......#|#########"
    ),
    "two parts": "##....|##....|......|....##|...###",
    "a comb": "#.#.#.#|#.#.#.#|#######|#.#.#.#",
    "the whole image": "####|####|####",
    "along all edges of the image": "######|#....#|#....#|######",
    "nothing": "....|....",
}


def drawn(name: str) -> np.ndarray:
    """One slice [j, i] from its drawing."""
    return np.asarray([[c == "#" for c in line] for line in _DRAWN[name].split("|")])


HARD_SLICES = {name: drawn(name) for name in _DRAWN}


def stacked() -> np.ndarray:
    """[k, j, i]: all of them on one grid, one above the other, with a free border of one pixel."""
    rows = max(m.shape[0] for m in HARD_SLICES.values()) + 2
    columns = max(m.shape[1] for m in HARD_SLICES.values()) + 2
    stack = np.zeros((len(HARD_SLICES), rows, columns), dtype=bool)
    for k, mask in enumerate(HARD_SLICES.values()):
        stack[k, 1 : 1 + mask.shape[0], 1 : 1 + mask.shape[1]] = mask
    return stack
