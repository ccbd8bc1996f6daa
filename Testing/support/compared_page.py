"""Writes the figures of docs/measures-compared.md into the page, and draws its picture.

python Testing/support/compared_page.py
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from AmlartContourLib.domain.mask import Mask
from support.compared_contours import GRID, Case, cases, organ, rows, target

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, PICTURE = DOCS / "measures-compared.md", DOCS / "images" / "measures-compared.png"
START, STOP = "<!-- figures -->", "<!-- /figures -->"
MARK = "Description"  # of the PNG: holds the fingerprint of the contours it shows
KEPT, MORE, LESS, ORGAN = "#d5dbe2", "#5ba3d9", "#e2620e", "#f3e3c3"
ACROSS_MM, BACK_MM, UP_MM = (12, 68), (12, 80), (6, 88)  # shown, from the corner of the grid


def fingerprint(shown: Sequence[Case]) -> str:
    """Of the contours, so that a picture of others is found out."""
    digest = hashlib.sha256()
    for mask in (target(), organ(), *(case.test for case in shown)):
        digest.update(np.packbits(mask.to_array()).tobytes())
    return digest.hexdigest()


def picture(shown: Sequence[Case]) -> Figure:
    """Axial and sagittal cuts of all contours, anterior on top and on the left."""
    figure = Figure(figsize=(11, 6.6), dpi=110, facecolor="white", layout="constrained")
    grid = figure.subplots(2, len(shown), height_ratios=(68 / 56, 82 / 68), sharex="row", sharey="row")
    for column, case in enumerate(shown):
        upper, lower = grid[:, column]
        _cut(upper, case.test, 0, GRID.spacing_kji_mm[1:], upright=False)
        _cut(lower, case.test, 2, GRID.spacing_kji_mm[:2], upright=True)
        upper.set_title(f"{case.name}\n{_words(case)}", fontsize=8.5)
    grid[0, 0].set_ylabel("axial, middle slice", fontsize=8.5)
    grid[1, 0].set_ylabel("sagittal, middle; superior on top", fontsize=8.5)
    handles = [Patch(color=c, label=label) for c, label in (
        (KEPT, "in both"), (MORE, "too much: inward"), (LESS, "missed: outward"), (ORGAN, "organ"),
    )]  # fmt: skip
    handles.append(Line2D([], [], color="black", linewidth=1.2, label="target"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8.5, frameon=False)
    return figure


def _words(case: Case) -> str:
    main, surface = case.figures.redraws[0], case.figures.surface
    return (
        f"Dice {case.figures.overlap.dice:.3f}, HD {surface.hausdorff_mm:.1f} mm\n"
        f"to redraw {main.fraction_to_redraw:.1%} at {main.tolerance_mm:g} mm"
    )


def _cut(axes: Axes, test: Mask, axis: int, spacing: tuple[float, float], *, upright: bool) -> None:
    middle = GRID.shape_kji[axis] // 2
    wanted, drawn, behind = (np.take(m.to_array(), middle, axis=axis) for m in (target(), test, organ()))
    image = np.ones((*wanted.shape, 3))
    for where, colour in (
        (behind, ORGAN), (wanted & drawn, KEPT), (drawn & ~wanted, MORE), (wanted & ~drawn, LESS),
    ):  # fmt: skip
        image[where] = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    height, width = (n * mm for n, mm in zip(wanted.shape, spacing, strict=True))
    extent = (0, width, 0, height) if upright else (0, width, height, 0)
    axes.imshow(image, extent=extent, origin="lower" if upright else "upper", interpolation="nearest")
    y, x = ((np.arange(n) + 0.5) * mm for n, mm in zip(wanted.shape, spacing, strict=True))
    axes.contour(x, y, wanted.astype(float), levels=[0.5], colors="black", linewidths=1.2)
    axes.set_xlim(BACK_MM if upright else ACROSS_MM)
    axes.set_ylim(UP_MM if upright else BACK_MM[::-1])
    axes.set_xticks([])
    axes.set_yticks([])


def page(text: str) -> str:
    """The page with the table as computed now."""
    before, rest = text.split(START)
    return before + START + "\n" + "\n".join(rows()) + "\n" + STOP + rest.split(STOP)[1]


def main() -> None:
    """Writes both."""
    shown = cases()
    picture(shown).savefig(PICTURE, metadata={MARK: fingerprint(shown), "Software": None})
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
