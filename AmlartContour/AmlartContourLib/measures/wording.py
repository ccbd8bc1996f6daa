"""The figures in words, always with their definition, tolerance and grid."""

from __future__ import annotations

from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.measures.comparison import BOTH_EMPTY, SURFACE_DEFINITION, Headline
from AmlartContourLib.measures.mesh import MESH_DEFINITION, MeshFigures


def headline(figures: Headline) -> str:
    """One sentence: the fraction to redraw and its direction, or why there is none."""
    main = figures.redraws[0]
    basis = f"at {main.tolerance_mm:g} mm, {SURFACE_DEFINITION}, {grid_words(figures.grid)}"
    if main.fraction_to_redraw is None or main.inward_fraction is None or main.outward_fraction is None:
        return f"Measured editing: none, {figures.empty}."
    why = f", {figures.empty}" if figures.empty else ""
    return (
        f"Measured editing: {main.fraction_to_redraw:.1%} of the surface to redraw"
        f" ({main.inward_fraction:.1%} inward, {main.outward_fraction:.1%} outward){why}, {basis}."
    )


def grid_words(grid: Geometry) -> str:
    """The grid's voxel size, for printing beside a figure."""
    return "grid " + " x ".join(f"{spacing:g}" for spacing in grid.spacing_mm) + " mm"


def lattice_note(tolerance_mm: float, grid: Geometry) -> str | None:
    """What a tolerance shorter than a voxel means on this grid; None where it is longer than every side."""
    shortest, longest = min(grid.spacing_mm), max(grid.spacing_mm)
    if tolerance_mm < shortest:
        return (
            f"A tolerance of {tolerance_mm:g} mm is below the smallest step of the {grid_words(grid)}:"
            " only surface that coincides exactly counts as kept."
        )
    if tolerance_mm < longest:
        return (
            f"A tolerance of {tolerance_mm:g} mm is below the largest step of the {grid_words(grid)}:"
            f" a shift of one voxel along that axis ({longest:g} mm) counts as redraw."
        )
    return None


def mesh_headline(found: MeshFigures) -> str:
    """One sentence: surface Dice by meshes at the first tolerance, with its definition and grid."""
    first = found.dice[0]
    if first.surface_dice is None:
        return f"Surface within the tolerance: none, {BOTH_EMPTY}."
    return (
        f"Surface within the tolerance: {first.surface_dice:.1%} at {first.tolerance_mm:g} mm,"
        f" {MESH_DEFINITION}, {grid_words(found.grid)}."
    )
