"""The charts of measured editing: slice strips, the spread over slices, and surfaces coloured by distance.

They need no scan. The structures with the largest area to redraw come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from AmlartContourLib.contract.effort import ExpectedEffort
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import canonical
from AmlartContourLib.domain.structures import Catalogue
from AmlartContourLib.exchange.report.box_plot import Spread, box_plot, spread
from AmlartContourLib.exchange.report.charts import data_uri, signed
from AmlartContourLib.exchange.report.data import MeasuredEditing
from AmlartContourLib.exchange.report.slice_choice import most_to_redraw, worst_apart
from AmlartContourLib.exchange.report.slice_strip import Strip, slice_strips
from AmlartContourLib.exchange.report.surface_picture import surface_picture
from AmlartContourLib.exchange.report.surface_view import surface_views
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.set_comparison import StructureComparison
from AmlartContourLib.measures.slices import SliceFigures

LEAST_SLICES = 4  # a box has four parts
Ranked = Sequence[tuple[str, StructureComparison]]
Expected = tuple[tuple[float, float], ...]  # of slices one above the other: position in mm, area in mm2


@dataclass(frozen=True)
class Chart:
    """One chart: caption, words for those who cannot see it, and the PNG as a data URI."""

    caption: str
    alt: str
    source: str


@dataclass(frozen=True)
class EditingPictures:
    """All charts of measured editing; what has nothing to show is not there."""

    strips: Chart | None
    spreads: Chart | None
    surfaces: tuple[tuple[str, Chart], ...]


def editing_pictures(editing: MeasuredEditing, catalogue: Catalogue) -> EditingPictures:
    """The charts of the structures with the largest area to redraw."""
    ranked = [(catalogue[c.structure_id].display_name, c) for c in most_to_redraw(editing.comparisons)]
    return EditingPictures(_strips(ranked, editing), _spreads(ranked), tuple(_surfaces(ranked, editing)))


def _strips(ranked: Ranked, editing: MeasuredEditing) -> Chart | None:
    strips = [
        Strip(name, c.comparison.slices, worst_apart(c.comparison), expected_by_slice(c, editing.expected))
        for name, c in ranked
    ]
    if not strips:
        return None
    worst = "; ".join(
        f"{strip.name} at {', '.join(signed(figures.position_mm, '.1f') for figures in strip.marked)} mm"
        for strip in strips
    )
    content = slice_strips(strips, _slice_mm(ranked[0][1].comparison.grid))
    caption = (
        "Surface beyond the tolerance in each axial slice. The grey line is the structure's extent in either "
        "set; the slices with most to redraw are marked with their position."
    )
    if any(strip.expected for strip in strips):
        caption += " The dark outline is what was expected before the editing."
    return Chart(caption, f"Slices with most to redraw: {worst}.", data_uri(content))


def expected_by_slice(compared: StructureComparison, all_expected: ExpectedEffort | None) -> Expected:
    """The expected area of each slice, where it is known at the tolerance that was measured at."""
    expected = all_expected.of(compared.structure_id) if all_expected else None
    found = compared.comparison
    if expected is None or expected.tolerance_mm != found.tolerance_mm:
        return ()
    lowest, slice_mm = found.slices[0], _slice_mm(found.grid)
    bottom_mm = lowest.position_mm + (expected.first_k - lowest.k) * slice_mm
    return tuple((bottom_mm + n * slice_mm, area) for n, area in enumerate(expected.redraw_mm2))


def _slice_mm(grid: Geometry) -> float:
    return canonical(grid).geometry(grid).spacing_mm[2]


def _spreads(ranked: Ranked) -> Chart | None:
    """Over the slices of each structure; a structure of fewer slices than a box has parts has no box."""
    groups = {
        name: spread({_named(figures): 100 * figures.fraction_to_redraw for figures in c.comparison.slices})
        for name, c in ranked
        if len(c.comparison.slices) >= LEAST_SLICES
    }
    if not groups:
        return None
    caption = (
        "Part of each axial slice's surface that is to redraw, over all slices of a structure. Box: "
        "quartiles and median; whiskers: the farthest slices within 1.5 interquartile ranges of the box; "
        "circles: slices beyond. "
        f"{_outliers(groups)}"
    )
    medians = ", ".join(f"{name} {found.median:.0f} %" for name, found in groups.items())
    content = box_plot(groups, "surface of the axial slice to redraw (%)")
    return Chart(caption, f"Medians over slices: {medians}.", data_uri(content))


def _named(figures: SliceFigures) -> str:
    return f"{signed(figures.position_mm, '.1f')} mm"


def _outliers(groups: Mapping[str, Spread]) -> str:
    named = [
        f"{name} at {', '.join(case.removesuffix(' mm') for case, _ in found.outliers)} mm"
        for name, found in groups.items()
        if found.outliers
    ]
    return f"Outliers: {'; '.join(named)}." if named else "No outliers."


def _surfaces(ranked: Ranked, editing: MeasuredEditing) -> Iterator[tuple[str, Chart]]:
    for name, compared in ranked:
        structure_id, figures = compared.structure_id, compared.comparison
        both = pair(editing.reference.mask(structure_id), editing.test.mask(structure_id))
        views = tuple(surface_views(both))
        if not views:
            continue
        content = surface_picture(views, both.place.position_mm(both.place.first_k), figures.tolerance_mm)
        main = figures.redraws[0]
        caption = (
            f"Grey: within {figures.tolerance_mm:g} mm. Largest distance "
            f"{figures.surface.hausdorff_mm:.1f} mm, HD95 {figures.surface.hd95_mm:.1f} mm."
        )
        alt = (
            f"Surface of {name} coloured by signed distance: {main.inward_fraction:.0%} of both surfaces to "
            f"redraw inward, {main.outward_fraction:.0%} outward."
        )
        yield name, Chart(caption, alt, data_uri(content))
