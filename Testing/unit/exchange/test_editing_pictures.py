"""The charts of measured editing show the figures, on the right side and at the right place."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from AmlartContourLib.contract.effort import EFFORT_FORMAT, ExpectedEffort, Interval, StructureEffort
from AmlartContourLib.domain.geometry import Geometry
from AmlartContourLib.domain.lattice import Reorder
from AmlartContourLib.domain.mask import Mask
from AmlartContourLib.domain.structure_set import Contour, Source, StructureSet
from AmlartContourLib.exchange.report.box_plot import box_plot, spread
from AmlartContourLib.exchange.report.data import MeasuredEditing
from AmlartContourLib.exchange.report.editing_pictures import editing_pictures, expected_by_slice
from AmlartContourLib.exchange.report.slice_choice import APART_MM, most_to_redraw, worst_apart
from AmlartContourLib.exchange.report.slice_strip import Strip, slice_strips
from AmlartContourLib.exchange.report.surface_picture import band_edges_mm, surface_picture
from AmlartContourLib.exchange.report.surface_view import DARKEST, SurfaceView, surface_views
from AmlartContourLib.exchange.report.write import report_html
from AmlartContourLib.exchange.resources import catalogue
from AmlartContourLib.measures.comparison import compare
from AmlartContourLib.measures.pair import pair
from AmlartContourLib.measures.set_comparison import compare_sets
from support.report_case import editing, parts, report_case
from support.shapes import DIRECTIONS, block, centre, grid

FINE = Geometry((40, 40, 30), (1.0, 1.0, 1.0))
REORDER = Reorder((2, 0, 1), (True, False, True))


def box(k: tuple[int, int], j: tuple[int, int], i: tuple[int, int]) -> Mask:
    array = np.zeros(FINE.shape_kji, dtype=bool)
    array[slice(*k), slice(*j), slice(*i)] = True
    return Mask.from_array(array, FINE)


def views(reference: Mask, test: Mask) -> dict[str, SurfaceView]:
    return {view.side: view for view in surface_views(pair(reference, test))}


def only(reference: Mask, test: Mask) -> MeasuredEditing:
    sets = [StructureSet.of(m.geometry, [Contour("cervix", m, Source.DRAWN)]) for m in (reference, test)]
    return MeasuredEditing(*sets, compare_sets(*sets, catalogue()))


def colours(png: bytes) -> np.ndarray:
    return imread(io.BytesIO(png))[..., :3]


REFERENCE = box((5, 25), (10, 30), (10, 30))
MOVES = {  # the test's box, and what is seen in the middle from that side
    "anterior": (box((5, 25), (6, 30), (10, 30)), -4.0),
    "posterior": (box((5, 25), (10, 25), (10, 30)), 5.0),
    "left": (box((5, 25), (10, 30), (10, 33)), -3.0),
    "right": (box((5, 25), (10, 30), (16, 30)), 6.0),
}


@pytest.mark.parametrize("side", MOVES)
def test_each_side_shows_the_signed_distance_of_its_own_face(side: str) -> None:
    test, expected = MOVES[side]
    seen = views(REFERENCE, test)
    middle = tuple(n // 2 for n in seen[side].signed_mm.shape)
    for name, view in seen.items():
        assert view.signed_mm[middle] == (expected if name == side else 0.0)


@pytest.mark.parametrize("direction", [d for d in DIRECTIONS if d != "oblique"])
def test_the_sides_are_the_patients_whatever_the_order_of_the_array(direction: str) -> None:
    geometry = grid((30, 30, 30), (2.0, 2.0, 2.0), direction)
    x, y, z = centre(geometry)
    reference = block(geometry, (x - 12, y - 12, z - 12), (x + 12, y + 12, z + 12))
    test = block(geometry, (x - 12, y - 12, z - 12), (x + 8, y + 12, z + 12))
    seen = views(reference, test)
    rows, columns = seen["left"].signed_mm.shape
    assert seen["left"].signed_mm[rows // 2, columns // 2] == pytest.approx(4)
    assert (seen["anterior"].signed_mm[rows // 2] > 0).nonzero()[0].min() > columns // 2
    assert (seen["posterior"].signed_mm[rows // 2] > 0).nonzero()[0].max() < columns // 2
    assert seen["anterior"].letters == ("R", "L")
    assert seen["left"].letters == ("A", "P")


def test_a_reordered_pair_gives_the_same_views() -> None:
    reference, test = REFERENCE, MOVES["left"][0] | box((20, 28), (20, 36), (12, 20))
    there = views(reference.reordered(REORDER), test.reordered(REORDER))
    for side, view in views(reference, test).items():
        for name in ("signed_mm", "light", "test_seen"):
            np.testing.assert_array_equal(getattr(there[side], name), getattr(view, name))


def test_what_no_ray_meets_has_no_distance_and_the_other_contours_outline_is_there() -> None:
    seen = views(REFERENCE, box((5, 28), (10, 30), (10, 30)))["anterior"]
    assert np.isnan(seen.signed_mm[-1]).all()
    assert seen.test_seen[-1].any()
    assert not np.isnan(seen.signed_mm[0]).any()


def test_faces_towards_the_lamp_are_brighter() -> None:
    rising = np.zeros(FINE.shape_kji, dtype=bool)
    for k in range(5, 25):
        rising[k, k:35, 5:35] = True  # its front leans back: lit from above
    up = Mask.from_array(rising, FINE)
    down = Mask.from_array(rising[::-1], FINE)
    bright, dark = (views(m, m)["anterior"].light[10, 15] for m in (up, down))
    assert DARKEST <= dark < bright <= 1


def test_an_empty_contour_has_no_coloured_surface() -> None:
    assert views(REFERENCE, Mask.empty(FINE)) == {}
    assert views(Mask.empty(FINE), REFERENCE) == {}


def test_the_bands_begin_at_the_tolerance() -> None:
    assert band_edges_mm(3.0) == (-9, -6, -3, 3, 6, 9)
    assert band_edges_mm(0.0) == (-2, -1, 0, 1, 2)


@pytest.mark.parametrize(("side", "hue"), [("anterior", "blue"), ("posterior", "orange")])
def test_inward_is_blue_outward_is_orange_and_the_rest_is_grey(side: str, hue: str) -> None:
    test, _ = MOVES[side]
    shown = [view for view in surface_views(pair(REFERENCE, test)) if view.side == side]
    image = colours(surface_picture(shown, 0.0, 2.0))
    red, blue = image[..., 0], image[..., 2]
    tinted = {"blue": blue - red, "orange": red - blue}[hue] > 0.2
    middle = tinted[image.shape[0] // 3 : image.shape[0] // 2, image.shape[1] // 4 : image.shape[1] // 3]
    assert middle.mean() > 0.9
    kept = colours(surface_picture(shown, 0.0, 8.0))[image.shape[0] // 3, image.shape[1] // 4]
    assert kept.max() - kept.min() < 0.02


def test_quartiles_fences_and_outliers_are_those_of_the_textbook() -> None:
    values = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0, "far": 9.0, "low": -4.0, "at the fence": 8.0}
    found = spread(values)
    assert (found.lower_quartile, found.median, found.upper_quartile) == (1.75, 3.5, 5.75)
    assert (found.low_whisker, found.high_whisker) == (-4.0, 9.0)
    assert found.outliers == ()
    found = spread({**{str(n): float(n) for n in range(1, 8)}, "high": 11.6, "low": -20.0})
    assert (found.lower_quartile, found.upper_quartile) == (2.0, 6.0)
    assert (found.low_whisker, found.high_whisker) == (1.0, 11.6)
    assert found.outliers == (("low", -20.0),)


def test_a_value_on_the_fence_is_within_it() -> None:
    values = {str(n): float(n) for n in (0, 2, 4, 6)}
    found = spread({**values, "on": 12.0})
    assert (found.lower_quartile, found.upper_quartile) == (2.0, 6.0)
    assert found.outliers == ()
    assert spread({**values, "beyond": 12.1}).outliers == (("beyond", 12.1),)


def test_a_whisker_never_ends_inside_the_box() -> None:
    found = spread({"a": 35.7, "b": 40.0, "c": 40.8, "far": 56.0})
    assert found.outliers == (("far", 56.0),)
    assert found.high_whisker == found.upper_quartile == pytest.approx(44.6)
    assert found.low_whisker == 35.7


def test_equal_values_are_a_box_without_outliers() -> None:
    found = spread(dict.fromkeys("abcde", 2.0))
    assert (found.low_whisker, found.median, found.high_whisker, found.outliers) == (2.0, 2.0, 2.0, ())
    assert colours(box_plot({"cervix": found}, "mm")).std() > 0


def test_the_strip_marks_the_slices_shown_as_close_ups() -> None:
    compared = compare(REFERENCE, MOVES["left"][0] | box((5, 7), (2, 30), (10, 30)), tolerance_mm=1.0)
    marked = worst_apart(compared)
    assert marked[0].k in (5, 6)
    positions = sorted(figures.position_mm for figures in marked)
    assert np.diff(positions).min() >= APART_MM
    plain, shown = (
        colours(slice_strips([Strip("cervix", compared.slices, chosen)], 1.0)) for chosen in ((), marked)
    )
    red = [((image[..., 0] > 0.6) & (image[..., 2] < 0.2)).sum() for image in (plain, shown)]
    assert red[0] == 0
    assert red[1] > 100


def expecting(area_mm2: tuple[float, ...], tolerance_mm: float) -> ExpectedEffort:
    """Of the cervix, from slice 3 on."""
    interval = Interval(0.2, 0.1, 0.3)
    one = StructureEffort("cervix", tolerance_mm, interval, None, first_k=3, redraw_mm2=area_mm2)
    return ExpectedEffort(EFFORT_FORMAT, "phantoms", 40, 0.9, 1.0, 2.0, structures=(one,))


def test_the_strip_draws_what_was_expected_of_each_slice_at_the_tolerance_measured_at() -> None:
    measured = only(REFERENCE, MOVES["right"][0])
    tolerance = measured.comparisons[0].comparison.tolerance_mm
    charts = {
        mm: editing_pictures(replace(measured, expected=expecting((10.0, 900.0, 20.0), mm)), catalogue())
        for mm in (tolerance, tolerance + 1)
    }
    assert charts[tolerance].strips is not None
    assert "expected before the editing" in charts[tolerance].strips.caption
    assert charts[tolerance + 1].strips == editing_pictures(measured, catalogue()).strips
    assert charts[tolerance].strips.source != charts[tolerance + 1].strips.source


def test_the_expected_areas_lie_at_the_positions_of_their_slices() -> None:
    compared = only(REFERENCE, MOVES["right"][0]).comparisons[0]
    by_k = {figures.k: figures.position_mm for figures in compared.comparison.slices}
    areas = (10.0, 0.0, 20.0)
    placed = expected_by_slice(compared, expecting(areas, compared.comparison.tolerance_mm))
    assert [area for _, area in placed] == list(areas)
    assert [at for at, _ in placed][2] == pytest.approx(by_k[5])
    assert np.diff([at for at, _ in placed]) == pytest.approx(FINE.spacing_mm[2])


def test_structures_without_anything_to_redraw_are_not_shown() -> None:
    assert most_to_redraw(only(REFERENCE, REFERENCE).comparisons) == ()
    charts = editing_pictures(only(REFERENCE, REFERENCE), catalogue())
    assert (charts.strips, charts.spreads, charts.surfaces) == (None, None, ())


def test_a_missing_contour_has_a_strip_but_no_distances() -> None:
    charts = editing_pictures(only(REFERENCE, Mask.empty(FINE)), catalogue())
    assert charts.strips is not None
    assert charts.surfaces == ()


def test_a_structure_of_few_slices_has_no_box() -> None:
    thin = box((5, 7), (10, 30), (10, 30))
    assert editing_pictures(only(thin, box((5, 7), (10, 30), (10, 20))), catalogue()).spreads is None


def test_captions_name_the_worst_slices_and_the_outliers() -> None:
    reference = box((5, 25), (10, 30), (10, 30))
    charts = editing_pictures(only(reference, reference | box((7, 8), (2, 38), (2, 38))), catalogue())
    assert charts.strips is not None
    assert charts.spreads is not None
    assert "Cervix at 7.0" in charts.strips.alt
    assert "Outliers: Cervix at" in charts.spreads.caption
    assert " 7.0" in charts.spreads.caption.split("Outliers:")[1]


def test_the_report_shows_the_charts_with_and_without_a_scan_and_stays_the_same() -> None:
    data = replace(report_case(), scan=None, composition=None)
    text = report_html(data)
    for words in ("Where it is to redraw", "Surfaces coloured by signed distance", "from four sides"):
        assert words in text
    assert text.count("data:image/png") == 2 + len(
        editing_pictures(editing(parts(data.structures.geometry)), catalogue()).surfaces
    )
    assert text == report_html(data)
    assert "Surfaces coloured" not in report_html(replace(data, editing=None))
