"""The table of measured editing: every figure with its tolerance, and what has no value with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.report.data import MeasuredEditing
from AmlartContourLib.exchange.report.rows import cc
from AmlartContourLib.measures.comparison import SURFACE_DEFINITION, Comparison
from AmlartContourLib.measures.set_comparison import StructureComparison
from AmlartContourLib.measures.wording import grid_words, lattice_note

HEADINGS = (
    "Tolerance mm",
    "To redraw",
    "inward",
    "outward",
    "Area cm2",
    "Surface Dice",
    "Added path mm",
    "Missed path mm",
    "Dice",
    "HD95 mm",
    "Volumes cm3",
)


@dataclass(frozen=True)
class EditingRow:
    """One structure: its name, and a cell for each of HEADINGS."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class OrganRow:
    """A target that reaches into an organ, in either set."""

    target: str
    organ: str
    reference: str
    test: str
    over_contoured: str


@dataclass(frozen=True)
class EditingTables:
    """All that is said of measured editing."""

    basis: str
    headings: tuple[str, ...]
    rows: tuple[EditingRow, ...]
    organs: tuple[OrganRow, ...]
    notes: tuple[str, ...]


def editing_tables(editing: MeasuredEditing, catalogue: Catalogue) -> EditingTables:
    """Structures with most to redraw first; those without a figure last."""
    ranked = sorted(editing.comparisons, key=lambda c: -(c.comparison.fraction_to_redraw or -1.0))
    basis = f"Surface figures by {SURFACE_DEFINITION}, {grid_words(editing.reference.geometry)}."
    return EditingTables(
        basis,
        HEADINGS,
        tuple(EditingRow(catalogue[c.structure_id].display_name, _cells(c)) for c in ranked),
        tuple(row for c in ranked for row in _organs(c, catalogue)),
        tuple(_notes(editing)),
    )


def _cells(compared: StructureComparison) -> tuple[str, ...]:
    figures = compared.comparison
    main = figures.redraws[0]
    default = " (default)" if compared.tolerance_is_default else ""
    return (
        f"{main.tolerance_mm:g}{default}",
        _number(figures, main.fraction_to_redraw, ".1%"),
        _number(figures, main.inward_fraction, ".1%"),
        _number(figures, main.outward_fraction, ".1%"),
        f"{main.redraw_cm2:.1f}",
        _number(figures, main.surface_dice, ".3f"),
        _number(figures, figures.path.added_mm, ".0f"),
        _number(figures, figures.path.false_negative_mm, ".0f"),
        _number(figures, figures.overlap.dice, ".3f"),
        _number(figures, figures.surface.hd95_mm, ".1f"),
        f"{cc(figures.overlap.reference_cc)} / {cc(figures.overlap.test_cc)}",
    )


def _number(figures: Comparison, value: float | None, digits: str) -> str:
    """The value, or "undefined" with the reason."""
    return f"undefined ({figures.empty})" if value is None else format(value, digits)


def _organs(compared: StructureComparison, catalogue: Catalogue) -> Iterator[OrganRow]:
    for found in compared.encroachments:
        yield OrganRow(
            catalogue[compared.structure_id].display_name,
            catalogue[found.organ_id].display_name,
            cc(found.reference.volume_cc),
            cc(found.test.volume_cc),
            cc(found.over_contoured_cc),
        )


def _notes(editing: MeasuredEditing) -> Iterator[str]:
    """What the tolerances mean on this grid, each once."""
    grid = editing.reference.geometry
    tolerances = sorted({c.comparison.tolerance_mm for c in editing.comparisons})
    yield from (note for tolerance in tolerances if (note := lattice_note(tolerance, grid)))
    applied = {c.comparison.path.applied_tolerance_mm for c in editing.comparisons}
    if applied:
        lengths = ", ".join(f"{value:g}" for value in sorted(applied))
        yield f"Path lengths are sums over axial slices, with a tolerance of {lengths} mm."
    if any(c.tolerance_is_default for c in editing.comparisons):
        yield "Tolerances marked default are engineering defaults, not values from a study."
